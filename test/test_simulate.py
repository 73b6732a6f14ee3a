"""`hearthgrid simulate`: closed forms, balances, no look into the future, and what a person may type."""

import json
import math
import subprocess
import sys
from dataclasses import replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from hearthgrid import simulate
from hearthgrid.simulate_compare import AS_IS, change, compare, maker
from hearthgrid.simulate_course import STEP, Course, CourseError, Task, invent, read
from hearthgrid_ros.home import Battery, Home

START = 1_775_426_400.0  # 2026-04-06 00:00 in Berlin
FIRST = date(2026, 4, 6)
HOURS = 24


def home(**parts):
    described = {'pv': None, 'battery': None, 'outlets': [
        {'id': 'dishwasher', 'appliance': 'dishwasher', 'deferrable': True},
        {'id': 'car', 'appliance': 'ev_charger', 'deferrable': True},
    ]} | parts  # fmt: skip
    return Home(**described)


def course(load=1000.0, pv=0.0, buy=0.25, sell=0.05, tasks=(), hours=HOURS, carbon=None):
    """Constant over `hours`, or hourly values."""

    def minutes(values):
        return np.repeat(np.broadcast_to(np.asarray(values, float), (hours,)), 60)

    return Course(START, START, minutes(load), minutes(pv), minutes(buy), minutes(sell),
                  None if carbon is None else minutes(carbon), None, tuple(tasks))  # fmt: skip


def task(outlet='dishwasher', asked=0.0, due=8.0, energy=1.0, power=1000.0, interruptible=False, timer=4.0):
    return Task(outlet, START + 3600 * asked, START + 3600 * due, energy, power, interruptible, START + 3600 * timer)


@pytest.mark.parametrize(
    'world, cost, imported, exported, peak',
    [
        (course(), 24 * 0.25, 24.0, 0.0, 1000.0),
        (course(pv=3000.0), -24 * 2 * 0.05, 0.0, 48.0, 0.0),
        (course(load=[0.0, 4000.0] * 12, buy=[9.9, 0.1] * 12), 12 * 4 * 0.1, 48.0, 0.0, 4000.0),
        (course(buy=-0.02), -24 * 0.02, 24.0, 0.0, 1000.0),
        (course(tasks=[task()]), 25 * 0.25, 25.0, 0.0, 2000.0),
    ],
)
def test_doing_nothing_costs_what_a_pencil_says(world, cost, imported, exported, peak):
    made = simulate.run(home(), world, simulate.nothing)
    assert (made.cost, made.imported, made.exported, made.peak) == pytest.approx((cost, imported, exported, peak))
    assert math.isnan(made.carbon) and math.isnan(made.cycles) and made.missed == 0


def test_carbon_is_of_the_import_alone():
    made = simulate.run(home(), course(pv=[0.0, 5000.0] * 12, carbon=0.4), simulate.nothing)
    assert made.carbon == pytest.approx(12 * 0.4)


@pytest.mark.parametrize('controller, hour', [('doing nothing', 0), ('own use', 0), ('timers', 4)])
def test_when_a_job_runs(controller, hour):
    world = course(load=0.0, buy=np.arange(24) * 1.0, tasks=[task()])
    assert simulate.run(home(), world, simulate.CONTROLLERS[controller]).bill == pytest.approx(hour, abs=0.01)


def test_own_use_keeps_the_sun():
    """A lossless battery takes 12 kWh by day and gives them by night: nothing is bought or sold."""
    battery = Battery(capacity_kwh=24, power_max=4000, efficiency=1.0, initial=0.0, reserve=0.0, wear_price=0.01)
    world = course(pv=[2000.0] * 12 + [0.0] * 12)
    made = simulate.run(home(battery=battery), world, simulate.own_use)
    assert (made.imported, made.exported) == pytest.approx((0.0, 0.0), abs=0.05)
    assert made.cycles == pytest.approx(0.5, abs=0.01) and made.cost == pytest.approx(12 * 0.01, abs=0.02)


