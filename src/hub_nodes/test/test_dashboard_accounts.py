"""What the pages work out of values before anything is drawn: today's account, tables of charts, rules, outages."""
import math
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from hub_nodes.dashboard import charts, devices, job_card, microgrid, values, when
from hub_nodes.dashboard.chart_table import columns
from hub_nodes.dashboard.model import HomeModel
from hub_nodes.dashboard.past_file import NAME, KeptSteps
from hub_nodes.dashboard.schedule_card import sentence, understood
from hub_nodes.dashboard.tariffs import KEPT, Tariffs, account
from hub_nodes.dashboard.views import Step

NOW, HOUR = 1_790_000_000.0, 3600.0


def mean(source, watts):
    """Return a history of hours."""
    start = tuple(NOW + i * HOUR for i in range(len(watts)))
    return values.History(source, 'active_power', 'W', start, tuple(watts), tuple(watts), tuple(watts))


def tariffs(*buy, sell=0.1):
    made = Tariffs()
    made.take(values.Prices(NOW, NOW, HOUR, 'EUR', buy, (sell,) * len(buy)))
    return made


@pytest.mark.parametrize('grid, solar, battery, cost, idle, stored, saved', [
    ([1000], [0], [0], 0.3, 0.3, 0.0, 0.0),            # a home with nothing of its own
    ([0], [-1000], [0], 0.0, 0.3, 0.0, 0.3),           # the sun feeds it
    ([-1000], [-3000], [0], -0.1, 0.6, 0.0, 0.7),      # and sells
    ([3000], [0], [2000], 0.9, 0.3, 2.0, 0.0),         # what the battery took is not lost
    ([0], [0], [-1000], 0.0, 0.3, -1.0, 0.0),          # nor is what it gives a gift
    ([math.nan, 1000], [0, 0], [0, 0], 0.3, 0.3, 0.0, 0.0),  # an hour nobody measured
])
def test_todays_account_against_doing_nothing(grid, solar, battery, cost, idle, stored, saved):
    made = account(mean('grid', grid), mean('pv', solar), [mean('battery', battery)], tariffs(0.3, 0.3), HOUR)
    assert (made.cost, made.idle, made.stored, made.saved) == pytest.approx((cost, idle, stored, saved))


def test_several_batteries_are_counted_together():
    stores = [mean('battery', [2000]), mean('garage', [-500]), mean('cellar', [math.nan])]
    made = account(mean('grid', [3000]), mean('pv', [0]), stores, tariffs(0.3), HOUR)
    assert (made.cost, made.idle, made.stored) == pytest.approx((0.9, 0.45, 1.5))


def test_what_has_no_price_is_left_out_and_said():
    made = account(mean('grid', [1000, 1000]), None, [], tariffs(0.3), HOUR)
    assert (made.cost, made.priced) == pytest.approx((0.3, 0.5))
    assert account(mean('grid', [1000]), None, [], Tariffs(), HOUR) is None
    assert account(mean('grid', []), None, [], tariffs(0.3), HOUR) is None


def test_prices_that_passed_are_remembered_the_newest_word_holds_and_not_for_ever():
    made = tariffs(0.3, 0.4)
    made.take(values.Prices(NOW, NOW + HOUR, HOUR, 'EUR', (0.5,), ()))
    assert [row[:3] for row in made.between(NOW, NOW + 2 * HOUR)] == [
        (NOW, NOW + HOUR, 0.3), (NOW + HOUR, NOW + 2 * HOUR, 0.5)]
    for day in range(30):
        made.take(values.Prices(NOW, NOW + day * 96 * 900.0, 900.0, 'EUR', (0.3,) * 96, ()))
    assert len(made.between(0.0, math.inf)) <= 2 * KEPT
    model = HomeModel()
    model.put(values.Prices(NOW, NOW, HOUR, 'EUR', (0.3,), (0.1,)), NOW)
    assert len(model.tariffs.between(NOW, NOW + 1)) == 1


@pytest.mark.parametrize('chart, heads', [
    (charts.live_chart(), 'Time; Home uses [kW]; Grid [kW]; Solar [kW]; Battery [kW]'),
    (charts.mains_chart(), 'Time; Voltage [V]; Frequency [Hz]'), (charts.power_chart(), 'Time; Power [W]'),
    (charts.price_chart('€/kWh'), 'Time; Buying [€/kWh]; Selling [€/kWh]; Planned from the grid [kW]'),
    (charts.forecast_chart('Expected use', 'red'),
     'Time; Expected use [kW]; 8 of 10 times within: from [kW]; 8 of 10 times within: to [kW]'),
    (charts.plan_chart(), 'Time; Grid [kW]; Solar [kW]; Battery [kW]; Unplanned use [kW]'),
    (charts.battery_chart(), 'Time; In the battery [kWh]'), (charts.weather_chart(), 'Time; Outside [°C]; Sun [W/m²]'),
    (charts.waveform_chart(), 'Time [ms]; Voltage [V]; Current [A]'),
    (charts.trajectory_chart(), 'Voltage [V]; V–I [A]'), (charts.harmonics_chart(), 'Harmonic; Current [A]'),
    (charts.history_chart(), 'Time; Mean [W]; Smallest to largest: from [W]; Smallest to largest: to [W]'),
])
def test_every_chart_has_a_table_whose_columns_have_units(chart, heads):
    table = columns(chart)
    made = [f'{one["name"]} [{table["units"][one["axis"]]}]' for one in table['columns']]
    assert '; '.join([table['x'], *made]) == heads
    assert [one['series'] for one in table['columns'] if one['name'].endswith(': to')] in ([], [[1, 2]])
    across = {'Time': '', 'Harmonic': 'harmonic {}', 'Time [ms]': '{} ms', 'Voltage [V]': '{} V'}
    assert table['say'] == across[table['x']]


