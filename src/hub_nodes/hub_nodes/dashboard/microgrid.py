"""The micro-grid page: where the home stands, who leads, who is a member, voltage and frequency, and the shed order."""
import math
from collections.abc import Callable
from html import escape

from nicegui import ui

from hub_nodes.dashboard import charts, values, words
from hub_nodes.dashboard.backend import Backend
from hub_nodes.dashboard.frame import Clockwork, joined
from hub_nodes.dashboard.overview import lamp
from hub_nodes.dashboard.sources import Sources
from hub_nodes.dashboard.views import OutletView, Step
from hub_nodes.dashboard.widgets import Chart, Fact, Tag, button, card, outlet_url, tell, texts

LIVE = 600.0  # of the live chart [s]
SHOWN = 30    # steps of the past, and outages
SEQUENCE = ('grid', 'outage', 'election', 'confirmation', 'join', 'shed', 'regulate', 'synchronise')
CLASSES = tuple(words.PRIORITIES)  # shed last … first


def build(backend: Backend, clockwork: Clockwork) -> None:
    """Make the micro-grid page."""
    Tag('h1', 'Micro-grid', 'unseen')
    with Tag('div', css='columns'):
        with Tag('div', css='wide'):
            clockwork.every(Standing(backend).refresh)
            clockwork.every(Feeding(backend).refresh)
            clockwork.every(Mains(backend).refresh)
            clockwork.every(ShedOrder(backend).refresh)
        with Tag('div', css='narrow'):
            clockwork.every(Topology(backend).refresh)
            clockwork.every(Past(backend).refresh)


def authority(spokesman: values.Island) -> str:
    """Return what the leader may do, in words."""
    if not spokesman.leader:
        return 'nobody leads'
    if spokesman.provisional:
        return 'may only reduce'
    return 'by majority'


class Standing:
    """The step of the sequence, and who leads it."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        with card('Where the home stands', 'standing', 'Term: number of the election. Zone: number of the part of the '
                  'home that holds together.'):
            with Tag('ol', css='sequence'):
                self._steps = {mode: Tag('li', words.plain(mode).capitalize(), data_mode=mode) for mode in SEQUENCE}
            with Tag('dl', css='facts'):
                self._facts = {name: Fact(name) for name in (
                    'Leader', 'Authority', 'Term', 'Zone', 'Who votes', 'Answering', 'Shed')}
            self._evidence = Tag('p', '', 'hint')

    def refresh(self) -> None:
        speaks = self._backend.model.spokesman()
        for mode, step in self._steps.items():
            step.put(aria_current='step' if speaks is not None and speaks.mode == mode else None)
        if speaks is None:
            self._evidence.say('No member has spoken yet.')
            return
        now = self._backend.now()
        heard = len(speaks.members) or len(self._backend.model.members())
        for name, text in {
            'Leader': self._backend.model.title(speaks.leader, now) if speaks.leader else 'none',
            'Authority': authority(speaks),
            'Term': str(speaks.term),
            'Zone': str(speaks.epoch),
            'Who votes': f'{len(speaks.committee)} members' if speaks.committee else words.DASH,
            'Answering': f'{heard} members',
            'Shed': f'{len(speaks.shed)} outlets' if speaks.shed else 'none',
        }.items():
            self._facts[name].say(text)
        self._evidence.say(joined(f'Since {words.clock(speaks.stamp, now, seconds=True)}', speaks.evidence))


class Feeding:
    """What gives and takes power: grid, sun, and each battery with its charge."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        with card('What feeds the home', 'feeding'), Tag('dl', css='facts sources'):
            self._sources = Sources(backend)

    def refresh(self) -> None:
        self._sources.refresh(self._backend.model.totals(self._backend.now()))


class Mains:
    """Voltage and frequency over the last minutes."""

    def __init__(self, backend: Backend) -> None:
        self._backend, self._last = backend, -math.inf
        with card('Voltage and frequency'):
            self._chart = Chart(charts.mains_chart(), 'Voltage and frequency in the home over the last ten minutes',
                                'chart small', 'The chart fills with the readings.')

    def refresh(self) -> None:
        rows = self._backend.model.mains(self._backend.now() - LIVE)
        self._last = self._chart.follow(rows, self._last, charts.mains_rows, LIVE)


