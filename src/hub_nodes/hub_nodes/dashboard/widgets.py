"""The few building blocks of the pages: native elements, which keyboards and screen readers know, and charts.

Everything here sends to the browser only what changed. What a person looks at already is changed in place: texts and
attributes of one moment go as one message past the framework, which would draw the whole page anew for each.
"""
import asyncio
import itertools
import weakref
from collections.abc import Awaitable, Callable, Sequence
from urllib.parse import quote

from nicegui import Client, json, ui
from nicegui.elements.mixins.text_element import TextElement

from hub_nodes.dashboard.backend import Answer
from hub_nodes.dashboard.chart_table import columns

_serial = itertools.count(1)
_patches: 'weakref.WeakKeyDictionary[Client, Patches]' = weakref.WeakKeyDictionary()


class Patches:
    """Texts and attributes that changed in this turn of the loop, for one open page."""

    def __init__(self, client: Client) -> None:
        self._client, self._rows = weakref.ref(client), []

    def add(self, *row) -> None:
        """Send `row` at the end of this turn: element, text; or element, attribute, value (None removes it)."""
        if not self._rows:
            asyncio.get_running_loop().call_soon(self._send)
        self._rows.append(row)

    def _send(self) -> None:
        client, rows = self._client(), self._rows
        self._rows = []
        if client is not None and not client.is_deleted:
            client.run_javascript(f'hearthgrid.patch({json.dumps(rows)})')


def _open(element: TextElement) -> Patches | None:
    """Return where changes of an element go that a browser holds already, None while its page is not there yet."""
    client = element.client
    if element.is_deleted or not client.has_socket_connection:
        return None
    if client not in _patches:
        _patches[client] = Patches(client)
    return _patches[client]


FORM = '(e) => emit(Object.fromEntries(new FormData(e.target)))'  # what a form sends: its names and texts
FORM_EMPTIED = '(e) => { emit(Object.fromEntries(new FormData(e.target))); e.target.reset(); }'
LIVE = ('value', 'checked', 'selected')  # what an element is, and its attribute only begins with
BEGINS = '^value'  # what an input begins with: the framework would put a `value` back over what was typed since


class Tag(TextElement):
    """An HTML element with text. Attributes are keywords: `aria_label`, `data_state`, …; None leaves one out."""

    def __init__(self, tag: str, text: str = '', css: str = '', **attributes) -> None:
        super().__init__(tag=tag, text=text)
        if css:
            self.classes(css)
        for name, value in attributes.items():
            if value is not None:
                self._props[_dashed(name)] = value

    @property
    def address(self) -> str:
        """What the document calls it."""
        return self._props.get('id') or f'c{self.id}'

    def say(self, text: str) -> None:
        """Show `text` from now on."""
        if self._text == text:
            return
        self._text = text  # not `text`: that one would be sent by the framework
        patches = _open(self)
        if patches is None:
            self.update()
        else:
            patches.add(self.address, text)

    def put(self, **attributes) -> None:
        """Set attributes; None removes one."""
        for name, value in attributes.items():
            key = _dashed(name)
            if self._props.get(key) == value:
                continue
            patches = _open(self) if key not in LIVE else None
            with self._props.suspend_updates():
                if value is None:
                    self._props.pop(key, None)
                else:
                    self._props[key] = value
            if patches is None:
                self.update()
            else:
                patches.add(self.address, key, value)


def _dashed(name: str) -> str:
    return name.rstrip('_').replace('_', '-')


def button(text: str, on_click: Callable[[], Awaitable[None] | None], css: str = 'button', **attributes) -> Tag:
    """Return a native button."""
    made = Tag('button', text, css, type='button', **attributes)
    made.on('click', lambda: on_click(), args=[])
    return made


def texts(args, most: int | None = 64) -> dict[str, str]:
    """Return what an event of a page said, names and texts of at most `most` characters; nothing of what is no form."""
    return {str(key): str(value)[:most] for key, value in args.items()} if isinstance(args, dict) else {}


