"""Tokens of the interface: a name, a scope, and the hash of 256 random bits that were shown once."""
import hashlib
import secrets
from dataclasses import dataclass

from hub_nodes.dashboard.rows import Refused, Rows
from hub_nodes.dashboard.who import check_name, check_scope

PREFIX = 'hg_'  # so that one found somewhere is known for what it is
TOKENS_MAX = 200


@dataclass(frozen=True)
class Token:
    """A program that may use the interface."""

    name: str
    scope: str
    made: float  # [s]
    mark: str    # of its secret


class Tokens:
    """Which programs may use the interface. Every method may be called from any thread."""

    def __init__(self, folder: str) -> None:
        self._rows = Rows(folder, 'tokens')

    def list(self) -> list[Token]:
        """Return all tokens by name."""
        return [_token(name, row) for name, row in sorted(self._rows.all().items())]

    def get(self, name: str) -> Token | None:
        """Return a token by name, or None."""
        row = self._rows.all().get(name)
        return _token(name, row) if row is not None else None

    def add(self, name: str, scope: str, now: float) -> str:
        """Make a token at `now` [s] and return its secret, which nobody can read again."""
        check_name(name)
        check_scope(scope)
        secret = PREFIX + secrets.token_urlsafe(32)

        def edit(rows: dict) -> None:
            if name in rows:
                raise Refused(f'there is a token {name} already')
            if len(rows) >= TOKENS_MAX:
                raise Refused(f'there are {TOKENS_MAX} tokens already')
            rows[name] = {'scope': scope, 'made': now, 'hash': _hash(secret)}
        self._rows.change(edit)
        return secret

    def remove(self, name: str) -> None:
        """Make a token worthless."""
        def edit(rows: dict) -> None:
            if name not in rows:
                raise Refused(f'there is no token {name}')
            del rows[name]
        self._rows.change(edit)

    def check(self, secret: str) -> Token | None:
        """Return the token of that secret, or None."""
        given = _hash(secret)  # what is compared is a hash, so how long it takes tells nothing of the secret
        return next((_token(name, row) for name, row in self._rows.all().items() if row['hash'] == given), None)


def _hash(secret: str) -> str:
    # 256 random bits need no slow hash: there is nothing to guess.
    return hashlib.sha256(secret.encode(errors='surrogatepass')).hexdigest()


def _token(name: str, row: dict) -> Token:
    return Token(name, row['scope'], float(row['made']), row['hash'][:16])
