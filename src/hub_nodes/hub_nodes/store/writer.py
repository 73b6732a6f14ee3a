"""The queue between callbacks, which never wait, and a database that may be slow, full or gone."""
from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from hub_nodes.store.backend import Backend, Corrupt, StoreError, Vanished
from hub_nodes.store.model import MILLISECONDS, PACKED, READING, Batch, Record

BATCH_ROWS = 5_000       # readings in one transaction, at most
BATCH_RECORDS = 200
PASSING_MAX = 2_000      # records that may be dropped and wait
RETRY = 1.0              # between tries while the database is unavailable [s]
SET_ASIDE = 60.0         # between two damaged databases that are set aside [s]
MAINTAIN = 10.0          # between slices of roll-up and retention [s]
MAINTAIN_ROWS = 50_000   # … or after so many readings
_PACK = PACKED.pack


@dataclass(frozen=True)
class Stats:
    """What the writer did since it began, and how it stands."""

    written: int = 0            # readings
    records: int = 0
    dropped: int = 0            # readings and records that found the queue full
    refused: int = 0            # readings from before what is kept
    queued: int = 0             # readings and records that wait
    opened: bool = False        # the database was there once
    error: str = ''             # why the database cannot be written now; empty = it can
    broken: str = ''            # a fault of the program that ended the writer


