"""What a device usually draws, day after day on virtual time."""
import numpy as np
import pytest

from hearthgrid_core.devices import AnomalySettings, Severity
from hearthgrid_core.devices.usage import ACCEPT_HOURS, Usage

DAY, STEP = 86400.0, 30.0
SETTINGS = AnomalySettings()


def fridge(second: float) -> float:
    """90 W for a quarter of each hour, a little else."""
    return 90.0 if second % 3600 < 900 else 2.0


class Life:
    """A device lived through, and what was found at the end of each step."""

    def __init__(self) -> None:
        self.usage, self.now = Usage(SETTINGS), 1000 * DAY
        self.found: list[str] = []

    def live(self, days: float, power) -> list[str]:
        """Return what was found on the way, each text once."""
        end, found = self.now + days * DAY, []
        while self.now < end - 1e-6:
            self.now += STEP
            self.usage.step(self.now, power(self.now % DAY))
            for finding in (self.usage.peak, self.usage.hour):
                if finding.severity > Severity.UNKNOWN and finding.text not in found:
                    found.append(finding.text)
        return found


@pytest.fixture
def settled() -> Life:
    life = Life()
    assert life.live(4.05, fridge) == []
    return life


def test_as_always_is_nothing(settled):
    assert settled.live(4, fridge) == []


def test_before_the_warm_up_nothing_is_unusual():
    life = Life()
    life.live(2, fridge)
    assert not life.usage.warm and life.live(0.5, lambda s: 500.0) == []


def test_days_without_use_do_not_warm_up():
    life = Life()
    life.live(5, lambda s: 0.5)
    assert not life.usage.warm and life.live(0.2, lambda s: 2000.0) == []


def test_more_than_ever_is_found_within_minutes(settled):
    found = settled.live(5 / 1440, lambda s: 140.0)
    assert found and found[-1].startswith('draws 140 W; in 5 days it drew at most 90 W')


def test_a_minute_of_more_is_no_news(settled):
    assert settled.live(1 / 1440, lambda s: 140.0) == [] and settled.live(5 / 1440, lambda s: 2.0) == []


def test_a_door_left_open_is_found_after_its_hour_and_stays_found(settled):
    found = settled.live(3 / 24, lambda s: 90.0)
    assert found and found[0].startswith('took 90 Wh in an hour; at this time of day 24 Wh is usual')
    assert settled.usage.hour.severity is Severity.WARNING
    settled.live(2 / 24, fridge)
    assert settled.usage.hour.severity is Severity.UNKNOWN


def test_one_that_stopped_is_found(settled):
    assert any('does it still work?' in text for text in settled.live(3 / 24, lambda s: 0.0))


def test_a_day_of_it_is_the_new_ordinary(settled):
    settled.live((ACCEPT_HOURS + 2) / 24, lambda s: 90.0)
    assert settled.usage.hour.severity is Severity.UNKNOWN
    assert settled.live(1, lambda s: 90.0) == []


def test_three_times_is_the_new_ordinary(settled):
    def bake(second: float) -> float:
        return 200.0 if 12 * 3600 <= second < 13 * 3600 else fridge(second)

    assert [bool(settled.live(1, bake)) for _ in range(6)] == [True, True, True, False, False, False]


def test_what_is_usual_is_the_median_of_this_time_of_day_and_its_neighbours():
    life, hours = Life(), {}
    for k, level in enumerate(np.random.default_rng(2).uniform(50, 150, 24 * 5)):
        life.live(1 / 24, lambda s, level=level: level)
        hours.setdefault(k % 24, []).append(level)
    same = [level for hour in (5, 6, 7) for level in hours[hour]]
    assert life.usage._judge_hour(6, 0.0).expected == pytest.approx(np.median(same), rel=0.002)


def test_a_trifle_that_ends_is_no_news():
    life = Life()
    life.live(4.05, lambda s: 4.0 if s > 7200 else 60.0)
    assert life.usage.warm and life.live(1, lambda s: 0.5) == []


def test_memory_is_bounded():
    life = Life()
    life.live(40, lambda s: 50.0 + s % 7)
    assert all(len(hours) <= SETTINGS.history_days for hours in life.usage._hours)
    assert len(life.usage._days) <= SETTINGS.history_days and len(life.usage._held) < ACCEPT_HOURS


def test_an_hour_hardly_seen_does_not_count(settled):
    before = [len(hours) for hours in settled.usage._hours]
    for _ in range(20):
        settled.now += 7200.0
        settled.usage.step(settled.now, 1000.0)
    assert [len(hours) for hours in settled.usage._hours] == before
