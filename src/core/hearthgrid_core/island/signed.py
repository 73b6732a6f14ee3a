"""Words of members under the home's key: nobody else can speak for one of them, and nothing is heard twice.

A code is `outlet.authentic`'s, over all fields in one canonical order. What is still a network's to do with true words
(lose, double, delay for a moment) the election bears by its own proof.
"""

import struct
from collections import deque

from hearthgrid_core.outlet.authentic import Keyring

from .ballot import Message
from .secondary import Share

_BALLOT, _SHARE = b'hearthgrid ballot 1', b'hearthgrid share 1'  # a code made for one never fits the other


def _texts(*texts: str) -> bytes:
    return b''.join(struct.pack('<H', len(raw)) + raw for raw in (text.encode() for text in texts))


def pack_ballot(stamp: int, word: Message) -> bytes:
    """Return the bytes a ballot's code is computed over. stamp : as on the wire [ns since the epoch]."""
    c = word.committee
    return _BALLOT + struct.pack(
        '<qBQIIQ?IIB?B', stamp, word.kind, word.incarnation, c.epoch, word.term, word.round, word.granted, c.term,
        c.version, word.mode, word.remembers, len(c.members)) + _texts(
            word.sender, word.receiver, word.leader, *c.members)


def pack_share(stamp: int, word: Share) -> bytes:
    """Return the bytes a share's code is computed over. stamp : as on the wire [ns since the epoch]."""
    return _SHARE + struct.pack('<qQffff?', stamp, word.number, word.frequency, word.active, word.reactive,
                                word.voltage, word.limited) + _texts(word.sender)


class Seal:
    """Signs and judges words by the home's key; without one it signs nothing and believes everybody.

    ring : may be replaced at any time.
    """

    def __init__(self, key: bytes, age_max: float) -> None:
        """age_max : a word stamped farther from now, either way, is refused [s]."""
        self.ring, self._age_max = Keyring.of(key), age_max
        self._heard: set[bytes] = set()  # codes of words that would still pass for fresh
        self._order: deque[tuple[float, bytes]] = deque()  # the same, with when to forget them [s]

    def sign(self, packed: bytes, now: float = 0.0) -> bytes:
        """Return the code of packed bytes at `now` [s], empty without a key."""
        return self.ring.sign(now, packed)

    def refuse(self, now: float, stamp: float, packed: bytes, mac: bytes) -> str:
        """Return why a word of `stamp` [s] is not heard at `now` [s], '' = it is."""
        if not self.ring.required:
            return ''
        if not mac:
            return 'it carries no authentication code'
        if not self.ring.authentic(now, packed, mac):
            return 'its authentication code is wrong'
        if not abs(now - stamp) <= self._age_max:
            return f'its stamp is {now - stamp:.1f} s away'
        while self._order and not now <= self._order[0][0]:
            self._heard.discard(self._order.popleft()[1])
        if mac in self._heard:
            return 'it was heard before'
        self._heard.add(mac)
        self._order.append((max(now, stamp) + self._age_max, mac))
        return ''