JOB = {'energy': '2.5', 'power': ' 1800 ', 'by': '06:30', 'interruptible': 'yes'}


def test_a_job_as_typed_and_in_words(monkeypatch):
    monkeypatch.setattr(when, '_zone', ZoneInfo('Europe/Berlin'))
    evening = datetime(2026, 10, 24, 22, 0, tzinfo=ZoneInfo('Europe/Berlin')).timestamp()  # clocks go back in the night
    job = job_card.understood(JOB, evening)
    assert (job.energy_kwh, job.power, job.interruptible, job.deadline - evening) == (2.5, 1800.0, True, 9.5 * HOUR)
    assert job_card.understood(JOB | {'by': '22:01', 'interruptible': 'no'}, evening).deadline == evening + 60
    held = values.Job(evening, 'car', 'j', 'running', 2.5, 0.4, 1800.0, job.deadline)
    said = job_card.sentence(held, evening).replace('\u00a0', ' ')
    assert said == '2.5 kWh by Sun 25 Oct 06:30: runs, 0.40 kWh so far'


@pytest.mark.parametrize('field, text, words', [
    ('energy', 'x', 'Energy'), ('energy', '0', 'above 0'), ('energy', 'nan', 'above 0'), ('energy', '1001', 'at most'),
    ('power', '-1', 'Draws'), ('by', '', 'a time is missing')])
def test_what_is_no_job(field, text, words):
    with pytest.raises(ValueError, match=words):
        job_card.understood(JOB | {field: text}, NOW)


ALWAYS = {f'r0.{day}': 'yes' for day in ('monday', 'sunday')} | {'r0.start': '22:00', 'r0.end': '06:30', 'r0.on': 'off'}


def test_a_rule_as_typed_and_in_words():
    rule = understood(ALWAYS | {'r0.power_max': ' 500 '}, 'r0')
    assert rule == values.ScheduleEntry(65, 1320, 390, False, 500.0)
    assert sentence(rule).replace('\u00a0', ' ') == 'mon,sun, 22:00 to 06:30: off, at most 500 W'
    assert sentence(values.ScheduleEntry(31, 0, 60, True)) == 'mon-fri, 00:00 to 01:00: on'


@pytest.mark.parametrize('field, text, words', [
    ('power_max', 'x', 'no power'), ('power_max', '-1', '0 W or more'), ('power_max', 'nan', '0 W or more'),
    ('start', '', 'time'), ('end', '25:00', 'time'), ('end', '6', 'time')])
def test_what_is_no_rule(field, text, words):
    with pytest.raises(ValueError, match=words):
        understood(ALWAYS | {f'r0.{field}': text}, 'r0')
    with pytest.raises(ValueError, match='a day'):
        understood({'r0.start': '22:00', 'r0.end': '06:30'}, 'r0')


@pytest.mark.parametrize('modes, found', [
    ('grid', []), ('grid outage election regulate grid', [(1, 4)]), ('outage grid regulate', [(2, math.nan), (0, 1)]),
    ('unknown grid', []), ('regulate', [(0, math.nan)])])
def test_outages_out_of_the_steps(modes, found):
    steps = [Step(NOW + i, mode) for i, mode in enumerate(modes.split())][::-1]
    made = microgrid.outages(steps)
    assert [since - NOW for since, _ in made] == [since for since, _ in found]
    assert [until - NOW for _, until in made] == pytest.approx([until for _, until in found], nan_ok=True)


def test_steps_outlive_a_restart_and_a_damaged_file_is_put_aside(tmp_path):
    told: list[str] = []
    steps = [Step(NOW, 'grid', 'battery', 'why'), Step(NOW + 5, 'outage')]
    KeptSteps(str(tmp_path), told.append).keep(steps)
    again = KeptSteps(str(tmp_path), told.append)
    model = HomeModel()
    model.remember(again.read())
    assert model.steps() == steps[::-1] and told == []
    for damaged in (b'{', b'[{"since": "x", "mode": "grid"}]', b'[7]', b'7'):
        (tmp_path / NAME).write_bytes(damaged)
        assert KeptSteps(str(tmp_path), told.append).read() == []
    assert len(told) == 4 and all('is kept as' in one for one in told)
    KeptSteps('', told.append).keep(steps)
    assert KeptSteps('', told.append).read() == [] and len(told) == 4


def test_a_disk_that_is_full_is_told_once(tmp_path):
    told: list[str] = []
    (tmp_path / 'state').write_text('a file where the folder should be')
    kept = KeptSteps(str(tmp_path / 'state'), told.append)
    for i in range(3):
        kept.keep([Step(NOW + i, 'grid')])
    assert len(told) == 1 and 'cannot be written' in told[0]


def test_months_follow_one_another_to_the_second():
    when.use('Europe/Berlin')
    try:
        months = devices.months(NOW)
        assert months[0][1] == 0.0 and len(months) == devices.MONTHS
        assert all(end == later for (_, end), (later, _) in zip(months[1:], months, strict=False))
        assert [when.local(start).day for start, _ in months] == [1] * devices.MONTHS
    finally:
        when.use('')


def test_what_a_member_says():
    speaks = values.Island('battery', NOW, 'regulate', leader='battery', committee=('battery', 'fridge'), voltage=230.0)
    assert microgrid.said(speaks, speaks, 'Battery')[0] == 'Battery · leads'
    fridge = values.Island('fridge', NOW, 'grid', voltage=229.5, frequency=49.98)
    assert [cell.replace('\u00a0', ' ') for cell in microgrid.said(fridge, speaks, 'Refrigerator')] == [
        'Refrigerator · votes', 'on the grid', '229.5 V', '49.98 Hz']
