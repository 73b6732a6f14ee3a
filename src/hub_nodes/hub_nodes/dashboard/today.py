"""The card of what today cost so far, and what it would have cost to do nothing."""
import math

from nicegui import background_tasks

from hub_nodes.dashboard import values, when, words
from hub_nodes.dashboard.backend import Answer, Backend
from hub_nodes.dashboard.tariffs import STEP, Account, account
from hub_nodes.dashboard.widgets import Fact, Tag, card

PERIOD = 300.0     # between questions to the store [s]
RETRY = 20.0       # … when it did not answer [s]


class Today:
    """The card of the overview."""

    def __init__(self, backend: Backend) -> None:
        self._backend, self._asked, self._busy = backend, -math.inf, False
        with card('Today', 'today', 'Since midnight. Doing nothing: the same use, all of it bought as it came. What '
                  'went into the battery counts at the mean price.'):
            with Tag('dl', css='facts'):
                self._cost, self._idle = Fact('Cost'), Fact('Doing nothing')
                self._stored, self._saved = Fact('Into the battery'), Fact('Saved')
            self._note = Tag('p', '', 'hint', role='status')

    def refresh(self) -> None:
        now = self._backend.now()
        if not self._busy and abs(now - self._asked) >= PERIOD:
            self._asked, self._busy = now, True
            background_tasks.create(self._fetch(now), name='today')

    async def _fetch(self, now: float) -> None:
        try:
            found = [await self._backend.history_between(source, 'active_power', when.day_start(now), now, STEP)
                     for source in self._backend.model.sources]
        finally:
            self._busy = False
        if self._note.is_deleted:
            return  # the page was left meanwhile
        with self._note:
            grid, solar, *stores = found
            if isinstance(grid, Answer):
                self._note.say(grid.text)
                self._asked = self._backend.now() - PERIOD + RETRY
                return
            made = account(grid, None if isinstance(solar, Answer) else solar,
                           [one for one in stores if not isinstance(one, Answer)], self._backend.model.tariffs)
            self._show(made)
            if made is None:
                self._asked = self._backend.now() - PERIOD + RETRY

    def _show(self, made: Account | None) -> None:
        if made is None:
            self._note.say('Nothing measured at the grid yet, or no price is known.')
            return
        prices = self._backend.model.latest(values.Prices)
        currency = prices.currency if prices else ''
        earned = ' earned' if made.cost < 0 else ''
        self._cost.say(words.money(abs(made.cost), currency) + earned)
        self._idle.say(words.money(made.idle, currency))
        self._stored.say(words.quantity(made.stored, 'kWh', 2))
        self._saved.say(words.money(made.saved, currency))
        self._note.say('' if made.priced > 0.995 else
                       f'Of the {words.percent(made.priced)} of the time whose price is known here.')
