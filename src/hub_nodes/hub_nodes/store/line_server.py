"""Servers that take line protocol: InfluxDB 1.x, asked in InfluxQL, and VictoriaMetrics, asked through its export.

httpx and not a client of theirs: `influxdb` is no longer kept up, `influxdb-client` is made for version 2 and speaks
Flux, and neither can ask VictoriaMetrics. What is needed of HTTP is one POST and one GET.
"""
from __future__ import annotations

import json
import math
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from functools import wraps
from urllib.parse import unquote, urlsplit

import httpx
import numpy as np

from hub_nodes.store.address import without_password
from hub_nodes.store.backend import StoreError, Unavailable
from hub_nodes.store.line_protocol import MEASUREMENT, tag
from hub_nodes.store.model import QUANTITIES, READING

NAME = 'hearthgrid'  # of the database where the address names none
TIMEOUT = httpx.Timeout(10.0, connect=3.0)
FIELDS = ('duration', 'supply', *QUANTITIES)
RETENTION_SLACK = 48  # the server drops so much later than the home does [h]


class Refused(StoreError):
    """The server will not take these lines, however often they are sent."""


class TooLarge(StoreError):
    """The server takes fewer lines at once."""


def _sensible(method):
    """Return a method that says Unavailable where the server's answer is of another shape than it should be."""

    @wraps(method)
    def asked(self, *arguments, **named):
        try:
            return method(self, *arguments, **named)
        except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError):
            raise Unavailable(f'{self.path}: no answer that such a server would give') from None

    return asked


def make_server(url: str, days: tuple[float, float] | None = None) -> LineServer:
    """Return the server at an address. days : readings and numbers of records are kept there [d]; None = for ever."""
    return (Influx if url.startswith('influxdb') else Victoria)(url, days)


