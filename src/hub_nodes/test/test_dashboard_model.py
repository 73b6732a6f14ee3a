"""What the page knows: the latest, short histories, totals, and where the home stands."""
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub_nodes.dashboard.model import HomeModel
from hub_nodes.dashboard.status import health, plain, status
from hub_nodes.dashboard.values import (
    Anomaly,
    Battery,
    DevicePlan,
    Forecast,
    Identity,
    Island,
    Plan,
    Prices,
    Reading,
    Request,
    State,
    Tie,
    Weather,
)
from hub_nodes.dashboard.views import Limits, Place

NAN, NOW = math.nan, 1_000_000.0


def home(*given, places=(), limits=Limits(), at=NOW):  # noqa: B008
    model = HomeModel(places, limits)
    for value in given:
        model.put(value, at)
    return model


def reading(outlet, power, at=NOW, **more):
    return Reading(outlet, at, power, **more)


def same(a, b):
    return a == b or (a is not None and b is not None and math.isnan(a) and math.isnan(b))


@pytest.mark.parametrize('readings, load, grid, solar, battery', [
    ([],                                                       NAN,  None, None, None),   # nothing heard
    ([('kettle', 2000)],                                       2000, None, None, None),   # no meter: what outlets draw
    ([('kettle', 2000), ('lamp', NAN)],                        2000, None, None, None),   # not measured: not known
    ([('kettle', 2000), ('grid', 2300)],                       2300, 2300, None, None),   # the rest has no outlet
    ([('grid', 500), ('pv', -1500)],                           2000, 500,  1500, None),   # the sun helps
    ([('grid', -800), ('pv', -1500)],                          700,  -800, 1500, None),   # and is sold
    ([('grid', 0), ('pv', 0), ('battery', -600)],              600,  0,    0,    -600),   # the battery gives
    ([('grid', 2600), ('pv', -400), ('battery', 1000)],        2000, 2600, 400,  1000),   # the battery charges
    ([('kettle', 2000), ('grid', NAN)],                        NAN,  NAN,  None, None),   # nor does the meter
])
def test_power_balances_at_the_meter(readings, load, grid, solar, battery):
    totals = home(*(reading(*row) for row in readings)).totals(NOW)
    assert all(map(same, (totals.load, totals.grid, totals.solar, totals.battery), (load, grid, solar, battery)))


def test_a_dead_grid_gives_nothing_and_is_not_unknown():
    model = home(reading('grid', NAN, supply='none'), reading('battery', -300))
    assert (model.totals(NOW).grid, model.totals(NOW).load) == (0.0, 300.0)


def two_batteries(*given):
    model = HomeModel([Place('lamp')], batteries={'battery': 10.0, 'garage': 5.0})
    for value in (reading('grid', 500), reading('pv', -2000), reading('lamp', 40), *given):
        model.put(value, NOW)
    return model


@pytest.mark.parametrize('given, battery, charge, load', [
    ((),                                                                    None, None, 2500),
    ((reading('battery', 800), reading('garage', -300)),                    500,  None, 2000),
    ((reading('garage', -300),),                                            -300, None, 2800),  # the other has no meter
    ((reading('battery', 800), reading('garage', NAN)),                     NAN,  None, NAN),   # who knows
    ((Battery(NOW, charge=0.2), Battery(NOW, 'garage', 0.8)),               None, 0.4,  2500),  # by what each holds
    ((Battery(NOW, charge=NAN), Battery(NOW, 'garage', 0.8)),               None, 0.8,  2500),  # of those that know
    ((Battery(NOW, charge=NAN),),                                           None, NAN,  2500),
])
def test_several_batteries_are_counted_together(given, battery, charge, load):
    totals = two_batteries(*given).totals(NOW)
    assert all(map(same, (totals.battery, totals.load), (battery, load)))
    assert totals.charge is charge or totals.charge == pytest.approx(charge, nan_ok=True)


def test_each_battery_is_told_and_none_is_an_outlet():
    model = two_batteries(reading('battery', 800), reading('garage', -300), Battery(NOW, 'garage', 0.8))
    first, garage = model.totals(NOW).batteries
    assert (first.title, first.power, garage.title, garage.power, garage.charge) == (
        'Battery', 800, 'Garage battery', -300, 0.8) and math.isnan(first.charge)
    assert [view.outlet for view in model.outlets(NOW)] == ['lamp'] and model.title('garage', NOW) == 'Garage battery'
    assert model.sources == ('grid', 'pv', 'battery', 'garage') and model.charges() == {'garage': 0.8}
    assert math.isnan(model.totals(NOW + 60).batteries[1].power)  # not heard for a minute
    with pytest.raises(ValueError, match='no battery attic'):
        model.put(Battery(NOW, 'attic', 0.5), NOW)


