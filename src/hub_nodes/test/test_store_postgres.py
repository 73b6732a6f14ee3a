"""A real PostgreSQL keeps the contract of every database behind the store, and faults of its own are told.

Where its server could load TimescaleDB, all of it runs a second time with the extension; the tests' names say which.
"""
import importlib.util
import math
import time
from pathlib import Path

import psycopg
import pytest

from hearthgrid_msgs import msg, srv
from hearthgrid_ros.interfaces import GET_HISTORY, READINGS
from hearthgrid_ros.node import options
from hearthgrid_ros.testing import graph
from hearthgrid_ros.time import to_msg
from hub_nodes.store import postgres, postgres_schema, timescale
from hub_nodes.store.backend import Incompatible, Unavailable, Vanished
from hub_nodes.store.node import StoreNode, StoreSettings
from hub_nodes.store.place import open_history, remember
from hub_nodes.store.postgres import PostgresBackend
from hub_nodes.store.postgres_history import PostgresHistory, without_password


def _load(name):
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f'{name}.py'))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


postgres_server, contract = _load('postgres_server'), _load('store_contract')
T0, batch, bins, record = contract.T0, contract.batch, contract.bins, contract.record


TIMESCALE = postgres_server.timescale()
FOUND = [pytest.param(False, id='plain')] + [pytest.param(True, id=f'timescaledb-{TIMESCALE}')] * bool(TIMESCALE)


@pytest.fixture(scope='module', params=FOUND)
def server(request):
    made = postgres_server.Server(request.param)
    made.start()
    yield made
    made.stop()


class TestPostgres(contract.Contract):
    @pytest.fixture(autouse=True)
    def served(self, server):
        self.url, self.schemas = server.url, {}

    def make(self, folder, retention=None):
        name = self.schemas.setdefault(folder, f's{abs(hash(str(folder)))}')
        return PostgresBackend(self.url, retention, name)


class TestPostgresInSmallSlices(TestPostgres):
    @pytest.fixture(autouse=True)
    def small(self, monkeypatch):
        for name, value in {'ROLL_MINUTES': 1, 'PRUNE_SPAN': 60_000, 'PRUNE_MINUTES': 1, 'PRUNE_RECORDS': 1}.items():
            monkeypatch.setattr(postgres, name, value)


@pytest.fixture
def backend(server, request):
    made = PostgresBackend(server.url, schema=f't{abs(hash(request.node.name))}')
    yield made
    made.close()


def twin(backend):
    return PostgresBackend(backend._url, schema=backend._schema)


def test_a_second_writer_is_kept_out_until_the_first_is_gone(backend):
    backend.open()
    other = twin(backend)
    with pytest.raises(Unavailable, match='another store writes'):
        other.open()
    backend.close()
    other.open()
    other.close()


def test_what_a_newer_program_made_is_not_touched(backend):
    backend.open()
    backend._connection.execute('INSERT INTO migrations (version) VALUES (%s)', (len(postgres_schema.MIGRATIONS) + 1,))
    backend.close()
    with pytest.raises(Incompatible, match='newer'):
        backend.write(batch((0, T0, 1.0)))
    with pytest.raises(Incompatible):
        backend.history().outlets()


def test_tables_that_vanish_are_told_and_made_anew(backend):
    backend.write(batch((0, T0, 1.0)))
    backend._connection.execute(f'DROP SCHEMA {backend._schema} CASCADE')
    with pytest.raises(Vanished):
        backend.write(batch((0, T0, 2.0)))
    backend.write(batch((0, T0, 2.0)))
    assert backend.history().readings('kettle', T0, T0 + 1)['active_power'].tolist() == [2]


def test_a_server_that_dies_and_comes_back_loses_nothing_durable(server, backend):
    backend.write(batch((0, T0, 1.0), records=[record(n=1)]), durable=True)
    server.kill()
    with pytest.raises(Unavailable):
        backend.write(batch((0, T0 + 1, 2.0)))
    with pytest.raises(Unavailable):
        backend.history().outlets()
    server.start()
    backend.write(batch((0, T0 + 1, 2.0)))
    assert backend.history().readings('kettle', T0, T0 + 9)['active_power'].tolist() == [1, 2]
    assert [r.data for r in backend.history().records()] == [{'n': 1}]


