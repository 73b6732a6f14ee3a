"""`hearthgrid report`: the numbers of a made database, and what is said where there are none."""

import base64
import json
import math
import re
import shutil
import subprocess
import sys
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from hearthgrid import report_cli
from hearthgrid.report import page
from hearthgrid.report_events import anomalies, jobs, outages, told
from hearthgrid.report_numbers import ReportError, gather, period
from hearthgrid_ros.home import Battery, Home
from hub_nodes.store.backend import Retention
from hub_nodes.store.history import FILE
from hub_nodes.store.model import READING, Batch, Record
from hub_nodes.store.sqlite import SqliteBackend

ZONE = ZoneInfo('Europe/Berlin')
DAY, HOUR = 86400.0, 3600.0


def local(year, month, day, hour=0):
    return datetime(year, month, day, hour, tzinfo=ZONE).timestamp()


START = local(2026, 4, 6)
HOME = Home(outlets=[{'id': 'kettle'}], pv=None, battery=None)


class Database:
    """A store's file, written as the store writes it."""

    def __init__(self, folder):
        self.backend = SqliteBackend(folder / FILE, Retention(readings=3650.0))
        self.backend.open()

    def power(self, outlet, watts, start=START, energy=None):
        """One reading a minute from `start`; None = none."""
        known = [k for k, value in enumerate(watts) if value is not None]
        rows = np.zeros(len(known), READING)
        rows['time'] = np.round((start + 60.0 * np.array(known) + 30.0) * 1000)
        rows['active_power'] = [watts[k] for k in known]
        rows['duration'] = 1.0
        rows['energy_kwh'] = np.nan if energy is None else [energy[k] for k in known]
        self.backend.write(Batch(rows, (outlet,)))

    def tell(self, kind, subject, time, **data):
        self.backend.write(Batch(records=[Record(kind, subject, time, json.dumps(data))]))

    def prices(self, start=START, hours=24, buy=0.25, sell=0.05, carbon=0.4):
        def hourly(value):
            return np.broadcast_to(value, (hours,)).tolist()

        self.tell('price', 'market', start, start=start, step=HOUR, currency='EUR', import_price=hourly(buy),
                  export_price=hourly(sell), carbon_intensity=[] if carbon is None else hourly(carbon))  # fmt: skip

    def gather(self, start=START, end=START + DAY, home=HOME):
        return gather(self.backend.history(), start, end, home, ZONE)


@pytest.fixture
def database(tmp_path):
    made = Database(tmp_path)
    yield made
    made.backend.close()


def test_what_a_day_costs(database):
    """1 kW bought for 12 h, 2 kW sold for 12 h."""
    database.power('grid', [1000.0] * 720 + [-2000.0] * 720)
    database.prices()
    made = database.gather()
    bill = made.bills['measured']
    assert (bill.imported, bill.exported) == pytest.approx((12.0, 24.0))
    assert bill.cost == bill.bill == pytest.approx(12 * 0.25 - 24 * 0.05)
    assert bill.carbon == pytest.approx(12 * 0.4) and bill.peak == pytest.approx(1000.0)
    assert (made.known, made.priced, made.currency) == (1.0, 1.0, 'EUR')
    assert made.bills['doing nothing'].cost == pytest.approx(bill.cost)


def test_nothing_at_all_is_a_report_too(database):
    made = database.gather()
    assert not made.bills and made.known == 0.0 and not made.scores and not made.devices
    text = page(made, 'home')
    assert text.count('not known') >= 4 and 'nan' not in text.lower().replace('tenant', '') and 'None.' in text


def test_a_gap_is_neither_free_nor_guessed(database):
    """Six hours without a reading: the rest is counted, and the share is told."""
    database.power('grid', [1000.0] * 720 + [None] * 360 + [1000.0] * 360)
    database.prices()
    made = database.gather()
    assert made.known == pytest.approx(0.75) and made.bills['measured'].imported == pytest.approx(18.0)
    assert made.bills['measured'].cost == made.bills['doing nothing'].cost == made.bills['timers'].cost
    assert 'heard 75.0% of the time' in page(made, 'home')


