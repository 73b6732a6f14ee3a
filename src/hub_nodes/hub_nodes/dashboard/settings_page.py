"""The settings page: who may come in, what the home is, whether messages arrive, and who did what."""
from collections.abc import Callable
from functools import partial

from nicegui import ui

from hub_nodes.dashboard import when, words
from hub_nodes.dashboard.backend import Answer
from hub_nodes.dashboard.frame import Clockwork, joined
from hub_nodes.dashboard.people import People
from hub_nodes.dashboard.permitted import Permitted
from hub_nodes.dashboard.users import PASSWORD_MIN
from hub_nodes.dashboard.who import ROLES, SCOPES
from hub_nodes.dashboard.widgets import FORM_EMPTIED, Tag, button, card, tell, texts

ENTRIES = 100  # of the audit log
MEDIA = {'html': 'text/html', 'pdf': 'application/pdf'}
MEANS = {'viewer': 'viewer: looks', 'operator': 'operator: switches', 'admin': 'admin: all',
         'read': 'read', 'control': 'control: switches'}


def build(backend: Permitted, clockwork: Clockwork) -> None:
    """Make the settings page."""
    Tag('h1', 'Settings', 'unseen')
    people = People(backend)
    with Tag('div', css='columns'):
        with Tag('div', css='wide'):
            if backend.may('admin'):
                if backend.access.users.keeps:
                    clockwork.every(UserList(backend, people).refresh)
                    clockwork.every(TokenList(backend, people).refresh)
                clockwork.every(Log(backend).refresh)
        with Tag('div', css='narrow'):
            account(backend, people)
            facts(backend)
            reports(backend)
            if backend.may('admin'):
                messages(backend)


def form(name: str, said: Callable, *fields: Callable[[], None], submit: str) -> None:
    """Make a form whose fields `said` gets as a dict of texts."""
    async def sent(event) -> None:
        await said(texts(event.args, None))  # a password is never cut

    with Tag('form', css='correct', aria_label=name) as made:
        for field in fields:
            field()
        Tag('button', submit, 'button', type='submit')
    made.on('submit.prevent', sent, js_handler=FORM_EMPTIED)


def entry(text: str, name: str, kind: str = 'text', **more) -> Callable[[], None]:
    """Return what makes a field of a form."""
    def make() -> None:
        with Tag('label', css='field'):
            Tag('span', text)
            Tag('input', **{'name': name, 'type': kind, 'required': True, 'maxlength': 256, **more})
    return make


def choice(text: str, name: str, options: dict[str, str]) -> Callable[[], None]:
    """Return what makes a choice of a form."""
    def make() -> None:
        with Tag('label', css='field'):
            Tag('span', text)
            with Tag('select', name=name):
                for value, shown in options.items():
                    Tag('option', shown, value=value)
    return make


def account(backend: Permitted, people: People) -> None:
    """Make the card of who is logged in."""
    with card('You'):
        if not backend.who.name:
            Tag('p', 'Nobody needs to log in at this machine while there is no user; no other machine is let in.')
            Tag('a', 'Make the first user', 'more', href='/setup')
            return
        user = backend.access.users.get(backend.who.name)
        Tag('p', joined(backend.who.name, MEANS[user.role] if user else ''))

        async def change(said: dict) -> None:
            tell(await people.change_own(said.get('old', ''), said.get('new', '')))

        with Tag('details', css='device-form'):
            Tag('summary', 'Change the password')
            form('Change the password', change,
                 entry('Old password', 'old', 'password', autocomplete='current-password'),
                 entry(f'New password, {PASSWORD_MIN} characters at least', 'new', 'password', minlength=PASSWORD_MIN,
                       autocomplete='new-password'), submit='Change it')


def facts(backend: Permitted) -> None:
    """Make the card of what the home is. The nodes read its file at their start."""
    with card('The home', hint='From its file and the settings of this node; read at the start.'):
        with Tag('dl', css='facts plain'):
            for name, value in backend.facts:
                with Tag('div', css='fact'):
                    Tag('dt', name)
                    Tag('dd', value)
        if backend.may('admin') and backend.editor is not None:
            Tag('a', 'Change the home', 'more', href='/home')
        Tag('a', 'Name the devices', 'more', href='/devices')


def reports(backend: Permitted) -> None:
    """Make the card of monthly reports, made as they are asked for."""
    this = when.local(backend.now())
    months = [(this.year - (this.month <= back), (this.month - 1 - back) % 12 + 1) for back in range(3)]

    async def make(month: str, kind: str, note: Tag) -> None:
        note.say(f'Making the report of {month} …')
        made = await backend.report(month, kind)
        if note.is_deleted:
            return
        with note:
            if isinstance(made, Answer):
                note.say('')
                tell(made)
            else:
                note.say(f'The report of {month} is ready.')
                ui.download.content(made, f'hearthgrid-{month}.{kind}', MEDIA[kind])

    with card('Reports', hint='What a month cost and saved; made in some seconds. PDF needs Chromium on this machine.'):
        told = Tag('p', '', 'hint', role='status')
        with Tag('ul', css='rows'):
            for year, month in months:
                name = f'{year}-{month:02d}'
                with Tag('li'):
                    Tag('strong', name)
                    for kind in ('html', 'pdf'):
                        button(kind.upper(), partial(make, name, kind, told), 'button plain',
                               aria_label=f'Report of {name} as {kind.upper()}')


