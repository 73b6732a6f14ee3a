"""What the member of a grid-forming inverter does for frequency and voltage: `Secondary` on readings of its own meter.

It asks nobody. Its offsets move while the tie is seen open and the utility dead; they stay, and are renewed, while
that is not known, while the utility is alive (the inverter turns towards it) and while its own meter is silent; they
are gone once the tie is closed. A dead bus behind an open tie it leaves to the inverter's own `BlackStart`, which it
tells that it may; it never does while the tie is closed or not known. Silence does not bar it: all messages may be lost
just then.
"""

import math
from dataclasses import dataclass

from hearthgrid_core.settings import check_bounds, setting

from .secondary import Measured, Offsets, Secondary, SecondarySettings, Share
from .watch import Tie

# Beyond these the frequency is not secondary control's: PV is told by it to give way; or the inverter is at a limit.
ABOVE, BELOW = 0.004, 0.02  # over nominal [1]


@dataclass(frozen=True)
class RegulationSettings:
    """The zone's grid-forming inverters, and gains for readings that are means of a second and come late."""

    inverter: str = setting('battery', '', None, None, 'The grid-forming inverters that carry the island, with commas '
                            'between, by rank.')
    inverter_power: float = setting(0.0, 'W', 0.0, 1e6, 'Rated power of all of them; 0 = not known, then nothing is '
                                    'shed.')
    inverter_rating: float = setting(0.0, 'W', 0.0, 1e6, "Of this member's own; 0 = an equal part of inverter_power.")
    nominal_frequency: float = setting(50.0, 'Hz', 45.0, 65.0, 'Mains frequency.')
    nominal_voltage: float = setting(230.0, 'V', 90.0, 260.0, 'Mains voltage, RMS.')
    inverter_droop: float = setting(0.01, '1', 0.001, 0.05, 'Fall of frequency over nominal at rated power.')
    inverter_droop_voltage: float = setting(0.025, '1', 0.0, 0.1, 'Fall of voltage over nominal at rated power.')
    secondary_gain: float = setting(0.3, '1/s', 0.0, 1.0, 'Of frequency and voltage towards nominal.')
    sharing_gain: float = setting(0.3, '1/s', 0.0, 1.0, 'Of the shares of several inverters towards each other.')
    secondary_span: float = setting(0.02, '1', 0.0, 0.05, 'Largest shift of the references over nominal.')
    secondary_stale: float = setting(3.0, 's', 1.0, 10.0, "Another inverter's word older than this is forgotten.")

    def __post_init__(self) -> None:
        check_bounds(self)

    @property
    def inverters(self) -> tuple[str, ...]:
        """Names of the inverters by rank."""
        return tuple(name.strip() for name in self.inverter.split(',') if name.strip())

    def secondary(self) -> SecondarySettings:
        """Return the settings of secondary control: every reading is a move."""
        return SecondarySettings(
            nominal_frequency=self.nominal_frequency, nominal_voltage=self.nominal_voltage,
            droop_frequency=self.inverter_droop, droop_voltage=self.inverter_droop_voltage, period=0.5,
            stale=self.secondary_stale, frequency_rate=self.secondary_gain, active_rate=self.sharing_gain,
            voltage_rate=self.secondary_gain, reactive_rate=self.sharing_gain,
            frequency_offset_max=self.secondary_span * self.nominal_frequency,
            voltage_offset_max=self.secondary_span)


@dataclass(frozen=True, slots=True)
class Given:
    """Event: what the member's own inverter gives, a mean of a second: [W], [var], RMS [V], NaN = dead [Hz]."""

    active_power: float
    reactive_power: float
    voltage: float
    frequency: float


@dataclass(frozen=True, slots=True)
class Steer:
    """Action: give the own inverter the droop references `frequency` [Hz] and `voltage` [V] until `expiry` [s]."""

    inverter: str
    frequency: float
    voltage: float
    expiry: float


class Regulation:
    """One inverter's part. Time [s] is an argument; `step` it with every word of its own and when `deadline` comes."""

    def __init__(self, settings: RegulationSettings, me: str, renew: float, validity: float) -> None:
        """renew, validity : of what the inverter is told [s]."""
        self._s, self._me, self._renew, self._validity = settings, me, renew, validity
        power = settings.inverter_rating or settings.inverter_power / len(settings.inverters)
        self._rating = power or math.inf
        self._secondary: Secondary | None = None  # while the home is an island
        self.deadline = math.inf

    def step(self, now: float, tie: Tie | None, fresh: bool, event: Given | Share | None = None) -> list[Steer | Share]:
        """Return what to tell the inverter and the others.

        tie : its last word; fresh : it is young enough to be believed now.
        """
        if tie is not None and tie.closed:
            self._secondary, self.deadline = None, math.inf
            return []
        island = tie is not None and tie.closed is False and fresh
        if self._secondary is None and island and type(event) is Given and math.isnan(event.frequency):
            return [Steer(self._me, self._s.nominal_frequency, self._s.nominal_voltage, now + self._validity)]
        live = type(event) is Given and not math.isnan(event.frequency)
        if self._secondary is None and island and live:
            self._secondary = Secondary(self._s.secondary(), self._me, self._s.inverters, now)
            self.deadline = now
        if self._secondary is None:
            return []
        out: list[Steer | Share] = []
        if type(event) is Share:
            self._secondary.step(now, event)
        elif live and island and tie.grid_alive is False:
            moved = self._secondary.step(now, self._measured(event))
            out = [word for word in moved if type(word) is Share and len(self._s.inverters) > 1]
            self.deadline = now if moved else self.deadline
        if now >= self.deadline:
            self.deadline = now + self._renew
            out.append(self._steer(now))
        return out

    @property
    def offsets(self) -> Offsets:
        """What is added to the references now."""
        s = self._secondary
        return Offsets(s.frequency_offset, s.voltage_offset) if s else Offsets(0.0, 0.0)

    def _measured(self, given: Given) -> Measured:
        s = self._s
        off = given.frequency / s.nominal_frequency - 1.0
        return Measured(given.frequency, given.active_power / self._rating, given.reactive_power / self._rating,
                        given.voltage / s.nominal_voltage, limited=not -BELOW <= off <= ABOVE)

    def _steer(self, now: float) -> Steer:
        s, offsets = self._s, self.offsets
        return Steer(self._me, s.nominal_frequency + offsets.frequency, s.nominal_voltage + offsets.voltage,
                     now + self._validity)
