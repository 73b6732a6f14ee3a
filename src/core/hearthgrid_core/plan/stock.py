"""The battery under forecasts that may be wrong: how much charge is worth keeping, on average over what may come.

The dual of a plan is what a stored kWh is worth if all comes as foreseen: where the one foreseen noon fills the battery
it is worth next to nothing before. Here a dynamic program over the charge weighs samples of what the home may draw in
each stage; the battery answers each at its best, because the inner loop sees the real one. Costs are convex in the
charge, so four charges a stage are the whole answer (a base-stock policy): up to `buy` it charges from the grid, up to
`take` from the sun, down to `cover` it serves the home, down to `sell` the grid. A cloudy day stays cloudy for hours:
which way the day goes is a Markov chain, within each way values change from minute to minute. Charges lie on a grid.
"""
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .battery import Battery
from .device import KILO

LEVELS = 81         # charges that are looked at
DAYS = 2            # the last day is repeated beyond the end, because what is left then has no one worth
COARSE = 1.0        # stages of repeated days [h]
LASTS = 6.0         # what came otherwise than foreseen stays so for about as long [h]
NEAR = 5e-3         # prices so near to each other, as a share, are the same: sun is stored early, bought and sold late
POINTS = np.array([0.3, 0.4, 0.3])  # weights of 10, 50 and 90 % quantiles that give mean and spread (Swanson's rule)
SURE = 2.0          # of a charge that is asked for at the end, per kWh, in highest prices
Spread = tuple[np.ndarray, np.ndarray, np.ndarray]  # 10 %, 50 % (or mean) and 90 % quantiles, (n,) each [W]


@dataclass(frozen=True, eq=False)
class Chances:
    """What the home may draw beside what is planned.

    apart : (n, R, S) from it, in each of R ways the day may go that last for hours, S values that change at once [W]
    weight : (R,) sums to 1 [1]     Raises ValueError for what are no samples.
    """

    apart: np.ndarray
    weight: np.ndarray

    def __post_init__(self):
        apart, weight = np.asarray(self.apart, dtype=float), np.asarray(self.weight, dtype=float)
        if apart.ndim != 3 or weight.shape != apart.shape[1:2] or not np.isfinite(apart).all() \
                or not (weight >= 0).all() or abs(weight.sum() - 1.0) > 1e-6:
            raise ValueError(f'samples of shape {apart.shape} with weights of shape {weight.shape}')

    @classmethod
    def of(cls, samples: np.ndarray) -> 'Chances':
        """Return equally likely `samples` (n, R, S) [W], moved so that their mean is what is planned."""
        ways = samples.shape[1]
        return cls(samples - samples.mean(axis=(1, 2), keepdims=True), np.full(ways, 1.0 / ways))

    @classmethod
    def spread(cls, load: Spread, sun: Spread | None) -> 'Chances':
        """Return what two independent forecasts leave open, three points each. Their means stay those of the plan."""
        apart, weight = np.zeros((len(load[1]), 1)), np.ones(1)
        for sign, found in ((1.0, load), (-1.0, sun)):
            if found is not None:
                points = sign * (np.column_stack(found) - (np.column_stack(found) @ POINTS)[:, None])
                apart = (apart[:, :, None] + points[:, None, :]).reshape(len(apart), -1)
                weight = np.outer(weight, POINTS).ravel()
        return cls(apart[:, :, None], weight)


@dataclass(frozen=True, eq=False)
class Stage:
    """hours : [h]     buy, sell : [currency/kWh]     net : (R, S) the home draws without its battery [kW]
    import_max, export_max : [kW]"""

    hours: float
    buy: float
    sell: float
    net: np.ndarray
    import_max: float
    export_max: float


@dataclass(frozen=True, eq=False)
class Stock:
    """Charges of one stage, each a number or one for each way the day may go (R, 1). [kWh]"""

    buy: np.ndarray
    cover: np.ndarray
    take: np.ndarray
    sell: np.ndarray


