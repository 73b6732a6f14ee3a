"""How surprising a value is after the ones seen before, and how surprises add up until an alarm may be raised.

A device's day is one number a statistic (its longest run, its highest level, …). Days of one device are taken to be
exchangeable. Then the chance that a new day exceeds the k-th largest of n is k / (n + 1), whatever the distribution;
beyond the largest few, the excess is taken to be exponential with an unknown mean (peaks over threshold: Coles 2001,
An introduction to statistical modeling of extreme values; Siffer et al. 2017, Anomaly detection in streams with extreme
value theory) with a gamma prior from other devices, so few days give a heavy (Lomax) tail, no falsely sharp bound.

p-values become evidence by the mixture of all power bets (Vovk, Wang 2021, doi:10.1214/20-AOS2020), and evidence is
summed as Shiryaev and Roberts did: R ← (1 + R)·e, alarm at R ≥ A. With E[e] ≤ 1 on ordinary days the mean time between
false alarms is at least A days (Shin, Ramdas, Rinaldo 2022, E-detectors). So A follows from the budget.
"""
import math
from collections.abc import Sequence
from dataclasses import dataclass

_LEAST = 1e-12      # probabilities below are all alike [1]


@dataclass(frozen=True)
class Prior:
    """What other devices say of the excess beyond the largest values: as if `shape` of them summed to `scale`."""

    shape: float
    scale: float


@dataclass(frozen=True)
class Tail:
    """The upper tail of n ≥ 2 values: P(x > `base`) = `share`, and beyond it (1 + (x − base) / scale)^(−shape)."""

    values: tuple[float, ...]   # largest first
    base: float
    share: float
    shape: float
    scale: float

    @classmethod
    def of(cls, values: Sequence[float], prior: Prior) -> 'Tail':
        """ValueError with fewer than two."""
        values = tuple(sorted(values, reverse=True))
        if len(values) < 2:
            raise ValueError(f'a tail needs two values, not {len(values)}')
        k = max(1, len(values) // 3)
        excess = math.fsum(values[:k]) - k * values[k]
        return cls(values, values[k], (k + 1) / (len(values) + 1), prior.shape + k, prior.scale + excess)

    def exceedance(self, value: float) -> float:
        """Return the chance that an ordinary day is at least so high. [1]"""
        if value <= self.base:
            return (sum(v >= value for v in self.values) + 1) / (len(self.values) + 1)
        return max(_LEAST, self.share * (1 + (value - self.base) / self.scale) ** -self.shape)


def evidence(probability: float) -> float:
    """Return ∫ ε p^(ε−1) dε over 0 … 1: against an ordinary day above one, in favour below; its mean over p is one."""
    p = min(max(probability, _LEAST), 1.0)
    log = math.log(p)
    if log > -1e-3:
        return 0.5 - log / 6    # (1 − p + p ln p) / (p ln² p) about p = 1
    return (1 - p + p * log) / (p * log * log)


def probability_of_fault(sum_of_evidence: float, faults_a_day: float) -> float:
    """Return R / (R + 1/ρ): the posterior of a change that comes on a day with chance ρ (Shiryaev 1963)."""
    return sum_of_evidence / (sum_of_evidence + 1 / faults_a_day)