def test_the_plan_buys_cheap():
    """Perfect prices 0.10 and 0.50, 10 kWh of need when dear: all of it is bought when cheap, with losses and wear."""
    battery = Battery(capacity_kwh=10 / 0.9, power_max=5000, efficiency=0.9, initial=0.0, reserve=0.0, wear_price=0.02)
    world = course(buy=[0.1] * 14 + [0.5] * 10)
    made = simulate.planned(home(battery=battery), world, perfect=True)
    # 14 kWh when cheap, 10 kWh through the battery.
    expected = 14 * 0.1 + 10 * (0.1 / 0.81 + 0.02)
    assert made.bill + made.wear == pytest.approx(expected, rel=0.02)
    assert made.failed == 0 and made.plans >= 48


@pytest.mark.parametrize('controller', [*simulate.CONTROLLERS, 'plan'])
def test_energy_is_kept(controller):
    """With a lossless battery: import − export = load + jobs − PV + what is stored."""
    battery = Battery(capacity_kwh=8, power_max=3000, efficiency=1.0, initial=0.4, reserve=0.1)
    described = home(battery=battery, pv={'power_max': 4000})
    world = invent(described, FIRST, 2, 3, history=2)
    made = simulate.planned(described, world) if controller == 'plan' else \
        simulate.run(described, world, simulate.CONTROLLERS[controller])  # fmt: skip
    rest = slice(world.first, None)
    drawn = (world.load[rest].sum() - world.pv[rest].sum()) / 1e3 * STEP / 3600 + made.thrown
    jobs = sum(t.energy for t in world.tasks if t.asked >= world.begin)
    stored = made.stored / world.buy[rest].mean()
    assert made.missed == 0 and made.jobs > 0
    assert made.imported - made.exported == pytest.approx(drawn + jobs + stored, abs=0.05)


def test_all_batteries_are_simulated():
    """Two lossless ones, unlike in size and charge: own use fills both, and a kWh wears by its own battery."""
    first = Battery(capacity_kwh=8, power_max=1500, efficiency=1.0, initial=0.5, reserve=0.0, wear_price=0.01)
    second = Battery(capacity_kwh=16, power_max=2500, efficiency=1.0, initial=0.25, reserve=0.0, wear_price=0.01)
    one = Battery(capacity_kwh=24, power_max=4000, efficiency=1.0, initial=8 / 24, reserve=0.0, wear_price=0.01)
    world = course(pv=[2500.0] * 10 + [0.0] * 14)
    several, alone, joint = (simulate.run(home(battery=battery, batteries=more), world, simulate.own_use)
                             for battery, more in ((first, {'barn': second}), (first, {}), (one, {})))  # fmt: skip
    assert several.imported < alone.imported - 5
    for name in ('imported', 'exported', 'wear', 'stored', 'cycles'):
        assert getattr(several, name) == pytest.approx(getattr(joint, name), abs=0.05)
    worn = home(battery=first, batteries={'barn': second.model_copy(update={'wear_price': 0.04})})
    made = simulate.run(worn, world, simulate.own_use)
    given = made.cycles * 24
    assert 0.01 * given < made.wear < 0.04 * given
    made = simulate.planned(home(battery=first, batteries={'barn': second}), world, perfect=True)
    assert made.failed == 0 and made.cost <= several.cost + 0.02


def test_the_same_seed_makes_the_same_table_and_another_does_not():
    described = home(battery=Battery(), pv={'power_max': 3000})

    def rows(seed):
        return compare(described, maker(described, 1, seed, FIRST, None), [change('pv=0', described)], False,
                       lambda name, share: None)  # fmt: skip

    first = rows(1)
    assert repr(first) == repr(rows(1))
    assert invent(described, FIRST, 1, 2).load.tolist() != invent(described, FIRST, 1, 1).load.tolist()
    assert [(r.home, r.controller) for r in first] == [
        (AS_IS, 'doing nothing'), (AS_IS, 'own use'), (AS_IS, 'timers'), (AS_IS, 'plan'),
        ('pv=0', 'doing nothing'), ('pv=0', 'plan')]  # fmt: skip
    assert first[0].saved == 0 and first[3].saved == pytest.approx(first[0].outcome.cost - first[3].outcome.cost)


