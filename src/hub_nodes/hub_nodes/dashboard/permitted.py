"""The home as one person or program may use it: every wish is checked against their scope and written down."""
import asyncio
import math
from collections.abc import Awaitable, Callable

from hub_nodes.dashboard import values, words
from hub_nodes.dashboard.access import Access
from hub_nodes.dashboard.backend import Answer, Backend
from hub_nodes.dashboard.home_edit import Saved, saved
from hub_nodes.dashboard.rows import Refused
from hub_nodes.dashboard.who import Who

OVER = Answer(False, 'You are logged out. Log in again.', 'forbidden')


class Permitted:
    """A `Backend` for `who`. What they may not is answered, not raised; a login that ended meanwhile may nothing."""

    def __init__(self, home: Backend, who: Who, access: Access) -> None:
        self.home, self.who, self.access = home, who, access
        self.model, self.page_rate, self.facts = home.model, home.page_rate, home.facts
        self.now, self.simulated = home.now, home.simulated
        self.editor, self.restartable = home.editor, home.restartable

    def welcome(self) -> bool:
        """Return whether who opened this page would still be let in."""
        return self.access.still(self.who)

    def may(self, scope: str) -> bool:
        return self.who.may(scope)

    def note(self, action: str, target: str = '', allowed: bool = True, detail: str = '') -> None:
        """Write down something done that is not a wish of the home: users, tokens."""
        self.access.audit.note(self.access.clock(), self.who, action, target, allowed, detail)

    async def _do(self, action: str, target: str, wish: Callable[[], Awaitable[Answer]],
                  scope: str = 'control') -> Answer:
        if not self.welcome():
            answer = OVER
        elif not self.who.may(scope):
            answer = Answer(False, f'{self.who.name} may only {self.who.scope}; this needs {scope}.', 'forbidden')
        else:
            answer = await wish()
        self.note(action, target, answer.ok, answer.text)
        return answer

    async def _look(self, question: Callable[[], Awaitable]):
        return await question() if self.welcome() else OVER

    async def ask(self, outlet: str, wish: str, power_max: float = math.inf, lifetime: float = 0.0) -> Answer:
        return await self._do('switch', outlet, lambda: self.home.ask(outlet, wish, power_max, lifetime))

    async def correct(self, outlet: str, type: str, model: str, undo: bool = False) -> Answer:
        return await self._do('label', outlet, lambda: self.home.correct(outlet, type, model, undo))

    async def reset_trip(self, outlet: str) -> Answer:
        return await self._do('reset', outlet, lambda: self.home.reset_trip(outlet))

    async def set_priority(self, outlet: str, priority: str, rank: int | None = None) -> Answer:
        return await self._do('priority', outlet, lambda: self.home.set_priority(outlet, priority, rank))

    async def set_schedule(self, outlet: str, entries: tuple[values.ScheduleEntry, ...]) -> Answer:
        return await self._do('schedule', outlet, lambda: self.home.set_schedule(outlet, entries))

    async def run_job(self, outlet: str, job: values.JobWish) -> Answer:
        return await self._do('job', outlet, lambda: self.home.run_job(outlet, job))

    async def cancel_job(self, outlet: str, id: str) -> Answer:
        return await self._do('job cancel', outlet, lambda: self.home.cancel_job(outlet, id))

    async def move_job(self, outlet: str, id: str, deadline: float) -> Answer:
        return await self._do('job deadline', outlet, lambda: self.home.move_job(outlet, id, deadline))

    async def acknowledge(self, id: str, sender: str = '') -> Answer:
        by = sender or self.who.name or 'dashboard'
        return await self._do('acknowledge', id, lambda: self.home.acknowledge(id, by))

    async def test_notification(self, channel: str = '') -> Answer:
        return await self._do('test message', channel, lambda: self.home.test_notification(channel), 'admin')

    async def outage(self, duration: float) -> Answer:
        return await self._do('outage', words.span(duration), lambda: self.home.outage(duration))

    async def report(self, month: str, kind: str) -> bytes | Answer:
        return await self._look(lambda: self.home.report(month, kind))

    async def what_if(self, change: values.Change) -> values.Comparison | Answer:
        return await self._look(lambda: self.home.what_if(change))

    async def home_form(self) -> tuple[dict[str, str], str] | Answer:
        """Return the fields of the home file and its text."""
        if not self.welcome():
            return OVER
        if not self.who.may('admin'):
            return Answer(False, 'Only an admin sees the home file.', 'forbidden')
        if self.editor is None:
            return Answer(False, 'This dashboard knows no home file (parameter home_source).', 'unknown')
        try:
            text = await asyncio.to_thread(self.editor.text)
            return await asyncio.to_thread(self.editor.form, text), text
        except Refused as refusal:
            return Answer(False, str(refusal), 'refused')

    async def save_home(self, said: dict[str, str], before: str) -> Saved | Answer:
        """Change the home file, as `HomeEditor.save`."""
        made = OVER
        if self.welcome():
            made = Answer(False, 'Only an admin changes the home.', 'forbidden')
            if self.who.may('admin'):
                made = await saved(self.editor, said, before)
        if isinstance(made, Answer) or made.errors:
            words = made.text if isinstance(made, Answer) else '; '.join(f'{k} {v}'.strip() for k, v in
                                                                        made.errors.items())
            self.note('home edit', '', False, words)
        elif made.changed:
            self.note('home edit', '', True, ', '.join(made.changed))
        return made

    async def start_again(self) -> Answer:
        return await self._do('start again', '', self.home.start_again, 'admin')

    async def capture(self, outlet: str) -> Answer:
        return await self._look(lambda: self.home.capture(outlet))

    async def schedule(self, outlet: str) -> values.Schedule | Answer:
        return await self._look(lambda: self.home.schedule(outlet))

    async def costs(self, start: float, end: float = 0.0) -> values.Costs | Answer:
        return await self._look(lambda: self.home.costs(start, end))

    async def history(self, outlet: str, quantity: str, span: float) -> values.History | Answer:
        return await self._look(lambda: self.home.history(outlet, quantity, span))

    async def history_between(self, outlet: str, quantity: str, start: float, end: float,
                              step: float) -> values.History | Answer:
        return await self._look(lambda: self.home.history_between(outlet, quantity, start, end, step))
