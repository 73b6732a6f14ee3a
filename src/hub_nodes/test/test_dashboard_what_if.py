"""What-if: what a form means, what the worker plans, and how often it may be asked."""
import asyncio
import math
import sys
import time

import pytest

from hub_nodes.dashboard import values, what_if_worker
from hub_nodes.dashboard.backend import Answer
from hub_nodes.dashboard.model import HomeModel
from hub_nodes.dashboard.what_if import Asker, table
from hub_nodes.dashboard.what_if_card import understood

NOW = 1_800_000_000.0 - 1_800_000_000.0 % 86_400
HOME = """
timezone: UTC
battery: {capacity_kwh: 10, power_max: 4000}
outlets: [{id: car, deferrable: true}]
"""


@pytest.mark.parametrize('said, change', [
    ({'battery_kwh': '20'}, values.Change(battery_kwh=20.0)),
    ({'battery_kwh': '0', 'buy': ''}, values.Change(battery_kwh=0.0)),
    ({'battery_power': '5', 'import_max': '8.5'}, values.Change(battery_power=5000.0, import_max=8500.0)),
    ({'buy': '0.3', 'sell': '0'}, values.Change(buy=0.3, sell=0.0)),
    ({'outlet': 'car', 'what': 'without', 'later': ''}, values.Change(outlet='car', without=True)),
    ({'outlet': 'car', 'what': 'later', 'later': '-2'}, values.Change(outlet='car', later=-7200.0)),
])
def test_what_a_form_means(said, change):
    assert understood(said) == change


@pytest.mark.parametrize('said, words', [
    ({}, 'Change something'), ({'later': '2'}, 'Change something'), ({'battery_kwh': 'big'}, 'big is no number'),
    ({'battery_kwh': '-1'}, 'from 0 to 1000'), ({'buy': 'nan'}, 'from 0'), ({'sell': 'inf'}, 'from 0'),
    ({'import_max': '0'}, 'above 0'), ({'outlet': 'car', 'what': 'later'}, 'how many hours'),
])
def test_a_form_that_cannot_be_is_told(said, words):
    with pytest.raises(ValueError, match=words):
        understood(said)


def question(tmp_path, **change) -> dict:
    """Return a question: a dear evening, a battery, and a car."""
    (tmp_path / 'home.yaml').write_text(HOME)
    model = HomeModel()
    price = tuple(0.4 if hour % 24 >= 12 else 0.2 for hour in range(30))
    for value in (
        values.Prices(NOW, NOW, 3600.0, 'EUR', price, (0.08,) * 30), values.Battery(NOW, charge=0.5),
        values.Forecast('load', 'home', NOW, NOW, 3600.0, 'fake', (500.0,) * 30),
        values.Job(NOW, 'car', 'trip', 'waiting', 6.0, 0.0, 3000.0, NOW + 8 * 3600),
        values.Job(NOW, 'kettle', 'old', 'done', 1.0, 1.0, 2000.0, NOW + 3600),
    ):
        model.put(value, NOW)
    return Asker(model, str(tmp_path / 'home.yaml'), lambda: NOW).question(values.Change(**change))


@pytest.mark.parametrize('change, holds', [
    (dict(battery_kwh=20.0), lambda now, then: then['bought_kwh'] > now['bought_kwh'] + 1.0),  # fills it
    (dict(battery_kwh=0.0), lambda now, then: then['cost'] > now['cost']),
    (dict(buy=0.1), lambda now, then: then['cost'] < now['cost']),
    (dict(outlet='car', without=True), lambda now, then: 5.0 < now['bought_kwh'] - then['bought_kwh'] < 7.0),
    (dict(import_max=3600.0), lambda now, then: then['peak'] <= 3601.0),
    (dict(outlet='car', later=-5 * 3600.0), lambda now, then: then['cost'] >= now['cost'] - 1e-6),
])
def test_the_worker_plans_as_it_is_and_changed(tmp_path, change, holds):
    told = what_if_worker.answer(question(tmp_path, **change))
    assert told['currency'] == 'EUR' and told['present']['hours'] == pytest.approx(24.0, abs=0.1)
    assert math.isfinite(told['present']['cost']) and holds(told['present'], told['changed'])


def test_several_batteries_are_planned_as_one(tmp_path):
    asked = question(tmp_path, battery_kwh=15.0, battery_power=6000.0)
    garage = 'batteries: {garage: {capacity_kwh: 5, power_max: 2000}}\n'
    (tmp_path / 'home.yaml').write_text(HOME + garage)
    asked['charges'] = {'battery': 0.4, 'garage': 0.7}
    told = what_if_worker.answer(asked)
    for name in ('cost', 'bought_kwh', 'peak'):  # 15 kWh and 6 kW is what it has
        assert told['changed'][name] == pytest.approx(told['present'][name])
    home = what_if_worker.homes.load(tmp_path / 'home.yaml')
    battery, charge = what_if_worker.stored(home, asked['charges'])
    assert (battery.capacity, battery.power_max, charge) == pytest.approx((15.0, 6000.0, 0.5))
    battery, charge = what_if_worker.stored(home, {'garage': 0.7})  # planned without the silent one
    assert (battery.capacity, charge) == pytest.approx((5.0, 0.7))
    assert what_if_worker.stored(None, {}) == (None, pytest.approx(math.nan, nan_ok=True))


def test_what_is_not_there_cannot_be_changed(tmp_path):
    with pytest.raises(ValueError, match='kettle holds no job'):
        what_if_worker.answer(question(tmp_path, outlet='kettle', without=True))


def asker(model, code: str) -> Asker:
    return Asker(model, '', time.time, (sys.executable, '-c', code))


@pytest.mark.parametrize('code, words', [
    ('', 'failed'), ('print("{")', 'failed'), ('print("{}")', 'failed'), ('raise SystemExit(3)', 'failed'),
    ('print(\'{"refused": "No plan: no prices"}\')', 'no prices')])
def test_a_worker_that_does_not_answer_is_told(code, words):
    told = asyncio.run(asker(HomeModel(), code).ask(values.Change(buy=0.1)))
    assert isinstance(told, Answer) and not told.ok and words in told.text


def test_one_question_at_a_time():
    async def two():
        one = asker(HomeModel(), 'import sys; sys.stdin.read()')
        return await asyncio.gather(*(one.ask(values.Change(buy=0.1)) for _ in range(2)))
    first, second = asyncio.run(two())
    assert 'failed' in first.text and 'in a moment' in second.text


def test_the_table_has_units_and_says_what_is_the_same():
    one = values.Outcome(2.0, 9.0, 1.0, 3000.0, 24.0, 'optimal')
    rows = table(values.Comparison('EUR', one, values.Outcome(1.5, 9.0, 3.0, 2000.0, 24.0, 'optimal')))
    assert [row.name for row in rows] == ['Cost', 'Bought', 'Sold', 'Highest import']
    assert rows[1].difference == 'the same' and rows[2].difference.startswith('+2') and rows[3].difference[0] == '−'
    assert all(unit in row.present for row, unit in zip(rows, ('€', 'kWh', 'kWh', 'kW'), strict=True))
