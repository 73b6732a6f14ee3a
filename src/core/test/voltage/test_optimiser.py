"""One home: which telemetry is trusted, and what is said."""
import math

import pytest

from hearthgrid_core.voltage import Cause, Measured, Snapshot, VoltageOptimiser, VoltageSettings

V = 230.0
S = VoltageSettings(margin_first=0.0, dwell=5.0, settle=5.0, reaction=5.0, patience=5.0, carry=60.0, hysteresis=0.0,
                    operations_max=1000.0)


class Home:
    """Outlets whose voltage follows the tap a second later."""

    def __init__(self, chosen=S, **levels):
        self.optimiser, self.now, self.tap, self.levels = VoltageOptimiser(chosen), 1000.0, 0, levels
        self.settings = chosen

    def second(self, tap_known=True, fed=True, skip=(), age=0.0, extra=()):
        self.now += 1.0
        measured = [Measured(id, self.now - age, V * (level + self.tap * self.settings.step))
                    for id, level in self.levels.items() if id not in skip]
        said = self.optimiser.step(self.now, Snapshot([*measured, *extra], self.tap if tap_known else None, fed))
        if said is not None:
            self.tap = said.tap
        return said

    def seconds(self, count, **how):
        return [self.second(**how) for _ in range(count)][-1]


def test_it_lowers_until_the_lowest_outlet_is_near_its_limit_and_says_so():
    home = Home(kitchen=1.02, garage=1.00)
    said = home.seconds(900)
    floor = S.voltage_min + S.accuracy + S.margin_min
    assert floor <= 1.00 + home.tap * S.step < floor + 4 * S.step
    assert said.low == pytest.approx(V * (1.00 + home.tap * S.step)) and said.high > said.low
    assert said.voltage == pytest.approx(V * (1 + home.tap * S.step))
    assert '218.5 V' in said.reason


def test_where_both_margins_cannot_be_had_it_says_what_is_and_what_has_no_room():
    home = Home(VoltageSettings(margin_first=0.0), near=1.0, car=0.99)
    home.seconds(100)
    home.levels['car'] = 0.955  # fifteen amperes at the end of a long cable
    home.seconds(50)
    home.levels.update(near=1.02, car=0.975)
    said = home.seconds(50)
    assert said.cause is Cause.SPREAD and 0.95 * V < said.low < said.high < 1.05 * V
    down, up = (V * float(m[0]) for m in home.optimiser._law.margins)
    assert said.reason == (f'outlets {said.low:.1f} to {said.high:.1f} V, kept midway in 218.5 to 241.5 V: no tap has '
                           f'room for {down:.1f} V down and {up:.1f} V up')
    assert len(said.reason) <= 128, 'or the regulator is told half of it'


def test_nobody_heard_nothing_said():
    assert Home().seconds(100) is None


def test_a_low_outlet_raises_at_once():
    home = Home(a=1.0, b=0.93)
    said = home.seconds(2)
    assert said.cause in (Cause.RAISE, Cause.HOLD) and home.tap >= 4


def test_an_outlet_that_falls_silent_is_taken_at_its_worst_then_suspends():
    home = Home(near=1.02, far=0.99)
    home.seconds(1200)
    said = home.seconds(30, skip=('far',))
    assert said.cause is Cause.HOLD and said.low == pytest.approx(V * (0.99 + home.tap * S.step), abs=0.5)
    said = home.seconds(60, skip=('far',))
    assert said.cause is Cause.RETREAT and 'far has been silent' in said.reason
    assert home.seconds(30).cause is not Cause.RETREAT


def test_a_forgotten_outlet_does_not_suspend_for_ever():
    home = Home(VoltageSettings(margin_first=0.0, carry=20.0, forget=100.0, patience=2.0), near=1.0, gone=1.0)
    home.seconds(20)
    home.levels.pop('gone')
    assert home.seconds(60).cause is Cause.RETREAT
    assert home.seconds(60).cause not in (Cause.BLIND, Cause.RETREAT)


@pytest.mark.parametrize('how, word', [
    ({'skip': ('a', 'b')}, 'no outlet is heard'), ({'tap_known': False}, 'the regulator is silent'),
    ({'fed': False}, 'another source'), ({'age': 100.0}, 'no outlet is heard'),
])
def test_it_suspends_itself(how, word):
    home = Home(a=1.0, b=1.0)
    home.seconds(200)
    said = home.seconds(40, **how)
    assert said.cause is Cause.RETREAT and word in said.reason


@pytest.mark.parametrize('voltage', [math.nan, math.inf, 0.0, -230.0, 400.0])
def test_what_is_no_voltage_is_refused_and_counted(voltage):
    home = Home(a=1.0)
    home.seconds(20)
    before = home.optimiser.setpoint
    home.second(extra=[Measured('mad', home.now + 1, voltage), Measured('', home.now + 1, V)])
    assert home.optimiser.refused == 2 and home.optimiser.setpoint.low == pytest.approx(before.low, abs=3.0)


def test_while_the_tap_moves_readings_of_before_are_not_taken_for_a_change():
    """A reading that is a second late would look like a change of a tap, and be remembered as one."""
    class Late(Home):
        def second(self, **how):
            self.now += 1.0
            seen = self.before if hasattr(self, 'before') else self.tap
            measured = [Measured(id, self.now - 1.0, V * (level + seen * S.step)) for id, level in self.levels.items()]
            said = self.optimiser.step(self.now, Snapshot(measured, self.tap))
            self.before = self.tap
            self.tap = said.tap
            return said

    home = Late(a=1.02)
    home.seconds(600)
    assert home.tap < -5
    assert home.optimiser.setpoint.margin < V * (S.accuracy + S.margin_min + 1e-6)


def test_time_set_back_is_said():
    home = Home(a=1.0)
    home.second()
    home.now -= 3.0
    with pytest.raises(ValueError, match='time ran'):
        home.second()


def test_settings_that_forget_before_they_carry_are_refused():
    with pytest.raises(ValueError, match='forget'):
        VoltageSettings(carry=300.0, forget=200.0)
