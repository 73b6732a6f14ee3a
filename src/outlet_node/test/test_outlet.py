"""The outlet as the home sees it: readings, requests, trips, schedules, bad input, restarts."""
import json
import math

import pytest

from hearthgrid_core.outlet import sign
from hearthgrid_core.outlet.authentic import Key
from hearthgrid_msgs import msg
from hearthgrid_ros import interfaces
from hearthgrid_ros.health import ERROR, OK, STALE, WARN
from hearthgrid_ros.key_file import Keys, Stored, save
from hearthgrid_ros.request import request
from hearthgrid_ros.time import to_msg

NAN, INF = math.nan, math.inf
ON, OFF = (1.0, INF), (0.0, 0.0)
Request, State = msg.Request, msg.OutletState
ALWAYS = {'days': 127, 'start_minute': 0, 'end_minute': 0, 'power_max': INF}
FAST = {'minimum_on_time': 0.0, 'minimum_off_time': 0.0}


def check(bench, name: str) -> tuple[bytes, str, dict]:
    """Return level, message and values of one health check."""
    status = next(s for s in bench.node.health.statuses() if s.name.endswith(f': {name}'))
    return status.level, status.message, {value.key: value.value for value in status.values}


def test_a_reading_a_second_with_the_true_values(bench):
    home = bench()
    home.feed(10, current=4.0, lag=math.pi / 3)
    home.until(lambda: len(home.heard['readings']) == 2)
    reading = home.last('readings')
    assert (reading.outlet, reading.sequence, reading.supply) == ('kettle', 2, msg.Reading.SUPPLY_UNKNOWN)
    assert reading.voltage == pytest.approx(230.0, rel=1e-3)
    assert reading.current == pytest.approx(4.0, rel=1e-3)
    assert reading.active_power == pytest.approx(460.0, rel=2e-3)
    assert reading.reactive_power == pytest.approx(796.7, rel=2e-3)
    assert reading.power_factor == pytest.approx(0.5, rel=2e-3)
    assert reading.frequency == pytest.approx(50.0, abs=2e-3)
    assert reading.energy_kwh == pytest.approx(460.0 * 2.0 / 3.6e6, rel=2e-3)
    assert reading.harmonics[0] == pytest.approx(4.0, rel=1e-3) and len(reading.harmonics) == 40
    assert reading.temperature == 25.0 and reading.duration == pytest.approx(1.0)


@pytest.mark.parametrize('breaker, voltage, supply', [
    (msg.Breaker.STATE_CLOSED, 230.0, msg.Reading.SUPPLY_GRID),
    (msg.Breaker.STATE_OPEN, 230.0, msg.Reading.SUPPLY_ISLAND),
    (msg.Breaker.STATE_OPEN, 0.0, msg.Reading.SUPPLY_NONE),
    (msg.Breaker.STATE_UNKNOWN, 230.0, msg.Reading.SUPPLY_UNKNOWN)])
def test_a_reading_says_who_feeds_the_outlet(bench, breaker, voltage, supply):
    home = bench()
    home.tie.publish(msg.Breaker(state=breaker))
    known = {msg.Breaker.STATE_OPEN: True, msg.Breaker.STATE_CLOSED: False}.get(breaker)
    home.until(lambda: home.node._islanded is known)
    home.feed(5, voltage=voltage)
    home.until(lambda: home.last('readings'))
    assert home.last('readings').supply == supply
    assert len(home.last('readings').harmonics) == (40 if voltage else 0)


def test_a_request_switches_the_relay_and_the_state_says_who_and_why(bench):
    home = bench(**FAST)
    home.feed(1)
    home.until(lambda: home.last('relays'))
    assert (home.last('relays').closed, home.last('relays').outlet) == (True, 'kettle')
    home.ask(Request.VOICE_PLAN, *OFF)
    home.feed(1)
    state = home.state(lambda s: s.relay == State.RELAY_OPEN)
    assert (state.voice, state.reason, state.power_max) == (Request.VOICE_PLAN, 'because', 0.0)
    home.until(lambda: not home.last('relays').closed)
    home.ask(Request.VOICE_PERSON, 1.0, 800.0)
    home.feed(1)
    state = home.state(lambda s: s.relay == State.RELAY_CLOSED)
    assert (state.voice, state.power_min, state.power_max) == (Request.VOICE_PERSON, 1.0, 800.0)
    home.until(lambda: home.last('relays').closed and home.last('relays').power_max == 800.0)


