"""Message authentication of requests: HMAC-SHA256 cut to 16 bytes (RFC 2104, section 5)."""
import hashlib
import hmac
import struct

MAC_BYTES = 16
_LABEL = b'hearthgrid request 2'  # a code made for another kind of message never fits


def pack(stamp: int, expiry: int, voice: int, epoch: int, term: int, provisional: bool, counter: int,
         power_min: float, power_max: float, reason: str, sender: str) -> bytes:
    """Return the bytes a request's code is computed over, the same on every machine.

    stamp, expiry : [ns since the epoch], exact as on the wire.     power_min, power_max : [W], single precision.
    """
    texts = b''.join(struct.pack('<H', len(raw)) + raw for raw in (reason.encode(), sender.encode()))
    return _LABEL + struct.pack('<qqBII?Qff', stamp, expiry, voice, epoch, term, provisional, counter, power_min,
                                power_max) + texts


def sign(key: bytes, packed: bytes) -> bytes:
    """Return the authentication code of packed bytes."""
    return hmac.new(key, packed, hashlib.sha256).digest()[:MAC_BYTES]


def authentic(key: bytes, packed: bytes, mac: bytes) -> bool:
    """Return whether `mac` is the code of `packed`; takes as long for a near miss as for a far one."""
    return hmac.compare_digest(sign(key, packed), mac)
