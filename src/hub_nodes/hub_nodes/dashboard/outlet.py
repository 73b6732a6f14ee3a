"""The page of one outlet: what it measures, its waveform, what is on it, what it did, what it does and why."""
import math
from urllib.parse import quote

from nicegui import background_tasks

from hub_nodes.dashboard import charts, values, words
from hub_nodes.dashboard.backend import Answer, Backend
from hub_nodes.dashboard.correction import Correction, type_list
from hub_nodes.dashboard.frame import Clockwork
from hub_nodes.dashboard.job_card import JobCard
from hub_nodes.dashboard.overview import Switch, heard, lamp
from hub_nodes.dashboard.schedule_card import ScheduleCard
from hub_nodes.dashboard.views import OutletView
from hub_nodes.dashboard.widgets import Chart, Fact, Tag, button, card, tell

RECENT = 300.0     # of the power chart [s]
CAPTURE = 2.0      # between requests for a raw window [s]
SPANS = {'1 h': 3600.0, '24 h': 86_400.0, '7 d': 604_800.0}
ROWS = {'1 h': 1, '24 h': 10, '7 d': 60}  # of a file, a row so often [s]
FILES = {'csv': 'CSV', 'parquet': 'Parquet'}


def build(backend: Backend, clockwork: Clockwork, outlet: str) -> None:
    """Make the page of an outlet that is known to the model."""
    parts = [Head(backend, outlet)]
    with Tag('div', css='columns'):
        with Tag('div', css='wide'):
            parts += [Wave(backend, outlet), Recent(backend, outlet), Stored(backend, outlet)]
            ScheduleCard(backend, outlet)
        with Tag('div', css='narrow'):
            parts += [Doing(backend, outlet), JobCard(backend, outlet), Device(backend, outlet),
                      Spectrum(backend, outlet)]

    def refresh() -> None:
        view = backend.model.outlet(outlet, backend.now())
        for part in parts:
            part.refresh(view)
    clockwork.every(refresh)


class Head:
    """Its name, its power and the rest of its reading."""

    def __init__(self, backend: Backend, outlet: str) -> None:
        self._backend = backend
        with Tag('section', css='card outlet-top', aria_label='Now', data_outlet=outlet) as self._box:
            with Tag('div'):
                self._title = Tag('h1', outlet)
                self._about = Tag('p', '', 'hint')
                with Tag('p', css='why'):
                    Tag('span', css='lamp', aria_hidden='true')
                    self._relay = Tag('strong', '')
            with Tag('div', css='figure'):
                self._power = Tag('p', words.DASH, 'big')
                self._switch = Switch(backend, outlet)
            with Tag('dl', css='facts readings'):
                self._facts = {name: Fact(name) for name in (
                    'Voltage', 'Current', 'Power factor', 'Reactive power', 'Frequency', 'Current distortion', 'Energy',
                    'Contact temperature')}

    def refresh(self, view: OutletView) -> None:
        self._title.say(view.title)
        self._about.say(' · '.join(part for part in (view.room, view.outlet) if part))
        self._box.put(data_lamp=lamp(view))
        self._relay.say(heard(view, self._backend.now()) or words.relay(view.state))
        self._power.say(words.power(view.power))
        self._switch.refresh(view)
        if view.reading is not None:
            for name, text in readings(view.reading).items():
                self._facts[name].say(text if view.fresh or name == 'Energy' else words.DASH)


def readings(reading: values.Reading) -> dict[str, str]:
    """Return a reading's quantities by name, with their units."""
    return {'Voltage': words.quantity(reading.voltage, 'V'), 'Current': words.quantity(reading.current, 'A', 2),
            'Power factor': words.quantity(reading.power_factor, '', 2).rstrip(),
            'Reactive power': words.quantity(reading.reactive_power, 'var', 0),
            'Frequency': words.quantity(reading.frequency, 'Hz', 2),
            'Current distortion': words.percent(reading.current_thd),
            'Energy': words.quantity(reading.energy_kwh, 'kWh', 2),
            'Contact temperature': words.quantity(reading.temperature, '°C')}


