"""A plug as an outlet: what it measured, which requests are in force, and when it is told to switch."""
import math
from dataclasses import dataclass

from hearthgrid_core.outlet import (
    OFF,
    Band,
    CapGuard,
    Priority,
    Refusal,
    RelayLimits,
    RelaySettings,
    Request,
    RequestBook,
    RequestSettings,
    Voice,
    Word,
    arbitrate,
    settle,
)
from hub_nodes.gateway.plug import QUANTITIES, Heard

WAITS = (Priority.COMFORT, Priority.DEFERRABLE, Priority.UNKNOWN)  # off in an island that nobody leads


@dataclass(frozen=True)
class Step:
    """What holds now. command: to send, None = none.     relay: as the plug says, None = not known."""

    command: bool | None
    relay: bool | None
    waiting: bool
    band: Band
    voice: Voice
    reason: str


class PlugOutlet:
    """The memory of one plug. Time [s] is an argument.

    It obeys requests as any outlet does: the same book with its expiry, counters and fences, the same arbitration. What
    nobody asks for stays as it is. It has no protection of its own: that is the plug's firmware's.
    """

    def __init__(self, requests: RequestSettings, relay: RelaySettings, priority: Priority, key: bytes = b'',
                 age_max: float = 60.0, retry: float = 5.0, grace: float = 5.0) -> None:
        """age_max : a value older than this is not known any more.     retry : between commands that show no effect.
        grace : so long an island may be without a leader before what can wait is off. [s]"""
        self.book, self._limits, self._cap = RequestBook(requests, key), RelayLimits(relay), CapGuard(relay)
        self.priority, self._age_max, self._retry, self._grace = priority, age_max, retry, grace
        self._values: dict[str, tuple[float, float]] = {}  # by quantity: when, what
        self._relay: bool | None = None
        self.online = False
        self.heard_at = self._commanded_at = -math.inf
        self._commanded: bool | None = None
        self._alone_since = math.inf
        self._energy, self._counter = 0.0, math.nan  # added up, and the plug's own as last heard [kWh]
        self.measures: set[str] = set()  # quantities ever heard

    def hear(self, now: float, heard: Heard) -> bool:
        """Take in what the plug says; return whether it came back."""
        before = self.online
        self.online = heard.online is not False
        if heard.online is False:
            self._relay, self._values = None, {}
            return False
        self.heard_at = now
        if heard.relay is not None:
            self._relay = heard.relay
        for name in QUANTITIES:
            value = getattr(heard, name)
            if not math.isnan(value):
                self._values[name] = now, self._counted(value) if name == 'energy_kwh' else value
                self.measures.add(name)
        return not before

    def _counted(self, counter: float) -> float:
        """Return energy that never falls, also where the plug's counter was set back. [kWh]"""
        fell = math.isnan(self._counter) or counter < self._counter
        if math.isnan(self._counter):
            self._energy = counter
        else:
            self._energy += counter if fell else counter - self._counter
        self._counter = counter
        return self._energy

    def values(self, now: float) -> dict[str, float]:
        """Return what is known at this moment, by quantity."""
        return {name: value for name, (at, value) in self._values.items() if 0.0 <= now - at <= self._age_max}

    def receive(self, now: float, request: Request) -> Refusal | None:
        """Take a request into force, or return why not."""
        return self.book.receive(now, request)

    def step(self, now: float, islanded: bool) -> Step:
        """Return what holds, and the command that is due."""
        agreed = settle(self._words(now, islanded))
        wanted = True if agreed.band.on else False if agreed.band.off else None
        relay = self._relay if self.online else None
        command, waiting = None, False
        if wanted is not None and self.online and relay != wanted:
            waiting = self._limits.step(now, wanted) != wanted
            again = wanted == self._commanded and 0.0 <= now - self._commanded_at < self._retry
            if not waiting and not again:
                command, self._commanded, self._commanded_at = wanted, wanted, now
        return Step(command, relay, waiting, agreed.band, agreed.voice, agreed.reason)

    def _words(self, now: float, islanded: bool) -> list[Word]:
        asked = self.book.words(now, (Voice.PLAN, Voice.GRID_SERVICE) if islanded else ())
        alone = islanded and not self.book.governed(now)
        self._alone_since = min(self._alone_since, now) if alone else math.inf
        words = []
        if now - self._alone_since >= self._grace and self.priority in WAITS:
            words.append(Word(Voice.ISLAND, OFF, 'nobody leads the island: what can wait is off'))
        # A plug cannot throttle: the cap of somebody more urgent than the plan is kept by opening.
        urgent = [word for word in asked if word.voice > Voice.PLAN]
        power = self.values(now).get('active_power', math.nan)
        self._cap.step(now, arbitrate(*(word.band for word in urgent)).power_max, power)
        for word in asked:
            draw = self._cap.excess(word.band.power_max) if word.voice > Voice.PLAN else 0.0
            words.append(Word(word.voice, OFF, f'{word.reason}: the load drew {draw:.0f} W') if draw else word)
        return words

    def state(self) -> dict:
        """Return what outlives a restart, as plain data."""
        return {'energy_kwh': self._energy, 'counter': None if math.isnan(self._counter) else self._counter,
                'requests': self.book.to_list(Voice.PERSON)}

    def restore(self, now: float, kept: dict) -> None:
        """Take back `state()`. ValueError when damaged; nothing is taken then."""
        try:
            energy = float(kept['energy_kwh'])
            counter = math.nan if kept['counter'] is None else float(kept['counter'])
            if not 0.0 <= energy < math.inf or math.isinf(counter):
                raise ValueError('an energy that cannot be')
            self.book.restore(now, kept['requests'])
        except (ArithmeticError, LookupError, TypeError) as error:
            raise ValueError(f'what was kept is damaged: {error!r}') from None
        self._energy, self._counter = energy, counter
