"""The library of appliances: what they are made of, and how they spend their day.

Coefficients, harmonics and starts stand with their sources in the tables below; programmes are ordinary household ones.
"""
import math
from dataclasses import dataclass, replace

import numpy as np

from .loads import Load, Start

OUTLET_CURRENT = 16.0  # an appliance is sold for the outlet it is plugged into: nothing draws more for long [A]

# ZIP shares (P, Q). Bokhari et al. 2014, doi:10.1109/TPWRD.2013.2285096, unless said otherwise.
ZIP = {
    'air_conditioner': ((1.60, -2.69, 2.09), (12.53, -21.11, 9.58)),
    'refrigerator': ((5.03, -8.48, 4.45), (17.44, -28.62, 12.18)),
    'heater': ((0.92, 0.10, -0.02), (0.15, 0.86, -0.01)),
    'fan': ((0.26, 0.90, -0.16), (0.50, 0.62, -0.12)),
    'lighting': ((0.54, 0.50, -0.04), (0.46, 0.51, 0.03)),
    'pump': ((0.72, -0.98, 1.26), (14.78, -23.71, 9.93)),           # Hajagos & Danai 1998
    'washing_machine': ((0.05, 0.31, 0.64), (-0.56, 2.20, -0.64)),  # Arif et al.
    'impedance': ((1.0, 0.0, 0.0), (1.0, 0.0, 0.0)),                # dryer, range: Lu et al. 2008
    'electronics': ((0.361, -0.086, 0.724), (8.400, -14.168, 6.768)),  # NREL OCHRE
    'current': ((0.0, 1.0, 0.0), (0.0, 1.0, 0.0)),                  # a charger that keeps its current
}

# Current harmonics 3, 5, … 13 over the fundamental.
SPECTRUM = {
    'cfl': (0.85, 0.61, 0.37, 0.23, 0.22, 0.20),
    'led': (0.91, 0.75, 0.56, 0.37, 0.24, 0.19),
    'laptop': (0.95, 0.84, 0.71, 0.56, 0.43, 0.33),
    'passive_pfc': (0.74, 0.38, 0.12, 0.08, 0.06, 0.03),
    'active_pfc': (0.05, 0.03, 0.02, 0.015, 0.01, 0.008),
    'motor': (0.08, 0.03, 0.012),
    'universal': (0.16, 0.05, 0.02, 0.01),
    'magnetron': (0.32, 0.12, 0.05, 0.03, 0.02),
}

COMPRESSOR = Start(ratio=6.0, time=0.20, sharpness=4.0, angle=math.radians(65), offset_time=0.015)
SMALL_MOTOR = Start(ratio=5.0, time=0.12, sharpness=3.0, angle=math.radians(60), offset_time=0.012)
FAN_MOTOR = Start(ratio=2.5, time=0.4, sharpness=2.0, angle=math.radians(45), offset_time=0.008)
UNIVERSAL = Start(ratio=3.0, time=0.035, angle=math.radians(20), offset_time=0.004)
FILAMENT = Start(ratio=12.0, time=0.010)
TRANSFORMER = Start(ratio=3.0, time=0.03, angle=math.radians(70), offset_time=0.05)


def _leading(degrees: float, count: int) -> tuple[float, ...]:
    """Return the phases of a current pulse that peaks `degrees` before the voltage does."""
    return tuple(order * math.radians(degrees) for order in range(3, 3 + 2 * count, 2))


def _rectifier(power: float, spectrum: str, degrees: float, pulse: float, zips: str = 'electronics',
               wander: float = 0.0) -> Load:
    """Return a switch-mode supply; its current leads by `degrees` (lags when negative), harmonics in step with it."""
    harmonics = SPECTRUM[spectrum]
    return Load(power, math.copysign(math.cos(math.radians(degrees)), -degrees), *ZIP[zips], harmonics=harmonics,
                phases=_leading(degrees, len(harmonics)), wander=wander, start=Start(pulse=pulse))


def _motor(power: float, power_factor: float, zips: str, start: Start, damping: float) -> Load:
    return Load(power, power_factor, *ZIP[zips], harmonics=SPECTRUM['motor'], phases=(2.6, 0.8, -1.1), conductance=0.2,
                damping=damping, wander=0.01, start=start)


def _resistor(power: float, zips: str = 'heater', **more) -> Load:
    return Load(power, 1.0, *ZIP[zips], conductance=1.0, **more)


