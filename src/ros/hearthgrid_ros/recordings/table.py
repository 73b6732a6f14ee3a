"""Tables of power or of feature frames: .csv and .parquet."""

import io
import re
from pathlib import Path

import numpy as np

from hearthgrid_ros.recordings.power import filled, on_grid, pieces
from hearthgrid_ros.recordings.recording import Hints, RecordingError
from hearthgrid_ros.recordings.tables import split_comments

_WATT = {'w': 1.0, 'kw': 1e3, 'mw': 1e-3, 'va': 1.0}
_SECOND = {'s': 1.0, 'ms': 1e-3, 'us': 1e-6, 'min': 60.0}
_POWER = ('p', 'power', 'active_power', 'watt', 'watts')
_TIME = ('t', 'time', 'timestamp', 'datetime', 'epoch', 'unix', 'unixtime', 'unix_ts')
_WAVEFORM = (('v', 'u', 'voltage'), ('i', 'current'))
_FACT_MAX = 64  # characters of a fact


def read_table(path: Path, hints: Hints):
    """Return (kind, rows) of a table. RecordingError.

    'waveform', one row of facts, where it holds voltage and current: `read` reads those.
    'series', rows of (part, power [W], rate [Hz], facts), where there is a column of power (`power`, `p`, `watts` …; W,
    kW or mW in brackets) and a time (`time`, `timestamp` …; s or ms), a comment `# fs = …`, or a hint; a table of
    numbers alone is power, or time and power.
    'frames', rows of (part, (n, d), columns, facts), else: every column of broken numbers is a feature.
    Columns of text say what the rows are: a new text begins a new part. Whole numbers that stay the same over a part
    are facts too, and so is every `# name = value`.
    """
    import pandas as pd  # slow to import

    try:
        table, said = _parquet(path) if path.suffix.lower() == '.parquet' else _csv(path)
    except RecordingError:
        raise
    except Exception as error:  # a damaged file makes the libraries raise almost anything
        raise RecordingError(path, str(error).split('\n')[0] or type(error).__name__) from None
    if table is None:
        return 'waveform', [said]
    if not len(table):
        raise RecordingError(path, 'it has a header and no rows')
    names = {name: _words(name) for name in table.columns}
    power = [name for name, (word, unit) in names.items() if word in _POWER and unit in ('', *_WATT)]
    if len(power) > 1:
        raise RecordingError(path, f'it has {len(power)} columns of power: {", ".join(power)}')
    numbers = {name: pd.api.types.is_numeric_dtype(table[name]) for name in names}
    texts = [name for name in names if not numbers[name] and not pd.api.types.is_datetime64_any_dtype(table[name])]
    times = [name for name, (word, unit) in names.items() if word in _TIME and unit in ('', *_SECOND)]
    texts = [name for name in texts if name not in (*times, *power)]
    new = (table[texts] != table[texts].shift()).any(axis=1).to_numpy() if texts else np.zeros(len(table), bool)
    whole = [name for name in names if name not in times and name not in power
             and numbers[name] and table[name].dtype.kind in 'iub']
    features = [name for name in names if name not in times and numbers[name] and table[name].dtype.kind == 'f']
    if not power and not features:
        raise RecordingError(path, 'it has neither a column of power nor columns of features')
    rows, first_problem = [], None
    for run in np.split(np.arange(len(table)), np.flatnonzero(new[1:]) + 1):
        part = table.iloc[run]
        facts = {**said, **{name: str(part[name].iloc[0])[:_FACT_MAX] for name in texts},
                 **{name: str(part[name].iloc[0]) for name in whole if (part[name] == part[name].iloc[0]).all()}}
        where = str(run[0]) if len(run) < len(table) else ''
        if not power:
            rows.append((where or '0', part[features].to_numpy(float), tuple(features), facts))
            continue
        try:
            rows += _series(path, where, part, power[0], names, times, hints, facts)
        except RecordingError as error:
            first_problem = first_problem or error
    if not rows:
        raise first_problem
    return ('series' if power else 'frames'), rows


