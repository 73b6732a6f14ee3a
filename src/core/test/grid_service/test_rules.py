"""Which events the home takes part in."""
import math
from zoneinfo import ZoneInfo

import pytest

from hearthgrid_core.grid_service import Event, Interval, Kind, RuleSettings, Signal, decide
from hearthgrid_core.grid_service.rules import busiest_day

HOUR, BERLIN = 3600.0, ZoneInfo('Europe/Berlin')
MIDNIGHT = 1_700_002_800.0      # Wednesday 2023-11-15 00:00 in Berlin


def event(first, last, kind=Kind.LEVEL, value=1.0, **change) -> Event:
    signal = Signal(kind, (Interval(MIDNIGHT + first * HOUR, MIDNIGHT + last * HOUR, value),))
    return Event(**{'id': f'{first}-{last}', 'signals': (signal,), **change})


EVENING = event(17, 20)


@pytest.mark.parametrize('asked, rules, charge, takes_part, words', [
    (EVENING, {}, 0.9, True, 'no rule'),
    (EVENING, {'participate': False}, 0.9, False, 'does not take part'),
    (event(17, 20, test=True), {}, 0.9, False, 'a test'),
    (event(0, 24, Kind.PRICE, 0.3), {'participate': False, 'hours_a_day': 0.0}, 0.9, True, 'a price'),
    (event(17, 20, Kind.EMERGENCY), {'participate': False}, 0.9, True, 'an emergency'),
    (event(17, 20, Kind.EMERGENCY), {'participate': False, 'emergencies': False}, 0.9, False, 'does not take'),
    (EVENING, {'hours_a_day': 3.0}, 0.9, True, 'no rule'),
    (EVENING, {'hours_a_day': 2.9}, 0.9, False, '3.0 h of events on one day, 2.9 h'),
    (event(22, 26), {'hours_a_day': 2.0}, 0.9, True, 'no rule'),
    (event(22, math.inf), {'hours_a_day': 6.0}, 0.9, False, '24.0 h'),
    (EVENING, {'notice': 7200.0}, 0.9, True, 'no rule'),
    (event(11, 12), {'notice': 7200.0}, 0.9, False, 'told 60 min ahead, 120 min'),
    (EVENING, {'quiet_start': '18:30', 'quiet_end': '19:00'}, 0.9, False, 'not between 18:30 and 19:00'),
    (EVENING, {'quiet_start': '20:00', 'quiet_end': '17:00'}, 0.9, True, 'no rule'),
    (EVENING, {'quiet_start': '19:59', 'quiet_end': '06:00'}, 0.9, False, 'not between'),
    (event(2, 3), {'quiet_start': '22:00', 'quiet_end': '06:00', 'notice': 0.0}, 0.9, False, 'not between'),
    (event(17, 18, Kind.DISPATCH, -2000.0), {}, 0.29, False, 'the battery has 29%, 30% are kept'),
    (event(17, 18, Kind.DISPATCH, -2000.0), {}, 0.31, True, 'no rule'),
    (event(17, 18, Kind.DISPATCH, 2000.0), {}, 0.1, True, 'no rule'),
    (event(17, 18, Kind.DISPATCH, -2000.0), {}, math.nan, True, 'no rule'),
    (event(17, 18, Kind.CHARGE, 0.1), {}, 0.2, False, 'the battery has 20%'),
    (event(17, 18, Kind.CHARGE, 0.8), {}, 0.2, True, 'no rule'),
])
def test_the_rules(asked, rules, charge, takes_part, words):
    heard = MIDNIGHT + 10 * HOUR if asked.start > MIDNIGHT + 10 * HOUR else MIDNIGHT
    decision = decide(asked, [], heard, charge, RuleSettings(**rules), BERLIN)
    assert decision.takes_part is takes_part and words in decision.reason


def test_hours_of_a_day_count_what_was_accepted_once_where_it_overlaps_and_no_prices():
    others = [event(6, 8), event(7, 9), event(0, 24, Kind.PRICE, 0.3)]
    assert decide(event(17, 20), others, MIDNIGHT, 0.9, RuleSettings(hours_a_day=6.0), BERLIN).takes_part
    assert not decide(event(17, 20), others, MIDNIGHT, 0.9, RuleSettings(hours_a_day=5.9), BERLIN).takes_part


def test_a_day_is_the_local_one_and_may_have_25_hours():
    change = 1_698_530_400.0    # Sunday 2023-10-29 00:00 in Berlin
    whole = Event('e', (Signal(Kind.LEVEL, (Interval(change, change + 48 * HOUR, 1.0),)),))
    assert busiest_day([whole], whole, BERLIN) == 25.0


@pytest.mark.parametrize('change, words', [
    ({'quiet_start': '22:00'}, 'go together'),
    ({'quiet_start': '25:00', 'quiet_end': '06:00'}, 'HH:MM'),
    ({'quiet_start': '06:00', 'quiet_end': '06:00'}, 'the same'),
    ({'hours_a_day': 25.0}, 'hours_a_day'),
])
def test_settings_are_checked(change, words):
    with pytest.raises(ValueError, match=words):
        RuleSettings(**change)