@pytest.mark.parametrize('fields', [
    {'validity': -1.0}, {'age': -60.0, 'validity': 120.0}, {'age': 60.0}, {'power_min': NAN}, {'power_min': 5.0},
    {'voice': Request.VOICE_PROTECTION}, {'voice': Request.VOICE_UNKNOWN}, {'voice': 77}, {'validity': 1e7},
    {'epoch': 0}, {'counter': 0}])
def test_a_bad_request_is_refused_counted_and_not_obeyed(bench, fields):
    home = bench(**FAST)
    home.ask(Request.VOICE_PERSON, *ON)
    home.feed(1)
    home.ask(**{'voice': Request.VOICE_PERSON, 'power_min': 0.0, 'power_max': 0.0, **fields})
    home.feed(1)
    state = home.state(lambda s: s.requests_refused == 1)
    assert state.relay == State.RELAY_CLOSED and state.reason == 'because'


def test_a_replayed_request_is_refused(bench):
    home = bench(**FAST)
    first = home.ask(Request.VOICE_PERSON, *OFF)
    home.ask(Request.VOICE_PERSON, *ON)
    home.feed(1)
    home.send(first)
    home.feed(1)
    assert home.state(lambda s: s.requests_refused == 1).relay == State.RELAY_CLOSED


def test_an_expired_request_is_no_longer_obeyed(bench):
    home = bench(**FAST)
    home.ask(Request.VOICE_PLAN, *OFF, validity=1.0)
    home.feed(4)
    home.state(lambda s: s.relay == State.RELAY_OPEN)
    home.feed(3)
    assert home.state(lambda s: s.relay == State.RELAY_CLOSED).reason == 'nobody asked'


def test_with_a_key_only_signed_requests_count_and_a_rotation_takes_the_old_one_away(bench, tmp_path):
    key, path = bytes(range(32)), tmp_path / 'keys.json'
    stored = Stored(1, (Key(1, key),))
    save(path, Keys(outlets={'kettle': stored}))
    home = bench(keys_file=str(path), **FAST)

    def ask(secret, band):
        home.counter += 1
        asked = Request(stamp=to_msg(home.time), expiry=to_msg(home.time + 60.0), voice=Request.VOICE_PLAN, epoch=1,
                        counter=home.counter, power_min=band[0], power_max=band[1], reason='because', sender='peer')
        asked.mac = list(sign(secret, request(asked).packed)) if secret else []
        home.send(asked)
        home.feed(1)

    ask(b'', OFF)
    home.state(lambda s: s.requests_refused == 1 and s.relay == State.RELAY_CLOSED)
    ask(key, OFF)
    assert home.state(lambda s: s.relay == State.RELAY_OPEN).features & State.FEATURE_AUTHENTICATION

    new = stored.rotated(home.time)
    save(path, Keys(outlets={'kettle': new}))
    home.node._keys._looked = -math.inf  # as after a second
    ask(key, ON)                         # the old key still fits
    home.state(lambda s: s.relay == State.RELAY_CLOSED)
    home.time, home.converter.start = home.time + 40.0, home.converter.start + 40.0
    ask(key, OFF)
    home.state(lambda s: s.requests_refused == 2 and s.relay == State.RELAY_CLOSED)
    ask(new.keys[-1].secret, OFF)
    home.state(lambda s: s.relay == State.RELAY_OPEN)


def test_without_its_key_an_outlet_of_a_keyed_home_obeys_nobody(bench, tmp_path):
    home = bench(keys_file=str(tmp_path / 'none.json'), **FAST)
    home.ask(Request.VOICE_PERSON, *OFF)
    home.feed(6)
    assert home.state(lambda s: s.requests_refused == 1).relay == State.RELAY_CLOSED
    home.node._keys.report(home.node.health, 'kettle')
    level, words, _ = check(home, 'keys')
    assert level == ERROR and 'cannot be read' in words


