"""Reads a home's history out of its file and, for what has gone from there, from the line-protocol server."""
from __future__ import annotations

import os
import sqlite3
from typing import Any

import numpy as np

from hub_nodes.store.bins import Bins
from hub_nodes.store.history import SqliteHistory
from hub_nodes.store.line_protocol import tag
from hub_nodes.store.line_server import LineServer
from hub_nodes.store.model import MILLISECONDS, MINUTE, READING, Series, milliseconds


def fact(connection: sqlite3.Connection, name: str, default: Any) -> Any:
    """Return what a database remembers under a name."""
    found = connection.execute('SELECT value FROM facts WHERE name = ?', (name,)).fetchone()
    return default if found is None else found[0]


class LineHistory(SqliteHistory):
    """As of the file; the server is asked for the minutes that are no longer there. Unavailable where it is away."""

    def __init__(self, path: str | os.PathLike, server: LineServer) -> None:
        super().__init__(path)
        self._server = server

    def aggregate(self, outlet: str, quantity: str, start: float, end: float, step: float) -> Series:
        Bins.check(quantity, start, end, step)
        with self._connected() as connection:
            bins = Bins(start, end, step, _since(connection))
            self._fill(connection, bins, outlet, quantity)
            first, last, kept = _gone(connection, bins.first, bins.last)
        if not bins.rolled and first < last:
            times, values = self._server.series(first, last, outlet, quantity)
            there = ~np.isin(times // MINUTE, kept)
            bins.add(_binned(times[there], values[there], bins))
        return bins.series(quantity)

    def readings(self, outlet: str, start: float, end: float) -> np.ndarray:
        with self._connected() as connection:
            here = self._readings(connection, outlet, start, end)
            first, last, kept = _gone(connection, milliseconds(start), milliseconds(end))
        if first >= last:
            return here
        there = self._server.readings(first, last, outlet).get(tag(outlet), np.empty(0, READING))
        found = np.concatenate([there[~np.isin(there['time'] // MINUTE, kept)], here])
        return found[np.argsort(found['time'], kind='stable')]

    def raw_since(self) -> float:
        with self._connected() as connection:
            return _since(connection) / MILLISECONDS


def _since(connection: sqlite3.Connection) -> int:
    """Return the moment from which there are readings, on either side. [ms]"""
    return fact(connection, 'line_since', fact(connection, 'raw_since', 0))


def _gone(connection: sqlite3.Connection, first: int, last: int) -> tuple[int, int, list[int]]:
    """Return the part of first … last [ms] for which the server is asked, and the minutes of it the file has kept."""
    if fact(connection, 'line_since', None) is None:
        return 0, 0, []  # no store has opened this file with a server yet
    first, last = max(first, _since(connection)), min(last, fact(connection, 'raw_since', 0))
    kept = [minute for minute, in connection.execute(
        'SELECT minute FROM line_kept WHERE minute >= ? AND minute <= ?', (first // MINUTE, last // MINUTE))]
    return first, last, kept


def _binned(times: np.ndarray, values: np.ndarray, bins: Bins) -> np.ndarray:
    """Return rows of `Bins.add` (n, 5) from single values in order of time."""
    if not len(times):
        return np.empty((0, 5))
    number = (times - bins.first) // bins.width
    first = np.flatnonzero(np.r_[True, np.diff(number) != 0])
    return np.stack([number[first], np.add.reduceat(values, first), np.minimum.reduceat(values, first),
                     np.maximum.reduceat(values, first), np.diff(np.r_[first, len(times)])], axis=1)
