"""Jobs of an outlet: so much energy by a time, given here; the plan chooses when."""
import math
import secrets
from functools import partial

from hub_nodes.dashboard import values, when, words
from hub_nodes.dashboard.backend import Backend
from hub_nodes.dashboard.schedule_card import minute
from hub_nodes.dashboard.views import OutletView
from hub_nodes.dashboard.widgets import FORM, Tag, button, card, tell, texts

# name, label, example, the most
NUMBERS = (('energy', 'Energy [kWh]', '1.0', 1000.0), ('power', 'Draws while it runs [W]', '2000', 1e6))


class JobCard:
    """What an outlet that takes jobs still has to do, and a form for another. Others show nothing."""

    def __init__(self, backend: Backend, outlet: str) -> None:
        self._backend, self._outlet, self._rows = backend, outlet, {}
        with card('Jobs', 'jobs', 'So much energy by a time; the plan chooses when.') as self._card:
            self._none = Tag('p', 'None waits.', 'hint')
            self._list = Tag('ul', css='rows')
            if backend.may('control'):
                self._form()
        self._card.put(hidden=True)

    def _form(self) -> None:
        with Tag('details', css='device-form'):
            Tag('summary', 'Give a job')
            with Tag('form', css='correct', aria_label='Give a job', novalidate=True) as form:
                for name, label, example, _ in NUMBERS:
                    with Tag('label', css='field'):
                        Tag('span', label)
                        Tag('input', name=name, inputmode='decimal', autocomplete='off', maxlength=12,
                            placeholder=example)
                with Tag('label', css='field'):
                    Tag('span', 'Done by')
                    Tag('input', type='time', name='by')
                with Tag('label', css='field'):
                    Tag('span', 'May be interrupted')
                    with Tag('select', name='interruptible'):
                        for word in ('no', 'yes'):
                            Tag('option', word, value=word)
                self._wrong = Tag('em', '', 'refusal', role='alert')
                Tag('button', 'Give it', 'button', type='submit')
        form.on('submit.prevent', self._give, js_handler=FORM)

    async def _give(self, event) -> None:
        try:
            job = understood(texts(event.args), self._backend.now())
        except ValueError as refusal:
            self._wrong.say(f'Not given: {refusal}.')
            return
        self._wrong.say('')
        tell(await self._backend.run_job(self._outlet, job))

    async def _take_back(self, id: str) -> None:
        answer = await self._backend.cancel_job(self._outlet, id)
        if not self._list.is_deleted:
            with self._list:  # the row whose button was pressed may be gone
                tell(answer)

    def refresh(self, view: OutletView) -> None:
        now = self._backend.now()
        jobs = [job for job in self._backend.model.jobs() if job.outlet == self._outlet
                and job.status in values.PENDING]
        takes = bool(jobs) or (view.state is not None and view.state.deferrable)
        self._card.put(hidden=None if takes else True)
        if [job.id for job in jobs] != list(self._rows):
            self._none.put(hidden=True if jobs else None)
            self._list.clear()
            with self._list:
                self._rows = {job.id: self._row(job.id) for job in jobs}
        for job in jobs:
            self._rows[job.id].say(sentence(job, now))

    def _row(self, id: str) -> Tag:
        with Tag('li', data_job=id):
            text = Tag('span', '')
            if self._backend.may('control'):
                button('Take it back', partial(self._take_back, id), 'button plain')
        return text


def sentence(job: values.Job, now: float) -> str:
    """Return a job in words: '3.0 kWh by 11:37: runs, 0.4 kWh so far'."""
    done = '' if not job.delivered_kwh > 0 else f', {words.quantity(job.delivered_kwh, "kWh", 2)} so far'
    does = 'runs' if job.status == 'running' else 'waits'
    return f'{words.quantity(job.energy_kwh, "kWh")} by {words.clock(job.deadline, now)}: {does}{done}'


def understood(said: dict[str, str], now: float) -> values.JobWish:
    """Return what the form says. ValueError, for people, for what is no job."""
    found = {}
    for name, label, _, most in NUMBERS:
        try:
            found[name] = float(said.get(name, ''))
        except ValueError:
            found[name] = math.nan
        if not 0 < found[name] <= most:
            raise ValueError(f'{label} has to be above 0 and at most {words.quantity(most, "", 0).strip()}')
    return values.JobWish(f'page-{secrets.token_hex(6)}', found['energy'],
                          when.next_time(now, minute(said.get('by', ''))), found['power'],
                          said.get('interruptible') == 'yes')