def messages(backend: Permitted) -> None:
    """Make the card that tries the user's channels."""
    async def send(said: dict) -> None:
        tell(await backend.test_notification(said.get('channel', '').strip()[:32]))

    with card('Messages', hint='Sends a test message. Without a channel: to all of them.'):
        if ('Channels', 'none') in backend.facts:
            with Tag('p', 'No channel is set up, so nobody is told of anything. ', 'hint'):
                if backend.editor is not None:
                    Tag('a', 'Set one up', href='/home')
        form('Test message', send, entry('Channel', 'channel', required=None), submit='Send a test message')


class UserList:
    """Who may log in, and as what."""

    def __init__(self, backend: Permitted, people: People) -> None:
        self._users, self._people, self._shown = backend.access.users, people, None
        with card('Users'):
            self._list = Tag('ul', css='rows')
            with Tag('details', css='device-form'):
                Tag('summary', 'Add a user')
                form('Add a user', self._add, entry('Name', 'name', autocomplete='off', maxlength=32),
                     entry(f'Password, {PASSWORD_MIN} characters at least', 'password', 'password',
                           minlength=PASSWORD_MIN, autocomplete='new-password'),
                     choice('Role', 'role', {role: MEANS[role] for role in ROLES}), submit='Add')

    async def _add(self, said: dict) -> None:
        tell(await self._people.add_user(said.get('name', ''), said.get('password', ''), said.get('role', '')))

    async def _set_role(self, name: str, event) -> None:
        tell(await self._people.set_role(name, str(event.args)))
        self._shown = None

    async def _remove(self, name: str) -> None:
        tell(await self._people.remove_user(name))

    def refresh(self) -> None:
        try:
            users = self._users.list()
        except ValueError:
            return  # said at the next login, and in the log
        if users == self._shown:
            return
        self._shown = users
        self._list.clear()
        with self._list:
            if not users:
                Tag('li', 'Nobody yet. The first user has to be an admin.', 'hint')
            for user in users:
                with Tag('li', data_user=user.name):
                    Tag('strong', user.name)
                    role = Tag('select', aria_label=f'Role of {user.name}')
                    with role:
                        for name in ROLES:
                            Tag('option', MEANS[name], value=name, selected=True if name == user.role else None)
                    role.on('change', partial(self._set_role, user.name), js_handler='(e) => emit(e.target.value)')
                    button('Remove', partial(self._remove, user.name), 'button plain',
                           aria_label=f'Remove {user.name}')


class TokenList:
    """Which programs may use the interface."""

    def __init__(self, backend: Permitted, people: People) -> None:
        self._tokens, self._people, self._shown = backend.access.tokens, people, None
        self._now = backend.now
        with card('Tokens', hint='For programs that use the interface under /api/v1.'):
            Tag('a', 'What the interface can do', href='/api/docs')
            self._list = Tag('ul', css='rows')
            self._secret = Tag('p', '', 'secret', role='status', hidden=True)
            with Tag('details', css='device-form'):
                Tag('summary', 'Make a token')
                form('Make a token', self._add, entry('Name', 'name', autocomplete='off', maxlength=32),
                     choice('May', 'scope', {scope: MEANS[scope] for scope in SCOPES}), submit='Make')

    async def _add(self, said: dict) -> None:
        answer = await self._people.add_token(said.get('name', ''), said.get('scope', ''))
        tell(answer)
        if answer.ok:
            self._secret.say(answer.id)
            self._secret.put(hidden=None)

    async def _remove(self, name: str) -> None:
        tell(await self._people.remove_token(name))

    def refresh(self) -> None:
        try:
            tokens = self._tokens.list()
        except ValueError:
            return
        if tokens == self._shown:
            return
        self._shown = tokens
        self._list.clear()
        with self._list:
            for token in tokens:
                with Tag('li', data_token=token.name):
                    Tag('strong', token.name)
                    Tag('span', f'{token.scope}, made {words.clock(token.made, self._now())}', 'hint')
                    button('Remove', partial(self._remove, token.name), 'button plain',
                           aria_label=f'Remove {token.name}')


class Log:
    """Who did what, the newest first."""

    def __init__(self, backend: Permitted) -> None:
        self._backend, self._shown = backend, None
        with card('Who did what'):
            self._list = Tag('ul', css='rows log', tabindex='0', aria_label='Who did what')  # it scrolls

    def refresh(self) -> None:
        entries = self._backend.access.audit.latest(ENTRIES)
        if entries == self._shown:
            return
        self._shown = entries
        now = self._backend.now()
        self._list.clear()
        with self._list:
            if not entries:
                Tag('li', 'Nothing yet.', 'hint')
            for one in entries:
                with Tag('li', data_allowed=str(one.allowed).lower()):
                    Tag('span', words.clock(one.at, now, seconds=True), 'hint')
                    Tag('strong', joined(one.user or 'without login', one.action, one.target))
                    Tag('span', ('' if one.allowed else 'Not done. ') + one.detail, 'hint')