def test_a_short_circuit_trips_at_once_and_stays_until_it_is_reset_cold(bench):
    home = bench(**FAST)
    home.feed(2, current=5.0)
    home.feed(1, current=57.0)
    home.feed(20, current=57.0)
    home.until(lambda: len(home.heard['readings']) >= 4)
    assert home.last('states').trip == State.TRIP_NONE
    home.feed(1, current=65.0)     # clipped, too
    state = home.state(lambda s: s.trip == State.TRIP_OVERCURRENT)
    assert (state.relay, state.voice) == (State.RELAY_OPEN, Request.VOICE_PROTECTION)
    assert state.reason.startswith('tripped, short circuit')
    home.until(lambda: not home.last('relays').closed)
    assert check(home, 'protection')[0] == ERROR
    home.ask(Request.VOICE_PERSON, *ON)
    home.feed(5)
    assert home.last('states').relay == State.RELAY_OPEN
    home.node.controller.protection.thermal_load = 0.9
    answer = home.reset()
    assert not answer.success and 'still warm' in answer.message
    home.node.controller.protection.thermal_load = 0.1
    assert home.reset().success
    home.feed(1)
    home.state(lambda s: s.trip == State.TRIP_NONE and s.relay == State.RELAY_CLOSED)
    assert check(home, 'protection')[0] == OK
    assert home.reset().message == 'it is not tripped'


def test_an_overload_trips_in_the_time_of_the_heating_model(bench):
    home = bench(thermal_time=2.0, current_rating=10.0)
    home.feed(2, current=20.0)     # 2 × rating: 0.645 s
    assert home.node.controller.protection.trip == State.TRIP_NONE
    home.feed(3, current=20.0)
    state = home.state(lambda s: s.trip == State.TRIP_OVERCURRENT)
    assert 'overload: 20.0 A, rated 10 A' in state.reason and state.thermal_load >= 1.0


def test_a_trip_outlives_a_restart(bench, tmp_path):
    home = bench(state_dir=str(tmp_path))
    home.feed(1)
    home.feed(1, current=65.0)
    home.state(lambda s: s.trip == State.TRIP_OVERCURRENT)
    kept = json.loads((tmp_path / 'kettle.memory.json').read_text())['controller']   # at once, for it may be killed
    assert (kept['protection']['trip'], kept['relay']['closed']) == (State.TRIP_OVERCURRENT, False)
    home.restart()
    home.feed(1)
    home.state(lambda s: s.trip == State.TRIP_OVERCURRENT and s.relay == State.RELAY_OPEN)


def test_schedule_priority_and_a_persons_word_outlive_a_restart_and_need_nobody(bench, tmp_path):
    home = bench(state_dir=str(tmp_path), **FAST)
    entries = [msg.ScheduleEntry(on=False, **ALWAYS)]
    assert home.call(interfaces.SET_PRIORITY, priority=State.CLASS_MEDICAL, rank=7).success
    assert home.call(interfaces.SET_SCHEDULE, entries=entries).success
    home.feed(1)
    state = home.state(lambda s: s.relay == State.RELAY_OPEN)
    assert (state.priority, state.rank, state.reason[:8]) == (State.CLASS_MEDICAL, 7, 'schedule')
    home.restart()
    answer = home.call(interfaces.GET_SCHEDULE)
    assert (answer.entries, answer.priority, answer.rank) == (entries, State.CLASS_MEDICAL, 7)
    home.feed(1)
    home.state(lambda s: s.relay == State.RELAY_OPEN and s.reason[:8] == 'schedule')
    home.ask(Request.VOICE_PERSON, *ON, validity=3600.0)
    home.feed(1)
    home.restart()
    home.feed(1)
    home.state(lambda s: s.relay == State.RELAY_CLOSED and s.reason == 'because')


@pytest.mark.parametrize('entry, words', [
    ({'days': 0}, 'days is 0'), ({'start_minute': 1440}, 'minutes are 1440'), ({'power_max': NAN}, 'power_max is nan')])
