"""An alarm's life as a timeline, and that it cannot flap."""
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hearthgrid_core.devices.alarm import GAP, WELL, Alarm, Finding, Kind, Severity, Status
from hearthgrid_core.devices.ledger import Ledger

RAISE, CLEAR = 5.0, 10.0
FINDING = {'-': WELL, 'w': Finding(Severity.WARNING, 1.0, 2.0, 'too warm'),
           'c': Finding(Severity.CRITICAL, 3.0, 2.0, 'too hot'), '?': None}


def live(fates: str) -> str:
    """Step a fresh alarm once a second; return a mark a second: R raised, E raised worse, C cleared, '.' nothing."""
    alarm, marks = Alarm('kettle', 'over-current', Kind.OVERCURRENT, RAISE, CLEAR), ''
    for now, fate in enumerate(fates):
        was = alarm.up
        event = alarm.step(float(now), FINDING[fate])
        marks += '.' if event is None else 'C' if event.status is Status.CLEARED else 'E' if was else 'R'
    return marks


def test_its_life():
    for fates, marks in (
            ('-----', '.....'),
            ('wwwww', '.....'),                                  # four seconds are not five
            ('wwwwww', '.....R'),
            ('wwww-wwwwww', '..........R'),                      # evidence must not be interrupted
            ('www?wwwwww', '.........R'),                        # nor unmeasured for a while
            ('wwwwwwww--w----------', '.....R...............'),  # nor wellness
            ('wwwwww-----------', '.....R..........C'),
            ('wwwwww--?-----------', '.....R.............C'),
            ('wwwwwwwcccww', '.....R.E....'),                    # worse is said once, better is not
            ('ccccccww', '.....R..')):
        assert live(fates) == marks, fates


def test_raised_and_cleared_carry_one_id_and_say_why():
    alarm = Alarm('kettle', 'over-current', Kind.OVERCURRENT, 0.0, 0.0)
    raised, cleared = alarm.step(1.0, FINDING['c']), alarm.step(2.0, WELL)
    assert raised.id == cleared.id == 'kettle/over-current'
    assert (raised.severity, raised.value, raised.expected) == (Severity.CRITICAL, 3.0, 2.0)
    assert raised.text == 'kettle: too hot' and cleared.text == 'kettle: over-current is over'
    assert cleared.severity is Severity.CRITICAL and (raised.time, cleared.time) == (1.0, 2.0)


def test_a_hole_in_the_evidence_begins_it_anew():
    alarm = Alarm('kettle', 'over-current', Kind.OVERCURRENT, RAISE, CLEAR)
    assert alarm.step(0.0, FINDING['w']) is None
    assert alarm.step(GAP + 1, FINDING['w']) is None
    assert alarm.step(GAP + 1 + RAISE, FINDING['w']) is not None


def test_a_text_fits_the_message():
    finding = Finding(Severity.INFO, text='x' * 500)
    assert len(Alarm('kettle', 'over-current', Kind.OVERCURRENT, 0.0, 0.0).step(0.0, finding).text) == 200


def test_what_keeps_coming_back_stays_longer():
    alarm, changes, now = Alarm('kettle', 'over-current', Kind.OVERCURRENT, 0.0, 30.0), [], 0.0
    while now < 3600:       # ill for ten seconds, well for a minute
        for fate in 'w' * 10 + '-' * 60:
            now += 1
            if alarm.step(now, FINDING[fate]) is not None:
                changes.append(now)
    assert 2 <= len(changes) <= 6


def test_what_wastes_is_told_again_with_its_cost():
    alarm, ledger, events = Alarm('tv', 'standby', Kind.WASTE, 0.0, 0.0, again_after=3600.0), Ledger(), []
    for k in range(0, 3 * 3600 + 1, 60):
        ledger.add(float(k), 60.0, 100.0, 0.5, 'EUR')
        event = alarm.step(float(k), Finding(Severity.INFO, 100.0, 0.0, 'stands by', excess=40.0), ledger)
        events += [event] if event else []
    assert [event.time for event in events] == [0.0, 3600.0, 7200.0, 10800.0]
    assert [event.wasted_energy for event in events] == pytest.approx([0.0, 0.04, 0.08, 0.12])
    assert events[-1].wasted_money == pytest.approx(0.06) and events[-1].currency == 'EUR'


def test_what_stands_is_kept_as_plain_values():
    alarm, again = (Alarm('kettle', 'over-current', Kind.OVERCURRENT, 0.0, 0.0) for _ in range(2))
    alarm.step(1.0, FINDING['c'])
    again.restore(json.loads(json.dumps(alarm.state())))
    for event in (alarm.standing(5.0), again.standing(5.0)):
        assert (event.severity, event.text, event.since) == (Severity.CRITICAL, 'kettle: too hot', 1.0)
    assert again.up and again.step(6.0, FINDING['w']) is None
    cleared = again.step(7.0, WELL)
    assert (cleared.status, cleared.severity, cleared.since) == (Status.CLEARED, Severity.CRITICAL, 1.0)
    assert Alarm('kettle', 'over-current', Kind.OVERCURRENT, 0.0, 0.0).state() == {}


@given(st.text(alphabet='-wc?', max_size=300))
def test_it_never_flaps(fates):
    marks = live(fates)
    changes = [(second, mark) for second, mark in enumerate(marks) if mark in 'RC']
    assert all(mark == 'RC'[k % 2] for k, (_, mark) in enumerate(changes))
    for (before, _), (after, mark) in zip(changes, changes[1:], strict=False):
        assert after - before >= (CLEAR if mark == 'C' else RAISE)
    assert all(marks[:k].count('R') > marks[:k].count('C') for k, mark in enumerate(marks) if mark == 'E')