def test_without_prices_nothing_is_priced(database):
    database.power('grid', [1000.0] * 1440)
    made = database.gather()
    assert not made.bills and made.priced == 0.0
    assert 'no minute has both a reading of the grid and a price' in page(made, 'home')


def test_a_peak_is_of_a_quarter_hour(database):
    database.power('grid', [0.0] * 600 + [9000.0] * 5 + [0.0] * 115 + [4000.0] * 15 + [0.0] * 705)
    database.prices(carbon=None)
    bill = database.gather().bills['measured']
    assert bill.peak == pytest.approx(4000.0) and bill.peak_at == START + 12 * HOUR
    assert math.isnan(bill.carbon)


def test_a_battery_that_moves_energy_saves_what_it_should(database):
    """2 kW from 02:00 to 04:00 at 0.10, given back from 18:00 to 20:00 at 0.50; lossless; wear 0.02."""
    home = HOME.model_copy(update={'battery': Battery(capacity_kwh=10, efficiency=1.0, wear_price=0.02)})
    battery = np.zeros(1440)
    battery[120:240], battery[1080:1200] = 2000.0, -2000.0
    database.power('battery', battery.tolist())
    database.power('grid', (2500.0 + battery).tolist())
    database.prices(buy=[0.1] * 12 + [0.5] * 12)
    made = database.gather(home=home)
    saved = made.bills['doing nothing'].cost - made.bills['measured'].cost
    assert saved == pytest.approx(4 * (0.5 - 0.1) - 4 * 0.02)
    # Own use gives the 3 kWh above the reserve at once: at 0.10, where the mean is 0.30.
    timers = made.bills['timers']
    assert timers.bill == pytest.approx(made.bills['doing nothing'].bill - 3 * 0.1, abs=0.01)
    assert timers.cost == pytest.approx(timers.bill + 3 * 0.3 + 3 * 0.02, abs=0.03)
    assert 'timers' not in database.gather(home=None).bills  # nothing is known of the battery
    assert 'the home file is missing' in page(database.gather(home=None), 'x')


def test_two_batteries_are_accounted_as_one_and_are_no_devices(database):
    """The one fills the other: nothing is bought for it, and neither is a load."""
    two = {'battery': Battery(capacity_kwh=10, efficiency=1.0), 'batteries': {'garage': Battery(capacity_kwh=5)}}
    home = HOME.model_copy(update=two)
    database.power('battery', [-500.0] * 1440)
    database.power('garage', [500.0] * 1440)
    database.power('grid', [1000.0] * 1440)
    database.prices()
    made = database.gather(home=home)
    assert np.allclose(made.load, 1000.0) and not set(made.devices) & {'grid', 'battery', 'garage'}
    assert (made.home.battery.capacity_kwh, made.home.batteries) == (15.0, {})
    assert made.bills['measured'].bill == pytest.approx(24 * 0.25)
    assert 'garage' not in page(made, 'home')


def test_what_is_still_stored_is_worth_something(database):
    home = HOME.model_copy(update={'battery': Battery(capacity_kwh=10, efficiency=0.9, wear_price=0.0)})
    database.power('battery', [1000.0] * 120 + [0.0] * 1320)
    database.power('grid', [1000.0] * 120 + [0.0] * 1320)
    database.prices()
    bill = database.gather(home=home).bills['measured']
    assert bill.bill == pytest.approx(2 * 0.25) and bill.cost == pytest.approx(2 * 0.25 * (1 - 0.9 * 0.9))


def job(database, time, status, delivered=0.0, **fields):
    data = {'outlet': 'dishwasher', 'id': 'wash', 'status': status, 'energy_kwh': 1.0, 'delivered_kwh': delivered,
            'power': 1000.0, 'deadline': START + 20 * HOUR, 'interruptible': False} | fields  # fmt: skip
    database.tell('job', f'{data["outlet"]}/{data["id"]}', time, **data)