def test_a_schedule_that_is_none_is_refused_and_the_old_one_stays(bench, entry, words):
    home = bench()
    good = [msg.ScheduleEntry(on=True, **ALWAYS)]
    assert home.call(interfaces.SET_SCHEDULE, entries=good).success
    answer = home.call(interfaces.SET_SCHEDULE, entries=[msg.ScheduleEntry(on=True, **ALWAYS | entry)])
    assert not answer.success and words in answer.message
    assert not home.call(interfaces.SET_PRIORITY, priority=9).success
    assert home.call(interfaces.GET_SCHEDULE).entries == good


def test_garbage_is_counted_and_life_goes_on(bench):
    home = bench()
    home.feed(1)
    broken = [{'outlet': 'lamp'}, {'voltage_scale': NAN}, {'current_scale': -1.0}, {'sampling_rate': 0.0},
              {'nominal_frequency': NAN}, {'voltage': []}, {'voltage': [], 'current': []}, {'voltage': [1] * 100},
              {'stamp': to_msg(0.0)}, {'stamp': to_msg(home.time + 3600.0)}, {'stamp': to_msg(home.time - 0.2)}]
    for fields in broken:
        message = home.converter.block()
        home.converter.number -= 1
        home.time -= 0.2
        for name, value in fields.items():
            setattr(message, name, value)
        home.give(message)
    home.feed(9, current=2.0)
    home.until(lambda: len(home.heard['readings']) == 2)
    assert home.last('readings').current == pytest.approx(2.0, rel=1e-3)
    home.until(lambda: check(home, 'samples')[2])
    level, _, values = check(home, 'samples')
    assert level == OK
    assert values == {'lost': '0', 'foreign': '1', 'scale': '2', 'rate': '1', 'nominal': '1', 'length': '3',
                      'stamp': '2', 'order': '1'}


def test_lost_samples_are_said_once_and_so_is_their_return(bench):
    home = bench(**FAST)
    home.feed(5)
    home.state(lambda s: s.relay == State.RELAY_CLOSED)
    home.time += 2.5
    state = home.state(lambda s: s.reason.startswith('no samples'))
    assert state.relay == State.RELAY_CLOSED
    home.until(lambda: check(home, 'samples')[0] == ERROR)
    assert 'blind' in check(home, 'samples')[1]
    readings = len(home.heard['readings'])
    assert not home.call(interfaces.CAPTURE_WAVEFORM).success
    home.converter.start += 2.5
    home.feed(5)
    home.state(lambda s: not s.reason.startswith('no samples'))
    home.until(lambda: len(home.heard['readings']) > readings)
    home.until(lambda: check(home, 'samples')[0] == OK)


def test_the_first_samples_may_take_longer_than_the_next(bench):
    home = bench()
    assert check(home, 'samples')[:2] == (STALE, 'waiting for the first')
    home.time += 3.0
    home.until(lambda: home.last('states') is not None)     # the slow timer has decided without samples
    assert home.last('states').relay == State.RELAY_UNKNOWN and not home.heard['relays']
    assert check(home, 'samples')[0] == STALE
    home.time += 15.0
    home.until(lambda: check(home, 'samples')[0] == ERROR)


def test_a_request_is_obeyed_while_blind_but_a_relay_is_not_closed(bench):
    home = bench(**FAST)
    home.feed(1)
    home.time += 2.5
    home.ask(Request.VOICE_PERSON, *OFF, validity=1.0)
    home.state(lambda s: s.relay == State.RELAY_OPEN)
    home.time += 2.0
    home.state(lambda s: 'no protection: stays open' in s.reason)


def test_a_signature_and_a_waveform_when_the_load_changes(bench):
    home = bench()
    home.feed(4)
    home.until(lambda: home.last('signatures'))
    assert home.last('signatures').reason == msg.Signature.REASON_HEARTBEAT   # the first word
    home.feed(6, current=3.0)
    home.until(lambda: len(home.heard['signatures']) == 2 and len(home.heard['waveforms']) == 2)
    signature, waveform = home.last('signatures'), home.last('waveforms')
    assert (signature.reason, signature.cycles, signature.version) == (msg.Signature.REASON_CHANGE, 10, 1)
    assert signature.harmonics_real[0] == pytest.approx(3.0, rel=1e-3)
    assert signature.inrush_ratio == pytest.approx(1.0, rel=1e-2)
    assert (waveform.sequence, waveform.reason, waveform.cycles) == (signature.sequence, signature.reason, 10)
    assert len(waveform.voltage) == len(waveform.current) == 1280
    assert max(waveform.current) * waveform.current_scale == pytest.approx(3.0 * math.sqrt(2), rel=1e-2)


