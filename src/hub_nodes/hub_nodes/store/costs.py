"""What each outlet used and cost: energy counters of each hour times the prices that held then."""
from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from hub_nodes.store.backend import History
from hub_nodes.store.model import Record, Series

HOUR = 3600.0
QUARTER = 900.0            # finest step of a price [s]
DAYS_MAX = 400             # of one question
ISSUED_BEFORE = 3 * 86_400.0  # a price may have been told so long before it holds [s]
RECORDS_MAX = 20_000


@dataclass(frozen=True)
class Cost:
    """energy_kwh : drawn. [kWh]     cost : NaN = no price known. [currency]     priced : share of it with a price."""

    energy_kwh: float
    cost: float
    priced: float


def hourly_energy(counter: Series) -> np.ndarray:
    """Return what was drawn in each bin of an energy counter (n,), shape (n,). [kWh]

    What was drawn while nothing was heard counts in the bin that hears again; a counter that begins anew loses only
    what no reading told.
    """
    energy, last = np.zeros(len(counter.start)), math.nan
    for i in np.flatnonzero(counter.count):
        low, high = counter.minimum[i], counter.maximum[i]
        energy[i] = high - (last if last <= low else low)
        last = high
    return energy


def hourly_price(records: Iterable[Record], start: float, hours: int) -> tuple[np.ndarray, str]:
    """Return the import price of each hour from `start` [s], (hours,), NaN = not told [currency/kWh], and the currency.

    A later word replaces an earlier one. Records that cannot be read as prices are left out.
    """
    price, currency = np.full(hours * 4, np.nan), ''
    for record in records:
        data = record.data
        values, step = data.get('import_price') or [], data.get('step') or 0.0
        if not values or not step > 0 or None in values:
            continue
        at = start + QUARTER * (np.arange(len(price)) + 0.5)
        index = np.floor((at - data['start']) / step).astype(int)
        known = (index >= 0) & (index < len(values))
        price[known] = np.asarray(values, float)[index[known]]
        currency = data.get('currency', '') or currency
    quarters = price.reshape(hours, 4)
    told = np.isfinite(quarters)
    mean = np.divide(np.where(told, quarters, 0.0).sum(1), told.sum(1), out=np.full(hours, np.nan), where=told.any(1))
    return mean, currency


def costs(history: History, start: float, end: float) -> tuple[dict[str, Cost], str]:
    """Return the cost of every outlet ever heard over start … end [s], and the currency ('' = none told).

    ValueError when the time is empty or too long.
    """
    if not (math.isfinite(start) and start < end):
        raise ValueError('the end must be after the start')
    first = math.floor(start / HOUR) * HOUR
    hours = math.ceil((end - first) / HOUR)
    if hours > DAYS_MAX * 24:
        raise ValueError(f'at most {DAYS_MAX} days')
    told = history.records(('price',), start=first - ISSUED_BEFORE, end=end, limit=RECORDS_MAX, newest_first=True)
    price, currency = hourly_price(reversed(told), first, hours)
    made = {}
    for outlet in history.outlets():
        counter = history.aggregate(outlet, 'energy_kwh', first, first + hours * HOUR, HOUR)
        energy = hourly_energy(counter)
        total, known = math.fsum(energy), np.isfinite(price)
        priced = math.fsum(energy[known])
        made[outlet] = Cost(total, math.fsum(energy[known] * price[known]) if known.any() else math.nan,
                            priced / total if total > 0 else float(known.all()))
    return made, currency
