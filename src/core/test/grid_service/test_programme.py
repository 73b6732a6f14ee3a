"""The programme, hour by hour, and whatever a machine can invent."""
import json
import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hearthgrid_core.grid_service import (
    Answer,
    Ask,
    Event,
    Facts,
    Interval,
    Kind,
    LevelSettings,
    Moved,
    Opt,
    Programme,
    RuleSettings,
    Signal,
    Status,
    ask_at,
    charge_power,
)

HOUR, INF, NAN = 3600.0, math.inf, math.nan
OPEN_RULES = RuleSettings(hours_a_day=24.0, near=HOUR)
FACTS = Facts(LevelSettings(), battery_capacity=10.0, battery_power=4000.0)


def event(id='e', first=10.0, last=12.0, kind=Kind.LEVEL, value=2.0, **change) -> Event:
    return Event(**{'id': id, 'signals': (Signal(kind, (Interval(first * HOUR, last * HOUR, value),)),), **change})


def made(*events, rules=OPEN_RULES, now=0.0, charge=NAN, **options) -> Programme:
    programme = Programme(rules, **options)
    assert programme.hear(now, events) == []
    programme.step(now, charge)
    return programme


def told(actions) -> list[tuple]:
    return [('answer', a.event, a.modification, a.opt) if isinstance(a, Answer) else
            ('moved', a.entry.event.id, a.entry.status, a.entry.opt) for a in actions]


def test_a_day():
    programme = Programme(OPEN_RULES)
    programme.hear(0.0, [event()])
    assert told(programme.step(0.0)) == [('answer', 'e', 0, Opt.IN), ('moved', 'e', Status.FAR, Opt.IN)]
    assert told(programme.step(1.0)) == []
    assert told(programme.step(9 * HOUR)) == [('moved', 'e', Status.NEAR, Opt.IN)]
    assert told(programme.step(10 * HOUR)) == [('moved', 'e', Status.ACTIVE, Opt.IN)]
    programme.hear(10.5 * HOUR, [event()])
    assert told(programme.step(10.5 * HOUR)) == [('answer', 'e', 0, Opt.IN)], 'an answer that was lost'
    programme.hear(11 * HOUR, [event(last=11.5, modification=1)])
    assert told(programme.step(11 * HOUR)) == [('answer', 'e', 1, Opt.IN), ('moved', 'e', Status.ACTIVE, Opt.IN)]
    assert told(programme.step(11.5 * HOUR)) == [('moved', 'e', Status.COMPLETED, Opt.IN)]
    assert told(programme.step(40 * HOUR)) == [] and programme.entries == ()


def test_old_news_are_refused_and_change_nothing():
    programme = made(event(modification=3))
    assert programme.hear(1.0, [event(modification=2, value=3.0)]) == ['e: modification 2 after 3']
    assert programme.step(1.0) == [] and programme.taken(Kind.LEVEL, 11 * HOUR)[1] == 2.0


def test_the_same_number_with_other_content_changes_nothing():
    programme = made(event(modification=3))
    programme.hear(1.0, [event(modification=3, value=3.0)])
    programme.step(1.0)
    assert programme.taken(Kind.LEVEL, 11 * HOUR)[1] == 2.0


@pytest.mark.parametrize('cancel', [
    lambda programme: programme.hear(1.0, [event(modification=1, cancelled=True)]),
    lambda programme: programme.hear(1.0, [event('other', 20.0, 21.0)], ['other']),
    lambda programme: programme.hear(1.0, [], []),
])
def test_cancelled_or_no_longer_listed_it_ends(cancel):
    programme = made(event())
    cancel(programme)
    moved = [a for a in programme.step(1.0) if isinstance(a, Moved) and a.entry.event.id == 'e']
    assert [m.entry.status for m in moved] == [Status.CANCELLED]
    assert not programme.taken(Kind.LEVEL, 11 * HOUR)
    assert programme.hear(2.0, [event()]) in ([], ['e: modification 0 after 1'])
    programme.step(2.0)


