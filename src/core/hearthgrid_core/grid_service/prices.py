"""Prices of the utility's events laid over those the home knows from elsewhere."""
import math
from dataclasses import dataclass

import numpy as np

from hearthgrid_core.grid_service.event import Kind
from hearthgrid_core.grid_service.programme import Programme

STEPS_MAX = 576
STEPS = (3600.0, 1800.0, 900.0, 300.0)      # lengths of a step that are tried, the longest first [s]
AHEAD = 48 * 3600.0     # how far events are looked at where no other prices are known [s]


@dataclass(frozen=True, eq=False)
class Prices:
    """Prices in steps of `step` [s] from `start` [s].

    import_price, export_price : (n,) [currency/kWh]     carbon : (n,) or (0,) = not known [kg/kWh]
    """

    start: float
    step: float
    import_price: np.ndarray
    export_price: np.ndarray
    carbon: np.ndarray
    currency: str

    def __post_init__(self) -> None:
        n = len(self.import_price)
        if not n or len(self.export_price) != n or len(self.carbon) not in (0, n) or not self.step > 0:
            raise ValueError(f'{n} import prices, {len(self.export_price)} export prices, {len(self.carbon)} of carbon')
        if not all(np.isfinite(a).all() for a in (self.import_price, self.export_price, self.carbon)):
            raise ValueError('a price is not a number')

    @property
    def end(self) -> float:
        """When the last step ends. [s]"""
        return self.start + self.step * len(self.import_price)


def overlay(programme: Programme, base: Prices | None, now: float, currency: str, export_price: float) -> Prices | None:
    """Return the prices with those of taken events in their place; None when no event sets any from now on.

    base : prices from elsewhere; without them the events' own, the hours that no event covers at their mean
    currency, export_price : of the home, where neither base nor event says
    """
    kinds = (Kind.PRICE, Kind.EXPORT_PRICE, Kind.CARBON)
    horizon = base.end if base and base.end > now else now + AHEAD
    edges = programme.boundaries(now, horizon, kinds)
    if not edges and not any(programme.taken(kind, now) for kind in kinds):
        return None
    if base is not None and base.end <= now:
        base = None
    if base is None:
        if Kind.PRICE not in {kind for edge in (now, *edges) for kind in kinds if programme.taken(kind, edge)}:
            return None     # an export price alone is no tariff
        horizon = max(edge for edge in (*edges, now + 3600.0))
    step = _step(base, edges)
    start = math.floor(now / step) * step if base is None else base.start + math.floor(
        max(now - base.start, 0.0) / step) * step
    count = max(1, min(STEPS_MAX, math.ceil((horizon - start) / step - 1e-9)))
    series = {kind: _means(programme, kind, _base(base, kind), start, step, count) for kind in kinds}
    bought = series[Kind.PRICE]
    bought = np.where(np.isnan(bought), np.nanmean(bought), bought)
    sold = np.where(np.isnan(series[Kind.EXPORT_PRICE]), export_price, series[Kind.EXPORT_PRICE])
    carbon = series[Kind.CARBON]
    if np.isnan(carbon).all():
        carbon = np.empty(0)
    else:
        carbon = np.where(np.isnan(carbon), np.nanmean(carbon), carbon)
    return Prices(start, step, bought, sold, carbon, base.currency if base else currency)


def _step(base: Prices | None, edges: list[float]) -> float:
    """Return the longest step of which all edges are multiples, or the shortest there is."""
    for step in sorted({*STEPS, base.step} if base else STEPS, reverse=True):
        anchor = base.start if base else 0.0
        if (base is None or abs(base.step / step - round(base.step / step)) < 1e-9 and step <= base.step) and all(
                abs((edge - anchor) / step - round((edge - anchor) / step)) < 1e-6 for edge in edges):
            return step
    return min(base.step, STEPS[-1]) if base else STEPS[-1]


def _base(base: Prices | None, kind: Kind):
    if base is None:
        return None
    values = {Kind.PRICE: base.import_price, Kind.EXPORT_PRICE: base.export_price, Kind.CARBON: base.carbon}[kind]
    return (base.start, base.step, values) if len(values) else None


def _means(programme: Programme, kind: Kind, base, start: float, step: float, count: int) -> np.ndarray:
    """Return the mean over each step, weighted by time, of event or base; NaN where neither says. (count,)"""
    out = np.full(count, math.nan)
    edges = programme.boundaries(start, start + step * count, [kind])
    if base:
        edges = sorted({*edges, *(base[0] + base[1] * np.arange(len(base[2]) + 1)).tolist()})
    position = 0
    for k in range(count):
        first, last = start + k * step, start + (k + 1) * step
        while position < len(edges) and edges[position] <= first:
            position += 1
        cuts, ahead = [first], position
        while ahead < len(edges) and edges[ahead] < last:
            cuts.append(edges[ahead])
            ahead += 1
        cuts.append(last)
        weight = total = 0.0
        for begin, end in zip(cuts, cuts[1:], strict=False):
            held = programme.taken(kind, begin)
            value = held[1] if held else _value(base, begin)
            if not math.isnan(value):
                weight, total = weight + end - begin, total + value * (end - begin)
        if weight:
            out[k] = total / weight
    return out


def _value(base, time: float) -> float:
    if base is None:
        return math.nan
    index = math.floor((time - base[0]) / base[1] + 1e-9)
    return float(base[2][index]) if 0 <= index < len(base[2]) else math.nan
