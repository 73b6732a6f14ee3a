"""Trip and enter-service times against OpenDER (EPRI's executable IEEE 1547-2018) on profiles nobody chose."""
import logging
import math

import numpy as np
import pytest

from hearthgrid_core.island.detector import DetectorSettings, OutageDetector
from hearthgrid_core.island.ride_through import CATEGORIES, RideThrough, RideThroughSettings, State, trips
from hearthgrid_core.island.watch import half_cycle_rms
from hearthgrid_core.sim.settings import TieSettings
from hearthgrid_core.sim.tie import Bus, Tie

opender = pytest.importorskip('opender', reason='opender is not installed')

CYCLE = 1 / 60
NOMINAL = 60.0


class Peer:
    """OpenDER at one time step; the settings are the standard's defaults for the category."""

    def __init__(self, category, step, enter_delay=300.0, enter_ramp=300.0, running=True):
        logging.disable(logging.WARNING)
        opender.DER.t_s = step
        file = opender.DERCommonFileFormat(NP_ABNORMAL_OP_CAT=f'CAT_{category}', NP_PHASE='SINGLE', NP_AC_V_NOM=240.0,
                                           ES_DELAY=enter_delay, ES_RAMP_RATE=enter_ramp,
                                           STATUS_INIT='ON' if running else 'OFF')
        self.der = opender.DER_PV(file)

    def step(self, voltage, frequency):
        """Return whether it is tripped, and its ramp [1]."""
        self.der.update_der_input(p_dc_pu=1.0, v_pu=voltage, theta=0.0, f=frequency)
        self.der.run()
        return self.der.der_status == 'Trip', min(1.0, self.der.activepowerfunc.p_es_pu or 0.0)

    def trips(self, voltage, frequency):
        """The same without what it would then do with its power: five times faster."""
        self.der.update_der_input(p_dc_pu=1.0, v_pu=voltage, theta=0.0, f=frequency)
        self.der.der_input.operating_condition_input_processing()
        self.der.exec_delay.mode_and_execution_delay()
        self.der.der_status = self.der.opstatus.determine_der_status()
        return self.der.der_status == 'Trip'


@pytest.fixture(autouse=True)
def leave_opender_as_it_was():
    before = opender.DER.t_s
    yield
    opender.DER.t_s = before
    logging.disable(logging.NOTSET)


def profile(rng, step, duration, category, delay):
    """Return voltage [1] and frequency [Hz] (k,): well, then steps and ramps to levels about the category's limits.

    Drawn anew where nothing trips, and where a crossing lasts for its clearing time give or take a cycle: there the
    answer hangs on whether a sample stands for an instant (here) or for the step before it (OpenDER).
    """
    while True:
        drawn = one_profile(rng, step, duration, category)
        if telling(*drawn, step, category, delay):
            return drawn


