"""Utility script, tie breaker, battery and droop."""
import math
from dataclasses import replace

import numpy as np
import pytest

from hearthgrid_core.sim.battery import Battery, Former, Mode, Setpoint
from hearthgrid_core.sim.loads import ORDERS
from hearthgrid_core.sim.settings import BatterySettings, SupplySettings, TieSettings
from hearthgrid_core.sim.tie import Bus, Tie
from hearthgrid_core.sim.utility import Outage, OutageKind, Utility

QUIET = SupplySettings(voltage_wander=0.0, frequency_wander=0.0)
BLACKOUT, SAG, SWELL, FREQUENCY = OutageKind.BLACKOUT, OutageKind.SAG, OutageKind.SWELL, OutageKind.FREQUENCY


def utility(settings=QUIET):
    return Utility(settings, np.random.default_rng(1))


def test_the_script_is_a_timeline():
    #        10        20 22   25        30
    # 1 ......| 0.4 ....| 0 ..|... 0.4 ...| 1
    u = utility()
    u.script(Outage(SAG, 10.0, 30.0, 0.4))
    u.script(Outage(BLACKOUT, 22.0, 25.0))
    for now, voltage, change in [(0, 1.0, 10), (10, 0.4, 22), (21.9, 0.4, 22), (22, 0.0, 25), (25, 0.4, 30),
                                 (30, 1.0, math.inf)]:
        u.update(now)
        assert (u.voltage, u.next_change(now)) == (voltage, change), now


def test_restoring_ends_everything():
    u = utility()
    u.script(Outage(BLACKOUT, 1.0))
    u.update(2.0)
    assert u.voltage == 0.0
    u.restore()
    u.update(2.0)
    assert u.voltage == 1.0


def test_a_frequency_excursion_ramps_and_ends():
    u = utility()
    u.script(Outage(FREQUENCY, 1.0, 5.0, 0.98))
    seen = []
    for k in range(60):
        u.move(k * 0.2, 0.2)
        seen.append(u.frequency)
    assert min(seen) == pytest.approx(49.0)
    assert max(abs(np.diff(seen))) <= 0.4 + 1e-9, '2 Hz/s'
    assert seen[-1] == pytest.approx(50.0)


@pytest.mark.parametrize('bad', [lambda: Outage(SAG, 1.0, 2.0, 1.2), lambda: Outage(SWELL, 1.0, 2.0, 0.9),
                                 lambda: Outage(BLACKOUT, 2.0, 1.0), lambda: Outage(FREQUENCY, 1.0, 2.0, 0.5),
                                 lambda: Outage(BLACKOUT, math.nan), lambda: Outage(SAG, 1.0, 2.0, math.nan)])
def test_impossible_outages_are_refused(bad):
    with pytest.raises(ValueError):
        bad()


def test_background_distortion_is_what_was_asked():
    u = utility(replace(QUIET, distortion=0.03))
    emf = u.emf(u.phase)
    assert abs(emf[0]) == pytest.approx(230.0)
    assert np.linalg.norm(emf[1:]) / abs(emf[0]) == pytest.approx(0.03)
    turned = u.emf(u.phase - 0.2)
    np.testing.assert_allclose(turned / emf, np.exp(0.2j * np.array(ORDERS)), atol=1e-9)


def test_wander_has_the_asked_spread():
    u = utility(SupplySettings(voltage_wander=0.01, frequency_wander=0.02))
    seen = []
    for k in range(4000):
        u.move(k * 100.0, 100.0)
        seen.append((u.voltage, u.frequency))
    spread = np.std(seen, axis=0)
    assert spread == pytest.approx([0.01, 0.02], rel=0.1)


# The tie breaker: utility voltage and frequency over nominal, how long → when it opens.
@pytest.mark.parametrize('voltage, frequency, island, opens, reason', [
    (0.0, 1.0, True, 0.008, 'loss of mains'),
    (0.0, 1.0, False, 0.008, 'loss of mains'),
    (0.4, 1.0, True, 0.008, 'loss of mains'),
    (0.4, 1.0, False, 2.0, 'under-voltage'),    # nothing is gained by opening early
    (0.85, 1.0, True, 21.0, 'under-voltage'),
    (1.15, 1.0, True, 13.0, 'over-voltage'),
    (1.25, 1.0, True, 0.16, 'over-voltage'),
    (1.0, 1.05, True, 0.16, 'over-frequency'),
    (1.0, 0.93, True, 0.16, 'under-frequency'),
    (1.0, 0.97, True, 300.0, 'under-frequency'),
    (0.92, 1.0, True, math.inf, ''),
    (1.04, 1.01, True, math.inf, ''),
])
def test_the_tie_opens_in_time(voltage, frequency, island, opens, reason):
    tie = Tie(TieSettings(), island, 50.0)
    tie.watch(99.0, Bus(1.0, 1.0))
    tie.watch(100.0, Bus(voltage, frequency))
    assert tie.deadline == pytest.approx(100.0 + opens)
    if math.isfinite(opens):
        tie.watch(100.0 + 0.9 * opens, Bus(voltage, frequency))
        assert tie.closed
        tie.watch(100.0 + opens, Bus(voltage, frequency))
        assert not tie.closed and tie.reason == reason