def test_the_plan_does_not_look_into_the_future():
    """What happens after 10:00, and prices after those announced, change nothing that is decided before."""
    described = home(battery=Battery(), pv={'power_max': 3000})
    world = invent(described, FIRST, 1, 1, history=3)
    cut, announced = world.first + 10 * 60, world.first + 24 * 60
    changed = {}
    for name, at in (('load', cut), ('pv', cut), ('buy', announced)):
        values = getattr(world, name).copy()
        values[at:] *= 3.0
        changed[name] = values

    def decided(course):
        hub, out = simulate.Planned(described, course), []

        def controller(view):
            orders = hub(view)
            out.append((sorted(orders.on), [orders.low, orders.high, orders.hold, orders.floor, orders.ceiling]))
            return orders

        simulate.run(described, course, controller)
        return out

    before, after = decided(world), decided(replace(world, **changed))
    assert [on for on, _ in before[:600]] == [on for on, _ in after[:600]]
    values = [np.array([row for _, row in course]) for course in (before, after)]
    np.testing.assert_allclose(values[0][:600], values[1][:600], atol=0.01)  # the last digits differ
    assert not np.allclose(values[0][600:], values[1][600:], atol=1.0)


def test_the_import_limit_is_kept():
    described = home(battery=Battery(power_max=2000), supply={'import_max': 4000})
    tasks = [task('car', energy=12.0, power=3600.0, interruptible=True, due=12.0, timer=0.0)]
    world = course(load=[1500.0] * 12 + [500.0] * 12, tasks=tasks)
    assert simulate.run(home(supply={'import_max': 4000}), world, simulate.nothing).over > 0
    made = simulate.planned(described, world, perfect=True)
    assert made.over == 0 and made.missed == 0


@pytest.mark.parametrize('day, hours', [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25), (FIRST, 24)])
def test_days_on_which_clocks_change(day, hours):
    zone = ZoneInfo('Europe/Berlin')
    world = invent(home(), day, 1, 1, history=1)
    assert len(world) - world.first == hours * 60
    week = invent(home(), day, 7, 1, history=0)
    due = {datetime.fromtimestamp(t.deadline, zone).strftime('%H:%M') for t in week.tasks}
    assert due == {'07:00', '06:30'}
    asked = [datetime.fromtimestamp(t.asked, zone).hour for t in week.tasks if t.outlet == 'car']
    assert asked and all(17 <= hour <= 19 for hour in asked)


def test_a_flat_tariff_and_other_changes():
    described = home(battery=Battery(capacity_kwh=10), pv={'power_max': 4000})
    world = invent(described, FIRST, 1, 1, history=1)
    what = change('battery=20, tariff=flat', described)
    assert what.home.battery.capacity_kwh == 20 and what.home.pv == described.pv
    assert np.ptp(what.course(world).buy) == 0 == np.ptp(what.course(world).sell)
    assert what.course(world).buy[0] == pytest.approx(world.buy[world.first:].mean())
    assert change('pv=0', described).home.pv is None and change('battery=0', described).home.battery is None
    several = home(battery=Battery(capacity_kwh=10, reserve=0.1), batteries={'barn': Battery(reserve=0.3)})
    assert change('battery=0', several).home.stores == {}
    joint = change('battery=30', several).home
    assert list(joint.stores) == ['battery'] and joint.battery.capacity_kwh == 30 and 0.1 < joint.battery.reserve < 0.3
    double = invent(change('pv=8000', described).home, FIRST, 1, 1, history=1)
    assert np.allclose(double.pv, 2 * world.pv) and np.array_equal(double.load, world.load)
    assert (change('tariff=0.3,sell=0.01', described).course(world).buy == 0.3).all()


@pytest.mark.parametrize(
    'text, words',
    [
        ('batery=3', 'Possible: battery=kWh'),
        ('battery=-3', 'A number of at least 0 is needed'),
        ('battery=much', 'is needed'),
        ('pv=1e9', 'less than or equal to 100000'),
        ('tariff=cheap', 'A number is needed'),
        ('', 'at least one change'),
    ],
)
def test_a_what_if_that_is_none(text, words):
    with pytest.raises(ValueError, match=words):
        change(text, home())


def table(hours=72, **columns):
    time = pd.date_range('2026-04-06', periods=hours, freq='h', tz='UTC')
    return pd.DataFrame({'time': time, 'load_kw': np.linspace(0.2, 1.0, hours)} | columns)


