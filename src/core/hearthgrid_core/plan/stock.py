"""The battery under forecasts that may be wrong: how much charge is worth keeping, on average over what may come.

The dual of a plan is what a stored kWh is worth if all comes as foreseen: where the one foreseen noon fills the battery
it is worth next to nothing before. Here a dynamic program over the charge weighs samples of what the home may draw in
each stage; the battery answers each at its best, because the inner loop sees the real one. Costs are convex in the
charge, so four charges a stage are the whole answer (a base-stock policy): up to `buy` it charges from the grid, up to
`take` from the sun, down to `cover` it serves the home, down to `sell` the grid. A cloudy day stays cloudy for hours:
which way the day goes is a Markov chain, within each way values change from minute to minute. Charges lie on a grid.
"""
from dataclasses import dataclass

import numpy as np

from .battery import Battery
from .device import KILO
from .grid import Grid
from .guide import Guide
from .horizon import HOUR, Horizon

LEVELS = 81         # charges that are looked at
STAGE = 900.0       # shorter steps are taken together [s]
SOON = 6.0          # beyond it two stages are one, where steps are no longer than a stage [h]
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


def policy(battery: Battery, stages: list[Stage], weight: np.ndarray, worth: float, day: int,
           lasts: float = LASTS) -> list[Stock]:
    """Return the charges of each stage, as they are best while nobody knows which way the day goes.

    worth : of a kWh left after all [currency/kWh]     day : stages of the last day, which is repeated beyond the end
    lasts : mean time until the day goes another way [h]
    """
    levels = np.linspace(battery.reserve, battery.capacity, LEVELS)
    value = -worth * levels
    if battery.final is not None:
        most = SURE * max(max(abs(stage.buy) for stage in stages), 1e-6)
        value, day = np.maximum(battery.final - levels, 0.0) * most, 0
    value, means = np.tile(value, (len(weight), 1)), np.empty((len(stages), len(levels)))
    beyond = together(stages[len(stages) - day:], COARSE) * DAYS if day else []
    every = [*stages, *beyond]
    limits, moves = _limits(battery, every), _moves(battery, every, levels)
    stays = np.exp(-np.array([stage.hours for stage in every]) / lasts) if lasts > 0 else np.zeros(len(every))
    for k in range(len(every) - 1, -1, -1):
        mean = weight @ value
        if k < len(stages):
            means[k] = mean
        value = stays[k] * value + (1.0 - stays[k]) * mean
        value = _before(every[k], levels, value, _stock(levels, value, limits[k]), [move[k] for move in moves])
    found = _stock(levels, means, limits[:len(stages), None, :])
    return [Stock(*charges) for charges in zip(*(each[:, None] for each in found), strict=True)]


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


