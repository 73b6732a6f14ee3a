"""What every page has: header, navigation, the banner that says where the home stands, and the clockwork."""
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from nicegui import ui

from hub_nodes.dashboard import words
from hub_nodes.dashboard.permitted import Permitted
from hub_nodes.dashboard.views import HomeState
from hub_nodes.dashboard.widgets import Tag

PAGES = (('/', 'Overview'), ('/devices', 'Devices'), ('/plan', 'Plan'), ('/microgrid', 'Micro-grid'),
         ('/notices', 'Notices'), ('/settings', 'Settings'))


LOGO = ('<svg viewBox="0 0 24 24" width="22" height="22" aria-hidden="true"><path fill="currentColor" '
        'fill-rule="evenodd" '
        'd="M12 2 2 10v12h20V10zm0 6c3 3 4.5 5 4.5 7.5a4.5 4.5 0 0 1-9 0C7.5 13 9 11 12 8z"/></svg>')


def joined(*parts: str) -> str:
    """Return what is not empty, with dots between."""
    return ' · '.join(part for part in parts if part)


def standing(state: HomeState, now: float, called: Callable[[str], str] = words.title) -> tuple[str, str, str]:
    """Return how the home stands in words: level (ok, wait, warn, bad), headline, detail. called : what who leads is"""
    tie = f'grid breaker {state.tie.state}' if state.tie and state.tie.state != 'unknown' else ''
    since = '' if math.isnan(state.since) else f'since {words.clock(state.since, now)}'
    leader = f'led by {called(state.leader)}' if state.leader else ''
    if state.kind == 'waiting':
        return 'wait', 'Waiting for the first reading', 'No outlet has been heard yet. This page goes on by itself.'
    if state.kind == 'quiet':
        return 'bad', 'No outlet is heard', (f'Last reading {words.span(now - state.since)} ago. Outlets go on by '
                                             'themselves; this page goes on when they are back.')
    if state.kind == 'grid':
        return 'ok', 'On the grid', joined(since, tie)
    if state.kind == 'outage':
        return 'bad', 'Power outage', joined(since, tie, state.evidence)
    if state.kind == 'island':
        return 'warn', 'Running as an island', joined(words.STEPS.get(state.step, ''), leader, since, tie)
    return 'wait', 'Supply not known', joined(tie)


class Banner:
    """Where the home stands, and its voltage and frequency."""

    def __init__(self) -> None:
        with Tag('div', css='banner', role='status', data_level='wait') as self._box:
            Tag('span', css='lamp', aria_hidden='true')
            self._head = Tag('strong', '')
            self._detail = Tag('span', '', 'detail')
            self._mains = Tag('span', '', 'mains')

    def refresh(self, backend: Permitted) -> None:
        now = backend.now()
        model = backend.model
        level, head, detail = standing(model.home_state(now), now, lambda name: model.title(name, now))
        totals = model.totals(now)
        self._box.put(data_level=level)
        self._head.say(head)
        self._detail.say(detail)
        known = math.isfinite(totals.voltage)
        self._mains.say(f'{words.quantity(totals.voltage, "V")} · {words.quantity(totals.frequency, "Hz", 2)}'
                        if known else '')


class Clockwork:
    """Calls what a page shows as often as it may change, while somebody looks at it."""

    def __init__(self, backend: Permitted) -> None:
        self._backend, self._shown = backend, (-1, -1)
        self._views: list[Callable[[], None]] = []
        self._timer = ui.timer(1.0 / backend.page_rate, self.tick)
        ui.on('seen', lambda event: self._seen(bool(event.args)))

    def every(self, refresh: Callable[[], None]) -> None:
        """Have `refresh` called when something changed, and once a second for what only ages. Called at once, too."""
        self._views.append(refresh)
        refresh()

    def tick(self) -> None:
        """Refresh everything shown, if there is anything new."""
        state = (self._backend.model.version, math.floor(self._backend.now()))
        if state == self._shown:
            return
        self._shown = state
        if not self._backend.welcome():
            ui.navigate.to('/login')  # again, should the browser not have heard it while it connected
            return
        for refresh in self._views:
            refresh()

    def _seen(self, visible: bool) -> None:
        self._timer.active = visible
        if visible:
            self._shown = (-1, -1)
            self.tick()


@contextmanager
def page(backend: Permitted, title: str, path: str) -> Iterator[Clockwork]:
    """Yield the clockwork of a page with header and banner; what is made inside stands in its main part."""
    ui.page_title(f'{title} · Hearthgrid')
    ui.context.client.content.parent_slot.parent.tag = 'div'  # the framework wraps all in a <main>; ours is below
    Tag('a', 'Skip to content', 'skip', href='#main')
    with Tag('header', css='top'):
        with Tag('a', css='brand', href='/', aria_label='Hearthgrid, overview'):
            ui.html(LOGO, sanitize=False)
            Tag('span', 'Hearthgrid')
        with Tag('nav', aria_label='Pages'):
            for target, name in PAGES:
                Tag('a', name, href=target, aria_current='page' if target == path else None)
        entrance(backend)
        Tag('button', '◐', 'look', type='button', aria_label='Switch between light and dark',
            title='Light or dark').on('click', js_handler='() => hearthgrid.toggleLook()')
    with Tag('main', id_='main', tabindex='-1'):
        clockwork = Clockwork(backend)
        banner = Banner()
        clockwork.every(lambda: banner.refresh(backend))
        yield clockwork


def entrance(backend: Permitted) -> None:
    """Make who is logged in and the way out; without any user, the way to make the first."""
    if not backend.who.name:
        Tag('a', 'Set a password', 'entrance', href='/setup', title='Nobody needs to log in at this machine yet')
        return
    with Tag('form', css='entrance', method='post', action='/logout', aria_label='Login'):
        Tag('span', backend.who.name, 'hint')
        Tag('button', 'Log out', 'button plain', type='submit')


def missing(backend: Permitted, what: str) -> None:
    """Make the page that says that something does not exist."""
    ui.context.client.status_code = 404
    with page(backend, what, ''):
        with Tag('section', css='card', aria_label='Not found'):
            Tag('h1', what)
            Tag('a', 'Back to the overview', href='/')