@pytest.mark.parametrize('kind', ['csv', 'parquet', 'folder', 'epoch'])
def test_a_course_from_data(kind, tmp_path):
    rows = table(pv=500.0, price_mwh=np.tile([250.0, 500.0], 36), sell=0.03)
    path = tmp_path / f'home.{kind}'
    if kind == 'csv':
        rows.to_csv(path, index=False)
    elif kind == 'epoch':
        path = tmp_path / 'home.csv'
        rows.assign(time=(rows.time - pd.Timestamp(0, tz='UTC')) / pd.Timedelta('1s')).to_csv(path, index=False)
    elif kind == 'parquet':
        rows.to_parquet(path)
    else:
        path.mkdir()
        rows[['time', 'load_kw', 'pv']].to_csv(path / 'a.csv', index=False)
        rows[['time', 'price_mwh', 'sell']].set_index('time').to_parquet(path / 'b.parquet')
    world = read(path, home(pv={'power_max': 8000}), 2, 1, rated=4000.0)
    assert len(world) == 3 * 24 * 60 and world.first == 24 * 60
    assert world.load[0] == pytest.approx(200) and world.load[-1] == pytest.approx(1000)
    for values, expected in ((world.pv, 1000.0), (world.buy[:61], [0.25] * 60 + [0.5]), (world.sell, 0.03)):
        np.testing.assert_allclose(values, expected)
    assert world.carbon is None and all(world.begin <= t.asked < t.deadline <= world.end for t in world.tasks)


def test_a_course_from_data_without_prices_or_sun(tmp_path):
    rows = table().drop(index=range(10, 14))  # a gap
    rows.to_csv(tmp_path / 'x.csv', index=False)
    world = read(tmp_path / 'x.csv', home(), 1, 1, rated=None)
    assert np.isfinite(world.load).all() and (world.pv == 0).all() and np.ptp(world.buy) > 0
    assert world.carbon is not None


@pytest.mark.parametrize(
    'rows, words',
    [
        (table().drop(columns='load_kw').assign(pv=1.0), 'no column `load`'),
        (table(hours=20), 'less than a day'),
        (table().iloc[::-1], 'do not rise'),
        (table().drop(columns='time'), 'no column of time'),
        (table(pv=math.nan), '`pv` has no value'),
        (table().assign(time='noon'), 'noon'),
    ],
)
def test_data_that_are_none(rows, words, tmp_path):
    rows.to_csv(tmp_path / 'x.csv', index=False)
    with pytest.raises(CourseError, match=words):
        read(tmp_path / 'x.csv', home(), 1, 1, rated=None)


def command(*arguments):
    return subprocess.run([sys.executable, '-m', 'hearthgrid.cli', 'simulate', *arguments], capture_output=True,
                          text=True, timeout=400)  # fmt: skip


def test_the_table(tmp_path):
    (tmp_path / 'home.yaml').write_text('outlets: [{id: lamp}]\npv: null\nbattery: null')
    made = command('--days', '1', '--home', str(tmp_path / 'home.yaml'))
    assert made.returncode == 0 and 'cost [EUR]' in made.stdout and 'own use' in made.stdout, made.stderr


def test_json_what_ifs_and_foresight():
    made = command('--days', '1', '--what-if', 'battery=0,tariff=0.3', '--perfect', '--json')
    assert made.returncode == 0, made.stderr
    rows = json.loads(made.stdout)
    assert [row['controller'] for row in rows] == ['doing nothing', 'own use', 'timers', 'plan', 'perfect foresight',
                                                   'doing nothing', 'plan']  # fmt: skip
    assert rows[-1]['home'] == 'battery=0, tariff=0.3' and rows[-1]['cycles'] is None


@pytest.mark.parametrize('arguments, words', [(['--start', 'soon'], 'soon'), (['--data', 'none'], 'no .csv'),
                                              (['--home', 'none.yaml'], 'none.yaml')])  # fmt: skip
def test_a_mistake_is_one_line(arguments, words):
    made = command(*arguments)
    assert made.returncode == 2 and words in made.stderr and len(made.stderr.strip().split('\n')) == 1, made.stderr
