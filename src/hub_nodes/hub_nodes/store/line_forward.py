"""Carries what the home's file holds to a line-protocol server, in order, and proves that it arrived."""
from __future__ import annotations

import math
import sqlite3
import threading
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from hub_nodes.store import schema
from hub_nodes.store.backend import StoreError
from hub_nodes.store.history import rows_of
from hub_nodes.store.line_protocol import NUMBERED, reading_lines, record_lines
from hub_nodes.store.line_server import LineServer, Refused, TooLarge
from hub_nodes.store.model import MINUTE

LINES = 5_000        # of one request
RECORDS = 500
PROOF_SPAN = 60      # minutes proven at once
PERIOD = 1.0         # between looks at the file [s]
RETRIES = (1.0, 2.0, 5.0, 10.0, 30.0)  # between tries while the server is away [s]
AGE = 30.0           # from taken to counted: a server that dies may lose what it has not yet laid on its disk [s]
DOUBT = 60.0         # so long the server may take to show what it has taken [s]

_SELECT = f'SELECT {", ".join("readings." + name for name in schema.READING_COLUMNS)} FROM readings '


@dataclass(frozen=True)
class Position:
    """How far it came; every time is a moment [ms] before which all is done.

    acked : the server has taken it.     proven : it was counted there.     records : the number of the last record.
    refused : minutes it would not take; they stay in the file.     late : readings taken that came out of order.
    """

    acked: int = 0
    proven: int = 0
    records: int = 0
    refused: frozenset[int] = frozenset()
    late: frozenset[tuple[int, int]] = frozenset()


