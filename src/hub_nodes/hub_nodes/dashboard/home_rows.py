"""The lists of the home file in its form: rows that come, change and go."""
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from hearthgrid_ros.home import Battery, GatewayPlug, Home, NotifyChannel, Outlet
from hub_nodes.dashboard.home_fields import (
    ANY,
    BATTERIES,
    CHANNELS,
    CHOICE,
    NODES,
    OUTLETS,
    PLUGS,
    SECRET,
    SWITCH,
    Field,
    Table,
)
from hub_nodes.dashboard.home_words import read, said, scalar

ROWS_MAX = 1000  # that come at once
MODELS: dict[Table, type[BaseModel]] = {OUTLETS: Outlet, BATTERIES: Battery, CHANNELS: NotifyChannel,
                                        PLUGS: GatewayPlug}


def defaults(model: type[BaseModel], field: Field) -> str:
    """Return what the form shows of a field nobody has set, '' where it has to be."""
    known = model.model_fields.get(field.name)
    return '' if known is None or known.is_required() else said(known.default, field)


def fresh(table: Table, column: Field) -> str:
    """Return what the form shows in a new row."""
    if column.name == table.key or column.kind in (ANY, SECRET):
        return ''
    return defaults(MODELS[table], column) or (column.choices[0] if column.kind == CHOICE else '')


def rows_of(table: Table, home: Home) -> dict[str, str]:
    """Return the rows of a home as fields of its form."""
    if table is NODES:
        named = [(f'{node}.{name}', value) for node, settings in home.nodes.items() for name, value in settings.items()]
        cells = [{'name': name, 'value': '(set, not shown)' if secret(name, value) else scalar(value)}
                 for name, value in named]
    elif table is BATTERIES:
        cells = [{'name': name} | {column.name: said(getattr(battery, column.name), column)
                                   for column in table.columns[1:]} for name, battery in home.batteries.items()]
    else:
        part: Any = home
        for name in table.part.split('.'):
            part = getattr(part, name) if part is not None else None
        cells = [{column.name: said(getattr(one, column.name, None), column) for column in table.columns}
                 for one in part or ()]
    return {f'{table.part}.{row}.{name}': text for row, cell in enumerate(cells) for name, text in cell.items()}


def secret(name: str, value: object) -> bool:
    """Return whether the value of a setting may hold a password."""
    word = name.rpartition('.')[2]
    return any(part in word for part in ('password', 'secret', 'token')) or '@' in str(value)


