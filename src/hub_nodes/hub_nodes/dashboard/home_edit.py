"""The home file as a form: read, changed where it was changed, checked as a whole, and written with its comments.

A field's name is its place in the file: `tariff.sell`, `outlets.3.title`. Nothing is written unless all is a home.
"""
import asyncio
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
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from hearthgrid_ros import durable
from hearthgrid_ros.home import Home, HomeError, Outlet, parse
from hub_nodes.dashboard.backend import Answer
from hub_nodes.dashboard.rows import Refused

BACKUPS = 10
ROWS_MAX = 1000
TEXT, NUMBER, CHOICE, SWITCH = 'text', 'number', 'choice', 'switch'


@dataclass(frozen=True)
class Field:
    """What a person may change. part : of the file, '' = the home itself.  unit : of what the file holds."""

    part: str
    name: str
    label: str
    kind: str = TEXT
    choices: tuple[str, ...] = ()
    unit: str = ''

    @property
    def place(self) -> str:
        """Its name in the form."""
        return f'{self.part}.{self.name}' if self.part else self.name


PRIORITIES = ('comfort', 'deferrable', 'essential', 'safety', 'refrigeration', 'medical')
FIELDS = (
    Field('', 'name', 'Name, in small letters'), Field('', 'timezone', 'Time zone'),
    Field('supply', 'voltage', 'Mains voltage', NUMBER, unit='V'),
    Field('supply', 'frequency', 'Mains frequency', CHOICE, ('50', '60'), 'Hz'),
    Field('supply', 'import_max', 'Main fuse', NUMBER, unit='W'),
    Field('supply', 'export_max', 'Most that may be sold', NUMBER, unit='W'),
    Field('tariff', 'kind', 'Price of energy', CHOICE, ('dynamic', 'daily')),
    Field('tariff', 'currency', 'Currency, e.g. EUR'),
    Field('tariff', 'fees', 'Added to an hourly price', NUMBER, unit='a kWh'),
    Field('tariff', 'buy', 'Daily prices, e.g. 00:00 0.25, 06:00 0.32'),
    Field('tariff', 'sell', 'Paid for what is sold', NUMBER, unit='a kWh'),
    Field('pv', 'power_max', 'Solar panels, empty = none', NUMBER, unit='W'),
    Field('battery', 'capacity_kwh', 'Battery holds, empty = none', NUMBER, unit='kWh'),
    Field('battery', 'power_max', 'Battery gives and takes', NUMBER, unit='W'),
    Field('battery', 'reserve', 'Kept for outages, 0 to 0.9', NUMBER, unit='share'),
)
COLUMNS = (
    Field('outlets', 'id', 'Id'), Field('outlets', 'title', 'Name'), Field('outlets', 'room', 'Room'),
    Field('outlets', 'priority', 'In an outage', CHOICE, PRIORITIES),
    Field('outlets', 'appliance', 'Appliance'),
    Field('outlets', 'always_on', 'Always on', SWITCH),
    Field('outlets', 'deferrable', 'Takes jobs', SWITCH),
)
OPTIONAL = {'pv': 'power_max', 'battery': 'capacity_kwh'}  # parts a home may lack: without this field it does


@dataclass(frozen=True)
class Saved:
    """What came of saving. errors : words by field, '' for the whole.  changed : places that differ now."""

    errors: Mapping[str, str]
    changed: tuple[str, ...] = ()
    backup: str = ''


