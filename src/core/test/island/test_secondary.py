"""Secondary control, one machine at a time: what it sends, what moves its offsets and what must not."""

import math

import pytest

from hearthgrid_core.island.secondary import LetGo, Measured, Members, Offsets, Secondary, SecondarySettings, Share

ALL = ('a', 'b', 'c')
S = SecondarySettings()
HERE = Measured(frequency=49.8, active=0.5, reactive=0.1, voltage=0.98)


def word(sender, number=1, frequency=49.8, active=0.5, reactive=0.1, voltage=0.98, limited=False):
    return Share(sender, number, frequency, active, reactive, voltage, limited)


def machine(members=ALL, now=100.0, settings=S):
    return Secondary(settings, 'a', members, now)


def tick(m, measured=HERE, now=None):
    return m.step(m.deadline if now is None else now, measured)


def run(m, seconds, measured=HERE, others=(), number=1):
    """Tick for `seconds`, hearing `others` before each."""
    end = m.deadline + seconds
    while m.deadline < end:
        for other in others:
            number += 1
            m.step(m.deadline - 1e-3, Share(**{**{f: getattr(other, f) for f in Share.__slots__}, 'number': number}))
        tick(m, measured)
    return m


def test_it_tells_the_others_every_period_with_a_rising_number():
    m = machine()
    first, second = tick(m), tick(m)
    (_, one), (_, two) = first, second
    assert one == Share('a', one.number, 49.8, 0.5, 0.1, 0.98, False)
    assert two.number > one.number
    assert m.step(m.deadline - 0.01, HERE) == []


def test_after_a_restart_numbers_are_still_greater():
    before = tick(machine(now=100.0))[1].number
    assert tick(machine(now=101.0))[1].number > before


def test_it_says_nothing_before_it_has_measured():
    m = machine()
    assert m.step(m.deadline) == []


def test_alone_it_moves_nothing_however_long():
    m = run(machine(), 60.0)
    assert (m.frequency_offset, m.voltage_offset) == (0.0, 0.0)


def test_the_only_member_brings_its_frequency_back():
    assert run(machine(('a',)), 1.0).frequency_offset > 0.5


def test_with_a_quorum_the_offset_is_the_integral_of_the_error():
    m = run(machine(), 1.0, others=[word('b')])
    assert m.frequency_offset == pytest.approx(S.frequency_rate * 0.2 * 1.0, rel=0.06)
    assert m.voltage_offset == pytest.approx(S.voltage_rate * 0.02 * 230.0 * 1.0, rel=0.06)


def test_frequencies_of_all_are_averaged_so_that_clocks_do_not_matter():
    alike = run(machine(), 0.5, others=[word('b'), word('c')]).frequency_offset
    apart = run(machine(), 0.5, Measured(49.805, 0.5, 0.1, 0.98),
                [word('b', frequency=49.795), word('c')]).frequency_offset
    assert apart == pytest.approx(alike)


@pytest.mark.parametrize('own, others, sign', [
    (0.8, (0.5, 0.5), -1), (0.2, (0.5, 0.5), +1), (0.5, (0.5, 0.5), 0), (0.5, (0.8, 0.2), 0)])
def test_a_share_above_the_mean_gives_way(own, others, sign):
    m = run(machine(), 0.5, Measured(50.0, own, 0.1, 1.0),
            [word(n, frequency=50.0, active=x, voltage=1.0) for n, x in zip('bc', others, strict=True)])
    mean = (own + sum(others)) / 3
    assert m.frequency_offset == pytest.approx(-S.active_rate * 0.5 * 0.5 * (own - mean), rel=0.15, abs=1e-9)
    assert math.copysign(sign, m.frequency_offset) == sign or not sign


def test_reactive_shares_move_the_voltage():
    m = run(machine(), 0.5, Measured(50.0, 0.5, 0.4, 1.0),
            [word(n, frequency=50.0, reactive=0.1, voltage=1.0) for n in 'bc'])
    assert m.voltage_offset < -0.05 and abs(m.frequency_offset) < 1e-9


