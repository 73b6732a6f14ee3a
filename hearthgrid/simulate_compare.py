"""Controllers and changed homes side by side: the table of `hearthgrid simulate`."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from hearthgrid import simulate
from hearthgrid.simulate_course import Course, flat, invent, read
from hearthgrid.simulate_store import joined
from hearthgrid_ros.home import Battery, Home, Pv

Maker = Callable[[Home], Course]
AS_IS = 'as it is'


@dataclass(frozen=True)
class Change:
    """A what-if: its words, the changed home, and what becomes of its course."""

    words: str
    home: Home
    course: Callable[[Course], Course]


@dataclass(frozen=True)
class Row:
    """One simulation. saved : against doing nothing in the same home [currency]
    captured : of what perfect foresight saves beyond own use [1]     NaN = not computed"""

    home: str
    controller: str
    outcome: simulate.Outcome
    saved: float = math.nan
    captured: float = math.nan


def maker(home: Home, days: int, seed: int, first: date, data: Path | None) -> Maker:
    """Return what makes the course of a home and of its changed sisters: only what was changed differs."""
    if data is None:
        return lambda changed: invent(changed, first, days, seed)
    rated = home.pv.power_max if home.pv else None
    return lambda changed: read(data, changed, days, seed, rated)


def change(text: str, home: Home) -> Change:
    """Return what `battery=20,tariff=flat` means for a home. ValueError says what is possible."""
    courses: list[Callable[[Course], Course]] = []
    parts = [part.strip() for part in text.split(',') if part.strip()]
    if not parts:
        raise ValueError('a what-if needs at least one change, e.g. battery=20')
    for part in parts:
        name, _, value = part.partition('=')
        if name not in CHANGES:
            raise ValueError(f'what if {part!r}? Possible: {", ".join(f"{n}={v[0]}" for n, v in CHANGES.items())}')
        if name == 'tariff':
            if value not in ('flat', 'dynamic'):
                price = _number(part, value)
                courses.append(lambda course, price=price: replace(course, buy=np.full(len(course), price)))
            elif value == 'flat':
                courses.append(flat)
            else:
                home = _with(home, tariff=home.tariff.model_copy(update={'kind': 'dynamic'}))
        elif name == 'sell':
            price = _number(part, value)
            courses.append(lambda course, price=price: replace(course, sell=np.full(len(course), price)))
        else:
            home = CHANGES[name][1](home, _number(part, value, at_least=0.0))

    def changed(course: Course) -> Course:
        for step in courses:
            course = step(course)
        return course

    return Change(', '.join(parts), home, changed)


def compare(home: Home, make: Maker, changes: list[Change], perfect: bool,
            tell: Callable[[str, float], None]) -> list[Row]:  # fmt: skip
    """Return the home under each controller, then each changed home under none and under the plan."""
    tell('the days', 0.0)
    rows, course = [], make(home)
    for name, controller in simulate.CONTROLLERS.items():
        rows.append(Row(AS_IS, name, simulate.run(home, course, controller, lambda share, n=name: tell(n, share))))
    plan = simulate.planned(home, course, lambda share: tell('plan', share))
    best = math.nan
    if perfect:
        known = simulate.planned(home, course, lambda share: tell('perfect foresight', share), perfect=True)
        best = known.cost
    own = rows[1].outcome.cost
    rows.append(Row(AS_IS, 'plan', plan, captured=simulate.captured(own, plan.cost, best)))
    if perfect:
        rows.append(Row(AS_IS, 'perfect foresight', known, captured=1.0))
    rows = [replace(row, saved=rows[0].outcome.cost - row.outcome.cost) for row in rows]
    for what in changes:
        course = what.course(make(what.home))
        idle = simulate.run(what.home, course, simulate.nothing, lambda share, w=what: tell(w.words, share / 2))
        plan = simulate.planned(what.home, course, lambda share, w=what: tell(w.words, (1 + share) / 2))
        rows += [
            Row(what.words, 'doing nothing', idle, 0.0),
            Row(what.words, 'plan', plan, idle.cost - plan.cost),
        ]
    return rows


def table(rows: list[Row], currency: str, days: int):
    """Return the rows as a table for people."""
    from rich.markup import escape
    from rich.table import Table

    made = Table(title=f'{days} day{"s" * (days > 1)}', title_justify='left', box=None, caption_justify='left',
                 caption='cost: bill and wear, less what the battery holds more at the end than at first')
    names = ('home', 'controller', f'cost [{currency}]', 'saved', 'captured', 'peak [kW]', 'import [kWh]',
             'export [kWh]', 'cycles', 'carbon [kg]', 'missed', 'over limit [min]')  # fmt: skip
    for name in names:
        made.add_column(escape(name), justify='left' if name in names[:2] else 'right')
    before = None
    for row in rows:
        o = row.outcome
        made.add_row(
            row.home if row.home != before else '', row.controller, f'{o.cost:.2f}', _shown(row.saved, '.2f'),
            _shown(row.captured, '.1%'), f'{o.peak / 1e3:.2f}', f'{o.imported:.1f}', f'{o.exported:.1f}',
            _shown(o.cycles, '.1f'), _shown(o.carbon, '.1f'), f'{o.missed} of {o.jobs}', f'{o.over}',
        )  # fmt: skip
        before = row.home
    return made


def _shown(value: float, form: str) -> str:
    return '–' if math.isnan(value) else format(value, form)


def _number(part: str, value: str, at_least: float = -math.inf) -> float:
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and number >= at_least):
        raise ValueError(f'what if {part!r}? A number{f" of at least {at_least:g}" if at_least > -math.inf else ""} '
                         f'is needed')  # fmt: skip
    return number


def _with(home: Home, **parts) -> Home:
    """Return the home with parts replaced, checked as its file would be: ValueError."""
    try:
        return Home(**{**home.model_dump(), **{k: v.model_dump() if v is not None else None for k, v in parts.items()}})
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(f'what if {".".join(map(str, first["loc"]))} = {first["input"]}? {first["msg"]}') from None


def _battery(home: Home, **values) -> Home:
    """Return the home with another battery; several are taken as one."""
    one = joined(home)
    return _with(one, battery=(one.battery or Battery()).model_copy(update=values))


def _no_battery(home: Home) -> Home:
    return _with(joined(home), battery=None)


CHANGES: dict[str, tuple[str, Callable[[Home, float], Home] | None]] = {
    'battery': ('kWh', lambda home, kwh: _battery(home, capacity_kwh=kwh) if kwh else _no_battery(home)),
    'battery_power': ('W', lambda home, power: _battery(home, power_max=power)),
    'reserve': ('share', lambda home, share: _battery(home, reserve=share)),
    'pv': ('W', lambda home, power: _with(home, pv=Pv.model_construct(power_max=power) if power else None)),
    'import_max': ('W', lambda home, power: _with(home, supply=home.supply.model_copy(update={'import_max': power}))),
    'tariff': ('flat|dynamic|price', None),
    'sell': ('price', None),
}