def test_a_batch_that_fails_in_the_middle_leaves_nothing(backend, monkeypatch):
    backend.write(batch((0, T0, 1.0)))
    monkeypatch.setattr(postgres_schema, 'INSERT_RECORD', 'INSERT INTO nothing VALUES (%s, %s, %s, %s, %s)')
    with pytest.raises(Vanished):
        backend.write(batch((0, T0 + 1, 2.0), outlets=('kettle', 'new'), records=[record()]))
    monkeypatch.undo()
    backend.open()
    assert backend.history().outlets() == ['heater', 'kettle']
    assert len(backend.history().readings('kettle', T0, T0 + 9)) == 1


def test_what_is_corrupt_is_set_aside(backend):
    backend.write(batch((0, T0, 1.0)))
    where = backend.set_aside()
    assert '_corrupt_' in where
    backend.open()
    assert backend.history().outlets() == []
    aside = PostgresHistory(backend._url, where.split()[-1])
    assert aside.outlets() == ['heater', 'kettle']


def test_a_database_that_is_too_large_gives_up_readings_but_not_minutes(server, request):
    made = PostgresBackend(server.url, contract.Retention(size_max=1), f't{abs(hash(request.node.name))}')
    made.write(batch((0, T0, 2.0), (0, T0 + 7200, 4.0)))
    while made.maintain(T0 + 7300):
        pass
    assert made.size() > 1
    assert made.history().readings('kettle', T0, T0 + 9000)['active_power'].tolist() == [4]
    assert bins(made.history().aggregate('kettle', 'active_power', T0, T0 + 60, 60)) == [(0, 2, 2, 2, 1)]
    made.close()


def test_text_that_postgresql_cannot_hold_is_kept_without_it(backend):
    backend.write(contract.Batch(contract.readings((0, T0, 1.0)), ('ket\0tle',), [record(subject='a\0b')]))
    assert backend.history().outlets() == ['kettle'] and backend.history().records()[0].subject == 'ab'


@pytest.mark.parametrize('url, shown', [
    ('postgresql://home:secret@db.lan:5432/home?sslmode=require', 'postgresql://home@db.lan:5432/home?sslmode=require'),
    ('postgresql://home@/x', 'postgresql://home@/x')])
def test_a_password_is_not_shown(url, shown):
    assert without_password(url) == shown == PostgresBackend(url).path


def test_a_server_that_is_not_there_is_unavailable():
    nowhere = PostgresBackend('postgresql://home:secret@127.0.0.1:1/none')
    for act in (nowhere.open, nowhere.history().outlets):
        with pytest.raises(Unavailable) as told:
            act()
        assert 'secret' not in str(told.value)
    assert nowhere.size() == 0 and math.isfinite(nowhere.size())


@pytest.mark.parametrize('name', ['', 'a b', 'x"; DROP TABLE y'])
def test_a_schema_s_name_is_a_word(name):
    with pytest.raises(ValueError):
        PostgresBackend('postgresql://', schema=name)


def test_the_node_writes_there_and_other_programs_find_it(server, tmp_path):
    url = f'{server.url}&application_name=home'
    with graph() as ros:
        node = ros.add(StoreNode, **options('/home', {'state_dir': str(tmp_path), 'database': url}))
        peer = ros.peer()
        end = READINGS.publisher(peer)
        assert ros.matched(end)
        stamp = to_msg(node.now())
        end.publish(msg.Reading(stamp=stamp, outlet='kettle', voltage=231.0))
        assert ros.until(lambda: node._writer.stats().written == 1)
        assert open_history(tmp_path).outlets() == ['kettle']
        answer = ros.call(GET_HISTORY.client(peer), srv.GetHistory.Request(
            outlet='kettle', quantity='voltage', start=to_msg(node.now() - 60)))
        assert answer.success and [p.mean for p in answer.points if p.count] == [231.0]
    assert not (tmp_path / 'hearthgrid.db').exists() and (tmp_path / 'store_database.json').stat().st_mode & 0o77 == 0
    remember(tmp_path, '')
    with pytest.raises(Unavailable):
        open_history(tmp_path)


@pytest.mark.parametrize('database', ['mysql://x', 'hearthgrid.db'])
def test_an_address_of_another_kind_is_refused(database):
    with pytest.raises(ValueError, match='database must'):
        StoreSettings(database=database)


