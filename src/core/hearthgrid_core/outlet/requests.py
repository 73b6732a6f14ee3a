"""Requests of voices outside the outlet: which are refused and why, and which are in force."""
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from enum import Enum

from hearthgrid_core.island.ballot import Fence
from hearthgrid_core.island.fence import Command, Gate
from hearthgrid_core.outlet.authentic import Keyring
from hearthgrid_core.outlet.band import Band, Voice, Word
from hearthgrid_core.settings import check_bounds, setting

OUTSIDE = (Voice.ISLAND, Voice.GRID_SERVICE, Voice.PERSON, Voice.PLAN)  # most urgent first
# Several senders of these hold at once, the lowest cap first (of the island: provisional leaders); of the others the
# newest word counts.
COMPOSED = (Voice.ISLAND, Voice.GRID_SERVICE)
SENDERS = 16  # remembered at once


@dataclass(frozen=True)
class RequestSettings:
    """Which requests an outlet believes."""

    request_future_max: float = setting(2.0, 's', 0.0, 60.0, 'A request stamped further ahead is refused.')
    request_age_max: float = setting(10.0, 's', 0.1, 600.0, 'A request that was on its way for longer is refused.')
    plan_validity_max: float = setting(86400.0, 's', 1.0, 604800.0, 'Longest validity of a request of the plan.')
    person_validity_max: float = setting(2678400.0, 's', 1.0, 31622400.0, 'Longest validity of a request of a person.')
    grid_validity_max: float = setting(86400.0, 's', 1.0, 604800.0, 'Longest validity of a request of grid services.')
    island_validity_max: float = setting(3600.0, 's', 1.0, 86400.0, 'Longest validity of a request of the island.')

    def __post_init__(self) -> None:
        check_bounds(self)

    def validity_max(self, voice: Voice) -> float:
        """Return the longest validity of a voice's request. [s]"""
        return {Voice.PLAN: self.plan_validity_max, Voice.PERSON: self.person_validity_max,
                Voice.GRID_SERVICE: self.grid_validity_max, Voice.ISLAND: self.island_validity_max}[voice]


@dataclass(frozen=True)
class Request:
    """A voice asks for a band, as it came over the wire and with nothing checked yet.

    stamp, expiry : [s].     power_min, power_max : [W]; power_max NaN withdraws what was asked before.
    packed, mac : the bytes of `authentic.pack` and the code over them, empty = unsigned.
    term, provisional : of an island's leader.
    """

    voice: int
    sender: str
    epoch: int
    counter: int
    stamp: float
    expiry: float
    power_min: float
    power_max: float
    reason: str = ''
    packed: bytes = b''
    mac: bytes = b''
    term: int = 0
    provisional: bool = False

    @property
    def withdraws(self) -> bool:
        """Whether nothing is asked any more."""
        return math.isnan(self.power_max) and (math.isnan(self.power_min) or self.power_min == 0.0)


class Refusal(Enum):
    """Why a request is not obeyed."""

    UNSIGNED = 'it carries no authentication code'
    FORGED = 'its authentication code is wrong'
    VOICE_PROTECTION = 'protection is the outlet\'s own voice'
    VOICE_UNKNOWN = 'its voice is unknown'
    NOT_A_NUMBER = 'its power is not a number'
    NO_BAND = 'its power_min is negative, infinite or above its power_max'
    FUTURE = 'it is stamped in the future'
    EXPIRED = 'it has expired'
    STALE = 'it was sent too long ago'
    TOO_LONG = 'it would hold for too long'
    FENCED = 'a later leader of the island has spoken'
    REPLAYED = 'its epoch and counter are not newer than the last'
    RAISES = 'a provisional leader may only reduce'
    CROWDED = 'too many senders speak'


@dataclass(frozen=True)
class _Last:
    """The newest word accepted of one sender."""

    epoch: int
    counter: int
    forget: float  # from here on a copy of it would be stale anyway [s]


