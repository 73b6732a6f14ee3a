"""Addresses of channels, and sending to them with Apprise. An address is a secret: nothing here says one."""
import logging
import os
import stat
from pathlib import Path

import apprise
import yaml

from hearthgrid_core.notify import Severity

FILE = 'notify_addresses.yaml'  # in the state folder
FILE_MAX = 100_000  # [byte]
TYPES = {Severity.CRITICAL: apprise.NotifyType.FAILURE, Severity.WARNING: apprise.NotifyType.WARNING}

# Both write addresses (of which a path or a query may be the key) into the log. What matters of it we say ourselves.
logging.getLogger('apprise').disabled = True
logging.getLogger('urllib3').setLevel(logging.ERROR)
_ASSET = apprise.AppriseAsset(app_id='Hearthgrid', app_desc='Hearthgrid', async_mode=False, secure_logging=True,
                              storage_mode=apprise.PersistentStoreMode.MEMORY)


class Address:
    """Where a channel leads. Neither `repr` nor an error of it shows the address."""

    def __init__(self, url: str) -> None:
        """ValueError, without the address, when Apprise does not understand it."""
        try:
            service = apprise.Apprise.instantiate(url, asset=_ASSET)
        except Exception as error:  # of a hundred plugins; its text may hold the address
            raise ValueError(f'Apprise refuses its address ({type(error).__name__})') from None
        if not isinstance(service, apprise.NotifyBase):
            raise ValueError('its address is none that Apprise understands')
        self._sender = apprise.Apprise(asset=_ASSET)
        self._sender.add(service)

    def __repr__(self) -> str:
        return 'Address(…)'

    def post(self, title: str, body: str, severity: Severity) -> str:
        """Send, however long that takes; return what went wrong, '' = nothing."""
        try:
            sent = self._sender.notify(body=body, title=title, notify_type=TYPES.get(severity, apprise.NotifyType.INFO),
                                       body_format=apprise.NotifyFormat.TEXT)
        except Exception as error:  # of a hundred plugins; its text may hold the address
            return f'sending failed ({type(error).__name__})'
        return '' if sent else 'the service cannot be reached or refuses'


class Addresses:
    """The file of addresses, a mapping of channel to Apprise URL; read again when it changed."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._seen: tuple = ()
        self._found: dict[str, Address | str] = {}
        self.trouble = ''  # with the file as a whole

    def of(self, channel: str) -> Address | str:
        """Return the address of a channel, or why there is none."""
        self.refresh()
        return self._found.get(channel) or self.trouble or f'no address is given in {self._path}'

    def refresh(self) -> None:
        """Read the file if it is another than last time."""
        if self._path is None:
            self.trouble = 'neither state_dir nor a file of addresses is set'
            return
        try:
            facts = os.stat(self._path)
            seen = (facts.st_mtime_ns, facts.st_size, facts.st_ino, facts.st_mode)
            if seen != self._seen:
                self._found, self.trouble = {}, ''
                self._found = self._read(facts)
                self._seen = seen
        except OSError as error:
            self._seen, self._found = (), {}
            self.trouble = f'{self._path} cannot be read: {error.strerror}'

    def _read(self, facts: os.stat_result) -> dict[str, Address | str]:
        if facts.st_size > FILE_MAX:
            self.trouble = f'{self._path} is larger than {FILE_MAX} bytes'
            return {}
        try:
            data = yaml.safe_load(self._path.read_text(encoding='utf-8'))
        except (yaml.YAMLError, ValueError, RecursionError) as error:  # whose text would quote the file
            mark = getattr(error, 'problem_mark', None)
            self.trouble = f'{self._path}: {f"line {mark.line + 1}" if mark else "it"} cannot be read as YAML'
            return {}
        if not isinstance(data, dict):
            self.trouble = f'{self._path} is no mapping of channels to addresses'
            return {}
        if facts.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            self.trouble = f'{self._path} can be read by others than its owner: chmod 600'
        return {str(name): _address(url) for name, url in data.items()}


def _address(url: object) -> Address | str:
    if not isinstance(url, str):
        return 'its address is no text'
    try:
        return Address(url)
    except ValueError as error:
        return str(error)
