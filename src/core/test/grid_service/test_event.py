"""Events are checked when they are made; their status follows the home's clock."""
import math

import pytest

from hearthgrid_core.grid_service import Event, EventError, Interval, Kind, Signal, Status

HOUR = 3600.0


def event(start=10 * HOUR, end=12 * HOUR, value=2.0, kind=Kind.LEVEL, **change) -> Event:
    return Event(**{'id': 'e', 'signals': (Signal(kind, (Interval(start, end, value),)),), **change})


@pytest.mark.parametrize('now, status', [
    (0.0, Status.FAR),
    (9 * HOUR - 0.1, Status.FAR),
    (9 * HOUR, Status.NEAR),
    (10 * HOUR - 0.1, Status.NEAR),
    (10 * HOUR, Status.ACTIVE),
    (12 * HOUR - 0.1, Status.ACTIVE),
    (12 * HOUR, Status.COMPLETED),
])
def test_status_by_the_clock(now, status):
    assert event().status(now, near=HOUR) is status


def test_its_own_ramp_up_goes_before_ours_and_cancelled_before_all():
    assert event(ramp_up=60.0).status(9.5 * HOUR, near=HOUR) is Status.FAR
    assert event(ramp_up=60.0).status(10 * HOUR - 60, near=HOUR) is Status.NEAR
    assert event(cancelled=True).status(11 * HOUR, near=HOUR) is Status.CANCELLED


def test_an_open_event_lasts():
    assert event(end=math.inf).status(1e9, HOUR) is Status.ACTIVE


@pytest.mark.parametrize('make, words', [
    (lambda: Interval(5.0, 5.0, 1.0), 'interval from 5 to 5'),
    (lambda: Interval(-1.0, 5.0, 1.0), 'starts at -1'),
    (lambda: Interval(math.nan, 5.0, 1.0), 'starts at nan'),
    (lambda: Interval(0.0, math.nan, 1.0), 'to nan'),
    (lambda: Interval(0.0, 1e12, 1.0), 'interval from 0'),
    (lambda: Interval(0.0, 5.0, math.nan), 'value of nan'),
    (lambda: Interval(0.0, 5.0, math.inf), 'value of inf'),
    (lambda: Signal(Kind.LEVEL, ()), '0 intervals'),
    (lambda: Signal(Kind.PRICE, (Interval(0, 5, 1), Interval(4, 6, 1))), 'overlap'),
    (lambda: Signal(Kind.PRICE, (Interval(5, 6, 1), Interval(0, 5, 1))), 'overlap'),
    (lambda: event(value=4.0), 'level of 4'),
    (lambda: event(value=1.5), 'whole number'),
    (lambda: event(value=-1.0, kind=Kind.IMPORT_LIMIT), 'import_limit of -1'),
    (lambda: event(value=1.2, kind=Kind.CHARGE), 'charge of 1.2'),
    (lambda: event(value=1e9, kind=Kind.DISPATCH), 'dispatch of 1e\\+09'),
    (lambda: event(id=''), 'is called'),
    (lambda: event(id='x' * 65), 'is called'),
    (lambda: event(id='a\nb'), 'is called'),
    (lambda: event(signals=()), '0 signals'),
    (lambda: event(signals=(Signal(Kind.LEVEL, (Interval(0, 1, 1),)),) * 2), 'two signals'),
    (lambda: event(modification=-1), 'modification -1'),
    (lambda: event(tolerance=math.nan), 'tolerance nan'),
])
def test_nonsense_is_refused_with_the_reason(make, words):
    with pytest.raises(EventError, match=words):
        make()
