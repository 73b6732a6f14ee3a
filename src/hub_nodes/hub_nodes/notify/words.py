"""The text of a message."""
from collections.abc import Sequence
from datetime import datetime, tzinfo

from hearthgrid_core.notify import Entry, Severity

LINES, LENGTH = 40, 240  # of one message, of one line


def title(entries: Sequence[Entry]) -> str:
    """Return the title of a message."""
    if len(entries) > 1:
        urgent = sum(entry.urgent for entry in entries)
        return f'Hearthgrid: {len(entries)} messages' + (f', {urgent} critical' if urgent else '')
    entry = entries[0]
    word = 'over' if entry.over else entry.severity.name.lower()
    return f'Hearthgrid: {word}: {plain(entry.subject)}'


def body(entries: Sequence[Entry], zone: tzinfo) -> str:
    """Return the text of a message, a line an entry."""
    lines = [_line(entry, zone) for entry in entries[:LINES]]
    if len(entries) > LINES:
        lines.append(f'and {len(entries) - LINES} more')
    return '\n'.join(lines)


def severity(entries: Sequence[Entry]) -> Severity:
    """Return how much a message matters."""
    return max(Severity.INFO if entry.over else entry.severity for entry in entries)


def plain(text: str) -> str:
    """Return text in one line without control characters: it may come from a stranger."""
    return ''.join(c if c.isprintable() else ' ' for c in text)[:LENGTH].strip()


def _line(entry: Entry, zone: tzinfo) -> str:
    try:
        when = datetime.fromtimestamp(entry.time, zone).strftime('%Y-%m-%d %H:%M')
    except (ValueError, OverflowError, OSError):
        when = 'at an unknown time'
    level = 'OVER' if entry.over else entry.severity.name
    tail = f' [{plain(entry.id)}]' if entry.urgent else ''
    again = ' (nobody has acknowledged it)' if entry.repeated else ''
    return f'{when} {level} {plain(entry.subject)}: {plain(entry.text)}{again}{tail}'
