"""Wires, sources and ZIP loads of a micro-grid as one admittance matrix, on phasors of the fundamental."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csc_matrix, csr_matrix, diags
from scipy.sparse.linalg import splu

from .loads import JOIN_HIGH, zip_admittance

ITERATIONS = 40
TOLERANCE, NEARLY = 1e-6, 5e-6  # of a voltage over nominal


@dataclass(frozen=True)
class Line:
    """A wire between two nodes, with its series impedance [Ω]."""

    start: int
    end: int
    impedance: complex

    def __post_init__(self) -> None:
        if self.start == self.end or not 0 < abs(self.impedance) < float('inf'):
            raise ValueError(f'a line from {self.start} to {self.end} of {self.impedance} Ω')


def admittance(nodes: int, lines: Sequence[Line]) -> csc_matrix:
    """Return (nodes, nodes) the nodal admittance matrix [S]. ValueError where a line leads out of the network."""
    if any(not 0 <= node < nodes for line in lines for node in (line.start, line.end)):
        raise ValueError(f'a line leads to a node that is not among 0 … {nodes - 1}')
    start, end = (np.array([getattr(line, side) for line in lines], dtype=int) for side in ('start', 'end'))
    y = np.array([1.0 / line.impedance for line in lines], dtype=complex)
    rows, columns = np.concatenate([start, end, start, end]), np.concatenate([start, end, end, start])
    return csc_matrix((np.concatenate([y, y, -y, -y]), (rows, columns)), shape=(nodes, nodes))


class ZipLoads:
    """Loads P = P0·(Z·v² + I·v + P), Q likewise, in arrays (loads,), each behind a relay.

    node : where.     power : P0 + j·Q0 at nominal voltage [VA].     shares_p, shares_q : (loads, 3) Z, I, P [1].
    level : how much of it runs [1].     closed : its relay.     Call `Network.touch` after changing those.
    Below 0.9 pu as `loads.zip_admittance`.
    """

    def __init__(
        self,
        node: Sequence[int],
        power: Sequence[complex],
        shares_p: np.ndarray,
        shares_q: np.ndarray,
        nominal: float,
    ) -> None:
        self.node, self.power = np.asarray(node, dtype=int), np.asarray(power, dtype=complex)
        self._p, self._q = np.asarray(shares_p, dtype=float), np.asarray(shares_q, dtype=float)
        count = self.node.size
        if self.power.shape != (count,) or self._p.shape != (count, 3) or self._q.shape != (count, 3):
            raise ValueError('loads need one node, one power and three shares of P and of Q each')
        if not (np.isfinite(self.power).all() and np.isfinite(self._p).all() and np.isfinite(self._q).all()):
            raise ValueError('a load that is not a number')
        self.level, self.closed = np.ones(count), np.ones(count, dtype=bool)
        self._square = nominal**2
        self._parts = [self.power.real * self._p[:, k] - 1j * self.power.imag * self._q[:, k] for k in range(3)]

    def running(self) -> np.ndarray:
        """Return (loads,) level behind the relay, over V² of nominal. [1/V²]"""
        return self.level * self.closed / self._square

    def admittance(self, v: np.ndarray, running: np.ndarray) -> np.ndarray:
        """Return (loads,) admittances [S] at voltages v over nominal."""
        if v.min(initial=1.0) >= JOIN_HIGH:
            constant, current, power = self._parts
            return running * (constant + (current + power / v) / v)
        p, q = zip_admittance(self._p, v), zip_admittance(self._q, v)
        return running * (self.power.real * p - 1j * self.power.imag * q)


@dataclass(frozen=True, eq=False)
class Flow:
    """voltage : (nodes,) [V].     current : (sources,) out of each source [A].     Phasors, RMS."""

    voltage: np.ndarray
    current: np.ndarray


class Network:
    """Sources with an inner voltage feed ZIP loads through wires.

    sources : the node each source feeds.     impedance : (sources,) between its inner voltage and that node; 0 makes
    the node itself stiff [Ω].
    Loads enter the matrix as the admittances they had when it was last factorised; the rest is a current, found by
    iteration. The passive nodes are eliminated (Kron) once a factorisation, so a step costs little.
    """

    def __init__(
        self,
        nodes: int,
        lines: Sequence[Line],
        sources: Sequence[int],
        impedance: Sequence[complex],
        loads: ZipLoads,
        nominal: float,
    ) -> None:
        self.nodes, self.loads, self.nominal = nodes, loads, nominal
        self.source = np.asarray(sources, dtype=int)
        impedance = np.asarray(impedance, dtype=complex)
        if impedance.shape != self.source.shape or not self.source.size:
            raise ValueError('every source needs an impedance, and a network a source')
        if self.source.max() >= nodes or (loads.node.size and loads.node.max() >= nodes):
            raise ValueError('a source or load hangs on a node that is not there')
        soft = np.flatnonzero(impedance)
        inner = self.source.copy()
        inner[soft] = nodes + np.arange(soft.size)  # a node more for each inner voltage behind an impedance
        if np.unique(inner).size != inner.size:
            raise ValueError('two stiff sources on one node')
        joined = [*lines, *(Line(int(inner[k]), int(self.source[k]), impedance[k]) for k in soft)]
        matrix = admittance(nodes + soft.size, joined)
        self._inner = inner
        self._free = np.setdiff1d(np.arange(nodes), inner)
        if not self._free.size:
            raise ValueError('a network needs a node beside those of stiff sources')
        if (np.abs(matrix[self._free]).sum(axis=1) == 0).any():
            raise ValueError('a node hangs on no line')
        self._across = matrix[:, inner][self._free].toarray()  # (free, sources)
        self._free_matrix = matrix[:, self._free][self._free].tocsc()
        self._own = matrix[:, inner][inner].toarray()
        place = np.full(nodes, -1)
        place[self._free] = np.arange(self._free.size)
        row = place[loads.node]
        hanging = np.flatnonzero(row >= 0)  # loads on free nodes; the others hang on stiff sources
        self._gather = csr_matrix(
            (np.ones(hanging.size), (row[hanging], hanging)), shape=(self._free.size, loads.node.size)
        )
        # The usual case, one load a node and none at a stiff source, needs no sum.
        self._one_each = row if hanging.size == row.size == np.unique(row).size else None
        self._stiff = [(k, np.flatnonzero(loads.node == node)) for k, node in enumerate(inner) if node < nodes]
        self._stiff = [(k, which) for k, which in self._stiff if which.size]
        self.voltage = np.full(nodes, nominal, dtype=complex)
        self.touch()

    def _gathered(self, of_loads: np.ndarray) -> np.ndarray:
        """Sum (loads,) over each free node."""
        if self._one_each is None:
            return self._gather @ of_loads
        out = np.zeros(self._free.size, dtype=complex)
        out[self._one_each] = of_loads
        return out

    def touch(self) -> None:
        """Loads changed: factorise anew at the present voltages."""
        self._running = self.loads.running()
        self._linear = self.loads.admittance(np.abs(self.voltage[self.loads.node]) / self.nominal, self._running)
        shunt = diags(self._gathered(self._linear), format='csc')
        matrix = (self._free_matrix + shunt).tocsc()
        self._factors = splu(matrix, 'MMD_AT_PLUS_A', diag_pivot_thresh=0.0, options={'SymmetricMode': True})
        self._transfer = -self._factors.solve(self._across)  # (free, sources): free voltages of the linear part
        self.reduced = self._own + self._across.T @ self._transfer  # (sources, sources) Kron [S]
        even = np.ones(self._free.size, dtype=complex)
        self._strength = np.abs(self._factors.solve(even)).max()  # most a volt can move per ampere at every node [Ω]
        self._extra = np.zeros(self._free.size, dtype=complex)  # nodal current beyond the linear loads [A]
        self._sag = np.zeros(self._free.size, dtype=complex)  # voltage it takes [V]

    def solve(self, inner: np.ndarray) -> Flow:
        """Return what flows from (sources,) inner voltages [V].

        Where the iteration does not settle (a collapsing network) the last iterate stands; protection acts by then.
        """
        linear, node = self._transfer @ inner, self.loads.node
        voltage, stiff = self.voltage, self._inner < self.nodes
        voltage[self._inner[stiff]] = inner[stiff]
        voltage[self._free] = linear - self._sag
        for _ in range(ITERATIONS):
            at = voltage[node]
            beyond = (self.loads.admittance(np.abs(at) / self.nominal, self._running) - self._linear) * at
            extra = self._gathered(beyond)
            change = np.abs(extra - self._extra).max(initial=0.0) * self._strength
            if change < TOLERANCE * self.nominal:
                break
            self._extra = extra
            self._sag = self._factors.solve(extra)
            voltage[self._free] = linear - self._sag
            if change < NEARLY * self.nominal:  # the next change would be smaller by the grid's stiffness
                break
        current = self.reduced @ inner - self._across.T @ self._sag
        for k, which in self._stiff:
            current[k] += (self._linear[which] * at[which] + beyond[which]).sum()
        return Flow(voltage, current)
