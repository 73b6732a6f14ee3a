"""Keys for an outlet on a board, as they lie in a sector of its flash: `hearthgrid keys board` writes them.

They reach a board by its debugger, in somebody's hand, and never over the air; the firmware stays as it is.
`firmware/core/key_image.c` reads the same bytes.
"""
from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:   # what makes test vectors needs this file alone
    from hearthgrid_core.outlet.authentic import Key

MARK = b'HGKEYS 1'
KEYS = 4        # in a ring: one in force, the one before, and a second rotation meanwhile
WORD = 32       # what flash is programmed in [byte]
# Where each port looks for its keys.
SECTORS = {'stm32f767': 0x08110000, 'stm32h743': 0x081c0000, 'mps2_an500': 0x000fe000}


def image(outlet: str, requests: Iterable[Key], ballots: Iterable[Key]) -> bytes:
    """Return the bytes of an outlet's keys and the home's; of more than `KEYS` the newest. ValueError: no such name."""
    name = outlet.encode()
    if not 0 < len(name) <= 32:
        raise ValueError(f'{outlet!r} is no outlet\'s name')
    body = bytes([len(name)]) + name + _ring(requests) + _ring(ballots)
    content = MARK + struct.pack('<H', len(MARK) + 2 + len(body)) + body
    content += struct.pack('<I', zlib.crc32(content))
    return content + b'\xff' * (-len(content) % WORD)


def intel_hex(address: int, content: bytes) -> str:
    """Return `content` at `address` as Intel HEX, which every flash tool takes and which says where it goes."""
    rows = [_record(0, 4, struct.pack('>H', address >> 16))]
    for at in range(0, len(content), 16):
        place = address + at
        if at and place & 0xffff == 0:
            rows.append(_record(0, 4, struct.pack('>H', place >> 16)))
        rows.append(_record(place & 0xffff, 0, content[at:at + 16]))
    return '\n'.join([*rows, _record(0, 1, b''), ''])


def _ring(keys: Iterable[Key]) -> bytes:
    newest = sorted(keys, key=lambda key: key.epoch)[-KEYS:]
    return bytes([len(newest)]) + b''.join(
        struct.pack('<IddB', key.epoch, key.begins, key.ends, len(key.secret)) + key.secret for key in newest)


def _record(address: int, kind: int, data: bytes) -> str:
    row = struct.pack('>BHB', len(data), address, kind) + data
    return f':{(row + bytes([-sum(row) & 0xff])).hex().upper()}'
