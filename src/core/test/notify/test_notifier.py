"""What a person is told: tables that read as the specification, and properties over made-up days."""
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hearthgrid_core.notify import ChannelRules, News, Notifier, Severity

INFO, WARNING, CRITICAL = Severity.INFO, Severity.WARNING, Severity.CRITICAL
NOON, NIGHT = 720, 180


def rules(name='phone', **changes):
    return ChannelRules(name, **{'severity': INFO, 'group_time': 10.0, 'repeat_time': 60.0} | changes)


def news(id='a', severity=WARNING, time=0.0, **more):
    return News(id, severity, 'Kettle', f'{id} happened', time, **more)


def told(messages):
    """Return `id`, `+id` for a repetition and `-id` for an end, message by message."""
    return [' '.join('-' * e.over + '+' * e.repeated + e.id for e in message.entries) for message in messages]


def play(notifier, course, minute=NOON):
    """Return [(time, ids)] of a course of (time, news or acknowledged id or None)."""
    out = []
    for now, what in course:
        if isinstance(what, str):
            notifier.acknowledge(what)
            what = None
        out += [(now, line) for line in told(notifier.step(now, minute, [what] if what else []))]
    return out


W, C = news(), news(severity=CRITICAL)
END = news(over=True)


@pytest.mark.parametrize('course, expected', [
    # a warning waits for its group, then goes once; said again it is no news
    ([(0, W), (9, None), (10, None), (20, W), (40, None)], [(10, 'a')]),
    # a burst is one message
    ([(0, W), (1, news('b')), (2, news('c', INFO)), (10, None), (40, None)], [(10, 'a b c')]),
    # critical does not wait, and takes what waits along, the critical first
    ([(0, news('b')), (1, C)], [(1, 'a b')]),
    # critical is repeated until acknowledged
    ([(0, C), (59, None), (60, None), (119, None), (120, None), (121, 'a'), (200, None)],
     [(0, 'a'), (60, '+a'), (120, '+a')]),
    # ... or until over, which is told, in its group
    ([(0, C), (50, END), (60, None), (130, None)], [(0, 'a'), (60, '-a')]),
    # acknowledged, its end is still told
    ([(0, C), (1, 'a'), (70, END), (80, None)], [(0, 'a'), (80, '-a')]),
    # acknowledged before it was told: never told, nor its end
    ([(0, W), (1, 'a'), (10, None), (20, END), (40, None)], []),
    # what ended before anybody heard of it is no news
    ([(0, W), (5, END), (10, None), (40, None)], []),
    # an end without a beginning is none
    ([(0, END), (40, None)], []),
    # it became worse than ever: news again, though acknowledged
    ([(0, W), (10, None), (11, 'a'), (12, C), (13, W), (14, C), (73, None)], [(10, 'a'), (12, 'a'), (73, '+a')]),
    # no longer critical: no repetition
    ([(0, C), (1, W), (60, None), (200, None)], [(0, 'a')]),
    # ended and begun again is news
    ([(0, C), (5, END), (15, None), (20, C)], [(0, 'a'), (15, '-a'), (20, 'a')]),
    # begun again before its end was told: the end is not told
    ([(0, C), (5, END), (6, C), (30, None)], [(0, 'a'), (6, 'a')]),
    # a passing thing is told once and never again
    ([(0, news('job', INFO, passing=True)), (10, None), (11, news('job', INFO, passing=True)), (40, None)],
     [(10, 'job')]),
    # the clock is set back: nothing waits for it to catch up
    ([(1000, W), (500, None)], [(500, 'a')]),
    ([(1000, C), (500, None)], [(1000, 'a'), (500, '+a')]),
])
def test_a_channel_over_time(course, expected):
    assert play(Notifier([rules()]), course) == expected


@pytest.mark.parametrize('severity, threshold, heard', [
    (INFO, INFO, True), (INFO, WARNING, False), (WARNING, WARNING, True), (WARNING, CRITICAL, False),
    (CRITICAL, CRITICAL, True), (Severity.UNKNOWN, INFO, False)])