def _electronics(power: float) -> Load:
    """Return a small supply that is always on: standby, clocks, controls."""
    return _rectifier(power, 'led', 12.0, 4.0)


@dataclass(frozen=True)
class Phase:
    """A stretch of an appliance's programme: for `duration` [s], give or take `spread`, each load at its level [1]."""

    duration: float
    levels: tuple[float, ...]
    spread: float = 0.25


@dataclass(frozen=True)
class Appliance:
    """A kind of appliance.

    loads : its electrical parts.
    phases : its programme, begun again when it ends. One of infinite duration: it just runs.
    thermal : it makes up for time without supply (thermostats: cold-load pick-up) rather than pausing.
    """

    kind: str
    loads: tuple[Load, ...]
    phases: tuple[Phase, ...]
    thermal: bool = False

    def __post_init__(self):
        if not self.loads or not self.phases:
            raise ValueError(f'{self.kind} has no loads or no programme')
        if any(len(phase.levels) != len(self.loads) or not phase.duration > 0 for phase in self.phases):
            raise ValueError(f'{self.kind}: a phase needs a duration and {len(self.loads)} levels')

    def fitted(self, voltage: float) -> 'Appliance':
        """Return the version sold for a nominal voltage [V]: within the outlet's current in every phase."""
        most = max(sum(load.power / abs(load.power_factor) * level
                       for load, level in zip(self.loads, phase.levels, strict=True)) for phase in self.phases)
        share = OUTLET_CURRENT * voltage / max(most, 1e-9)
        return self if share >= 1 else replace(self, loads=tuple(replace(x, power=x.power * share) for x in self.loads))

    def unit(self, generator: np.random.Generator) -> 'Appliance':
        """Return one specimen: no two leave the factory alike."""
        return replace(self, loads=tuple(load.unit(generator) for load in self.loads))


MINUTE, HOUR = 60.0, 3600.0
ALWAYS = (Phase(math.inf, (1.0,)),)


def _use(on: float, off: float, *standby: float) -> tuple[Phase, ...]:
    """Return a programme of one load in use for `on` [s], not for `off` [s], beside loads that stay on."""
    return Phase(off, (0.0, *standby)), Phase(on, (1.0, *standby))


def _machine(*rows: tuple[float, float, float, float]) -> tuple[Phase, ...]:
    """Return a programme of rows of minutes and the levels of heater, motor, controls."""
    return tuple(Phase(minutes * MINUTE, tuple(levels)) for minutes, *levels in rows)


