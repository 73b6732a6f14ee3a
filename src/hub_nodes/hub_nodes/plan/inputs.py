"""What the plan node has heard: callbacks check and store, the node reads one snapshot."""
import math
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timezone

import numpy as np
from sensor_msgs.msg import BatteryState

from hearthgrid_core.forecast import Series
from hearthgrid_core.plan import BatteryFacts, HomeFacts, JobState, Limit, Load, Situation, Tariff, together
from hearthgrid_msgs import msg
from hearthgrid_ros import home
from hearthgrid_ros.health import OK, WARN
from hearthgrid_ros.interfaces import (
    BATTERY,
    FORECASTS,
    GRID_LIMIT,
    JOBS,
    PRICES,
    READINGS,
    STATES,
    TIE,
)
from hearthgrid_ros.time import to_seconds
from hub_nodes.forecast import price_series, series_of
from hub_nodes.plan.settings import PlanNodeSettings

CHARGE_FRESH = 120.0    # how long the battery's word of its charge is believed [s]
JOBS_MAX = 32
SAMPLES_MIN = 30        # readings in a step that make a mean import
OUTLETS_MAX = 1000
PENDING = (msg.Job.STATUS_WAITING, msg.Job.STATUS_RUNNING)
FIRST = 'battery'       # the battery of a home that has one