def picture(views: list[OutletView], members: list[values.Island], speaks: values.Island | None,
            called: Callable[[str], str]) -> str:
    """Return the home as SVG: tie and leader in the middle, who votes around them, all outlets on the outer ring.

    called : what people call a member
    """
    committee = speaks.committee if speaks else ()
    shed = set(speaks.shed) if speaks else set()
    leader = speaks.leader if speaks else ''
    lines, dots = [], []

    def dot(name: str, title: str, radius: float, at: float, size: float, colour: str) -> None:
        x, y = 150 + radius * math.sin(at), 150 - radius * math.cos(at)
        lines.append(f'<path d="M150 150L{x:.1f} {y:.1f}" stroke="var(--line)"/>')
        ring = ' stroke="var(--accent)" stroke-width="4"' if name == leader else ''
        dots.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{size:g}" fill="{colour}"{ring}>'
                    f'<title>{escape(title)}</title></circle>')

    for i, name in enumerate(committee):
        word = 'leads' if name == leader else 'votes'
        dot(name, f'{called(name)}: {word}', 62, math.tau * i / len(committee), 10, 'var(--grid)')
    for i, view in enumerate(views):
        colour = 'var(--warn)' if view.outlet in shed else {'on': 'var(--ok)', 'tripped': 'var(--bad)'}.get(
            lamp(view), 'var(--idle)')
        state = 'shed' if view.outlet in shed else lamp(view)
        dot(view.outlet, f'{view.title}: {state}', 125, math.tau * i / len(views), 8 if len(views) <= 40 else 4, colour)
    told = f'{len(committee)} members vote, {len(views)} outlets, {len(shed)} shed, {len(members)} members heard'
    return (f'<svg viewBox="0 0 300 300" role="img" aria-label="{told}">{"".join(lines)}'
            f'<circle cx="150" cy="150" r="16" fill="var(--card)" stroke="var(--ink)" stroke-width="2"/>'
            f'{"".join(dots)}</svg>')


