"""Alarms that are raised once, cleared once, and do not flap."""
from dataclasses import dataclass
from enum import IntEnum

TEXT_MAX = 200  # what the message holds [byte]
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
    """An anomaly was raised, became more severe (raised again), or was cleared. `id` stays the same throughout.

    time : [s]     value, expected : in the kind's unit, NaN = none
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


@dataclass(frozen=True)
class Finding:
    """What a rule finds now. Severity UNKNOWN: all is well."""

    severity: Severity
    value: float = float('nan')
    expected: float = float('nan')
    text: str = ''


WELL = Finding(Severity.UNKNOWN)


class Alarm:
    """One alarm of one outlet: raised after evidence for `raise_after`, cleared after none for `clear_after`. [s]

    While it is raised, the rule judges by its tighter bounds (the caller passes `up` to it): delay and hysteresis
    together bound how often it can change to once in raise_after and once in clear_after.
    """

    def __init__(self, outlet: str, name: str, kind: Kind, raise_after: float, clear_after: float) -> None:
        self.id = f'{outlet}/{name}'
        self.up = False
        self._outlet, self._name, self._kind = outlet, name, kind
        self._raise_after, self._clear_after = raise_after, clear_after
        self._severity = Severity.UNKNOWN
        self._since: float | None = None
        self._last = -float('inf')

    def step(self, now: float, finding: Finding | None) -> AnomalyEvent | None:
        """Take what the rule finds (None: it cannot tell, which leaves all as it is) and return what changed."""
        if finding is None or now - self._last > GAP:
            self._since = None
        self._last = now
        if finding is None:
            return None
        bad = finding.severity > Severity.UNKNOWN
        if bad == self.up:
            self._since = None
            if bad and finding.severity > self._severity:
                self._severity = finding.severity
                return self._event(now, Status.RAISED, finding, finding.text)
            return None
        if self._since is None:
            self._since = now
        if now - self._since < (self._raise_after if bad else self._clear_after):
            return None
        self._since, self.up = None, bad
        if bad:
            self._severity = finding.severity
            return self._event(now, Status.RAISED, finding, finding.text)
        event = self._event(now, Status.CLEARED, finding, f'{self._name} is over')
        self._severity = Severity.UNKNOWN
        return event

    def _event(self, now: float, status: Status, finding: Finding, text: str) -> AnomalyEvent:
        return AnomalyEvent(self.id, self._outlet, self._kind, self._severity, status, now, finding.value,
                            finding.expected, _fitting(f'{self._outlet}: {text}'))


def _fitting(text: str) -> str:
    return text.encode()[:TEXT_MAX].decode(errors='ignore')