class Wave:
    """The live waveform, fetched while the page is open, and its V–I picture."""

    def __init__(self, backend: Backend, outlet: str) -> None:
        self._backend, self._outlet = backend, outlet
        self._asked, self._busy, self._failed = -math.inf, False, ''
        with card('Waveform'):
            self._age = Tag('p', 'Waiting for the first window.', 'hint')
            with Tag('div', css='pair'):
                self._wave = Chart(charts.waveform_chart(), 'Voltage and current over two mains cycles', 'chart',
                                   'No window yet.')
                self._loop = Chart(charts.trajectory_chart(), 'Current against voltage over one mains cycle', 'chart')

    def refresh(self, view: OutletView) -> None:
        now = self._backend.now()
        waveform = self._backend.model.waveform(self._outlet)
        if waveform is not None:
            self._age.say(f'Window of {words.clock(waveform.stamp, now, seconds=True)}, two mains cycles at '
                          f'{words.quantity(waveform.sampling_rate * 1e-3, "kHz", 2)}; right: current against voltage. '
                          f'{self._failed}')
            self._wave.draw(charts.waveform_rows, waveform)
            self._loop.draw(charts.trajectory_rows, waveform)
        elif self._failed:
            self._age.say(self._failed)
        if not self._busy and abs(now - self._asked) >= CAPTURE:
            self._asked, self._busy = now, True
            background_tasks.create(self._fetch(), name='waveform')

    async def _fetch(self) -> None:
        try:
            answer = await self._backend.capture(self._outlet)
            self._failed = '' if answer.ok else answer.text
        finally:
            self._busy = False


class Recent:
    """Its power over the last minutes."""

    def __init__(self, backend: Backend, outlet: str) -> None:
        self._backend, self._outlet, self._last = backend, outlet, -math.inf
        with card('Last five minutes'):
            self._chart = Chart(charts.power_chart(), 'Power over the last five minutes, in watts', 'chart small',
                                'Waiting for the first reading.')

    def refresh(self, view: OutletView) -> None:
        history = self._backend.model.power_history(self._outlet)
        self._last = self._chart.follow(history, self._last, charts.power_rows, RECENT)


class Stored:
    """Its power over hours and days, out of the store."""

    def __init__(self, backend: Backend, outlet: str) -> None:
        self._backend, self._outlet, self._span = backend, outlet, '1 h'
        self._asked, self._busy = -math.inf, False
        with card('History'):
            with Tag('div', css='switch', role='group', aria_label='Time shown'):
                self._buttons = {name: button(name, lambda name=name: self._choose(name), 'choice') for name in SPANS}
            self._note = Tag('p', '', 'hint', role='status')
            self._chart = Chart(charts.history_chart(), 'Stored power over the chosen time, in watts', 'chart small',
                                'Nothing stored yet.')
            with Tag('p', 'As a file: ', 'files hint'):
                self._files = {kind: Tag('a', name, download='') for kind, name in FILES.items()}

    def _choose(self, name: str) -> None:
        self._span, self._asked = name, -math.inf

    def refresh(self, view: OutletView) -> None:
        for name, one in self._buttons.items():
            one.put(aria_pressed='true' if name == self._span else 'false')
        now = self._backend.now()
        if not self._busy and abs(now - self._asked) >= max(30.0, SPANS[self._span] / 500.0):
            self._asked, self._busy = now, True
            background_tasks.create(self._fetch(self._span, now), name='history')
            for kind, one in self._files.items():  # the interface for programs makes it
                one.put(href=f'/api/v1/export/{quote(self._outlet, safe="")}.{kind}?start={now - SPANS[self._span]:.0f}'
                             f'&end={now:.0f}&step={ROWS[self._span]}')

    async def _fetch(self, span: str, asked: float) -> None:
        try:
            found = await self._backend.history(self._outlet, 'active_power', SPANS[span])
        finally:
            self._busy = False
        if self._note.is_deleted:
            return  # the page was left meanwhile
        with self._note:
            if isinstance(found, Answer):
                self._note.say(found.text)
                self._asked = self._backend.now() - 20.0  # ask again soon: a store that restarts comes back
            else:
                self._note.say('')
                self._chart.show(charts.history_rows(found), xAxis=charts.between(asked - SPANS[span], asked))


