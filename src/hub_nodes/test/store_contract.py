"""What every database behind the store must do. Another backend inherits `Contract` and says how it is made."""
import math
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub_nodes.store import copying
from hub_nodes.store.backend import BINS_MAX, Retention
from hub_nodes.store.model import QUANTITIES, READING, Batch, Record

T0 = 1_750_032_000.0  # midnight UTC [s]
DAY = 86_400.0
NAN = math.nan


def readings(*rows):
    """Return READING of (outlet index, time [s], active power [W]); all else is not measured."""
    unknown = (NAN,) * len(QUANTITIES)
    array = np.array([(round(time * 1000), outlet, 1.0, 1, *unknown) for outlet, time, _ in rows], READING)
    array['active_power'] = [power for *_, power in rows]
    return array


def batch(*rows, outlets=('kettle', 'heater'), records=()):
    return Batch(readings(*rows), outlets, records)


def bins(series):
    """Return the bins in which something is known: (start − T0, mean, minimum, maximum, count)."""
    table = zip(series.start - T0, series.mean, series.minimum, series.maximum, series.count, strict=True)
    return [tuple(map(float, row)) for row in table if row[-1]]


def record(kind='anomaly', subject='kettle', time=T0, **data):
    return Record.of(kind, subject, time, data)


class Twin:
    """What a history is, as plainly as can be: for each outlet and millisecond the reading written last."""

    def __init__(self):
        self.kept = {}

    def write(self, rows):
        for outlet, time, power in rows:
            self.kept[outlet, round(time * 1000)] = float(np.float32(power))

    def aggregate(self, outlet, start, end, step):
        first, out = math.floor(start / step) * step, []
        while first < end:
            inside = [p for (o, ms), p in self.kept.items() if o == outlet and first <= ms / 1000 < first + step]
            known = [p for p in inside if not math.isnan(p)]
            if known:
                out.append((first - T0, math.fsum(known) / len(known), min(known), max(known), len(known)))
            first += step
        return out