def card(title: str, css: str = '', hint: str = '') -> Tag:
    """Return a titled section, to be used as a context for what is in it."""
    name = f'hg-title-{next(_serial)}'
    section = Tag('section', css=f'card {css}'.strip(), aria_labelledby=name)
    with section, Tag('header', css='card-head'):
        Tag('h2', title, id_=name)
        if hint:
            Tag('p', hint, 'hint')
    return section


def outlet_url(outlet: str) -> str:
    """Return where the page of an outlet is."""
    return f'/outlet/{quote(outlet, safe="")}'


class Fact:
    """A number with its name, in a definition list."""

    def __init__(self, name: str) -> None:
        with Tag('div', css='fact'):
            Tag('dt', name)
            self._value = Tag('dd', '–')

    def say(self, text: str) -> None:
        """Show a value with its unit."""
        self._value.say(text)


def tell(answer: Answer) -> None:
    """Tell the person what came of what they asked."""
    ui.notify(answer.text, position='bottom', timeout=5000 if answer.ok else 9000, classes='note',
              actions=[{'label': 'Close', 'color': 'white', 'dense': True, 'noCaps': True}],
              caption=None if answer.ok else 'Not done')


class Chart:
    """A chart made once, then given rows (see `charts`): `show` sends series that changed, `follow` only new points.

    The page says under it, to a screen reader, what is least and most, and makes a table of its points when asked.
    """

    def __init__(self, options: dict, label: str, css: str = 'chart', empty: str = '') -> None:
        self._shown: list = [None] * len(options['series'])
        self._sources: tuple = ()
        with Tag('div', css='chart-whole'):
            with Tag('div', css='chart-box'):
                self.element = ui.echart(options, renderer='svg').classes(css)
                summary = f'hg-chart-{self.element.id}'
                self.element._props.update({'role': 'img', 'aria-label': label, 'aria-describedby': summary})
                self._empty = Tag('p', empty, 'chart-empty') if empty else None
            Tag('p', '', 'unseen', id_=summary)
            with Tag('details', css='chart-table', data_chart=str(self.element.id),
                     data_columns=json.dumps(columns(options))):
                Tag('summary', 'As a table', aria_label=f'As a table: {label}')
                Tag('div', css='table-box', role='region', tabindex='0', aria_label=label)

    def show(self, rows: list, **more) -> None:
        """Show `rows`, one list of points a series; `more` are further options, sent when a series changed."""
        changed = [i for i, row in enumerate(rows) if row != self._shown[i]]
        if not changed:
            return
        self._shown = list(rows)
        self._note(rows)
        self._call('set', {**more, 'series': [{'id': str(i), 'data': rows[i]} for i in changed]})

    def draw(self, rows: Callable[..., list], *sources, **more) -> None:
        """Show `rows(*sources)`, worked out only when a source is another object (or number) than last time."""
        if len(sources) == len(self._sources) and all(
                new is old or (isinstance(new, (int, float)) and new == old)
                for new, old in zip(sources, self._sources, strict=True)):
            return
        self._sources = sources
        self.show(rows(*sources), **more)

    def follow(self, samples: Sequence[tuple], last: float, to_rows: Callable[[list], list], keep: float) -> float:
        """Append what is newer than `last` [s], drop what is older than `keep` [s], and return the newest time. [s]

        samples : begin with their time, which rises. Should they end before `last`, the clock was set back: all is new.
        """
        if not samples:
            return last
        newest = samples[-1][0]
        if newest < last:
            self.show(to_rows(list(samples)))
        elif newest > last:
            rows = to_rows([sample for sample in samples if sample[0] > last])
            self._shown = [None] * len(rows)
            self._note(rows)
            self._call('extend', rows, round(keep * 1e3))
        return newest

    def _note(self, rows: list) -> None:
        if self._empty is not None:
            self._empty.put(hidden=None if not any(rows) else True)

    def _call(self, method: str, *arguments) -> None:
        ui.run_javascript(f'hearthgrid.{method}({self.element.id}, {", ".join(map(json.dumps, arguments))})')
