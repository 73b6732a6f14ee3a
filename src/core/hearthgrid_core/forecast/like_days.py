"""What followed on days like today: quantiles of the same hours then, each day weighted by how like and how recent.

An analog forecast (Lorenz 1969, doi:10.1175/1520-0469(1969)26<636:APARBN>2.0.CO;2) with the smooth weights of kernel
regression (Nadaraya 1964, doi:10.1137/1109020), and a weighted median in place of the mean: it has the least absolute
error. Nothing is fitted; what the weights are made of was chosen on development days, see docs/planning.md.
"""
import numpy as np

from .baselines import HOUR, fading_share
from .series import DAY
from .settings import ForecastSettings

BACK = 56               # days looked back on
EVENING = 6             # hours before the forecast that are compared, beside the mean of the day before it
LIKENESS = 0.6          # difference that takes 1/e of the weight, in standard deviations of the past [1]
HALF_LIFE = 10.0        # after which a day counts half [d]
OTHER_KIND = 0.5        # weight of a working day for a weekend and of a weekend for a working day [1]
BESIDE = 0.3            # weight of the hours before and after the same hour [1]
MONDAY = 4              # day of the epoch


def like_days(past: np.ndarray, origin: int, start: float, settings: ForecastSettings,
              levels: tuple[float, ...], scaled: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Return (count,) mean and (levels, count) quantiles from step `origin` on; nothing from there on is looked at.

    All are moved by how far the last hour lies from what days like it had then; that fades with the blend time.
    past : (n,) without gaps     origin : at least a day more than is forecast     start : of past [s]
    scaled : all are multiplied by the share it had of that instead, which fades as the sky does
    Raises ValueError for an earlier origin.
    """
    s, day, near = settings, settings.steps_a_day, max(1, round(HOUR / settings.step))
    back = np.arange(1, min(BACK, origin // day - 1) + 1)                       # days
    if len(back) < -(-s.count // day):
        raise ValueError(f'{origin} steps are too few to look {s.count} ahead')
    ends = origin - day * np.concatenate(([0], back))
    evening = np.stack([past[end - EVENING * near:end].reshape(EVENING, near).mean(axis=1) for end in ends])
    level = np.array([past[end - day:end].mean() for end in ends])
    spread = past[ends[-1]:origin].std()
    apart = np.abs(evening[1:] - evening[0]).mean(axis=1) + np.abs(level[1:] - level[0])
    alike = np.exp(-apart / (LIKENESS * spread)) if spread > 0 else np.ones(len(back))
    weight = alike * 0.5**(back / HALF_LIFE) + 1e-9      # where no day is alike all are again

    target = origin + np.arange(-near, s.count)
    places = target - day * back[:, None]                                      # (days, count)
    weekend = _weekend(start + s.step * target)
    same = np.where(_weekend(start + s.step * places) == weekend, 1.0, OTHER_KIND)
    places = np.concatenate([places, places - near, places + near])
    weights = np.concatenate([weight[:, None] * same * beside for beside in (1.0, BESIDE, BESIDE)])
    known = (places >= 0) & (places < origin)
    weights = np.where(known, weights, 0.0)
    values = past[np.where(known, places, 0)]

    order = np.argsort(values, axis=0, kind='stable')
    values, weights = np.take_along_axis(values, order, 0), np.take_along_axis(weights, order, 0)
    share = np.cumsum(weights, axis=0)
    total = share[-1]
    rows = [(share >= level * total).argmax(axis=0) for level in (0.5, *levels)]
    middle, *quantiles = (values[row, np.arange(len(target))] for row in rows)
    mean, last = (values * weights).sum(axis=0) / total, past[origin - near:origin]
    if scaled:
        share = fading_share(last, mean[:near], float(past[origin - day:origin].max()), s.count, s)
        return mean[near:] * share, np.stack(quantiles)[:, near:] * share
    fading = np.exp(-np.arange(s.count) * s.step / s.blend_time)
    # Each by its own: the mean of what people draw lies far above its median.
    return (mean[near:] + (last.mean() - mean[:near].mean()) * fading,
            np.stack(quantiles)[:, near:] + (last.mean() - middle[:near].mean()) * fading)


def _weekend(time: np.ndarray) -> np.ndarray:
    """Whether times [s] lie on a Saturday or Sunday of the UTC calendar."""
    return (time // DAY - MONDAY) % 7 >= 5
