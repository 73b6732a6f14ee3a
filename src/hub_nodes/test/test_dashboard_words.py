"""Numbers and states as people read them."""
import math

import pytest

from hub_nodes.dashboard import when, words
from hub_nodes.dashboard.frame import standing
from hub_nodes.dashboard.overview import cost, heard, lamp, summary
from hub_nodes.dashboard.sources import flow, stored
from hub_nodes.dashboard.values import Identity, Plan, State, Tie
from hub_nodes.dashboard.views import HomeState, Totals

NAN, NOW = math.nan, 1_000_000.0


def shown(text):
    return text.replace(words.SPACE, ' ')


@pytest.mark.parametrize('watts, text', [
    (NAN, '–'), (None, '–'), (math.inf, '–'), (0.0, '0 W'), (-0.0, '0 W'), (0.04, '0 W'), (-0.04, '0 W'),
    (1.44, '1.4 W'), (9.94, '9.9 W'), (9.96, '10 W'), (812.4, '812 W'), (999.4, '999 W'), (999.6, '1.00 kW'),
    (1420.0, '1.42 kW'), (9994.0, '9.99 kW'), (9996.0, '10.0 kW'), (-3200.0, '−3.20 kW'), (17_250.0, '17.2 kW'),
])
def test_power(watts, text):
    assert shown(words.power(watts)) == text


@pytest.mark.parametrize('given, text', [
    ((230.06, 'V'), '230.1 V'), ((49.987, 'Hz', 2), '49.99 Hz'), ((1234567.0, 'kWh', 0), '1 234 567 kWh'),
    ((-0.04, 'V'), '0.0 V'), ((-12.0, 'var', 0), '−12 var'), ((NAN, 'V'), '–'),
])
def test_quantities_carry_their_unit(given, text):
    assert shown(words.quantity(*given)) == text


@pytest.mark.parametrize('given, text', [
    ((0.314, 'EUR', 'kWh'), '0.31 €/kWh'), ((2.1, 'SEK'), '2.10 SEK'), ((2.1, ''), '2.10'), ((NAN, 'EUR'), '–'),
])
def test_money(given, text):
    assert shown(words.money(*given)).strip() == text


@pytest.mark.parametrize('seconds, text', [
    (-3, '0 s'), (0, '0 s'), (89.4, '89 s'), (90, '2 min'), (3569, '59 min'), (3571, '1 h'), (7500, '2 h 05 min'),
    (86_400, '1 d'), (97_200, '1 d 3 h'), (NAN, '–'),
])
def test_spans(seconds, text):
    assert shown(words.span(seconds)) == text


@pytest.fixture()
def zone():
    yield when.use
    when.use('')


@pytest.mark.parametrize('name, at, now, text', [
    ('UTC', 0.0, 3600.0, '00:00'), ('UTC', 90_000.0, 0.0, 'Fri 02 Jan 01:00'), ('UTC', NAN, 0.0, '–'),
    ('Europe/Berlin', 1_750_000_000.0, 1_750_000_000.0, '17:06'),              # summer, +2 h
    ('Europe/Berlin', 1_763_800_000.0, 1_763_800_000.0, '09:26'),              # winter, +1 h
    ('Asia/Kolkata', 1_763_835_000.0, 1_763_800_000.0, '23:40'),
    ('Asia/Kolkata', 1_763_838_000.0, 1_763_835_000.0, 'Sun 23 Nov 00:30'),    # tomorrow here, today in UTC
])
def test_a_clock_is_the_homes_and_names_the_day_only_when_it_is_another(zone, name, at, now, text):
    zone(name)
    assert words.clock(at, now) == text


def test_a_chart_draws_local_time(zone):
    zone('Europe/Berlin')
    assert when.milliseconds(1_750_000_000.0) == (1_750_000_000 + 7200) * 1000
    assert when.milliseconds(1_763_800_000.25) == (1_763_800_000 + 3600) * 1000 + 250


def test_seconds_of_a_clock(zone):
    zone('UTC')
    assert words.clock(3661.0, 0.0, seconds=True) == '01:01:01'


@pytest.mark.parametrize('name, text', [
    ('washing_machine', 'Washing machine'), ('ev_charger', 'EV charger'), ('tv', 'TV'), ('e', 'E'), ('', '')])
def test_identifiers_as_headings(name, text):
    assert words.title(name) == text


@pytest.mark.parametrize('state, relay, because', [
    (None, 'State not known', ''),
    (State('a', NOW, 'closed', reason='nobody asked'), 'On', 'Nobody asks otherwise'),
    (State('a', NOW, 'closed', reason='weekly rule 3'), 'On', 'Weekly rule 3'),
    (State('a', NOW, 'open', voice='plan', reason='dear until 21:00'), 'Off', 'The plan: dear until 21:00'),
    (State('a', NOW, 'open', voice='person'), 'Off', 'You'),
    (State('a', NOW, 'closed', voice='person', reason='asked', waiting=True), 'On',
     'You: asked. Waits for its minimum on or off time.'),
    (State('a', NOW, 'open', voice='person', reason='schedule Mon Tue Wed Thu Fri Sat Sun 01:00–05:30 off'), 'Off',
     'Schedule: every day 01:00–05:30 off'),
    (State('a', NOW, 'closed', voice='person', reason='schedule Mon Tue Wed Thu Fri 07:00–08:00 on'), 'On',
     'Schedule: Mon–Fri 07:00–08:00 on'),
    (State('a', NOW, 'open', voice='person', reason='job wash waits for the plan'), 'Off',
     'Job wash waits for the plan'),
    (State('a', NOW, 'open', trip='overcurrent', voice='protection', reason='23 A'), 'Tripped: over-current',
     'Protection: 23 A'),
    (State('a', NOW), 'State not known', 'Nobody asks otherwise'),
])
def test_what_an_outlet_does_and_why(state, relay, because):
    assert (words.relay(state), words.because(state)) == (relay, because)


