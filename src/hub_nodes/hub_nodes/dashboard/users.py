"""Users of the page: names, roles, and Argon2id hashes of their passwords (RFC 9106)."""
import hashlib
import secrets
import threading
from dataclasses import dataclass

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

from hub_nodes.dashboard.rows import Refused, Rows
from hub_nodes.dashboard.who import ROLES, check_name, check_scope

PASSWORD_MIN, PASSWORD_MAX = 10, 256  # [characters]; NIST SP 800-63B asks for 8 at least and no rules of composition
USERS_MAX = 100
AT_ONCE = 2  # hashes worked out side by side: each takes 64 MiB


@dataclass(frozen=True)
class User:
    """A person who may log in."""

    name: str
    role: str
    mark: str  # changes with the password and the role: sessions that carry another are over


class Users:
    """Who may log in. Every method may be called from any thread; what cannot be is Refused."""

    def __init__(self, folder: str, hasher: PasswordHasher | None = None) -> None:
        self._rows = Rows(folder, 'users')
        self._hasher = hasher or PasswordHasher()
        self._busy = threading.BoundedSemaphore(AT_ONCE)
        self._nobody = ''

    @property
    def keeps(self) -> bool:
        """Whether users can be kept."""
        return self._rows.keeps

    def any(self) -> bool:
        """Return whether there is a user. ValueError when the file cannot be used."""
        return bool(self._rows.all())

    def list(self) -> list[User]:
        """Return all users by name."""
        return [_user(name, row) for name, row in sorted(self._rows.all().items())]

    def get(self, name: str) -> User | None:
        """Return a user, or None."""
        row = self._rows.all().get(name)
        return _user(name, row) if row is not None else None

    def add(self, name: str, password: str, role: str, first: bool = False) -> User:
        """Add a user; `first`: only while there is none."""
        check_name(name)
        check_scope(role, tuple(ROLES))
        row = {'role': role, 'hash': self._hash(name, password)}

        def edit(rows: dict) -> None:
            if first and rows:
                raise Refused('there is a user already')
            if name in rows:
                raise Refused(f'there is a user {name} already')
            if len(rows) >= USERS_MAX:
                raise Refused(f'there are {USERS_MAX} users already')
            if role != 'admin' and not rows:
                raise Refused('the first user has to be an admin: nobody else could change anything later')
            rows[name] = row
        self._rows.change(edit)
        return _user(name, row)

    def remove(self, name: str) -> None:
        """Remove a user; of several users the last admin stays."""
        def edit(rows: dict) -> None:
            _known(rows, name)
            del rows[name]
            _governed(rows)
        self._rows.change(edit)

    def set_role(self, name: str, role: str) -> None:
        """Change a user's role; the last admin stays one."""
        check_scope(role, tuple(ROLES))

        def edit(rows: dict) -> None:
            _known(rows, name)['role'] = role
            _governed(rows)
        self._rows.change(edit)

    def set_password(self, name: str, password: str) -> None:
        """Change a user's password; all sessions of theirs are over."""
        made = self._hash(name, password)
        self._rows.change(lambda rows: _known(rows, name).update(hash=made))

    def check(self, name: str, password: str) -> User | None:
        """Return the user of that name and password, or None; a name that does not exist takes as long."""
        row = self._rows.all().get(name)
        if len(password) > PASSWORD_MAX:
            return None
        with self._busy:
            if row is None and not self._nobody:
                self._nobody = self._hasher.hash(secrets.token_hex())
            try:
                self._hasher.verify(row['hash'] if row is not None else self._nobody, password)
            except (VerifyMismatchError, VerificationError, InvalidHashError):
                return None
        return _user(name, row) if row is not None else None

    def _hash(self, name: str, password: str) -> str:
        if not PASSWORD_MIN <= len(password) <= PASSWORD_MAX:
            raise Refused(f'a password has {PASSWORD_MIN} to {PASSWORD_MAX} characters')
        if password.casefold() == name.casefold() or len(set(password)) < 4:
            raise Refused('that password is guessed at once; choose another')
        with self._busy:
            return self._hasher.hash(password)


def _user(name: str, row: dict) -> User:
    mark = hashlib.sha256(f'{row["role"]} {row["hash"]}'.encode()).hexdigest()[:16]
    return User(name, row['role'], mark)


def _known(rows: dict, name: str) -> dict:
    if name not in rows:
        raise Refused(f'there is no user {name}')
    return rows[name]


def _governed(rows: dict) -> None:
    if rows and not any(row['role'] == 'admin' for row in rows.values()):
        raise Refused('the last admin has to stay one')
