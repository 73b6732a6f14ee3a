"""Settings of the voltage optimisation."""
from dataclasses import dataclass

from hearthgrid_core.settings import check_bounds, setting

RANGE_A = (0.95, 1.05)      # ANSI C84.1-2020, service voltage, range A
EN_50160 = (0.90, 1.10)     # EN 50160:2010, supply voltage variations
DAY = 86400.0


@dataclass(frozen=True)
class LawSettings:
    """How low the voltage may be, and how hard the tap changer may work. Shares are of the nominal voltage."""

    voltage_min: float = setting(0.95, '1', 0.8, 1.0, 'Least voltage of an outlet (ANSI C84.1 A 0.95; EN 50160 0.90).')
    voltage_max: float = setting(1.05, '1', 1.0, 1.2, 'Most voltage of an outlet (ANSI C84.1 A 1.05; EN 50160 1.10).')
    accuracy: float = setting(0.002, '1', 0.0, 0.02, 'Error of a voltage measurement.')
    tap_min: int = setting(-16, '1', -64, 0, 'Lowest tap.')
    tap_max: int = setting(16, '1', 0, 64, 'Highest tap.')
    step: float = setting(0.00625, '1', 0.0005, 0.05, 'Of one tap.')
    sensitivity: float = setting(1.1, '1', 1.0, 2.0, 'Most by which an outlet follows one tap down, in taps.')
    reaction: float = setting(60.0, 's', 1.0, 600.0, 'From a change of voltage to a tap that answers it.')
    dwell: float = setting(900.0, 's', 1.0, 86400.0, 'Between two moves that save energy.')
    margin_first: float = setting(0.04, '1', 0.0, 0.1, 'Least expected change on the first day; going until `novice`.')
    novice: float = setting(4.0, 'd', 1.1, 100.0, 'After so long the first day is forgotten.')
    margin_min: float = setting(0.010, '1', 0.0, 0.1, 'For what was never seen, beside the expected change.')
    caution: float = setting(1.6, '1', 1.0, 5.0, 'Expected change over the largest remembered.')
    memory: float = setting(10.0, 'd', 0.1, 365.0, 'In which a remembered change fades to a third.')
    quantile: float = setting(0.9, '1', 0.5, 0.999, 'Share of stretches of `dwell` a lowered tap shall outlast.')
    hysteresis: float = setting(0.3, '1', 0.0, 5.0, 'Taps of spare room beyond that before the voltage is lowered.')
    operations_max: float = setting(24.0, '1/d', 2.0, 1000.0, 'Tap steps a day; a needed raise is never refused.')
    patience: float = setting(30.0, 's', 0.0, 3600.0, 'Without telemetry the tap stays so long, then retreats.')
    settle: float = setting(300.0, 's', 0.0, 86400.0, 'Telemetry must be whole for so long before a saving move.')

    def __post_init__(self) -> None:
        check_bounds(self)
        if self.voltage_max - self.voltage_min < 2 * (self.accuracy + self.margin_min) + 2 * self.step:
            raise ValueError('between voltage_min and voltage_max there must be room for both margins and two taps')


@dataclass(frozen=True)
class VoltageSettings(LawSettings):
    """The law, and which telemetry it trusts."""

    nominal_voltage: float = setting(230.0, 'V', 90.0, 260.0, 'Mains voltage, RMS.')
    age_max: float = setting(10.0, 's', 1.0, 600.0, 'An older reading is no reading.')
    carry: float = setting(300.0, 's', 0.0, 3600.0, 'A silent outlet counts at its worst for so long; then suspended.')
    forget: float = setting(86400.0, 's', 60.0, 1e7, 'An outlet silent for so long is no outlet any more.')

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.forget <= self.carry:
            raise ValueError('forget must be longer than carry')