@dataclass(frozen=True, eq=False)
class Course:
    """What the dynamic program found in n stages; ways are R, charges LEVELS.

    stages : those looked at     levels : (LEVELS,) charges [kWh]     stays : (n,) that a way lasts beyond a stage [1]
    before, after : (n, R, LEVELS) mean cost from its begin and from its end on, at its best [currency]
    mean : (n, LEVELS) of `after`, where nobody knows the way     limits : as `_limits`
    stock : (4, n, R, 1), as `_stock`, by way     moves : as `_moves`
    """

    battery: Battery
    stages: list[Stage]
    weight: np.ndarray
    levels: np.ndarray
    stays: np.ndarray
    before: np.ndarray
    after: np.ndarray
    mean: np.ndarray
    limits: np.ndarray
    stock: np.ndarray
    moves: tuple[np.ndarray, ...]

    def cost(self, energy: float) -> float:
        """Return the mean cost of all that follows, from a charge on [kWh]. [currency]"""
        return float(np.interp(energy, self.levels, self.weight @ self.before[0]))

    def stocks(self) -> list[Stock]:
        """Return the charges of each stage, as they are best while nobody knows which way the day goes."""
        found = _stock(self.levels, self.mean, self.limits[:, None, :])
        return [Stock(*charges) for charges in zip(*(each[:, None] for each in found), strict=True)]

    def likely(self, energy: float) -> np.ndarray:
        """Return (n, R, LEVELS) how likely the home begins each stage in each way with each charge. [1]"""
        levels, weight, ways = self.levels, self.weight[:, None], len(self.weight)
        place = np.interp(energy, levels, np.arange(LEVELS))
        under = min(int(place), LEVELS - 2)
        now = np.zeros((ways, LEVELS))
        now[:, under:under + 2] = weight * (1.0 - place + under, place - under)
        out = np.empty_like(self.after)
        for k in range(len(self.stages)):
            out[k] = now
            up, down = _ends(levels, self.stock[:, k], [move[k] for move in self.moves])
            place = np.clip((up + down - levels - levels[0]) / (levels[1] - levels[0]), 0.0, LEVELS - 1.0)
            under = np.minimum(place.astype(np.intp), LEVELS - 2)
            share = np.broadcast_to(now[:, None, :] / place.shape[1], place.shape)
            at = (under + LEVELS * np.arange(ways)[:, None, None]).ravel()
            upper = share * (place - under)
            then = (np.bincount(at, (share - upper).ravel(), ways * LEVELS)
                    + np.bincount(at + 1, upper.ravel(), ways * LEVELS)).reshape(ways, LEVELS)
            now = self.stays[k] * then + (1.0 - self.stays[k]) * weight * then.sum(axis=0)
        return out

    def further(self, likely: np.ndarray, stages: np.ndarray, power: float) -> np.ndarray:
        """Return (len(stages),) what drawing so much more [kW] in one of these stages would cost on average. [currency]

        likely : as `likely`, of the charge there is     The battery answers it at its best, then and afterwards.
        """
        moves = _moves(self.battery, [self.stages[k] for k in stages], self.levels, power)
        cost = _before(self.levels, self.after[stages], self.stock[:, stages], moves)
        return (likely[stages] * (cost - self.before[stages])).sum(axis=(1, 2))


def ahead(battery: Battery, stages: list[Stage], beyond: list[Stage], weight: np.ndarray, worth: float,
          lasts: float = LASTS) -> np.ndarray:
    """Return (R, LEVELS) the mean cost of what follows from the end of `stages` on: of those `beyond`. [currency]

    worth : of a kWh left after all [currency/kWh], where no charge is asked for at the end of the stages
    """
    levels = _levels(battery)
    if battery.final is not None:
        most = SURE * max(max(abs(stage.buy) for stage in stages), 1e-6)
        return np.tile(np.maximum(battery.final - levels, 0.0) * most, (len(weight), 1))
    value = np.tile(-worth * levels, (len(weight), 1))
    return course(battery, beyond, value, weight, lasts).before[0] if beyond else value


def course(battery: Battery, stages: list[Stage], follows: np.ndarray, weight: np.ndarray,
           lasts: float = LASTS) -> Course:
    """Return the way through `stages` that is best on average.

    follows : as `ahead`     lasts : mean time until the day goes another way [h]
    """
    levels, count, value = _levels(battery), len(stages), follows
    before, after = np.empty((2, count, *value.shape))
    mean, stock = np.empty((count, LEVELS)), np.empty((4, count, len(value), 1))
    limits, moves = _limits(battery, stages), _moves(battery, stages, levels)
    stays = np.exp(-np.array([stage.hours for stage in stages]) / lasts) if lasts > 0 else np.zeros(count)
    for k in range(count - 1, -1, -1):
        mean[k] = weight @ value
        after[k] = value = stays[k] * value + (1.0 - stays[k]) * mean[k]
        stock[:, k] = _stock(levels, value, limits[k])
        before[k] = value = _before(levels, value, stock[:, k], [move[k] for move in moves])
    return Course(battery, stages, weight, levels, stays, before, after, mean, limits, stock, moves)


def repeated(stages: list[Stage], day: int) -> list[Stage]:
    """Return the last `day` stages again, as the days beyond the end are looked at."""
    return together(stages[len(stages) - day:], COARSE) * DAYS if day else []


def together(stages: list[Stage], hours: float) -> list[Stage]:
    """Return fewer stages, each of at least `hours` [h] while there are as many: means over time of what they join."""
    out: list[Stage] = []
    for stage in stages:
        if out and out[-1].hours < hours - 1e-9:
            last, both = out[-1], out[-1].hours + stage.hours
            old, new = last.hours / both, stage.hours / both
            joined = (old * getattr(last, name) + new * getattr(stage, name)
                      for name in ('buy', 'sell', 'net', 'import_max', 'export_max'))
            out[-1] = Stage(both, *joined)
        else:
            out.append(stage)
    return out


