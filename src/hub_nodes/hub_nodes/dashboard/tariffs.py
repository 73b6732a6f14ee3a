"""What a time cost, and what it would have cost to do nothing: the same use, all of it bought as it came. Pure."""
import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass

from hub_nodes.dashboard import values

STEP = 60.0        # of the power that is summed [s]
KEPT = 4 * 24 * 4  # steps of prices remembered
KWH = 3.6e6        # [J]


class Tariffs:
    """Prices of steps that have passed: a series ahead soon begins later than the day. Safe between threads."""

    def __init__(self) -> None:
        self._steps: dict[float, tuple[float, float, float]] = {}  # start: end [s], buying, selling [currency/kWh]
        self._lock = threading.Lock()

    def take(self, prices: values.Prices) -> None:
        """Remember a series; where it says something else than an earlier one, it is right."""
        with self._lock:
            for i, buy in enumerate(prices.import_price[:KEPT]):
                start = prices.start + i * prices.step
                sell = prices.export_price[i] if i < len(prices.export_price) else math.nan
                self._steps.pop(start, None)
                self._steps[start] = start + prices.step, buy, sell
            while len(self._steps) > 2 * KEPT:
                self._steps.pop(min(self._steps))

    def between(self, start: float, end: float) -> list[tuple[float, float, float, float]]:
        """Return start, end [s], buying and selling price [currency/kWh] of the steps that touch this time."""
        with self._lock:
            return sorted((at, *row) for at, row in self._steps.items() if at < end and row[0] > start)


@dataclass(frozen=True)
class Account:
    """cost : bought less sold     idle : all that was used, bought [currency]     stored : into the battery [kWh]
    price : mean of buying [currency/kWh]     priced : share of the time
    """

    cost: float
    idle: float
    stored: float
    price: float
    priced: float

    @property
    def saved(self) -> float:
        """Against doing nothing; what went into the battery counts at the mean price. [currency]"""
        return self.idle - self.cost + self.stored * self.price


def account(grid: values.History, solar: values.History | None, stores: Sequence[values.History],
            tariffs: Tariffs, step: float = STEP) -> Account | None:
    """Return the account of mean powers a step [W]; None when no price of that time is known. stores : each battery"""
    def means(history: values.History | None) -> dict[float, float]:
        return dict(zip(history.start, history.mean, strict=True)) if history else {}

    sun, *batteries = means(solar), *(means(store) for store in stores)
    known = [(at, watts) for at, watts in means(grid).items() if math.isfinite(watts)]
    if not known:
        return None
    prices = tariffs.between(known[0][0], known[-1][0] + step)
    cost = idle = stored = paid = 0.0
    priced = 0
    for at, watts in known:
        # load = grid − solar − battery: solar reads below zero as it gives, a battery above zero as it charges
        charging = math.fsum(one[at] for one in batteries if math.isfinite(one.get(at, math.nan)))
        load = watts - charging - (sun[at] if math.isfinite(sun.get(at, math.nan)) else 0.0)
        row = next((one for one in prices if one[0] <= at < one[1]), None)
        if row is None or math.isnan(row[2]):
            continue
        buy, sell = row[2], row[3] if math.isfinite(row[3]) else 0.0
        cost += watts * step / KWH * (buy if watts >= 0 else sell)
        stored += charging * step / KWH
        paid += buy
        idle += max(0.0, load) * step / KWH * buy
        priced += 1
    return Account(cost, idle, stored, paid / priced, priced / len(known)) if priced else None