def test_the_tables_are_what_the_server_can_make_of_them(server, backend):
    backend.write(batch((0, T0, 1.0), (0, T0 + contract.DAY, 2.0)))
    assert timescale.present(backend._connection) == server.extended
    assert backend.remark() == '' and backend.size() > 0
    ask = backend._connection.execute
    if not server.extended:
        assert ask("SELECT to_regclass('hours')").fetchone() == (None,)
        return
    assert ask('SELECT num_chunks FROM timescaledb_information.hypertables WHERE hypertable_schema = %s '
               "AND hypertable_name = 'readings'", (backend._schema,)).fetchone() == (2,), 'a chunk a day'
    assert ask('SELECT materialized_only FROM timescaledb_information.continuous_aggregates WHERE view_name = %s '
               'AND view_schema = %s', ('hours', backend._schema)).fetchone() is not None
    assert ask('SELECT schedule_interval::text FROM timescaledb_information.jobs ORDER BY job_id DESC LIMIT 1'
               ).fetchone() == ('00:10:00',)


def test_hours_are_right_and_outlive_the_readings_below_them(server):
    now = math.floor(time.time() / 3600.0) * 3600.0
    made = PostgresBackend(server.url, contract.Retention(readings=1.0), f'hours_{server.extended}')
    made.write(batch((0, now - 3 * contract.DAY, 5.0), *((0, now - hours * 3600 + 600 * k, float(k))
                                                         for hours in (26, 5) for k in range(12))))
    expected = [(round(1000 * (now - hour * 3600)), total, n, 0)
                for hour, total, n in ((72, 5.0, 1), (26, 15.0, 6), (25, 51.0, 6), (5, 15.0, 6), (4, 51.0, 6))]
    ask = made._connection.execute
    try:
        if server.extended:
            hours = 'SELECT hour, active_power_sum, active_power_n, voltage_n FROM hours ORDER BY hour'
            job, = ask('SELECT max(job_id) FROM timescaledb_information.jobs').fetchone()
            ask(f'CALL run_job({job})')
            assert ask(hours).fetchall() == expected[3:], 'by itself'
            ask("CALL refresh_continuous_aggregate('hours', NULL, NULL)")
            assert ask(hours).fetchall() == expected
        while made.maintain(now):
            pass
        assert len(made.history().readings('kettle', now - 4 * contract.DAY, now)) == 12
        assert ask('SELECT count(*) FROM minutes').fetchone() == (25,)
        if server.extended:
            assert ask(f"SELECT count(*) FROM show_chunks('readings', older_than => "
                       f'{round(1000 * (now - 2 * contract.DAY))}::bigint)').fetchone() == (0,), 'let go of'
            ask(f'CALL run_job({job})')
            assert ask(hours).fetchall() == expected
    finally:
        made.close()


def test_tables_from_before_the_extension_move_into_chunks(server, backend, monkeypatch):
    with monkeypatch.context() as before:
        before.setattr(timescale, 'present', lambda connection: False)
        backend.write(batch((0, T0, 1.0), (0, T0 + contract.DAY, 2.0), records=[record(n=1)]))
        backend.close()
    backend.write(batch((0, T0 + 1, 3.0)))
    assert backend._chunked == server.extended and backend.remark() == ''
    assert backend.history().readings('kettle', T0, T0 + 2 * contract.DAY)['active_power'].tolist() == [1, 3, 2]
    assert len(backend.history().records()) == 1


