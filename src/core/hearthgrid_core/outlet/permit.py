"""Permits: a call of a service or action is obeyed when a signed word says that it is meant.

A call carries no code of its own, so whoever calls first says, as a request of the voice CALL and by the key of whom it
calls, which call that is: the digest of its name and of all it asks. The word asks for no band, permits one call, and
is judged as requests are: code, times, rising counter.
"""
import hashlib
import struct

from hearthgrid_core.outlet.authentic import OPEN, Keyring
from hearthgrid_core.outlet.requests import Refusal, Request

CALL = 6            # the voice, as `Request.VOICE_CALL` on the wire
FUTURE, AGE = 2.0, 10.0  # a word stamped further ahead, or older, is refused [s]
HELD = 64           # permits not used yet, and senders, remembered at once
NO_PERMIT = 'no signed word permits this call'
_LABEL = b'hearthgrid call 1'
_WORD = 'call '
LENGTH = len(_WORD) + 2 * hashlib.sha256().digest_size


def words(name: str, body: bytes) -> str:
    """Return the `reason` that permits a call. name : of the service, in full.     body : all it asks, packed"""
    raw = name.encode()
    return _WORD + hashlib.sha256(_LABEL + struct.pack('<H', len(raw)) + raw + body).hexdigest()


class PermitBook:
    """Judges permits as they come and holds those not used yet. Time [s] is an argument."""

    def __init__(self, started: float, ring: Keyring = OPEN) -> None:
        """started : words from before are refused, because one may have been used already [s]. `ring` may be replaced
        at any time."""
        self._started, self.ring = started, ring
        self._held: dict[str, float] = {}  # words → until when [s]
        self._last: dict[str, tuple[tuple[int, int], float]] = {}  # sender → its newest, and until when it matters

    def hear(self, now: float, request: Request) -> Refusal | None:
        """Take a permit, or return why not; nothing changes then."""
        self._held = {word: until for word, until in self._held.items() if now <= until}
        self._last = {sender: last for sender, last in self._last.items() if now <= last[1]}
        refusal = self._judge(now, request)
        if refusal is None:
            self._held[request.reason] = request.expiry
            self._last[request.sender] = (request.epoch, request.counter), request.stamp + AGE
        return refusal

    def use(self, now: float, word: str) -> bool:
        """Return whether a call is permitted; its permit is used up then."""
        if not self.ring.required:
            return True
        return now <= self._held.pop(word, float('-inf'))

    def _judge(self, now: float, request: Request) -> Refusal | None:
        if self.ring.required and not request.mac:
            return Refusal.UNSIGNED
        if self.ring.required and not self.ring.authentic(now, request.packed, request.mac):
            return Refusal.FORGED
        if request.voice != CALL or not request.reason.startswith(_WORD) or len(request.reason) != LENGTH:
            return Refusal.VOICE_UNKNOWN
        if request.stamp > now + FUTURE:
            return Refusal.FUTURE
        if not now <= request.expiry:
            return Refusal.EXPIRED
        if not max(now - AGE, self._started) <= request.stamp:
            return Refusal.STALE
        if request.expiry - request.stamp > AGE:
            return Refusal.TOO_LONG
        last = self._last.get(request.sender)
        if last is not None and (request.epoch, request.counter) <= last[0]:
            return Refusal.REPLAYED
        if (request.reason not in self._held and len(self._held) >= HELD) or (last is None and len(self._last) >= HELD):
            return Refusal.CROWDED
        return None