class Doing:
    """What it does, who decided and why; its trip and its priority."""

    def __init__(self, backend: Backend, outlet: str) -> None:
        self._backend, self._outlet = backend, outlet
        with card('What it does, and why'):
            self._why = Tag('p', '')
            self._wish = Tag('p', '', 'hint')
            self._plan = Tag('p', '', 'hint')
            self._reset = button('Reset the trip', self._reset_trip, 'button alarm')
            with Tag('dl', css='facts'):
                self._cap, self._heat, self._refused = Fact('May draw'), Fact('Thermal load'), Fact('Requests refused')
            with Tag('label', css='field'):
                Tag('span', 'Priority in an outage')
                self._priority = Tag('select', aria_label='Priority in an outage',
                                     disabled=None if backend.may('control') else True)
                with self._priority:
                    for word, text in words.PRIORITIES.items():
                        Tag('option', text, value=word)
            self._priority.on('change', self._set_priority, js_handler='(e) => emit(e.target.value)')

    async def _reset_trip(self) -> None:
        tell(await self._backend.reset_trip(self._outlet))

    async def _set_priority(self, event) -> None:
        answer = await self._backend.set_priority(self._outlet, str(event.args))
        tell(answer)
        if not answer.ok:
            self._priority.put(value=None)  # the next refresh shows what holds

    def refresh(self, view: OutletView) -> None:
        state, now = view.state, self._backend.now()
        self._why.say(words.because(state) or 'The outlet has not said yet.')
        self._wish.say(f'You asked for {view.request.wish} at {words.clock(view.request.stamp, now)}, until '
                       f'{words.clock(view.request.expiry, now)}.' if view.request and view.wish != 'auto' else '')
        told = view.planned and state is not None and view.planned in state.reason
        self._plan.say(f'The plan: {words.signs(view.planned)}' if view.planned and not told else '')
        tripped = state is not None and state.trip != 'none'
        self._reset.put(hidden=None if tripped and self._backend.may('control') else True)
        if state is None:
            return
        self._cap.say('without a cap' if state.power_max == math.inf else 'nothing' if state.power_max == 0 else
                      f'up to {words.power(state.power_max)}')
        self._heat.say(f'{words.percent(state.thermal_load)} of a trip' if math.isfinite(state.thermal_load)
                       else words.DASH)
        self._refused.say(str(state.requests_refused))
        self._priority.put(value=state.priority)


class Device:
    """What is plugged in, how sure that is, what its model is known for, and a form for saying what it really is."""

    def __init__(self, backend: Backend, outlet: str) -> None:
        self._backend, self._outlet, self._shown = backend, outlet, None
        with card('What is plugged in'):
            self._name = Tag('p', '', 'device')
            self._sure = Tag('p', '', 'hint')
            self._note = Tag('p', '', 'hint')
            self._guess = Tag('p', 'What its current looks like to the hub:', 'hint', hidden=True)
            self._candidates = Tag('ul', css='candidates')
            Correction(backend, outlet)
            type_list(backend)

    def refresh(self, view: OutletView) -> None:
        identity = view.identity
        if identity is self._shown and identity is not None:
            return
        self._shown = identity
        self._name.say(words.device(identity))
        self._sure.say(words.confidence(identity))
        self._note.say(words.nameplate(identity))
        named = identity is not None and identity.state == 'named' and bool(identity.candidates)
        self._guess.put(hidden=None if named else True)  # beside a name a person gave, which it may not share
        self._candidates.clear()
        if identity is None or identity.state == 'off':
            return
        with self._candidates:
            shares = identity.candidate_probabilities or (math.nan,) * len(identity.candidates)
            for name, share in zip(identity.candidates, shares, strict=True):
                with Tag('li'):
                    Tag('span', words.title(name))
                    with Tag('div', css='share', aria_hidden='true'):
                        Tag('i', style=f'width:{100 * min(1.0, max(0.0, share)):.0f}%')
                    Tag('span', words.percent(share))


class Spectrum:
    """The current's harmonics."""

    def __init__(self, backend: Backend, outlet: str) -> None:
        with card('Harmonics of the current'):
            self._chart = Chart(charts.harmonics_chart(), 'RMS current of each harmonic, in amperes', 'chart small',
                                'Not measured yet.')

    def refresh(self, view: OutletView) -> None:
        self._chart.draw(charts.harmonics_rows, view.reading if view.fresh else None)
