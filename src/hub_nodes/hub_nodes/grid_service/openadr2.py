"""An OpenADR 2.0b virtual end node (VEN) over simple HTTP pull.

openleadr makes, signs and checks messages. Its own run loop is not used: it swallows failures, keeps no word of what it
could not read, and takes an event's id `007` for the number 7; so the transport, the reading of events and the reports'
timing are here. Its state machine on the server's side is class-level: one server a process (tests).
"""
import logging
import math
import time
from datetime import datetime, timedelta, timezone

from lxml import etree
from openleadr import OpenADRClient, enums, errors, messaging, objects, utils
from signxml.exceptions import InvalidSignature

from hearthgrid_core.grid_service import Answer, Opt
from hearthgrid_ros.home import GridService
from hub_nodes.grid_service.openadr2_read import NS, Home, Refused, read_events
from hub_nodes.grid_service.wire import Heard, Http, LinkError, Measured, Outcome, tls

logging.getLogger('openleadr').setLevel(logging.CRITICAL)   # failures are said once, by the node's health
RESYNC = 300.0              # between two requests for all events, against a server that forgot to tell [s]
PERIODS = 1.0, 86_400.0     # between polls, whatever the server asks [s]
REQUESTS_MAX = 16           # of reports
RESOURCE, SPECIFIER = 'home', 'hearthgrid_telemetry'
READINGS = ('power', 'baseline', 'delivered')
OPTS = {Opt.IN: 'optIn', Opt.OUT: 'optOut'}


class _Client(OpenADRClient):
    """openleadr's client over our transport: every failure is a LinkError."""

    http: Http
    tree = None     # of the newest message

    async def _perform_request(self, service, message):
        content = await self.http.request('POST', f'{self.vtn_url}/{service}', data=message.encode(),
                                          headers={'content-type': 'application/xml'})
        if not content:
            return 'empty', {}
        self.tree = parse(content)
        if self.vtn_fingerprint:
            try:
                messaging.validate_xml_signature(self.tree, cert_fingerprint=self.vtn_fingerprint)
            except (errors.FingerprintMismatch, InvalidSignature, ValueError, AttributeError, TypeError,
                    etree.LxmlError) as error:
                raise LinkError(f'a message whose signature does not hold: {str(error)[:120]}', lasting=True) from None
        kind = etree.QName(self.body).localname
        if kind == 'oadrDistributeEvent':
            return kind, {}
        try:
            return messaging.parse_message(content)
        except Exception as error:      # openleadr's reader raises whatever the content makes it stumble over
            raise LinkError(f'{kind} is not understood: {type(error).__name__}') from None

    @property
    def body(self):
        """The message's one payload element."""
        return self.tree.find('oadr:oadrSignedObject', NS)[0]


def parse(content: bytes):
    """Return a message's tree, checked against the 2.0b schema. LinkError; no DTD, no entities, UTF-8 only."""
    try:
        text = content.decode('utf-8')
    except UnicodeDecodeError:
        raise LinkError('a message that is not UTF-8') from None
    if '<!DOCTYPE' in text or '<!ENTITY' in text or '\0' in text:
        raise LinkError('a message with a document type, which OpenADR has none of')
    parser = etree.XMLParser(schema=messaging.XML_SCHEMA, resolve_entities=False, no_network=True, load_dtd=False,
                             huge_tree=False)
    try:
        tree = etree.fromstring(content, parser)
    except (etree.LxmlError, ValueError) as error:
        raise LinkError(f'a message that is no OpenADR 2.0b: {str(error)[:160]}') from None
    if tree.tag != f'{{{NS["oadr"]}}}oadrPayload' or not len(tree.find('oadr:oadrSignedObject', NS)):
        raise LinkError('a message that is no OpenADR 2.0b payload')
    return tree