def test_a_listed_event_that_could_not_be_read_keeps_its_last_form():
    programme = made(event())
    programme.hear(1.0, [], ['e'])
    programme.step(1.0)
    assert programme.taken(Kind.LEVEL, 11 * HOUR)


def test_an_event_that_was_dropped_and_comes_back_with_a_new_number_holds_again():
    programme = made(event())
    programme.hear(1.0, [], [])
    programme.step(1.0)
    programme.hear(2.0, [event(modification=1)])
    programme.step(2.0)
    assert programme.taken(Kind.LEVEL, 11 * HOUR)


def test_what_is_over_or_cancelled_when_first_heard_is_left_out():
    programme = Programme(OPEN_RULES)
    programme.hear(13 * HOUR, [event(), event('c', 20.0, 21.0, cancelled=True)])
    assert programme.step(13 * HOUR) == [] and programme.entries == ()


def test_at_most_256():
    programme = Programme(OPEN_RULES)
    refused = programme.hear(0.0, [event(f'e{k}') for k in range(258)])
    assert len(programme.entries) == 256 and len(refused) == 2 and 'more than 256' in refused[0]


@pytest.mark.parametrize('events, kind, at, who', [
    ([event('a', value=1.0), event('b', value=3.0)], Kind.LEVEL, 11, 'b'),                      # the higher level
    ([event('a', value=1.0, priority=1), event('b', value=3.0, priority=2)], Kind.LEVEL, 11, 'a'),
    ([event('a', value=1.0, priority=9), event('b', value=3.0)], Kind.LEVEL, 11, 'a'),          # 0 = none = last
    ([event('a', kind=Kind.IMPORT_LIMIT, value=900.0), event('b', kind=Kind.IMPORT_LIMIT, value=500.0)],
     Kind.IMPORT_LIMIT, 11, 'b'),                                                               # the tighter
    ([event('a', kind=Kind.PRICE, value=1.0, created=5.0), event('b', kind=Kind.PRICE, value=2.0, created=4.0)],
     Kind.PRICE, 11, 'a'),                                                                      # the newer
    ([event('a', last=11.0), event('b', 11.0, 12.0)], Kind.LEVEL, 11, 'b'),                     # ends before 11:00
    ([event('a', last=10.5)], Kind.LEVEL, 11, None),
])
def test_which_of_several_holds(events, kind, at, who):
    held = made(*events).taken(kind, at * HOUR)
    assert (held[0].event.id if held else None) == who


def test_a_persons_word_goes_before_the_rules_until_the_event_changes():
    programme = made(event(), rules=RuleSettings(participate=False))
    assert programme.get('e').opt is Opt.OUT
    assert programme.say(1.0, 'e', True) == ''
    assert told(programme.step(1.0)) == [('answer', 'e', 0, Opt.IN), ('moved', 'e', Status.FAR, Opt.IN)]
    assert programme.get('e').reason == 'a person said so'
    programme.hear(2.0, [event(modification=1)])
    assert told(programme.step(2.0))[0] == ('answer', 'e', 1, Opt.OUT), 'yes was said to something else'
    assert programme.say(3.0, 'e', False) == ''
    programme.hear(4.0, [event(modification=2)])
    programme.step(4.0)
    assert programme.get('e').reason == 'a person said so', 'no stays no'


@pytest.mark.parametrize('id, now, words', [('x', 0.0, "no event is called 'x'"), ('e', 12 * HOUR, 'e is over')])
def test_words_that_cannot_be_taken(id, now, words):
    assert made(event()).say(now, id, True) == words


def test_a_test_event_cannot_be_taken():
    programme = made(event(test=True))
    assert programme.say(1.0, 'e', True) == 'e is a test' and programme.get('e').opt is Opt.OUT


