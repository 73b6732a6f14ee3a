"""The house's wires: radial circuits from the distribution board, each a chain of outlets."""
from collections.abc import Sequence

import numpy as np

WIRE_RESISTANCE = 2 * 7.41e-3   # 2.5 mm² copper at 20 °C, there and back: IEC 60228 [Ω/m]
WIRE_REACTANCE = 2 * 8.0e-5     # [Ω/m]


class Feeder:
    """Voltage drops from all currents, by a backward and a forward sweep over all circuits at once.

    circuit : (n,) which circuit each outlet hangs on.
    distance : (n,) length of wire to the board [m]; outlets of a circuit share the wire up to the nearer one.
    """

    def __init__(self, circuit: Sequence[int | str], distance: Sequence[float],
                 resistance: float = WIRE_RESISTANCE, reactance: float = WIRE_REACTANCE):
        length = np.asarray(distance, dtype=float)
        if length.ndim != 1 or len(circuit) != length.size or not length.size:
            raise ValueError('a feeder needs a circuit and a distance for each outlet, and at least one outlet')
        if not (np.isfinite(length).all() and (length >= 0).all()):
            raise ValueError('a distance is negative or not finite')
        names = {name: row for row, name in enumerate(dict.fromkeys(circuit))}
        members: list[list[int]] = [[] for _ in names]
        for outlet in np.argsort(length, kind='stable').tolist():
            members[names[circuit[outlet]]].append(outlet)
        longest = max(map(len, members))
        # Padding points at one extra outlet that draws nothing, at the end of each row.
        self._order = np.full((len(members), longest), length.size)
        span = np.zeros((len(members), longest))
        self._row, self._place = np.zeros((2, length.size), dtype=int)
        for row, outlets in enumerate(members):
            self._order[row, :len(outlets)] = outlets
            self._row[outlets], self._place[outlets] = row, np.arange(len(outlets))
            span[row, :len(outlets)] = np.diff(length[outlets], prepend=0.0)
        self.resistance = resistance * span     # (circuits, longest) of each span [Ω]
        self.reactance = reactance * span
        self._shared: dict[tuple[int, ...], np.ndarray] = {}

    def impedance(self, orders: tuple[int, ...]) -> np.ndarray:
        """Return (orders, circuits, longest) the spans' impedances R + j·h·X. [Ω]"""
        if orders not in self._shared:
            self._shared[orders] = self.resistance + 1j * np.array(orders)[:, None, None] * self.reactance
        return self._shared[orders]

    def drop(self, current: np.ndarray, orders: tuple[int, ...]) -> np.ndarray:
        """Return the voltage lost between board and outlets. [V]

        current : (..., len(orders), n) phasors drawn. [A]     Returns the same shape.
        """
        padded = np.concatenate([current, np.zeros_like(current[..., :1])], axis=-1)[..., self._order]
        through = np.cumsum(padded[..., ::-1], axis=-1)[..., ::-1]
        lost = np.cumsum(through * self.impedance(orders), axis=-1)
        return lost[..., self._row, self._place]

    def matrix(self, order: int = 1) -> np.ndarray:
        """Return (n, n): impedance of the path each pair of outlets shares. [Ω]"""
        return self.drop(np.eye(self._row.size, dtype=complex)[:, None, :], (order,))[:, 0, :].T
