"""The card of the plan page that asks what would be."""
import math

from hub_nodes.dashboard import values, words
from hub_nodes.dashboard.backend import Answer, Backend
from hub_nodes.dashboard.what_if import table
from hub_nodes.dashboard.widgets import FORM, Tag, card, texts

HOUR, KILO = 3600.0, 1e3
# name, label, unit, largest
NUMBERS = (('battery_kwh', 'Battery holds', 'kWh, 0 = none', 1000.0),
           ('battery_power', 'Battery gives and takes', 'kW', 100.0),
           ('buy', 'Bought at, all day', '', 100.0), ('sell', 'Sold at, all day', '', 100.0),  # of the currency
           ('import_max', 'Most from the grid', 'kW', 1000.0), ('later', 'Done later by', 'h', 48.0))
KILOWATTS = ('battery_power', 'import_max')


class WhatIf:
    """A form of changes; under it both plans side by side."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._jobs = self._known()
        with card('What if', 'what-if', 'Plans the same hours once more with something changed. Nothing is switched.'):
            with Tag('form', css='what-if-form', aria_label='What if') as form:
                for name, label, unit, most in NUMBERS[:-1]:
                    self._number(name, label, unit, 0.0, most)
                with Tag('label', css='field'):
                    Tag('span', 'Job of')
                    self._choice = Tag('select', name='outlet')
                with Tag('label', css='field'):
                    Tag('span', 'That job is')
                    with Tag('select', name='what'):
                        Tag('option', 'due at another time', value='later')
                        Tag('option', 'left out', value='without')
                name, label, unit, most = NUMBERS[-1]
                self._number(name, label, f'{unit}, below 0: earlier', -most, most)
                self._button = Tag('button', 'Work it out', 'button', type='submit')
            form.on('submit.prevent', self._asked, js_handler=FORM)
            self._said = Tag('p', '', 'hint', role='status')
            self._result = Tag('div', css='table-box')
        self._options()

    def _known(self) -> tuple[tuple[str, str], ...]:
        model, now, known = self._backend.model, self._backend.now(), []
        for job in model.jobs():
            view = model.outlet(job.outlet, now)
            if job.status in values.PENDING:
                known.append((job.outlet, view.title if view else words.title(job.outlet)))
        return tuple(known)

    def _number(self, name: str, label: str, unit: str, least: float, most: float) -> None:
        prices = self._backend.model.latest(values.Prices)
        with Tag('label', css='field'):
            Tag('span', f'{label} [{unit or words.price_unit(prices.currency if prices else "")}]')
            Tag('input', name=name, type='number', step='any', min=f'{least:g}', max=f'{most:g}',
                placeholder='as it is')

    def _options(self) -> None:
        self._choice.clear()
        with self._choice:
            Tag('option', 'no device', value='', selected=True)
            for outlet, title in self._jobs:
                Tag('option', title, value=outlet)

    def refresh(self) -> None:
        jobs = self._known()
        if jobs != self._jobs:
            self._jobs = jobs
            self._options()

    async def _asked(self, event) -> None:
        try:
            change = understood(texts(event.args))
        except ValueError as error:
            self._said.say(str(error))
            return
        self._button.put(disabled=True)
        self._said.say('Planning …')
        try:
            both = await self._backend.what_if(change)
        finally:
            if not self._button.is_deleted:
                self._button.put(disabled=None)
        if self._button.is_deleted:
            return
        if isinstance(both, Answer):
            self._said.say(both.text)
            return
        kept = 'relaxed' not in (both.present.status, both.changed.status)
        self._said.say(f'The next {both.present.hours:.0f} h, planned twice.'
                       + ('' if kept else ' A limit or deadline could not be kept.'))
        self._result.clear()
        with self._result, Tag('table'):
            Tag('caption', 'The present plan beside the changed one', 'unseen')
            with Tag('tr'):
                for head in ('', 'As it is', 'What if', 'Difference'):
                    Tag('th' if head else 'td', head, scope='col' if head else None)
            for row in table(both):
                with Tag('tr'):
                    Tag('th', row.name, scope='row')
                    for text in (row.present, row.changed, row.difference):
                        Tag('td', text)


def understood(said: dict[str, str]) -> values.Change:
    """Return what a form says. ValueError, for people, for what is no number or out of bounds."""
    found: dict[str, float | None] = {}
    for name, label, _, most in NUMBERS:
        text = said.get(name, '').strip()
        try:
            number = float(text) if text else None
        except ValueError:
            raise ValueError(f'{label}: {text[:20]} is no number.') from None
        least = -most if name == 'later' else 0.0
        if number is not None and not (math.isfinite(number) and least <= number <= most):
            raise ValueError(f'{label}: from {least:g} to {most:g}.')
        found[name] = number if number is None else number * (KILO if name in KILOWATTS else 1.0)
    if found['battery_power'] == 0.0 or found['import_max'] == 0.0:
        raise ValueError('A power has to be above 0.')
    outlet, without = said.get('outlet', ''), said.get('what') == 'without'
    later = found.pop('later')
    if outlet and not without and later is None:
        raise ValueError('Done later by: how many hours?')
    if not outlet and all(one is None for one in found.values()):
        raise ValueError('Change something first.')
    return values.Change(outlet=outlet, without=bool(outlet) and without,
                         later=later * HOUR if outlet and later is not None and not without else None, **found)