class LineServer(ABC):
    """A database behind a URL. All of it raises Unavailable where it cannot be reached or does not do its work."""

    port = 0

    def __init__(self, url: str, days: tuple[float, float] | None = None) -> None:
        parts = urlsplit(url)
        self.path, self.days = without_password(url), days
        self.database = unquote(parts.path.strip('/')) or NAME
        host = f'[{parts.hostname}]' if ':' in parts.hostname else parts.hostname
        self._base = f'{"https" if parts.scheme.endswith("+https") else "http"}://{host}:{parts.port or self.port}'
        self._auth = (unquote(parts.username), unquote(parts.password or '')) if parts.username else None
        self._client, self._lock = None, threading.Lock()

    def _ask(self, method: str, path: str, **what) -> httpx.Response:
        with self._lock:
            if self._client is None:
                self._client = httpx.Client(base_url=self._base, auth=self._auth, timeout=TIMEOUT, trust_env=False)
        try:
            answer = self._client.request(method, path, **what)
        except (httpx.HTTPError, OSError, RuntimeError) as error:  # RuntimeError: closed meanwhile
            raise Unavailable(f'{self.path}: {type(error).__name__} {error}'.strip()[:200]) from None
        if answer.is_success:
            return answer
        words = f'{self.path}: {answer.status_code} {_reason(answer)}'
        if answer.status_code == 413:
            raise TooLarge(words)
        if answer.status_code in (400, 422):
            raise Refused(words)
        raise Unavailable(words)

    def close(self) -> None:
        """Let go of connections; the next question opens new ones."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    @abstractmethod
    def prepare(self) -> None:
        """Make ready to write."""

    @abstractmethod
    def write(self, lines: bytes, numbers: bool = False) -> None:
        """Write lines of readings, or of the numbers of records; return when they are taken. Refused, TooLarge."""

    @abstractmethod
    def count(self, first: int, last: int) -> int:
        """Return how many readings are there in first … last (exclusive). [ms]"""

    @abstractmethod
    def columns(self, first: int, last: int, outlet: str | None, fields: tuple[str, ...]
                ) -> dict[str, dict[str, dict[int, float]]]:
        """Return outlet → field → time [ms] → value in first … last (exclusive), of one outlet or of all."""

    @_sensible
    def readings(self, first: int, last: int, outlet: str | None = None) -> dict[str, np.ndarray]:
        """Return (n,) of READING, by time, of one outlet or of all, in first … last (exclusive). [ms]"""
        found = {}
        for name, columns in self.columns(first, last, outlet, FIELDS).items():
            times = sorted(columns.get('supply', ()))
            rows = np.zeros(len(times), READING)
            rows['time'] = times
            for field in FIELDS:
                values = columns.get(field, {})
                rows[field] = [values.get(time, math.nan if field != 'supply' else 0) for time in times]
            found[name] = rows
        return found

    @_sensible
    def series(self, first: int, last: int, outlet: str, quantity: str) -> tuple[np.ndarray, np.ndarray]:
        """Return times [ms] and values (n,) of one quantity in first … last (exclusive)."""
        values = self.columns(first, last, outlet, (quantity,)).get(tag(outlet), {}).get(quantity, {})
        times = sorted(values)
        return np.array(times, np.int64), np.array([values[time] for time in times], float)


class Influx(LineServer):
    """InfluxDB 1.x. Two retention policies of ours, one for readings and one for the numbers of records."""

    port = 8086
    POLICIES = ('hearthgrid_readings', 'hearthgrid_numbers')

    def prepare(self) -> None:
        name = _quoted(self.database)
        self._tell(f'CREATE DATABASE {name}')
        for policy, days in zip(self.POLICIES, self.days or (None, None), strict=True):
            how = 'INF' if days is None else f'{math.ceil(days * 24) + RETENTION_SLACK}h'
            try:
                self._tell(f'CREATE RETENTION POLICY {_quoted(policy)} ON {name} DURATION {how} REPLICATION 1')
            except Unavailable:  # it is there with another duration
                self._tell(f'ALTER RETENTION POLICY {_quoted(policy)} ON {name} DURATION {how}')

    def write(self, lines: bytes, numbers: bool = False) -> None:
        self._ask('POST', '/write', content=lines,
                  params={'db': self.database, 'precision': 'ms', 'rp': self.POLICIES[numbers]})

    def _tell(self, statement: str) -> list[dict]:
        try:
            answer = self._ask('POST', '/query', params={'db': self.database, 'epoch': 'ms'}, data={'q': statement})
            result = answer.json()['results'][0]
        except Refused as error:
            raise Unavailable(str(error)) from None
        except (ValueError, KeyError, IndexError, TypeError):
            raise Unavailable(f'{self.path}: no answer that InfluxDB would give') from None
        if 'error' in result:
            raise Unavailable(f'{self.path}: {result["error"]}'[:200])
        return result.get('series', [])

    def _where(self, first: int, last: int, outlet: str | None) -> str:
        terms = f'time >= {first}ms AND time < {last}ms'
        if outlet is not None:
            literal = tag(outlet).replace("'", "\\'")
            terms += f" AND outlet = '{literal}'"
        return f'FROM {_quoted(self.database)}.{_quoted(self.POLICIES[0])}.{_quoted(MEASUREMENT)} WHERE {terms}'

    @_sensible
    def count(self, first: int, last: int) -> int:
        found = self._tell(f'SELECT count(supply) {self._where(first, last, None)}')
        return int(found[0]['values'][0][1]) if found else 0

    @_sensible
    def columns(self, first: int, last: int, outlet: str | None, fields: tuple[str, ...]
                ) -> dict[str, dict[str, dict[int, float]]]:
        selected, out = ', '.join(map(_quoted, fields)), {}
        while True:
            found, more = self._tell(f'SELECT {selected} {self._where(first, last, outlet)} GROUP BY outlet'), last
            for series in found:
                columns = out.setdefault(series.get('tags', {}).get('outlet', ''), {field: {} for field in fields})
                for time, *values in series['values']:
                    for field, value in zip(fields, values, strict=True):
                        if value is not None:
                            columns[field][time] = value
                if series.get('partial'):  # the server limits the rows of an answer
                    more = min(more, series['values'][-1][0] + 1)
            if more >= last or more <= first:
                return out
            first = more


class Victoria(LineServer):
    """VictoriaMetrics, one server. How long it keeps what it has is its own flag, `-retentionPeriod`.

    Each field is a series `hearthgrid_reading_<field>` with labels `outlet` and `db`. It keeps both of two values of a
    moment and drops in silence what it does not like: what is there is counted before it goes from the home's file.
    """

    port = 8428

    def prepare(self) -> None:
        self._ask('GET', '/health')

    def write(self, lines: bytes, numbers: bool = False) -> None:
        self._ask('POST', '/write', content=lines, params={'db': self.database, 'precision': 'ms'})

    @_sensible
    def count(self, first: int, last: int) -> int:
        return sum(len(set(times)) for _, times, _ in self._export(first, last, None, ('supply',)))

    @_sensible
    def columns(self, first: int, last: int, outlet: str | None, fields: tuple[str, ...]
                ) -> dict[str, dict[str, dict[int, float]]]:
        out: dict = {}
        for labels, times, values in self._export(first, last, outlet, fields):
            columns = out.setdefault(labels.get('outlet', ''), {field: {} for field in fields})
            columns[labels['__name__'][len(MEASUREMENT) + 1:]].update(zip(times, values, strict=True))
        return out

    def _export(self, first: int, last: int, outlet: str | None, fields: tuple[str, ...]) -> Iterator[tuple]:
        """Yield labels, times [ms] and values. Its bounds are decimal seconds: asked a little wider, cut here."""
        names = '|'.join(f'{MEASUREMENT}_{field}' for field in fields)
        match = f'{{__name__=~"{names}",db={json.dumps(self.database)}'
        match += '}' if outlet is None else f',outlet={json.dumps(tag(outlet), ensure_ascii=False)}}}'
        try:
            answer = self._ask('GET', '/api/v1/export', params={
                'match[]': match, 'start': f'{max(first, 0) / 1000 - 0.002:.3f}', 'end': f'{last / 1000 + 0.002:.3f}'})
            for line in answer.text.splitlines():
                part = json.loads(line)
                inside = [(t, v) for t, v in zip(part['timestamps'], part['values'], strict=True) if first <= t < last]
                yield part['metric'], [t for t, _ in inside], [v for _, v in inside]
        except Refused as error:
            raise Unavailable(str(error)) from None
        except (ValueError, KeyError, TypeError):
            raise Unavailable(f'{self.path}: no answer that VictoriaMetrics would give') from None

    def flush(self) -> None:
        """Have what was written seen by questions at once (it is after about a second anyway)."""
        self._ask('GET', '/internal/force_flush')


def _quoted(name: str) -> str:
    return '"' + name.replace('\\', '').replace('"', '') + '"'


def _reason(answer: httpx.Response) -> str:
    try:
        words = str(answer.json()['error'])
    except (ValueError, KeyError, TypeError):
        words = answer.text
    return ' '.join(words.split())[:160]
