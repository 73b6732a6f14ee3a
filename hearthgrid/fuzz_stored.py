"""Targets for what is stored: tables in Parquet, bags, databases and their answers, logs and small kept files."""

import json
import math
import sqlite3
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path

from hearthgrid.fuzz import Target

NOW = 1_700_000_000.0
OUTLET, QUANTITY, MINUTE = 'kettle', 'active_power', 60_000


def targets() -> list[Target]:
    """Return the targets of this module."""
    return [*_tables(), *_bags(), *_answers(), *_databases(), *_small()]


def file_target(name: str, about: str, refuses: tuple, file: str, make: Callable[[Path], None], read) -> Target:
    """Return a target that reads a file. make : writes a valid one"""

    def open_(folder: Path, stack: ExitStack):
        path = folder / file
        make(path)
        valid = path.read_bytes()

        def eat(content: bytes) -> None:
            path.write_bytes(content)
            read(path)

        return [valid], eat

    return Target(name, about, refuses, open_)


def _tables() -> list[Target]:
    import pandas as pd

    from hearthgrid.simulate_course import CourseError
    from hearthgrid.simulate_course import read as read_course
    from hearthgrid_ros.home import parse
    from hearthgrid_ros.recordings import RecordingError, collect

    home = parse('outlets: [{id: kettle}]')

    def power(path: Path) -> None:
        rows = [(NOW + 6.0 * k, 50.0 * (k % 7), 'kettle') for k in range(120)]
        table = pd.DataFrame(rows, columns=['time', 'power', 'label'])
        table.to_parquet(path) if path.suffix == '.parquet' else table.to_csv(path, index=False)

    def course(path: Path) -> None:
        when = pd.date_range('2024-01-01', periods=72, freq='h', tz='UTC')
        prices = [0.1 + 0.01 * (k % 24) for k in range(72)]
        pd.DataFrame({'time': when, 'load': 400.0, 'price': prices}).to_parquet(path)

    return [
        file_target('table-parquet', 'a table of power (Parquet)', (RecordingError,), 'kettle.parquet', power, collect),
        file_target('table-csv', 'a table of power (CSV)', (RecordingError,), 'kettle.csv', power, collect),
        file_target('course-parquet', 'a course of a simulation (Parquet)', (CourseError,), 'course.parquet', course,
                    lambda path: read_course(path, home, 1, 1, None)),
    ]  # fmt: skip


def _bags() -> list[Target]:
    from rclpy.serialization import serialize_message
    from rosbags.rosbag2 import StoragePlugin, Writer

    from hearthgrid.bags import BagError, opened
    from hearthgrid_msgs import msg
    from hearthgrid_ros.definitions import message_name, typestore
    from hearthgrid_ros.recordings import RecordingError
    from hearthgrid_ros.recordings import read as read_recording
    from hearthgrid_ros.time import to_msg

    def bag(plugin: StoragePlugin) -> Callable[[Path], None]:
        def make(path: Path) -> None:
            said = [msg.Label(outlet=OUTLET, type='kettle', valid_from=to_msg(NOW))]
            for number in range(3):
                counts = [round(1000 * math.sin(2 * math.pi * k / 128)) for k in range(640)]
                said.append(msg.Samples(stamp=to_msg(NOW + 0.1 * number), outlet=OUTLET, sequence=number,
                                        sampling_rate=6400.0, nominal_frequency=50.0, voltage_scale=0.3,
                                        current_scale=0.01, voltage=counts, current=counts))  # fmt: skip
            folder = path.with_name('bag')
            store = typestore(message_name(type(one)) for one in said)
            with Writer(folder, version=9, storage_plugin=plugin) as writer:
                places = {kind: writer.add_connection(f'/home/{kind.__name__.lower()}', message_name(kind),
                                                      typestore=store) for kind in (msg.Label, msg.Samples)}
                for number, one in enumerate(said):
                    writer.write(places[type(one)], int(NOW * 1e9) + number, serialize_message(one))
            next(folder.glob(f'*{path.suffix}')).replace(path)

        return make

    def replayed(path: Path) -> None:
        with opened(path) as (_, found):
            for _ in found:
                pass

    rows = []
    for plugin, suffix in ((StoragePlugin.MCAP, 'mcap'), (StoragePlugin.SQLITE3, 'db3')):
        rows += [
            file_target(f'bag-{suffix}', f'recordings in a rosbag2 ({suffix})', (RecordingError,), f'bag.{suffix}',
                        bag(plugin), read_recording),
            file_target(f'replay-{suffix}', f'a rosbag2 to play again ({suffix})', (BagError,), f'bag.{suffix}',
                        bag(plugin), replayed),
        ]  # fmt: skip
    return rows


