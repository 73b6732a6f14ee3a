"""Alarms that are raised once, cleared once, and do not flap."""
import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

from .ledger import Ledger, Mark

TEXT_MAX = 200  # what the message holds [byte]
HOUR = 3600.0
GAP = 90.0  # evidence with a longer hole in it begins anew [s]


class Kind(IntEnum):
    """As in the message `Anomaly`."""

    UNKNOWN = 0
    OVERCURRENT = 1
    OVERTEMPERATURE = 2
    VOLTAGE = 3
    SENSOR = 4
    SILENT = 5
    POWER = 6
    WASTE = 7
    WAVEFORM = 8
    ARC = 9
    STUCK = 10
    START = 11
    WINDING = 12
    CONTACT = 13
    FORGOTTEN = 14
    DRIFT = 15
    UNKNOWN_DEVICE = 16
    TAMPER = 17


class Severity(IntEnum):
    """As in the message `Anomaly`; UNKNOWN here means that all is well."""

    UNKNOWN = 0
    INFO = 1
    WARNING = 2
    CRITICAL = 3


class Status(IntEnum):
    """As in the message `Anomaly`."""

    UNKNOWN = 0
    RAISED = 1
    CLEARED = 2


@dataclass(frozen=True)
class AnomalyEvent:
    """An anomaly was raised, became more severe, dearer or another kind (raised again), or was cleared. `id` stays.

    time : [s]     value, expected : in the kind's unit, NaN = none     since : when it began [s], NaN = not known
    probability : that it is so [1], NaN = not given
    wasted_energy : since it began [kWh], NaN = not a matter of waste     wasted_money : its price, NaN = none known
    currency : of that, ISO 4217, '' = none known
    """

    id: str
    outlet: str
    kind: Kind
    severity: Severity
    status: Status
    time: float
    value: float
    expected: float
    text: str
    since: float = math.nan
    probability: float = math.nan
    wasted_energy: float = math.nan
    wasted_money: float = math.nan
    currency: str = ''


@dataclass(frozen=True)
class Finding:
    """What a rule finds now. Severity UNKNOWN: all is well.

    kind : in place of the alarm's own     since, probability : as in `AnomalyEvent`
    base : what is above it is wasted [W]     excess : or so much is [W]; NaN = nothing is
    """

    severity: Severity
    value: float = float('nan')
    expected: float = float('nan')
    text: str = ''
    kind: Kind | None = None
    since: float = math.nan
    probability: float = math.nan
    base: float = math.nan
    excess: float = math.nan


WELL = Finding(Severity.UNKNOWN)


