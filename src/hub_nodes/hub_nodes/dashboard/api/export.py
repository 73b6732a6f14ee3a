"""History as files, CSV and Parquet, and monthly reports. Scope read."""
import io
import math
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

from hub_nodes.dashboard import values
from hub_nodes.dashboard.api.caller import errors, found, needs
from hub_nodes.dashboard.api.read import POINTS_MAX, Quantity, SourceId, Step, Time, span
from hub_nodes.dashboard.permitted import Permitted

ROWS_MAX = 50_000
PARQUET = 'application/vnd.apache.parquet'


def router(home_for: Callable[..., Permitted]) -> APIRouter:
    """Return the routes."""
    made = APIRouter(tags=['export'])
    Home = needs('read', home_for)  # noqa: N806

    def gives(*kinds: str) -> dict:
        return errors(404, 409, 503) | {200: {'content': {kind: {'schema': {'type': 'string', 'format': 'binary'}}
                                                          for kind in kinds}}}

    @made.get('/export/{source}.csv', responses=gives('text/csv'), response_class=Response)
    async def csv(home: Home, source: SourceId, quantity: Quantity = 'active_power', start: Time = None,
                  end: Time = None, step: Step = None) -> Response:
        """History as CSV, at most 50 000 rows; an empty cell is not known."""
        history = await _history(home, source, quantity, *span(home, source, start, end, step, ROWS_MAX))
        return Response(await run_in_threadpool(to_csv, history), media_type='text/csv',
                        headers=_named(f'{source}-{quantity}.csv'))

    @made.get('/export/{source}.parquet', responses=gives(PARQUET), response_class=Response)
    async def parquet(home: Home, source: SourceId, quantity: Quantity = 'active_power', start: Time = None,
                      end: Time = None, step: Step = None) -> Response:
        """History as Parquet, at most 50 000 rows; null is not known."""
        history = await _history(home, source, quantity, *span(home, source, start, end, step, ROWS_MAX))
        return Response(await run_in_threadpool(to_parquet, history), media_type=PARQUET,
                        headers=_named(f'{source}-{quantity}.parquet'))

    @made.get('/report', responses=gives('text/html', 'application/pdf'), response_class=Response)
    async def report(home: Home, month: Annotated[str, Query(pattern=r'^20[0-9]{2}-(0[1-9]|1[0-2])$')],
                     kind: Literal['html', 'pdf'] = 'html') -> Response:
        """The report of a month, 'YYYY-MM' in the home's local time, with its pictures, as HTML or PDF."""
        return Response(found(await home.report(month, kind)), headers=_named(f'hearthgrid-{month}.{kind}'),
                        media_type={'html': 'text/html', 'pdf': 'application/pdf'}[kind])

    return made


def _named(name: str) -> dict[str, str]:
    return {'content-disposition': f'attachment; filename="{name}"'}


async def _history(home: Permitted, source: str, quantity: str, start: float, end: float,
                   step: float) -> values.History:
    """Return a history of any length, asked in parts the store answers."""
    rows, unit, at = [], '', start
    while at < end:
        # The store's steps begin at whole multiples: parts end there, or a step would be cut in two.
        until = min(end, (math.floor(at / step) + POINTS_MAX - 1) * step)
        part = found(await home.history_between(source, quantity, at, until, step))
        unit, at = part.unit, until
        last = rows[-1][0] if rows else -math.inf
        rows += [row for row in zip(part.start, part.mean, part.minimum, part.maximum, strict=True) if row[0] > last]
    return values.History(source, quantity, unit, *(tuple(row[i] for row in rows) for i in range(4)))


def to_csv(history: values.History) -> bytes:
    """Return a history as CSV with units in the header."""
    unit = f' [{history.unit}]' if history.unit else ''
    lines = [f'start [s],start (UTC),mean{unit},minimum{unit},maximum{unit}']
    for start, *row in zip(history.start, history.mean, history.minimum, history.maximum, strict=True):
        at = datetime.fromtimestamp(start, timezone.utc).strftime('%Y-%m-%dT%H:%M:%SZ')
        lines.append(f'{start:.3f},{at},' + ','.join(f'{one:.9g}' if math.isfinite(one) else '' for one in row))
    return ('\r\n'.join(lines) + '\r\n').encode()


def to_parquet(history: values.History) -> bytes:
    """Return a history as Parquet: a time in UTC, and three columns with the unit in their metadata."""
    import pyarrow as pa
    from pyarrow import parquet
    columns = {name: pa.array([one if math.isfinite(one) else None for one in getattr(history, name)], pa.float64())
               for name in ('mean', 'minimum', 'maximum')}
    start = pa.array([round(one * 1e6) for one in history.start], pa.timestamp('us', tz='UTC'))
    about = {'outlet': history.outlet, 'quantity': history.quantity, 'unit': history.unit}
    schema = pa.schema([pa.field('start', start.type), *(pa.field(name, pa.float64(), metadata={'unit': history.unit})
                                                         for name in columns)], metadata=about)
    file = io.BytesIO()
    parquet.write_table(pa.Table.from_arrays([start, *columns.values()], schema=schema), file)
    return file.getvalue()