@pytest.mark.parametrize('grid, at, rate', [
    (2000, NOW, 0.6),            # 2 kW at 0.30
    (-2000, NOW, -0.16),         # sold at 0.08
    (2000, NOW + 3600, 1.0),     # the next step
    (2000, NOW + 7200, NAN),     # after the last
    (2000, NOW - 1, NAN),        # before the first
    (NAN, NOW, NAN),
])
def test_cost_now_follows_the_step_that_holds(grid, at, rate):
    prices = Prices(NOW, NOW, 3600.0, 'EUR', (0.3, 0.5), (0.08, 0.08))
    totals = home(reading('grid', grid, at), prices, at=at).totals(at)
    assert totals.cost_rate == pytest.approx(rate, nan_ok=True)


def test_the_mains_are_what_most_outlets_see_not_a_dead_meter():
    model = home(*(reading(name, 1, voltage=v, frequency=f) for name, v, f in (
        ('a', 229.0, 49.9), ('b', 230.0, 50.0), ('c', 90.0, NAN), ('grid', 0.0, NAN))))
    assert (model.totals(NOW).voltage, model.totals(NOW).frequency) == (229.0, 50.0)


def test_an_outlet_that_is_not_heard_draws_nothing_known():
    model = home(reading('kettle', 2000), limits=Limits(quiet_after=5.0))
    assert (model.outlet('kettle', NOW + 5).power, model.outlet('kettle', NOW + 5).fresh) == (2000, True)
    assert math.isnan(model.outlet('kettle', NOW + 5.1).power) and not model.outlet('kettle', NOW + 5.1).fresh
    assert math.isnan(model.totals(NOW + 5.1).load)
    model.put(reading('kettle', 2000, NOW + 60), NOW + 60)  # heals
    assert model.outlet('kettle', NOW + 60).power == 2000


@pytest.mark.parametrize('stamp, words', [(NOW + 31, 'ahead of'), (NOW - 31, 'behind')])
def test_a_clock_far_off_is_refused_with_the_reason(stamp, words):
    model = HomeModel()
    with pytest.raises(ValueError, match=f'kettle: the reading is stamped 31 s {words} this clock'):
        model.put(reading('kettle', 1, stamp), NOW)
    assert model.outlets(NOW) == []


def test_a_late_reading_does_not_undo_a_newer_one_unless_its_sender_restarted():
    model = home(reading('kettle', 5, NOW, sequence=9))
    with pytest.raises(ValueError, match='after a later one'):
        model.put(reading('kettle', 1, NOW - 2, sequence=9), NOW)
    assert model.outlet('kettle', NOW).power == 5
    model.put(reading('kettle', 1, NOW - 2, sequence=0), NOW)
    assert model.outlet('kettle', NOW).power == 1


def test_titles_come_from_the_home_file_then_the_outlet_then_its_id():
    places = [Place('lamp', 'Desk lamp', 'Study')]
    model = home(State('lamp', NOW, title='other'), State('fan', NOW, title='Big fan'), reading('ev_charger', 1),
                 places=places)
    shown = [(view.title, view.room) for view in model.outlets(NOW)]
    assert shown == [('Desk lamp', 'Study'), ('EV charger', ''), ('Big fan', '')]


def test_an_outlet_of_the_home_file_is_shown_before_it_is_heard():
    view = HomeModel([Place('lamp')]).outlet('lamp', NOW)
    assert math.isnan(view.heard) and not view.fresh and math.isnan(view.power)


@pytest.mark.parametrize('state, request_, wish', [
    (None,                                           None,                                 'auto'),
    (State('a', NOW, relay='closed', voice='plan'),  None,                                 'auto'),
    (State('a', NOW, relay='closed', voice='person'), None,                                'on'),    # asked elsewhere
    (State('a', NOW, relay='open', voice='person'),  None,                                 'off'),
    (State('a', NOW, relay='open', voice='person', reason='schedule Mon 01:00–05:30 off'), None, 'auto'),
    (State('a', NOW, relay='closed', voice='person', reason='job 7 must run now to meet its deadline'), None, 'auto'),
    (State('a', NOW, relay='open', voice='protection'), Request('a', 'on', NOW, NOW + 60), 'on'),    # asked, overruled
    (State('a', NOW, relay='closed', voice='plan'),  Request('a', 'off', NOW - 60, NOW),   'auto'),  # no longer holds
])
def test_what_a_person_asked_last(state, request_, wish):
    model = home(reading('a', 1), *(value for value in (state, request_) if value))
    assert model.outlet('a', NOW).wish == wish