def test_a_job_moved_back_to_when_it_was_asked_for(database):
    """Asked at 08:00 (0.50), run at 12:00 (0.10): an hour at 1 kW. By a timer: at 02:00 of the next day, too late."""
    run = np.zeros(1440)
    run[720:780] = 1000.0
    database.power('dishwasher', run.tolist())
    database.power('grid', (run + 100.0).tolist())
    database.prices(buy=[0.5] * 10 + [0.1] * 14)
    for at, status, delivered in ((8, 1, 0.0), (12, 2, 0.0), (13, 3, 1.0)):
        job(database, START + at * HOUR, status, delivered)
    made = database.gather()
    assert len(made.jobs) == 1 and made.jobs[0].asked == START + 8 * HOUR and made.jobs[0].status == 3
    cost = {name: bill.cost for name, bill in made.bills.items()}
    assert cost['doing nothing'] - cost['measured'] == pytest.approx(0.4)
    assert cost['timers'] == pytest.approx(cost['doing nothing'])
    assert made.bills['doing nothing'].imported == pytest.approx(made.bills['measured'].imported)


def test_a_timer_that_fits_is_used(database):
    run = np.zeros(2880)
    run[1200:1260] = 1000.0
    database.power('dishwasher', run.tolist())
    database.power('grid', run.tolist())
    database.prices(hours=48, buy=[0.3] * 26 + [0.1] * 22)
    for at, status, delivered in ((19, 1, 0.0), (20, 2, 0.0), (21, 3, 1.0)):
        job(database, START + at * HOUR, status, delivered, deadline=START + 31 * HOUR)
    made = database.gather(end=START + 2 * DAY)
    assert made.bills['timers'].bill == pytest.approx(0.1) and made.bills['measured'].bill == pytest.approx(0.3)


def test_each_life_of_a_job_is_one_line(database):
    for at, status in ((1, 1), (2, 3), (5, 1), (6, 4)):
        job(database, START + at * HOUR, status)
    job(database, START + 3 * HOUR, 5, outlet='car', id='trip')
    database.tell('job', 'x/y', START, nonsense=1)
    found = jobs(database.backend.history(), START, START + DAY)
    assert [(j.outlet, j.status, (j.asked - START) / HOUR) for j in found] == [
        ('dishwasher', 3, 1.0), ('car', 5, 3.0), ('dishwasher', 4, 5.0)]  # fmt: skip


def test_devices_and_a_counter_that_began_anew(database):
    database.power('kettle', [100.0] * 120, energy=np.concatenate((np.linspace(5, 6, 60), np.linspace(0, 2, 60))))
    database.power('grid', [100.0] * 120)
    database.prices(buy=[0.1, 0.2] + [0.3] * 22)
    made = database.gather()
    assert set(made.devices) == {'kettle'}
    assert made.devices['kettle'].energy_kwh == pytest.approx(3.0)
    assert made.devices['kettle'].cost == pytest.approx(1.0 * 0.1 + 2.0 * 0.2)


@pytest.mark.parametrize('day, hours', [((2026, 3, 29), 23), ((2026, 10, 25), 25), ((2026, 4, 6), 24)])
def test_a_day_is_a_local_day(database, day, hours):
    start = local(*day)
    end = start + hours * HOUR
    assert datetime.fromtimestamp(end, ZONE).hour == 0
    database.power('grid', [1000.0] * (hours * 60 + 60), start)
    database.prices(start, hours + 1)
    made = database.gather(start, end + HOUR)
    assert made.days.tolist() == [start, end, end + HOUR]
    assert made.bills['measured'].daily == pytest.approx([hours * 0.25, 0.25])