def test_a_channel_hears_from_its_severity_on(severity, threshold, heard):
    course = [(0, news(severity=severity)), (10, None), (11, END), (30, None)]
    assert bool(play(Notifier([rules(severity=threshold)]), course)) is heard


@pytest.mark.parametrize('start, end, minute, quiet', [
    (1320, 420, 1319, False), (1320, 420, 1320, True), (1320, 420, 0, True), (1320, 420, 419, True),
    (1320, 420, 420, False), (60, 120, 60, True), (60, 120, 120, False), (60, 60, 60, False)])
def test_quiet_hours_may_pass_midnight(start, end, minute, quiet):
    assert rules(quiet_start=start, quiet_end=end).quiet(minute) is quiet


def test_quiet_hours_hold_all_but_the_critical_and_are_told_at_once_after():
    notifier = Notifier([rules(quiet_start=60, quiet_end=420)])
    night = [(0, W), (20, news('b', INFO)), (30, news('c', CRITICAL)), (40, news('c', over=True)), (90, None)]
    assert play(notifier, night, NIGHT) == [(30, 'c')]
    assert play(notifier, [(100, None)], NOON) == [(100, 'a b -c')]


def test_a_rate_limit_gathers_the_rest_and_keeps_a_place_for_the_critical():
    notifier = Notifier([rules(group_time=0.0, burst=3, hourly=60)])
    course = [(k, news(f'w{k}')) for k in range(4)]
    assert play(notifier, course) == [(0, 'w0'), (1, 'w1')]
    assert play(notifier, [(4, C), (5, news('b', CRITICAL))]) == [(4, 'a w2 w3')]
    assert play(notifier, [(62, None)]) == [(62, 'b')]  # a minute later there is a token again


def test_channels_have_rules_of_their_own():
    notifier = Notifier([rules('phone', severity=CRITICAL), rules('mail', group_time=0.0)])
    sent = notifier.step(0, NOON, [W, news('c', CRITICAL)])
    assert [(message.channel, told([message])) for message in sent] == [('phone', ['c']), ('mail', ['c a'])]


def test_acknowledging_says_whether_anything_stands():
    notifier = Notifier([rules()])
    assert not notifier.acknowledge('a')
    notifier.step(0, NOON, [C])
    assert notifier.standing == {'a': False}
    assert notifier.acknowledge('a') and notifier.acknowledge('a')
    assert notifier.standing == {'a': True}


def test_the_words_are_the_newest_and_an_end_has_the_worst_severity():
    notifier = Notifier([rules()])
    notifier.step(0, NOON, [W])
    notifier.step(1, NOON, [News('a', WARNING, 'Kettle', 'hotter', 1.0)])
    assert notifier.step(10, NOON)[0].entries[0].text == 'hotter'
    notifier.step(11, NOON, [C])
    notifier.step(12, NOON, [END])
    assert notifier.step(22, NOON)[0].entries[0].severity is CRITICAL


def test_a_flood_is_bounded_and_the_critical_stays():
    notifier = Notifier([rules(quiet_start=60, quiet_end=420, burst=2, hourly=1)])
    notifier.step(0, NIGHT, [news('x', CRITICAL)])
    notifier.step(1, NIGHT, [news('y', CRITICAL)])
    notifier.step(2, NIGHT, [news('z', CRITICAL)])
    notifier.step(3, NIGHT, [news(f'w{k}') for k in range(2000)])
    assert len(notifier.standing) == 1024 and {'x', 'y', 'z'} <= notifier.standing.keys()
    assert notifier.given_up == 2001 - 256
    assert told(notifier.step(4000, NIGHT)) == ['z +x +y']
    assert len(notifier.step(8000, NOON)[0].entries) == 255 + 3


@pytest.mark.parametrize('changes', [{'burst': 1}, {'hourly': 0}, {'group_time': float('nan')}, {'quiet_start': 1440},
                                     {'severity': Severity.UNKNOWN}, {'name': ''}])
def test_rules_that_cannot_be_are_refused(changes):
    with pytest.raises(ValueError):
        ChannelRules(**{'name': 'phone'} | changes)