def _series(path, where, part, column, names, times, hints, facts):
    import pandas as pd

    power = pd.to_numeric(part[column], errors='coerce').to_numpy(float) * _WATT.get(names[column][1], 1.0)
    if times:
        stretches = on_grid(path, _seconds(path, part[times[0]], names[times[0]][1]), power)
    else:
        try:
            rate = float(next((facts[name] for name in ('fs', 'sampling_rate', 'rate') if name in facts),
                              hints.sampling_rate))
        except ValueError as error:
            raise RecordingError(path, f'its sampling rate: {error}') from None
        if not (np.isfinite(rate) and rate > 0):
            raise RecordingError(path, "it has neither a column 'time' nor a comment '# fs = …' with the sampling rate")
        stretches = [(0.0, power, rate)]
    out = []
    for number, (_, values, rate) in enumerate(stretches):
        inner = '.'.join(x for x in (where, str(number) if len(stretches) > 1 else '') if x)
        out += [(piece, series, rate, facts) for piece, series in pieces(inner, filled(path, inner, values), rate)]
    return out


def _seconds(path: Path, column, unit: str) -> np.ndarray:
    import pandas as pd

    if pd.api.types.is_numeric_dtype(column):
        return column.to_numpy(float) * _SECOND.get(unit, 1.0)
    try:
        stamps = pd.to_datetime(column, utc=True)
    except (ValueError, TypeError) as error:
        raise RecordingError(path, f'its time: {str(error).split(chr(10))[0]}') from None
    return ((stamps - stamps.iloc[0]) / pd.Timedelta(seconds=1)).to_numpy(float)


def _words(name: str) -> tuple[str, str]:
    """Return name and unit of a column: `Power [kW]`, `power_w`, `epoch_ms`."""
    match = re.fullmatch(r'\s*"?\s*(.*?)\s*(?:[\[(]\s*(\S+)\s*[\])])?\s*"?\s*', str(name).lower())
    word, unit = match[1].replace(' ', '_'), match[2] or ''
    head, _, tail = word.rpartition('_')
    return (head, tail) if not unit and head in (*_POWER, *_TIME) and tail in {**_WATT, **_SECOND} else (word, unit)


def _parquet(path: Path):
    import pandas as pd

    table = pd.read_parquet(path)
    if isinstance(table.index, pd.DatetimeIndex):
        table = table.rename_axis('time').reset_index()
    table.columns = [str(name) for name in table.columns]
    return table, {}


def _csv(path: Path):
    import pandas as pd

    comments, lines = split_comments(path.read_text(encoding='utf-8-sig').splitlines())
    if not lines:
        raise RecordingError(path, 'it is empty')
    if not re.search('[a-zA-Z]', lines[0].lower().replace('e', '').replace('nan', '')):
        words = comments[-1] if comments and not re.search('[=:]', comments[-1]) else ''
        bare = len(re.split(r'[,;\t ]+', lines[0].strip()))
        if not words and bare > 2:
            raise RecordingError(path, f'it has {bare} columns and no header')
        lines.insert(0, words or ('time power' if bare == 2 else 'power').replace(
            ' ', max(',;\t', key=lines[0].count) if re.search('[,;\t]', lines[0]) else ' '))
    separator = max(',;\t', key=lines[0].count)
    if separator not in lines[0]:
        separator = r'\s+'
    words = [_words(cell)[0] for cell in re.split(separator, lines[0])]
    if all(any(word in known for word in words) for known in _WAVEFORM):
        return None, _said(comments)
    decimal = ',' if separator != ',' and len(lines) > 1 and ',' in lines[1] else '.'
    table = pd.read_csv(io.StringIO('\n'.join(lines)), sep=separator, decimal=decimal, skipinitialspace=True)
    table.columns = [str(name).strip() for name in table.columns]
    return table, _said(comments)


def _said(comments: list[str]) -> dict[str, str]:
    pairs = [pair for line in comments for pair in re.findall(r'(\w+)\s*[=:]\s*([^,;]+)', line)]
    return {key.lower(): value.strip()[:_FACT_MAX] for key, value in pairs}
