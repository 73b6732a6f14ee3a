"""The two forms most targets have: bytes that are parsed, and a file of such bytes that is read."""

from contextlib import ExitStack
from pathlib import Path

from hearthgrid.fuzz import Target

NOW = 1_700_000_000.0


def simple(name: str, about: str, refuses: tuple, valid: list[bytes], eat) -> Target:
    """Return a target whose bytes go to `eat` as they are."""
    return Target(name, about, refuses, lambda folder, stack: (valid, eat))


def from_file(name: str, about: str, refuses: tuple, valid: list[bytes], file: str, read, setup=None) -> Target:
    """Return a target that reads a file of that name. setup : what is done to the file before"""

    def open_(folder: Path, stack: ExitStack):
        path = folder / file

        def eat(content: bytes) -> None:
            path.write_bytes(content)
            if setup:
                setup(path)
            read(path)

        return valid, eat

    return Target(name, about, refuses, open_)
