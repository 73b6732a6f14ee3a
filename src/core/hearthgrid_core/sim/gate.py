"""Which commands to an inverter are obeyed: fresh, in order, and from somebody who is still in charge."""
import math
from dataclasses import dataclass

STALE = 10.0        # a command older than this was held up: its sender has said something newer [s]
FUTURE = 1.0        # clocks may differ by this [s]


@dataclass(frozen=True)
class Ticket:
    """What a command says of itself. Times are seconds since the epoch. term : of an island's leader, 0 = of none.

    steers : the inverter whose droop references it sets, '' = none's.
    """

    sender: str
    stamp: float
    expiry: float
    epoch: int
    counter: int
    term: int = 0
    steers: str = ''


class Gate:
    """Remembers the last command of each sender, and the newest leader of the island.

    While an inverter's own member (the sender of its name) sets its droop references, nobody else's are obeyed.
    """

    def __init__(self):
        self._last: dict[str, Ticket] = {}
        self._highest = (0, 0)  # (epoch, term) of the island's newest leader
        self._steered: dict[str, float] = {}  # inverter → until when its own member sets the references [s]

    def refuse(self, now: float, ticket: Ticket) -> str:
        """Return why a command is not obeyed at `now` [s]; '' when it is, and then it is the sender's last.

        Epoch, then counter, must rise; a sender that was started anew begins again once its last word has expired.
        """
        if not (math.isfinite(ticket.stamp) and math.isfinite(ticket.expiry)):
            return 'its times are not finite'
        if ticket.expiry <= now:
            return f'it expired {now - ticket.expiry:.1f} s ago'
        if ticket.stamp > now + FUTURE:
            return f'it is from {ticket.stamp - now:.1f} s in the future'
        if ticket.stamp < now - STALE:
            return f'it is {now - ticket.stamp:.1f} s old'
        order = ticket.epoch, ticket.term
        if ticket.term and order < self._highest:
            return f'a later leader than that of term {ticket.term} has spoken'
        last = self._last.get(ticket.sender)
        if last and last.expiry > now and (ticket.epoch, ticket.counter) <= (last.epoch, last.counter):
            return f'{ticket.sender or "its sender"} has already said something newer'
        if ticket.steers and ticket.sender != ticket.steers and now < self._steered.get(ticket.steers, -math.inf):
            return f'the member of {ticket.steers} sets its references'
        if ticket.steers and ticket.sender == ticket.steers:
            self._steered[ticket.steers] = ticket.expiry
        self._last[ticket.sender] = ticket
        self._highest = max(self._highest, order) if ticket.term else self._highest
        return ''
