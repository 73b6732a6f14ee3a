"""Inputs of the home's form: fields with a label, and lists with a row for each outlet, channel, plug, …"""
from collections.abc import Awaitable, Callable, Sequence

from nicegui import background_tasks

from hub_nodes.dashboard.home_fields import CHOICE, NODES, NUMBER, SECRET, SWITCH, Field, Table
from hub_nodes.dashboard.home_rows import ROWS_MAX, fresh
from hub_nodes.dashboard.widgets import BEGINS, Tag, button, card

SPARE = 1         # empty rows for more, before they are asked for
TEXT_MAX = 2000   # characters of a field
SETTINGS = 'hg-settings'  # id of the page's list of settings
NONE = 'none'     # how an empty choice reads


class Inputs:
    """The fields of a form by their place, each with its error."""

    def __init__(self) -> None:
        self._inputs: dict[str, Tag] = {}
        self._errors: dict[str, Tag] = {}

    def __contains__(self, place: str) -> bool:
        return place in self._errors

    def labelled(self, field: Field, place: str, value: str) -> None:
        """Make an input with a visible label."""
        with Tag('label', css='field'):
            Tag('span', field.label + (f' [{field.unit}]' if field.unit else ''))
            self._input(field, place, value)

    def cell(self, field: Field, place: str, value: str, name: str, placeholder: str = '') -> None:
        """Make an input of a table; `name` is for a screen reader."""
        with Tag('div', css='field'):
            self._input(field, place, value, True, aria_label=name, placeholder=placeholder or None)

    def _input(self, field: Field, place: str, value: str, box: bool = False, **more) -> None:
        more |= {'name': place, 'aria_describedby': f'error-{place}'}
        if field.kind == CHOICE or (field.kind == SWITCH and not box):
            with Tag('select', **more) as made:
                for choice in field.choices or ('no', 'yes'):
                    Tag('option', choice or NONE, value=choice, selected=True if choice == value else None)
        elif field.kind == SWITCH:
            made = Tag('input', type='checkbox', value='yes', checked=True if value == 'yes' else None, **more)
        else:
            secret = field.kind == SECRET
            made = Tag('input', type='password' if secret else 'text', maxlength=str(TEXT_MAX),
                       inputmode='decimal' if field.kind == NUMBER else None, spellcheck='false',
                       autocomplete='new-password' if secret else 'off',
                       list=SETTINGS if field.place == f'{NODES.part}.{NODES.key}' else None, **{BEGINS: value}, **more)
        self._inputs[place] = made
        self._errors[place] = Tag('em', '', 'refusal', id_=f'error-{place}')

    def say(self, errors: dict[str, str]) -> int:
        """Show each error beside its field; return how many have one."""
        for place, told in self._errors.items():
            told.say(errors.get(place, ''))
            self._inputs[place].put(aria_invalid='true' if place in errors else None)
        return sum(place in self._errors for place in errors)


