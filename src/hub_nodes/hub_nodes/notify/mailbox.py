"""What a channel still has to deliver: tried in a thread of its own, again and again, more and more slowly."""
import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import asdict

from hearthgrid_core.notify import Entry


class Attempt:
    """One call in a daemon thread: a service that hangs holds up neither the node nor its end."""

    def __init__(self, name: str, call: Callable[[], str]) -> None:
        self.trouble: str | None = None  # None = under way, '' = worked
        self._call = call
        threading.Thread(target=self._run, name=f'notify-{name}', daemon=True).start()

    def _run(self) -> None:
        trouble = 'sending failed'
        try:
            trouble = self._call()
        finally:
            self.trouble = trouble

    @property
    def done(self) -> bool:
        """Whether it has ended."""
        return self.trouble is not None


class Mailbox:
    """Entries that wait for delivery on one channel, each id once: a later word replaces an earlier one.

    All that waits goes in one message, so that a channel that was away is not flooded when it is back.
    """

    def __init__(self, name: str, retry_first: float, retry_max: float, bound: int) -> None:
        """retry_first, retry_max : wait after the first failure, doubled up to the second. [s]     bound : entries."""
        self.name, self._first, self._max, self._bound = name, retry_first, retry_max, bound
        self._pending: OrderedDict[str, Entry] = OrderedDict()
        self._attempt: Attempt | None = None
        self._leaving: tuple[Entry, ...] = ()
        self._started = self._failed = -math.inf
        self.failures, self.sent, self.given_up, self.trouble = 0, 0, 0, ''

    def __len__(self) -> int:
        return len(self._pending)

    def add(self, entries: Iterable[Entry]) -> None:
        """Have entries delivered. A repetition of what is not even delivered adds nothing."""
        for entry in entries:
            waits = self._pending.get(entry.id)
            if entry.repeated and waits is not None and not waits.over:
                continue
            self._pending.pop(entry.id, None)
            self._pending[entry.id] = entry
        while len(self._pending) > self._bound:
            least = min(self._pending.values(), key=lambda entry: (entry.urgent, entry.severity))
            del self._pending[least.id]
            self.given_up += 1

    def withdraw(self, id: str) -> None:
        """Do not deliver any more what somebody has seen."""
        if id in self._pending and not self._pending[id].over:
            del self._pending[id]

    def sending(self, now: float) -> float:
        """Return for how long the attempt under way lasts, 0 = none. [s]"""
        return 0.0 if self._attempt is None else max(0.0, now - self._started)

    def step(self, now: float, send: Callable[[tuple[Entry, ...]], Callable[[], str] | str]) -> bool:
        """Settle an attempt that ended, start one that is due, and return whether what waits is another.

        send : for entries the call that delivers them and returns what went wrong, or why there is none.
        """
        changed = self._settle(now)
        if self._attempt is None and self._pending and not 0.0 <= now - self._failed < self._delay():
            leaving = tuple(self._pending.values())
            call = send(leaving)
            if isinstance(call, str):
                self._fail(now, call)
            else:
                self._leaving, self._started, self._attempt = leaving, now, Attempt(self.name, call)
        return changed

    def _settle(self, now: float) -> bool:
        if self._attempt is None or not self._attempt.done:
            return False
        trouble, self._attempt = self._attempt.trouble, None
        if trouble:
            self._fail(now, trouble)
            return False
        self.failures, self.trouble, self._failed = 0, '', -math.inf
        self.sent += 1
        for entry in self._leaving:
            if self._pending.get(entry.id) is entry:
                del self._pending[entry.id]
        return True

    def _fail(self, now: float, trouble: str) -> None:
        self.failures, self._failed, self.trouble = self.failures + 1, now, trouble

    def _delay(self) -> float:
        return min(self._max, self._first * 2.0 ** min(self.failures - 1, 30)) if self.failures else 0.0

    def state(self) -> list[dict]:
        """Return what waits, as plain data."""
        return [asdict(entry) for entry in self._pending.values()]

    def restore(self, kept: list[dict]) -> None:
        """Take back `state()`. ArithmeticError, AttributeError, LookupError, TypeError or ValueError when damaged."""
        self.add([Entry.of(row) for row in kept])
