"""The home as a form: first set-up and later changes. For admins."""
import asyncio

from hub_nodes.dashboard.backend import Answer
from hub_nodes.dashboard.frame import Clockwork
from hub_nodes.dashboard.home_edit import Saved
from hub_nodes.dashboard.home_fields import CHANNELS, FIELDS, GROUPS, NODES, OPTIONAL, OUTLETS, TABLES
from hub_nodes.dashboard.home_inputs import SETTINGS, TEXT_MAX, Inputs, Sheet
from hub_nodes.dashboard.permitted import Permitted
from hub_nodes.dashboard.rows import Refused
from hub_nodes.dashboard.widgets import FORM, Tag, button, card, tell, texts

SELDOM = ('market', 'grid_service', 'gateway', 'notify')  # parts that most homes lack


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
        HomeForm(backend)
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
    """Fields with their errors beside them; what was typed stays in the browser until it is saved."""

    def __init__(self, backend: Permitted) -> None:
        self._backend, self._text = backend, ''
        self._inputs, self._sheets, self._seldom = Inputs(), [], {}
        self._box = Tag('div')
        with self._box:
            self._made()

    def _made(self) -> None:
        """Make the form out of the file as it is now."""
        editor = self._backend.editor
        self._text = editor.text()
        said = editor.form(self._text)
        self._inputs, self._seldom = Inputs(), {}
        self._proposals = Tag('datalist', id_=SETTINGS)
        with Tag('form', css='home-form', aria_label='Home', novalidate=True) as form:
            with Tag('div', css='home-groups'):
                for part, title, hint in GROUPS:
                    with card(title, hint=hint):
                        self._group(part, said)
            self._sheets = [Sheet(self._inputs, table, said, **self._extra(table, said)) for table in TABLES]
            with card('Save', 'home-save', 'The old file is kept beside the new one. Comments in it stay. Every change '
                      'takes effect when the home starts again.'):
                self._told = Tag('p', '', 'refusal', role='alert', id_='home-told')
                Tag('button', 'Save', 'button', type='submit')
                self._done = Tag('div', css='home-done', role='status')
        form.on('submit.prevent', self._save, js_handler=FORM)

    def _group(self, part: str, said: dict[str, str]) -> None:
        """Make the fields of a part; of one that most homes lack, when it is opened."""
        fields = [field for field in FIELDS if field.part == part]
        if part not in SELDOM:
            with Tag('div', css='correct'):
                for field in fields:
                    self._inputs.labelled(field, field.place, said[field.place])
            return
        used = any(said[f'{part}.{name}'] for name in OPTIONAL.get(part, [field.name for field in fields]))
        with Tag('details', css='seldom', open=True if used else None) as box:
            Tag('summary', 'Set up')
            with Tag('div', css='correct'):
                for field in fields:
                    self._inputs.labelled(field, field.place, said[field.place])
        self._seldom[part] = box

    def _extra(self, table, said: dict[str, str]) -> dict:
        """Return what a list shows beside what is in the file."""
        if table is OUTLETS:
            known = {text for place, text in said.items() if place.endswith('.id')}
            views = self._backend.model.outlets(self._backend.now())
            return {'found': [{'id': view.outlet, 'title': view.title} for view in views if view.outlet not in known]}
        if table is CHANNELS:
            return {'kept': self._backend.editor.kept(self._text)}
        if table is NODES:
            return {'opened': self._propose}
        return {}

    async def _propose(self) -> None:
        """Fill the list of settings that can be chosen from."""
        try:
            proposed = await asyncio.to_thread(self._backend.editor.catalogue.proposed)
        except Refused:
            return  # what is typed is checked when it is saved, and this said then
        if not self._proposals.is_deleted:
            with self._proposals:
                for name, meaning in proposed:
                    Tag('option', meaning, value=name)

    async def _save(self, event) -> None:
        saved = await self._backend.save_home(texts(event.args, TEXT_MAX), self._text)
        if self._box.is_deleted:
            return
        if isinstance(saved, Answer):
            self._say({'': saved.text})
            return
        self._say(saved.errors)
        if saved.errors:
            return
        if saved.changed:  # places may have moved: rows that went away left theirs to others
            self._box.clear()
            with self._box:
                self._made()
        with self._done:
            self._tell_done(saved)

    def _tell_done(self, saved: Saved) -> None:
        if not saved.changed:
            Tag('p', 'Nothing was changed.')
            return
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
        self._done.clear()
        for sheet in self._sheets:
            sheet.show(errors)
        for part, box in self._seldom.items():
            if any(place.startswith(f'{part}.') for place in errors):
                box.put(open=None)  # a person may have closed it, of which nothing here knows
                box.put(open=True)
        beside = self._inputs.say(errors)
        other = '; '.join(words for place, words in errors.items() if place not in self._inputs)
        count = f'{beside} field{"s" * (beside > 1)} cannot be so: see beside.' if beside else ''
        self._told.say(' '.join(filter(None, (f'Not saved. {other[:1].upper()}{other[1:]}' if other else
                                              'Not saved.' if beside else '', count))))
