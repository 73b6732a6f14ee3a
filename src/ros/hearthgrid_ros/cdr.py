"""Whether bytes can be a message, looked at before the middleware unpacks them.

Fast CDR ends the process on some bytes that are no message (`00 01 22 22`). Whoever hands it bytes that did not come
from it (a bag, a raw subscription) asks here first. Plain CDR of DDS (XCDR1), OMG DDSI-RTPS 2.5, section 10.
"""
import re
import struct
from functools import lru_cache
from importlib import import_module

_SIZES = {'boolean': 1, 'octet': 1, 'byte': 1, 'char': 1, 'uint8': 1, 'int8': 1, 'uint16': 2, 'int16': 2, 'uint32': 4,
          'int32': 4, 'float': 4, 'uint64': 8, 'int64': 8, 'double': 8}
_SEQUENCE = re.compile(r'sequence<(.+?)(?:, (\d+))?>')
_ARRAY = re.compile(r'(.+)\[(\d+)\]')
_STRING = re.compile(r'string(?:<(\d+)>)?')
HEADER = 4
PADDING = 3  # most bytes behind the last field


class _Short(Exception):
    """It says that it is longer than it is, or than it may be."""


def sound(content: bytes, type_) -> bool:
    """Return whether all lengths in the bytes of a message fit the bytes there are, and the bounds of its type."""
    if len(content) < HEADER or content[0] != 0 or content[1] > 1 or content[2] != 0 or content[3] > PADDING:
        return False
    body = content[HEADER:]
    try:
        end = _pass(body, 0, type_, '<I' if content[1] else '>I')
    except _Short:
        return False
    return content[3] <= len(body) - end <= PADDING


def _pass(body: bytes, at: int, type_, word: str) -> int:
    """Return where a message that begins at `at` ends."""
    for kind in type_.get_fields_and_field_types().values():
        at = _skip(body, at, kind, word)
    return at


def _skip(body: bytes, at: int, kind: str, word: str) -> int:
    if kind in _SIZES:
        return _block(body, at, _SIZES[kind], 1)
    if text := _STRING.fullmatch(kind):
        count, at = _count(body, at, word)
        if text[1] and count > int(text[1]) + 1:
            raise _Short
        return _block(body, at, 1, count)
    if many := _SEQUENCE.fullmatch(kind):
        count, at = _count(body, at, word)
        if many[2] and count > int(many[2]):
            raise _Short
        return _many(body, at, many[1], count, word)
    if many := _ARRAY.fullmatch(kind):
        return _many(body, at, many[1], int(many[2]), word)
    return _pass(body, at, _type(kind), word)


def _many(body: bytes, at: int, kind: str, count: int, word: str) -> int:
    if kind in _SIZES:
        return _block(body, at, _SIZES[kind], count)
    if count > len(body) - at:
        raise _Short
    for _ in range(count):
        at = _skip(body, at, kind, word)
    return at


def _count(body: bytes, at: int, word: str) -> tuple[int, int]:
    end = _block(body, at, 4, 1)
    return struct.unpack_from(word, body, end - 4)[0], end


def _block(body: bytes, at: int, size: int, count: int) -> int:
    """Return the end of `count` numbers, each aligned to its size."""
    end = at + (-at % size if count else 0) + size * count
    if end > len(body):
        raise _Short
    return end


@lru_cache(maxsize=256)
def _type(kind: str):
    package, name = kind.split('/')
    return getattr(import_module(f'{package}.msg'), name)
