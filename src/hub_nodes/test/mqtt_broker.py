"""For tests: a real mosquitto on the loopback, TLS with client certificates only, and a peer that plays plugs."""
import getpass
import os
import shutil
import socket
import ssl
import subprocess
import time
from datetime import datetime, timedelta, timezone
from ipaddress import ip_address
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from hearthgrid_ros.testing import free_port

CONFIG = """
listener {port} 127.0.0.1
cafile {folder}/ca.pem
certfile {folder}/broker.pem
keyfile {folder}/broker.key
require_certificate true
use_identity_as_username true
tls_version tlsv1.2
allow_anonymous true
persistence false
log_dest none
user {user}
"""


def mosquitto() -> str:
    """Return the broker's program; skip where there is none, but not in CI."""
    found = shutil.which('mosquitto', path=f'{os.environ.get("PATH", "")}:/usr/sbin:/usr/local/sbin')
    if found is None and os.environ.get('CI') == 'true':
        pytest.fail('mosquitto is not installed, and CI must test against it')
    if found is None:
        pytest.skip('mosquitto is not installed (apt install mosquitto)')
    return found


def certificates(folder: Path) -> None:
    """Write a CA, a broker's and two clients' certificates, and a stranger's CA with a client of its own."""
    for ca, leaves in (('ca', ('broker', 'hearthgrid', 'plugs')), ('foreign_ca', ('foreign',))):
        key, name = ec.generate_private_key(ec.SECP256R1()), _name(ca)
        authority = _signed(name, name, key.public_key(), key, True)
        _write(folder, ca, authority, key)
        for leaf in leaves:
            own = ec.generate_private_key(ec.SECP256R1())
            _write(folder, leaf, _signed(_name(leaf), name, own.public_key(), key, False), own)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _signed(subject, issuer, public, key, authority: bool) -> x509.Certificate:
    now = datetime.now(timezone.utc)
    return (x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(public)
            .serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(authority, None), True)
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address('127.0.0.1'))]), False)
            .sign(key, hashes.SHA256()))


def _write(folder: Path, name: str, certificate: x509.Certificate, key) -> None:
    (folder / f'{name}.pem').write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / f'{name}.key').write_bytes(key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))


class Mosquitto:
    """A broker that can be stopped and started again on its port."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._program = folder, mosquitto()
        certificates(folder)
        self.port = free_port()
        (folder / 'mosquitto.conf').write_text(CONFIG.format(
            port=self.port, folder=folder, user=getpass.getuser()))  # as root it would become one who cannot read here
        self._child: subprocess.Popen | None = None
        self.start()

    def start(self) -> None:
        self._child = subprocess.Popen([self._program, '-c', str(self.folder / 'mosquitto.conf')],
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 20.0
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(('127.0.0.1', self.port)) == 0:
                    return
            time.sleep(0.05)
        raise AssertionError('mosquitto did not start')

    def stop(self) -> None:
        self._child.terminate()
        self._child.wait()


class Plugs:
    """A client of the same broker: says what plugs say, and hears all that is said."""

    def __init__(self, broker: Mosquitto) -> None:
        self.heard: list[tuple[str, str]] = []
        context = ssl.create_default_context(cafile=str(broker.folder / 'ca.pem'))
        context.load_cert_chain(broker.folder / 'plugs.pem', broker.folder / 'plugs.key')
        self._client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, 'plugs')
        self._client.tls_set_context(context)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = lambda client, *_: client.subscribe('#', 1)
        self._client.on_message = lambda client, _, message: self.heard.append(
            (message.topic, message.payload.decode(errors='replace')))
        self.subscribed = False
        self._client.on_subscribe = lambda *_: setattr(self, 'subscribed', True)
        self._client.connect_async('127.0.0.1', broker.port)
        self._client.loop_start()

    def say(self, topic: str, payload, retain: bool = False) -> None:
        self._client.publish(topic, payload, 1, retain)

    def last(self, topic: str) -> str | None:
        """Return what was said last on a topic."""
        return next((payload for heard, payload in reversed(self.heard) if heard == topic), None)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()
