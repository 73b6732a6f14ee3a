"""The home file as a form: read, changed where it was changed, checked as a whole, and written with its comments.

A field's name is its place in the file: `tariff.sell`, `outlets.3.title`. Nothing is written unless all is a home.
"""
import asyncio
import hashlib
import io
import re
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml
from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import YAMLError

from hearthgrid_ros import durable
from hearthgrid_ros.home import Battery, GridService, Home, HomeError, Market, Pv, parse
from hub_nodes.dashboard.backend import Answer
from hub_nodes.dashboard.home_addresses import AddressBook
from hub_nodes.dashboard.home_fields import FIELDS, OPTIONAL, TABLES
from hub_nodes.dashboard.home_rows import Rows, defaults, rows_of
from hub_nodes.dashboard.home_settings import Catalogue
from hub_nodes.dashboard.home_words import read, said, wrong
from hub_nodes.dashboard.rows import Refused

BACKUPS = 10
MODELS = {'pv': Pv, 'battery': Battery, 'market': Market, 'grid_service': GridService}


@dataclass(frozen=True)
class Saved:
    """What came of saving. errors : words by field, '' for the whole.  changed : places that differ now."""

    errors: Mapping[str, str]
    changed: tuple[str, ...] = ()
    backup: str = ''


class HomeEditor:
    """Reads and writes one file. `first` : where to begin while it does not exist yet.

    catalogue : of the settings of nodes.  addresses : of channels; None: they are kept nowhere.
    """

    def __init__(self, path: str, first: str = '', catalogue: Catalogue | None = None,
                 addresses: AddressBook | None = None) -> None:
        self.path, self._first, self._lock = Path(path), Path(first) if first else None, threading.Lock()
        self.catalogue, self.addresses = catalogue or Catalogue(), addresses or AddressBook('', '')

    @property
    def new(self) -> bool:
        """Whether nobody has kept a home of their own yet."""
        return not self.path.exists()

    def text(self) -> str:
        """Return the file as it is. Refused when it cannot be read."""
        path = self._first if self.new and self._first else self.path
        try:
            return path.read_text(encoding='utf-8')
        except (OSError, UnicodeDecodeError) as error:
            raise Refused(f'{path}: {getattr(error, "strerror", None) or error}') from None

    def form(self, text: str) -> dict[str, str]:
        """Return the fields of a home file. Refused when it is none. No secret is among them."""
        try:
            home = parse(text, str(self.path))
        except HomeError as error:
            raise Refused(str(error)) from None
        shown = {}
        for field in FIELDS:
            part = getattr(home, field.part) if field.part else home
            if part is None and field.part in MODELS and field.name not in OPTIONAL[field.part]:
                shown[field.place] = defaults(MODELS[field.part], field)
            else:
                shown[field.place] = said(getattr(part, field.name, None), field)
        for table in TABLES:
            shown |= rows_of(table, home)
        return shown

    def kept(self, text: str) -> frozenset[str]:
        """Return the channels of a home file whose address is kept."""
        return self.addresses.known(parse(text, str(self.path)))

    def save(self, typed: Mapping[str, str], before: str) -> Saved:
        """Keep a form that began with the text `before`. Rows without an id are left out. Refused when it cannot be."""
        with self._lock:
            text = self.text()
            if text != before:
                raise Refused('the file was changed meanwhile by somebody else; load this page again')
            made, rows, changed, errors = self._applied(text, typed)
            errors = errors or _checked(made, rows) or self._settings(rows)
            if errors or not changed:
                return Saved(errors)
            home = Home(**yaml.safe_load(made))
            errors = self.addresses.check(home, rows)
            if errors:
                return Saved(errors)
            self.addresses.keep(home, rows)
            return Saved({}, tuple(changed), self._write(made))

    def _settings(self, rows: Rows) -> dict[str, str]:
        """Return what is wrong with settings of nodes that were changed."""
        return self.catalogue.check(rows.settings) if rows.settings else {}

    def _applied(self, text: str, typed: Mapping[str, str]) -> tuple[str, Rows, list[str], dict[str, str]]:
        """Return the text with the form's changes, its rows, what changed, and what is no value."""
        form, errors, changed = self.form(text), {}, []
        coder = _coder(text)
        try:
            tree = coder.load(text)
        except YAMLError as error:
            raise Refused(str(error)) from None
        gone = {part for part in OPTIONAL if self._absent(part, typed, form, errors)}
        for field in FIELDS:
            new = typed.get(field.place, form[field.place]).strip()
            if new == form[field.place]:
                continue
            changed.append(field.place)
            if field.part in gone:
                tree[field.part] = None
                continue
            part = tree
            if field.part:
                if tree.get(field.part) is None:
                    tree[field.part] = CommentedMap()
                part = tree[field.part]
            try:
                part[field.name] = read(new, field)
            except ValueError as error:
                errors[field.place] = str(error)
        rows = Rows(tree, typed, form, changed, errors)
        for table in TABLES:
            section = table.part.partition('.')[0]
            if section not in gone or not any(form[f'{section}.{name}'] for name in OPTIONAL[section]):
                rows.apply(table)
        file = io.StringIO()
        coder.dump(tree, file)
        return file.getvalue(), rows, changed, errors

    @staticmethod
    def _absent(part: str, typed: Mapping[str, str], form: dict[str, str], errors: dict[str, str]) -> bool:
        """Return whether the form leaves a part out. What it says of a part that was not there is said to be lost."""
        keys = [f'{part}.{name}' for name in OPTIONAL[part]]
        if any(typed.get(key, form[key]).strip() for key in keys):
            return False
        if not any(form[key] for key in keys):
            for field in FIELDS:
                new = typed.get(field.place, form[field.place]).strip()
                if field.part == part and new not in ('', form[field.place]):
                    errors[keys[0]] = 'this is needed with the fields below'
        return True

    def _write(self, text: str) -> str:
        """Write the file whole or not at all; return where the old one is kept, '' = there was none."""
        folder, backup = self.path.parent, ''
        try:
            folder.mkdir(parents=True, exist_ok=True)
            mode = 0o600
            if not self.new:
                mode = self.path.stat().st_mode & 0o777
                kept = self.path.with_name(f'{self.path.name}.{time.strftime("%Y%m%d-%H%M%S")}.bak')
                kept.write_bytes(self.path.read_bytes())
                kept.chmod(mode)
                backup = str(kept)
            durable.replace(self.path, text.encode(), mode)
            for old in sorted(folder.glob(f'{self.path.name}.*.bak'))[:-BACKUPS]:
                old.unlink(missing_ok=True)
        except OSError as error:
            raise Refused(f'{error.filename or self.path} cannot be written: {error.strerror}') from None
        return backup