class Alarm:
    """One alarm of one outlet: raised after evidence for `raise_after`, cleared after none for `clear_after`. [s]

    While it is raised, the rule judges by its tighter bounds (the caller passes `up` to it): delay and hysteresis
    together bound how often it can change to once in raise_after and once in clear_after, and each time it comes back
    within an hour it stays twice as long. What wastes energy is told again every `again_after` [s] with what it cost
    until then.
    """

    def __init__(self, outlet: str, name: str, kind: Kind, raise_after: float, clear_after: float,
                 again_after: float = math.inf) -> None:
        self.id = f'{outlet}/{name}'
        self.up = False
        self._outlet, self._name, self._own_kind, self._kind = outlet, name, kind, kind
        self._raise_after, self._clear_after, self._again_after = raise_after, clear_after, again_after
        self._severity = Severity.UNKNOWN
        self._since: float | None = None    # of what speaks against the present state
        self._last = -float('inf')
        self._began = math.nan
        self._mark: Mark | None = None
        self._finding = WELL                # the last that was bad
        self._told = -math.inf
        self._raises: list[float] = []      # of the last hour

    def step(self, now: float, finding: Finding | None, ledger: Ledger | None = None) -> AnomalyEvent | None:
        """Take what the rule finds (None: it cannot tell, which leaves all as it is) and return what changed."""
        if finding is None or now - self._last > GAP:
            self._since = None
        self._last = now
        if finding is None:
            return None
        bad = finding.severity > Severity.UNKNOWN
        if bad == self.up:
            self._since = None
            if bad:
                self._finding, kind = finding, self._kind_of(finding)
                if kind is not self._kind or finding.severity > self._severity or (
                        self._mark is not None and now - self._told >= self._again_after):
                    self._severity, self._kind = max(self._severity, finding.severity), kind
                    return self._event(now, Status.RAISED, finding, finding.text, ledger)
            return None
        if self._since is None:
            self._since = now
        if now - self._since < (self._raise_after if bad else self._held(now)):
            return None
        began = finding.since if finding.since == finding.since else self._since
        self._since, self.up = None, bad
        if bad:
            self._raises.append(now)
            self._severity, self._finding, self._began = finding.severity, finding, began
            self._kind = self._kind_of(finding)
            wastes = finding.base == finding.base or finding.excess == finding.excess
            self._mark = ledger.mark(began) if wastes and ledger is not None else None
            return self._event(now, Status.RAISED, finding, finding.text, ledger)
        event = self._event(now, Status.CLEARED, finding, f'{self._name} is over', ledger)
        self._severity, self._mark, self._began = Severity.UNKNOWN, None, math.nan
        return event

    def _kind_of(self, finding: Finding) -> Kind:
        return self._own_kind if finding.kind is None else finding.kind

    def _held(self, now: float) -> float:
        """Return how long all must be well now. [s]"""
        self._raises = [at for at in self._raises if now - at < HOUR]
        return min(self._clear_after * 2 ** max(0, len(self._raises) - 1), max(self._clear_after, HOUR))

    def standing(self, now: float, ledger: Ledger | None = None) -> AnomalyEvent | None:
        """Return the event that tells again what is up, None where nothing is."""
        if not self.up:
            return None
        return self._event(now, Status.RAISED, self._finding, self._finding.text, ledger)

    def state(self) -> dict:
        """Return what is up as plain values; an empty dict where nothing is."""
        if not self.up:
            return {}
        finding, mark = self._finding, self._mark
        return {'severity': int(self._severity), 'kind': int(self._kind), 'began': _or_none(self._began),
                'mark': None if mark is None else list(mark), 'text': finding.text,
                **{name: _or_none(getattr(finding, name)) for name in _NUMBERS}}

    def restore(self, state: Mapping) -> None:
        """Be up as `state` says. KeyError, TypeError or ValueError where it cannot be understood."""
        numbers = {name: _or_nan(state[name]) for name in _NUMBERS}
        severity, kind, text = Severity(state['severity']), Kind(state['kind']), state['text']
        if not isinstance(text, str) or severity is Severity.UNKNOWN:
            raise ValueError('an alarm without words or severity')
        mark = None if state['mark'] is None else Mark(*map(float, state['mark']))
        self._began, self._mark, self._severity, self._kind = _or_nan(state['began']), mark, severity, kind
        self._finding, self.up = Finding(severity, text=text, kind=kind, **numbers), True

    def _event(self, now: float, status: Status, finding: Finding, text: str, ledger: Ledger | None) -> AnomalyEvent:
        self._told = now
        energy, money, currency = math.nan, math.nan, ''
        if self._mark is not None and ledger is not None:
            energy, money, currency = ledger.wasted(self._mark, self._finding.base, self._finding.excess)
        return AnomalyEvent(self.id, self._outlet, self._kind, self._severity, status, now, finding.value,
                            finding.expected, _fitting(f'{self._outlet}: {text}'), self._began,
                            self._finding.probability, energy, money, currency)


_NUMBERS = ('value', 'expected', 'since', 'probability', 'base', 'excess')


def _or_none(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _or_nan(value) -> float:
    return math.nan if value is None else float(value)


def _fitting(text: str) -> str:
    return text.encode()[:TEXT_MAX].decode(errors='ignore')
