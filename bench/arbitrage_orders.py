"""Schedules of a day for an auction that takes the one that earns most: each best at prices the day may have.

A day-ahead auction takes groups of block orders of which it accepts at most one, the one of most welfare (exclusive
groups; Nord Pool and EPEX SPOT limit their number): so a bidder's schedule may follow the price though it must be told
before. Here a schedule buys in some hours and sells in others, which not every market takes as one order. Prices that
may come are the forecast with its own errors of past days, also turned round.
"""
from dataclasses import dataclass

import numpy as np

SEGMENTS = 950      # of the charge; with 95 % each way both powers are whole numbers of them an hour


@dataclass(frozen=True)
class Cell:
    """capacity : [kWh]     power : both ways [kW]     efficiency : each way [1]     wear : [currency/kWh discharged]"""

    capacity: float
    power: float
    efficiency: float
    wear: float

    @property
    def segment(self) -> float:
        """One step of the charge. [kWh]"""
        return self.capacity / SEGMENTS

    @property
    def steps(self) -> tuple[int, int]:
        """Most segments that go in and come out in an hour."""
        most = np.array([self.power * self.efficiency, self.power / self.efficiency]) / self.segment
        assert np.allclose(most, most.round(), atol=1e-6), 'the charge must be divided otherwise for this battery'
        return tuple(most.round().astype(int))

    def limits(self, price: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the worth of a stored kWh above which it buys, and below which it sells, at `price` (...)."""
        buy = price / self.efficiency
        return buy, np.minimum((price - self.wear) * self.efficiency, buy)     # never in circles

    def flows(self, charges: np.ndarray) -> np.ndarray:
        """Return (..., hours) power in [kW] of `charges` (..., hours + 1) in segments."""
        change = np.diff(charges, axis=-1) * self.segment
        return np.where(change > 0, change / self.efficiency, change * self.efficiency)


def schedules(cell: Cell, prices: np.ndarray, charge: float) -> np.ndarray:
    """Return (m, hours + 1) charges, in segments, that earn most at each of `prices` (m, hours), nothing being worth
    anything after. Exact, by dynamic programming over what each segment of charge is worth (Bellman 1957)."""
    up, down = cell.steps
    worth, after = np.zeros((len(prices), SEGMENTS)), []
    for price in prices.T[::-1]:
        after.append(worth)
        buy, sell = (limit[:, None] for limit in cell.limits(price))
        full = np.pad(worth[:, up:], ((0, 0), (0, up)), constant_values=-np.inf)
        empty = np.pad(worth[:, :-down], ((0, 0), (down, 0)), constant_values=np.inf)
        worth = np.maximum(full, np.minimum(buy, np.maximum(worth, np.minimum(sell, empty))))
    out = [np.full(len(prices), float(charge))]
    for price, worth in zip(prices.T, after[::-1], strict=True):
        buy, sell = cell.limits(price)
        high, low = (worth > buy[:, None] + 1e-12).sum(axis=1), (worth >= sell[:, None] - 1e-12).sum(axis=1)
        here = out[-1]
        out.append(np.where(high > here, np.minimum(high, here + up),
                            np.where(low < here, np.maximum(low, here - down), here)))
    return np.stack(out, axis=1)


def earned(cell: Cell, charges: np.ndarray, prices: np.ndarray) -> np.ndarray:
    """Return (k, m) what each of `charges` (k, hours + 1) earns at each of `prices` (m, hours), wear paid."""
    power = cell.flows(charges)
    return -(power @ prices.T) - cell.wear * np.maximum(-power, 0.0).sum(axis=1, keepdims=True)


def offered(cell: Cell, forecast: np.ndarray, errors: np.ndarray, charge: float, number: int) -> np.ndarray:
    """Return at most `number` schedules (k, hours + 1) of the day: one by one that which adds most to the mean of the
    best, over the prices that may come. forecast : (hours,)     errors : (days, hours) of the days before"""
    may = forecast + np.vstack([np.zeros_like(forecast), errors, -errors])
    each = np.unique(schedules(cell, may, charge).round(6), axis=0)
    profit = earned(cell, each, may)
    chosen, best = [], np.full(len(may), -np.inf)
    for _ in range(min(number, len(each))):
        means = np.maximum(profit, best).mean(axis=1)
        one = int(np.argmax(means))
        if chosen and means[one] <= best.mean() + 1e-12:
            break
        chosen.append(one)
        best = np.maximum(best, profit[one])
    return each[chosen]
