"""The queue before the database: order, bounds, and what is never dropped."""
import math
import threading

import pytest

from hub_nodes.store import writer as module
from hub_nodes.store.backend import Backend, Corrupt, Unavailable, Vanished, Written
from hub_nodes.store.model import QUANTITIES, Record
from hub_nodes.store.place import open_history
from hub_nodes.store.sqlite import SqliteBackend
from hub_nodes.store.writer import Writer

T0 = 1_750_032_000.0  # midnight UTC [s]
LONG = 60.0           # longer than any test takes [s]
VALUES = (math.nan,) * len(QUANTITIES)


class Memory(Backend):
    """A database in a list, that does as it is told: `fault` is raised by the next writes."""

    def __init__(self):
        self.readings, self.records, self.durable, self.fault = [], [], [], None
        self.tried, self.go = threading.Event(), threading.Event()
        self.go.set()
        self.set_aside_times, self.maintained, self.closed = 0, 0, False

    def open(self):
        pass

    def write(self, batch, durable=False):
        self.tried.set()
        assert self.go.wait(LONG)
        if self.fault:
            raise self.fault
        self.readings += [(batch.outlets[r['outlet']], (int(r['time']) - round(T0 * 1000)) // 1000)
                          for r in batch.readings]
        self.records += batch.records
        self.durable.append(durable)
        return Written(len(batch.readings), 0)

    def write_minutes(self, outlet, rows, raw_since):
        raise NotImplementedError  # no writer's business

    def maintain(self, now):
        self.maintained += 1
        return False

    def set_aside(self):
        self.set_aside_times, self.fault = self.set_aside_times + 1, None
        return 'elsewhere'

    def history(self):
        raise NotImplementedError

    def size(self):
        return 0

    def close(self):
        self.closed = True


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(module, 'RETRY', 0.01)


@pytest.fixture
def backend():
    return Memory()


@pytest.fixture
def make(backend):
    """Return a maker of writers on `backend`; all are closed at the end."""
    made = []

    def maker(**options):
        made.append(Writer(backend, **{'flush_period': LONG, 'say': said.append, **options}))
        return made[-1]

    said = maker.said = []
    yield maker
    backend.go.set()
    for writer in made:
        writer.close()


def put(writer, *numbers, outlet='kettle'):
    for number in numbers:
        writer.put_reading(T0 + number, outlet, 1.0, 1, VALUES)


def event(n):
    return Record.of('anomaly', 'kettle', T0 + n, {})


def forecast(n):
    return Record.of('forecast', 'home/load', T0 + n, {})


def until(condition):
    waiting = threading.Event()
    return any(condition() or waiting.wait(0.01) for _ in range(2000))


def test_readings_are_written_in_order_and_by_name(make, backend):
    writer = make()
    put(writer, 1, 2)
    put(writer, 3, outlet='heater')
    put(writer, 4)
    assert writer.flush()
    assert backend.readings == [('kettle', 1), ('kettle', 2), ('heater', 3), ('kettle', 4)]
    assert writer.stats().written == 4 and writer.stats().queued == 0


def test_a_reading_is_written_without_being_asked_for(make, backend):
    put(make(flush_period=0.05), 1)
    assert until(lambda: backend.readings)


def test_an_event_is_written_at_once_and_with_it_what_waits(make, backend):
    writer = make()
    put(writer, 1)
    writer.put_record(event(1))
    assert until(lambda: backend.records == [event(1)]), 'not only at the end of the flush period'
    assert backend.readings == [('kettle', 1)]


def test_events_are_durable_at_once_and_readings_now_and_then(make, backend):
    writer = make(sync_period=LONG)
    for act in (lambda: put(writer, 1), lambda: put(writer, 2), lambda: writer.put_record(event(1)),
                lambda: writer.put_record(forecast(1))):
        act()
        assert writer.flush()
    assert backend.durable == [True, False, True, False]


def test_a_large_queue_is_written_in_several_transactions(make, backend):
    backend.go.clear()
    writer = make()
    put(writer, *range(12_000))
    backend.go.set()
    assert writer.flush()
    assert [n for _, n in backend.readings] == list(range(12_000)) and len(backend.durable) >= 3


def test_a_failed_write_is_repeated_in_order(make, backend):
    backend.fault = Unavailable('the disk is full')
    writer = make()
    put(writer, 1, 2)
    writer.put_record(event(1))
    assert until(lambda: writer.stats().error == 'the disk is full')
    put(writer, 3)
    writer.put_record(event(2))
    assert writer.stats().queued == 5 and not writer.flush(0.05)
    backend.fault = None
    assert writer.flush()
    assert backend.readings == [('kettle', 1), ('kettle', 2), ('kettle', 3)]
    assert backend.records == [event(1), event(2)]
    assert until(lambda: writer.stats().error == '')


@pytest.mark.parametrize('while_writing', [False, True])
def test_a_full_queue_loses_its_oldest_readings_but_no_event(make, backend, while_writing):
    backend.fault = Unavailable('gone')
    if while_writing:
        backend.go.clear()
    writer = make(queue=100)
    put(writer, 0)
    writer.put_record(event(0))
    assert backend.tried.wait(LONG)
    put(writer, *range(1, 250))
    for n in range(1, 250):
        writer.put_record(event(n))
    backend.go.set()
    assert until(lambda: writer.stats().queued == 350 and writer.stats().error)
    backend.fault = None
    assert writer.flush()
    assert [n for _, n in backend.readings] == list(range(150, 250))
    assert backend.records == [event(n) for n in range(250)]
    assert writer.stats().dropped == 150


def test_forecasts_are_dropped_before_memory_is_full(make, backend, monkeypatch):
    monkeypatch.setattr(module, 'PASSING_MAX', 3)
    backend.fault = Unavailable('gone')
    writer = make()
    for n in range(5):
        writer.put_record(forecast(n))
    backend.fault = None
    assert writer.flush()
    assert [r for r in backend.records] == [forecast(2), forecast(3), forecast(4)] and writer.stats().dropped == 2


@pytest.mark.parametrize('fault, aside', [(Corrupt('malformed'), 1), (Vanished('it was deleted'), 0)])
def test_a_lost_database_is_told_once_and_a_new_one_begun(make, backend, fault, aside):
    backend.fault = fault
    writer = make()
    put(writer, 1)
    writer.put_record(event(1))
    assert until(lambda: make.said)
    backend.fault = None
    assert writer.flush()
    assert backend.readings == [('kettle', 1)] and backend.records == [event(1)]
    assert backend.set_aside_times == aside and 'new database' in make.said[0]
    assert not aside or ('elsewhere' in make.said[0] and len(make.said) == 1)


def test_damaged_databases_are_not_set_aside_one_after_the_other(make, backend):
    writer = make(flush_period=0.01)
    for _ in range(2):
        backend.fault = Corrupt('malformed again')
        put(writer, 1)
        assert until(lambda: backend.fault is None or writer.stats().error)
    assert backend.set_aside_times == 1 and writer.stats().error == 'malformed again'
    backend.fault = None
    assert writer.flush()


def test_a_fault_of_the_program_ends_the_writer_and_is_told(make, backend, monkeypatch):
    monkeypatch.setattr(threading, 'excepthook', lambda args: None)
    backend.fault = ZeroDivisionError('ours')
    writer = make()
    put(writer, 1)
    assert not writer.flush()
    assert 'ours' in writer.stats().broken and backend.closed


def test_close_writes_what_waits(make, backend):
    writer = make()
    put(writer, 1)
    writer.put_record(event(1))
    assert writer.close()
    assert backend.readings == [('kettle', 1)] and backend.records == [event(1)] and backend.closed


def test_close_says_when_something_is_left(make, backend):
    backend.fault = Unavailable('gone')
    writer = make()
    put(writer, 1)
    assert not writer.close() and backend.closed


def test_maintenance_comes_after_many_readings(make, backend, monkeypatch):
    monkeypatch.setattr(module, 'MAINTAIN_ROWS', 10)
    writer = make()
    put(writer, *range(10))
    writer.flush()
    assert until(lambda: backend.maintained == 1)


def test_readings_of_many_threads_all_arrive(make, backend):
    writer = make(flush_period=0.01)
    threads = [threading.Thread(target=put, args=(writer, *range(2000)), kwargs={'outlet': f'o{n}'}) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert writer.flush()
    assert sorted(backend.readings) == sorted((f'o{n}', k) for n in range(4) for k in range(2000))
    assert all([k for o, k in backend.readings if o == f'o{n}'] == list(range(2000)) for n in range(4))


def test_with_the_real_database(tmp_path):
    writer = Writer(SqliteBackend(tmp_path / 'hearthgrid.db'), flush_period=LONG, clock=lambda: T0)
    for k in range(300):
        writer.put_reading(T0 + k, 'kettle', 1.0, 1, [float(k)] * len(QUANTITIES))
    writer.put_record(event(7))
    assert writer.flush()
    history = open_history(tmp_path)
    assert history.readings('kettle', T0, T0 + 300)['voltage'].tolist() == list(range(300))
    assert history.records() == [event(7)]
    assert writer.close()