class Contract:
    """`make(folder, retention)` returns a backend; the same folder is the same database."""

    def make(self, folder, retention=None):
        raise NotImplementedError

    @pytest.fixture
    def backend(self, tmp_path):
        made = self.make(tmp_path)
        yield made
        made.close()

    def test_what_is_written_is_read_back(self, backend):
        values = {name: np.float32(0.1 + k) for k, name in enumerate(QUANTITIES)} | {'energy_kwh': 12345.678901}
        array = readings((0, T0, 0.0))
        for name, value in values.items():
            array[name] = value
        done = backend.write(Batch(array, ('kettle',)))
        assert (done.readings, done.refused) == (1, 0)
        found = backend.history().readings('kettle', T0, T0 + 1)
        assert found['time'].tolist() == [round(T0 * 1000)] and found['supply'].tolist() == [1]
        assert {name: found[name][0] for name in QUANTITIES} == values
        assert backend.history().outlets() == ['kettle']

    @pytest.mark.parametrize('absent', [NAN, math.inf, -math.inf])
    def test_what_was_not_measured_comes_back_as_nan(self, backend, absent):
        backend.write(batch((0, T0, 5.0), (0, T0 + 1, absent)))
        assert np.isnan(backend.history().readings('kettle', T0, T0 + 9)['active_power']).tolist() == [False, True]
        assert bins(backend.history().aggregate('kettle', 'active_power', T0, T0 + 2, 2)) == [(0, 5, 5, 5, 1)]
        nothing = backend.history().aggregate('kettle', 'temperature', T0, T0 + 2, 1)
        assert nothing.count.tolist() == [0, 0] and np.isnan([nothing.mean, nothing.minimum, nothing.maximum]).all()
        assert nothing.unit == '°C'

    def test_bins_have_no_gap_and_begin_at_multiples_of_the_step(self, backend):
        backend.write(batch((0, T0 + 3, 1.0), (0, T0 + 12, 4.0), (0, T0 + 14, 8.0), (1, T0 + 12, 99.0)))
        series = backend.history().aggregate('kettle', 'active_power', T0 + 2, T0 + 13, 5)
        assert (series.start - T0).tolist() == [0, 5, 10] and series.step == 5
        assert series.count.tolist() == [1, 0, 2] and series.mean[2] == 6
        assert math.isnan(series.mean[1])

    @pytest.mark.parametrize('asked, given', [(0.5, 0.5), (1, 1), (60, 60), (61, 120), (90, 120), (3600, 3600)])
    def test_steps_over_a_minute_are_whole_minutes(self, backend, asked, given):
        backend.write(batch((0, T0, 1.0)))
        assert backend.history().aggregate('kettle', 'voltage', T0, T0 + 7200, asked).step == given

    @pytest.mark.parametrize('rolled', [False, True])
    @pytest.mark.parametrize('together', [False, True])
    def test_the_last_word_about_a_moment_holds(self, backend, rolled, together):
        first, second = [(0, T0, 1.0), (0, T0 + 1, 2.0)], [(0, T0, 7.0), (0, T0 + 2, 3.0)]
        if together:
            backend.write(batch(*first, *second))
        else:
            backend.write(batch(*first))
            if rolled:
                backend.maintain(T0 + 300)
            backend.write(batch(*second))
        if rolled:
            backend.maintain(T0 + 300)
        assert bins(backend.history().aggregate('kettle', 'active_power', T0, T0 + 60, 60)) == [(0, 4, 2, 7, 3)]
        assert backend.history().readings('kettle', T0, T0 + 60)['active_power'].tolist() == [7, 2, 3]

    def test_a_roll_up_is_right_after_each_slice_of_it(self, backend):
        rows = [(0, T0 + 60 * k, float(k)) for k in range(3)]
        backend.write(batch(*rows))
        backend.write(batch(*rows))
        for now in (T0, T0 + 300, T0 + 300, T0 + 300):
            backend.maintain(now)
            assert bins(backend.history().aggregate('kettle', 'active_power', T0, T0 + 180, 60)) == [
                (60 * k, k, k, k, 1) for k in range(3)]

    def test_readings_out_of_order_are_sorted(self, backend):
        backend.write(batch((0, T0 + 200, 3.0), (0, T0 + 5, 1.0)))
        backend.maintain(T0 + 500)
        backend.write(batch((0, T0 + 100, 2.0)))
        assert backend.history().readings('kettle', T0, T0 + 300)['active_power'].tolist() == [1, 2, 3]
        assert bins(backend.history().aggregate('kettle', 'active_power', T0, T0 + 240, 120)) == [
            (0, 1.5, 1, 2, 2), (120, 3, 3, 3, 1)]

    def test_a_reading_that_comes_after_its_minute_was_rolled_up_counts(self, backend):
        backend.write(batch((0, T0, 1.0), (0, T0 + 1, NAN), (1, T0 + 2, 9.0)))
        for after, power, expected in ((40, 5.0, [(0, 3, 1, 5, 2)]), (41, NAN, [(0, 3, 1, 5, 2)]),
                                       (42, 0.0, [(0, 2, 0, 5, 3)])):
            backend.maintain(T0 + 300)
            backend.write(batch((0, T0 + after, power)))
            for _ in range(2):
                assert bins(backend.history().aggregate('kettle', 'active_power', T0, T0 + 60, 60)) == expected
                backend.maintain(T0 + 300)

    def test_an_outlet_never_heard_of_has_no_history(self, backend):
        backend.write(batch((0, T0, 1.0), outlets=('kettle',)))
        history = backend.history()
        assert history.span('toaster') is None and len(history.readings('toaster', T0, T0 + 9)) == 0
        assert bins(history.aggregate('toaster', 'active_power', T0, T0 + 60, 60)) == []

    def test_the_span_is_known_to_the_minute(self, backend):
        backend.write(batch((0, T0 + 5, 1.0), (0, T0 + 600, 1.0)))
        for _ in range(2):
            first, last = backend.history().span('kettle')
            assert T0 <= first <= T0 + 5 and T0 + 600 <= last <= T0 + 660
            backend.maintain(T0 + 900)

    @pytest.mark.parametrize('quantity, start, end, step', [
        ('harmonics', T0, T0 + 1, 1), ('time', T0, T0 + 1, 1), ('voltage', T0, T0, 1), ('voltage', T0, T0 - 5, 1),
        ('voltage', T0, T0 + 1, 0), ('voltage', T0, T0 + 1, -1), ('voltage', NAN, T0, 1), ('voltage', T0, T0 + 1, NAN),
        ('voltage', T0, math.inf, 1), ('voltage', T0, T0 + BINS_MAX + 1, 1)])
    def test_a_question_without_sense_is_refused(self, backend, quantity, start, end, step):
        backend.write(batch((0, T0, 1.0)))
        with pytest.raises(ValueError):
            backend.history().aggregate('kettle', quantity, start, end, step)

    def test_an_empty_batch_changes_nothing(self, backend):
        backend.write(Batch())
        assert backend.history().outlets() == [] and backend.history().records() == []
        assert not backend.maintain(T0)

    def test_records_come_back_in_order(self, backend):
        kept = [record(time=T0 + 2, n=2), record(time=T0, n=0), record('state', time=T0 + 1, n=1),
                record(time=T0 + 1, subject='heater', n=3)]
        backend.write(Batch(records=kept))
        history = backend.history()

        def numbers(**asked):
            return [found.data['n'] for found in history.records(**asked)]

        assert numbers() == [0, 1, 3, 2]
        assert numbers(newest_first=True) == [2, 3, 1, 0]
        assert numbers(newest_first=True, limit=2) == [2, 3]
        assert numbers(kinds=('state',)) == [1]
        assert numbers(subject='heater') == [3]
        assert numbers(start=T0 + 1, end=T0 + 2) == [1, 3]
        assert history.records(limit=1) == [kept[1]]

    def test_a_record_written_twice_is_one(self, backend):
        backend.write(Batch(records=[record(n=1), record(n=1)]))
        backend.write(Batch(records=[record(n=1), record(n=2)]))
        assert [r.data for r in backend.history().records()] == [{'n': 1}, {'n': 2}]

    def test_a_record_may_be_long_and_in_any_script(self, backend):
        data = {'text': 'Wäschetrockner ≥ 2 kW 洗濯機', 'power': [k / 7 for k in range(2000)]}
        backend.write(Batch(records=[Record.of('plan', 'Küche', T0, data)]))
        assert backend.history().records(subject='Küche')[0].data == data

    def test_what_is_committed_outlives_the_process(self, tmp_path):
        first = self.make(tmp_path)
        first.write(batch((0, T0, 1.0), (0, T0 + 100, 3.0), records=[record()]), durable=True)
        first.close()
        second = self.make(tmp_path)
        second.write(batch((0, T0 + 1, 2.0)))
        second.maintain(T0 + 500)
        assert bins(second.history().aggregate('kettle', 'active_power', T0, T0 + 120, 60)) == [
            (0, 1.5, 1, 2, 2), (60, 3, 3, 3, 1)]
        assert len(second.history().records()) == 1
        second.close()

    def test_minutes_outlive_readings_and_then_go_too(self, tmp_path):
        backend = self.make(tmp_path, Retention(readings=1.0, minutes=10.0))
        backend.write(batch((0, T0, 2.0), (0, T0 + 30, 4.0), (0, T0 + 2 * DAY, 9.0)))
        while backend.maintain(T0 + 2 * DAY):
            pass
        history = backend.history()
        assert history.readings('kettle', T0, T0 + 3 * DAY)['active_power'].tolist() == [9]
        assert bins(history.aggregate('kettle', 'active_power', T0, T0 + 60, 60)) == [(0, 3, 2, 4, 2)]
        fine = history.aggregate('kettle', 'active_power', T0, T0 + 120, 1)
        assert fine.step == 60 and bins(fine) == [(0, 3, 2, 4, 2)], 'as fine as is left'
        assert history.aggregate('kettle', 'active_power', T0 + 2 * DAY, T0 + 2 * DAY + 5, 1).step == 1
        backend.write(batch((1, T0 + 11 * DAY, 1.0)))
        while backend.maintain(T0 + 11 * DAY):
            pass
        assert bins(history.aggregate('kettle', 'active_power', T0, T0 + 3 * DAY, 60)) == [(2 * DAY, 9, 9, 9, 1)]
        backend.write(batch((1, T0 + 13 * DAY, 1.0)))
        while backend.maintain(T0 + 13 * DAY):
            pass
        assert history.span('kettle') is None
        backend.close()

    def test_nothing_is_pruned_before_it_is_rolled_up(self, tmp_path):
        first = self.make(tmp_path, Retention(readings=1.0))
        first.write(batch(*((0, T0 + 60 * k, float(k)) for k in range(5))))
        first.close()  # as after a crash, nothing is rolled up yet
        backend = self.make(tmp_path, Retention(readings=1.0))
        backend.write(batch((1, T0 + 2 * DAY, 1.0)))
        while backend.maintain(T0 + 2 * DAY):
            pass
        assert len(backend.history().readings('kettle', T0, T0 + DAY)) == 0
        assert bins(backend.history().aggregate('kettle', 'active_power', T0, T0 + 300, 60)) == [
            (60 * k, k, k, k, 1) for k in range(5)]
        backend.close()

    def test_a_reading_from_before_what_is_kept_is_refused(self, tmp_path):
        backend = self.make(tmp_path, Retention(readings=1.0))
        backend.write(batch((0, T0, 2.0), (1, T0 + 2 * DAY, 1.0)))
        while backend.maintain(T0 + 2 * DAY):
            pass
        done = backend.write(batch((0, T0 + 1, 8.0), (0, T0 + 2 * DAY, 1.0)))
        assert (done.readings, done.refused) == (1, 1)
        backend.maintain(T0 + 3 * DAY)
        assert bins(backend.history().aggregate('kettle', 'active_power', T0, T0 + 60, 60)) == [(0, 2, 2, 2, 1)]
        backend.close()

    def test_a_clock_gone_wrong_prunes_nothing(self, tmp_path):
        backend = self.make(tmp_path, Retention(readings=3.0))
        backend.write(batch((0, T0, 2.0), (0, T0 + DAY, 3.0), records=[record('forecast')]))
        while backend.maintain(T0 + 30_000 * DAY):
            pass
        assert len(backend.history().readings('kettle', T0, T0 + 2 * DAY)) == 2
        assert len(backend.history().records()) == 1
        backend.close()

    def test_records_go_by_their_kind(self, tmp_path):
        backend = self.make(tmp_path, Retention(records={'forecast': 1.0, 'anomaly': 10.0}))
        backend.write(Batch(records=[record(kind, time=T0 + day * DAY) for kind in ('forecast', 'anomaly')
                                     for day in range(3)]))
        while backend.maintain(T0 + 2.5 * DAY):
            pass
        kept = [(r.kind, (r.time - T0) / DAY) for r in backend.history().records()]
        assert kept == [('anomaly', 0), ('anomaly', 1), ('forecast', 2), ('anomaly', 2)]
        backend.close()

    @pytest.mark.parametrize('pruned', [False, True])
    def test_all_of_it_is_copied_into_another(self, tmp_path, pruned):
        (tmp_path / 'a').mkdir()
        (tmp_path / 'b').mkdir()
        source = self.make(tmp_path / 'a', Retention(readings=1.0 if pruned else 14.0))
        rows = [(k % 2, T0 + 37.0 * k, float(k)) for k in range(200)] + [(0, T0 + 2 * DAY, 5.0)] * pruned
        records = [record(time=T0 + k // 50, n=k) for k in range(150)]
        source.write(batch(*rows, records=records))
        while source.maintain(T0 + 2 * DAY):
            pass
        target, shares = self.make(tmp_path / 'b'), []
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(copying, 'PAGE', 20)  # less than fall into one moment
            for _ in range(2):
                copied = copying.copy(source.history(), target, shares.append)
        assert copied.readings == (1 if pruned else 200)
        assert copied.records == 150
        assert (copied.minutes > 0) == pruned
        assert shares[-1] == 1.0 and shares[:len(shares) // 2] == sorted(shares[:len(shares) // 2])
        old, new = source.history(), target.history()
        assert new.outlets() == old.outlets() and new.raw_since() == old.raw_since()
        assert [r.data['n'] for r in new.records()] == [r.data['n'] for r in old.records()] == list(range(150))
        for outlet in old.outlets():
            assert np.subtract(new.span(outlet), old.span(outlet)) == pytest.approx(0, abs=60), 'known to the minute'
            assert (new.readings(outlet, T0, T0 + 3 * DAY).tobytes()
                    == old.readings(outlet, T0, T0 + 3 * DAY).tobytes())
            for step in (60, 600):
                assert bins(new.aggregate(outlet, 'active_power', T0, T0 + 3 * DAY, step)) == bins(
                    old.aggregate(outlet, 'active_power', T0, T0 + 3 * DAY, step))
        source.close()
        target.close()

    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    @given(data=st.data())
    def test_history_is_what_a_plain_twin_says(self, data):
        powers = st.one_of(st.just(NAN), st.floats(-1e4, 1e4, width=32))
        moments = st.sampled_from([0, 0.5, 1, 31, 59.5, 60, 61, 119, 180, 299, 300]).map(lambda after: T0 + after)
        rows = st.lists(st.tuples(st.integers(0, 1), moments, powers), max_size=12)
        with tempfile.TemporaryDirectory() as folder:
            backend, twin = self.make(Path(folder)), Twin()
            try:
                for act in data.draw(st.lists(st.one_of(rows, st.sampled_from(['maintain', 'reopen'])), max_size=8)):
                    if act == 'maintain':
                        backend.maintain(T0 + data.draw(st.sampled_from([0, 150, 1000])))
                    elif act == 'reopen':
                        backend.close()
                    else:
                        backend.write(batch(*act))
                        twin.write(act)
                    backend.open()
                    step = data.draw(st.sampled_from([0.5, 7, 60, 120, 300]))
                    start = T0 + data.draw(st.sampled_from([0, 1, 60, 61]))
                    for number, outlet in enumerate(('kettle', 'heater')):
                        series = backend.history().aggregate(outlet, 'active_power', start, T0 + 301, step)
                        expected = twin.aggregate(number, start, T0 + 301, step)
                        assert np.array(bins(series)) == pytest.approx(np.array(expected), rel=1e-6, abs=1e-3)
            finally:
                backend.close()
