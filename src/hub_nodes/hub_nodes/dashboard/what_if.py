"""What would the plan cost with another battery, other prices, another deadline, or without a device?

The same planner as the `plan` node's plans twice, as things are and changed, in a process of its own: the page goes on
meanwhile. One question at a time, and a rest between two.
"""
import json
import math
import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

from hub_nodes.dashboard import child, values, words
from hub_nodes.dashboard.backend import Answer
from hub_nodes.dashboard.model import HomeModel

REST = 2.0       # between two questions [s]
PATIENCE = 90.0  # with one [s]
BIGGEST = 2_000_000  # answer [byte]


class Asker:
    """Asks the planner in another process. `start` : the command; another one in tests."""

    def __init__(self, model: HomeModel, home_file: str, now: Callable[[], float],
                 start: tuple[str, ...] = (sys.executable, '-m', 'hub_nodes.dashboard.what_if_worker')) -> None:
        self._model, self._home_file, self._now, self._start = model, home_file, now, start
        self._busy, self._free_at = False, -math.inf

    async def ask(self, change: values.Change) -> values.Comparison | Answer:
        """Return both plans in short, or why there are none."""
        wait = self._free_at - time.monotonic()
        if self._busy or wait > 0:
            return Answer(False, 'Another what-if is being worked out, or just was. Try again in a moment.', 'refused')
        self._busy = True
        try:
            return await self._work(json.dumps(self.question(change)).encode())
        finally:
            self._busy, self._free_at = False, time.monotonic() + REST

    def question(self, change: values.Change) -> dict:
        """Return all that the planner has to know."""
        model = self._model
        prices = model.latest(values.Prices)
        return {
            'now': self._now(), 'home_file': self._home_file, 'change': asdict(change),
            'load': _series(model.forecast('base', 'load') or model.forecast('home', 'load')),
            'pv': _series(model.forecast('home', 'pv')), 'buy_ahead': _series(model.forecast('home', 'import_price')),
            'prices': asdict(prices) if prices else None, 'charges': model.charges(),
            'jobs': [asdict(job) for job in model.jobs() if job.status in values.PENDING]}

    async def _work(self, question: bytes) -> values.Comparison | Answer:
        ended = await child.ask(self._start, question, PATIENCE, {**os.environ, 'OMP_NUM_THREADS': '1'})
        if ended is None:
            return Answer(False, 'The planner took too long.', 'absent')
        try:
            told = json.loads(ended[1][:BIGGEST])
            if 'refused' in told:
                return Answer(False, str(told['refused']), 'refused')
            return values.Comparison(told['currency'], values.Outcome(**_whole(told['present'])),
                                     values.Outcome(**_whole(told['changed'])))
        except (ValueError, KeyError, TypeError):
            return Answer(False, 'The planner failed.', 'absent')


def _whole(told: dict) -> dict:
    return {**told, 'reasons': tuple(told['reasons'])}


def _series(forecast: values.Forecast | None) -> dict | None:
    return {'start': forecast.start, 'step': forecast.step, 'values': list(forecast.mean)} if forecast else None


@dataclass(frozen=True)
class Row:
    """A line of the comparison."""

    name: str
    present: str
    changed: str
    difference: str


def table(both: values.Comparison) -> list[Row]:
    """Return the lines of a comparison, with units."""
    def money(amount: float) -> str:
        return words.money(amount, both.currency)

    def energy(amount: float) -> str:
        return words.quantity(amount, 'kWh', 2)

    lines = (('Cost', 'cost', money), ('Bought', 'bought_kwh', energy), ('Sold', 'sold_kwh', energy),
             ('Highest import', 'peak', words.power))
    return [Row(name, say(one), say(other), _signed(other - one, say))
            for name, field, say in lines for one, other in [(getattr(both.present, field),
                                                              getattr(both.changed, field))]]


def _signed(value: float, say: Callable[[float], str]) -> str:
    if not math.isfinite(value):
        return '–'
    return 'the same' if say(abs(value)) == say(0.0) else f'{"+" if value > 0 else "−"}{say(abs(value))}'