def test_a_limit_that_is_left_again_starts_anew():
    tie = Tie(TieSettings(), True, 50.0)
    for now, voltage in [(0.0, 1.15), (12.0, 1.0), (12.5, 1.15), (25.0, 1.15)]:
        tie.watch(now, Bus(voltage, 1.0))
    assert tie.closed


def opened(wait=10.0, lasted=0.0):
    tie = Tie(TieSettings(reconnect_wait=wait), True, 50.0)
    tie.watch(99.0, Bus(1.0, 1.0))
    for now in (100.0, 100.008):
        tie.watch(now, Bus(0.0, 1.0))
    assert not tie.closed
    tie.watch(100.01 + lasted, Bus(1.0, 1.0))
    return tie


def test_a_dip_is_forgotten_quickly_an_outage_is_not():
    dip, outage = opened(lasted=0.1), opened(lasted=20.0)
    assert not dip.ready(100.15) and dip.ready(100.22)
    assert not outage.ready(129.9) and outage.ready(130.1)


def test_a_flicker_during_an_outage_does_not_shorten_the_wait():
    tie = opened(lasted=20.0)
    tie.watch(123.0, Bus(0.0, 1.0))
    tie.watch(123.1, Bus(1.0, 1.0))
    assert not tie.ready(133.0) and tie.ready(133.2)


@pytest.mark.parametrize('home, closes', [
    (Bus(0.0, 1.0), True),                                      # dead
    (Bus(1.0, 1.0, 0.0), True),                                 # in step
    (Bus(1.0, 1.0, math.radians(9)), True),
    (Bus(1.0, 1.0, math.radians(-11)), False),
    (Bus(1.0, 1.0, math.pi), False),
    (Bus(1.0, 1.0, 2 * math.pi - 0.05), True),
    (Bus(0.96, 1.0, 0.0), False),
    (Bus(1.0, 1 + 0.11 / 50, 0.0), False),
])
def test_it_never_closes_on_a_live_bus_out_of_step(home, closes):
    tie = opened(wait=0.1)
    assert tie.close(200.0, Bus(1.0, 1.0), home) is closes
    assert tie.closed is closes


def test_it_does_not_close_on_a_dead_or_unready_utility():
    tie = opened()
    assert not tie.close(100.02, Bus(1.0, 1.0), Bus(0.0, 1.0))
    assert not tie.may_close(Bus(0.0, 1.0), Bus(0.0, 1.0))


# The battery.
LOSSLESS = BatterySettings(capacity_kwh=10.0, power_max=4000.0, efficiency=0.9, idle_power=0.0, initial=0.5)


@pytest.mark.parametrize('power, hours, soc', [
    (2000.0, 1.0, 0.5 + 0.9 * 0.2), (-2000.0, 1.0, 0.5 - 0.2 / 0.9), (0.0, 5.0, 0.5), (4000.0, 10.0, 1.0),
    (-4000.0, 10.0, 0.0)])
def test_charge_is_energy_times_efficiency(power, hours, soc):
    battery = Battery(LOSSLESS)
    for _ in range(100):
        battery.step(power, hours * 36.0)
    assert battery.soc == pytest.approx(soc)


def test_the_inverter_uses_energy_itself_when_awake():
    battery = Battery(replace(LOSSLESS, idle_power=20.0))
    battery.step(0.0, 3600.0)
    assert battery.soc == pytest.approx(0.5 - 0.002)
    battery.step(0.0, 3600.0, awake=False)
    assert battery.soc == pytest.approx(0.5 - 0.002)


