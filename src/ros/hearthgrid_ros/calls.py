"""Calls of services and actions in a home with keys: each needs a signed word that it is meant (`outlet/permit.py`).

Outlets hear such words with their requests, by their own key; the hub's nodes and the world on `permits`, by the
home's. A home without keys needs none.
"""
import re
import struct
from collections.abc import Callable

from rclpy.duration import Duration

from hearthgrid_core.outlet.permit import AGE, CALL, NO_PERMIT, PermitBook, words
from hearthgrid_msgs import msg
from hearthgrid_ros.interfaces import PERMITS, REQUEST, Service
from hearthgrid_ros.key_file import HOME
from hearthgrid_ros.keys import Keys
from hearthgrid_ros.request import request
from hearthgrid_ros.time import to_msg

ARRIVAL = Duration(seconds=0.1)  # for a permit to arrive before its call
CANCEL = '/cancel'  # behind an action's name: taking a goal back
_SEQUENCE = re.compile(r'sequence<(.+?)(?:, \d+)?>')


def body(message) -> bytes:
    """Return all of a message's fields in order, packed: whole numbers as 8 bytes, floating ones as on the wire, texts
    and sequences behind their length."""
    fields = message.get_fields_and_field_types()
    return b''.join(_pack(getattr(message, name), kind) for name, kind in fields.items())


def _pack(value, kind: str) -> bytes:
    if sequence := _SEQUENCE.fullmatch(kind):
        return struct.pack('<I', len(value)) + b''.join(_pack(one, sequence[1]) for one in value)
    if kind.startswith('string'):
        raw = value.encode()
        return struct.pack('<H', len(raw)) + raw
    if kind in ('boolean', 'float', 'double'):
        return struct.pack({'boolean': '<?', 'float': '<f', 'double': '<d'}[kind], value)
    if kind.startswith(('int', 'uint')):
        return struct.pack('<Q' if kind[0] == 'u' else '<q', value)
    return body(value)


class Calls:
    """The permits a node has heard, and the calls it obeys."""

    def __init__(self, node, keys: Keys, key: str = HOME) -> None:
        """key : whose words are believed; of the home's a subscription is made with the first guard, others come by
        `hear`."""
        self._node, self._keys, self._key = node, keys, key
        self._book = PermitBook(node.now(), keys.ring(key))
        self._listens = False

    def hear(self, message: msg.Request) -> str:
        """Take a permit; return why not, '' = it is taken."""
        self._book.ring = self._keys.ring(self._key)
        refusal = self._book.hear(self._node.now(), request(message))
        return refusal.value if refusal else ''

    def refuse(self, name: str, packed: bytes) -> str:
        """Return why a call is not obeyed, '' = it is. name : in full.     packed : all it asks"""
        self._book.ring = self._keys.ring(self._key)
        return '' if self._book.use(self._node.now(), words(name, packed)) else NO_PERMIT

    def guard(self, row: Service, callback: Callable) -> Callable:
        """Return the callback of a service that obeys permitted calls only."""
        if not self._keys.required:
            return callback
        if self._key == HOME and not self._listens:
            PERMITS.subscription(self._node, self.hear)
            self._listens = True
        name = row.resolve(self._node)

        def answer(asked, response):
            if refusal := self.refuse(name, body(asked)):
                response.success, response.message = False, refusal
                return response
            return callback(asked, response)

        return answer


class Permits:
    """Says, before a call, that it is meant."""

    def __init__(self, node, keys: Keys, sender: str, count: Callable[[], int], now: Callable[[], float]) -> None:
        """count : returns a number greater than any before, over restarts too.     now : [s since the epoch]"""
        self._node, self._keys, self._sender, self._count, self._now = node, keys, sender, count, now
        self._publishers: dict[str, object] = {}

    @property
    def needed(self) -> bool:
        """Whether calls need a permit."""
        return self._keys.required

    def heard(self, row: Service, outlet: str = '') -> bool:
        """Return whether somebody would hear a permit of this row; of an outlet's row, say which outlet."""
        return not self.needed or not row.guarded or self._publisher(outlet).get_subscription_count() > 0

    def permit(self, row: Service, asked, outlet: str = '') -> None:
        """Permit one call of a service, or one goal of an action, with just this request."""
        if self.needed and row.guarded:
            self._say(row.of(self._node, outlet) if outlet else row.resolve(self._node), body(asked), outlet)

    def permit_cancel(self, row: Service, goal_id, outlet: str) -> None:
        """Permit to take back the goal of this id (unique_identifier_msgs/UUID)."""
        if self.needed:
            self._say(row.of(self._node, outlet) + CANCEL, bytes(goal_id.uuid), outlet)

    def _say(self, name: str, packed: bytes, outlet: str) -> None:
        now = self._now()
        publisher = self._publisher(outlet)
        publisher.publish(self._keys.sign(outlet or HOME, msg.Request(
            stamp=to_msg(now), expiry=to_msg(now + AGE), voice=CALL, counter=self._count(),
            reason=words(name, packed), sender=self._sender), now))
        publisher.wait_for_all_acked(ARRIVAL)

    def _publisher(self, outlet: str):
        if outlet not in self._publishers:
            self._publishers[outlet] = (REQUEST.publisher_to(self._node, outlet) if outlet
                                        else PERMITS.publisher(self._node))
        return self._publishers[outlet]
