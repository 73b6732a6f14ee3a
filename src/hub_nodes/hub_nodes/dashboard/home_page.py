"""The home as a form: first set-up and later changes. For admins."""
from hub_nodes.dashboard.backend import Answer
from hub_nodes.dashboard.frame import Clockwork
from hub_nodes.dashboard.home_edit import CHOICE, COLUMNS, FIELDS, NUMBER, SWITCH, Field
from hub_nodes.dashboard.permitted import Permitted
from hub_nodes.dashboard.rows import Refused
from hub_nodes.dashboard.widgets import Tag, button, card, tell

SEND = '(e) => emit(Object.fromEntries(new FormData(e.target)))'
GROUPS = (('', 'The home'), ('supply', 'Connection'), ('tariff', 'Tariff'), ('pv', 'Solar'), ('battery', 'Battery'))
SPARE = 3  # empty rows for more outlets


def build(backend: Permitted, clockwork: Clockwork) -> None:
    """Make the page."""
    Tag('h1', 'Home', 'unseen')
    if not backend.may('admin') or backend.editor is None:
        with card('Home'):
            Tag('p', 'Only an admin changes the home.' if backend.editor else 'This dashboard knows no home file '
                '(parameter home_source).')
        return
    if backend.editor.new:
        steps(backend)
    try:
        text = backend.editor.text()
        HomeForm(backend, text, backend.editor.form(text))
    except Refused as refusal:
        with card('Home'):
            Tag('p', f'The home file cannot be used: {refusal}', 'refusal', role='alert')


def steps(backend: Permitted) -> None:
    """Make the list a new user goes through."""
    heard = len(backend.model.outlets(backend.now()))
    with card('Welcome', 'first-steps', 'What runs now is the example home. Four steps make it yours.'):
        with Tag('ol', css='steps'):
            with Tag('li', data_done='true' if backend.who.name else None):
                if backend.who.name:
                    Tag('span', f'Password: done, you are {backend.who.name}.')
                else:
                    Tag('a', 'Set a password', href='/setup')
                    Tag('span', ', so that nobody else at this machine switches your home.')
            Tag('li', 'Give the home a name, its connection and tariff: below.')
            Tag('li', f'Name the outlets: {heard} are known, below.')
            Tag('li', 'Save, and start the home again.')


def invitation(backend: Permitted) -> None:
    """Make the card of the overview that leads a new user here."""
    if backend.editor is not None and backend.editor.new and backend.may('admin'):
        with card('New here?', 'first-run', 'This is the example home, with simulated electricity.'):
            Tag('a', 'Set up your own', href='/home')


class HomeForm:
    """Fields with their errors beside them; what was typed stays in the browser whatever comes of it."""

    def __init__(self, backend: Permitted, text: str, said: dict[str, str]) -> None:
        self._backend, self._text, self._errors = backend, text, {}
        self._inputs: dict[str, Tag] = {}
        with Tag('form', css='home-form', aria_label='Home', novalidate=True) as form:
            with Tag('div', css='home-groups'):
                for part, title in GROUPS:
                    with card(title), Tag('div', css='correct'):
                        for field in FIELDS:
                            if field.part == part:
                                self._field(field, field.place, said[field.place])
            self._outlets(said)
            with card('Save', 'home-save', 'The old file is kept beside the new one. Comments in it stay. Every change '
                      'takes effect when the home starts again.'):
                self._told = Tag('p', '', 'refusal', role='alert', id_='home-told')
                Tag('button', 'Save', 'button', type='submit')
                self._done = Tag('div', css='home-done', role='status')
        form.on('submit.prevent', self._save, js_handler=SEND)

    def _outlets(self, said: dict[str, str]) -> None:
        count = sum(name.startswith('outlets.') and name.endswith('.id') for name in said)
        known = {said[f'outlets.{row}.id'] for row in range(count)}
        found = [view for view in self._backend.model.outlets(self._backend.now()) if view.outlet not in known]
        with card('Outlets', 'home-outlets', 'Empty the id of one to take it out.'), Tag('div', css='table-box'):
            with Tag('table'):
                with Tag('tr'):
                    for field in COLUMNS:
                        Tag('th', field.label, scope='col')
                for row in range(count + len(found) + SPARE):
                    with Tag('tr'):
                        for field in COLUMNS:
                            place = f'outlets.{row}.{field.name}'
                            value = said.get(place, '')
                            if row >= count and field.name in ('id', 'title') and row - count < len(found):
                                view = found[row - count]
                                value = view.outlet if field.name == 'id' else view.title
                            with Tag('td', data_label=field.label):
                                self._field(field, place, value, f'{field.label} of {value or "a new outlet"}'
                                            if field.name == 'id' else f'{field.label}, row {row + 1}')

    def _field(self, field: Field, place: str, value: str, name: str = '') -> None:
        """Make an input with a visible label, or with `name` for a screen reader in a table."""
        more = {'name': place, 'aria_describedby': f'error-{place}', 'aria_label': name or None}
        with Tag('div' if name else 'label', css='field'):
            if not name:
                Tag('span', field.label + (f' [{field.unit}]' if field.unit else ''))
            if field.kind == CHOICE:
                with Tag('select', **more) as made:
                    for choice in field.choices:
                        Tag('option', choice, value=choice, selected=True if choice == value else None)
            elif field.kind == SWITCH:
                made = Tag('input', type='checkbox', value='yes', checked=True if value == 'yes' else None, **more)
            else:
                made = Tag('input', type='text', inputmode='decimal' if field.kind == NUMBER else None, value=value,
                           maxlength='400', autocomplete='off', spellcheck='false', **more)
            self._inputs[place] = made
            self._errors[place] = Tag('em', '', 'refusal', id_=f'error-{place}')

    async def _save(self, event) -> None:
        given = event.args if isinstance(event.args, dict) else {}
        said = {str(key): str(value)[:400] for key, value in given.items()}
        saved = await self._backend.save_home(said, self._text)
        if isinstance(saved, Answer):
            self._say({'': saved.text})
            return
        self._say(saved.errors)
        if saved.errors:
            return
        self._done.clear()
        with self._done:
            if not saved.changed:
                Tag('p', 'Nothing was changed.')
                return
            self._text = self._backend.editor.text()
            old = f'The old file is {saved.backup}. ' if saved.backup else ''
            more = ', …' if len(saved.changed) > 12 else ''
            Tag('p', f'Saved to {self._backend.editor.path}. {old}Changed: {", ".join(saved.changed[:12])}{more}.')
            if self._backend.restartable:
                Tag('p', 'To take effect the home has to start again. It is gone for some seconds; relays stay as they '
                    'are.', 'hint')
                button('Start the home again', self._again)
            else:
                Tag('p', 'To take effect the home has to start again: end `hearthgrid up` with Ctrl-C and start it, or '
                    'restart its service.', 'hint')

    async def _again(self) -> None:
        tell(await self._backend.start_again())

    def _say(self, errors: dict[str, str]) -> None:
        """Show each error beside its field, and in one line how many there are."""
        for place, told in self._errors.items():
            told.say(errors.get(place, ''))
            self._inputs[place].put(aria_invalid='true' if place in errors else None)
        other = '; '.join(words for place, words in errors.items() if place not in self._errors)
        beside = sum(place in self._errors for place in errors)
        count = f'{beside} field{"s" * (beside > 1)} cannot be so: see beside.' if beside else ''
        self._told.say(' '.join(filter(None, (f'Not saved. {other[:1].upper()}{other[1:]}' if other else
                                              'Not saved.' if beside else '', count))))
