"""Who had the home do what: kept line by line in a bounded file, shown to admins, told on the topic `audit`."""
import json
import os
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from hub_nodes.dashboard.attempts import Buckets
from hub_nodes.dashboard.who import Who

SIZE_MAX = 2_000_000  # of one file; a full one is kept as audit.1.jsonl until the next is full [byte]
SHOWN = 500
HEARD = 0.2  # of others, in the long run [1/s]: their word carries no code, and must not wash the rest out
REFUSALS, BURST = 0.02, 50.0  # written of one user: in the long run [1/s] and at once; else a flood washes the rest out


@dataclass(frozen=True)
class Entry:
    """One thing somebody did, or tried."""

    at: float           # [s]
    user: str           # name of the user or token; empty = nobody was logged in
    source: str         # page, api, mqtt
    action: str
    target: str = ''    # outlet or other thing; empty = the home
    allowed: bool = True
    detail: str = ''


class AuditLog:
    """Appends; never changes what was written. Every method may be called from any thread.

    tell : called with each entry.     complain : called with words when the file fails, once until it works again.
    """

    def __init__(self, folder: str, tell: Callable[[Entry], None] = lambda entry: None,
                 complain: Callable[[str], None] = lambda text: None, size_max: int = SIZE_MAX) -> None:
        self._path = Path(folder) / 'audit.jsonl' if folder else None
        self._tell, self._complain, self._size_max = tell, complain, size_max
        self._lock, self._failed = threading.Lock(), False
        self._refusals, self._unwritten = Buckets(REFUSALS, BURST), Counter()
        self._heard = Buckets(HEARD, BURST)
        self._latest: deque[Entry] = deque(self._read(), maxlen=SHOWN)
        self._torn = self._path is not None and self._path.exists() and not self._path.read_bytes().endswith(b'\n')

    def note(self, now: float, who: Who | None, action: str, target: str = '', allowed: bool = True,
             detail: str = '', source: str = 'page') -> None:
        """Write down what `who` did; None: somebody not let in. Of many refusals only some are written."""
        if not allowed:
            key = f'{who.source} {who.name}' if who else source
            if self._refusals.take(now, key) > 0:
                self._unwritten[key] += 1
                return
            more = self._unwritten.pop(key, 0)
            detail = f'({more} more since the last one written) {detail}' if more else detail
        entry = Entry(now, who.name if who else '', who.source if who else source, _line(action, 48),
                      _line(target, 64), allowed, _line(detail, 160))
        self._keep(entry)
        self._tell(entry)

    def hear(self, now: float, user: str, source: str, action: str, target: str, allowed: bool, detail: str) -> None:
        """Write down what another node says that somebody did; nothing of a flood."""
        if self._heard.take(now, 'others') > 0:
            return
        self._keep(Entry(now, _line(user, 48), _line(source, 16), _line(action, 48), _line(target, 64), allowed,
                         _line(detail, 160)))

    def latest(self, count: int = 100) -> list[Entry]:
        """Return the last entries, the newest first."""
        with self._lock:
            return list(reversed(self._latest))[:count]

    def _keep(self, entry: Entry) -> None:
        with self._lock:
            self._latest.append(entry)
            self._append(entry)

    def _append(self, entry: Entry) -> None:
        if self._path is None:
            return
        line = b'\n' * self._torn + json.dumps(asdict(entry)).encode() + b'\n'
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with open(os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), 'ab') as file:
                full = file.tell() + len(line) > self._size_max
                if not full:
                    file.write(line)
            if full:
                os.replace(self._path, self._path.with_name('audit.1.jsonl'))
                with open(os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), 'ab') as file:
                    file.write(line)
            self._failed = self._torn = False
        except OSError as error:
            if not self._failed:
                self._complain(f'the audit log {self._path} cannot be written: {error.strerror}')
            self._failed = True

    def _read(self) -> Iterable[Entry]:
        if self._path is None:
            return
        for path in (self._path.with_name('audit.1.jsonl'), self._path):
            try:
                lines = path.read_bytes().splitlines()[-SHOWN:]
            except OSError:
                continue
            for line in lines:
                try:
                    yield Entry(**json.loads(line))
                except (RecursionError, TypeError, ValueError):
                    continue  # the line that was being written when the power went


def _line(text: str, size: int) -> str:
    """Return `text` without line breaks and control characters, in at most `size` bytes, as the message bounds it."""
    plain = ''.join(c if c.isprintable() else ' ' if c.isspace() else '?' for c in text)
    return plain.encode(errors='replace')[:size].decode(errors='ignore')