def test_the_newest_window_on_request(bench):
    home = bench()
    assert not home.call(interfaces.CAPTURE_WAVEFORM).success
    home.feed(3, current=2.0, lag=0.5)
    answer = home.call(interfaces.CAPTURE_WAVEFORM)
    assert answer.success and answer.waveform.reason == msg.Waveform.REASON_REQUEST
    home.until(lambda: home.last('waveforms') == answer.waveform)
    home.feed(3, voltage=0.0)
    assert home.call(interfaces.CAPTURE_WAVEFORM).waveform.cycles == 0


def test_energy_goes_on_after_a_restart(bench, tmp_path):
    home = bench(state_dir=str(tmp_path))
    home.feed(5, current=10.0)
    home.until(lambda: home.last('readings'))
    before = home.last('readings').energy_kwh
    home.restart()
    home.feed(5, current=10.0)
    home.until(lambda: home.last('readings'))
    assert home.last('readings').energy_kwh == pytest.approx(2 * before, rel=1e-3)


@pytest.mark.parametrize('part, text', [
    ('preferences', '{"schedule": [{"da'), ('preferences', '{"schedule": 5}'), ('preferences', '[]'),
    ('memory', '{"energy_kwh"'), ('memory', '{"energy_kwh": "many", "controller": {}}'), ('memory', '\x00\x00\x00')])
def test_a_damaged_file_means_defaults_and_is_kept_aside(bench, tmp_path, part, text):
    path = tmp_path / f'kettle.{part}.json'
    path.write_text(text)
    home = bench(state_dir=str(tmp_path))
    home.feed(5)
    home.until(lambda: home.last('readings'))
    assert home.last('readings').energy_kwh == 0.0
    assert path.with_suffix('.damaged').read_text() == text
    assert home.call(interfaces.SET_PRIORITY, priority=1).success
    assert json.loads((tmp_path / 'kettle.preferences.json').read_text())['priority'] == 1


def test_a_folder_that_cannot_be_written_is_said_and_nothing_stops(bench, tmp_path):
    (tmp_path / 'file').write_text('in the way')
    home = bench(state_dir=str(tmp_path / 'file'))
    home.feed(5)
    home.until(lambda: home.last('readings'))
    level, words, _ = check(home, 'storage')
    assert level == WARN and 'cannot be written' in words


def test_deactivated_it_opens_and_is_silent_and_it_can_begin_again(bench):
    home = bench(**FAST)
    home.feed(5)
    home.until(lambda: home.last('relays') and home.last('relays').closed and home.last('readings'))
    home.node.trigger_deactivate()
    home.until(lambda: not home.last('relays').closed)
    commands, readings = len(home.heard['relays']), len(home.heard['readings'])
    home.feed(6)
    assert (len(home.heard['relays']), len(home.heard['readings'])) == (commands, readings)
    home.node.trigger_cleanup()
    assert home.node.start()
    assert home.graph.matched(home.samples)
    home.feed(6)
    home.until(lambda: home.last('relays').closed and len(home.heard['readings']) == readings + 1)


@pytest.mark.parametrize('name, value, words', [
    ('priority', 'vital', 'must be one of'), ('timezone', 'Mars/Olympus', 'no time zone is called so'),
    ('schedule', '[{"days": 0}]', 'schedule:'),
    ('schedule', '{', 'schedule:'),
    ('current_rating', 500.0, 'current_rating')])
def test_a_setting_that_cannot_be_is_refused_at_start(bench, name, value, words):
    with pytest.raises(ValueError, match=words):
        bench(**{name: value})


