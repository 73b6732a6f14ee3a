"""The pages of devices and of the micro-grid: what they work out before anything is drawn."""
import math
from xml.etree import ElementTree

import numpy as np
import pytest

from hub_nodes.dashboard import charts, devices, microgrid, values, when, words
from hub_nodes.dashboard.model import HomeModel
from hub_nodes.dashboard.views import Limits, OutletView

NOW = 1_790_000_000.0


def outlet(name, priority='comfort', rank=0, **more):
    return OutletView(name, name.title(), '', NOW, True, state=values.State(
        name, NOW, relay='closed', priority=priority, rank=rank), **more)


ORDER = [outlet('oxygen', 'medical'), outlet('fridge', 'refrigeration'), outlet('lamp', rank=0),
         outlet('radio', rank=1), outlet('heater', rank=2)]


def test_the_order_is_class_then_rank():
    shuffled = [ORDER[i] for i in (3, 0, 4, 1, 2)]
    assert [view.outlet for view in microgrid.shed_order(shuffled)] == ['oxygen', 'fridge', 'lamp', 'radio', 'heater']


@pytest.mark.parametrize('who, to, told', [
    ('heater', 3, [('heater', 'comfort', 1), ('radio', 'comfort', 2)]),
    ('lamp', 4, [('radio', 'comfort', 0), ('heater', 'comfort', 1), ('lamp', 'comfort', 2)]),
    ('lamp', 2, []),                                                       # nothing moves
    ('lamp', 1, [('lamp', 'refrigeration', 0), ('fridge', 'refrigeration', 1)]),  # it takes the class it comes to
    ('fridge', 2, [('fridge', 'comfort', 1), ('radio', 'comfort', 2), ('heater', 'comfort', 3)]),
])
def test_who_is_told_what_when_a_row_is_moved(who, to, told):
    assert microgrid.moved(ORDER, who, to) == told


@pytest.mark.parametrize('who, to', [('ghost', 0), ('lamp', -1), ('lamp', 5)])
def test_what_cannot_be_moved(who, to):
    with pytest.raises(ValueError, match='cannot be moved'):
        microgrid.moved(ORDER, who, to)


def island(member='battery', mode='regulate', **more):
    return values.Island(member, **{'stamp': NOW, 'mode': mode, 'epoch': 1, 'leader': 'battery', **more})


def test_the_picture_names_everybody_once():
    speaks = island(committee=('battery', 'fridge'), shed=('heater',))
    drawn = ElementTree.fromstring(microgrid.picture(ORDER, [speaks], speaks, words.title))
    titles = [node.text for node in drawn.iter('title')]
    assert titles == ['Battery: leads', 'Fridge: votes', 'Oxygen: on', 'Fridge: on', 'Lamp: on', 'Radio: on',
                      'Heater: shed']
    assert drawn.get('aria-label') == '2 members vote, 5 outlets, 1 shed, 1 members heard'


def test_a_name_cannot_break_the_picture():
    sly = OutletView('x', '<script>"&', '', NOW, True)
    ElementTree.fromstring(microgrid.picture([sly], [], None, words.title))


@pytest.mark.parametrize('speaks, said', [
    (island(leader=''), 'nobody leads'), (island(provisional=True), 'may only reduce'),
    (island(), 'by majority')])
def test_what_the_leader_may_do(speaks, said):
    assert microgrid.authority(speaks) == said


def test_the_sequence_is_remembered_step_by_step_within_bounds():
    model = HomeModel(limits=Limits(steps=3))
    for i, mode in enumerate(('grid', 'outage', 'outage', 'election', 'join', 'regulate')):
        model.put(island(mode=mode, stamp=NOW + i), NOW + i)
    assert [(step.mode, step.since) for step in model.steps()] == [
        ('regulate', NOW + 5), ('join', NOW + 4), ('election', NOW + 3)]
    assert model.spokesman().mode == 'regulate' and [m.member for m in model.members()] == ['battery']


def test_voltage_and_frequency_of_the_last_minutes():
    model = HomeModel()
    model.put(values.Reading('kettle', NOW, 100.0, 'grid', voltage=229.0, frequency=49.9), NOW)
    model.sample(NOW)
    model.sample(NOW + 1)
    assert model.mains(NOW) == [(NOW + 1, 229.0, 49.9)]
    voltage, frequency = charts.mains_rows(model.mains())
    assert [row[1] for row in voltage] == [229.0, 229.0] and [row[1] for row in frequency] == [49.9, 49.9]


@pytest.mark.parametrize('cost, said', [
    (values.Cost('kettle', 3.5, 1.05, 1.0), '3.50 kWh · 1.05 €'),
    (values.Cost('kettle', 3.5, 0.7, 0.5), '3.50 kWh · 0.70 € for the 50 % whose price is known'),
    (values.Cost('kettle', 3.5), '3.50 kWh'),
    (None, ''),
])
def test_what_a_device_cost(cost, said):
    assert devices.spent(cost, values.Costs(NOW, 'EUR')).replace(words.SPACE, ' ') == said


def test_evidence_in_words():
    found = values.Anomaly('a', NOW, since=NOW - 3600, probability=0.97, wasted_energy_kwh=1.234, wasted_money=0.37,
                           currency='EUR')
    said = words.evidence(found).replace(words.SPACE, ' ')
    assert said.endswith('97 % sure, 1.23 kWh wasted (0.37 €)') and said.startswith('since ')
    assert words.evidence(values.Anomaly('a', NOW)) == ''


@pytest.mark.parametrize('identity, said', [
    (values.Identity('o', NOW, note='known to waste energy.', rated_power=120.0), 'Known to waste energy. Rated 120 W'),
    (values.Identity('o', NOW, rated_power=2200.0), 'Rated 2.20 kW'), (values.Identity('o', NOW), ''), (None, '')])
def test_the_nameplate(identity, said):
    assert words.nameplate(identity).replace(words.SPACE, ' ') == said


def waveform(current):
    angle = 2 * np.pi * np.arange(256) / 128
    return values.Waveform('o', NOW, 6400.0, 50.0, 325.0 * np.sin(angle), current * np.sin(angle))


@pytest.mark.parametrize('current, height', [(10.0, 27.0), (0.01, 27.0 * 0.01 / 0.05)])
def test_the_small_picture_is_scaled_but_noise_is_not_blown_up(current, height):
    drawn = ElementTree.fromstring(charts.loop_picture(waveform(current)))
    ys = [float(pair.split(',')[1]) for pair in drawn.find('polygon').get('points').split()]
    assert max(ys) - 30.0 == pytest.approx(height, rel=0.02, abs=0.1)


def test_no_window_no_picture():
    assert charts.loop_picture(None) == '' and charts.loop_picture(values.Waveform(
        'o', NOW, 6400.0, 50.0, np.zeros(256), np.zeros(256))) == ''


def test_the_month_begins_at_local_midnight_of_its_first():
    when.use('Europe/Berlin')
    try:
        begin = when.month_start(NOW)
        assert when.local(begin).strftime('%d %H:%M:%S') == '01 00:00:00' and 0 < NOW - begin < 31 * 86_400
        assert math.isclose(when.month_start(begin), begin)
    finally:
        when.use('')