@pytest.mark.parametrize(
    'month, start, end',
    [
        ('2026-03', local(2026, 3, 1), local(2026, 4, 1)),
        ('2026-12', local(2026, 12, 1), local(2027, 1, 1)),
    ],
)
def test_a_month(month, start, end):
    assert period(month, 30, local(2027, 5, 1), ZONE) == (start, end)
    assert period(month, 30, end - 5 * DAY, ZONE) == (start, end - 5 * DAY)     # not over yet
    assert period('', 7, end, ZONE) == (end - 7 * DAY, end)
    with pytest.raises(ReportError, match='no month'):
        period('2026-13', 30, end, ZONE)


def test_a_later_price_holds_and_nonsense_is_left_out(database):
    database.prices(hours=4, buy=[0.1, 0.2, 0.3, 0.4])
    database.tell('price', 'market', START + 2 * HOUR, start=START + 2 * HOUR, step=HOUR, currency='EUR',
                  import_price=[0.9, None], export_price=[], carbon_intensity=[])  # fmt: skip
    database.tell('price', 'market', START + 3 * HOUR, start=START, step=0.0)
    (buy, sell, carbon), currency = told(database.backend.history(), START, 20)
    assert buy[::4].tolist() == [0.1, 0.2, 0.9, 0.4, pytest.approx(math.nan, nan_ok=True)]
    assert np.isfinite(sell[:16]).all() and currency == 'EUR' and carbon[0] == 0.4


def forecast(database, time, mean, lower, upper, quantity='load'):
    database.tell('forecast', f'home/{quantity}', time, stamp=time, start=time, step=900.0, mean=[mean] * 96,
                  lower=[lower] * 96, upper=[upper] * 96)  # fmt: skip


def test_forecasts_against_what_came(database):
    """Always 300 W too low, the band too narrow by half of the day."""
    database.power('grid', [1000.0] * 1440 + [1500.0] * 1440)
    for hour in range(0, 24, 3):
        forecast(database, START + DAY + hour * HOUR, 1200.0, 1100.0, 1600.0)
    made = database.gather(end=START + 2 * DAY)
    hour, day = made.scores
    assert (hour.ahead, day.ahead, hour.count) == ('the hour', 'the day', 8)
    assert hour.error == day.error == pytest.approx(300.0) and day.covered == 1.0
    # Koenker & Bassett by hand: 0.1·400, 0.5·300 and 0.1·100.
    assert day.pinball == pytest.approx((40 + 150 + 10) / 3)
    assert day.skill == pytest.approx(1 - 300 / 500)
    assert made.sample['times'].shape == made.sample['mean'].shape
    assert 'forecast' in page(made, 'home')


def test_plan_against_actual(database):
    database.power('grid', [1000.0] * 1440)
    for hour in range(12):
        for minute in (0, 20):  # the first of each hour counts
            at = START + hour * HOUR + 60 * minute
            database.tell('plan', 'home', at, start=at, step=900.0, grid_power=[800.0 + 500 * (minute > 0)] * 96,
                          battery_energy_kwh=[])  # fmt: skip
    made = database.gather()
    assert made.plan_error == pytest.approx(200.0)
    assert np.isfinite(made.planned).sum() == 720


def test_outages_and_anomalies(database):
    for at, alive in ((-1, True), (2, False), (3, False), (4, True), (9, True), (10, False)):
        database.tell('tie', 'home', START + at * HOUR, grid_alive=alive, reason='the utility is lost')
    for at, id, status, text in ((1, 'a', 1, 'hot <b>plug</b>'), (2, 'a', 2, ''), (3, 'b', 1, 'left on'),
                                 (5, 'a', 1, 'hot again')):  # fmt: skip
        database.tell('anomaly', 'kettle', START + at * HOUR, id=id, outlet='kettle', status=status, severity=2,
                      text=text)  # fmt: skip
    history = database.backend.history()
    first, last = outages(history, START, START + DAY)
    assert (first.start, first.end) == (START + 2 * HOUR, START + 4 * HOUR)
    assert last.start == START + 10 * HOUR and math.isnan(last.end)
    found = [(e.words, e.start - START, math.isnan(e.end)) for e in anomalies(history, START, START + DAY)]
    assert found == [('hot <b>plug</b>', HOUR, False), ('left on', 3 * HOUR, True), ('hot again', 5 * HOUR, True)]
    text = page(database.gather(), 'home')
    assert 'hot &lt;b&gt;plug' in text and 'not over' in text and '120 min' in text