class Ven:
    """One session with the server, from `open` to `close`. Every call may raise LinkError; then it is over."""

    def __init__(self, facts: GridService, home: Home, report_least: float = 10.0) -> None:
        self._facts, self._home, self._least = facts, home, report_least
        self._client: _Client | None = None
        self._reports: dict[str, dict] = {}
        self._request = '0'     # the server's id of the request that is answered
        self._synced = -math.inf
        self.period = facts.poll

    async def open(self) -> None:
        """Register the home and its reports."""
        facts = self._facts
        context = tls(facts.certificate, facts.key, facts.authority) if facts.url.startswith('https') else None
        try:
            self._client = _Client(
                facts.ven_name, facts.url, cert=facts.certificate or None, key=facts.key or None,
                show_fingerprint=False, vtn_fingerprint=facts.fingerprint or None, ven_id=facts.ven_id or None)
        except (OSError, ValueError) as error:
            raise LinkError(f'the home cannot sign: {error}', lasting=True) from None
        client = self._client
        client.http = Http(context)
        await client.query_registration()
        await client.create_party_registration(ven_id=client.ven_id)
        if not (client.registration_id and client.ven_id):
            raise LinkError('it does not register this home', lasting=True)
        asked = client.poll_frequency.total_seconds() if isinstance(client.poll_frequency, timedelta) else 0.0
        self.period = min(max(asked or self._facts.poll, PERIODS[0]), PERIODS[1])
        await self._offer_reports()
        self._synced = -math.inf

    async def poll(self) -> Heard | None:
        """Return news, None = none."""
        if time.monotonic() - self._synced > RESYNC:
            kind, payload = await self._client.request_event()
            self._synced = time.monotonic()
        else:
            kind, payload = await self._client.poll()
        if kind == 'oadrDistributeEvent':
            return await self._events()
        if kind == 'oadrRequestReregistration':
            await self._client.send_response('EiRegisterParty')
            raise LinkError('it asks to register again')
        if kind == 'oadrCancelPartyRegistration':
            await self._client.send_response('EiRegisterParty')
            raise LinkError('it cancelled the registration', lasting=True)
        if kind == 'oadrCreateReport':
            await self._take_requests(payload)
        elif kind == 'oadrCancelReport':
            self._reports.pop(str(payload.get('report_request_id')), None)
            await self._client.send_response('EiReport', request_id=payload.get('request_id'))
        elif kind == 'oadrResponse':
            response = payload.get('response')
            code = response.get('response_code', 200) if isinstance(response, dict) else 200
            if code != 200:
                raise LinkError(f'it answered {code}: {str(response.get("response_description"))[:120]}')
        return None

    async def answer(self, answers: list[Answer]) -> None:
        """Tell whether the home takes part."""
        due = [(one.event, one.modification, OPTS[one.opt], 200) for one in answers if one.opt in OPTS and one.required]
        await self._created(due)

    async def report(self, measured: Measured | None, outcomes: list[Outcome]) -> None:
        """Send the reports that are due. Outcomes are not asked for in 2.0b: the telemetry told them."""
        if measured is None or math.isnan(measured.power):
            return
        values = {'power': measured.power, 'baseline': measured.baseline,
                  'delivered': measured.baseline - measured.power}
        now = time.monotonic()
        for id, wanted in list(self._reports.items()):
            if now < wanted['due']:
                continue
            wanted['due'] = now + wanted['period']
            moment = datetime.fromtimestamp(measured.time, timezone.utc)
            intervals = [objects.ReportInterval(moment, objects.ReportPayload(r_id, values[r_id]))
                         for r_id in wanted['r_ids'] if not math.isnan(values[r_id])]
            report = objects.Report(SPECIFIER, enums.REPORT_NAME.TELEMETRY_USAGE, report_request_id=id, dtstart=moment,
                                    intervals=intervals, created_date_time=datetime.now(timezone.utc))
            if wanted['once']:
                del self._reports[id]
            if intervals:
                await self._send('oadrUpdateReport', 'EiReport', request_id=utils.generate_id(), reports=[report])

    async def close(self) -> None:
        """Let go of the connection."""
        if self._client is not None and hasattr(self._client, 'http'):
            await self._client.http.close()

    async def _send(self, kind: str, service: str, **payload) -> tuple[str, dict]:
        message = self._client._create_message(kind, ven_id=self._client.ven_id, **payload)
        return await self._client._perform_request(service, message)

    async def _events(self) -> Heard:
        body = self._client.body
        self._request = _escape((body.findtext('pyld:requestID', '', NS) or '0')[:64])
        heard, refused = read_events(body, self._home)
        await self._created([(one.id, one.modification, OPTS[Opt.OUT], enums.STATUS_CODES.SIGNAL_NOT_SUPPORTED)
                             for one in refused if self._can_answer(one)])
        return heard

    @staticmethod
    def _can_answer(one: Refused) -> bool:
        return one.answer and bool(one.id) and one.id.isprintable()

    async def _created(self, rows: list[tuple[str, int, str, int]]) -> None:
        if not rows:
            return
        responses = [{'response_code': code, 'response_description': 'OK' if code == 200 else 'ERROR', 'opt_type': opt,
                      'request_id': self._request, 'modification_number': number, 'event_id': _escape(id)}
                     for id, number, opt, code in rows]
        await self._send('oadrCreatedEvent', 'EiEvent', event_responses=responses,
                         response={'response_code': 200, 'response_description': 'OK', 'request_id': self._request})

    async def _offer_reports(self) -> None:
        """Offer what the home measures, what it would have drawn, and the difference."""
        target = objects.Target(resource_id=RESOURCE)
        rate = objects.SamplingRate(timedelta(seconds=self._least), timedelta(hours=1), False)
        power = enums.MEASUREMENTS.REAL_POWER
        rows = (('power', enums.READING_TYPE.DIRECT_READ, enums.REPORT_TYPE.DEMAND),
                ('baseline', enums.READING_TYPE.DERIVED, enums.REPORT_TYPE.BASELINE),
                ('delivered', enums.READING_TYPE.DERIVED, enums.REPORT_TYPE.DELTA_DEMAND))
        offered = objects.Report(SPECIFIER, enums.REPORT_NAME.METADATA_TELEMETRY_USAGE, report_request_id='0',
                                 created_date_time=datetime.now(timezone.utc), duration=timedelta(hours=1))
        offered.report_descriptions = [
            objects.ReportDescription(r_id, None, reading, target, target, type, rate, power)
            for r_id, reading, type in rows]
        kind, payload = await self._send('oadrRegisterReport', 'EiReport', request_id=utils.generate_id(),
                                         reports=[offered])
        if kind == 'oadrRegisteredReport' and payload.get('report_requests'):
            await self._take_requests(payload)

    async def _take_requests(self, payload: dict) -> None:
        """Note which reports the server wants and how often."""
        taken = []
        for wanted in payload['report_requests'][:REQUESTS_MAX]:
            try:
                specifier = wanted['report_specifier']
                r_ids = [row['r_id'] for row in specifier['specifier_payloads'] if row['r_id'] in READINGS]
                periods = [specifier.get(name) for name in ('report_back_duration', 'granularity')]
            except (KeyError, TypeError, AttributeError):
                continue
            period = next((p.total_seconds() for p in periods if isinstance(p, timedelta) and p), 0.0)
            id = str(wanted.get('report_request_id', ''))
            if r_ids and id and specifier.get('report_specifier_id') == SPECIFIER and len(self._reports) < REQUESTS_MAX:
                self._reports[id] = {'r_ids': r_ids, 'period': max(period, self._least), 'once': not period, 'due': 0.0}
                taken.append({'report_request_id': _escape(id)})
        response = payload.get('response') if isinstance(payload.get('response'), dict) else {}
        request = payload.get('request_id') or response.get('request_id') or '0'
        await self._send('oadrCreatedReport', 'EiReport', pending_reports=taken, response={
            'response_code': 200, 'response_description': 'OK', 'request_id': _escape(str(request))})


def _escape(text: str) -> str:
    """Return text for openleadr's templates, which put it into the message as it is."""
    return text.replace('&', '&amp;').replace('<', '&lt;').replace('>', '&gt;')
