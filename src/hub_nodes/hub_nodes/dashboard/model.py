"""The view model: the latest of everything, short histories, totals. No ROS, no web, no clock; safe between threads."""
import math
import threading
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from hearthgrid_core.devices.own import supersedes
from hub_nodes.dashboard import values
from hub_nodes.dashboard.noticed import Noticed
from hub_nodes.dashboard.series import at, middle
from hub_nodes.dashboard.stores import Stores
from hub_nodes.dashboard.tariffs import Tariffs
from hub_nodes.dashboard.values import BATTERY, GRID, NAN, SOLAR, Reading
from hub_nodes.dashboard.views import HomeState, Limits, OutletView, Place, Step, Totals
from hub_nodes.dashboard.words import source, title


@dataclass
class _Outlet:
    heard: float = NAN
    reading: Reading | None = None
    state: values.State | None = None
    identity: values.Identity | None = None
    request: values.Request | None = None
    waveform: values.Waveform | None = None
    history: deque = field(default_factory=deque)


class HomeModel:
    """Keeps what arrives and answers what the pages show. Every public method may be called from any thread."""

    def __init__(self, places: Iterable[Place] = (), limits: Limits = Limits(),  # noqa: B008
                 batteries: Mapping[str, float] | None = None) -> None:
        """`batteries` : the home's, by name, and what each holds [kWh]; None: one."""
        self._limits = limits
        self._stores = Stores({BATTERY: 1.0} if batteries is None else batteries)
        self.sources = GRID, SOLAR, *self._stores  # ids of readings that are no outlet's
        self._lock = threading.RLock()
        self._version = 0
        self._places = {place.outlet: place for place in places}
        self._outlets: dict[str, _Outlet] = {name: self._new() for name in self._places}
        self._meters: dict[str, tuple[float, Reading]] = {}
        self._islands: dict[str, values.Island] = {}
        self._noticed = Noticed(limits.anomalies)
        self._forecasts: dict[tuple[str, str], values.Forecast] = {}
        self._jobs: dict[tuple[str, str], values.Job] = {}
        self._latest: dict[type, object] = {}
        self.tariffs = Tariffs()
        self._samples: deque[tuple[float, ...]] = deque(maxlen=limits.samples)
        self._mains: deque[tuple[float, float, float]] = deque(maxlen=limits.samples)
        self._steps: deque[Step] = deque(maxlen=limits.steps)
        self._put = {Reading: self._put_reading, values.State: self._put_state, values.Identity: self._put_identity,
                     values.Waveform: self._put_waveform, values.Request: self._put_request,
                     values.Island: self._put_island, values.Anomaly: self._noticed.put,
                     values.Forecast: self._put_forecast, values.Job: self._put_job,
                     values.Battery: self._put_battery}

    def _new(self) -> _Outlet:
        return _Outlet(history=deque(maxlen=self._limits.outlet_samples))

    @property
    def version(self) -> int:
        """Rises with everything that is taken in."""
        return self._version

    def put(self, value, now: float) -> None:
        """Take in one value that arrived at `now` [s]. ValueError, with the reason, when it is refused."""
        with self._lock:
            put = self._put.get(type(value))
            if put is not None:
                put(value, now)
            else:
                self._latest[type(value)] = value
            if isinstance(value, values.Prices):
                self.tariffs.take(value)
            self._version += 1

    def _outlet(self, name: str) -> _Outlet:
        if name not in self._outlets:
            if len(self._outlets) >= self._limits.outlets:
                raise ValueError(f'{name}: more than {self._limits.outlets} outlets')
            self._outlets[name] = self._new()
        return self._outlets[name]

    def _put_reading(self, value: Reading, now: float) -> None:
        off = value.stamp - now
        if abs(off) > self._limits.clock_tolerance:
            raise ValueError(f'{value.outlet}: the reading is stamped {abs(off):.0f} s '
                             f'{"ahead of" if off > 0 else "behind"} this clock')
        if value.outlet in self.sources:
            self._meters[value.outlet] = (now, value)
            return
        outlet = self._outlet(value.outlet)
        last = outlet.reading
        if last is not None and value.stamp < last.stamp and value.sequence >= last.sequence:
            raise ValueError(f'{value.outlet}: a reading came after a later one')
        if last is not None and value.stamp < last.stamp:
            outlet.history.clear()
        outlet.heard, outlet.reading = now, value
        outlet.history.append((value.stamp, value.active_power))

    def _put_battery(self, value: values.Battery, now: float) -> None:
        self._stores.put(value)

    def _put_state(self, value: values.State, now: float) -> None:
        self._outlet(value.outlet).state = value

    def _put_identity(self, value: values.Identity, now: float) -> None:
        outlet = self._outlet(value.outlet)
        held = outlet.identity
        if held is None or supersedes(value.stamp, value.recipe, held.stamp, held.recipe):
            outlet.identity = value

    def _put_waveform(self, value: values.Waveform, now: float) -> None:
        self._outlet(value.outlet).waveform = value

    def _put_request(self, value: values.Request, now: float) -> None:
        self._outlet(value.outlet).request = value

    def _put_island(self, value: values.Island, now: float) -> None:
        if value.member not in self._islands and len(self._islands) >= self._limits.outlets:
            raise ValueError(f'{value.member}: more than {self._limits.outlets} members')
        self._islands[value.member] = value
        speaks = self._spokesman()
        if speaks is not None and (not self._steps or self._steps[-1].mode != speaks.mode):
            self._steps.append(Step(speaks.stamp, speaks.mode, speaks.leader, speaks.evidence))

    def _put_forecast(self, value: values.Forecast, now: float) -> None:
        key = (value.target, value.quantity)
        self._forecasts.pop(key, None)
        self._forecasts[key] = value
        if len(self._forecasts) > self._limits.forecasts:
            self._forecasts.pop(next(iter(self._forecasts)))

    def _put_job(self, value: values.Job, now: float) -> None:
        self._jobs.pop((value.outlet, value.id), None)
        self._jobs[value.outlet, value.id] = value
        if len(self._jobs) > self._limits.jobs:
            self._jobs.pop(next(iter(self._jobs)))

    def jobs(self) -> list[values.Job]:
        """Return what is known of the outlets' jobs, those with the next deadline first."""
        with self._lock:
            return sorted(self._jobs.values(), key=lambda job: (job.deadline, job.outlet, job.id))

    def forecasts(self) -> list[values.Forecast]:
        """Return the newest forecast of each quantity and target."""
        with self._lock:
            return list(self._forecasts.values())

    def sample(self, now: float) -> None:
        """Append the home's power at `now` to the short history; call at an even pace."""
        with self._lock:
            if not self._meters and not any(outlet.reading for outlet in self._outlets.values()):
                return
            if self._samples and now < self._samples[-1][0]:
                self._samples.clear()  # the clock was set back
                self._mains.clear()
            totals = self.totals(now)
            row = (totals.load, totals.grid, totals.solar, totals.battery)
            self._samples.append((now, *(NAN if value is None else value for value in row)))
            self._mains.append((now, totals.voltage, totals.frequency))

    def samples(self, since: float = -math.inf) -> list[tuple[float, float, float, float, float]]:
        """Return rows after `since`: time [s], load, grid, solar, battery [W]."""
        with self._lock:
            new = []
            for row in reversed(self._samples):
                if row[0] <= since:
                    break
                new.append(row)
            return new[::-1]

    def mains(self, since: float = -math.inf) -> list[tuple[float, float, float]]:
        """Return rows after `since`: time [s], voltage [V], frequency [Hz]."""
        with self._lock:
            return [row for row in self._mains if row[0] > since]

    def members(self) -> list[values.Island]:
        """Return the last word of every member, by name."""
        with self._lock:
            return sorted(self._islands.values(), key=lambda island: island.member)

    def spokesman(self) -> values.Island | None:
        """Return the word of the member that speaks for the home: the leader's, else the newest most agree on."""
        with self._lock:
            return self._spokesman()

    def steps(self) -> list[Step]:
        """Return where the home has stood since this page's node began, the newest first."""
        with self._lock:
            return list(reversed(self._steps))

    def remember(self, steps: Iterable[Step]) -> None:
        """Begin with steps of an earlier time, the oldest first."""
        with self._lock:
            self._steps.extend(steps)

    def latest(self, kind: type):
        """Return the newest value of a kind a home has one of (Prices, Weather, Plan, Tie), or None."""
        with self._lock:
            return self._latest.get(kind)

    def waveform(self, outlet: str) -> values.Waveform | None:
        """Return the newest raw window of an outlet."""
        with self._lock:
            found = self._outlets.get(outlet)
            return found.waveform if found else None

    def power_history(self, outlet: str) -> list[tuple[float, float]]:
        """Return time [s] and power [W] of an outlet's last readings."""
        with self._lock:
            found = self._outlets.get(outlet)
            return list(found.history) if found else []

    def forecast(self, target: str, quantity: str) -> values.Forecast | None:
        """Return the newest forecast of a quantity of an outlet, or of 'home'."""
        with self._lock:
            return self._forecasts.get((target, quantity))

    def anomalies(self) -> tuple[list[values.Anomaly], list[values.Anomaly]]:
        """Return what is raised now, the most severe first, and what was cleared, the newest first."""
        with self._lock:
            return self._noticed.listed()

    def see(self, id: str, by: str) -> None:
        """Note who has seen an anomaly that is raised."""
        with self._lock:
            self._version += self._noticed.see(id, by)

    def seen(self, id: str) -> str:
        """Return who has seen an anomaly, as far as this page's node knows; empty = nobody."""
        return self._noticed.seen(id)

    def types(self) -> list[str]:
        """Return the device types identification has spoken of, in order."""
        with self._lock:
            seen = set()
            for outlet in self._outlets.values():
                if outlet.identity is not None:
                    seen.update((outlet.identity.type, *outlet.identity.candidates))
            return sorted(seen - {''})

    def _fresh(self, heard: float, now: float) -> bool:
        return not math.isnan(heard) and now - heard <= self._limits.quiet_after

    def outlet(self, name: str, now: float) -> OutletView | None:
        """Return one outlet, or None when it is neither in the home file nor was ever heard of."""
        with self._lock:
            found = self._outlets.get(name)
            if found is None:
                return None
            place = self._places.get(name, Place(name))
            request = found.request
            if request is not None and request.expiry <= now:
                request = None
            plan = self._latest.get(values.Plan)
            planned = next((d.reason for d in plan.devices if d.outlet == name), '') if plan else ''
            said = found.state.title if found.state is not None else ''
            return OutletView(name, place.title or said or title(name), place.room,
                              found.heard, self._fresh(found.heard, now), found.reading, found.state, found.identity,
                              request, planned)

    def outlets(self, now: float) -> list[OutletView]:
        """Return all outlets: those of the home file in its order, then others by name."""
        with self._lock:
            others = sorted(name for name in self._outlets if name not in self._places)
            return [self.outlet(name, now) for name in (*self._places, *others)]

    def totals(self, now: float) -> Totals:
        """Return the home's power at `now`. Without a meter at the grid, the load is what the outlets draw."""
        with self._lock:
            fresh = [o.reading for o in self._outlets.values() if o.reading is not None and self._fresh(o.heard, now)]
            drawn = [reading.active_power for reading in fresh if not math.isnan(reading.active_power)]
            outlets = math.fsum(drawn) if drawn else NAN
            grid, solar = self._meter(GRID, now), self._meter(SOLAR, now)
            drawing = [watts for name in self._stores if (watts := self._meter(name, now)) is not None]
            battery = math.fsum(drawing) if drawing else None
            solar = None if solar is None else 0.0 - solar  # not −0
            load = outlets if grid is None else grid + (solar or 0.0) - (battery or 0.0)
            prices = self._latest.get(values.Prices)
            buy = at(prices, prices.import_price, now) if prices else NAN
            sell = at(prices, prices.export_price, now) if prices else NAN
            cost = NAN if grid is None else grid * 1e-3 * (buy if grid >= 0 else sell)
            meter = self._meters.get(GRID)
            seen = [meter[1]] if meter and self._fresh(meter[0], now) else []
            return Totals(load, outlets, grid, solar, battery, self._stores.charge(), cost, buy, sell,
                          prices.currency if prices else '', middle(r.voltage for r in fresh or seen),
                          middle(r.frequency for r in fresh or seen),
                          self._stores.now(lambda name: self._meter(name, now)))

    def title(self, name: str, now: float) -> str:
        """Return what people call an outlet, a battery, or another source."""
        if name in self.sources:
            return source(name)
        view = self.outlet(name, now)
        return view.title if view else title(name)

    def charges(self) -> dict[str, float]:
        """Return the charge of each battery that knows it, 0 … 1."""
        with self._lock:
            return self._stores.charges()

    def _meter(self, name: str, now: float) -> float | None:
        if name not in self._meters:
            return None
        heard, reading = self._meters[name]
        if not self._fresh(heard, now):
            return NAN
        dead = reading.supply == 'none' and math.isnan(reading.active_power)
        return 0.0 if dead else reading.active_power

    def home_state(self, now: float) -> HomeState:
        """Return where the home stands, by its members' words, else by its readings."""
        with self._lock:
            heard = [o.heard for o in self._outlets.values() if o.reading is not None]
            heard += [at for at, _ in self._meters.values()]
            tie = self._latest.get(values.Tie)
            if not heard:
                return HomeState('waiting', tie=tie)
            if not self._fresh(max(heard), now):
                return HomeState('quiet', since=max(heard), tie=tie)
            member = self._spokesman()
            if member is not None:
                kind = {'grid': 'grid', 'outage': 'outage'}.get(member.mode, 'island')
                return HomeState(kind, member.stamp, member.leader, member.mode, tie, member.evidence)
            supplies = Counter(o.reading.supply for o in self._outlets.values()
                               if o.reading is not None and self._fresh(o.heard, now))
            most = supplies.most_common(1)[0][0] if supplies else 'unknown'
            return HomeState({'grid': 'grid', 'island': 'island', 'none': 'outage'}.get(most, 'unknown'), tie=tie)

    def _spokesman(self) -> values.Island | None:
        """Return the word of the leader most members name, else the newest word most members agree on."""
        known = [island for island in self._islands.values() if island.mode != 'unknown']
        if not known:
            return None
        epoch = max(island.epoch for island in known)
        known = [island for island in known if island.epoch == epoch]
        leader = Counter(island.leader for island in known if island.leader).most_common(1)
        if leader and leader[0][0] in self._islands and self._islands[leader[0][0]] in known:
            return self._islands[leader[0][0]]
        mode = Counter(island.mode for island in known).most_common(1)[0][0]
        return max((island for island in known if island.mode == mode), key=lambda island: island.stamp)