@pytest.mark.parametrize('soc, asked, kept', [
    (0.5, 9000, 4000), (0.5, -9000, -4000), (0.5, 123, 123), (1.0, 2000, 0), (0.975, 4000, 2000), (0.05, -2000, 0),
    (0.04, 1000, 1000)])
def test_power_is_limited_by_rating_and_charge(soc, asked, kept):
    assert Battery(replace(LOSSLESS, initial=soc)).limit(asked) == pytest.approx(kept)


def settle(former, load, damping=0.0, reactive=0.0):
    for k in range(600):
        p = load + damping * (former.frequency() / 50.0 - 1)
        former.step(k * 0.02, 0.02, p, reactive, abs(p) / 230)
    return former.frequency(), former.voltage()


@pytest.mark.parametrize('damping', [0.0, 3000.0])
def test_droop_is_the_closed_form(damping):
    """Δf/f0 = −ΔP / (1/m + D), V = V0 − n·Q."""
    settings = BatterySettings(power_max=4000.0, droop_frequency=0.01, droop_voltage=0.025, soft_start=0.0)
    f0, v0 = settle(Former(settings, 230.0, 50.0), 0.0)
    f1, v1 = settle(Former(settings, 230.0, 50.0), 2500.0, damping, 1000.0)
    assert (f0, v0) == (50.0, 230.0)
    assert (f1 - f0) / 50.0 == pytest.approx(-2500.0 / (4000.0 / 0.01 + damping), rel=1e-6)
    assert v1 == pytest.approx(230.0 * (1 - 0.025 * 0.25))


def test_an_overload_stops_the_inverter_after_its_time():
    former = Former(BatterySettings(power_max=4000.0, overload_time=2.0, restart_wait=10.0), 230.0, 50.0)
    former.begin(True, 0.0, 0.0)
    stopped = next(k for k in range(200) if not former.step(k * 0.02, 0.02, 5000.0, 0.0, 21.7)) * 0.02
    assert stopped == pytest.approx(2.0, abs=0.03)
    assert former.blocked_until == pytest.approx(stopped + 10.0)


def test_an_overload_lets_the_frequency_go_and_comes_back_soon_after():
    """10 Hz/s at twice the rating, whatever the droop; not below what outlets can measure, and no windup there."""
    former = Former(BatterySettings(power_max=4000.0, overload_time=60.0), 230.0, 50.0)
    former.begin(True, 4000.0, 0.0)
    seen = []
    for k in range(200):
        former.step(k * 0.01, 0.01, 6000.0, 0.0, 26.0)
        seen.append(former.frequency())
    assert (seen[19] - seen[9]) / 0.1 == pytest.approx(-5.0, rel=1e-3)
    assert seen[-1] == pytest.approx(47.0)
    for k in range(60):
        former.step(2.0 + k * 0.01, 0.01, 2000.0, 0.0, 9.0)
    assert former.frequency() == pytest.approx(49.75)


def test_without_a_limit_it_only_droops():
    former = Former(BatterySettings(power_max=4000.0, limit_rate=0.0), 230.0, 50.0)
    former.begin(True, 4000.0, 0.0)
    for k in range(100):
        former.step(k * 0.01, 0.01, 6000.0, 0.0, 26.0)
    assert former.frequency() == pytest.approx(50.0 - 1.5 * 0.5)


def test_current_is_limited_and_recovers():
    former = Former(BatterySettings(power_max=2300.0, surge=2.0), 230.0, 50.0)
    former.begin(True, 0.0, 0.0)
    former.step(0.0, 0.02, 0.0, 0.0, 40.0)      # twice 10 A are allowed
    assert former.voltage() == pytest.approx(115.0)
    for k in range(100):
        former.step(k * 0.02, 0.02, 0.0, 0.0, 5.0)
    assert former.voltage() == pytest.approx(230.0)


def test_a_black_start_is_soft_a_transfer_is_not():
    former = Former(BatterySettings(soft_start=0.5), 230.0, 50.0)
    former.begin(False, 0.0, 0.0)
    assert former.voltage() == 0.0
    former.step(0.0, 0.25, 0.0, 0.0, 0.0)
    assert former.voltage() == pytest.approx(115.0)
    former.begin(True, 0.0, 0.0)
    assert former.voltage() == 230.0


@pytest.mark.parametrize('fields', [{'active_power': math.nan}, {'reactive_power': math.inf}, {'frequency': math.inf}])
def test_setpoints_that_are_no_numbers_are_refused(fields):
    with pytest.raises(ValueError):
        Setpoint(Mode.FOLLOW, **fields)