def test_the_page_holds_its_pictures(database):
    database.power('grid', [1000.0] * 1440)
    database.power('kettle', [10.0] * 1440, energy=np.linspace(0, 1, 1440))
    database.prices()
    text = page(database.gather(), '<home>')
    pictures = re.findall(r'src="data:image/png;base64,([^"]+)"', text)
    assert len(pictures) == 3 and all(base64.b64decode(p).startswith(b'\x89PNG') for p in pictures)
    assert '&lt;home&gt;' in text and 'http' not in text
    assert '<td class="n">24.0' in text


def test_too_long_a_time(database):
    with pytest.raises(ReportError, match='up to 400 days'):
        database.gather(end=START + 500 * DAY)


def command(*arguments):
    return subprocess.run([sys.executable, '-m', 'hearthgrid.cli', 'report', *map(str, arguments)],
                          capture_output=True, text=True, timeout=120)  # fmt: skip


def test_the_command(database, tmp_path):
    database.power('grid', [1000.0] * 1440)
    database.prices()
    (tmp_path / 'home.yaml').write_text(HOME.dump())
    made = command('--state-dir', tmp_path, '--month', '2026-04', '--out', tmp_path / 'r.html')
    assert made.returncode == 0 and '6.00 EUR, 0.00 less than doing nothing' in made.stdout, made.stderr
    assert 'Report of home' in (tmp_path / 'r.html').read_text()


@pytest.mark.skipif(not any(map(shutil.which, report_cli.CHROMIUM)), reason='no chromium (apt-get install chromium)')
def test_a_report_is_printed_as_pdf(database, tmp_path):
    """All of it: as many plots as the HTML has, over several pages, with text that can be searched."""
    database.power('grid', [1000.0] * 1440)
    database.prices()
    made = command('--state-dir', tmp_path, '--month', '2026-04', '--out', tmp_path / 'r.pdf')
    assert made.returncode == 0, made.stderr
    printed = (tmp_path / 'r.pdf').read_bytes()
    start, end = period('2026-04', 30, START + 40 * DAY, ZONE)
    plots = page(database.gather(start, end, None), 'home').count('<img ')
    assert printed.startswith(b'%PDF-') and printed.rstrip().endswith(b'%%EOF')
    assert len(re.findall(rb'/Type\s*/Page\b', printed)) >= 2 and b'/ToUnicode' in printed
    # each picture once; its transparency is an image beside it
    assert plots >= 2 and len(re.findall(rb'/Subtype\s*/Image\b', printed)) >= plots


def test_without_a_browser_a_pdf_is_refused_in_words(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, 'which', lambda name: None)
    monkeypatch.delenv('HEARTHGRID_CHROMIUM', raising=False)
    with pytest.raises(ReportError, match='apt-get install chromium'):
        report_cli.printed('<p>', tmp_path / 'r.pdf')
    assert not (tmp_path / 'r.pdf').exists()


@pytest.mark.parametrize('arguments, words', [
    (['--state-dir', 'none'], 'no such database'), (['--state-dir', '.', '--month', 'May'], 'no month'),
    (['--state-dir', '.', '--home', 'none.yaml'], 'none.yaml'), (['--state-dir', '.', '--out', 'no/r.html'], 'No such'),
])  # fmt: skip
def test_a_mistake_is_one_line(database, arguments, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = command(*arguments)
    assert made.returncode == 1 and words in made.stderr and len(made.stderr.strip().split('\n')) == 1, made.stderr