class Sheet:
    """One list of the file as a table; what is seldom changed of a row is made when it is asked for.

    found : rows that can be taken in.  kept : names whose secret is kept.  opened : called once, as it is opened.
    """

    def __init__(self, inputs: Inputs, table: Table, said: dict[str, str], found: Sequence[dict[str, str]] = (),
                 kept: frozenset[str] = frozenset(), opened: Callable[[], Awaitable] | None = None) -> None:
        self._inputs, self._table, self._said, self._kept = inputs, table, said, kept
        self._more: dict[int, tuple[Tag, Tag, Tag]] = {}
        self._built: set[int] = set()
        self._columns = [column for column in table.columns if not column.more]
        self._rest = [column for column in table.columns if column.more]
        count = sum(place.startswith(f'{table.part}.') and place.endswith(f'.{table.key}') for place in said)
        self._count = count
        with card(table.title, f'home-list home-{table.part.rpartition(".")[2]}', table.hint):
            with Tag('details', css='seldom', open=True if count or found else None) as box:
                Tag('summary', f'{count} in the file' if count else f'None; add a {table.one}')
                with Tag('div', css='table-box'), Tag('table') as self._sheet:
                    self._head()
                    for row in range(count + SPARE):
                        self._row(row, {})
                self._next = count + SPARE
                with Tag('div', css='buttons'):
                    button(f'Add another {table.one}', self._add)
                    for proposed in found:
                        self._proposal(proposed)
        self._box = box
        if opened is not None:
            self._opened = opened
            box.on('toggle', self._open, args=[])
            if count:
                background_tasks.create(opened(), name='settings')

    def _add(self, proposed: dict[str, str] | None = None) -> None:
        if self._next - self._count < ROWS_MAX:
            with self._sheet:
                self._row(self._next, proposed or {})
            self._next += 1

    def _proposal(self, proposed: dict[str, str]) -> None:
        """Make the button that takes in what was heard of."""
        def take() -> None:
            made.put(hidden=True)
            self._add(proposed)
        made = button(f'Take {proposed.get("title") or proposed[self._table.key]} in', take, 'button plain')

    async def _open(self) -> None:
        opened, self._opened = self._opened, None
        if opened is not None:
            await opened()

    def _head(self) -> None:
        with Tag('tr'):
            for column in self._columns:
                Tag('th', column.label + (f' [{column.unit}]' if column.unit else ''), scope='col')
            if self._rest:
                with Tag('th', scope='col'):
                    Tag('span', 'More', 'unseen')

    def _value(self, row: int, column: Field, proposed: dict[str, str]) -> str:
        if row < self._count:
            return self._said.get(f'{self._table.part}.{row}.{column.name}', '')
        return proposed.get(column.name, '') or fresh(self._table, column)

    def _row(self, row: int, proposed: dict[str, str]) -> None:
        title = self._value(row, self._columns[0], proposed) or f'a new {self._table.one}'
        with Tag('tr'):
            for column in self._columns:
                place = f'{self._table.part}.{row}.{column.name}'
                name = f'{column.label} of {title}' if column.name == self._table.key else \
                    f'{column.label}, row {row + 1}'
                hint = ('kept, not shown' if title in self._kept else 'none yet') if column.kind == SECRET else ''
                with Tag('td', data_label=column.label):
                    self._inputs.cell(column, place, self._value(row, column, proposed), name, hint)
            if self._rest:
                with Tag('td', css='home-open'):
                    opener = button('More', lambda row=row: self.open(row), 'button plain', aria_expanded='false',
                                    aria_label=f'More of {title}')
        if self._rest:
            with Tag('tr', hidden=True) as more, Tag('td', colspan=len(self._columns) + 1):
                box = Tag('div', css='home-more')
            self._more[row] = opener, more, box

    def open(self, row: int, close: bool = True) -> None:
        """Show the rest of a row; hide it when it is shown and may be closed."""
        opener, line, box = self._more[row]
        if row not in self._built:
            self._built.add(row)
            with box:
                for column in self._rest:
                    place = f'{self._table.part}.{row}.{column.name}'
                    self._inputs.labelled(column, place, self._value(row, column, {}))
            hide = False
        else:
            hide = close and opener.props.get('aria-expanded') == 'true'
        line.put(hidden=True if hide else None)
        opener.put(aria_expanded='false' if hide else 'true')

    def show(self, errors: dict[str, str]) -> None:
        """Open rows whose hidden fields have errors."""
        if any(place.startswith(f'{self._table.part}.') for place in errors):
            self._box.put(open=None)
            self._box.put(open=True)
        for place in errors:
            part, _, column = place.rpartition('.')
            part, _, row = part.rpartition('.')
            if part == self._table.part and row.isdecimal() and int(row) in self._more and any(
                    column == one.name for one in self._rest):
                self.open(int(row), close=False)