# The functions of TimescaleDB 2 that are called, with its signatures; each notes that it was. The extension itself is
# not in Debian: where it is not installed this is how far a test can go: names, arguments, types and columns.
STAND_IN = (
    'CREATE TABLE calls (name text, about text)',
    '''CREATE FUNCTION create_hypertable(relation regclass, time_column_name name,
       partitioning_column name DEFAULT NULL, chunk_time_interval anyelement DEFAULT NULL::bigint,
       if_not_exists boolean DEFAULT false,
       migrate_data boolean DEFAULT false) RETURNS integer LANGUAGE sql AS
       $$INSERT INTO calls VALUES ('create_hypertable', relation || '.' || time_column_name) RETURNING 1$$''',
    '''CREATE FUNCTION set_integer_now_func(hypertable regclass, integer_now_func regproc,
       replace_if_exists boolean DEFAULT false) RETURNS void LANGUAGE sql AS
       $$INSERT INTO calls VALUES ('set_integer_now_func', hypertable::text)$$''',
    '''CREATE FUNCTION time_bucket(bucket_width bigint, ts bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS
       'SELECT ts / bucket_width * bucket_width' ''',
    '''CREATE FUNCTION remove_continuous_aggregate_policy(continuous_aggregate regclass, if_not_exists boolean
       DEFAULT false, if_exists boolean DEFAULT NULL) RETURNS void LANGUAGE sql AS 'SELECT' ''',
    '''CREATE FUNCTION add_continuous_aggregate_policy(continuous_aggregate regclass, start_offset bigint,
       end_offset bigint, schedule_interval interval, if_not_exists boolean DEFAULT false) RETURNS integer
       LANGUAGE sql AS
       $$INSERT INTO calls VALUES ('add_continuous_aggregate_policy', continuous_aggregate::text) RETURNING 1$$''',
    "CREATE FUNCTION hypertable_size(hypertable regclass) RETURNS bigint LANGUAGE sql AS 'SELECT 1000000000::bigint'",
)


@pytest.mark.parametrize('server', FOUND[:1], indirect=True)
def test_with_stand_ins_of_the_extension_the_statements_are_whole(backend, monkeypatch):
    backend.open()
    for statement in STAND_IN:
        backend._connection.execute(statement)
    # A plain server does not know this one option: the rest of the statements is as it is sent.
    sent = tuple(text.replace(' WITH (timescaledb.continuous)', '') for text in timescale.STATEMENTS)
    assert sum(map(str.__ne__, sent, timescale.STATEMENTS)) == 1
    monkeypatch.setattr(timescale, 'STATEMENTS', sent)
    monkeypatch.setattr(timescale, 'present', lambda connection: True)
    for _ in range(2):  # at every start
        backend.close()
        backend.write(batch((0, T0, 2.0), (0, T0 + 3599, 4.0), (0, T0 + 3600, 9.0)))
        assert backend.remark() == ''
    calls = backend._connection.execute('SELECT DISTINCT name, about FROM calls ORDER BY name').fetchall()
    assert calls == [('add_continuous_aggregate_policy', 'hours'), ('create_hypertable', 'readings.time'),
                     ('set_integer_now_func', 'readings')]
    backend._connection.execute('REFRESH MATERIALIZED VIEW hours')
    assert backend._connection.execute('SELECT (hour - %s) / 3600000, active_power_sum, active_power_n, voltage_n '
                                       'FROM hours ORDER BY hour', (round(1000 * T0),)).fetchall() == [
        (0, 6.0, 2, 0), (1, 9.0, 1, 0)]
    assert abs(backend._connection.execute('SELECT now_ms()').fetchone()[0] / 1000 - time.time()) < 60
    assert backend.size() > 1_000_000_000, 'chunks count'


@pytest.mark.parametrize('server', FOUND[:1], indirect=True)
def test_an_extension_that_refuses_is_told_and_done_without(backend, monkeypatch):
    monkeypatch.setattr(timescale, 'present', lambda connection: True)  # but its functions are not there
    backend.write(batch((0, T0, 1.0)))
    assert 'TimescaleDB is not used' in backend.remark() and 'create_hypertable' in backend.remark()
    assert backend.size() > 0 and len(backend.history().readings('kettle', T0, T0 + 1)) == 1


def test_tables_of_every_earlier_version_are_brought_up_to_date(backend, monkeypatch):
    backend.write(batch((0, T0, 1.0), records=[record(n=1)]))
    backend.close()
    later = (*postgres_schema.MIGRATIONS, ('ALTER TABLE outlets ADD COLUMN room text',))
    monkeypatch.setattr(postgres_schema.migrate, '__defaults__', (later,))
    monkeypatch.setattr(postgres_schema, 'MIGRATIONS', later)
    backend.write(batch((0, T0 + 1, 2.0)))
    assert backend.history().readings('kettle', T0, T0 + 9)['active_power'].tolist() == [1, 2]
    assert backend._connection.execute('SELECT max(version) FROM migrations').fetchone() == (len(later),)
    assert backend._connection.execute('SELECT room FROM outlets').fetchall() == [(None,), (None,)]


def test_it_is_postgresql_that_answers(server):
    with psycopg.connect(server.url) as connection:
        assert 'PostgreSQL' in connection.execute('SELECT version()').fetchone()[0]
