"""Who is let in: logins, sessions and tokens put together, with waits after wrong passwords and an audit log."""
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from starlette.requests import cookie_parser

from hub_nodes.dashboard.attempts import Attempts, Buckets
from hub_nodes.dashboard.audit import AuditLog
from hub_nodes.dashboard.rows import Refused
from hub_nodes.dashboard.sessions import Sessions
from hub_nodes.dashboard.tokens import Tokens
from hub_nodes.dashboard.users import Users
from hub_nodes.dashboard.who import ROLES, Who, here

WRONG = 'Name or password is wrong.'


@dataclass(frozen=True)
class Login:
    """What came of a login: a cookie, or words why there is none."""

    cookie: str = ''
    text: str = ''
    wait: float = 0.0  # before the next try [s]


class Access:
    """Judges who asks. Every method may be called from any thread.

    remote : other machines reach the page, so nobody is let in without a login even while there is no user.
    clock : seconds since the epoch; sessions and waits count in it. [s]
    """

    def __init__(self, users: Users, tokens: Tokens, sessions: Sessions, audit: AuditLog, remote: bool = False,
                 secure: bool = False, rate: float = 20.0, clock: Callable[[], float] = time.time) -> None:
        self.users, self.tokens, self.sessions, self.audit = users, tokens, sessions, audit
        self.remote, self.secure, self.clock = remote, secure, clock
        self.cookie_name = '__Host-hearthgrid' if secure else 'hearthgrid'
        self._near, self._wide = Attempts(5), Attempts(20)
        self._buckets = Buckets(rate, 3.0 * rate)

    def open(self) -> bool:
        """Return whether whoever sits at this machine needs no login: only while there is no user."""
        try:
            return not self.remote and not self.users.any()
        except ValueError:
            return False  # the file is damaged: there were users

    def who(self, headers: Mapping[str, str], path: str) -> Who | None:
        """Return who sends these headers (lower-case names), or None for nobody who may be let in."""
        api = path.startswith('/api/') or path == '/metrics'
        try:
            if 'authorization' in headers:
                kind, _, secret = headers['authorization'].partition(' ')
                token = self.tokens.check(secret.strip()) if api and kind.lower() == 'bearer' else None
                return Who(token.name, token.scope, 'api', token.mark) if token else None
            session = self.sessions.read(self._cookie(headers.get('cookie', '')), self.clock())
            user = self.users.get(session.name) if session else None
            if user is not None and user.mark == session.mark:
                return Who(user.name, ROLES[user.role], 'api' if api else 'page', user.mark, session.id, session.until)
        except ValueError:
            return None  # a file that cannot be used lets nobody in
        return here('api' if api else 'page') if self.open() else None

    def still(self, who: Who) -> bool:
        """Return whether somebody let in before would be let in now, with the same rights."""
        try:
            if not who.name:
                return self.open()
            if who.session:
                user = self.users.get(who.name)
                return (user is not None and user.mark == who.mark
                        and self.sessions.runs(who.session, who.until, self.clock()))
            token = self.tokens.get(who.name)
            return token is not None and token.mark == who.mark
        except ValueError:
            return False

    def wait(self, who: Who) -> float:
        """Count one question of the interface; return how long to wait before it is answered, 0 = now. [s]"""
        return self._buckets.take(self.clock(), f'{who.source} {who.name}')

    def login(self, name: str, password: str, address: str) -> Login:
        """Begin a session. Takes as long as a password hash."""
        now, pair, wide = self.clock(), f'{name} {address}', (f'name {name}', f'address {address}')
        wait = max(self._near.wait(now, pair), self._wide.wait(now, *wide))
        if wait > 0:
            self.audit.note(now, None, 'login', '', False, f'locked out, from {address}')
            return Login(text='Too many wrong passwords. '
                              f'Try again in {math.ceil(wait / 60) if wait > 90 else math.ceil(wait)} '
                              f'{"min" if wait > 90 else "s"}.', wait=wait)
        # Counted before the password is looked at, so that many tries at once do not all pass as the first.
        self._near.failed(now, pair)
        self._wide.failed(now, *wide)
        try:
            user = self.users.check(name, password)
        except ValueError:
            return Login(text='The file of users cannot be used; see the log.')
        if user is None:
            known = name if self.users.get(name) else ''  # else it may be a password in the wrong field
            self.audit.note(now, None, 'login', known, False, f'wrong name or password, from {address}')
            return Login(text=WRONG)
        self._near.succeeded(pair)
        self._wide.succeeded(*wide)
        cookie, session = self.sessions.begin(user.name, user.mark, now)
        who = Who(user.name, ROLES[user.role], 'page', user.mark, session.id, session.until)
        self.audit.note(now, who, 'login', detail=f'from {address}')
        return Login(cookie)

    def check_again(self, name: str, password: str) -> str:
        """Return '' when the password is that of `name`, else why not; wrong ones count as at the login."""
        now, pair = self.clock(), f'{name} again'
        if self._near.wait(now, pair) > 0:
            return 'too many wrong passwords; try again later'
        self._near.failed(now, pair)
        if self.users.check(name, password) is None:
            return 'the old password is wrong'
        self._near.succeeded(pair)
        return ''

    def logout(self, who: Who) -> None:
        """End the session of `who`."""
        if who.session:
            now = self.clock()
            self.sessions.end(who.session, who.until, now)
            self.audit.note(now, who, 'logout')

    def first(self, name: str, password: str, address: str) -> Login:
        """Make the first user, an admin, and log in. Refused when there is one, or when other machines can ask."""
        if not self.open():
            raise Refused('there is a user already')
        self.users.add(name, password, 'admin', first=True)
        self.audit.note(self.clock(), None, 'user add', name, True, f'the first, from {address}')
        return self.login(name, password, address)

    def _cookie(self, header: str) -> str:
        return cookie_parser(header).get(self.cookie_name, '')
