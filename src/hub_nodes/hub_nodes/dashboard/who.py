"""Who asks something of the home, and what they may: three roles of people are three scopes of tokens."""
import re
from dataclasses import dataclass

from hub_nodes.dashboard.rows import Refused

SCOPES = ('read', 'control', 'admin')  # each holds the ones before
ROLES = {'viewer': 'read', 'operator': 'control', 'admin': 'admin'}
NAME = re.compile(r'[A-Za-z0-9](?:[A-Za-z0-9._@-]{0,30}[A-Za-z0-9])?\Z')


def check_name(name: str) -> str:
    """Return a name of a user or token, or raise Refused."""
    if not NAME.match(name):
        raise Refused('a name has 1 to 32 letters, digits and . _ @ - and begins and ends with a letter or digit')
    return name


def check_scope(scope: str, allowed: tuple[str, ...] = SCOPES) -> str:
    """Return a scope (or role), or raise Refused."""
    if scope not in allowed:
        raise Refused(f'{scope!r} is none of {", ".join(allowed)}')
    return scope


@dataclass(frozen=True)
class Who:
    """Somebody who was let in.

    name : of the user or token; empty = whoever sits at this machine while there is no user.
    source : 'page' or 'api', as the audit log has it.     mark : changes with the password or token.
    session, until : of a login at the page; until in [s].
    """

    name: str
    scope: str
    source: str
    mark: str = ''
    session: str = ''
    until: float = 0.0

    def may(self, scope: str) -> bool:
        """Return whether `scope` is within what this one may."""
        return SCOPES.index(self.scope) >= SCOPES.index(scope)


def here(source: str) -> Who:
    """Return whoever sits at this machine while there is no user."""
    return Who('', 'admin', source)
