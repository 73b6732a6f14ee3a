"""Addresses of channels as an admin types them: kept in the file the `notify` node reads, never shown again."""
from pathlib import Path

import yaml

from hearthgrid_ros import durable
from hearthgrid_ros.home import Home
from hub_nodes.dashboard.home_rows import Rows
from hub_nodes.dashboard.rows import Refused

FILE = 'notify_addresses.yaml'  # in the state folder, as the node has it


class AddressBook:
    """The file of addresses. home_file : what the nodes read; a file that is named in it lies beside."""

    def __init__(self, state_dir: str, home_file: str) -> None:
        self._state_dir, self._home_file = state_dir, home_file

    def path(self, home: Home) -> Path | None:
        """Return the file, None where there is no folder for it."""
        named = home.notify.addresses if home.notify else ''
        if named:
            return Path(self._home_file).parent / named
        return Path(self._state_dir) / FILE if self._state_dir else None

    def known(self, home: Home) -> frozenset[str]:
        """Return which channels have an address."""
        try:
            return frozenset(self._read(self.path(home)))
        except Refused:
            return frozenset()

    @staticmethod
    def _read(path: Path | None) -> dict[str, str]:
        if path is None:
            return {}
        try:
            found = yaml.safe_load(path.read_text(encoding='utf-8'))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, yaml.YAMLError) as error:  # whose text would quote the file
            raise Refused(f'{path} cannot be read ({type(error).__name__})') from None
        if not isinstance(found, dict):
            raise Refused(f'{path} is no mapping of channels to addresses')
        return {str(name): address for name, address in found.items()}

    def check(self, home: Home, rows: Rows) -> dict[str, str]:
        """Return what is wrong with addresses that were typed, or missing, by field; never an address."""
        errors = {}
        if rows.secrets:
            from hub_nodes.notify.post import Address  # the library of services is large
            for name, address in rows.secrets.items():
                try:
                    Address(address)
                except ValueError as error:
                    errors[f'{rows.rows[name]}.address'] = str(error)
        if self.path(home) is None:
            return {f'{rows.rows[name]}.address': 'addresses are kept nowhere without a state folder'
                    for name in rows.secrets} | errors
        return errors

    def keep(self, home: Home, rows: Rows) -> None:
        """Write addresses that were typed, and those of renamed channels under their new names. Refused if not."""
        path = self.path(home)
        if path is None or not (rows.secrets or rows.renamed):
            return
        before = self._read(path)
        moved = {new: before[old] for new, old in rows.renamed.items() if old in before}
        after = before | moved | rows.secrets
        if after == before:
            return
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            durable.replace(path, yaml.safe_dump(after, sort_keys=False).encode(), 0o600)
        except OSError as error:
            raise Refused(f'{path} cannot be written: {error.strerror}') from None