def one_profile(rng, step, duration, category):
    k = round(duration / step)
    voltage, frequency = np.ones(k), np.full(k, NOMINAL)
    rows = trips(category)
    at = rng.uniform(0.2, 1.0)
    while at < duration:
        name, quantity, side, limit, clearing = rows[rng.integers(len(rows))]
        whole = min(clearing, 25.0)
        last = whole + rng.choice([-1, 1]) * rng.choice([2.5 * CYCLE, 4 * CYCLE, 0.4 * whole])
        level = limit + side * rng.choice([-0.003, 0.003, 0.02])
        inside = slice(round(at / step), round((at + last) / step))
        series, nominal = (voltage, 1.0) if quantity == 'voltage' else (frequency, NOMINAL)
        course = np.full(inside.stop - inside.start, level)
        if rng.random() < 0.3:      # a ramp there, then the level
            there = max(1, len(course) // 4)
            course[:there] = np.linspace(1.0, level, there)
        series[inside] = nominal * course[:len(series[inside])]
        at += last + rng.choice([0.0, rng.uniform(0.0, 1.0), rng.uniform(1.0, 12.0)])
    return voltage, frequency


def telling(voltage, frequency, step, category, delay):
    seen = {'voltage': voltage, 'frequency': frequency / NOMINAL}
    well = (0.917 <= voltage) & (voltage <= 1.05) & (59.5 <= frequency) & (frequency <= 60.1)
    past = [over_time(well, delay, step)]
    past += [over_time(side * (seen[quantity] - limit) > 0, clearing, step)
             for _, quantity, side, limit, clearing in trips(category)]
    clear = all((np.abs(times) > CYCLE).all() for times in past)
    return clear and any((times > 0).any() for times in past[1:])


def over_time(true, duration, step):
    """Return by how much each stretch of true samples lasts longer than `duration`. [s]"""
    edges = np.flatnonzero(np.diff(np.r_[0, true, 0]))
    return (edges[1::2] - edges[::2]) * step - duration


def changes(tripped):
    """Return [(sample, tripped)] where a state changes."""
    tripped = np.asarray(tripped)
    return [(int(k) + 1, bool(tripped[k + 1])) for k in np.flatnonzero(np.diff(tripped))]


def agree(ours, theirs, step, cycle=CYCLE):
    """Same trips and returns, each within a cycle."""
    assert [state for _, state in ours] == [state for _, state in theirs], (ours, theirs)
    late = [abs(a - b) * step for (a, _), (b, _) in zip(ours, theirs, strict=True)]
    assert max(late, default=0.0) <= cycle + 1e-9, late


def settled(theirs, machine, step):
    """Let both see a sound grid for a moment: OpenDER's timers begin as if a limit had been crossed for ever."""
    for k in range(-4, 0):
        theirs(1.0, NOMINAL)
        machine(k * step, 1.0, NOMINAL)


@pytest.mark.parametrize('category', CATEGORIES)
@pytest.mark.parametrize('seed', range(6))
def test_the_inverter_trips_and_returns_with_opender(category, seed):
    rng = np.random.default_rng([seed, CATEGORIES.index(category), 11])
    step, delay = CYCLE / 2, float(rng.uniform(1.0, 8.0))
    ours = RideThrough(RideThroughSettings(category, 240.0, NOMINAL, enter_delay=delay), running=True)
    peer = Peer(category, step, delay)
    settled(peer.trips, lambda now, v, f: ours.step(now, 240.0 * v, f), step)
    voltage, frequency = profile(rng, step, 60.0, category, delay)
    seen = [(ours.step(k * step, 240.0 * v, f).state is State.TRIPPED, peer.trips(v, f))
            for k, (v, f) in enumerate(zip(voltage.tolist(), frequency.tolist(), strict=True))]
    mine, theirs = zip(*seen, strict=True)
    assert any(theirs)
    agree(changes(mine), changes(theirs), step)


def test_the_ramp_of_entering_service_is_opender_s():
    step, delay, ramp = CYCLE / 2, 1.0, 6.0
    settings = RideThroughSettings('II', 240.0, NOMINAL, enter_delay=delay, enter_ramp=ramp)
    peer, ours = Peer('II', step, delay, ramp, running=False), RideThrough(settings)
    rows = []
    for k in range(1200):
        voltage = 1.0 if k > 5 else 0.0
        service = ours.step(k * step, 240.0 * voltage, NOMINAL)
        rows.append((service.power_max, peer.step(voltage, NOMINAL)[1], service.state is State.RUNNING))
    mine, theirs, running = np.array(rows).T
    assert np.abs(mine - theirs).max() <= CYCLE / ramp + 1e-9
    assert mine[100] == 0.0 and 0.2 < mine[400] < 0.5 and running[-1] == 1.0 and theirs[-1] == 1.0


@pytest.mark.parametrize('category, voltage, frequency, delay', [
    ('I', 1.0, 61.3, 2.0), ('II', 1.0, 58.4, 2.0), ('III', 1.21, 60.0, 300.0),
    ('III', 0.87, 60.0, 2.0), ('III', 1.11, 60.0, 2.0), ('II', 0.69, 60.0, 2.0), ('I', 0.44, 60.0, 2.0),
    ('III', 0.49, 60.0, 2.0), ('II', 1.0, 62.1, 2.0), ('I', 1.0, 56.4, 2.0),
])
def test_the_whole_times_of_the_standard(category, voltage, frequency, delay):
    """Each limit's own time, and the default 300 s to enter service, at a step of a cycle."""
    peer = Peer(category, CYCLE, delay)
    ours = RideThrough(RideThroughSettings(category, 240.0, NOMINAL, enter_delay=delay), running=True)
    settled(peer.trips, lambda now, v, f: ours.step(now, 240.0 * v, f), CYCLE)
    mine, theirs, well_again = [False], [False], math.inf
    for k in range(20000):
        v, f = (voltage, frequency) if k < well_again else (1.0, 60.0)
        mine.append(ours.step(k * CYCLE, 240.0 * v, f).state is State.TRIPPED)
        theirs.append(peer.trips(v, f))
        if theirs[-1] and math.isinf(well_again):
            well_again = k + 10
        if len(changes(mine[-4:])) + len(changes(theirs[-4:])) == 0 and k > well_again and not theirs[-1]:
            break
    assert [state for _, state in changes(theirs)] == [True, False]
    agree(changes(mine), changes(theirs), CYCLE)


@pytest.mark.parametrize('seed', range(6))
def test_the_tie_opens_and_is_ready_with_opender(seed):
    """The simulated breaker's interlock is that of category III; how it closes on a live bus is its own matter.

    A home without an island keeps its tie closed on a dead bus longer than any limit of the standard: not seen here.
    """
    rng = np.random.default_rng([seed, 12])
    step, delay = CYCLE / 2, float(rng.uniform(1.0, 8.0))
    tie = Tie(TieSettings(reconnect_wait=delay, dip_wait=delay), island=False, nominal=NOMINAL)
    peer = Peer('III', step, delay, 0.0)
    home, seen = Bus(0.0, 1.0), []

    def act(now, v, f):
        utility = Bus(v, f / NOMINAL)
        tie.watch(now, utility)
        tie.close(now, utility, home)
        return not tie.closed

    settled(peer.trips, act, step)
    voltage, frequency = profile(rng, step, 90.0, 'III', delay)
    for k, (v, f) in enumerate(zip(voltage.tolist(), frequency.tolist(), strict=True)):
        seen.append((act(k * step, v, f), peer.trips(v, f)))
    mine, theirs = zip(*seen, strict=True)
    assert any(theirs)
    agree(changes(mine), changes(theirs), step)


@pytest.mark.parametrize('seed', range(4))
def test_the_outage_detector_declares_a_long_sag_with_opender(seed):
    """From the waveform itself: below 0.88 for 21 s. OpenDER is given the half-cycle RMS of the same samples."""
    rng = np.random.default_rng([seed, 13])
    rate, level = 128 * NOMINAL, float(rng.uniform(0.72, 0.87))
    detector = OutageDetector(DetectorSettings(nominal_voltage=240.0, nominal_frequency=NOMINAL, sampling_rate=rate))
    t = np.arange(round(23.0 * rate)) / rate
    begins, phase = float(rng.uniform(0.5, 1.0)), float(rng.uniform(0, 2 * math.pi))
    wave = 240.0 * math.sqrt(2) * np.where(t < begins, 1.0, level) * np.sin(2 * math.pi * NOMINAL * t + phase)
    declared = detector.step(0.0, wave).declared
    rms, half = half_cycle_rms(wave, rate, NOMINAL) / 240.0, CYCLE / 2
    peer = Peer('III', half)
    theirs = [peer.trips(float(v), NOMINAL) for v in rms]
    tripped = (changes(theirs)[0][0] + 1) * half
    assert abs(declared - tripped) <= CYCLE
