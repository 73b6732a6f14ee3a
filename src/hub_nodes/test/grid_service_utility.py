"""A utility to test against: certificates, and openleadr's own OpenADR 2.0b server (VTN) in a thread of its own.

openleadr keeps a server's state in its classes: one server a process at a time.
"""
import asyncio
import threading
import warnings
from datetime import datetime, timedelta, timezone
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from openleadr import OpenADRServer, hooks, objects, utils

DAY = timedelta(days=1)
VEN, REGISTRATION = 'ven-1', 'registration-1'


class Authority:
    """A certificate authority with certificates for server and home, in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, 'test authority')])
        self.file = self._write('authority', self._made(self._name, self._key.public_key(), True, DAY))

    def issue(self, name: str, lasts: timedelta = DAY) -> tuple[str, str]:
        """Return the files of a certificate and its key; `lasts` < 0: it has expired."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        secret = self.folder / f'{name}.key'
        secret.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                             serialization.NoEncryption()))
        return self._write(name, self._made(subject, key.public_key(), False, lasts)), str(secret)

    def _made(self, subject, key, authority: bool, lasts: timedelta):
        now = datetime.now(timezone.utc)
        names = [x509.DNSName('localhost'), x509.IPAddress(ip_address('127.0.0.1'))]
        return (x509.CertificateBuilder().subject_name(subject).issuer_name(self._name).public_key(key)
                .serial_number(x509.random_serial_number()).not_valid_before(now - 3 * DAY).not_valid_after(now + lasts)
                .add_extension(x509.BasicConstraints(authority, None), True)
                .add_extension(x509.SubjectAlternativeName(names), False)
                .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), False)
                .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), False)
                .sign(self._key, hashes.SHA256()))

    def _write(self, name: str, certificate) -> str:
        path = self.folder / f'{name}.pem'
        path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        return str(path)


def fingerprint(certificate: str) -> str:
    """Return a certificate's fingerprint as openleadr writes it."""
    return utils.certificate_fingerprint(Path(certificate).read_text())


class Looped:
    """An event loop in a thread."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def do(self, coroutine, timeout: float = 20.0):
        """Run a coroutine there and return its result."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(timeout)

    def end(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(5.0)
        self.loop.close()


class Vtn:
    """The server. `opts`, `reports`, `registered` fill as the home speaks."""

    def __init__(self, authority: Authority, port: int, lasts: timedelta = DAY, home: str = '') -> None:
        self._looped, self.port = Looped(), port
        self.url = f'https://127.0.0.1:{port}/OpenADR2/Simple/2.0b'
        self.certificate, key = authority.issue('server', lasts)
        self.fingerprint = fingerprint(self.certificate)
        self.home = home            # fingerprint of the home's certificate
        self.known = False
        self.registered, self.offered = 0, []
        self.opts: list[tuple[str, int, str, int]] = []
        self.reports: dict[str, list] = {}
        warnings.filterwarnings('ignore', category=DeprecationWarning)
        self.server = OpenADRServer(
            'vtn-1', cert=self.certificate, key=key, http_cert=self.certificate, http_key=key, http_host='127.0.0.1',
            http_port=port, http_ca_file=authority.file, ven_lookup=self._lookup, show_fingerprint=False,
            requested_poll_freq=timedelta(seconds=1))
        self.server.add_handler('on_create_party_registration', self._register)
        self.server.add_handler('on_register_report', self._offer)
        hooks.HOOKS['before_handle'].clear()    # of a server before this one
        hooks.register('before_handle', self._heard)
        self._looped.do(self.server.run())

    def stop(self) -> None:
        """Stop it, if it runs: its events and its memory of the home are gone."""
        looped, self._looped = self._looped, None
        if looped is not None:
            looped.do(self.server.stop())
            looped.end()

    def event(self, name: str, type: str, values, start: float = 0.0, length: float = 3600.0, id='e', unit=None,
              **options) -> str:
        """Send an event: a value an interval of `length` [s], the first one `start` [s] from now."""
        async def add():
            begin = datetime.now(timezone.utc) + timedelta(seconds=start)
            span = timedelta(seconds=length)
            intervals = [objects.Interval(begin + k * span, span, value) for k, value in enumerate(values)]
            signal = objects.EventSignal(intervals, name, type, 'signal', measurement=unit)
            descriptor = objects.EventDescriptor(id, 0, 'http://utility.example/programme', 'far',
                                                 priority=options.get('priority', 0))
            return self.server.add_raw_event(VEN, objects.Event(descriptor, [signal], [objects.Target(ven_id=VEN)]),
                                             callback=lambda ven_id, event_id, opt_type: None)
        return self._looped.do(add())

    def change(self, id: str, change) -> None:
        """Have `change(event)` change an event, with a new modification number."""
        async def modify():
            event = utils.find_by(self.server.events[VEN], 'event_descriptor.event_id', id)
            change(event)
            utils.increment_event_modification_number(event)
            self.server.events_updated[VEN] = True
        self._looped.do(modify())

    def cancel(self, id: str) -> None:
        """Cancel an event."""
        async def cancel():
            self.server.cancel_event(VEN, id)
        self._looped.do(cancel())

    async def _lookup(self, ven_id):
        return {'ven_id': VEN, 'ven_name': 'test home', 'fingerprint': self.home, 'registration_id': REGISTRATION} \
            if self.known and ven_id == VEN else {}

    async def _register(self, payload):
        if payload['fingerprint'] != self.home:
            return False
        self.registered += 1
        self.known = True
        return VEN, REGISTRATION

    async def _offer(self, ven_id, resource_id, measurement, unit, scale, min_sampling_interval, max_sampling_interval):
        name = ('power', 'baseline', 'delivered')[len(self.offered) % 3]
        self.offered.append((name, resource_id, measurement, unit))
        return lambda values: self.reports.setdefault(name, []).extend(values), timedelta(seconds=1)

    async def _heard(self, kind, payload) -> None:
        if kind == 'oadrCreatedEvent':
            self.opts += [(row['event_id'], row['modification_number'], row['opt_type'], row['response_code'])
                          for row in payload['event_responses']]