def test_an_active_event_is_left_when_the_battery_runs_low_and_not_entered_again():
    programme = made(event(kind=Kind.DISPATCH, value=-2000.0), charge=0.9)
    programme.step(10 * HOUR, 0.31)
    assert programme.get('e').opt is Opt.IN
    assert told(programme.step(10.5 * HOUR, 0.29)) == [
        ('answer', 'e', 0, Opt.OUT), ('moved', 'e', Status.ACTIVE, Opt.OUT)]
    assert programme.step(11 * HOUR, 0.9) == [] and programme.get('e').opt is Opt.OUT


def test_the_start_is_put_off_by_lot_once():
    lots = iter([0.5, 0.9])
    programme = made(event(tolerance=600.0), draw=lambda: next(lots))
    assert programme.get('e').event.start == 10 * HOUR + 300
    programme.hear(1.0, [event(tolerance=600.0, modification=1)])
    assert programme.get('e').event.start == 10 * HOUR + 300
    programme.hear(2.0, [event(tolerance=0.0, modification=2)])
    assert programme.get('e').event.start == 10 * HOUR


def test_it_outlives_a_restart():
    programme = made(event(kind=Kind.IMPORT_LIMIT, value=700.0, tolerance=60.0), event('p', 1, INF, Kind.PRICE, 0.2),
                     draw=lambda: 1.0)
    programme.say(1.0, 'e', False)
    programme.say(1.0, 'e', True)
    again = Programme(RuleSettings(participate=False))
    again.load(json.loads(json.dumps(programme.dump())))
    moved = told(again.step(10.5 * HOUR))
    assert ('moved', 'e', Status.ACTIVE, Opt.IN) in moved and ('moved', 'p', Status.ACTIVE, Opt.IN) in moved
    assert again.taken(Kind.IMPORT_LIMIT, 10.5 * HOUR)[1] == 700.0 and again.get('p').event.end == INF


@pytest.mark.parametrize('row', [{}, {'id': 'e'}, {'id': 'e', 'signals': {'nonsense': []}}, 'text'])
def test_a_spoiled_state_is_refused(row):
    with pytest.raises((ValueError, KeyError, TypeError)):
        Programme(OPEN_RULES).load([row])


@pytest.mark.parametrize('events, now, charge, asked', [
    ([], 11, NAN, Ask('', 11 * HOUR, INF)),
    ([event(value=0.0)], 11, NAN, Ask('e', 11 * HOUR, 12 * HOUR)),
    ([event(value=1.0)], 11, NAN, Ask('e', 11 * HOUR, 12 * HOUR, 1, 5000.0)),
    ([event(value=3.0)], 11, NAN, Ask('e', 11 * HOUR, 12 * HOUR, 3, 1000.0)),
    ([event()], 8, NAN, Ask('e', 10 * HOUR, 12 * HOUR, 2, 2500.0)),                     # the next one
    ([event()], 12, NAN, Ask('', 12 * HOUR, INF)),
    ([event(), event('l', kind=Kind.IMPORT_LIMIT, value=800.0)], 11, NAN, Ask('l', 11 * HOUR, 12 * HOUR, 2, 800.0)),
    ([event('x', kind=Kind.EXPORT_LIMIT, value=0.0)], 11, NAN, Ask('x', 11 * HOUR, 12 * HOUR, export_max=0.0)),
    ([event('!', kind=Kind.EMERGENCY), event()], 11, NAN, Ask('!', 11 * HOUR, 12 * HOUR, 3, 500.0)),
    ([event('d', kind=Kind.DISPATCH, value=-3000.0)], 11, NAN, Ask('d', 11 * HOUR, 12 * HOUR, dispatch=-3000.0)),
    ([event('c', kind=Kind.CHARGE, value=0.8)], 11, 0.6, Ask('c', 11 * HOUR, 12 * HOUR, charge=2000.0)),
    ([event('c', kind=Kind.CHARGE, value=0.8)], 8, 0.6, Ask('c', 10 * HOUR, 12 * HOUR, charge=1000.0)),
    ([event('p', kind=Kind.PRICE, value=0.8)], 11, NAN, Ask('', 11 * HOUR, INF)),        # a price is no limit
    ([event('a', value=1.0), event('b', 11.0, 11.5, value=3.0)], 10.5, NAN,
     Ask('a', 10.5 * HOUR, 11 * HOUR, 1, 5000.0)),
])
def test_what_is_asked(events, now, charge, asked):
    got = ask_at(made(*events, charge=charge), now * HOUR, FACTS, charge)
    assert repr(replace(got, charge=round(got.charge, 6))) == repr(asked)


