"""`hearthgrid doctor` knows every light there is."""

import ast
import json
from pathlib import Path

import pytest

from hearthgrid import doctor, doctor_lights, supervisor
from hearthgrid.bringup import HUB

ROOT = Path(__file__).resolve().parent.parent
# Lights whose name is not written where they are set.
NAMED = {
    'sim_nodes/world.py': ('setpoints', 'regulator'),
    'plan/inputs.py': ('forecasts', 'prices', 'jobs', 'grid limit'),
    'adapters/market.py': ('prices', 'weather'),
}


def node_of(path):
    """Return the node that a source file belongs to, empty where any may."""
    parts = [part for part in (*path.parts[:-1], path.stem) if part not in ('src', 'node', 'settings')]
    known = {name for name, *_ in HUB} | {'world', 'outlet', 'consensus'}
    if 'outlet_node' in parts:
        return 'consensus' if parts[-1] in ('consensus', 'ballots', 'voter') else 'outlet'
    return next((part for part in reversed(parts) if part in known), '')


def lights():
    """Yield (node, check, where) of every `health.check(…)` in the sources."""
    for package in ('hub_nodes/hub_nodes', 'outlet_node/outlet_node', 'sim_nodes/sim_nodes', 'ros/hearthgrid_ros'):
        for path in sorted((ROOT / 'src' / package).rglob('*.py')):
            for call in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
                if not isinstance(call, ast.Call) or not ast.unparse(call.func).endswith('health.check'):
                    continue
                name, where = call.args[0], f'{path.relative_to(ROOT)}:{call.lineno}'
                if isinstance(name, ast.Constant):
                    yield node_of(path.relative_to(ROOT)), name.value, where
                elif isinstance(name, ast.JoinedStr) and isinstance(name.values[0], ast.Constant):
                    yield node_of(path.relative_to(ROOT)), f'{name.values[0].value}x', where
                else:
                    names = next((found for tail, found in NAMED.items() if str(path).endswith(tail)), None)
                    assert names, f'{where}: which lights are these? Tell `NAMED`'
                    yield from ((node_of(path.relative_to(ROOT)), one, where) for one in names)


def test_every_light_is_explained_with_a_remedy():
    found = list(lights())
    assert len(found) > 90
    missing = sorted({f'{where} {node}: {check}' for node, check, where in found
                      if doctor_lights.explain(node, check) is None})  # fmt: skip
    assert missing == [], 'hearthgrid/doctor_lights.py does not know them'
    for key, (meaning, remedy) in doctor_lights.LIGHTS.items():
        assert len(meaning) > 10 and meaning[-1] in '.' and len(remedy) > 6 and remedy[-1] in '.', key


def test_no_light_is_explained_that_is_not_there():
    there = {'start'}
    for node, check, _ in lights():
        there |= {check, f'{node}: {check}', f'{node}: {check.split(" ")[0]}'}
    assert set(doctor_lights.LIGHTS) - there == set()


def test_a_light_is_told_with_its_meaning():
    heard = {
        'home/store: queue': (1, 'readings are dropped'),
        'home/plan: plan': (0, 'fine'),
        'home/kettle/outlet: protection': (2, 'tripped'),
        'x/y: z': (2, '?'),
    }
    told = list(doctor_lights.lines((name, *one) for name, one in heard.items()))
    assert [level for _, level, _ in told] == ['error', 'warning', 'error']
    assert [name for name, _, _ in told] == ['home/kettle/outlet: protection', 'home/store: queue', 'x/y: z']
    assert 'Unplug the device' in told[0][2] and 'No event is ever dropped' in told[1][2]
    assert 'log' in told[2][2]


@pytest.mark.parametrize('content, level', [(None, 'ok'), (b'no database', 'error')])
def test_the_database_is_looked_at(content, level, tmp_path):
    if content is not None:
        (tmp_path / 'hearthgrid.db').write_bytes(content)
    assert doctor._database(tmp_path)[0] == level


def test_a_database_elsewhere_is_looked_at(tmp_path):
    from hub_nodes.store.place import remember

    remember(tmp_path, 'influxdb://home:secret@127.0.0.1:1/x')
    level, text = doctor._server(tmp_path)
    assert level == 'error' and '127.0.0.1:1' in text and 'secret' not in text
    remember(tmp_path, '')
    assert doctor._server(tmp_path)[0] == 'ok'


def test_a_log_line_as_json():
    line = '[WARN] [1750032000.125] [home.store]: database: "the disk" is full, Küche\n'
    told = json.loads(supervisor.structured('hub', line))
    assert told == {'time': 1750032000.125, 'level': 'warn', 'process': 'hub', 'node': 'home.store',
                    'text': 'database: "the disk" is full, Küche'}  # fmt: skip
    other = json.loads(supervisor.structured('hub', 'Traceback (most recent call last):\n'))
    assert other['text'].startswith('Traceback') and other['level'] == '' and other['time'] > told['time']
    assert supervisor.structured('hub', line).count('\n') == 1


def test_a_doctor_does_not_fall_ill():
    def ill():
        raise RuntimeError('oh')

    assert doctor._look('x', ill) == doctor.Finding('x', 'error', 'RuntimeError: oh')