def test_the_first_schedule_and_class_come_from_the_parameters(bench):
    rule = [{'days': 127, 'start': 0, 'end': 0, 'on': False, 'power_max': None}]
    home = bench(schedule=json.dumps(rule), priority='safety', title='Kettle', timezone='Europe/Berlin')
    home.feed(1)
    state = home.state(lambda s: s.relay == State.RELAY_OPEN)
    assert (state.priority, state.title) == (State.CLASS_SAFETY, 'Kettle')


def test_what_the_installer_changes_counts_until_a_person_says_otherwise(bench, tmp_path):
    home = bench(state_dir=str(tmp_path), priority='comfort', **FAST)
    home.ask(Request.VOICE_PERSON, *ON)         # a word of a person's, but not on the class
    home.feed(1)
    home.parameters['priority'] = 'medical'
    home.restart()
    assert home.call(interfaces.GET_SCHEDULE).priority == State.CLASS_MEDICAL
    home.call(interfaces.SET_PRIORITY, priority=State.CLASS_SAFETY)
    home.restart()
    assert home.call(interfaces.GET_SCHEDULE).priority == State.CLASS_SAFETY


def test_an_id_that_does_not_fit_the_wire_is_refused(bench):
    with pytest.raises(ValueError, match='longer than'):
        bench(outlet='o' * 33)


def island(home, power_max: float, term: int, **fields):
    home.ask(Request.VOICE_ISLAND, 0.0, power_max, epoch=1, term=term, **fields)
    home.feed(1)


def test_only_the_newest_leader_of_the_island_is_obeyed_also_after_a_restart(bench, tmp_path):
    home = bench(state_dir=str(tmp_path), **FAST)
    home.feed(1)
    island(home, 0.0, term=5)
    home.state(lambda s: s.relay == State.RELAY_OPEN and s.voice == Request.VOICE_ISLAND)
    island(home, INF, term=4, sender='older')
    home.state(lambda s: s.requests_refused == 1 and s.relay == State.RELAY_OPEN)
    island(home, INF, term=9, provisional=True, sender='alone')
    home.state(lambda s: s.requests_refused == 2 and s.relay == State.RELAY_OPEN)
    home.restart()
    home.feed(1)
    home.state(lambda s: s.relay == State.RELAY_CLOSED)
    island(home, 0.0, term=4, sender='older')
    home.state(lambda s: s.requests_refused == 1 and s.relay == State.RELAY_CLOSED)
    island(home, 0.0, term=6, sender='newer')
    home.state(lambda s: s.relay == State.RELAY_OPEN)
    island(home, INF, term=6, sender='newer')
    home.state(lambda s: s.relay == State.RELAY_CLOSED)
    island(home, 0.0, term=0, provisional=True, sender='alone')
    home.state(lambda s: s.relay == State.RELAY_OPEN)


def test_an_island_without_a_leader_switches_comfort_off_and_keeps_the_fridge_on(bench):
    for priority, relay in (('comfort', State.RELAY_OPEN), ('refrigeration', State.RELAY_CLOSED)):
        home = bench(priority=priority, island_grace=1.0, **FAST)
        home.tie.publish(msg.Breaker(state=msg.Breaker.STATE_OPEN))
        home.until(lambda home=home: home.node._islanded is True)
        home.feed(2)
        home.state(lambda s: s.relay == State.RELAY_CLOSED)
        home.feed(8)
        home.state(lambda s, relay=relay: s.relay == relay)


def test_the_state_says_what_it_would_draw_and_what_a_start_takes(bench):
    home = bench(rank=4, **FAST)
    home.feed(1)
    assert math.isnan(home.state(lambda s: s.relay == State.RELAY_CLOSED).inrush)
    home.feed(3, current=4.0)
    state = home.state(lambda s: s.demand > 800.0)
    assert (state.demand, state.rank) == (pytest.approx(920.0, rel=1e-2), 4)
    home.ask(Request.VOICE_PERSON, *OFF)
    home.feed(3)
    assert home.state(lambda s: s.relay == State.RELAY_OPEN).demand == pytest.approx(920.0, rel=0.2)
    home.node._inrush = 2.5
    home.ask(Request.VOICE_PERSON, *ON)
    home.feed(1)
    assert home.state(lambda s: s.relay == State.RELAY_CLOSED).inrush == 2.5