@pytest.mark.parametrize('target, charge, left, power', [
    (0.8, 0.6, 3600.0, 2000.0), (0.6, 0.8, 3600.0, -2000.0), (0.8, 0.8, 3600.0, 0.0),
    (1.0, 0.0, 60.0, 4000.0), (0.0, 1.0, 60.0, -4000.0), (0.8, 0.6, INF, 4000.0), (0.8, 0.8, INF, 0.0),
    (0.8, NAN, 3600.0, NAN),
])
def test_power_for_a_charge(target, charge, left, power):
    assert charge_power(target, charge, left, FACTS) == pytest.approx(power, nan_ok=True)


def test_no_battery_no_charge():
    assert math.isnan(charge_power(0.8, 0.5, 3600.0, Facts(LevelSettings())))


TIMES = st.integers(0, 48)
EVENTS = st.builds(
    lambda id, first, length, kind, value, modification, priority, cancelled, tolerance: event(
        id, first, first + length, kind, value, modification=modification, priority=priority, cancelled=cancelled,
        tolerance=tolerance),
    st.sampled_from('abc'), TIMES, st.integers(1, 12), st.sampled_from([Kind.LEVEL, Kind.IMPORT_LIMIT, Kind.PRICE]),
    st.sampled_from([0.0, 1.0, 3.0]), st.integers(0, 4), st.integers(0, 3), st.booleans(),
    st.sampled_from([0.0, 1800.0]))
ORDER = {Status.FAR: 0, Status.NEAR: 1, Status.ACTIVE: 2, Status.COMPLETED: 3, Status.CANCELLED: 3}


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 2), EVENTS, st.sampled_from(['hear', 'list', 'in', 'out', 'wait'])),
                max_size=20), st.floats(0.0, 1.0))
def test_whatever_comes(course, lot):
    """Known numbers never fall, an unchanged event never goes back, nothing it is out of or that is over holds."""
    programme, now, last = Programme(RuleSettings(), draw=lambda: lot), 0.0, {}
    for hours, one, what in course:
        now += hours * HOUR
        if what in ('hear', 'list'):
            programme.hear(now, [one], [one.id] if what == 'list' else None)
        elif what in ('in', 'out'):
            programme.say(now, one.id, what == 'in')
        programme.step(now, 0.5)
        assert programme.step(now, 0.5) == [], 'all is told at once'
        for entry in programme.entries:
            modification, status = last.get(entry.event.id, (0, Status.FAR))
            assert entry.asked.modification >= modification
            if entry.asked.modification == modification and status is not Status.CANCELLED:
                assert ORDER[entry.status] >= ORDER[status]
            assert entry.opt is not Opt.UNKNOWN or entry.status in (Status.COMPLETED, Status.CANCELLED)
            last[entry.event.id] = entry.asked.modification, entry.status
        last = {id: value for id, value in last.items() if programme.get(id)}
        asked = ask_at(programme, now, FACTS, 0.5)
        assert asked.end > asked.start >= now
        if asked.event:
            entry = programme.get(asked.event)
            assert entry.opt is Opt.IN and entry.event.start <= asked.start < entry.event.end
        rows = json.loads(json.dumps(programme.dump()))
        again = Programme(RuleSettings())
        again.load(rows)
        again.step(now, 0.5)
        assert again.dump() == rows and repr(ask_at(again, now, FACTS, 0.5)) == repr(asked)
