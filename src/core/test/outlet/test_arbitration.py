"""Arbitration: who wins, and that nobody ever widens the band of somebody more urgent."""
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hearthgrid_core.outlet import FREE, OFF, ON, Band, Voice, Word, arbitrate, settle

INF = math.inf


@st.composite
def bands(draw) -> Band:
    low = draw(st.floats(0.0, 5e3))
    return draw(st.sampled_from([Band(low, INF), Band(low, draw(st.floats(low, 1e4))), OFF, ON]))


@pytest.mark.parametrize('voices, agreed', [
    ([],                                               Band(0, INF)),     # nobody asks
    ([Band(0, 2300)],                                  Band(0, 2300)),    # nobody minds
    ([Band(0, 2300), Band(0, 400), Band(1500, 1500)],  Band(400, 400)),   # the island's cap beats the plan
    ([Band(0, 0), Band(0, 400), Band(1500, 1500)],     Band(0, 0)),       # tripped means off
    ([Band(1000, 2000), Band(0, 500)],                 Band(1000, 1000)), # a cap comes as near as it may
    ([Band(1000, 2000), Band(0, 0)],                   Band(1000, 2000)), # off cannot be met halfway
    ([Band(0, 2000), Band(500, 1000), Band(0, INF)],   Band(500, 1000)),  # each narrows in turn
    ([ON, OFF],                                        ON),               # a person's on beats the plan's off
    ([OFF, ON],                                        OFF),
])
def test_the_most_urgent_voice_wins(voices, agreed):
    assert arbitrate(*voices) == agreed


@pytest.mark.parametrize('low, high', [(-1, 5), (5, 4), (math.nan, 5), (0, math.nan), (INF, INF), (0, -1)])
def test_what_is_no_band_is_refused(low, high):
    with pytest.raises(ValueError, match='no band'):
        Band(low, high)


@given(st.lists(bands(), max_size=6), bands())
def test_a_later_voice_never_widens(urgent, late):
    before, after = arbitrate(*urgent), arbitrate(*urgent, late)
    assert before.power_min <= after.power_min <= after.power_max <= before.power_max


@given(st.lists(bands(), max_size=6))
def test_an_urgent_off_beats_all(others):
    assert arbitrate(OFF, *others) == OFF


@given(bands(), bands())
def test_compatible_bands_intersect_and_others_meet_at_the_nearest_edge(first, second):
    low, high = max(first.power_min, second.power_min), min(first.power_max, second.power_max)
    edge = first.power_max if second.power_min > first.power_max else first.power_min
    nearest = Band(low, high) if low <= high else Band(edge, edge)
    assert first.narrowed(second) == (first if first.on and second.off else nearest)


@pytest.mark.parametrize('words, voice, reason', [
    ([], Voice.UNKNOWN, 'nobody asked'),
    ([Word(Voice.PLAN, FREE, 'x')], Voice.UNKNOWN, 'nobody asked'),
    ([Word(Voice.PLAN, OFF, 'dear now')], Voice.PLAN, 'dear now'),
    ([Word(Voice.PERSON, ON, 'tea'), Word(Voice.PLAN, OFF, 'dear now')], Voice.PERSON, 'tea'),
    ([Word(Voice.ISLAND, Band(0, 400), 'battery'), Word(Voice.PERSON, ON, 'tea')], Voice.PERSON,
     'tea; at most 400 W: battery'),
    ([Word(Voice.ISLAND, Band(0, 400), 'battery'), Word(Voice.PLAN, FREE, 'x')], Voice.ISLAND, 'battery'),
    ([Word(Voice.ISLAND, Band(0, 400), 'battery'), Word(Voice.PLAN, OFF, 'dear now')], Voice.PLAN, 'dear now'),
    ([Word(Voice.PROTECTION, OFF, 'tripped'), Word(Voice.PERSON, ON, 'tea')], Voice.PROTECTION, 'tripped'),
])
def test_who_decided_is_said(words, voice, reason):
    agreed = settle(words)
    assert (agreed.voice, agreed.reason) == (voice, reason)
    assert agreed.band == arbitrate(*(word.band for word in words))
