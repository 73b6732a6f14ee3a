"""The devices page: what hangs on every outlet, how it looks, how sure that is, and what it costs."""
import math

from nicegui import background_tasks, ui

from hub_nodes.dashboard import charts, values, when, words
from hub_nodes.dashboard.backend import Answer, Backend
from hub_nodes.dashboard.correction import Correction, type_list
from hub_nodes.dashboard.frame import Clockwork, joined
from hub_nodes.dashboard.views import OutletView
from hub_nodes.dashboard.widgets import Tag, card, outlet_url

COSTS_PERIOD = 300.0   # between questions to the store [s]
COSTS_RETRY = 15.0     # … when it did not answer [s]
MONTHS = 12            # that can be chosen


def build(backend: Backend, clockwork: Clockwork) -> None:
    """Make the devices page."""
    Tag('h1', 'Devices', 'unseen')
    type_list(backend)
    clockwork.every(Devices(backend).refresh)


class Devices:
    """One row an outlet, the unknown first; rows are made anew only when outlets come or go."""

    def __init__(self, backend: Backend) -> None:
        self._backend, self._rows = backend, {}
        self._costs: values.Costs | None = None
        self._asked, self._busy = -math.inf, False
        self._unseen: list[str] | None = None
        self._month = 0  # how many months ago
        with card('Devices', 'devices', 'What hangs on every outlet, and what it used in a month'):
            with Tag('label', css='field month'):
                Tag('span', 'Month')
                with Tag('select', aria_label='Month') as choice:
                    for back, (start, _) in enumerate(months(backend.now())):
                        Tag('option', f'{when.local(start):%B %Y}', value=str(back))
            choice.on('change', self._choose, js_handler='(e) => emit(e.target.value)')
            self._note = Tag('p', '', 'hint', role='status')
            self._empty = Tag('p', 'No outlet has been heard of yet.', 'hint')
            self._list = Tag('ul', css='device-list')

    async def _choose(self, event) -> None:
        back = str(event.args)
        self._month = int(back) if back.isdecimal() and int(back) < MONTHS else 0
        self._asked, self._busy = self._backend.now(), True
        await self._fetch()

    def refresh(self) -> None:
        now = self._backend.now()
        views = self._backend.model.outlets(now)
        if sorted(view.outlet for view in views) != sorted(self._rows):
            views.sort(key=lambda view: not unknown(view))
            self._list.clear()
            with self._list:
                self._rows = {view.outlet: Row(self._backend, view.outlet) for view in views}
            self._empty.put(hidden=True if views else None)
        spent = {one.outlet: one for one in self._costs.outlets} if self._costs else {}
        for view in views:
            self._rows[view.outlet].refresh(view, spent.get(view.outlet), self._costs)
        if not self._busy and abs(now - self._asked) >= COSTS_PERIOD:
            self._asked, self._busy = now, True
            background_tasks.create(self._fetch(), name='costs')
        if self._unseen is None and views:
            self._unseen = [view.outlet for view in views if self._backend.model.waveform(view.outlet) is None]
            background_tasks.create(self._look(), name='windows')

    async def _look(self) -> None:
        """Ask each outlet of which no window has come yet for one, one after another; once a page."""
        for outlet in self._unseen:
            if self._note.is_deleted:
                return
            await self._backend.capture(outlet)

    async def _fetch(self) -> None:
        month = self._month
        start, end = months(self._backend.now())[month]
        try:
            found = await self._backend.costs(start, end)
        finally:
            self._busy = False
        if self._note.is_deleted or month != self._month:
            return  # the page was left meanwhile, or another month chosen
        with self._note:
            if isinstance(found, Answer):
                self._costs = None
                self._note.say(found.text)
                self._asked = self._backend.now() - COSTS_PERIOD + COSTS_RETRY
            else:
                self._note.say('')
                self._costs = found
                self.refresh()


def months(now: float) -> list[tuple[float, float]]:
    """Return start and end [s] of this month (end 0: now) and of those before, the newest first."""
    found = [(when.month_start(now), 0.0)]
    while len(found) < MONTHS:
        end = found[-1][0]
        found.append((when.month_start(end - 1.0), end))
    return found


def unknown(view: OutletView) -> bool:
    """Return whether a person should be asked what this is."""
    return view.identity is not None and view.identity.state == 'unknown'


def spent(cost: values.Cost | None, costs: values.Costs | None) -> str:
    """Return what an outlet used this month and what that cost."""
    if cost is None or costs is None:
        return ''
    paid = f'{words.money(cost.cost, costs.currency)}' if math.isfinite(cost.cost) else ''
    partly = math.isfinite(cost.cost) and cost.priced < 0.995
    return joined(words.quantity(cost.energy_kwh, 'kWh', 2), paid + (
        f' for the {words.percent(cost.priced)} whose price is known' if partly else ''))


class Row:
    """One outlet: its V–I picture, its device, what it costs, and the form that corrects it."""

    def __init__(self, backend: Backend, outlet: str) -> None:
        self._backend, self._outlet, self._drawn = backend, outlet, None
        with Tag('li', css='device-row', data_outlet=outlet) as self._box:
            self._picture = ui.html('', sanitize=False).classes('loop')
            with Tag('div', css='device-text'):
                self._name = Tag('p', '', 'device')
                with Tag('p', css='hint'):
                    Tag('span', 'On ')
                    self._place = Tag('a', outlet, href=outlet_url(outlet))
                    self._sure = Tag('span', '')
                self._note = Tag('p', '', 'hint')
            with Tag('div', css='device-cost'):
                self._power = Tag('p', words.DASH, 'outlet-power')
                self._spent = Tag('p', '', 'hint')
            with Tag('details', css='device-form', hidden=None if backend.may('control') else True):
                self._ask = Tag('summary', 'Not right?')
                Correction(backend, outlet, 'It is a …')

    def refresh(self, view: OutletView, cost: values.Cost | None, costs: values.Costs | None) -> None:
        """Show `view`, and what it cost."""
        identity = view.identity
        sure = words.confidence(identity)
        self._name.say(words.device(identity))
        self._place.say(view.title)
        self._sure.say(f' · {sure}' if sure else '')
        self._note.say(words.nameplate(identity))
        self._power.say(words.power(view.power))
        self._spent.say(spent(cost, costs))
        self._ask.say('What is it?' if unknown(view) else 'Not right?')
        self._box.put(data_state=identity.state if identity else 'unknown')
        waveform = self._backend.model.waveform(self._outlet)
        if waveform is not self._drawn:
            self._drawn = waveform
            self._picture.set_content(charts.loop_picture(waveform))
