"""Changes of users and tokens, by whoever may: for the settings page and the interface. All are written down."""
import asyncio
from collections.abc import Callable

from hub_nodes.dashboard.backend import Answer
from hub_nodes.dashboard.permitted import OVER, Permitted
from hub_nodes.dashboard.rows import Refused


class People:
    """Users and tokens as `home.who` may change them. What cannot be is an Answer."""

    def __init__(self, home: Permitted) -> None:
        self._home, self._access = home, home.access

    async def add_user(self, name: str, password: str, role: str) -> Answer:
        """Add a user."""
        return await self._do('user add', name, lambda: self._access.users.add(name, password, role),
                              f'{name} may log in as {role}.')

    async def remove_user(self, name: str) -> Answer:
        """Remove a user; all their sessions are over."""
        return await self._do('user remove', name, lambda: self._access.users.remove(name), f'{name} is removed.')

    async def set_role(self, name: str, role: str) -> Answer:
        """Change the role of a user; all their sessions are over."""
        return await self._do('user role', name, lambda: self._access.users.set_role(name, role),
                              f'{name} is {role} from the next login on.')

    async def set_password(self, name: str, password: str) -> Answer:
        """Give a user another password; all their sessions are over."""
        return await self._do('user password', name, lambda: self._access.users.set_password(name, password),
                              f'{name} has a new password.')

    async def change_own(self, old: str, new: str) -> Answer:
        """Change the password of who asks, who has to know the old one."""
        name = self._home.who.name

        def change() -> None:
            wait = self._access.check_again(name, old)
            if wait:
                raise Refused(wait)
            self._access.users.set_password(name, new)
        return await self._do('password', name, change, 'Your password is changed. Log in again.', 'read')

    async def add_token(self, name: str, scope: str) -> Answer:
        """Make a token; the answer's `id` is its secret, which is not kept."""
        return await self._do('token add', name,
                              lambda: self._access.tokens.add(name, scope, self._access.clock()),
                              f'{name} may {scope}. Keep what is shown now: it is not shown again.')

    async def remove_token(self, name: str) -> Answer:
        """Make a token worthless."""
        return await self._do('token remove', name, lambda: self._access.tokens.remove(name),
                              f'{name} is worthless now.')

    async def _do(self, action: str, target: str, change: Callable[[], object], done: str,
                  scope: str = 'admin') -> Answer:
        if not self._home.welcome() or (scope == 'read' and not self._home.who.session):
            answer = OVER
        elif not self._home.who.may(scope):
            answer = Answer(False, f'{self._home.who.name} is no admin.', 'forbidden')
        else:
            try:
                made = await asyncio.to_thread(change)  # a password hash takes its time
                answer = Answer(True, done, id=made if isinstance(made, str) else '')
            except Refused as refusal:
                text = str(refusal)
                why = 'unknown' if text.startswith('there is no ') else 'refused'
                answer = Answer(False, f'{text[:1].upper()}{text[1:]}.', why)
            except ValueError as error:
                answer = Answer(False, str(error), 'absent')
        self._home.note(action, target, answer.ok, answer.text)
        return answer