class Forwarder:
    """A thread that reads the file and writes to the server. It never writes to the file: its owner notes `position`.

    keep : the newest readings are proven, and so let go from the file, only when so old. [ms]
    settle : readings younger than this against the newest may still be joined by others of their time. [ms]
    """

    def __init__(self, path: Path, server: LineServer, keep: int, settle: int) -> None:
        self._path, self._server, self._keep, self._settle = path, server, keep, settle
        self.lock = threading.RLock()
        self._moved = threading.Condition(self.lock)
        self._wake, self._closing = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        self._generation, self._claimed, self._newest = 0, 0, 0
        self._position, self._late = Position(), set()
        self._span, self._doubted, self._prepared = PROOF_SPAN, None, False
        self._settled, self._young = 0, (0, -math.inf)  # taken long ago [ms]; taken lately [ms], when
        self._drained = self._hurry = False
        self.error, self.refusal = '', ''

    def begin(self, position: Position, newest: int, late: Sequence[tuple[int, int]]) -> None:
        """Go on from what the file says: first call, or after the file was opened anew."""
        with self.lock:
            self._generation += 1
            self._position, self._claimed, self._newest = position, position.acked, newest
            self._late, self._drained = set(late), False
            self._settled, self._young = position.proven, (position.proven, -math.inf)
            if self._thread is None:
                self._closing.clear()
                self._thread = threading.Thread(target=self._run, name='line protocol', daemon=True)
                self._thread.start()
        self._wake.set()

    def stop(self) -> None:
        """End the thread, at most after the request it waits for."""
        thread, self._thread = self._thread, None
        self._closing.set()
        self._wake.set()
        if thread is not None and thread is not threading.current_thread():
            self._server.close()
            thread.join(5.0)

    def late(self, rows: np.ndarray) -> list[tuple[int, int]]:
        """Return (time, outlet) of rows from before what is on its way already. Called with the lock held."""
        behind = rows[rows['time'] < self._claimed]
        return list(zip(behind['time'].tolist(), behind['outlet'].tolist(), strict=True))

    def committed(self, newest: int, late: Sequence[tuple[int, int]]) -> None:
        """Note what the file holds now. Called with the lock held."""
        self._newest, self._drained = newest, False
        self._late.update(late)

    def position(self) -> Position:
        """Return how far it came."""
        with self.lock:
            return self._position

    def noted(self, position: Position) -> None:
        """The owner has written down what was refused and what came late up to a position."""
        with self.lock:
            now = self._position
            self._position = replace(now, refused=now.refused - position.refused, late=now.late - position.late)

    def skip(self, until: int) -> None:
        """What is before `until` [ms] has gone from the file untaken."""
        with self.lock:
            now = self._position
            self._claimed = max(self._claimed, until)
            self._position = replace(now, acked=max(now.acked, until), proven=max(now.proven, until))

    def drain(self, timeout: float) -> bool:
        """Wait until the server has all that the file holds; return whether that came true in time [s]."""
        with self._moved:
            self._hurry, self._drained = True, False
            self._wake.set()
            done = self._moved.wait_for(lambda: self._drained, timeout)
            self._hurry = False
        return done

    def _run(self) -> None:
        failures = 0
        while not self._closing.is_set():
            self._wake.clear()
            try:
                more = self.step()
                failures, self.error = 0, ''
            except (StoreError, sqlite3.Error) as error:
                if not self._closing.is_set():
                    self.error, more, self._prepared = str(error), False, False
                failures += 1
            if failures:
                self._closing.wait(RETRIES[min(failures, len(RETRIES)) - 1])
            elif not more:
                self._wake.wait(PERIOD)

    def step(self) -> bool:
        """Carry one slice of everything; return whether there is more."""
        if not self._prepared:
            self._server.prepare()
            self._prepared = True
        if not self._path.exists():
            return False
        with self.lock:
            generation, at = self._generation, self._position
            upto = max(at.acked, self._newest + 1 - (0 if self._hurry else self._settle))
            self._claimed = max(self._claimed, upto)
            late = sorted(self._late)[:LINES // 10]
        with closing(sqlite3.connect(f'{self._path.resolve().as_uri()}?mode=ro', uri=True, timeout=5.0)) as file:
            file.execute('BEGIN')
            names = dict(file.execute('SELECT id, name FROM outlets'))
            acked, refused = self._carry_readings(file, names, at.acked, upto)
            refused |= self._carry_late(file, names, late)
            records = self._carry_records(file, at.records)
            position = replace(at, acked=acked, records=records, refused=at.refused | refused)
            proven, doubtful = self._prove(file, position)
        with self._moved:
            if generation != self._generation:
                return True
            now = self._position
            self._late -= set(late)
            # What came late since the file was read was not counted.
            proven = min([proven, *(time // MINUTE * MINUTE for time, _ in self._late)])
            self._position = Position(max(now.acked, position.acked), max(now.proven, proven), records,
                                      now.refused | refused | doubtful, now.late | set(late))
            more = self._position.acked < upto or records > at.records or bool(self._late) or proven > at.proven
            if not more and upto > self._newest:
                self._drained = True
                self._moved.notify_all()
            return more

    def _carry_readings(self, file: sqlite3.Connection, names: dict[int, str], first: int, last: int
                        ) -> tuple[int, frozenset[int]]:
        if first >= last:
            return first, frozenset()
        rows = rows_of(file.execute(f'{_SELECT}WHERE time >= ? AND time < ? ORDER BY time LIMIT ?',
                                    (first, last, LINES)).fetchall())
        refused = self._send(rows, names)
        # A cut slice is begun again at its last moment: other outlets have a reading of it too.
        return (int(rows['time'][-1]) if len(rows) == LINES else last), refused

    def _carry_late(self, file: sqlite3.Connection, names: dict[int, str], late: list) -> frozenset[int]:
        rows = [row for time, outlet in late for row in file.execute(
            f'{_SELECT}WHERE time = ? AND outlet = ?', (time, outlet))]
        return self._send(rows_of(rows), names)

    def _send(self, rows: np.ndarray, names: dict[int, str]) -> frozenset[int]:
        """Write rows; return the minutes of those that the server will not take."""
        if not len(rows):
            return frozenset()
        ids, rows = list(names), rows.copy()
        index = np.zeros(max(ids) + 1, np.int32)
        index[ids] = np.arange(len(ids))
        rows['outlet'] = index[rows['outlet']]
        try:
            self._server.write(reading_lines(rows, list(names.values())))
        except TooLarge:
            if len(rows) == 1:
                raise
            half = len(rows) // 2
            return self._send_again(rows[:half], names, ids) | self._send_again(rows[half:], names, ids)
        except Refused as error:  # the good lines among them may have been taken: all stay in the file
            self.refusal = str(error)
            return frozenset(np.unique(rows['time'] // MINUTE).tolist())
        return frozenset()

    def _send_again(self, rows: np.ndarray, names: dict[int, str], ids: list[int]) -> frozenset[int]:
        rows = rows.copy()
        rows['outlet'] = np.array(ids, np.int32)[rows['outlet']]
        return self._send(rows, names)

    def _carry_records(self, file: sqlite3.Connection, after: int) -> int:
        """Copy the numbers of records; the records themselves stay in the file."""
        found = file.execute(f'SELECT id, kind, subject, time, data FROM records WHERE id > ? AND kind IN '
                             f'({", ".join("?" * len(NUMBERED))}) ORDER BY id LIMIT ?',
                             (after, *NUMBERED, RECORDS)).fetchall()
        lines = record_lines(schema.unpack(*row[1:]) for row in found)
        if lines:
            try:
                self._server.write(lines, numbers=True)
            except (Refused, TooLarge) as error:
                self.refusal = str(error)
        return found[-1][0] if found else after

    def _aged(self, acked: int) -> int:
        """Return how far the server had taken all, AGE ago. [ms]"""
        now = time.monotonic()
        if now - self._young[1] >= AGE:
            self._settled, self._young = self._young[0], (acked, now)
        return acked if AGE == 0.0 else self._settled

    def _prove(self, file: sqlite3.Connection, at: Position) -> tuple[int, frozenset[int]]:
        """Count on both sides what is old enough to go from the file.

        Returns the moment up to which the server has all, and minutes of which it has less for good.
        """
        oldest, = file.execute('SELECT min(time) FROM readings WHERE time >= ?', (at.proven,)).fetchone()
        until = min(self._aged(at.acked), self._newest - self._keep) // MINUTE * MINUTE
        if oldest is None or oldest >= until:
            return max(at.proven, until), frozenset()  # nothing there to be counted
        first = oldest // MINUTE * MINUTE
        kept = {minute for minute, in file.execute('SELECT minute FROM line_kept WHERE minute >= ?',
                                                   (first // MINUTE,))}
        kept |= {minute for minute in at.refused if minute >= first // MINUTE}
        if first // MINUTE in kept:
            return first + MINUTE, frozenset()
        until = min([until, first + self._span * MINUTE, *(MINUTE * minute for minute in kept)])
        here, = file.execute('SELECT count(*) FROM readings WHERE time >= ? AND time < ?', (first, until)).fetchone()
        if self._server.count(first, until) >= here:
            self._doubted, self._span = None, min(PROOF_SPAN, 2 * self._span)
            return until, frozenset()
        if self._doubted is None:
            self._doubted = time.monotonic()
        if time.monotonic() - self._doubted < DOUBT:
            return at.proven, frozenset()
        if until - first > MINUTE:  # which of the minutes is it?
            self._span = max(1, self._span // 4)
            return at.proven, frozenset()
        self.refusal = f'{self._server.path}: readings it had taken are not there'
        return until, frozenset({first // MINUTE})