def mark_of(text: str) -> str:
    """Return what tells one text of the file from another."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]


async def saved(editor: HomeEditor, typed: dict[str, str], before: str) -> Saved | Answer:
    """Have the editor save, off the loop."""
    try:
        return await asyncio.to_thread(editor.save, typed, before)
    except Refused as refusal:
        return Answer(False, str(refusal), 'refused')


def _coder(text: str) -> YAML:
    """Return what reads and writes YAML with its comments, indented as the file is."""
    coder = YAML()
    coder.preserve_quotes, coder.width = True, 4096
    dash = re.search(r'^outlets:.*\n(?:\s*#.*\n)*( *)- ', text, re.MULTILINE)
    offset = len(dash.group(1)) if dash else 2
    coder.indent(mapping=2, sequence=offset + 2, offset=offset)
    return coder


def _checked(text: str, rows: Rows) -> dict[str, str]:
    """Return what is wrong with a home file, in words by field."""
    try:
        Home(**yaml.safe_load(text))
    except ValidationError as error:
        errors: dict[str, str] = {}
        for one in error.errors():
            place, words = _place(one['loc'], rows), wrong(one)
            errors[place] = f'{errors[place]}; {words}' if place in errors else words
        return errors
    except (yaml.YAMLError, TypeError) as error:
        return {'': str(error)[:300]}
    return {}


def _place(loc: tuple, rows: Rows) -> str:
    """Return the field of the form beside which an error of the file is said, '' = it is about the whole."""
    for table in TABLES:
        parts = tuple(table.part.split('.'))
        depth = len(parts)
        if loc[:depth] == parts and len(loc) > depth:
            row = f'{table.part}.{rows.row(table, loc[depth])}'
            named = {column.name for column in table.columns}
            column = str(loc[depth + 1]) if len(loc) > depth + 1 else ''
            return f'{row}.{column if column in named else table.key}'
    place = '.'.join(map(str, loc[:2]))
    places = [field.place for field in FIELDS]
    if place in places:
        return place
    first = str(loc[0]) if loc else ''
    if first in places:
        return first
    return next((known for known in places if first and known.startswith(f'{first}.')), '')