class Inputs:
    """The latest of everything a plan rests on. `news` is called when something came that should be planned soon."""

    def __init__(self, node, described: home.Home | None, settings: PlanNodeSettings, news: Callable[[], None]):
        self._node, self._home, self._news = node, described, news
        self._settings = settings
        self._ranks: dict[str, tuple[int, int]] = {}  # priority class, and rank within it
        outlets = described.outlets if described else ()
        self._throttleable = {outlet.id for outlet in outlets if outlet.throttleable}
        self._always_on = {outlet.id for outlet in outlets if outlet.always_on}
        self._currency = described.tariff.currency if described else 'EUR'
        self._forecasts: dict[int, dict[str, Series]] = {}
        self._within: dict[tuple[int, str], tuple[Series, Series]] = {}  # 10 % and 90 % quantiles, where told
        self._buy = self._sell = None
        self._limit: Limit | None = None
        self._jobs: dict[str, JobState] = {}
        self._tripped: set[str] = set()
        self._readings: dict[str, tuple[float, float]] = {}
        self._charges: dict[str, tuple[float, float]] = {}  # when each battery told its charge, 0 … 1
        self._sources = {'grid', 'pv', FIRST, *(described.stores if described else ())}
        self._peak, self._step, self._month, self._imports = 0.0, -1, 0, []  # highest import of a step, this month
        self.cut_off = ''  # why the home is not on the grid; '' = it is
        self.subscriptions = [row.subscription(node, callback) for row, callback in (
            (FORECASTS, self._on_forecast), (PRICES, self._on_prices), (JOBS, self._on_job), (STATES, self._on_state),
            (BATTERY, self._on_battery), (GRID_LIMIT, self._on_limit), (READINGS, self._on_reading),
            (TIE, self._on_tie))]

    # What the node asks.

    @property
    def jobs(self) -> dict[str, JobState]:
        """The jobs that can run now, by outlet: not those on a tripped one."""
        now, fresh = self._node.now(), self._settings.fresh
        return {outlet: replace(job, measured=self.power(outlet, now, fresh), throttleable=outlet in self._throttleable,
                                from_battery=self._settings.battery_to_car)
                for outlet, job in self._jobs.items() if outlet not in self._tripped}

    def loads(self, now: float, fresh: float) -> list[Load]:
        """Return the loads that may be shed: whose state was heard, and that may be switched at all."""
        return [Load(outlet, *rank, self.power(outlet, now, fresh)) for outlet, rank in self._ranks.items()
                if outlet not in self._always_on]

    def stores(self, now: float) -> dict[str, tuple[BatteryFacts, float]]:
        """Return the batteries that told their charge lately, and it, 0 … 1; where none did all, with NaN."""
        known = {name: told[1] for name, told in self._charges.items() if now - told[0] < CHARGE_FRESH}
        return {name: (facts, known.get(name, math.nan)) for name, facts in self._batteries().items()
                if name in known or not known}

    def charge(self, now: float) -> float:
        """Return the charge of `stores` together, 0 … 1; NaN when none told it lately."""
        return together(list(self.stores(now).values()))[1]

    def battery_power(self, now: float, fresh: float) -> float:
        """Return what `stores` draw together [W]; NaN when one of them was not measured lately."""
        return sum(self.power(name, now, fresh) for name in self.stores(now)) if self._batteries() else math.nan

    def silent(self, now: float) -> tuple[str, ...]:
        """Return the batteries the plan does without, because others tell their charge and they do not."""
        return tuple(self._batteries().keys() - self.stores(now).keys())

    def power(self, meter: str, now: float, fresh: float) -> float:
        """Return what a meter measured, NaN when that is older than `fresh` [s]. [W]"""
        stamp, power = self._readings.get(meter, (-math.inf, math.nan))
        return power if abs(now - stamp) <= fresh else math.nan

    def limit(self, now: float) -> Limit | None:
        """Return what the utility asks now or later."""
        return self._limit if self._limit and self._limit.end > now else None

    def situation(self, now: float) -> Situation:
        """Return all that a plan rests on, as it is now."""
        def target(quantity: int, *targets: str) -> str:
            return next((target for target in targets if target in self._forecasts.get(quantity, {})), '')

        def forecast(quantity: int, *targets: str) -> Series | None:
            return self._forecasts.get(quantity, {}).get(target(quantity, *targets))

        def within(quantity: int, *targets: str) -> tuple[Series, Series] | None:
            return self._within.get((quantity, target(quantity, *targets)))

        return Situation(now, forecast(msg.Forecast.QUANTITY_LOAD, 'base', 'home'),
                         forecast(msg.Forecast.QUANTITY_PV, 'home'), self._buy, self._sell,
                         forecast(msg.Forecast.QUANTITY_IMPORT_PRICE, 'home'), self.charge(now),
                         tuple(self.jobs.values()), self.limit(now),
                         within(msg.Forecast.QUANTITY_LOAD, 'base', 'home'),
                         within(msg.Forecast.QUANTITY_PV, 'home'))

    def facts(self) -> HomeFacts:
        """Return what is known of the house: of its file, or, without one, of what was heard and usual numbers."""
        s = self._settings
        supply = self._home.supply if self._home else home.Supply()
        battery, _ = together(list(self.stores(self._node.now()).values()))
        return HomeFacts(supply.import_max, supply.export_max, self._currency, battery, s.pv_curtailable,
                          Tariff(s.peak_price, max(s.peak_before, self._peak), s.capacity, s.capacity_price))

    def _batteries(self) -> dict[str, BatteryFacts]:
        described = self._home.stores if self._home else ({FIRST: home.Battery()} if self._charges else {})
        return {name: BatteryFacts.of(one) for name, one in described.items()}

    # What comes in.

    def _refuse(self, name: str, error: Exception) -> None:
        self._node.health.check(name, WARN, f'refused: {error}')

    def _on_forecast(self, message: msg.Forecast) -> None:
        try:
            series = series_of(message.start, message.step, message.mean, self._node.now(), 'forecast')
        except ValueError as error:
            self._refuse('forecasts', error)
            return
        first = message.quantity not in self._forecasts
        self._forecasts.setdefault(message.quantity, {})[message.target] = series
        bounds = [np.asarray(values, dtype=float) for values in (message.lower, message.upper)]
        if all(len(bound) == len(series) and np.isfinite(bound).all() for bound in bounds):
            self._within[message.quantity, message.target] = tuple(
                Series(series.start, series.step, bound) for bound in bounds)
        else:   # no spread is no reason to refuse the mean
            self._within.pop((message.quantity, message.target), None)
        self._node.health.check('forecasts', OK, 'heard')
        if first:
            self._news()

    def _on_prices(self, message: msg.PriceSeries) -> None:
        now = self._node.now()
        try:
            self._buy, self._sell = price_series(message, now)
        except ValueError as error:
            self._refuse('prices', error)
            return
        self._currency = message.currency or self._currency
        self._node.health.check('prices', OK, f'known for {(self._buy.end - now) / 3600:.0f} h')
        self._news()

    def _on_job(self, message: msg.Job) -> None:
        outlet, before = message.outlet, self._jobs.pop(message.outlet, None)
        if message.status not in PENDING:
            if before is not None:
                self._news()
            return
        try:
            if not outlet:
                raise ValueError('a job of nobody')
            if len(self._jobs) >= JOBS_MAX:
                raise ValueError(f'{outlet}: more than {JOBS_MAX} jobs')
            job = JobState(outlet, message.id, message.energy_kwh, message.delivered_kwh, message.power,
                           to_seconds(message.deadline), message.interruptible,
                           message.status == msg.Job.STATUS_RUNNING)
        except ValueError as error:
            self._refuse('jobs', error)
            return
        self._jobs[outlet] = job
        self._node.health.check('jobs', OK, f'{len(self._jobs)} to plan')
        if before is None or (before.id, before.energy, before.power, before.deadline, before.running) != \
                (job.id, job.energy, job.power, job.deadline, job.running):
            self._news()

    def _on_state(self, message: msg.OutletState) -> None:
        if message.outlet and message.outlet not in self._sources and (
                message.outlet in self._ranks or len(self._ranks) < OUTLETS_MAX):
            self._ranks[message.outlet] = message.priority, message.rank
        tripped = message.trip != msg.OutletState.TRIP_NONE
        if tripped != (message.outlet in self._tripped):
            (self._tripped.add if tripped else self._tripped.discard)(message.outlet)
            if message.outlet in self._jobs:
                self._news()

    def _on_battery(self, message: BatteryState) -> None:
        name = message.location or FIRST
        if 0.0 <= message.percentage <= 1.0 and name in (self._home.stores if self._home else (FIRST,)):
            first = name not in self._charges
            self._charges[name] = self._node.now(), float(message.percentage)
            if first:
                self._news()

    def _on_limit(self, message: msg.GridLimit) -> None:
        try:
            if not (message.import_max >= 0 and message.export_max >= 0):
                raise ValueError(f'import_max {message.import_max}, export_max {message.export_max}')
            limit = Limit(to_seconds(message.start), to_seconds(message.end), message.import_max, message.export_max,
                          message.dispatch, message.charge)
            if math.isinf(limit.dispatch) or math.isinf(limit.charge):
                raise ValueError(f'dispatch {limit.dispatch}, charge {limit.charge}')
            if limit.end <= limit.start:
                raise ValueError('it ends before it starts')
        except ValueError as error:
            self._refuse('grid limit', error)
            return
        self._limit = limit
        self._node.health.check('grid limit', OK, message.event)
        self._news()

    def _on_reading(self, message: msg.Reading) -> None:
        known = message.outlet in self._readings or len(self._readings) < OUTLETS_MAX
        if known and math.isfinite(message.active_power):
            self._readings[message.outlet] = to_seconds(message.stamp), message.active_power
            if message.outlet == 'grid':
                self._meter(to_seconds(message.stamp), message.active_power)

    def _meter(self, stamp: float, power: float) -> None:
        """Keep the highest import of a whole step of this month."""
        step, month = math.floor(stamp / self._settings.step), datetime.fromtimestamp(stamp, timezone.utc).month
        if step != self._step:
            if len(self._imports) >= SAMPLES_MIN:
                self._peak = max(self._peak, sum(self._imports) / len(self._imports))
            self._step, self._imports = step, []
        if month != self._month:
            self._peak = 0.0 if self._month else self._peak
            self._month = month
        self._imports.append(max(power, 0.0))

    def _on_tie(self, message: msg.Breaker) -> None:
        before = self.cut_off
        self.cut_off = ''
        if message.state == msg.Breaker.STATE_OPEN:
            self.cut_off = 'the tie is open'
        elif message.state == msg.Breaker.STATE_CLOSED and not message.grid_alive:
            self.cut_off = 'the grid is dead'
        if before and not self.cut_off:
            self._news()
