"""The overview: power now and where it comes from, every outlet with its switch, what to know, what is planned."""
import math
from collections.abc import Callable

from hub_nodes.dashboard import charts, values, words
from hub_nodes.dashboard.backend import Backend
from hub_nodes.dashboard.frame import Clockwork
from hub_nodes.dashboard.home_page import invitation
from hub_nodes.dashboard.notices import Notices
from hub_nodes.dashboard.sources import Sources
from hub_nodes.dashboard.today import Today
from hub_nodes.dashboard.views import OutletView, Totals
from hub_nodes.dashboard.widgets import Chart, Fact, Tag, button, card, outlet_url, tell

LIVE = 600.0          # of the live chart [s]
HOUR = 3600.0         # [s]
WISHES = (('off', 'Off'), ('auto', 'Auto'), ('on', 'On'))


def build(backend: Backend, clockwork: Clockwork) -> None:
    """Make the overview."""
    Tag('h1', 'Overview', 'unseen')
    with Tag('div', css='columns'):
        with Tag('div', css='wide'):
            clockwork.every(PowerNow(backend).refresh)
            clockwork.every(Outlets(backend).refresh)
        with Tag('div', css='narrow'):
            invitation(backend)
            clockwork.every(Notices(backend).refresh)
            clockwork.every(Today(backend).refresh)
            clockwork.every(Ahead(backend).refresh)
            clockwork.every(Simulation(backend).refresh)


class PowerNow:
    """What the home uses, what feeds it, what it costs, and the last minutes of it."""

    def __init__(self, backend: Backend) -> None:
        self._backend, self._last = backend, -math.inf
        with card('Power now', 'power-now'):
            with Tag('p', css='used'):
                self._load = Tag('span', words.DASH, 'big', data_what='load')
                Tag('span', 'used in the home', 'hint')
            with Tag('dl', css='facts sources'):
                self._sources = Sources(backend)
                self._rest, self._cost = Fact('Not through an outlet'), Fact('Cost now')
            self._chart = Chart(charts.live_chart(), 'Power of the home over the last ten minutes, in kilowatts',
                                'chart live', 'The chart fills with the readings.')

    def refresh(self) -> None:
        now = self._backend.now()
        totals = self._backend.model.totals(now)
        self._load.say(words.power(totals.load))
        self._cost.say(cost(totals))
        self._sources.refresh(totals)
        self._rest.say(words.power(max(0.0, totals.load - totals.outlets)) if totals.grid is not None else words.DASH)
        samples = self._backend.model.samples(now - LIVE)
        self._last = self._chart.follow(samples, self._last, charts.live_rows, LIVE)


def cost(totals: Totals) -> str:
    """Return what the grid's power costs or earns now, in words."""
    rate = words.money(abs(totals.cost_rate), totals.currency, 'h')
    return f'{rate} earned' if totals.cost_rate < 0 else rate


class Outlets:
    """All outlets. Cards are made anew only when outlets come or go."""

    def __init__(self, backend: Backend) -> None:
        self._backend, self._cards = backend, {}
        with card('Outlets', 'outlets'):
            self._empty = Tag('p', 'No outlet has been heard of yet.', 'hint')
            self._list = Tag('ul', css='outlet-list')

    def refresh(self) -> None:
        views = self._backend.model.outlets(self._backend.now())
        if [view.outlet for view in views] != list(self._cards):
            self._list.clear()
            with self._list:
                self._cards = {view.outlet: OutletCard(self._backend, view.outlet) for view in views}
            self._empty.put(hidden=True if views else None)
        most = max((view.power for view in views if view.power > 0), default=0.0)
        now = self._backend.now()
        for view in views:
            self._cards[view.outlet].refresh(view, most, now)


class Switch:
    """Off, auto, on: what a person asks of one outlet."""

    def __init__(self, backend: Backend, outlet: str) -> None:
        self._backend, self._outlet, self._name = backend, outlet, outlet
        with Tag('div', css='switch', role='group') as self._group:
            self._buttons = {wish: button(text, self._ask(wish), 'choice', data_wish=wish, aria_pressed='false')
                             for wish, text in WISHES if backend.may('control')}

    def _ask(self, wish: str) -> Callable:
        async def ask() -> None:
            tell(await self._backend.ask(self._outlet, wish))
        return ask

    def refresh(self, view: OutletView) -> None:
        """Show what was asked last."""
        self._group.put(aria_label=f'Switch {view.title}', hidden=None if self._buttons else True)
        for wish, one in self._buttons.items():
            one.put(aria_pressed='true' if wish == view.wish else 'false')


def lamp(view: OutletView) -> str:
    """Return the colour word of an outlet: tripped, silent, on or off."""
    if view.state is not None and view.state.trip != 'none':
        return 'tripped'
    if not view.fresh:
        return 'silent'
    return {'closed': 'on', 'open': 'off'}.get(view.state.relay if view.state else '', 'silent')