def _levels(battery: Battery) -> np.ndarray:
    return np.linspace(battery.reserve, battery.capacity, LEVELS)


def _limits(battery: Battery, stages: list[Stage]) -> np.ndarray:
    """Return (stages, 4) above which worth of a stored kWh each flow is worth it. [currency/kWh]"""
    into, out = battery.charge_efficiency, battery.discharge_efficiency
    buy, sell = np.array([(stage.buy, stage.sell) for stage in stages]).T
    price = np.stack([buy / into, (buy - battery.wear_price) * out, sell / into, (sell - battery.wear_price) * out])
    return (price + np.array([[0.0], [NEAR], [-NEAR], [-NEAR]]) * np.abs(price) + 1e-9).T


def _stock(levels: np.ndarray, value: np.ndarray, limits: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return to which charge each flow is worth it, where `value` (R, LEVELS) is the cost that follows: (R, 1) each.

    limits : (4,) or (R, 1, 4) as `_limits`, in the order of `Stock`
    """
    worth = np.minimum.accumulate((value[:, :-1] - value[:, 1:]) / (levels[1] - levels[0]), axis=1)
    found = levels[(worth[:, :, None] > limits).sum(axis=1)]
    # Where prices reward going in circles it rests: a battery is no load.
    buy = found[:, :1]
    cover, take = np.maximum(found[:, 1:2], buy), np.maximum(found[:, 2:3], buy)
    return buy, cover, take, np.maximum(np.maximum(found[:, 3:], take), cover)


def _moves(battery: Battery, stages: list[Stage], levels: np.ndarray, more: float = 0.0) -> tuple[np.ndarray, ...]:
    """Return for each stage the draw without the battery (R, S, 1) [kW], and (R, S, LEVELS) each charge [kWh] after
    what the home needs of it, after the most that comes out, after what the sun has to spare, after the most that goes
    in; then (1, 1, 1) each how many kW a kWh in and out is, hours, what is paid for a kWh, what more when it is bought
    than sold, and the price of wear. more : that the home draws in each [kW]"""
    net = np.array([stage.net for stage in stages])[..., None] + more
    hours, buy, sell, import_max, export_max = np.array([
        (stage.hours, stage.buy, stage.sell, stage.import_max, stage.export_max)
        for stage in stages]).T[:, :, None, None, None]
    into, out = hours * battery.charge_efficiency, hours / battery.discharge_efficiency
    most_in, most_out = battery.charge_max / KILO, battery.discharge_max / KILO
    needs, spare = np.clip(net, 0.0, most_out) * out, np.clip(-net, 0.0, most_in) * into
    return (net, levels - needs, levels - np.maximum(np.minimum(most_out, export_max + net) * out, needs),
            levels + spare, levels + np.maximum(np.minimum(most_in, import_max - net) * into, spare),
            1.0 / into, 1.0 / out, hours, sell, buy - sell, np.full_like(hours, battery.wear_price))


def _before(levels: np.ndarray, value: np.ndarray, stock: Sequence[np.ndarray],
            moves: Sequence[np.ndarray]) -> np.ndarray:
    """Return (…, R, LEVELS) the mean cost from before a stage on, where `value` is that from its end on.

    stock : as `_stock`     moves : of this stage, as `_moves`; or all of it for several stages at once
    """
    net, *_, into, out, hours, sell, more, wear = moves
    up, down = _ends(levels, stock, moves)
    flow = up + down - 2.0 * levels     # of the two, one is always the charge
    power = np.maximum(flow, 0.0) * into
    given = np.maximum(-flow, 0.0) * out
    grid = net + power - given
    cost = hours * (sell * grid + more * np.maximum(grid, 0.0) + wear * given)
    place = (up + down - levels - levels[0]) / (levels[1] - levels[0])
    under = np.minimum(place.astype(np.intp), LEVELS - 2)   # no charge lies below the lowest level
    at = under + LEVELS * np.arange(value.size // LEVELS).reshape(*value.shape[:-1], 1, 1)
    low = value.take(at)
    cost += low + (place - under) * (value.take(at + 1) - low)
    return cost[..., 0, :] if cost.shape[-2] == 1 else cost.mean(axis=-2)


def _ends(levels: np.ndarray, stock: Sequence[np.ndarray],
          moves: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return (…, R, S, LEVELS) where each charge ends when it rises and when it falls: one of them is the charge."""
    _, served, emptied, spared, filled, *_ = moves
    buy_to, cover, take, sell_to = (each[..., None] for each in stock)
    down = np.maximum(np.minimum(levels, cover), served)
    down = np.where(served > sell_to, np.maximum(sell_to, emptied), down)
    up = np.minimum(np.maximum(levels, take), spared)
    return np.where(spared < buy_to, np.minimum(buy_to, filled), up), down