class RequestBook:
    """Judges requests as they come and holds those in force. Time [s] is an argument."""

    def __init__(self, settings: RequestSettings, key: bytes = b'') -> None:
        """`key` authenticates requests; empty = unsigned ones are believed. `ring` may be replaced at any time."""
        self._settings, self.ring = settings, Keyring.of(key)
        self.gate = Gate(math.inf, settings.island_validity_max)  # before all words of the island
        self._held: dict[tuple[Voice, str], Request] = {}
        self._last: dict[tuple[Voice, str], _Last] = {}

    def receive(self, now: float, request: Request) -> Refusal | None:
        """Take a request into force, or return why not; nothing changes then."""
        self._forget(now)
        for refusal, refused in RULES:
            if refused(self, now, request):
                return refusal
        if request.voice == Voice.ISLAND:
            self._obey(now, request)
        if request.withdraws:
            self._held.pop(self._slot(request), None)
        else:
            self._held[self._slot(request)] = request
        # Kept while it binds and as long as a copy of it could pass for fresh; a sender that lost its counter and
        # starts anew is believed again after that.
        fresh = request.stamp + self._settings.request_age_max
        self._last[Voice(request.voice), request.sender] = _Last(
            request.epoch, request.counter, fresh if request.withdraws else max(fresh, request.expiry))
        return None

    def _obey(self, now: float, request: Request) -> None:
        """Let the gate take in what is not refused; a leader with a majority replaces all the island has said."""
        self.gate.obey(now, _command(request))
        if not request.provisional:
            self._held = {slot: held for slot, held in self._held.items() if slot[0] is not Voice.ISLAND}

    def governed(self, now: float) -> bool:
        """Return whether a leader of the island is heard."""
        return any(voice is Voice.ISLAND and now <= r.expiry for (voice, _), r in self._held.items())

    def words(self, now: float, deaf: tuple[Voice, ...] = ()) -> list[Word]:
        """Return what is asked at this moment, the most urgent first, without the voices in `deaf`."""
        held = [r for r in self._held.values() if now <= r.expiry and r.voice not in deaf]
        held.sort(key=lambda r: (-r.voice, r.power_max, r.power_min))
        return [Word(Voice(r.voice), Band(r.power_min, r.power_max), r.reason or f'asked by {r.sender}') for r in held]

    def _forget(self, now: float) -> None:
        self._held = {slot: request for slot, request in self._held.items() if now <= request.expiry}
        self._last = {who: last for who, last in self._last.items() if now <= last.forget}

    def to_list(self, voice: Voice) -> list[dict]:
        """Return the requests of a voice in force, for keeping over a restart; a cap of infinity is None."""
        rows = []
        for request in self._held.values():
            if request.voice == voice:
                row = asdict(request) | {'power_max': None if request.power_max == math.inf else request.power_max}
                rows.append({name: value for name, value in row.items() if name not in ('packed', 'mac')})
        return rows

    def restore(self, now: float, rows: list[dict]) -> None:
        """Take back what `to_list` gave, without what has expired. ValueError when damaged; nothing is taken then."""
        try:
            found = [Request(**row | {name: math.inf if row[name] is None else float(row[name])
                                      for name in ('power_min', 'power_max', 'stamp', 'expiry')}) for row in rows]
            for request in found:
                Voice(request.voice), Band(request.power_min, request.power_max)
            found = [request for request in found if now <= request.expiry]
        except (KeyError, OverflowError, TypeError, ValueError) as error:
            raise ValueError(f'kept requests are damaged: {error!r}') from None
        for request in found:
            self._held[self._slot(request)] = request
            self._last[Voice(request.voice), request.sender] = _Last(request.epoch, request.counter, request.expiry)

    @staticmethod
    def _slot(request: Request) -> tuple[Voice, str]:
        voice = Voice(request.voice)
        return voice, request.sender if voice in COMPOSED else ''

    def _fenced(self, now: float, request: Request) -> bool:
        # The island's epoch is its zone's, so it orders all its leaders; other voices' epochs are their senders' own.
        return (request.voice == Voice.ISLAND and not request.provisional
                and (request.epoch, request.term) < self.gate.highest)

    def _raises(self, now: float, request: Request) -> bool:
        return (request.voice == Voice.ISLAND and request.provisional
                and (request.withdraws or request.power_min > 0.0 or request.power_max > self.gate.cap(now)))

    def _replayed(self, now: float, request: Request) -> bool:
        last = self._last.get((Voice(request.voice), request.sender))
        return last is not None and (request.epoch, request.counter) <= (last.epoch, last.counter)

    def _crowded(self, now: float, request: Request) -> bool:
        return (request.voice, request.sender) not in self._last and len(self._last) >= SENDERS


def _command(request: Request) -> Command:
    """Return what the gate sees of an island's request; a withdrawn one is no cap."""
    fence = Fence(request.epoch, request.term, not request.provisional)
    return Command(request.sender, fence, request.expiry, math.inf if request.withdraws else request.power_max)


def _not_a_number(_, now, r) -> bool:
    return not r.withdraws and (math.isnan(r.power_min) or math.isnan(r.power_max))


def _no_band(_, now, r) -> bool:
    return not r.withdraws and not (0.0 <= r.power_min <= r.power_max and r.power_min < math.inf)


# Looked at in this order; the first that holds is the answer.
RULES: tuple[tuple[Refusal, Callable[[RequestBook, float, Request], bool]], ...] = (
    (Refusal.UNSIGNED, lambda book, now, r: book.ring.required and not r.mac),
    (Refusal.FORGED, lambda book, now, r: book.ring.required and not book.ring.authentic(now, r.packed, r.mac)),
    (Refusal.VOICE_PROTECTION, lambda book, now, r: r.voice == Voice.PROTECTION),
    (Refusal.VOICE_UNKNOWN, lambda book, now, r: r.voice not in OUTSIDE),
    (Refusal.NOT_A_NUMBER, _not_a_number),
    (Refusal.NO_BAND, _no_band),
    (Refusal.FUTURE, lambda book, now, r: r.stamp > now + book._settings.request_future_max),
    (Refusal.EXPIRED, lambda book, now, r: not now <= r.expiry),
    (Refusal.STALE, lambda book, now, r: not now - r.stamp <= book._settings.request_age_max),
    (Refusal.TOO_LONG, lambda book, now, r: r.expiry - r.stamp > book._settings.validity_max(r.voice)),
    (Refusal.FENCED, RequestBook._fenced),
    (Refusal.REPLAYED, RequestBook._replayed),
    (Refusal.RAISES, RequestBook._raises),
    (Refusal.CROWDED, RequestBook._crowded),
)
