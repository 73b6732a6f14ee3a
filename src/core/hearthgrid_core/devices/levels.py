"""The part of a power series' recipe that is about levels: how long at each, how noisy there, how it gets elsewhere.

Histograms over fixed levels in watt say what a quantile cannot: that a load has two sizes and nothing between. The same
counted from above (how long above each level) says what neighbouring bins have in common: another device of the type is
a bin further, not somewhere else. Noise is taken at each level apart, since a load that rests is quiet whatever it does
when it works.
"""
import numpy as np

_SIZES = np.r_[0, 1, 2, 4, 7, 12, 20, 30, 45, 65, 90, 120, 160, 220, 300, 420, 600, 900, 1300, 1800, 2500, np.inf]
_LEVELS = np.r_[0, 1, 3, 8, 20, 45, 90, 180, 400, 900]      # lower bounds [W]
_EDGE_MIN, _EDGE_SHARE = 2.0, 0.05      # smallest edge [W], and over the largest power [1]
_LATER = 60.0           # after which it is asked where the power went [s]
_SEEN_MIN = 20          # samples at a level for its noise to be told
_QUIET, _UNSEEN = 0.3, -1.5             # floor of a noise [W], and what stands for none
_PEAKS = 8              # commonest whole watts


def level_features(x: np.ndarray, rate: float) -> dict[str, float]:
    """Return the features of one series. x : (n,) ≥ 0 [W]     rate : [Hz]"""
    out: dict[str, float] = {}
    top = x.max()
    on = x > max(_EDGE_MIN, 0.1 * top)
    _edges(out, x, top)
    sizes = np.histogram(x, _SIZES)[0] / len(x)
    _put(out, 'size', np.sqrt(sizes))
    _put(out, 'size_above', np.sqrt(above(sizes)))
    _peaks(out, x[on])
    later = int(np.clip(round(_LATER * rate), 1, max(1, len(x) // 8)))
    at = np.digitize(x, _LEVELS) - 1
    moves = np.bincount(at[:-later] * len(_LEVELS) + at[later:], minlength=len(_LEVELS) ** 2)
    _put(out, 'move', np.sqrt(moves / moves.sum()))
    for name, lag in (('next', 1), ('later', later)):
        change = np.abs(x[lag:] - x[:-lag])
        for level in range(len(_LEVELS)):
            here = change[at[lag:] == level]
            seen = len(here) > _SEEN_MIN
            out[f'noise_{name}_{level}_median'] = np.log(_QUIET + np.median(here)) if seen else _UNSEEN
            out[f'noise_{name}_{level}_mean'] = np.log(_QUIET + here.mean()) if seen else _UNSEEN
    step = np.abs(np.diff(x))[on[1:]]
    _put(out, 'on_step', np.log(0.1 + np.quantile(step, (.25, .5, .75, .9, .97))) if len(step) else np.zeros(5))
    rest = x[~on]
    _put(out, 'rest', np.log1p(np.quantile(rest, (.5, .9))) if len(rest) else np.full(2, -1.0))
    return out


def above(histogram: np.ndarray) -> np.ndarray:
    """Return (k − 1,) what lies in or above each bin of a histogram (k,), but for the lowest, which is all."""
    return np.cumsum(histogram[::-1])[-2::-1]


def _put(out: dict[str, float], name: str, values) -> None:
    out.update((f'{name}_{k}', float(value)) for k, value in enumerate(values))


def _edges(out, x: np.ndarray, top: float) -> None:
    """Count edges by size: where the change over two samples is larger than before and after."""
    change = x[2:] - x[:-2]
    size = np.abs(change)
    edge = change[1:-1][(size[1:-1] >= size[:-2]) & (size[1:-1] > size[2:])
                        & (size[1:-1] > max(_EDGE_MIN, _EDGE_SHARE * top))]
    for name, sizes in (('edge_up', edge[edge > 0]), ('edge_down', -edge[edge < 0])):
        count = np.histogram(sizes, _SIZES)[0]
        _put(out, name, np.log1p(count))
        _put(out, f'{name}_above', np.log1p(above(count)))
    out['edges'] = float(np.log1p(len(edge)))


def _peaks(out, active: np.ndarray) -> None:
    """How sharp the commonest levels are, in whole watts."""
    if len(active) <= 10:
        _put(out, 'peak', np.zeros(4 + _PEAKS))
        return
    watts, count = np.unique(np.rint(active), return_counts=True)
    best = count.argmax()
    beside = count[np.abs(watts - watts[best]) <= 2].sum()
    common = np.zeros(_PEAKS)
    common[:len(count)] = np.sort(count)[::-1][:_PEAKS]
    _put(out, 'peak', [np.log1p(watts[best]), count[best] / len(active), beside / len(active),
                       len(watts) / np.sqrt(len(active)), *(common / len(active))])