class HomeEditor:
    """Reads and writes one file. `first` : where to begin while it does not exist yet."""

    def __init__(self, path: str, first: str = '') -> None:
        self.path, self._first, self._lock = Path(path), Path(first) if first else None, threading.Lock()

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
        """Return the fields of a home file. Refused when it is none."""
        try:
            home = parse(text, str(self.path))
        except HomeError as error:
            raise Refused(str(error)) from None
        said = {field.place: _said(getattr(home, field.part) if field.part else home, field) for field in FIELDS}
        for row, outlet in enumerate(home.outlets):
            said |= {f'outlets.{row}.{field.name}': _said(outlet, field) for field in COLUMNS}
        return said

    def save(self, said: Mapping[str, str], before: str) -> Saved:
        """Keep a form that began with the text `before`. Rows without an id are left out. Refused when it cannot be."""
        with self._lock:
            text = self.text()
            if text != before:
                raise Refused('the file was changed meanwhile by somebody else; load this page again')
            made, changed, errors = self._applied(text, said)
            errors = errors or _checked(made)
            if errors or not changed:
                return Saved(errors)
            return Saved({}, changed, self._write(made))

    def _applied(self, text: str, said: Mapping[str, str]) -> tuple[str, tuple[str, ...], dict[str, str]]:
        """Return the text with the form's changes, what changed, and what is no value."""
        form, errors, changed = self.form(text), {}, []
        coder = _coder(text)
        try:
            tree = coder.load(text)
        except YAMLError as error:
            raise Refused(str(error)) from None
        for field in FIELDS:
            new = said.get(field.place, form[field.place]).strip()
            if new == form[field.place]:
                continue
            changed.append(field.place)
            if field.part in OPTIONAL and not said.get(f'{field.part}.{OPTIONAL[field.part]}', '').strip():
                tree[field.part] = None
                continue
            part = tree
            if field.part:
                if tree.get(field.part) is None:
                    tree[field.part] = CommentedMap()
                part = tree[field.part]
            _set(part, field, new, field.place, errors)
        self._rows(tree, said, form, changed, errors)
        file = io.StringIO()
        coder.dump(tree, file)
        return file.getvalue(), tuple(changed), errors

    @staticmethod
    def _rows(tree, said: Mapping[str, str], form: dict[str, str], changed: list[str], errors: dict[str, str]) -> None:
        gone = []
        count = len(tree['outlets'])
        for row in range(min(ROWS_MAX, count + ROWS_MAX)):
            place = f'outlets.{row}'
            if row >= count and f'{place}.id' not in said:
                break
            if row < count and f'{place}.id' in said and not said[f'{place}.id'].strip():
                gone.append(row)
                changed.append(f'{place} is taken out')
                continue
            if row >= count and not said[f'{place}.id'].strip():
                continue
            outlet = tree['outlets'][row] if row < count else CommentedMap()
            for field in COLUMNS:
                name = f'{place}.{field.name}'
                old = form.get(name, _said(Outlet(id='new'), field) if field.name != 'id' else '')
                absent = 'no' if field.kind == SWITCH and f'{place}.id' in said else old
                new = said.get(name, absent).strip()
                if new != old:
                    changed.append(name)
                    _set(outlet, field, new, name, errors)
            if row >= count:
                tree['outlets'].append(outlet)
        for row in reversed(gone):
            del tree['outlets'][row]

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


async def saved(editor: HomeEditor, said: dict[str, str], before: str) -> Saved | Answer:
    """Have the editor save, off the loop."""
    try:
        return await asyncio.to_thread(editor.save, said, before)
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


def _said(part, field: Field) -> str:
    """Return a value as the form shows it."""
    value = getattr(part, field.name, None) if part is not None else None
    if value is None:
        return ''
    if field.name == 'buy':
        return ', '.join(f'{step.start} {step.price:g}' for step in value)
    if field.kind == SWITCH:
        return 'yes' if value else 'no'
    return f'{value:.10g}' if isinstance(value, float) else str(value)


def _set(part, field: Field, said: str, place: str, errors: dict[str, str]) -> None:
    if field.name == 'buy':
        steps = []
        for one in filter(None, (one.strip() for one in said.split(','))):
            start, _, price = one.partition(' ')
            try:
                steps.append({'start': DoubleQuotedScalarString(start), 'price': float(price)})
            except ValueError:
                errors[place] = f'{one[:20]!r} is no time and price, e.g. 06:00 0.32'
        part[field.name] = steps
    elif field.kind == NUMBER or field.name == 'frequency':
        try:
            number = float(said)
            part[field.name] = int(number) if number.is_integer() else number
        except (ValueError, OverflowError):
            errors[place] = 'this is no number' if said else 'a number is needed'
    elif field.kind == SWITCH:
        part[field.name] = said == 'yes'
    else:
        part[field.name] = _plain(said)


def _plain(text: str) -> str:
    """Return a text that is read back as one: quoted where YAML would take it for something else (no, 12:30)."""
    try:
        same = yaml.safe_load(text) == text
    except yaml.YAMLError:
        same = False
    return text if same else DoubleQuotedScalarString(text)


def _checked(text: str) -> dict[str, str]:
    """Return what is wrong with a home file, in words by field."""
    places = {field.place for field in FIELDS}
    try:
        Home(**yaml.safe_load(text))
    except ValidationError as error:
        errors: dict[str, str] = {}
        for one in error.errors():
            place = '.'.join(str(part) for part in one['loc'])
            place = next((known for known in (place, '.'.join(place.split('.')[:2])) if known in places
                          or re.fullmatch(r'outlets\.\d+\.\w+', known)), '')
            words = one['msg'].removeprefix('Value error, ')
            errors[place] = f'{errors[place]}; {words}' if place in errors else words
        return errors
    except (yaml.YAMLError, TypeError) as error:
        return {'': str(error)[:300]}
    return {}