def test_when_the_others_fall_silent_the_offsets_freeze():
    m = run(machine(), 0.3, others=[word('b'), word('c')])
    run(m, 2 * S.stale)
    frozen = m.frequency_offset, m.voltage_offset
    run(m, 600.0)
    assert (m.frequency_offset, m.voltage_offset) == frozen and frozen[0] > 0.1


def test_a_minority_follows_shares_but_leaves_the_frequency_alone():
    five = ('a', 'b', 'c', 'd', 'e')
    two = run(machine(five), 5.0, others=[word('b')])
    assert (two.frequency_offset, two.voltage_offset) == (0.0, 0.0)
    uneven = run(machine(five), 0.5, others=[word('b', active=0.7)])
    assert uneven.frequency_offset > 0.0
    three = run(machine(five), 1.0, others=[word('b'), word('c')])
    assert three.frequency_offset > 0.5


def test_only_when_told_do_offsets_leak_and_then_they_go_to_nothing():
    m = run(machine(), 1.0, others=[word('b')])
    before = m.frequency_offset
    m.step(m.deadline - 0.01, LetGo(True))
    run(m, S.leak_time)
    assert m.frequency_offset == pytest.approx(before / math.e, rel=0.02)
    m.step(m.deadline - 0.01, LetGo(False))
    kept = run(m, 1.0).frequency_offset
    assert run(m, 10.0).frequency_offset == kept


def test_at_its_limit_it_holds_and_nobody_follows_it():
    held = run(machine(), 1.0, Measured(49.8, 1.0, 0.1, 0.98, limited=True), [word('b'), word('c')])
    assert held.frequency_offset == 0.0 and tick(held, Measured(49.8, 1.0, 0.1, 0.98, True))[1].limited
    m = run(machine(), 0.5, Measured(50.0, 0.5, 0.1, 1.0),
            [word('b', frequency=50.0, voltage=1.0), word('c', frequency=50.0, voltage=1.0, active=1.0, limited=True)])
    assert m.frequency_offset == pytest.approx(0.0, abs=1e-9)


def test_offsets_stay_within_bounds():
    m = run(machine(), 60.0, Measured(48.0, 0.5, 0.1, 0.7), [word('b', frequency=48.0, voltage=0.7)])
    assert m.frequency_offset == S.frequency_offset_max
    assert m.voltage_offset == pytest.approx(S.voltage_offset_max * 230.0)


@pytest.mark.parametrize('bad', [
    word('a', 9), word('stranger', 9), word('b', 9, active=math.nan), word('b', 9, frequency=math.inf),
    word('b', 1, active=0.9)])
def test_words_that_do_not_count(bad):
    """Its own, a stranger's, no numbers, and one that is overtaken by number 5."""
    moved = []
    for heard in ([word('b', 5)], [word('b', 5), bad]):
        m = machine()
        tick(m)
        for one in heard:
            m.step(100.01, one)
        moved.append(tick(m)[0])
    assert moved[0] == moved[1] and moved[0].frequency > 0.0


def test_a_measurement_that_is_no_number_keeps_the_last():
    m = machine()
    tick(m)
    assert tick(m, Measured(math.nan, 0.5, 0.1, 1.0))[1].frequency == 49.8


def test_members_may_change_but_not_without_itself():
    m = run(machine(), 0.2, others=[word('b')])
    m.step(m.deadline - 0.01, Members(('a', 'b', 'c', 'd', 'e', 'f')))
    before = m.frequency_offset
    assert run(m, 1.0, others=[word('b')]).frequency_offset == before
    with pytest.raises(ValueError):
        m.step(m.deadline, Members(('b', 'c')))


def test_after_a_long_sleep_it_does_not_leap():
    m = machine()
    m.step(99.9, word('b'))
    tick(m)
    m.step(160.0, word('b', 7))
    (offsets, _) = tick(m, now=160.0)
    assert isinstance(offsets, Offsets) and offsets.frequency <= S.frequency_rate * 0.2 * 3 * S.period


def test_unknown_events_are_an_error_of_ours():
    with pytest.raises(TypeError):
        machine().step(100.0, 'hello')


def test_settings_are_checked():
    with pytest.raises(ValueError, match='stale'):
        SecondarySettings(period=0.4, stale=0.5)
