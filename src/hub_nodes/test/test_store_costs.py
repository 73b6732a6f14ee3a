"""Costs: counters into energy, prices into hours, and both into money."""
import json
import math

import numpy as np
import pytest

from hub_nodes.store.backend import Retention
from hub_nodes.store.costs import HOUR, costs, hourly_energy, hourly_price
from hub_nodes.store.history import FILE
from hub_nodes.store.model import READING, Batch, Record, Series
from hub_nodes.store.sqlite import SqliteBackend

START = 1_790_000_000 // 3600 * 3600.0


def counter(*bins):
    """Bins of (smallest, largest), None = nothing heard."""
    low, high = (np.array([math.nan if b is None else b[i] for b in bins]) for i in (0, 1))
    count = np.array([0 if b is None else 2 for b in bins])
    return Series(START + HOUR * np.arange(len(bins)), low, low, high, count, HOUR, 'kWh')


@pytest.mark.parametrize('bins, energy', [
    ([(1.0, 1.5), (1.6, 2.0)], [0.5, 0.5]),                # what fell between two bins belongs to the later
    ([(1.0, 1.5), None, (2.5, 2.6)], [0.5, 0.0, 1.1]),     # so does what was drawn unheard
    ([(7.0, 7.5), (0.0, 0.2)], [0.5, 0.2]),                # the counter began anew
    ([None, None], [0.0, 0.0]),
])
def test_energy_of_each_hour(bins, energy):
    np.testing.assert_allclose(hourly_energy(counter(*bins)), energy)


def price(start, values, step=HOUR, at=START, currency='EUR'):
    return Record('price', 'market', at, json.dumps(
        {'start': start, 'step': step, 'import_price': values, 'currency': currency}))


@pytest.mark.parametrize('told, expected', [
    ([price(START, [0.1, 0.2])], [0.1, 0.2, math.nan]),
    ([price(START, [0.1, 0.2]), price(START + HOUR, [0.5, 0.6])], [0.1, 0.5, 0.6]),   # a later word holds
    ([price(START, [0.1, 0.2, 0.3, 0.4] * 2, step=900.0)], [0.25, 0.25, math.nan]),
    ([price(START - HOUR, [9.0, 0.1])], [0.1, math.nan, math.nan]),
    ([price(START, []), price(START, [0.1], step=0.0), price(START, [None])], [math.nan] * 3),
    ([], [math.nan] * 3),
])
def test_price_of_each_hour(told, expected):
    np.testing.assert_allclose(hourly_price(told, START, 3)[0], expected)


@pytest.fixture
def database(tmp_path):
    backend = SqliteBackend(tmp_path / FILE, Retention(readings=3650.0))
    backend.open()
    yield backend
    backend.close()


def write(backend, outlet, hours, kwh):
    rows = np.zeros(len(hours), READING)
    rows['time'], rows['energy_kwh'], rows['duration'] = (START + np.array(hours) * HOUR) * 1000, kwh, 1.0
    backend.write(Batch(rows, (outlet,)))


def test_money_of_each_outlet(database):
    write(database, 'kettle', [0.1, 0.9, 1.5, 2.5], [5.0, 6.0, 8.0, 8.5])
    write(database, 'lamp', [0.5, 2.5], [1.0, 1.0])
    database.write(Batch(records=[price(START, [0.10, 0.30])]))
    made, currency = costs(database.history(), START, START + 3 * HOUR)
    assert currency == 'EUR'
    assert made['kettle'].energy_kwh == pytest.approx(3.5)
    assert made['kettle'].cost == pytest.approx(1.0 * 0.10 + 2.0 * 0.30)
    assert made['kettle'].priced == pytest.approx(3.0 / 3.5)
    assert made['lamp'].energy_kwh == 0.0 and made['lamp'].cost == 0.0


def test_without_prices_there_is_no_cost(database):
    write(database, 'kettle', [0.1, 0.9], [5.0, 6.0])
    made, currency = costs(database.history(), START, START + HOUR)
    assert currency == '' and math.isnan(made['kettle'].cost) and made['kettle'].priced == 0.0


@pytest.mark.parametrize('start, end', [(START, START), (START + 1, START), (math.nan, START), (0.0, START)])
def test_times_that_cannot_be_asked(database, start, end):
    with pytest.raises(ValueError):
        costs(database.history(), start, end)
