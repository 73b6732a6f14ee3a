"""Rotating generators, which the simulator compares inverters with and is itself compared on."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..settings import check_bounds, setting


@dataclass(frozen=True)
class GeneratorSettings:
    """Classical machine behind its transient reactance, with a first-order governor; over its own rating."""

    rating: float = setting(5000.0, 'VA', 1.0, 1e7, 'Apparent power it is rated for.')
    nominal_voltage: float = setting(230.0, 'V', 90.0, 1000.0, 'RMS, phase to neutral.')
    nominal_frequency: float = setting(50.0, 'Hz', 45.0, 65.0, 'At which it runs without load.')
    inertia: float = setting(1.0, 's', 0.01, 20.0, 'H: stored energy over rating.')
    damping: float = setting(0.0, '1', 0.0, 10.0, 'Torque per speed deviation.')
    droop: float = setting(0.04, '1', 0.001, 0.2, 'Fall of speed over nominal at rated power.')
    governor_time: float = setting(0.05, 's', 0.001, 10.0, 'From speed to torque.')
    reactance: float = setting(0.2, '1', 0.001, 1.0, "Transient reactance x'd.")
    power_max: float = setting(1.2, '1', 0.1, 2.0, 'Most the governor gives.')

    def __post_init__(self) -> None:
        check_bounds(self)


class Generators:
    """n machines in arrays (n,): 2H·dω/dt = p_m − p_e − D·(ω − 1), T·dp_m/dt = p_ref − (ω − 1)/R − p_m.

    frequency : [Hz]     voltage : inner, constant [V]     impedance : [Ω]     power_reference : [W]
    """

    def __init__(self, units: Sequence[GeneratorSettings]) -> None:
        def column(name: str) -> np.ndarray:
            return np.array([getattr(unit, name) for unit in units], dtype=float)

        self.rating, self._nominal = column('rating'), column('nominal_frequency')
        self._momentum, self._damping, self._droop = 2.0 * column('inertia'), column('damping'), column('droop')
        self._governor_time, self._power_max = column('governor_time'), column('power_max')
        self.impedance = 1j * column('reactance') * column('nominal_voltage') ** 2 / self.rating
        self.voltage = column('nominal_voltage')
        self.power_reference = np.zeros(len(units))
        self._speed, self._power = np.zeros((2, len(units)))  # deviation, mechanical power, over nominal

    def begin(self, power: np.ndarray) -> None:
        """Start at nominal speed, giving (n,) powers [W]."""
        self.power_reference = np.array(power, dtype=float)
        self._power, self._speed = self.power_reference / self.rating, np.zeros(len(self.rating))

    @property
    def frequency(self) -> np.ndarray:
        """(n,) [Hz]"""
        return self._nominal * (1.0 + self._speed)

    def step(self, duration: float, power: np.ndarray) -> None:
        """Give (n,) powers [W] for `duration` [s]; Heun."""
        given, told = power / self.rating, self.power_reference / self.rating
        pieces = max(1, math.ceil(duration / 0.002))
        piece = duration / pieces

        def rates(speed: np.ndarray, mechanical: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            return (
                (mechanical - given - self._damping * speed) / self._momentum,
                (told - speed / self._droop - mechanical) / self._governor_time,
            )

        for _ in range(pieces):
            a, b = rates(self._speed, self._power)
            c, d = rates(self._speed + piece * a, self._power + piece * b)
            self._speed = self._speed + 0.5 * piece * (a + c)
            self._power = np.clip(self._power + 0.5 * piece * (b + d), 0.0, self._power_max)