LIBRARY: dict[str, Appliance] = {a.kind: a for a in (
    Appliance('kettle', (_resistor(2000.0),), _use(3 * MINUTE, 20 * MINUTE)),
    Appliance('refrigerator', (_motor(120.0, 0.80, 'refrigerator', COMPRESSOR, 1.0), _electronics(2.0)),
              _use(15 * MINUTE, 25 * MINUTE, 1.0), thermal=True),
    Appliance('freezer', (_motor(150.0, 0.78, 'refrigerator', COMPRESSOR, 1.0), _electronics(1.5)),
              _use(18 * MINUTE, 22 * MINUTE, 1.0), thermal=True),
    Appliance('led_lamp', (_rectifier(12.0, 'led', 16.0, 15.0, 'lighting'),), _use(2 * HOUR, 20 * MINUTE)),
    Appliance('incandescent_lamp', (_resistor(60.0, 'lighting', start=FILAMENT),), _use(HOUR, 20 * MINUTE)),
    Appliance('cfl_lamp', (_rectifier(15.0, 'cfl', 25.0, 20.0, 'lighting'),), _use(HOUR, 20 * MINUTE)),
    Appliance('laptop', (_rectifier(65.0, 'laptop', 9.0, 35.0, wander=0.03),),
              (Phase(30 * MINUTE, (1.0,)), Phase(20 * MINUTE, (0.35,)), Phase(15 * MINUTE, (0.0,)))),
    Appliance('computer', (_rectifier(180.0, 'passive_pfc', -8.0, 45.0, wander=0.10), _electronics(2.0)),
              (Phase(40 * MINUTE, (1.0, 1.0)), Phase(20 * MINUTE, (0.5, 1.0)), Phase(15 * MINUTE, (0.0, 1.0)))),
    Appliance('television', (_rectifier(110.0, 'active_pfc', 14.0, 30.0, wander=0.08), _electronics(0.7)),
              _use(HOUR, 25 * MINUTE, 1.0)),
    Appliance('washing_machine', (_resistor(1900.0), _motor(300.0, 0.65, 'washing_machine', UNIVERSAL, 0.5),
                                  _electronics(5.0)),
              _machine((20, 0.0, 0.0, 0.2), (2, 0.0, 0.1, 1.0), (15, 1.0, 0.5, 1.0),
                       *((2, 0.0, 0.8, 1.0), (1, 0.0, 0.1, 1.0)) * 3, (6, 0.0, 1.3, 1.0))),
    Appliance('dishwasher', (_resistor(1800.0), _motor(80.0, 0.84, 'pump', SMALL_MOTOR, 1.5), _electronics(4.0)),
              _machine((20, 0.0, 0.0, 0.2), (5, 0.0, 1.0, 1.0), (15, 1.0, 1.0, 1.0), (20, 0.0, 1.0, 1.0),
                       (10, 1.0, 1.0, 1.0), (15, 0.0, 0.0, 1.0))),
    Appliance('dryer', (_resistor(2000.0, 'impedance'), _motor(250.0, 0.70, 'fan', SMALL_MOTOR, 2.0),
                        _electronics(3.0)),
              _machine((20, 0.0, 0.0, 0.3), (12, 1.0, 1.0, 1.0), (4, 0.0, 1.0, 1.0), (10, 1.0, 1.0, 1.0),
                       (8, 0.0, 1.0, 1.0))),
    Appliance('air_conditioner', (_motor(1000.0, 0.96, 'air_conditioner', COMPRESSOR, 1.0),
                                  _motor(60.0, 0.87, 'fan', FAN_MOTOR, 2.5)),
              _use(12 * MINUTE, 8 * MINUTE, 1.0), thermal=True),
    Appliance('fan', (_motor(50.0, 0.87, 'fan', FAN_MOTOR, 2.5),), _use(HOUR, 15 * MINUTE)),
    Appliance('heater', (_resistor(1500.0, throttle_min=0.0),), _use(12 * MINUTE, 12 * MINUTE), thermal=True),
    Appliance('vacuum_cleaner', (Load(900.0, 0.95, *ZIP['fan'], harmonics=SPECTRUM['universal'],
                                      phases=(3.0, 0.4, -2.0), conductance=0.3, wander=0.03, start=UNIVERSAL),),
              _use(8 * MINUTE, 25 * MINUTE)),
    Appliance('microwave', (Load(1200.0, 0.95, *ZIP['fan'], harmonics=SPECTRUM['magnetron'],
                                 phases=(2.4, -1.0, 1.5, -0.5, 2.0), conductance=0.1, wander=0.01, start=TRANSFORMER),
                            _electronics(2.5)), _use(4 * MINUTE, 25 * MINUTE, 1.0)),
    Appliance('router', (_rectifier(10.0, 'laptop', 11.0, 8.0, wander=0.05),), ALWAYS),
    Appliance('cpap', (_rectifier(35.0, 'laptop', 10.0, 25.0, wander=0.12),), ALWAYS),
    Appliance('oxygen_concentrator', (_motor(300.0, 0.84, 'pump', SMALL_MOTOR, 1.0), _electronics(8.0)),
              (Phase(math.inf, (1.0, 1.0)),)),
    Appliance('ev_charger', (replace(_rectifier(3600.0, 'active_pfc', 4.0, 20.0, 'current'), throttle_min=6.0 / 16.0),
                             _electronics(4.0)), _use(4 * HOUR, 30 * MINUTE, 1.0)),
    Appliance('heat_pump', (_motor(900.0, 0.84, 'pump', replace(COMPRESSOR, ratio=5.0), 1.0),
                            _motor(45.0, 0.84, 'pump', SMALL_MOTOR, 1.5), _electronics(6.0)),
              _use(18 * MINUTE, 12 * MINUTE, 1.0, 1.0), thermal=True),
)}


def appliance(kind: str) -> Appliance | None:
    """Return the appliance of that kind, None for '' (nothing plugged in). ValueError names the kinds there are."""
    if not kind:
        return None
    if kind not in LIBRARY:
        raise ValueError(f'no appliance is called {kind!r}; there are: {", ".join(sorted(LIBRARY))}')
    return LIBRARY[kind]
