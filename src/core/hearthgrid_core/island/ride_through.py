"""When an inverter beside the grid must let go, and when it may return: IEEE 1547-2018, tables 4, 11 … 13 and 18."""
import math
from dataclasses import dataclass
from enum import Enum

from hearthgrid_core.settings import check_bounds, setting

CATEGORIES = ('I', 'II', 'III')
# Shall-trip defaults: limit [1] and clearing time [s]. Frequency is the same for all categories, as a share of 60 Hz.
OV2 = (1.20, 0.16)
OV1 = {'I': (1.10, 2.0), 'II': (1.10, 2.0), 'III': (1.10, 13.0)}
UV1 = {'I': (0.70, 2.0), 'II': (0.70, 10.0), 'III': (0.88, 21.0)}
UV2 = {'I': (0.45, 0.16), 'II': (0.45, 0.16), 'III': (0.50, 2.0)}
OF2, OF1 = (62.0 / 60, 0.16), (61.2 / 60, 300.0)
UF1, UF2 = (58.5 / 60, 300.0), (56.5 / 60, 0.16)
_SLACK = 1e-9   # of a sum of steps [s]


@dataclass(frozen=True)
class RideThroughSettings:
    """Which grid, which category, and the criteria to enter service (IEEE 1547-2018, 4.10)."""

    category: str = setting('III', '', None, None, 'Abnormal operating performance category.', CATEGORIES)
    nominal_voltage: float = setting(230.0, 'V', 90.0, 260.0, 'Mains voltage, RMS.')
    nominal_frequency: float = setting(50.0, 'Hz', 45.0, 65.0, 'Mains frequency.')
    enter_voltage_min: float = setting(0.917, '1', 0.88, 0.95, 'Least voltage over nominal to enter service.')
    enter_voltage_max: float = setting(1.05, '1', 1.05, 1.06, 'Most voltage over nominal to enter service.')
    enter_frequency_min: float = setting(59.5 / 60, '1', 59.0 / 60, 59.9 / 60, 'Least frequency over nominal.')
    enter_frequency_max: float = setting(60.1 / 60, '1', 60.1 / 60, 61.0 / 60, 'Most frequency over nominal.')
    enter_delay: float = setting(300.0, 's', 0.0, 600.0, 'How long all of these must hold without a break.')
    enter_ramp: float = setting(300.0, 's', 0.0, 1000.0, 'From nothing to full power.')

    def __post_init__(self) -> None:
        check_bounds(self)


class State(Enum):
    """Of an inverter that follows the grid."""

    TRIPPED = 'tripped'
    ENTERING = 'entering service'
    RUNNING = 'running'


@dataclass(frozen=True)
class Service:
    """What the inverter may do. since : [s]     power_max : over rated [1]     reason : in words"""

    state: State
    since: float
    power_max: float
    reason: str


def trips(category: str) -> tuple[tuple[str, str, int, float, float], ...]:
    """Return the shall-trip table: (name, quantity, +1 above or −1 below, limit over nominal, clearing time [s])."""
    rows = (('OV2', 'voltage', +1, OV2), ('OV1', 'voltage', +1, OV1[category]), ('UV1', 'voltage', -1, UV1[category]),
            ('UV2', 'voltage', -1, UV2[category]), ('OF2', 'frequency', +1, OF2), ('OF1', 'frequency', +1, OF1),
            ('UF1', 'frequency', -1, UF1), ('UF2', 'frequency', -1, UF2))
    return tuple((name, quantity, side, *row) for name, quantity, side, row in rows)


class RideThrough:
    """Values in, permission out; time [s] is an argument and runs forward.

    running : whether it is in service at the start; otherwise it waits as after a trip.
    """

    def __init__(self, settings: RideThroughSettings, running: bool = False) -> None:
        self.settings = settings
        self._rows = trips(settings.category)
        self._since = [math.inf] * len(self._rows)
        self._well_since = math.inf
        self._now = -math.inf
        self.service = Service(State.RUNNING, -math.inf, 1.0, 'in service at the start') if running else Service(
            State.TRIPPED, -math.inf, 0.0, 'not yet in service')

    def step(self, now: float, voltage: float, frequency: float) -> Service:
        """Take in RMS voltage [V] and frequency [Hz] as of `now` [s] and return what is allowed.

        A frequency of NaN (no voltage to measure it on) crosses no frequency limit and is not well. ValueError where
        time runs backward or the voltage is no number; then nothing has changed.
        """
        s = self.settings
        if not now >= self._now:
            raise ValueError(f'time ran from {self._now} to {now} s')
        if not voltage >= 0:
            raise ValueError(f'a voltage of {voltage} V')
        self._now = now
        seen = {'voltage': voltage / s.nominal_voltage, 'frequency': frequency / s.nominal_frequency}
        for k, (_, quantity, side, limit, _) in enumerate(self._rows):
            self._since[k] = min(self._since[k], now) if side * (seen[quantity] - limit) > 0 else math.inf
        well = (s.enter_voltage_min <= seen['voltage'] <= s.enter_voltage_max
                and s.enter_frequency_min <= seen['frequency'] <= s.enter_frequency_max)
        self._well_since = min(self._well_since, now) if well else math.inf
        self.service = self._judge(now)
        return self.service

    def _judge(self, now: float) -> Service:
        s, last = self.settings, self.service
        for (name, quantity, side, limit, duration), since in zip(self._rows, self._since, strict=True):
            if now - since >= duration - _SLACK:
                where = 'above' if side > 0 else 'below'
                return last if last.state is State.TRIPPED else Service(
                    State.TRIPPED, now, 0.0, f'{name}: {quantity} {where} {limit:.3f} of nominal for {duration:g} s')
        if last.state is State.TRIPPED:
            if now - self._well_since < s.enter_delay - _SLACK:
                return last
            last = Service(State.ENTERING, now, 0.0, f'the grid has been well for {s.enter_delay:g} s')
        if last.state is State.ENTERING:
            share = (now - last.since) / s.enter_ramp if s.enter_ramp else 1.0
            if share >= 1.0 - _SLACK:
                return Service(State.RUNNING, now, 1.0, 'in service')
            return Service(State.ENTERING, last.since, share, last.reason)
        return last
