"""The plain checker must notice every kind of wrong plan."""
from dataclasses import replace

import numpy as np
import pytest

from hearthgrid_core.plan import (
    Battery,
    BlockJob,
    InterruptibleJob,
    OptionalLoad,
    Photovoltaic,
    Thermostatic,
    check,
)

PRICE = np.array([0.3, 0.3, 0.1, 0.1, 0.1, 0.3, 0.4, 0.4])


@pytest.fixture
def planned(house):
    devices = (Photovoltaic(np.full(8, 200.0)), Battery(5.0, 2.0, 2000.0, 2000.0, reserve=1.0),
               BlockJob('washer', 3.0, 1000.0, house.at(7), earliest=house.at(1)),
               InterruptibleJob('car', 3.5, 1000.0, house.at(7)),
               OptionalLoad('pump', 300.0, 0.2, np.array([1, 1, 1, 1, 0, 0, 0, 0])),
               Thermostatic('boiler', 2000.0, 1.0, 0.05, 4e5, 55.0, 50.0, 60.0, np.full(8, 20.0)))
    problem = house.problem(PRICE, *devices, import_max=5000.0)
    result = house.plan(problem)
    assert check(result, problem.devices, problem.grid) == []
    return problem, result


def tampered(result, name, **changes):
    return replace(result, schedules=tuple(replace(s, **changes) if s.name == name else s for s in result.schedules))


def moved(power, **at):
    out = power.copy()
    for step, value in at.items():
        out[int(step[1:])] = value
    return out


@pytest.mark.parametrize('name, change, complaint', [
    ('base load', lambda p: p + 50, 'not its forecast'),
    ('pv', lambda p: p - 50, 'sun does not give'),
    ('pv', lambda p: p + 50, 'sun does not give'),
    ('battery', lambda p: moved(p, s0=2500.0), 'beyond its power'),
    ('battery', lambda p: p * 0.9, 'its power makes'),
    ('washer', lambda p: p * 0.5, 'in time'),
    ('washer', lambda p: np.roll(p, -2), 'before it may'),
    ('washer', lambda p: np.array([0, 1, 0, 1, 0, 1, 0, 0]) * 1000.0, 'not in one block'),
    ('washer', lambda p: p * 1.5, 'more than it asks'),
    ('car', lambda p: np.full(8, 437.5), 'neither off nor at its power'),
    ('car', lambda p: np.roll(p, 4), 'in time'),
    ('car', lambda p: moved(p, s0=-200.0), 'draws what it cannot'),
    ('pump', lambda p: np.roll(p, 4), 'must not'),
    ('boiler', lambda p: p * 0.0, 'nothing is said'),
    ('boiler', lambda p: p + 2500.0, 'draws what it cannot'),
])
def test_a_wrong_schedule_is_noticed(planned, name, change, complaint):
    problem, result = planned
    wrong = tampered(result, name, power=change(result.schedule(name).power))
    words = check(wrong, problem.devices, problem.grid)
    assert any(word.startswith(name) and complaint in word for word in words), words


def test_a_wrong_balance_is_noticed(planned):
    problem, result = planned
    assert 'balance' in check(replace(result, grid_power=result.grid_power + 5.0), problem.devices, problem.grid)[0]


def test_a_limit_broken_in_silence_is_noticed(planned):
    problem, result = planned
    tight = replace(problem.grid, import_max=np.full(8, 1500.0), export_max=np.full(8, 0.0))
    words = check(result, problem.devices, tight)
    assert any('import limit' in word for word in words)
    owned = replace(result, reasons=('import limit exceeded by up to …',))
    assert not any('import limit' in word for word in check(owned, problem.devices, tight))


@pytest.mark.parametrize('change', [
    lambda r: replace(r, schedules=r.schedules[1:]),
    lambda r: replace(r, grid_power=r.grid_power[1:]),
    lambda r: replace(r, price=r.price * np.nan),
])
def test_a_plan_of_another_shape_is_noticed(planned, change):
    problem, result = planned
    assert check(change(result), problem.devices, problem.grid)


def test_a_device_nobody_wrote_a_check_for_is_an_error_of_ours(planned):
    problem, result = planned
    with pytest.raises(TypeError, match='no check is written'):
        check(result, tuple(type('Odd', (), {'name': d.name})() for d in problem.devices), problem.grid)
