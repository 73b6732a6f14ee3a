"""An OpenADR 3.1 client: REST and JSON over HTTPS, OAuth 2 client credentials, by polling."""
import json
import math
import time
from datetime import datetime, timezone
from pathlib import Path
from urllib.parse import urlsplit

from hearthgrid_core.grid_service import Answer, EventError, Opt
from hearthgrid_ros.home import GridService
from hub_nodes.grid_service.openadr2_read import Home
from hub_nodes.grid_service.openadr3_read import OPT_REPORT, read_event
from hub_nodes.grid_service.wire import Heard, Http, LinkError, Measured, Outcome, tls

PAGE, EVENTS_MAX = 50, 256      # of a listing
SCOPE = 'read_targets read_ven_objects write_reports write_vens'
STATES = {Opt.IN: 'RUNNING_CURTAILED', Opt.OUT: 'RUNNING_OPTED_OUT'}
QUARTER = 'PT15M'


class Client:
    """One session with the server, from `open` to `close`. Every call may raise LinkError; then it is over."""

    def __init__(self, facts: GridService, home: Home) -> None:
        self._facts, self._home, self._url = facts, home, facts.url.rstrip('/')
        self._http: Http | None = None
        self._token, self._until = '', -math.inf
        self._asks: dict[str, frozenset[str]] = {}
        self._told: dict[str, Answer] = {}      # every poll lists all events: each is answered once
        self.period = facts.poll

    async def open(self) -> None:
        """Sign in, and show the home as a VEN."""
        facts = self._facts
        self._http = Http(tls(facts.certificate, facts.key, facts.authority) if self._url.startswith('https') else None)
        try:
            await self._call('POST', '/vens', {'objectType': 'VEN_VEN_REQUEST', 'venName': facts.ven_name})
        except LinkError as error:
            if error.status != 409:     # it knows the home already
                raise

    async def poll(self) -> Heard | None:
        """Return all events."""
        rows: list = []
        for programme in self._facts.programmes or [None]:
            rows += await self._listing(programme)
        events, listed, refused, asks = [], [], [], {}
        for row in rows:
            id = row.get('id') if isinstance(row, dict) else None
            if isinstance(id, str):
                listed.append(id)
            try:
                event, wanted = read_event(row, self._home)
            except (EventError, ValueError, OverflowError, KeyError, TypeError) as error:
                refused.append(f'{str(id)[:64]!r}: {str(error)[:200]}')
                continue
            events.append(event)
            asks[event.id] = wanted
        self._asks |= asks
        return Heard(tuple(events), tuple(listed), tuple(refused))

    async def answer(self, answers: list[Answer]) -> None:
        """Report the operating state where an event asks for it, and always when the home opts out."""
        for one in answers:
            if one.opt in STATES and (one.required or one.opt is Opt.OUT) and self._told.get(one.event) != one:
                self._told[one.event] = one
                await self._report(one.event, 'opt', [{'type': OPT_REPORT, 'values': [STATES[one.opt]]}])

    async def report(self, measured: Measured | None, outcomes: list[Outcome]) -> None:
        """Report events that are over and asked for it: demand, baseline, difference, a quarter hour each."""
        for one in outcomes:
            wanted = self._asks.pop(one.event, frozenset()) & {'DEMAND', 'BASELINE', 'DELTA_USAGE'}
            intervals = []
            for k, (power, base) in enumerate(zip(one.measured, one.baseline, strict=True)):
                values = {'DEMAND': power / 1e3, 'BASELINE': base / 1e3, 'DELTA_USAGE': (power - base) / 4e3}
                payloads = [{'type': type, 'values': [round(values[type], 6)]} for type in sorted(wanted)
                            if not math.isnan(values[type])]
                if payloads:
                    intervals.append({'id': k, 'payloads': payloads})
            if intervals:
                start = datetime.fromtimestamp(one.start, timezone.utc).isoformat().replace('+00:00', 'Z')
                units = [{'objectType': 'REPORT_PAYLOAD_DESCRIPTOR', 'payloadType': type, 'readingType': 'MEAN',
                          'units': 'KWH' if type == 'DELTA_USAGE' else 'KW'} for type in sorted(wanted)]
                await self._report(one.event, 'outcome', intervals, {'start': start, 'duration': QUARTER}, units)

    async def close(self) -> None:
        """Let go of the connection."""
        if self._http is not None:
            await self._http.close()

    async def _listing(self, programme: str | None) -> list:
        rows: list = []
        while len(rows) < EVENTS_MAX:
            query = {'active': 'true', 'limit': str(PAGE), 'skip': str(len(rows))}
            page = await self._call('GET', '/events', query=query | ({'programID': programme} if programme else {}))
            if not isinstance(page, list):
                raise LinkError('a listing of events that is no list')
            rows += page[:PAGE]
            if len(page) < PAGE:
                break
        return rows

    async def _report(self, event: str, name: str, payloads: list, period: dict | None = None, units=None) -> None:
        intervals = payloads if period else [{'id': 0, 'payloads': payloads}]
        resource = {'resourceName': self._facts.ven_name, 'intervals': intervals}
        body = {'eventID': event, 'clientName': self._facts.ven_name, 'reportName': name,
                'resources': [resource | ({'intervalPeriod': period} if period else {})]}
        await self._call('POST', '/reports', body | ({'payloadDescriptors': units} if units else {}))

    async def _call(self, method: str, path: str, body: dict | None = None, query: dict | None = None):
        """Return the JSON of an answer; signs in first where needed, and once more when the token is not taken."""
        for attempt in (1, 2):
            headers = {'accept': 'application/json'}
            if self._facts.client_id:
                if time.monotonic() > self._until:
                    await self._sign_in()
                headers['authorization'] = f'Bearer {self._token}'
            try:
                content = await self._http.request(method, self._url + path, params=query, json=body, headers=headers)
            except LinkError as error:
                if error.status == 401 and attempt == 1 and self._facts.client_id:
                    self._until = -math.inf
                    continue
                raise
            return _json(content)

    async def _sign_in(self) -> None:
        try:
            secret = Path(self._facts.secret_file).read_text(encoding='utf-8').strip()
        except (OSError, UnicodeDecodeError) as error:
            raise LinkError(f'the secret cannot be read: {error}', lasting=True) from None
        server = _json(await self._http.request('GET', f'{self._url}/auth/server'))
        url = server.get('tokenURL') if isinstance(server, dict) else None
        if not isinstance(url, str) or urlsplit(url).scheme != urlsplit(self._url).scheme:
            raise LinkError('it does not say where tokens are had', lasting=True)
        token = _json(await self._http.request('POST', url, data={
            'grant_type': 'client_credentials', 'client_id': self._facts.client_id, 'client_secret': secret,
            'scope': SCOPE}))
        token = token if isinstance(token, dict) else {}
        value, lasts = token.get('access_token'), token.get('expires_in', 3600)
        if not isinstance(value, str) or not value or not value.isprintable() or not isinstance(lasts, (int, float)):
            raise LinkError('it gives no token', lasting=True)
        self._token, self._until = value, time.monotonic() + max(10.0, 0.8 * lasts)


def _json(content: bytes):
    try:
        return json.loads(content, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise LinkError(f'an answer that is no JSON: {str(error)[:120]}') from None


def _refuse(name: str):
    raise ValueError(f'{name} is no number')