def island(member, mode, leader='', epoch=1, stamp=NOW):
    return Island(member, stamp, mode, epoch, leader=leader)


@pytest.mark.parametrize('said, kind, step', [
    ([],                                                                        'grid',   ''),
    ([island('a', 'grid'), island('b', 'grid')],                                'grid',   'grid'),
    ([island('a', 'outage'), island('b', 'outage'), island('c', 'grid')],       'outage', 'outage'),  # most members
    ([island('a', 'election'), island('b', 'election')],                        'island', 'election'),
    ([island('a', 'shed', 'a'), island('b', 'join', 'a'), island('c', 'join', 'a')], 'island', 'shed'),  # the leader
    ([island('a', 'outage', epoch=1), island('b', 'grid', epoch=2)],            'grid',   'grid'),    # the newer zone
    ([island('a', 'unknown')],                                                  'grid',   ''),        # says nothing
])
def test_where_the_home_stands_is_what_its_members_say(said, kind, step):
    state = home(reading('kettle', 1, supply='grid'), *said).home_state(NOW)
    assert (state.kind, state.step) == (kind, step)


@pytest.mark.parametrize('supply, kind', [
    ('grid', 'grid'), ('island', 'island'), ('none', 'outage'), ('unknown', 'unknown')])
def test_without_members_it_is_what_feeds_the_outlets(supply, kind):
    assert home(reading('kettle', 1, supply=supply)).home_state(NOW).kind == kind


def test_waiting_then_live_then_quiet_then_live_again():
    model = HomeModel()
    assert model.home_state(NOW).kind == 'waiting'
    model.put(reading('kettle', 1, supply='grid'), NOW)
    assert model.home_state(NOW).kind == 'grid'
    assert (model.home_state(NOW + 60).kind, model.home_state(NOW + 60).since) == ('quiet', NOW)
    model.put(reading('grid', 1, NOW + 60), NOW + 60)  # a meter is enough
    assert model.home_state(NOW + 60).kind == 'unknown'


def test_the_live_history_holds_what_came_since():
    model = home(limits=Limits(samples=3))
    model.sample(NOW)
    assert model.samples() == []  # nothing heard, nothing drawn
    model.put(reading('grid', 100), NOW)
    for second in range(5):
        model.put(reading('grid', 100.0 + second, NOW + second), NOW + second)
        model.sample(NOW + second)
    assert [row[:3] for row in model.samples()] == [(NOW + s, 100.0 + s, 100.0 + s) for s in (2, 3, 4)]
    assert [row[0] for row in model.samples(since=NOW + 3)] == [NOW + 4]
    assert math.isnan(model.samples()[-1][3])  # no solar


def test_a_clock_set_back_begins_the_histories_anew():
    model = home(reading('grid', 1), reading('kettle', 1, sequence=5))
    model.sample(NOW)
    model.put(reading('kettle', 2, NOW - 20, sequence=0), NOW - 20)
    model.sample(NOW - 20)
    assert [row[0] for row in model.samples()] == [NOW - 20]
    assert model.power_history('kettle') == [(NOW - 20, 2)]


def test_an_outlets_history_is_bounded():
    model = HomeModel(limits=Limits(outlet_samples=2))
    for second in range(4):
        model.put(reading('kettle', second, NOW + second), NOW + second)
    assert model.power_history('kettle') == [(NOW + 2, 2), (NOW + 3, 3)]
    assert model.power_history('nobody') == []


def anomaly(id, severity='warning', status='raised', at=NOW):
    return Anomaly(id, at, 'kettle', 'power', severity, status)


def test_anomalies_the_most_severe_first_then_the_newest():
    model = home(anomaly('1', 'info'), anomaly('2', 'critical', at=NOW - 9), anomaly('3'), anomaly('4', at=NOW + 1),
                 anomaly('5', 'unknown'))
    assert [a.id for a in model.anomalies()[0]] == ['2', '4', '3', '1', '5']
    model.put(anomaly('2', status='cleared'), NOW)
    model.put(anomaly('never raised', status='cleared'), NOW)
    raised, cleared = model.anomalies()
    assert [a.id for a in raised] == ['4', '3', '1', '5'] and [a.id for a in cleared] == ['never raised', '2']


