"""Who energises a dead bus: timelines of one source, and many of them against each other."""
import math
from dataclasses import replace

import numpy as np
import pytest

from hearthgrid_core.island.black_start import BlackStart, BlackStartSettings, Phase
from hearthgrid_core.sim.dead_bus import Cases, draw, play, run

S = BlackStartSettings()
SPOKEN = (1 + 2 * S.bits) * S.half
TICK = 0.001


def timeline(rank=0, bus=lambda now, own: own, isolated=lambda now: True, able=lambda now: True, until=2.0):
    """Voltages made, by millisecond; the bus is what the source makes unless said otherwise."""
    source, made, own = BlackStart(S, rank), [], 0.0
    for k in range(round(until / TICK)):
        own = source.step(k * TICK, bus(k * TICK, own), isolated(k * TICK), able(k * TICK))
        made.append(own)
    return np.array(made), source


@pytest.mark.parametrize('rank', [0, 1, 6, 7])
def test_a_source_alone_waits_speaks_and_ramps(rank):
    made, source = timeline(rank)
    begin = np.flatnonzero(made)[0] * TICK
    assert begin == pytest.approx(S.dead_time + rank * S.slot, abs=2 * TICK)
    spoken = made[round(begin / TICK):round((begin + SPOKEN) / TICK) - 1]
    halves = [spoken[round((h + 0.5) * S.half / TICK)] for h in range(1 + 2 * S.bits)]
    assert halves == [S.probe * on for on in S.pattern(rank)]
    assert made.max(initial=0) == 1.0 and source.phase is Phase.ON
    full = np.flatnonzero(made == 1.0)[0] * TICK
    assert full <= S.longest <= 1.0
    rise = np.diff(made[round((begin + SPOKEN) / TICK) + 2:])
    assert rise.max() < 0.02 and rise.min() >= 0.0, 'softly'


def test_patterns_are_unique_and_never_silent_for_long():
    patterns = [S.pattern(rank) for rank in range(8)]
    assert len(set(patterns)) == 8
    for p in patterns:
        assert p[0]
        assert not any(a is b is c is False for a, b, c in zip(p, p[1:], p[2:], strict=False))


NEVER = {
    'live bus': dict(bus=lambda now, own: 0.3),
    'a bus that flickers': dict(bus=lambda now, own: 0.3 if now % 0.1 < 0.02 else 0.0),
    'a bus not known': dict(bus=lambda now, own: math.nan),
    'the tie not seen open': dict(isolated=lambda now: False),
    'not able': dict(able=lambda now: False),
}


@pytest.mark.parametrize('case', NEVER.values(), ids=NEVER)
def test_it_never_starts_on(case):
    assert not timeline(**case)[0].any()


@pytest.mark.parametrize('when', [0.13, 0.20, 0.30, 0.42, 0.6])
@pytest.mark.parametrize('loss', ['isolated', 'able'])
def test_it_stops_at_once_when_it_may_not_any_more(when, loss):
    made, source = timeline(**{loss: lambda now: now < when})
    assert not made[round(when / TICK):].any() and source.phase is Phase.OFF


def test_it_stops_on_foreign_voltage():
    for foreign, since in ((1.0, 0.13), (1.0, 0.25), (1.0, 0.41), (0.25, 0.19)):    # start half, a silence, ramp
        made, _ = timeline(bus=lambda now, own, v=foreign, t=since: max(own, v) if now >= t else own)
        assert not made[round((since + 0.08) / TICK):].any(), (foreign, since)


def test_ranks_without_a_slot_and_settings_that_would_collide_are_refused():
    for bad in (lambda: BlackStart(S, 8), lambda: BlackStart(S, -1), lambda: replace(S, slot=0.035),
                lambda: replace(S, half=0.03), lambda: replace(S, dead_time=0.1), lambda: replace(S, probe=0.12)):
        with pytest.raises(ValueError):
            bad()


def test_one_goes_on_in_every_one_of_many_cases():
    ends = run(S, draw(S, 30_000, np.random.default_rng(1)))
    assert (ends.began > 1).sum() > 50, 'the slots alone would have failed'
    assert (ends.left == 1).all()


def test_the_arrays_do_what_the_machines_do():
    rng = np.random.default_rng(2)
    cases = draw(S, 4000, rng)
    together = np.flatnonzero(run(S, cases).began > 1)[:12]
    rows = [*range(20), *together]
    ends = run(S, cases)
    for row in rows:
        plain = play(S, cases, row)
        assert plain.left[0] == ends.left[row] == 1
        assert plain.live[0] == pytest.approx(ends.live[row], abs=0.03)


@pytest.mark.parametrize('apart', [0.0, 0.004, 0.011])
def test_any_two_that_begin_together_part(apart):
    for low in range(8):
        for high in range(low + 1, 8):
            start = {low: apart, high: 0.0}
            rank = np.array([[low, high]])
            able = np.array([[start[low], start[high]]]) + 1.0 - rank * S.slot
            ends = run(S, Cases(rank, able, np.ones((1, 2)), np.zeros((1, 2)), np.full((1, 2), S.detection)))
            assert (ends.began[0], ends.left[0]) == (2, 1), (low, high)


def test_two_of_one_rank_are_found_out():
    """The check can fail: ranks that are not unique, and a source that does not listen."""
    same = Cases(np.array([[3, 3]]), np.zeros((1, 2)), np.ones((1, 2)), np.zeros((1, 2)), np.full((1, 2), 0.01))
    assert run(S, same).left[0] == 2 and play(S, same, 0).left[0] == 2


def test_a_source_that_does_not_listen_is_found_out(monkeypatch):
    cases = Cases(np.array([[1, 2]]), np.array([[S.slot, 0.0]]), np.ones((1, 2)), np.zeros((1, 2)),
                  np.full((1, 2), 0.01))
    assert play(S, cases, 0).left[0] == 1
    monkeypatch.setattr(BlackStart, '_hears', lambda self, now, bus: False)
    assert play(S, cases, 0).left[0] == 2


def test_without_late_boots_the_slots_are_enough():
    assert (run(S, draw(S, 20_000, np.random.default_rng(3), late=0.0)).began == 1).all()