@pytest.mark.parametrize('text, shown', [
    ('charges from 05:18 at 0.210 EUR/kWh', 'Charges from 05:18 at 0.210 €/kWh'),
    ('a further kWh costs 0.2 SEK', 'A further kWh costs 0.2 SEK'), ('', '')])
def test_a_reason_of_the_plan(text, shown):
    assert words.reason(text) == shown


@pytest.mark.parametrize('identity, device, confidence', [
    (None, 'Nothing identified yet', ''),
    (Identity('a', NOW, 'off'), 'Draws too little to tell', ''),
    (Identity('a', NOW, 'unknown', candidates=('kettle',)), 'Unknown device', ''),
    (Identity('a', NOW, 'known', 'kettle', probability=0.971), 'Kettle', '97 % sure'),
    (Identity('a', NOW, 'known', 'kettle', 'TWK 7101'), 'Kettle, TWK 7101', ''),
    (Identity('a', NOW, 'named', 'ev_charger', probability=0.2), 'EV charger', 'named'),
])
def test_what_is_plugged_in(identity, device, confidence):
    assert (words.device(identity), shown(words.confidence(identity))) == (device, confidence)


@pytest.mark.parametrize('state, level, head', [
    (HomeState('waiting'), 'wait', 'Waiting for the first reading'),
    (HomeState('quiet', since=NOW - 12), 'bad', 'No outlet is heard'),
    (HomeState('grid', NOW), 'ok', 'On the grid'),
    (HomeState('outage', NOW), 'bad', 'Power outage'),
    (HomeState('island', NOW, 'battery', 'shed'), 'warn', 'Running as an island'),
    (HomeState('unknown'), 'wait', 'Supply not known'),
])
def test_where_the_home_stands(state, level, head):
    assert standing(state, NOW)[:2] == (level, head)


def test_an_island_says_its_step_its_leader_and_its_tie():
    detail = standing(HomeState('island', NAN, 'battery', 'regulate', Tie(NOW, 'open')), NOW)[2]
    assert detail == 'holding voltage and frequency · led by Battery · grid breaker open'


@pytest.mark.parametrize('watts, text', [
    (620, '620 W bought'), (-620, '620 W sold'), (0.3, 'idle'), (NAN, '–'), (None, '–')])
def test_a_flow_says_its_direction(watts, text):
    assert shown(flow(watts, 'sold', 'bought')) == text


@pytest.mark.parametrize('rate, text', [(0.6, '0.60 €/h'), (-0.16, '0.16 €/h earned'), (NAN, '–')])
def test_cost_now(rate, text):
    assert shown(cost(Totals(1, 1, 1, 1, 1, 1, rate, 0.3, 0.1, 'EUR', 230, 50))) == text


def plan(**more):
    return Plan(NOW, NOW, 900.0, **{'valid_until': NOW + 900, 'status': 'optimal', 'cost': 2.0, 'cost_unmanaged': 3.0,
                                    'currency': 'EUR', 'grid_power': (0.0,) * 96} | more)


@pytest.mark.parametrize('given, text', [
    (None, 'No plan yet. Outlets follow their own schedules.'),
    (plan(status='failed'), 'No plan could be made. Outlets follow their own schedules.'),
    (plan(), 'Next 24 h: 2.00 € expected, 1.00 € less than without a plan.'),
    (plan(cost_unmanaged=1.5), 'Next 24 h: 2.00 € expected, 0.50 € more than without a plan.'),
    (plan(cost_unmanaged=NAN, status='relaxed'), 'Next 24 h: 2.00 € expected. A limit or deadline could not be kept.'),
])
def test_the_plan_in_a_sentence(given, text):
    assert shown(summary(given, NOW)) == text


def test_a_plan_that_ended_binds_nobody():
    assert summary(plan(valid_until=NOW), NOW).endswith('Outlets follow their own schedules.')


class View:
    def __init__(self, state=None, fresh=True, heard=NOW):
        self.state, self.fresh, self.heard = state, fresh, heard


@pytest.mark.parametrize('view, colour, text', [
    (View(State('a', NOW, 'closed')), 'on', ''), (View(State('a', NOW, 'open')), 'off', ''), (View(), 'silent', ''),
    (View(State('a', NOW, 'closed'), fresh=False, heard=NOW - 20), 'silent', 'Not heard for 20 s'),
    (View(fresh=False, heard=NAN), 'silent', 'Not heard yet'),
    (View(State('a', NOW, 'open', trip='sensor'), fresh=False), 'tripped', 'Not heard for 0 s'),
])
def test_the_lamp_of_an_outlet(view, colour, text):
    assert (lamp(view), shown(heard(view, NOW))) == (colour, text)


@pytest.mark.parametrize('power, charge, text', [
    (800.0, 0.64, '800 W charging · 64 %'), (-1500.0, 0.1, '1.50 kW given · 10 %'), (0.0, 1.0, 'idle · 100 %'),
    (NAN, 0.5, '50 %'), (None, None, '–'), (300.0, NAN, '300 W charging'),
])
def test_what_a_battery_does_and_how_full_it_is(power, charge, text):
    assert shown(stored(power, charge)) == text


@pytest.mark.parametrize('name, text', [
    ('grid', 'Grid'), ('pv', 'Solar'), ('battery', 'Battery'), ('garage', 'Garage battery'),
    ('cellar_battery', 'Cellar battery'), ('ev', 'EV battery'),
])
def test_what_people_call_a_source(name, text):
    assert words.source(name) == text
