"""The weekly schedule an outlet keeps: shown, and edited rule by rule."""
import asyncio
import itertools
import math

from nicegui import background_tasks

from hearthgrid_ros.home import DAYS
from hub_nodes.dashboard import words
from hub_nodes.dashboard.backend import Answer, Backend
from hub_nodes.dashboard.home_words import days_said
from hub_nodes.dashboard.values import Schedule, ScheduleEntry
from hub_nodes.dashboard.widgets import BEGINS, FORM, Tag, button, card, tell, texts

RULES_MAX = 32
ALL_DAYS = (1 << len(DAYS)) - 1
RETRY = 5.0  # before an outlet that did not answer is asked again [s]


def clock(minute: int) -> str:
    """Return a minute of the day as an input of a time has it."""
    return f'{minute // 60:02d}:{minute % 60:02d}'


def sentence(entry: ScheduleEntry) -> str:
    """Return a rule in words: 'mon-fri, 22:00 to 06:00: off'."""
    days = days_said({day for day in range(len(DAYS)) if entry.days >> day & 1})
    cap = '' if math.isinf(entry.power_max) else f', at most {words.power(entry.power_max)}'
    return f'{days}, {clock(entry.start_minute)} to {clock(entry.end_minute)}: {"on" if entry.on else "off"}{cap}'


def minute(text: str) -> int:
    """Return the minute of the day of '06:30'. ValueError, for people, when it is none."""
    hour, _, rest = text.partition(':')
    if not (hour.isdecimal() and rest[:2].isdecimal() and int(hour) < 24 and int(rest[:2]) < 60):
        raise ValueError('a time is missing')
    return 60 * int(hour) + int(rest[:2])


def understood(said: dict[str, str], rule: str) -> ScheduleEntry:
    """Return the rule of a form whose fields' names begin with `rule`. ValueError, for people."""
    days = sum(1 << i for i, day in enumerate(DAYS) if said.get(f'{rule}.{day}') == 'yes')
    if not days:
        raise ValueError('choose a day at least')
    cap = said.get(f'{rule}.power_max', '').strip()
    try:
        power_max = float(cap) if cap else math.inf
    except ValueError:
        raise ValueError(f'{cap[:20]} is no power') from None
    if not power_max >= 0:
        raise ValueError('a power is 0 W or more')
    return ScheduleEntry(days, minute(said.get(f'{rule}.start', '')), minute(said.get(f'{rule}.end', '')),
                         said.get(f'{rule}.on') == 'on', power_max)


class ScheduleCard:
    """Fetched once the page is open; what is typed stays until it is kept."""

    def __init__(self, backend: Backend, outlet: str) -> None:
        self._backend, self._outlet = backend, outlet
        self._rules: dict[str, tuple[Tag, Tag]] = {}
        self._serial = itertools.count()
        with card('Schedule', 'schedule', 'What it does by itself, in local time; a person, the plan and protection '
                  'come first. An end at or before the start is of the next day.'):
            self._note = Tag('p', 'Asking the outlet …', 'hint', role='status')
            if backend.may('control'):
                with Tag('form', css='rules', aria_label='Schedule', novalidate=True, hidden=True) as self._form:
                    self._list = Tag('div', css='rules')
                    with Tag('div', css='buttons'):
                        button('Add a rule', self._add)
                        Tag('button', 'Keep the schedule', 'button', type='submit')
                self._form.on('submit.prevent', self._keep, js_handler=FORM)
            else:
                self._form, self._list = None, Tag('ul', css='rules')
        background_tasks.create(self._fetch(), name='schedule')

    async def _fetch(self) -> None:
        while not self._note.is_deleted:
            found = await self._backend.schedule(self._outlet)
            if self._note.is_deleted:
                return
            with self._note:
                if isinstance(found, Schedule):
                    self._show(found)
                    return
                self._note.say(found.text)
            if found.why != 'absent':
                return
            await asyncio.sleep(RETRY)

    def _show(self, schedule: Schedule) -> None:
        self._note.say('' if schedule.entries else 'No rule: it is as it was switched last.')
        self._list.clear()
        self._rules = {}
        if self._form is not None:
            self._form.put(hidden=None)
        with self._list:
            for entry in schedule.entries:
                if self._form is None:
                    Tag('li', sentence(entry))
                else:
                    self._rule(entry)

    def _rule(self, entry: ScheduleEntry) -> None:
        name = f'r{next(self._serial)}'
        number = len(self._rules) + 1
        with Tag('div', css='rule', role='group', aria_label=f'Rule {number}', data_rule=name) as row:
            with Tag('div', css='days'):
                for i, day in enumerate(DAYS):
                    with Tag('label', css='day'):
                        Tag('input', type='checkbox', name=f'{name}.{day}', value='yes', aria_label=day.capitalize(),
                            checked=True if entry.days >> i & 1 else None)
                        Tag('span', day[:2].capitalize(), aria_hidden='true')
            for part, label, value in (('start', 'From', entry.start_minute), ('end', 'To', entry.end_minute)):
                with Tag('label', css='field'):
                    Tag('span', label)
                    Tag('input', type='time', name=f'{name}.{part}', **{BEGINS: clock(value)})
            with Tag('label', css='field'):
                Tag('span', 'It is')
                with Tag('select', name=f'{name}.on'):
                    for word in ('on', 'off'):
                        Tag('option', word, value=word, selected=True if (word == 'on') == entry.on else None)
            with Tag('label', css='field'):
                Tag('span', 'At most [W]')
                Tag('input', type='text', inputmode='decimal', name=f'{name}.power_max', placeholder='no cap',
                    autocomplete='off', maxlength='12',
                    **{BEGINS: '' if math.isinf(entry.power_max) else f'{entry.power_max:g}'})
            button('Remove', lambda: self._remove(name), 'button plain', aria_label=f'Remove rule {number}')
            error = Tag('em', '', 'refusal', role='alert')
        self._rules[name] = row, error

    def _add(self) -> None:
        if len(self._rules) >= RULES_MAX:
            tell(Answer(False, f'An outlet keeps {RULES_MAX} rules.'))
            return
        with self._list:
            self._rule(ScheduleEntry(ALL_DAYS, 22 * 60, 6 * 60, False))
        self._note.say('Not kept yet.')

    def _remove(self, name: str) -> None:
        row, _ = self._rules.pop(name)
        row.delete()
        self._note.say('Not kept yet.')

    async def _keep(self, event) -> None:
        said, entries, wrong = texts(event.args), [], False
        for name, (_, error) in self._rules.items():
            try:
                entries.append(understood(said, name))
                error.say('')
            except ValueError as refusal:
                error.say(f'Not kept: {refusal}.')
                wrong = True
        if wrong:
            return
        answer = await self._backend.set_schedule(self._outlet, tuple(entries))
        tell(answer)
        if answer.ok and not self._note.is_deleted:
            self._note.say('' if entries else 'No rule: it is as it was switched last.')