def _moves(battery: Battery, stages: list[Stage], levels: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return for each stage the draw without the battery (R, S, 1) [kW], and (R, S, LEVELS) each charge [kWh] after
    what the home needs of it, after the most that comes out, after what the sun has to spare, after the most that goes
    in; then how many kW a kWh in and out is, (2,), and the price of wear."""
    net = np.array([stage.net for stage in stages])[..., None]
    hours, import_max, export_max = np.array([(stage.hours, stage.import_max, stage.export_max)
                                              for stage in stages]).T[:, :, None, None, None]
    into, out = hours * battery.charge_efficiency, hours / battery.discharge_efficiency
    most_in, most_out = battery.charge_max / KILO, battery.discharge_max / KILO
    needs, spare = np.clip(net, 0.0, most_out) * out, np.clip(-net, 0.0, most_in) * into
    return (net, levels - needs, levels - np.maximum(np.minimum(most_out, export_max + net) * out, needs),
            levels + spare, levels + np.maximum(np.minimum(most_in, import_max - net) * into, spare),
            np.stack([1.0 / into, 1.0 / out], axis=1)[:, :, 0, 0, 0], np.full(len(stages), battery.wear_price))


def _before(stage: Stage, levels: np.ndarray, value: np.ndarray, stock: tuple[np.ndarray, ...],
            moves: list[np.ndarray]) -> np.ndarray:
    """Return (R, LEVELS) the mean cost from before the stage on, where `value` is that from its end on.

    stock : as `_stock`     moves : of this stage, as `_moves`
    """
    net, served, emptied, spared, filled, (into, out), wear = moves
    buy_to, cover, take, sell_to = (each[:, :, None] for each in stock)
    down = np.maximum(np.minimum(levels, cover), served)
    down = np.where(served > sell_to, np.maximum(sell_to, emptied), down)
    up = np.minimum(np.maximum(levels, take), spared)
    up = np.where(spared < buy_to, np.minimum(buy_to, filled), up)
    flow = up + down - 2.0 * levels     # of the two, one is always the charge
    power = np.maximum(flow, 0.0) * into
    given = np.maximum(-flow, 0.0) * out
    grid = net + power - given
    cost = stage.hours * (stage.sell * grid + (stage.buy - stage.sell) * np.maximum(grid, 0.0) + wear * given)
    place = (up + down - levels - levels[0]) / (levels[1] - levels[0])
    under = np.minimum(place.astype(np.intp), LEVELS - 2)   # no charge lies below the lowest level
    at = under + LEVELS * np.arange(len(value))[:, None, None]
    low = value.take(at)
    cost += low + (place - under) * (value.take(at + 1) - low)
    return cost[:, 0] if cost.shape[1] == 1 else cost.mean(axis=1)


def cautious(battery: Battery, horizon: Horizon, grid: Grid, net: np.ndarray, energy: np.ndarray, chances: Chances,
             worth: float, curtailable: bool = False) -> Guide | None:
    """Return what the inner loop holds in each step; None where the plan's own guide knows more.

    net : (n,) planned draw without the battery [W]     energy : (n,) planned, at the end of each step [kWh]
    worth : of a kWh left at the end [currency/kWh]     A peak price, what the utility asks of the battery, a reserve to
    be filled and export above import are the plan's business alone.
    """
    buy, sell = grid.steering_price, np.maximum(grid.export_price, 0.0) if curtailable else grid.export_price
    if grid.tariff.peak_price > 0 or battery.asked is not None or battery.energy < battery.reserve - 1e-6 \
            or (sell > buy).any() or battery.capacity - battery.reserve < 1e-6 or len(chances.apart) != len(net) \
            or not chances.apart.any():
        return None
    each = max(1, round(STAGE / horizon.step))
    number = np.arange(horizon.count) // each
    if each * horizon.step <= STAGE:
        soon = round(SOON * HOUR / (each * horizon.step))
        number = np.where(number < soon, number, soon + (number - soon) // 2)
    hours = np.bincount(number, horizon.hours)

    def mean(values: np.ndarray) -> np.ndarray:
        return np.bincount(number, values * horizon.hours) / hours

    share = (horizon.hours / hours[number])[:, None, None]
    samples = np.zeros((len(hours), *chances.apart.shape[1:]))
    np.add.at(samples, number, share * (net[:, None, None] + chances.apart) / KILO)
    parts = (hours, mean(buy), mean(sell), samples, mean(np.minimum(grid.import_max, 1e9)) / KILO,
             mean(np.minimum(grid.export_max, 1e9)) / KILO)
    stages = [Stage(*row) for row in zip(*parts, strict=True)]
    last = horizon.count - round(24 * HOUR / horizon.step)
    day = len(stages) - int(number[last]) if last >= 0 else 0
    stocks = policy(battery, stages, chances.weight, worth, day)
    before = np.concatenate(([min(battery.energy, battery.capacity)], energy[:-1]))
    up_to, cover, take, down_to = (np.array([getattr(stock, name).item() for stock in stocks])[number]
                                   for name in ('buy', 'cover', 'take', 'sell'))
    left = np.maximum(hours[number], 1e-3)
    buying = np.clip((up_to - before) / battery.charge_efficiency / left * KILO, 0.0, battery.charge_max)
    selling = np.clip((before - down_to) * battery.discharge_efficiency / left * KILO, 0.0, battery.discharge_max)
    none = np.full(horizon.count, np.inf)
    return Guide(np.where(selling > 0, -none, 0.0), np.where(buying > 0, none, 0.0), buying - selling,
                 np.where(selling > 0, np.minimum(cover, down_to), cover), take)
