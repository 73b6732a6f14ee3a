"""The connection to the broker: paho's own thread keeps it, the node's thread takes what came.

paho-mqtt and not aiomqtt: that one wraps this one for asyncio, and the node has no event loop to share.
"""
import ssl
import threading
from collections import deque
from collections.abc import Iterable

import paho.mqtt.client as mqtt

from hub_nodes.gateway.plug import PAYLOAD_MAX

QUEUE = 4096  # messages between two looks
RETRY_MIN, RETRY_MAX = 1, 60  # between tries to connect [s]
KEEPALIVE = 20  # [s]
CLOSE = 2.0  # longest wait for the end of paho's thread [s]


def context(ca: str, certificate: str, key: str) -> ssl.SSLContext:
    """Return TLS with the broker's name checked against `ca`, and a certificate of ours. ValueError names the file."""
    try:
        made = ssl.create_default_context(cafile=ca)
    except OSError as error:  # ssl.SSLError is one
        raise ValueError(f'{ca} is no certificate of an authority: {error.strerror or error.reason}') from None
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        # with a password refused rather than asked for on the terminal
        made.load_cert_chain(certificate, key, password=lambda: b'')
    except OSError as error:
        raise ValueError(f'{certificate} and {key} are no pair: {error.strerror or error.reason}') from None
    return made


class Broker:
    """Says that it is there with a retained word, and leaves a will that says when it is not."""

    def __init__(self, client_id: str, host: str, port: int, tls: ssl.SSLContext, status: tuple[str, str, str],
                 subscriptions: Iterable[str]) -> None:
        """status : topic, word when there, word when gone."""
        self._status, self._subscriptions = status, [(topic, 1) for topic in dict.fromkeys(subscriptions)]
        self._inbox: deque[tuple[str, bytes, bool]] = deque(maxlen=QUEUE)
        self.dropped, self.trouble = 0, 'not connected yet'
        self._met = threading.Event()  # a new session
        self._client = client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id)
        client.tls_set_context(tls)
        client.will_set(status[0], status[2], qos=1, retain=True)
        client.reconnect_delay_set(RETRY_MIN, RETRY_MAX)
        client.on_connect, client.on_disconnect = self._on_connect, self._on_disconnect
        client.on_connect_fail = self._on_connect_fail
        client.on_message = self._on_message
        client.connect_async(host, port, KEEPALIVE)
        client.loop_start()

    @property
    def connected(self) -> bool:
        """Whether the broker took us."""
        return self._client.is_connected()

    def new_session(self) -> bool:
        """Return whether a session began since the last look: what the broker knows of us must be said again."""
        found = self._met.is_set()
        self._met.clear()
        return found

    def take(self) -> list[tuple[str, bytes, bool]]:
        """Return what came: topic, payload, whether it was retained."""
        return [self._inbox.popleft() for _ in range(len(self._inbox))]

    def publish(self, topic: str, payload: str, retain: bool = False) -> bool:
        """Send, retained words surely, others at most once; what cannot go now never goes, since it would be stale."""
        if not self.connected:
            return False
        return self._client.publish(topic, payload, qos=int(retain), retain=retain).rc == mqtt.MQTT_ERR_SUCCESS

    def close(self) -> None:
        """Say that we go, and go."""
        if self.connected:
            topic, _, gone = self._status
            self._client.publish(topic, gone, qos=1, retain=True).wait_for_publish(1.0)
        self._client.disconnect()
        stopper = threading.Thread(target=self._client.loop_stop, name='gateway-stop', daemon=True)
        stopper.start()
        stopper.join(CLOSE)  # paho may be amid a connection that nobody answers

    # In paho's thread.

    def _on_connect(self, client, userdata, flags, reason, properties) -> None:
        if reason.is_failure:
            self.trouble = f'the broker refuses: {reason}'
            return
        if self._subscriptions:
            client.subscribe(self._subscriptions)
        client.publish(self._status[0], self._status[1], qos=1, retain=True)
        self.trouble = ''
        self._met.set()

    def _on_disconnect(self, client, userdata, flags, reason, properties) -> None:
        self.trouble = f'the connection is lost: {reason}'

    def _on_connect_fail(self, client, userdata) -> None:
        self.trouble = 'the broker cannot be reached, or one of us refuses the other\'s certificate'

    def _on_message(self, client, userdata, message) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            self.dropped += 1
            return
        if len(message.payload) > PAYLOAD_MAX or len(self._inbox) == QUEUE:
            self.dropped += 1
        else:
            self._inbox.append((topic, bytes(message.payload), bool(message.retain)))
