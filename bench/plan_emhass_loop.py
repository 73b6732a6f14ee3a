"""EMHASS in the closed loop of `plan-value`: the same weeks, tasks, forecasts and inner loop, side by side.

EMHASS runs in the Python of $HEARTHGRID_EMHASS (see plan-speed) and is asked at each of our planning steps for the
coming 24 h: forecasts as `honest` or `perfect` in plan-value (prices as published), what is pending with its deadline,
the battery's charge, 50 % at the end, wear as its discharge weight, a relative gap of EMHASS_GAP (5e-4). `held`: its
battery power is set for the step, as its users do; `tracked`: our inner loop keeps its planned grid power with the
battery. Ours: `one future` takes the forecast for the truth, `honest` weighs what it may miss. HOMES, WEEKS,
VALUE_DATA as in plan-value; WAYS: forecasts with | between (honest|perfect).
"""
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np

from hearthgrid.benchmark import Result, beside

NAME = 'plan-emhass-loop'
PEER = 'HEARTHGRID_EMHASS'
GAP = float(os.environ.get('EMHASS_GAP', '5e-4'))
WAYS = os.environ.get('WAYS', 'honest|perfect').split('|')


def run(progress: Callable[[str], None]) -> list[Result]:
    """Measure; two minutes a home of minutes, most of it EMHASS's."""
    if not os.environ.get(PEER):
        progress(f'left out: set {PEER} to a Python that has EMHASS')
        return []
    value, rows = _plan_value(), []
    for home in value._homes():
        progress(f'{home.name}: knowing it all')
        least, _ = value._known(home)
        own = value.simulate(home, 'own use').cost
        for way in WAYS:
            ours = {f'{way}{value.ONE}': value.simulate(home, f'{way}{value.ONE}')} if way != 'perfect' else {}
            ours |= {way: value.simulate(home, way)}
            for tracked in (False, True):
                progress(f'{home.name}: EMHASS, {way}, {"tracked" if tracked else "held"}')
                with Emhass(value, home, way, tracked) as peer:
                    ours[f'EMHASS {way}, {"tracked" if tracked else "held"}'] = value.simulate(home, way, peer.decide)
            best = (own - ours[way].cost) / (own - least)
            for name, out in ours.items():
                share = (own - out.cost) / (own - least)
                rows.append(Result(
                    f'{home.name}, {name}: captured', 100 * share, '%', 100 * best, f'ours, {way}',
                    goal=f'cost {out.cost:.2f}; peak {out.peak / 1e3:.1f} kW; missed {out.missed}, over {out.over}'))
                if name.startswith('EMHASS'):
                    rows.append(Result(f'{home.name}: ours above {name}', 100 * (best - share), 'points',
                                       goal='no less', holds=best >= share))
    return rows


def _plan_value():
    module = beside('plan_value')
    module.SEEN = module.AHEAD  # both look equally far
    return module


class Emhass:
    """The peer as a controller of one home and week."""

    def __init__(self, value, home, way: str, tracked: bool):
        self._value, self._home, self._way, self._tracked = value, home, way, tracked

    def __enter__(self) -> 'Emhass':
        self._process = subprocess.Popen([os.environ[PEER], str(Path(__file__).parent / 'plan_emhass.py')], text=True,
                                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        return self

    def __exit__(self, *_) -> None:
        self._process.stdin.close()
        self._process.wait(30)

    def decide(self, now: int, energy: float, pending: list) -> list[tuple[tuple, tuple, set[str]]]:
        """Return what the battery does [W], within which charge [kWh], and which tasks run in this step."""
        value, home, step = self._value, self._home, self._home.plan_step
        count = value.AHEAD // step
        load, sun, buy = (value._forecast(home, values, self._way, now, count, name, None) for values, name in (
            (home.load, 'load'), (home.pv, 'pv'), (home.buy, 'buy')))
        jobs = [self._job(task, now, count) for task in pending]
        cell = value.CELL
        asked = {'step': step, 'count': count, 'gap': GAP, 'import_max': value.IMPORT_MAX,
                 'export_max': value.EXPORT_MAX, 'peak_price': 0.0,
                 'battery': {'capacity': cell.capacity, 'power': cell.charge_max,
                             'efficiency': cell.charge_efficiency, 'wear': cell.wear_price,
                             'charge': min(max(float(energy) / cell.capacity, 0.0), 1.0), 'final': 0.5},
                 'problems': [{'load': load.tolist(), 'pv': sun.tolist(), 'buy': buy.tolist(),
                               'sell': [value.EXPORT_PRICE] * count, 'jobs': jobs}]}
        answer = self._answer(asked)
        on = {task.name_of for task, drawn in zip(pending, answer['jobs'], strict=True) if drawn[0] > 1.0}
        if self._tracked:
            return [((answer['grid'][0], answer['grid'][0], 0.0), (0.0, cell.capacity), on)]
        return [((-np.inf, np.inf, answer['battery'][0]), (0.0, cell.capacity), on)]

    def _job(self, task, now: int, count: int) -> dict:
        step = self._home.plan_step
        steps = max(1, int(np.ceil(task.left * 3.6e6 / (task.power * step) - 1e-6)))
        first = max(0, int(np.ceil((task.arrival - now) / step)))
        last = min(count, max(first + steps, int((task.deadline - now) // step)))
        if task.running and task.block:     # it cannot be told that a block has begun, but when it must
            first, last = 0, steps
        return {'power': task.power, 'steps': steps, 'first': first, 'end': last, 'block': task.block}

    def _answer(self, asked: dict) -> dict:
        self._process.stdin.write(json.dumps(asked) + '\n')
        self._process.stdin.flush()
        for line in self._process.stdout:
            if line.startswith('ANSWER'):
                return json.loads(line[len('ANSWER'):])['answers'][0]
        raise RuntimeError(f'EMHASS in {PEER} did not answer')