class Rows:
    """Applies what was typed into rows to the file's tree.

    Afterwards: settings, of nodes, that were set; of channels what is renamed, secret, and in which row.
    """

    def __init__(self, tree: CommentedMap, typed: Mapping[str, str], form: Mapping[str, str], changed: list[str],
                 errors: dict[str, str]) -> None:
        self._tree, self.typed, self._form, self._changed, self._errors = tree, typed, form, changed, errors
        self._kept: dict[str, list[int]] = {}        # of a list: which row of the form each of the file's is
        self._names: dict[str, int] = {}             # of batteries
        self.settings: list[tuple[str, str, object]] = []  # row's place, name, value
        self.renamed: dict[str, str] = {}            # channels: new name → old name
        self.secrets: dict[str, str] = {}            # channels: name → address typed
        self.rows: dict[str, str] = {}               # channels: name → its row's place

    def row(self, table: Table, index: object) -> int:
        """Return the row of the form behind a row of the file."""
        if table is BATTERIES:
            return self._names.get(str(index), 0)
        kept = self._kept.get(table.part, [])
        return kept[index] if isinstance(index, int) and index < len(kept) else 0

    def _walk(self, table: Table) -> Iterator[tuple[int, str, bool, bool]]:
        """Yield number, place, whether it was in the file, and whether it is taken out, of each row that matters."""
        count = sum(name.startswith(f'{table.part}.') and name.endswith(f'.{table.key}') for name in self._form)
        for row in range(count + ROWS_MAX):
            place = f'{table.part}.{row}'
            key = self.typed.get(f'{place}.{table.key}')
            if row >= count and key is None:
                return
            gone = key is not None and not key.strip()
            if gone and row < count:
                self._changed.append(f'{place} is taken out')
            elif gone and any(self.typed.get(f'{place}.{column.name}', '').strip() not in ('', fresh(table, column))
                              for column in table.columns[1:] if column.kind not in (CHOICE, SWITCH)):
                self._errors[f'{place}.{table.key}'] = 'this is needed, or empty the whole row'
            if not gone or row < count:
                yield row, place, row < count, gone

    def apply(self, table: Table) -> None:
        """Apply one table."""
        if table is NODES:
            self._apply_settings()
        elif table is BATTERIES:
            self._apply_batteries()
        else:
            self._apply_list(table)

    def _columns(self, table: Table, place: str, old: bool, target: CommentedMap) -> None:
        """Set what was changed in a row."""
        for column in table.columns:
            name = f'{place}.{column.name}'
            before = self._form.get(name, '') if old else fresh(table, column)
            box = column.kind == SWITCH and not column.more  # a browser does not send one that is not ticked
            new = self.typed.get(name, 'no' if box and f'{place}.{table.key}' in self.typed else before).strip()
            if column.kind == SECRET:
                if new:
                    self._changed.append(name)
                continue
            if column.kind == CHOICE and not old and column.name in self._required(table):
                before = ''
            if new == before:
                continue
            self._changed.append(name)
            if table is BATTERIES and column.name == table.key:
                continue
            try:
                target[column.name] = read(new, column)
            except ValueError as error:
                self._errors[name] = str(error)

    @staticmethod
    def _required(table: Table) -> set[str]:
        return {name for name, known in MODELS[table].model_fields.items() if known.is_required()}

    def _apply_list(self, table: Table) -> None:
        *path, last = table.part.split('.')
        parent = self._tree
        for name in path:
            parent = parent.get(name) if parent is not None else None
        items = parent.get(last) if parent is not None else None
        kept, gone, fresh_rows = [], [], []
        for row, place, old, out in self._walk(table):
            if out:
                gone.append(row)
                continue
            target = items[row] if old else CommentedMap()
            before = self._form.get(f'{place}.{table.key}', '')
            self._columns(table, place, old, target)
            kept.append(row)
            if not old:
                fresh_rows.append(target)
            if table is CHANNELS:
                self._channel(place, str(target.get('name', '')), before)
        if fresh_rows and items is None:
            items = self._made(path, last)
        for target in fresh_rows:
            items.append(target)
        for row in reversed(gone):
            del items[row]
        self._kept[table.part] = kept
        if table is CHANNELS and items is not None and not items:
            self._tree['notify'] = None  # nobody is told: no such node

    def _made(self, path: list[str], last: str) -> CommentedSeq:
        """Return the list at a place of the tree, made with what it stands in."""
        parent = self._tree
        for name in path:
            if parent.get(name) is None:
                parent[name] = CommentedMap()
            parent = parent[name]
        parent[last] = CommentedSeq()
        return parent[last]

    def _channel(self, place: str, name: str, before: str) -> None:
        self.rows[name] = place
        if before and before != name:
            self.renamed[name] = before
        address = self.typed.get(f'{place}.address', '').strip()
        if address:
            self.secrets[name] = address

    def _apply_batteries(self) -> None:
        part = self._tree.get('batteries')
        for row, place, old, out in self._walk(BATTERIES):
            before = self._form.get(f'{place}.name', '')
            if out:
                del part[before]
                continue
            name = self.typed.get(f'{place}.name', before).strip()
            if part is None:
                part = self._tree['batteries'] = CommentedMap()
            if name != before and name in part:
                self._errors[f'{place}.name'] = f'another battery is called {name!r}'
                continue
            target = part.pop(before) if old and name != before else part.get(name)
            part[name] = CommentedMap() if target is None else target
            self._names[name] = row
            self._columns(BATTERIES, place, old, part[name])

    def _apply_settings(self) -> None:
        part = self._tree.get('nodes')
        for _, place, old, out in self._walk(NODES):
            was = self._form.get(f'{place}.name', ''), self._form.get(f'{place}.value', '')
            now = tuple(self.typed.get(f'{place}.{column.name}', text).strip()
                        for column, text in zip(NODES.columns, was, strict=True))
            if now == was:
                continue
            node, _, name = now[0].rpartition('.')
            if not out and not (node and name):
                self._errors[f'{place}.name'] = 'a program and its setting with a dot between, e.g. plan.period'
                continue
            if not out and not now[1]:
                self._errors[f'{place}.value'] = 'a value is needed; empty the setting to go back to its default'
                continue
            try:
                value = None if out else read(now[1], NODES.columns[1])
            except ValueError as error:
                self._errors[f'{place}.value'] = str(error)
                continue
            if old:
                before, _, setting = was[0].rpartition('.')
                if was[1] == now[1]:
                    value = part[before][setting]  # renamed only: also what is not shown
                if out or now[0] != was[0]:
                    del part[before][setting]
                    if not part[before]:
                        del part[before]
            if out:
                continue
            if part is None:
                part = self._tree['nodes'] = CommentedMap()
            if part.get(node) is None:
                part[node] = CommentedMap()
            if name in part[node] and (not old or now[0] != was[0]):
                self._errors[f'{place}.name'] = 'this stands in another row'
                continue
            part[node][name] = value
            self._changed.append(f'{place}.value')
            self.settings.append((place, now[0], value))