def _answers() -> list[Target]:
    import httpx

    from hub_nodes.store.backend import StoreError
    from hub_nodes.store.line_server import FIELDS, MEASUREMENT, Influx, Victoria

    first = int(NOW * 1000)
    rows = [[first + 1000 * k, *(float(k),) * len(FIELDS)] for k in range(5)]
    influx = {'results': [{'series': [{'name': MEASUREMENT, 'tags': {'outlet': OUTLET},
                                       'columns': ['time', *FIELDS], 'values': rows}]}]}  # fmt: skip
    lines = [{'metric': {'__name__': f'{MEASUREMENT}_{field}', 'outlet': OUTLET},
              'timestamps': [row[0] for row in rows], 'values': [1.0] * len(rows)} for field in FIELDS]  # fmt: skip

    def server(kind: type, url: str, valid: bytes):
        def open_(folder: Path, stack: ExitStack):
            made = kind(url)

            def eat(content: bytes) -> None:
                made._ask = lambda *_, **__: httpx.Response(200, content=content)
                made.readings(first, first + MINUTE)
                made.count(first, first + MINUTE)

            return [valid], eat

        return open_

    return [
        Target('answers-influx', 'answers of InfluxDB (JSON)', (StoreError,),
               server(Influx, 'influxdb://localhost/h', json.dumps(influx).encode())),
        Target('answers-victoria', 'answers of VictoriaMetrics (JSON lines)', (StoreError,),
               server(Victoria, 'victoriametrics://localhost/h', '\n'.join(map(json.dumps, lines)).encode())),
    ]  # fmt: skip


def _databases() -> list[Target]:
    import numpy as np

    from hub_nodes.store import postgres_history, schema
    from hub_nodes.store.backend import StoreError
    from hub_nodes.store.history import SqliteHistory
    from hub_nodes.store.restore import check

    def database(path: Path) -> None:
        path.unlink(missing_ok=True)
        with closing(sqlite3.connect(path)) as connection:
            schema.migrate(connection)
            connection.execute("INSERT INTO outlets (name) VALUES ('kettle')")
            connection.commit()

    def read(path: Path) -> None:
        check(path)
        history = SqliteHistory(path)
        history.outlets()
        history.records()
        history.span(OUTLET)
        history.readings(OUTLET, NOW, NOW + 60.0)
        history.aggregate(OUTLET, QUANTITY, NOW, NOW + 3600.0, 60.0)

    class Cursor:
        def __init__(self, columns) -> None:
            self._columns = columns

        def __enter__(self):
            return self

        def __exit__(self, *_) -> None:
            pass

        def execute(self, *_):
            return self

        def fetchone(self):
            return self._columns

    class Connection:
        def __init__(self, columns) -> None:
            self._columns = columns

        def cursor(self, **_) -> Cursor:
            return Cursor(self._columns)

    element = np.zeros(3, postgres_history._ELEMENT)
    column = bytes(postgres_history._ARRAY_HEAD) + element.tobytes()

    def arrays(content: bytes) -> None:
        size = max(1, len(content) // 5)
        postgres_history._each_minute(Connection([content[k * size:(k + 1) * size] for k in range(5)]), '', {})

    return [
        file_target('database', 'the store as a file, or a backup (SQLite)', (StoreError,), 'history.sqlite', database,
                    read),
        Target('answers-postgres', 'arrays in answers of PostgreSQL', (StoreError,),
               lambda folder, stack: ([column * 5], arrays)),
    ]  # fmt: skip


def _small() -> list[Target]:
    from hearthgrid_ros.counter import Counter
    from hearthgrid_ros.recordings import Hints, RecordingError
    from hub_nodes.dashboard.audit import AuditLog
    from hub_nodes.dashboard.past_file import NAME, KeptSteps
    from hub_nodes.dashboard.views import Step

    def kept(path: Path) -> None:
        KeptSteps(str(path.parent), lambda words: None).keep([Step(NOW, 'grid', '', 'the grid is there')])

    def write(text: str) -> Callable[[Path], None]:
        return lambda path: path.write_text(text, encoding='utf-8') and None

    entry = json.dumps({'at': NOW, 'user': 'anna', 'source': 'page', 'action': 'switch', 'target': OUTLET,
                        'allowed': True, 'detail': 'on'})  # fmt: skip
    return [
        file_target('past', 'where the home has stood (JSON)', (), NAME, kept,
                    lambda path: KeptSteps(str(path.parent), lambda words: None).read()),
        file_target('audit', 'the audit log (JSON lines)', (), 'audit.jsonl', write(entry + '\n' + entry + '\n'),
                    lambda path: AuditLog(str(path.parent)).latest(10)),
        file_target('counter', 'a kept counter (JSON)', (), 'page.counter.json', write('{"reserved": 1700000000000}'),
                    lambda path: Counter(str(path.parent), 'page').next()),
        file_target('sidecar', 'what is said beside a recording (JSON)', (RecordingError,), 'a.wav.json',
                    write('{"sampling_rate": 6400.0, "label": "kettle"}'),
                    lambda path: Hints().of(path.with_name('a.wav'))),
    ]  # fmt: skip