def test_news_that_cannot_be_is_refused():
    with pytest.raises(ValueError):
        news('')
    with pytest.raises(ValueError):
        news(time=float('nan'))
    with pytest.raises(ValueError):
        Notifier([rules(), rules()])


def damaged(path, value):
    notifier = Notifier([rules()])
    notifier.step(0, NOON, [C, news('b')])
    notifier.step(1, NOON, [news('c')])
    kept = notifier.state()
    place = kept
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return kept


@pytest.mark.parametrize('path, value', [
    (('standing',), None), (('standing', 0, 'severity'), 9), (('standing', 0, 'time'), float('nan')),
    (('standing', 0, 'time'), 10**400), (('passed',), 3), (('channels',), []), (('channels', 'phone'), {}),
    (('channels', 'phone', 'told'), []), (('channels', 'phone', 'tokens'), 'many'),
    (('channels', 'phone', 'told'), {'a': float('nan')}), (('channels', 'phone', 'waiting'), [1])])
def test_a_damaged_state_is_refused_and_changes_nothing(path, value):
    notifier = Notifier([rules()])
    notifier.step(0, NOON, [news('other')])
    before = notifier.state()
    with pytest.raises(ValueError):
        notifier.restore(damaged(path, value))
    assert notifier.state() == before


IDS = st.sampled_from('abcd')
STEP = st.tuples(st.floats(0, 400), st.sampled_from([NOON, NIGHT]), st.one_of(
    st.none(), st.tuples(st.just('seen'), IDS),
    st.builds(lambda id, s, kind: news(id, s, over=kind == 'over') if kind != 'passing' else
              news(f'p{id}', s, passing=True), IDS, st.sampled_from([INFO, WARNING, CRITICAL]),
              st.sampled_from(['on', 'over', 'passing']))))
RULES = st.builds(rules, severity=st.sampled_from([INFO, WARNING, CRITICAL]), group_time=st.sampled_from([0.0, 10.0]),
                  quiet_start=st.just(60), quiet_end=st.sampled_from([60, 420]), burst=st.integers(2, 4),
                  hourly=st.sampled_from([1, 60, 3600]))


@given(RULES, st.lists(STEP, max_size=60))
def test_what_always_holds(channel, steps):
    notifier, now, heard, times = Notifier([channel]), 0.0, set(), []
    for wait, minute, what in steps:
        now += wait
        if isinstance(what, tuple):
            notifier.acknowledge(what[1])
            what = None
        sent = notifier.step(now, minute, [what] if what else [])
        assert len(sent) <= 1
        for message in sent:
            times.append(now)
            assert message.entries
            assert len({entry.id for entry in message.entries}) == len(message.entries)
            assert not channel.quiet(minute) or all(entry.urgent for entry in message.entries)
            for entry in message.entries:
                assert entry.severity >= channel.severity
                assert not (entry.over or entry.repeated) or entry.id in heard  # told before, in this life of it
                assert not entry.repeated or not notifier.standing[entry.id]
                (heard.discard if entry.over else heard.add)(entry.id)
    for first, start in enumerate(times):  # a token bucket bounds any stretch of time
        for count, end in enumerate(times[first:], 1):
            assert count <= channel.burst + channel.hourly * (end - start) / 3600 + 1e-6


@given(RULES, st.lists(STEP, max_size=30), st.lists(STEP, max_size=30))
def test_a_restart_changes_nothing(channel, before, after):
    one, other, now = Notifier([channel]), Notifier([channel]), 0.0
    for wait, minute, what in before:
        now += wait
        one.acknowledge(what[1]) if isinstance(what, tuple) else one.step(now, minute, [what] if what else [])
    other.restore(json.loads(json.dumps(one.state(), allow_nan=False)))
    for wait, minute, what in after:
        now += wait
        if isinstance(what, tuple):
            assert one.acknowledge(what[1]) == other.acknowledge(what[1])
        else:
            given = [what] if what else []
            assert one.step(now, minute, given) == other.step(now, minute, given)
