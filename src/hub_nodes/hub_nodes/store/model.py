"""What is stored: readings, which are many and may be dropped, and records, which tell what happened.

Time is kept in whole milliseconds since the UNIX epoch; a reading is filed under the end of its interval.
"""
from __future__ import annotations

import json
import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

MILLISECONDS = 1000
MINUTE = 60_000  # the step of roll-ups [ms]
SUBJECT_MAX = 128  # characters

# Quantities of a reading and their units, in the order of every table and array.
QUANTITIES = {
    'voltage': 'V', 'current': 'A', 'active_power': 'W', 'reactive_power': 'var', 'apparent_power': 'VA',
    'power_factor': '1', 'frequency': 'Hz', 'energy_kwh': 'kWh', 'voltage_thd': '1', 'current_thd': '1',
    'temperature': '°C',
}

# One reading, packed. `outlet` indexes the names that go with the array. Float32 is what a reading's message carries.
READING = np.dtype([('time', '<i8'), ('outlet', '<i4'), ('duration', '<f4'), ('supply', 'u1')]
                   + [(name, '<f8' if name == 'energy_kwh' else '<f4') for name in QUANTITIES])
PACKED = struct.Struct('<qifB' + ''.join('d' if name == 'energy_kwh' else 'f' for name in QUANTITIES))  # the same


@dataclass(frozen=True)
class Kind:
    """What a class of records means to the store.

    kept : never dropped, however long the database stalls, and on the disk before the next write.
    days : how long it is kept unless the settings say otherwise. [d]
    """

    kept: bool
    days: float


KINDS = {
    'state': Kind(True, 365.0), 'identity': Kind(True, 365.0), 'label': Kind(True, 3650.0),
    'anomaly': Kind(True, 3650.0), 'island': Kind(True, 3650.0), 'tie': Kind(True, 3650.0),
    'limit': Kind(True, 3650.0), 'job': Kind(True, 3650.0), 'plan': Kind(True, 90.0),
    'forecast': Kind(False, 14.0), 'price': Kind(False, 365.0), 'weather': Kind(False, 90.0),
    'signature': Kind(False, 30.0), 'command': Kind(True, 3650.0),
}


@dataclass(frozen=True)
class Record:
    """Something that happened or was decided: when [s], to whom, and what, as a JSON text.

    Records of one kind, subject, millisecond and text are one record, however often they are written.
    """

    kind: str
    subject: str
    time: float
    text: str

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f'{self.kind!r} is no kind of record')
        if len(self.subject) > SUBJECT_MAX:
            raise ValueError(f'a subject has at most {SUBJECT_MAX} characters')
        if not math.isfinite(self.time):
            raise ValueError('a record needs a time')

    @classmethod
    def of(cls, kind: str, subject: str, time: float, data: Any) -> Record:
        """Return a record of a JSON value. ValueError when it holds NaN or infinity, which JSON has no word for."""
        return cls(kind, subject, time, json.dumps(data, ensure_ascii=False, separators=(',', ':'), allow_nan=False))

    @property
    def data(self) -> Any:
        """The JSON value."""
        return json.loads(self.text)

    @property
    def kept(self) -> bool:
        """Whether it is never dropped."""
        return KINDS[self.kind].kept


@dataclass(frozen=True)
class Batch:
    """What is written in one transaction.

    readings : (n,) of READING, any order; `outlet` indexes `outlets`. records : in the order they happened.
    """

    readings: np.ndarray = field(default_factory=lambda: np.empty(0, READING))
    outlets: Sequence[str] = ()
    records: Sequence[Record] = ()


@dataclass(frozen=True)
class Series:
    """A quantity over time, (n,) each: bins of equal length without a gap; where nothing is known, NaN and count 0.

    start : of each bin, a multiple of step. [s]    step : length of a bin. [s]    count : measured values in the bin.
    """

    start: np.ndarray
    mean: np.ndarray
    minimum: np.ndarray
    maximum: np.ndarray
    count: np.ndarray
    step: float
    unit: str


def milliseconds(time: float) -> int:
    """Return a time [s] as the database keeps it. [ms]"""
    return round(time * MILLISECONDS)