def test_a_raised_anomaly_that_comes_again_is_one():
    model = home(anomaly('1'), anomaly('1', 'critical'))
    assert [a.severity for a in model.anomalies()[0]] == ['critical']


EVENTS = ['reading', 'state', 'island', 'raised', 'cleared', 'forecast', 'sample']


@given(st.lists(st.tuples(st.sampled_from('abcdefgh'), st.sampled_from(EVENTS))))
def test_nothing_it_is_sent_makes_it_grow_beyond_its_bounds(events):
    model = HomeModel(limits=Limits(outlets=3, samples=2, outlet_samples=2, anomalies=2, forecasts=2))
    make = {'reading': lambda n: reading(n, 1.0), 'state': lambda n: State(n, NOW),
            'island': lambda n: island(n, 'grid'), 'raised': lambda n: anomaly(n),
            'cleared': lambda n: anomaly(n, status='cleared'),
            'forecast': lambda n: Forecast('load', n, NOW, NOW, 60.0)}
    for name, kind in events:
        before = model.version
        try:
            model.sample(NOW) if kind == 'sample' else model.put(make[kind](name), NOW)
        except ValueError as error:
            assert 'more than 3' in str(error) and model.version == before
    raised, cleared = model.anomalies()
    assert len(model.outlets(NOW)) <= 3 and len(model.samples()) <= 2 and len(raised) <= 2 and len(cleared) <= 2
    assert all(len(model.power_history(name)) <= 2 for name in 'abcdefgh')
    assert sum(model.forecast(name, 'load') is not None for name in 'abcdefgh') <= 2


@pytest.mark.parametrize('later, shown', [(0.0, 'kettle'), (1.0, 'toaster')])
def test_an_outlets_own_answer_counts_only_for_a_later_signature_than_the_hubs(later, shown):
    hub, own = Identity('a', NOW, 'known', 'kettle'), Identity('a', NOW + later, 'known', 'toaster', recipe='outlet 1')
    for order in ((hub, own), (own, hub)):      # a late joiner hears them in any order
        assert home(*order).outlet('a', NOW).identity.type == shown



def test_types_of_which_identification_spoke():
    model = home(Identity('a', NOW, 'known', 'kettle', candidates=('kettle', 'toaster')), Identity('b', NOW, 'off'))
    assert model.types() == ['kettle', 'toaster']


def full():
    return home(
        reading('kettle', 2000, harmonics=(8.7, NAN)), reading('grid', 2000, voltage=230.0, frequency=50.0),
        State('kettle', NOW, 'closed', power_max=math.inf), Identity('kettle', NOW, 'known', 'kettle'),
        Tie(NOW, 'closed'), Battery(NOW, charge=0.5), Request('kettle', 'on', NOW, NOW + 9), anomaly('1'),
        anomaly('2', status='cleared'),
        Prices(NOW, NOW, 3600.0, 'EUR', (0.3,), (0.1,)), Weather(NOW, NOW, 3600.0, (9.0,)),
        Plan(NOW, NOW, 900.0, NOW + 900, 'optimal', 1.0, devices=(DevicePlan('kettle', (1.0,), 'tea'),)))


def test_the_status_is_json_and_says_what_is_not_known_as_null():
    shown = json.loads(json.dumps(status(full(), NOW), allow_nan=False))
    kettle = shown['outlets'][0]
    assert (kettle['power'], kettle['wish'], kettle['planned']) == (2000, 'on', 'tea')
    assert kettle['reading']['harmonics'] == [8.7, None]
    assert kettle['state']['power_max'] is None and kettle['reading']['voltage'] is None
    assert shown['totals']['cost_rate'] == pytest.approx(0.6) and shown['home']['tie']['state'] == 'closed'
    assert [a['id'] for a in shown['anomalies']] == ['1'] and [a['id'] for a in shown['cleared']] == ['2']
    assert json.dumps(status(HomeModel(), NOW), allow_nan=False)


def test_health_says_who_is_heard():
    model = full()
    model.put(State('silent', NOW), NOW)
    assert health(model, NOW) == {'ok': True, 'time': NOW, 'home': 'unknown', 'outlets': 2, 'heard': 1}


@given(st.recursive(st.floats() | st.integers() | st.text() | st.none(),
                    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner)))
def test_plain_is_always_json(value):
    assert json.dumps(plain(value), allow_nan=False)