def heard(view: OutletView, now: float) -> str:
    """Return when an outlet that is quiet was last heard; empty for one that is heard."""
    if view.fresh:
        return ''
    return 'Not heard yet' if math.isnan(view.heard) else f'Not heard for {words.span(now - view.heard)}'


class OutletCard:
    """One outlet: what is on it, what it draws, what it does and why, and its switch."""

    def __init__(self, backend: Backend, outlet: str) -> None:
        self._shown: tuple = ()
        with Tag('li', css='outlet', data_outlet=outlet) as self._box:
            with Tag('div', css='outlet-head'):
                self._title = Tag('a', outlet, 'outlet-title', href=outlet_url(outlet))
                self._power = Tag('span', words.DASH, 'outlet-power')
            self._about = Tag('p', '', 'hint')
            with Tag('div', css='share', aria_hidden='true'):
                self._bar = Tag('i')
            with Tag('div', css='outlet-foot'):
                with Tag('p', css='why'):
                    Tag('span', css='lamp', aria_hidden='true')
                    self._relay = Tag('strong', '')
                    self._why = Tag('span', '')
                self._switch = Switch(backend, outlet)

    def refresh(self, view: OutletView, most: float, now: float) -> None:
        """Show `view`; `most` is the largest power of any outlet [W]."""
        shown = view, most, None if view.fresh else math.floor(now)
        if shown == self._shown:
            return
        self._shown = shown
        self._title.say(view.title)
        self._power.say(words.power(view.power))
        sure = words.confidence(view.identity)
        named = words.device(view.identity)
        self._about.say(' · '.join(part for part in (view.room, f'{named} ({sure})' if sure else named) if part))
        share = max(0.0, view.power) / most if most > 0 and view.power > 0 else 0.0
        self._bar.put(style=f'width:{100 * share:.0f}%')
        self._box.put(data_lamp=lamp(view))
        quiet = heard(view, now)
        self._relay.say(quiet or words.relay(view.state))
        self._why.say('' if quiet else words.because(view.state))
        self._switch.refresh(view)


class Ahead:
    """The plan in short, with the prices it follows."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        with card('Ahead', 'ahead'):
            self._summary = Tag('p', '')
            self._reasons = Tag('p', '', 'hint')
            self._chart = price_chart(backend, 'chart small')
            Tag('a', 'All of the plan', 'more', href='/plan')

    def refresh(self) -> None:
        now, plan = self._backend.now(), self._backend.model.latest(values.Plan)
        self._summary.say(summary(plan, now))
        self._reasons.say('; '.join(plan.reasons) if plan and plan.status == 'relaxed' else '')
        show_prices(self._chart, self._backend)


def price_chart(backend: Backend, css: str) -> Chart:
    """Return a chart of prices and planned grid power."""
    prices = backend.model.latest(values.Prices)
    return Chart(charts.price_chart(words.price_unit(prices.currency if prices else '')),
                 'Prices of coming hours and the planned power from the grid', css, 'No prices and no plan yet.')


def show_prices(chart: Chart, backend: Backend) -> None:
    """Bring such a chart up to date, from this hour on."""
    prices, plan = backend.model.latest(values.Prices), backend.model.latest(values.Plan)
    unit = words.price_unit(prices.currency if prices else '')
    chart.draw(charts.price_rows, prices, plan, math.floor(backend.now() / HOUR) * HOUR,
               yAxis=[{'name': unit}, {'name': 'kW'}])


def summary(plan: values.Plan | None, now: float) -> str:
    """Return what a plan comes to, in a sentence."""
    if plan is None:
        return 'No plan yet. Outlets follow their own schedules.'
    if plan.status == 'failed':
        return 'No plan could be made. Outlets follow their own schedules.'
    if plan.valid_until <= now:
        return f'The last plan ended at {words.clock(plan.valid_until, now)}. Outlets follow their own schedules.'
    horizon = words.quantity(plan.step * len(plan.grid_power) / HOUR, 'h', 0)
    text = f'Next {horizon}: {words.money(plan.cost, plan.currency)} expected'
    saved = plan.cost_unmanaged - plan.cost
    if math.isfinite(saved):
        text += f', {words.money(abs(saved), plan.currency)} {"less" if saved >= 0 else "more"} than without a plan'
    return text + ('. A limit or deadline could not be kept.' if plan.status == 'relaxed' else '.')


class Simulation:
    """Only where the electricity is simulated: fail the utility and watch."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        hint = 'This home is simulated, so the grid may fail on request.'
        with card('Simulation', 'simulation', hint) as self._card:
            with Tag('div', css='buttons'):
                button('Fail the grid for a minute', self._outage(60.0))
                button('Restore it', self._outage(0.0))
        self._card.put(hidden=True)

    def _outage(self, duration: float) -> Callable:
        async def outage() -> None:
            tell(await self._backend.outage(duration))
        return outage

    def refresh(self) -> None:
        self._card.put(hidden=None if self._backend.simulated() and self._backend.may('control') else True)
