"""Message authentication of commands: HMAC-SHA256 cut to 16 bytes (RFC 2104, section 5), and the keys it goes by."""
import hashlib
import hmac
import math
import struct
from dataclasses import dataclass, field

MAC_BYTES = 16
_LABEL = b'hearthgrid request 2'  # a code made for another kind of message never fits
_INVERTER, _REGULATOR = b'hearthgrid setpoint 1', b'hearthgrid regulator 1'
_RELAY = b'hearthgrid relay 1'


def pack(stamp: int, expiry: int, voice: int, epoch: int, term: int, provisional: bool, counter: int,
         power_min: float, power_max: float, reason: str, sender: str) -> bytes:
    """Return the bytes a request's code is computed over, the same on every machine.

    stamp, expiry : [ns since the epoch], exact as on the wire.     power_min, power_max : [W], single precision.
    """
    return _LABEL + struct.pack('<qqBII?Qff', stamp, expiry, voice, epoch, term, provisional, counter, power_min,
                                power_max) + _texts(reason, sender)


def pack_inverter(stamp: int, expiry: int, inverter: str, mode: int, epoch: int, term: int, counter: int,
                  active_power: float, reactive_power: float, frequency: float, voltage: float, sender: str) -> bytes:
    """Return the bytes the code of an inverter's setpoint is computed over; fields as on the wire."""
    return _INVERTER + struct.pack('<qqBIIQffff', stamp, expiry, mode, epoch, term, counter, active_power,
                                   reactive_power, frequency, voltage) + _texts(inverter, sender)


def pack_regulator(stamp: int, expiry: int, regulator: str, tap: int, epoch: int, counter: int, reason: str,
                   sender: str) -> bytes:
    """Return the bytes the code of a regulator's setpoint is computed over; fields as on the wire."""
    return _REGULATOR + struct.pack('<qqbIQ', stamp, expiry, tap, epoch, counter) + _texts(regulator, reason, sender)


def pack_relay(stamp: int, outlet: str, closed: bool, power_max: float, counter: int) -> bytes:
    """Return the bytes the code of a relay's command is computed over; fields as on the wire."""
    return _RELAY + struct.pack('<q?fQ', stamp, closed, power_max, counter) + _texts(outlet)


def _texts(*texts: str) -> bytes:
    return b''.join(struct.pack('<H', len(raw)) + raw for raw in (text.encode() for text in texts))


def sign(key: bytes, packed: bytes) -> bytes:
    """Return the authentication code of packed bytes."""
    return hmac.new(key, packed, hashlib.sha256).digest()[:MAC_BYTES]


def authentic(key: bytes, packed: bytes, mac: bytes) -> bool:
    """Return whether `mac` is the code of `packed`; takes as long for a near miss as for a far one."""
    return hmac.compare_digest(sign(key, packed), mac)


@dataclass(frozen=True)
class Key:
    """A key. epoch : rises by one at each rotation.   begins : it signs from then on [s].   ends : it fits no more [s].

    It fits before it begins, so that a message of somebody who read the file a moment sooner is heard.
    """

    epoch: int
    secret: bytes = field(repr=False)
    begins: float = -math.inf
    ends: float = math.inf


@dataclass(frozen=True)
class Keyring:
    """The keys of one outlet at a time, newest last. required : messages without a fitting code are not believed."""

    keys: tuple[Key, ...] = ()
    required: bool = True

    @staticmethod
    def of(secret: bytes) -> 'Keyring':
        """Return the ring of one key for ever; of b'' that of a home without keys."""
        return Keyring((Key(1, secret),)) if secret else OPEN

    @property
    def epoch(self) -> int:
        """Number of the newest key, 0 = there is none."""
        return max((key.epoch for key in self.keys), default=0)

    def sign(self, now: float, packed: bytes) -> bytes:
        """Return the code of packed bytes by the newest key in force, empty where there is none."""
        fit = [key for key in self.keys if key.begins <= now < key.ends]
        return sign(max(fit, key=lambda key: key.epoch).secret, packed) if fit else b''

    def authentic(self, now: float, packed: bytes, mac: bytes) -> bool:
        """Return whether `mac` is the code of `packed` by a key that has not ended."""
        return any([authentic(key.secret, packed, mac) for key in self.keys if now < key.ends])


OPEN = Keyring(required=False)
