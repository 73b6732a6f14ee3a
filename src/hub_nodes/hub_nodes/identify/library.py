"""Known models with their nameplate: a YAML file that the user extends."""
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

FILE = 'models.yaml'    # in the state folder
FILE_MAX = 1_000_000    # [byte]


class LibraryError(ValueError):
    """A library that cannot be used; the message says where and why."""


def _bounded(longest: int):
    def check(text: str) -> str:
        if len(text.encode()) > longest:
            raise ValueError(f'longer than {longest} bytes')
        return text
    return check


class Entry(BaseModel):
    """One model, or with an empty `model` what holds for its whole type."""

    model_config = ConfigDict(extra='forbid', frozen=True)
    type: Annotated[str, Field(min_length=1)]
    model: str = ''
    rated_power: Annotated[float, Field(gt=0, le=1e5)] | None = None    # on the nameplate [W]
    standby: Annotated[float, Field(ge=0, le=1e3)] | None = None        # on the nameplate or a data sheet [W]
    note: str = ''                                                      # for people

    _type = field_validator('type')(_bounded(48))
    _model = field_validator('model')(_bounded(64))
    _note = field_validator('note')(_bounded(160))


class _File(BaseModel):
    model_config = ConfigDict(extra='forbid', frozen=True)
    models: tuple[Entry, ...] = ()


class Library:
    """Entries by type and model; later ones replace earlier ones."""

    def __init__(self, *entries: Entry) -> None:
        self._entries = {(entry.type, entry.model): entry for entry in entries}

    def __len__(self) -> int:
        return len(self._entries)

    @classmethod
    def find(cls, chosen: str = '', state_dir: str = '') -> 'Library':
        """Return the library of a file, else the one shipped with what the state folder adds. LibraryError."""
        if chosen:
            return cls(*read(Path(chosen).expanduser()))
        own = Path(state_dir) / FILE if state_dir else None
        paths = [path for path in (_shipped(), own) if path is not None and path.exists()]
        return cls(*(entry for path in paths for entry in read(path)))

    def find_entry(self, type: str, model: str) -> Entry | None:
        """Return what is known of a model, else of its type, else None."""
        return self._entries.get((type, model)) or self._entries.get((type, ''))


def read(path: Path) -> tuple[Entry, ...]:
    """Return the entries of one file. LibraryError names the file, the entry and the field."""
    try:
        if path.stat().st_size > FILE_MAX:
            raise LibraryError(f'{path}: larger than {FILE_MAX} bytes')
        said = yaml.safe_load(path.read_text(encoding='utf-8'))
        entries = _File.model_validate({} if said is None else said).models
    except ValidationError as error:
        first = error.errors()[0]
        raise LibraryError(f'{path}: {".".join(map(str, first["loc"]))}: {first["msg"]}') from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        raise LibraryError(f'{path}: {error}') from None
    seen: set[tuple[str, str]] = set()
    for entry in entries:
        if (entry.type, entry.model) in seen:
            raise LibraryError(f'{path}: {entry.type} {entry.model} is there twice')
        seen.add((entry.type, entry.model))
    return entries


def _shipped() -> Path | None:
    """Return the library beside the sources, or where the package was installed; None where there is neither."""
    beside = Path(__file__).resolve().parents[4] / 'config' / FILE
    if beside.exists():
        return beside
    from ament_index_python import PackageNotFoundError, get_package_share_directory
    try:
        return Path(get_package_share_directory('hearthgrid')) / 'config' / FILE
    except PackageNotFoundError:
        return None