class Writer:
    """Writes from a thread of its own, in batches, in order.

    A reading waits at most `flush_period` [s] before it is committed; a kept record is committed at once, and on the
    disk with all before it. Once every `sync_period` [s] so are the readings. While the database is unavailable up to
    `queue` readings wait, and PASSING_MAX records that may be dropped; then the oldest go. Kept records are never
    dropped.

    say : called with one line about something a person should know, for what `Stats.error` does not tell.
    clock : seconds since the epoch, for retention.
    """

    def __init__(self, backend: Backend, flush_period: float = 0.5, sync_period: float = 10.0, queue: int = 100_000,
                 say: Callable[[str], None] = print, clock: Callable[[], float] = time.time) -> None:
        self._backend, self._say, self._clock = backend, say, clock
        self._flush_period, self._sync_period, self._queue = flush_period, sync_period, queue
        self._lock = threading.Lock()
        self._wake, self._closing = threading.Event(), threading.Event()
        self._idle = threading.Condition(self._lock)
        self._readings: deque[bytes] = deque()
        self._records: deque[Record] = deque()   # kept
        self._passing: deque[Record] = deque()   # may be dropped
        self._indices: dict[str, int] = {}
        self._writing = False
        self._stats = Stats()
        self._synced = self._set_aside = -math.inf
        self._maintained, self._since = time.monotonic(), 0
        self._thread = threading.Thread(target=self._run, name='store', daemon=True)
        self._thread.start()

    def put_reading(self, stamp: float, outlet: str, duration: float, supply: int, values: Sequence[float]) -> None:
        """Queue one reading. values : in the order of QUANTITIES, NaN = not measured. Never waits."""
        index = self._indices.get(outlet)
        if index is None:
            with self._lock:
                index = self._indices.setdefault(outlet, len(self._indices))
        readings = self._readings  # a deque's ends need no lock
        readings.append(_PACK(round(stamp * MILLISECONDS), index, duration, supply, *values))
        waiting = len(readings)
        if waiting > self._queue:
            readings.popleft()
            with self._lock:
                self._count(dropped=1)
        if waiting % BATCH_ROWS == 0:
            self._wake.set()

    def put_record(self, record: Record) -> None:
        """Queue one record. Never waits."""
        with self._lock:
            if record.kept:
                self._records.append(record)
            else:
                self._passing.append(record)
                if len(self._passing) > PASSING_MAX:
                    self._passing.popleft()
                    self._count(dropped=1)
        if record.kept:
            self._wake.set()

    def stats(self) -> Stats:
        """Return how the writer stands."""
        with self._lock:
            return replace(self._stats, queued=self._waiting())

    def flush(self, timeout: float = 10.0) -> bool:
        """Wait until all that is queued is committed; return whether that came true in time [s]."""
        self._wake.set()
        with self._idle:
            return self._idle.wait_for(lambda: not (self._waiting() or self._writing) or bool(self._stats.broken),
                                       timeout) and not self._stats.broken

    def close(self, timeout: float = 10.0) -> bool:
        """Try once more to write what waits, and end; return whether nothing was left."""
        self._closing.set()
        self._wake.set()
        self._thread.join(timeout)
        return not self._thread.is_alive() and self.stats().queued == 0

    def _waiting(self) -> int:
        return len(self._readings) + len(self._records) + len(self._passing)

    def _count(self, **more: int) -> None:
        self._stats = replace(self._stats, **{name: getattr(self._stats, name) + n for name, n in more.items()})

    def _run(self) -> None:
        try:
            while not self._closing.is_set():
                self._turn()
                if self._stats.error:
                    self._closing.wait(RETRY)
                else:
                    self._wake.wait(self._flush_period)
                self._wake.clear()
            self._turn()
        except Exception as error:
            with self._idle:
                self._stats = replace(self._stats, broken=repr(error))
                self._idle.notify_all()
            raise
        finally:
            self._backend.close()

    def _turn(self) -> None:
        """Write all that waits, then look after the database."""
        try:
            self._backend.open()
            while batch := self._take():
                self._write(batch)
            now = time.monotonic()
            if now - self._maintained >= MAINTAIN or self._since >= MAINTAIN_ROWS:
                more = self._backend.maintain(self._clock())
                self._maintained, self._since = (now - MAINTAIN + RETRY if more else now), 0
            self._report('')
        except Corrupt as error:
            self._recover(error)
        except Vanished as error:
            self._say(f'{error}; a new database is begun')
            self._wake.set()
        except StoreError as error:
            self._report(str(error))

    def _recover(self, error: Corrupt) -> None:
        now = time.monotonic()
        if now - self._set_aside < SET_ASIDE:  # a dying disk would be filled with damaged files
            self._report(str(error))
            return
        try:
            place = self._backend.set_aside()
        except StoreError as failure:
            self._report(f'{error}; {failure}')
            return
        self._set_aside = now
        self._say(f'{error}; it is kept as {place}, and a new database is begun')
        self._wake.set()

    def _report(self, error: str) -> None:
        with self._lock:
            opened = self._stats.opened or not error
            if (opened, error) != (self._stats.opened, self._stats.error):
                self._stats = replace(self._stats, opened=opened, error=error)

    def _take(self) -> Batch | None:
        with self._lock:
            if not self._waiting():
                return None
            self._writing = True
            rows = [self._readings.popleft() for _ in range(min(BATCH_ROWS, len(self._readings)))]
            records = [queue.popleft() for queue in (self._records, self._passing)
                       for _ in range(min(BATCH_RECORDS, len(queue)))]
            outlets = tuple(self._indices)
        return Batch(np.frombuffer(b''.join(rows), READING), outlets, records)

    def _write(self, batch: Batch) -> None:
        now = time.monotonic()
        durable = now - self._synced >= self._sync_period or any(record.kept for record in batch.records)
        try:
            done = self._backend.write(batch, durable)
        except BaseException:
            self._put_back(batch)
            raise
        with self._idle:
            self._writing = False
            self._count(written=done.readings, refused=done.refused, records=len(batch.records))
            self._idle.notify_all()
        self._since += done.readings
        if durable:
            self._synced = now

    def _put_back(self, batch: Batch) -> None:
        """Queue again what could not be written, before what came since; what is too much goes, the oldest first."""
        size = READING.itemsize
        raw = batch.readings.tobytes()
        with self._lock:
            self._writing = False
            self._readings.extendleft(raw[end - size:end] for end in range(len(raw), 0, -size))
            self._records.extendleft(r for r in reversed(batch.records) if r.kept)
            self._passing.extendleft(r for r in reversed(batch.records) if not r.kept)
            for queue, most in ((self._readings, self._queue), (self._passing, PASSING_MAX)):
                excess = max(0, len(queue) - most)
                for _ in range(excess):
                    queue.popleft()
                self._count(dropped=excess)
