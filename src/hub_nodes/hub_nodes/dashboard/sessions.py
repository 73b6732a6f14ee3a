"""Logins at the page: a signed cookie, and those that were ended before their time."""
import hashlib
import secrets
import threading
from dataclasses import dataclass

from itsdangerous import BadSignature, URLSafeSerializer

from hub_nodes.state_file import KeptFile, StateFile

KEY_BYTES = 32
ENDED_MAX = 10_000


@dataclass(frozen=True)
class Session:
    """What a cookie says."""

    id: str
    name: str
    mark: str     # the user's at login
    until: float  # [s]


class Sessions:
    """Signs sessions and reads them back. Nothing is kept of those that run, only of those that were ended early."""

    def __init__(self, folder: str, lifetime: float) -> None:
        self._lifetime = lifetime
        self._signer = URLSafeSerializer(_key(folder), salt='hearthgrid session 1',
                                         signer_kwargs={'digest_method': hashlib.sha256, 'key_derivation': 'hmac'})
        self._file = StateFile(folder, 'sessions_ended')
        self._lock = threading.Lock()
        try:
            self._ended = {str(id): float(until) for id, until in self._file.load().get('ended', {}).items()}
        except (ValueError, TypeError, AttributeError):
            self._ended = {}

    def begin(self, name: str, mark: str, now: float) -> tuple[str, Session]:
        """Return the cookie of a new session, and the session."""
        session = Session(secrets.token_urlsafe(16), name, mark, now + self._lifetime)
        return self._signer.dumps([session.id, name, mark, session.until]), session

    def read(self, cookie: str, now: float) -> Session | None:
        """Return the session of a cookie, None when it is not ours or is over."""
        try:
            session = Session(*self._signer.loads(cookie))
        except (BadSignature, TypeError, ValueError):
            return None
        return session if self.runs(session.id, session.until, now) else None

    def runs(self, id: str, until: float, now: float) -> bool:
        """Return whether a session is neither over nor ended."""
        return now < until and id not in self._ended

    def end(self, id: str, until: float, now: float) -> None:
        """End a session: its cookie is worthless from now on, over restarts too."""
        with self._lock:
            ended = {one: over for one, over in self._ended.items() if over > now} | {id: until}
            self._ended = dict(list(ended.items())[-ENDED_MAX:])
            try:
                self._file.save({'ended': self._ended})
            except OSError:
                pass  # ended in this process; the browser has dropped it anyway


def _key(folder: str) -> bytes:
    """Return the key sessions are signed with, made at the first start."""
    file = KeptFile(folder, 'session_key', size_max=KEY_BYTES, private=True)
    try:
        kept = file.read()
        if kept is not None and len(kept) == KEY_BYTES:
            return kept
    except (OSError, ValueError):
        pass
    made = secrets.token_bytes(KEY_BYTES)
    try:
        file.replace(made)
    except OSError:
        pass  # everybody logs in again after a restart
    return made