class Topology:
    """Leader, voters and outlets as a picture with its legend."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        with card('Members', 'topology', 'Inner ring: who votes; outlined: who leads. Outer ring: outlets.'):
            self._picture = ui.html('', sanitize=False).classes('ring')
            with Tag('p', css='legend hint'):
                for colour, text in (('ok', 'on'), ('warn', 'shed'), ('idle', 'off or silent'), ('bad', 'tripped')):
                    with Tag('span'):
                        Tag('i', css='lamp', style=f'background:var(--{colour})', aria_hidden='true')
                        Tag('span', text)

            with Tag('details', css='chart-table'):
                Tag('summary', 'Who says what')
                with Tag('div', css='table-box wraps', role='region', tabindex='0', aria_label='Members'), Tag('table'):
                    with Tag('tr'):
                        for head in ('Member', 'Says', 'Voltage', 'Frequency'):
                            Tag('th', head, scope='col')
                    self._members = Tag('tbody')
        self._shown: list[tuple[str, ...]] = []

    def refresh(self) -> None:
        model = self._backend.model
        members, speaks = model.members(), model.spokesman()
        now = self._backend.now()

        def called(name: str) -> str:
            return model.title(name, now)

        made = picture(model.outlets(now), members, speaks, called)
        if made != self._picture.content:
            self._picture.set_content(made)
        rows = [said(member, speaks, called(member.member)) for member in members]
        if rows == self._shown:
            return
        self._shown = rows
        self._members.clear()
        with self._members:
            for name, *cells in rows:
                with Tag('tr'):
                    Tag('th', name, scope='row')
                    for text in cells:
                        Tag('td', text)


def said(member: values.Island, speaks: values.Island | None, called: str) -> tuple[str, ...]:
    """Return what one member says: what it is `called`, its part, where it believes the home stands, V, Hz."""
    part = 'leads' if speaks and member.member == speaks.leader else \
        'votes' if speaks and member.member in speaks.committee else ''
    return (joined(called, part), words.MODES.get(member.mode) or words.STEPS.get(member.mode, ''),
            words.quantity(member.voltage, 'V'), words.quantity(member.frequency, 'Hz', 2))


def shed_order(views: list[OutletView]) -> list[OutletView]:
    """Return outlets as they are shed, the first kept longest."""
    def place(view: OutletView) -> tuple[int, int, str]:
        state = view.state
        known = state is not None and state.priority in CLASSES
        return (CLASSES.index(state.priority) if known else len(CLASSES), state.rank if state else 0, view.title)
    return sorted(views, key=place)


def moved(order: list[OutletView], outlet: str, to: int) -> list[tuple[str, str, int]]:
    """Return who must be told what when `outlet` moves to place `to`: (outlet, class, rank).

    It takes the class of the place it comes to; ranks within that class are given anew, 0 first.
    """
    names = [view.outlet for view in order]
    if outlet not in names or not 0 <= to < len(order):
        raise ValueError(f'{outlet} cannot be moved to place {to}')
    neighbour = order[to].state.priority if order[to].state else 'comfort'
    classes = {view.outlet: view.state.priority if view.state else 'comfort' for view in order}
    ranks = {view.outlet: view.state.rank if view.state else 0 for view in order}
    names.remove(outlet)
    names.insert(to, outlet)
    told, classes_before = [], dict(classes)
    classes[outlet] = neighbour
    rank = 0
    for name in names:
        if classes[name] != neighbour:
            continue
        if (classes_before[name], ranks[name]) != (neighbour, rank):
            told.append((name, neighbour, rank))
        rank += 1
    return told


class ShedOrder:
    """The outlets in the order they are shed; dragged, or moved by their buttons."""

    def __init__(self, backend: Backend) -> None:
        self._backend, self._shown, self._order = backend, (), []
        hint = 'When what is stored cannot feed all, outlets go off from the bottom up; the top one stays on longest.'
        hint += ' Drag a row, or use its buttons.' * backend.may('control')
        with card('Who keeps power in an outage', 'shed-order', hint):
            self._list = Tag('ol', css='shed-list')
            self._list.on('reorder', self._dropped, js_handler='(e) => emit(e.detail)')

    async def _dropped(self, event) -> None:
        said = texts(event.args)
        await self._move(said.get('outlet', ''), said.get('to'))

    async def _move(self, outlet: str, to) -> None:
        try:
            told = moved(self._order, outlet, int(to))
        except (TypeError, ValueError):
            return  # the list changed meanwhile
        answer = None
        for name, priority, rank in told:
            answer = await self._backend.set_priority(name, priority, rank)
            if not answer.ok:
                break
        if answer is not None and not self._list.is_deleted:
            with self._list:  # the row whose button was pressed may be gone: the order has changed
                tell(answer)

    def refresh(self) -> None:
        model = self._backend.model
        self._order = shed_order(model.outlets(self._backend.now()))
        speaks = model.spokesman()
        shed = frozenset(speaks.shed) if speaks else frozenset()
        shown = tuple((view.outlet, view.title, view.state.priority if view.state else '', view.outlet in shed)
                      for view in self._order)
        if shown == self._shown:
            return
        self._shown = shown
        self._list.clear()
        with self._list:
            for i, view in enumerate(self._order):
                self._row(i, view, view.outlet in shed)

    def _row(self, i: int, view: OutletView, shed: bool) -> None:
        def mover(to: int):
            async def move() -> None:
                await self._move(view.outlet, to)
            return move

        may = self._backend.may('control')
        with Tag('li', css='shed-row', draggable='true' if may else None, data_outlet=view.outlet, data_place=str(i)):
            Tag('a', view.title, href=outlet_url(view.outlet), draggable='false')
            state = view.state.priority if view.state else ''
            Tag('span', joined(words.PRIORITIES.get(state, 'Not said yet').split(':')[0], 'shed now' if shed else ''),
                'hint')
            if not may:
                return
            with Tag('span', css='movers'):
                button('↑', mover(i - 1), 'choice', aria_label=f'Keep {view.title} longer',
                       disabled=True if i == 0 else None)
                button('↓', mover(i + 1), 'choice', aria_label=f'Shed {view.title} sooner',
                       disabled=True if i == len(self._order) - 1 else None)


def outages(steps: list[Step]) -> list[tuple[float, float]]:
    """Return when the home was off the grid and back, the newest first; NaN = still off. steps : the newest first"""
    found: list[tuple[float, float]] = []
    for step in reversed(steps):
        off = bool(found) and math.isnan(found[-1][1])
        if step.mode == 'grid' and off:
            found[-1] = (found[-1][0], step.since)
        elif step.mode not in ('grid', 'unknown') and not off:
            found.append((step.since, math.nan))
    return found[::-1]


class Past:
    """Outages, and where the home has stood."""

    def __init__(self, backend: Backend) -> None:
        self._backend, self._shown = backend, None
        with card('Outages', 'outages', 'When the utility was gone'):
            self._quiet = Tag('p', 'None so far.', 'hint')
            self._outages = Tag('ul', css='past-list')
        with card('What happened', 'past', f'The last {SHOWN} steps'):
            self._none = Tag('p', 'Nothing yet.', 'hint')
            self._list = Tag('ol', css='past-list')

    def refresh(self) -> None:
        steps = self._backend.model.steps()
        if steps == self._shown:
            return
        self._shown = steps
        now = self._backend.now()
        gone = outages(steps)
        self._quiet.put(hidden=True if gone else None)
        self._outages.clear()
        with self._outages:
            for since, until in gone[:SHOWN]:
                with Tag('li'):
                    Tag('strong', words.clock(since, now, seconds=True))
                    Tag('span', 'still going on' if math.isnan(until) else
                        f'for {words.span(until - since)}, until {words.clock(until, now, seconds=True)}', 'hint')
        self._none.put(hidden=True if steps else None)
        self._list.clear()
        with self._list:
            for step in steps[:SHOWN]:
                with Tag('li'):
                    Tag('strong', words.plain(step.mode).capitalize())
                    Tag('span', words.clock(step.since, now, seconds=True), 'hint')
                    led = f'led by {self._backend.model.title(step.leader, now)}' if step.leader else ''
                    Tag('p', joined(words.STEPS.get(step.mode, ''), led, step.evidence), 'hint')
