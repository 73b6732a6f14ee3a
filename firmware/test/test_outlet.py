"""Protection, relay and requests: the C core and `hearthgrid_core` are told the same and must decide the same."""
import dataclasses
import hashlib
import hmac
import math
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from hearthgrid_core.outlet import (
    Measurement,
    Protection,
    ProtectionSettings,
    RelayLimits,
    RelaySettings,
    Request,
    RequestBook,
    RequestSettings,
    Voice,
    authentic,
    block_fault,
    pack,
    settle,
    sign,
)
from hearthgrid_core.outlet.band import Band, Word
from hearthgrid_core.outlet.protection import Trip
from hearthgrid_core.outlet.relay import CapGuard
from hearthgrid_core.outlet.requests import Refusal
from hearthgrid_core.waveform.turn_on import cycle_rms

OK, ARGUMENT, DAMAGED, FULL = 0, 1, 6, 7
NAN, INF = math.nan, math.inf
REFUSALS = [None, *Refusal]
FAULTS = {'': 0, 'stuck': 1, 'clipped': 2}
seconds = st.sampled_from([0.0, 0.2, 0.2, 1.0, 7.0, 60.0, 400.0])


def started(core, kind: str, made):
    state = core.ffi.new(f'hg_{kind}_t *')
    assert getattr(core.lib, f'hg_{kind}_init')(state, made) == OK
    return state


@pytest.mark.parametrize('kind, values', [
    ('protection', ProtectionSettings()), ('relay', RelaySettings()), ('cap', RelaySettings()),
    ('requests', RequestSettings())])
def test_settings_out_of_bounds_are_refused(core, settings, kind, values):
    """Every field has the bounds of its Python twin."""
    table = {'cap': 'relay', 'requests': 'request'}.get(kind, kind)
    init = getattr(core.lib, f'hg_{kind}_init')
    state = core.ffi.new(f'hg_{kind}_t *')
    key = (core.ffi.NULL, 0) if kind == 'requests' else ()
    assert init(state, settings(table, values), *key) == OK
    for f in dataclasses.fields(values):
        if isinstance(f.default, bool):
            continue
        for bound, step in ((f.metadata['low'], -1), (f.metadata['high'], 1), (NAN, 0)):
            if isinstance(f.default, int) and math.isnan(bound):
                continue
            made = settings(table, values)
            setattr(made, f.name, bound + step)
            assert init(state, made, *key) == ARGUMENT, f.name


@pytest.mark.parametrize('changes', [{'temperature_reset': 80.0}, {'instant_current': 20.0}])
def test_protection_settings_that_contradict_each_other(core, settings, changes):
    made = settings('protection', ProtectionSettings())
    for name, value in changes.items():
        setattr(made, name, value)
    assert core.lib.hg_protection_init(core.ffi.new('hg_protection_t *'), made) == ARGUMENT
    with pytest.raises(ValueError):
        ProtectionSettings(**changes)


looks = st.one_of(st.none(), st.builds(
    lambda current, surge, temperature, fault, voltage: Measurement(0.0, voltage, current, current * surge, 0.0,
                                                                    temperature, fault),
    current=st.sampled_from([0.0, 5.0, 20.0, 21.0, 23.0, 30.0, 45.0, 61.0, NAN]),
    surge=st.sampled_from([1.0, 1.0, 1.5, INF]),
    temperature=st.sampled_from([NAN, 25.0, 25.0, 59.0, 60.0, 80.0, 95.0, -40.1, 200.1]),
    fault=st.sampled_from(['', '', '', 'stuck', 'clipped']), voltage=st.sampled_from([230.0, 230.0, NAN])))


@given(st.lists(st.tuples(st.sampled_from([0.2, 0.2, 0.2, 1.0, 30.0, 300.0, -1.0]), looks, st.booleans(),
                          st.sampled_from(['', '', '', 'reset', 'restart'])), max_size=60))
@examples(max_examples=300, deadline=None)
def test_protection_trips_and_resets_as_its_twin(core, settings, story):
    twin, made = Protection(ProtectionSettings()), settings('protection', ProtectionSettings())
    state, now = started(core, 'protection', made), 1e9
    look = core.ffi.new('hg_measurement_t *')
    for wait, measured, closed, event in story:
        now += wait
        if measured is not None:
            for name in ('voltage', 'current', 'current_cycle', 'active_power', 'temperature'):
                setattr(look, name, getattr(measured, name))
            look.fault = FAULTS[measured.fault]
        trip = core.lib.hg_protection_step(state, now, core.ffi.NULL if measured is None else look, closed)
        assert trip == twin.step(now, measured, closed)
        assert state.thermal_load == twin.thermal_load
        if event == 'reset':
            why = {'': 0, 'stil': 1, 'cont': 2, 'sens': 3}[twin.reset()[:4]]
            assert core.lib.hg_protection_reset(state) == why and state.trip == twin.trip
        elif event == 'restart':
            kept, twin = twin.to_dict(), Protection(ProtectionSettings())
            now += 50.0
            twin.restore(now, kept)
            fresh = started(core, 'protection', made)
            assert core.lib.hg_protection_restore(fresh, now, state.trip, state.thermal_load, state.now) == OK
            state = fresh


@pytest.mark.parametrize('multiple', [1.0, 1.06, 1.1, 1.5, 2.0, 2.95, 3.0])
def test_an_overload_trips_in_the_same_step(core, settings, multiple):
    twin = Protection(ProtectionSettings())
    state = started(core, 'protection', settings('protection', ProtectionSettings()))
    amps = 20.0 * multiple
    measured = Measurement(0.0, 230.0, amps, amps, 0.0, 30.0)
    look = core.ffi.new('hg_measurement_t *', {'voltage': 230.0, 'current': amps, 'current_cycle': amps})
    for k in range(10_000):
        assert core.lib.hg_protection_step(state, 0.05 * k, look, True) == twin.step(0.05 * k, measured, True)


def test_an_infinite_current_does_not_blind_the_heating_model(core, settings):
    state = started(core, 'protection', settings('protection', ProtectionSettings()))
    look = core.ffi.new('hg_measurement_t *', {'voltage': 230.0, 'current': INF, 'current_cycle': 5.0})
    core.lib.hg_protection_step(state, 0.0, look, True)
    look.current = 45.0
    core.lib.hg_protection_step(state, 0.1, look, True)
    assert core.lib.hg_protection_step(state, 60.0, look, True) == Trip.OVERCURRENT


def test_a_short_circuit_trips_at_once_and_stays(core, settings):
    state = started(core, 'protection', settings('protection', ProtectionSettings()))
    core.lib.hg_protection_short(state)
    assert state.trip == Trip.OVERCURRENT
    assert core.lib.hg_protection_step(state, 0.0, core.ffi.NULL, False) == Trip.OVERCURRENT


@pytest.mark.parametrize('trip, load, at', [(-1, 0.5, 0.0), (4, 0.5, 0.0), (1, -0.1, 0.0), (1, 1e6, 0.0), (1, NAN, 0.0),
                                            (1, 0.5, NAN)])
def test_damaged_state_changes_nothing(core, settings, trip, load, at):
    state = started(core, 'protection', settings('protection', ProtectionSettings()))
    assert core.lib.hg_protection_restore(state, 10.0, trip, load, at) == DAMAGED
    assert state.trip == Trip.NONE and state.thermal_load == 0.0
    assert core.lib.hg_protection_restore(state, 10.0, 1, 0.5, 20.0) == OK   # the clock was set back
    assert state.trip == Trip.OVERCURRENT and state.thermal_load == 0.5


@given(st.lists(st.one_of(st.sampled_from([0, 64, 65, -65, 32766, 32767, -32767, -32768]), st.integers(-32768, 32767)),
                min_size=1, max_size=220), st.integers(1, 300))
@examples(max_examples=200, deadline=None)
def test_a_block_is_believed_or_not(core, values, repeat):
    counts = np.array(values[:1] * repeat + values, dtype=np.int16)
    expected = block_fault(counts, np.zeros(1, dtype=np.int16))
    word = 'stuck' if 'stuck' in expected else 'clipped' if 'clipped' in expected else ''
    assert core.lib.hg_block_fault(core.ffi.from_buffer('int16_t[]', counts), len(counts)) == FAULTS[word]
    constant = np.full(10, values[0], dtype=np.int16)
    stuck = bool(block_fault(constant, np.zeros(1, dtype=np.int16)))
    assert (core.lib.hg_block_fault(core.ffi.from_buffer('int16_t[]', constant), 10) == 1) == stuck


@given(st.integers(0, 2**32 - 1), st.integers(64, 2000), st.floats(45.0, 65.0))
@examples(max_examples=60, deadline=None)
def test_a_block_is_measured_as_by_the_twin(core, seed, n, frequency):
    rng = np.random.default_rng(seed)
    rows = [(rng.normal(size=n) * 5000).astype(np.int16) for _ in range(2)]
    found = core.ffi.new('hg_measurement_t *')
    buffers = [core.ffi.from_buffer('int16_t[]', row) for row in rows]
    assert core.lib.hg_measure(*buffers, n, (0.02, 0.003), 6400.0, frequency, found) == OK
    voltage, current = rows[0] * 0.02, rows[1] * 0.003
    assert found.voltage == pytest.approx(np.sqrt(np.mean(voltage ** 2)), rel=1e-12)
    assert found.current == pytest.approx(np.sqrt(np.mean(current ** 2)), rel=1e-12)
    assert found.active_power == pytest.approx(np.mean(voltage * current), rel=1e-9, abs=1e-6)
    assert found.current_cycle == pytest.approx(cycle_rms(current, 6400.0, frequency).max(), rel=1e-12)


@pytest.mark.parametrize('amps, trips', [(59.9, False), (60.1, True)])
def test_the_guard_sees_one_cycle_of_short_circuit(core, amps, trips):
    """And in the cycle in which it begins, not at the end of a block."""
    guard = core.ffi.new('hg_guard_t *')
    assert core.lib.hg_guard_init(guard, 60.0, 0.003) == OK
    wave = np.rint(np.concatenate([np.zeros(500), 2**.5 * amps / 0.003 * np.sin(np.arange(400) * 2 * np.pi / 128)]))
    seen = [k for k, count in enumerate(wave) if core.lib.hg_guard_step(guard, int(count))]
    assert bool(seen) == trips and (not trips or 500 < seen[0] < 500 + 128)


@pytest.mark.parametrize('current, scale', [(0.0, 0.003), (60.0, 0.0), (NAN, 0.003), (60.0, -1.0)])
def test_a_guard_needs_a_limit(core, current, scale):
    assert core.lib.hg_guard_init(core.ffi.new('hg_guard_t *'), current, scale) == ARGUMENT


@given(st.lists(st.tuples(seconds, st.booleans(), st.booleans()), max_size=80), st.sampled_from([2, 3, 5, 120]),
       st.sampled_from([0.0, 2.0, 60.0]))
@examples(max_examples=300, deadline=None)
def test_a_relay_moves_as_its_twin(core, settings, story, most, dwell):
    values = RelaySettings(minimum_on_time=dwell, minimum_off_time=2 * dwell, switchings_max=most)
    twin, state, now = RelayLimits(values), started(core, 'relay', settings('relay', values)), 1e9
    for wait, wanted, forced in story:
        now += wait
        assert core.lib.hg_relay_step(state, now, wanted, forced) == twin.step(now, wanted, forced)


@given(st.lists(st.tuples(seconds, st.sampled_from([0.0, 100.0, 500.0, INF]),
                          st.sampled_from([NAN, 0.0, 104.9, 105.1, 600.0, 2000.0])), max_size=60), st.booleans())
@examples(max_examples=200, deadline=None)
def test_a_cap_is_guarded_as_by_the_twin(core, settings, story, throttleable):
    values = RelaySettings(throttleable=throttleable)
    twin, state, now = CapGuard(values), started(core, 'cap', settings('relay', values)), 1e9
    for wait, cap, power in story:
        now += wait
        core.lib.hg_cap_step(state, now, cap, power)
        twin.step(now, cap, power)
        assert core.lib.hg_cap_excess(state, cap) == twin.excess(cap)


@given(key=st.binary(max_size=200), data=st.binary(max_size=300))
@examples(max_examples=200, deadline=None)
def test_hmac_is_that_of_the_standard_library(core, key, data):
    digest = core.ffi.new('uint8_t[32]')
    core.lib.hg_hmac_sha256(key, len(key), data, len(data), digest)
    assert bytes(digest) == hmac.new(key, data, hashlib.sha256).digest()


texts = st.text(alphabet=st.characters(blacklist_characters='\0', blacklist_categories=('Cs',)), max_size=32)


@given(stamp=st.integers(-2**63, 2**63 - 1), expiry=st.integers(-2**63, 2**63 - 1), voice=st.integers(0, 255),
       epoch=st.integers(0, 2**32 - 1), term=st.integers(0, 2**32 - 1), provisional=st.booleans(),
       counter=st.integers(0, 2**64 - 1), power_min=st.floats(width=32, allow_nan=False),
       power_max=st.floats(width=32, allow_nan=False), reason=texts, sender=texts.map(lambda s: s[:8]),
       key=st.binary(min_size=1, max_size=64), flip=st.integers(0, 127))
@examples(max_examples=150, deadline=None)
def test_a_request_is_packed_and_signed_as_by_the_twin(core, key, flip, **fields):
    expected = pack(**fields)
    wire = core.ffi.new('hg_wire_request_t *')
    for name, value in fields.items():
        setattr(wire, name, value.encode() if isinstance(value, str) else value)
    packed, length, mac = core.ffi.new('uint8_t[256]'), core.ffi.new('size_t *'), core.ffi.new('uint8_t[16]')
    assert core.lib.hg_pack(wire, packed, 256, length) == OK
    assert bytes(packed)[:length[0]] == expected
    assert core.lib.hg_pack(wire, packed, len(expected) - 1, length) == ARGUMENT
    core.lib.hg_sign(key, len(key), expected, len(expected), mac)
    code = bytes(mac)
    assert code == sign(key, expected)
    forged = bytearray(code)
    forged[flip // 8] ^= 1 << flip % 8
    for offered in (code, bytes(forged), code[:15], b'', code + b'\0'):
        found = core.lib.hg_authentic(key, len(key), expected, len(expected), offered, len(offered))
        assert found == authentic(key, expected, offered)


@pytest.mark.parametrize('field, size', [('reason', 129), ('sender', 33)])
def test_a_text_without_end_is_refused(core, field, size):
    wire = core.ffi.new('hg_wire_request_t *')
    core.ffi.memmove(getattr(wire, field), b'x' * size, size)
    assert core.lib.hg_pack(wire, core.ffi.new('uint8_t[512]'), 512, core.ffi.new('size_t *')) == ARGUMENT


def told(core, request: Request):
    """Return the request as C has it, and what it points to."""
    made = core.ffi.new('hg_request_t *')
    for name in ('voice', 'epoch', 'term', 'counter', 'stamp', 'expiry', 'power_min', 'power_max', 'provisional'):
        setattr(made, name, getattr(request, name))
    made.sender = request.sender.encode()
    keep = [core.ffi.from_buffer('uint8_t[]', raw) for raw in (request.packed, request.mac)]
    made.packed, made.mac = keep
    made.packed_length, made.mac_length = len(request.packed), len(request.mac)
    return SimpleNamespace(c=made, keep=keep)


requests = st.builds(
    lambda voice, sender, epoch, counter, age, life, band, term, provisional, code: (
        Request(voice, f's{sender}', epoch, counter, age, life, *band, term=term, provisional=provisional), code),
    voice=st.sampled_from([0, 1, 2, 3, 4, 4, 4, 5, 9]), sender=st.integers(0, 3), epoch=st.integers(1, 2),
    counter=st.integers(1, 8), age=st.sampled_from([0.0, 0.0, 0.0, -2.1, -2.0, 10.0, 10.1, NAN]),
    life=st.sampled_from([900.0, 5.0, 60.0, 60.0, 3600.0, 86401.0, -1.0, NAN]),
    band=st.sampled_from([(0.0, 500.0), (0.0, 300.0), (0.0, 0.0), (1.0, INF), (200.0, 400.0), (0.0, INF), (0.0, NAN),
                          (NAN, NAN), (NAN, 5.0), (5.0, NAN), (5.0, 4.0), (-1.0, 4.0), (INF, INF)]),
    term=st.integers(0, 2), provisional=st.booleans(), code=st.sampled_from(['good', 'good', 'good', 'none', 'bad']))


@given(st.lists(st.tuples(st.sampled_from([0.0, 0.5, 4.0, 11.0, 70.0, 1000.0]), requests,
                          st.sampled_from([0] * 12 + [1, 2, 3, 4])), max_size=40), st.booleans(), st.integers(0, 63))
@examples(max_examples=400, deadline=None)
def test_requests_are_judged_and_settled_as_by_the_twin(core, settings, story, keyed, deaf):
    """Now and then both start anew, and take back what was kept of one voice."""
    key = b'sixteen byte key' if keyed else b''
    twin, book = RequestBook(RequestSettings(), key), core.ffi.new('hg_requests_t *')
    shared = core.ffi.from_buffer('uint8_t[]', key)
    assert core.lib.hg_requests_init(book, settings('request', RequestSettings()), shared, len(key)) == OK
    words, now = core.ffi.new('hg_word_t[16]'), 1_800_000_000.0
    for wait, (drawn, code), kept in story:
        now += wait
        if kept:
            rows, listed = core.ffi.new('hg_voice_record_t[16]'), twin.to_list(Voice(kept))
            count = core.lib.hg_requests_held(book, kept, rows)
            assert {core.ffi.string(row.sender).decode(): (row.epoch, row.counter, row.expiry, row.band.power_min,
                                                           row.band.power_max) for row in rows[0:count]} == {
                row['sender']: (row['epoch'], row['counter'], row['expiry'], row['power_min'],
                                INF if row['power_max'] is None else row['power_max']) for row in listed}
            twin = RequestBook(RequestSettings(), key)
            twin.restore(now, listed)
            assert core.lib.hg_requests_init(book, settings('request', RequestSettings()), shared, len(key)) == OK
            assert core.lib.hg_requests_restore(book, now, rows, count) == OK
        packed = repr(drawn).encode()[:200]
        mac = {'good': sign(key, packed), 'none': b'', 'bad': bytes(16)}[code]
        request = dataclasses.replace(drawn, stamp=now - drawn.stamp, expiry=now + drawn.expiry, packed=packed, mac=mac)
        refusal = core.lib.hg_requests_receive(book, now, told(core, request).c)
        assert REFUSALS[refusal] is twin.receive(now, request)
        assert (book.highest_epoch, book.highest_term) == twin.gate.highest
        for moment, mask in ((now, 0), (now, deaf), (now + 30.0, 0)):
            expected = twin.words(moment, tuple(v for v in Voice if mask >> v & 1))
            count = core.lib.hg_requests_words(book, moment, mask, words)
            assert [(w.voice, w.band.power_min, w.band.power_max) for w in words[0:count]] == [
                (w.voice, w.band.power_min, w.band.power_max) for w in expected]
            agreed, found = settle(expected), core.lib.hg_settle(words, count)
            assert (found.voice, found.band.power_min, found.band.power_max) == (
                agreed.voice, agreed.band.power_min, agreed.band.power_max)


@pytest.mark.parametrize('damage', [{'voice': 0}, {'voice': 5}, {'band': (NAN, 1.0)}, {'band': (-1.0, 1.0)},
                                    {'band': (2.0, 1.0)}, {'band': (INF, INF)}, {'sender': b'x' * 33}])
def test_damaged_requests_are_not_taken_back(core, settings, damage):
    book, rows = core.ffi.new('hg_requests_t *'), core.ffi.new('hg_voice_record_t[2]')
    assert core.lib.hg_requests_init(book, settings('request', RequestSettings()), core.ffi.NULL, 0) == OK
    for row in rows:
        row.voice, row.expiry, row.band.power_max = 2, 100.0, 500.0
    for name, value in damage.items():
        if name == 'sender':
            core.ffi.memmove(rows[1].sender, value, 33)
        elif name == 'band':
            rows[1].band.power_min, rows[1].band.power_max = value
        else:
            setattr(rows[1], name, value)
    assert core.lib.hg_requests_restore(book, 50.0, rows, 2) == DAMAGED
    assert core.lib.hg_requests_words(book, 50.0, 0, core.ffi.new('hg_word_t[16]')) == 0


def test_only_so_many_requests_are_taken_back(core, settings):
    book, rows = core.ffi.new('hg_requests_t *'), core.ffi.new('hg_voice_record_t[17]')
    assert core.lib.hg_requests_init(book, settings('request', RequestSettings()), core.ffi.NULL, 0) == OK
    for k, row in enumerate(rows):
        row.voice, row.expiry, row.sender = 3, 100.0, f's{k}'.encode()
    assert core.lib.hg_requests_restore(book, 50.0, rows, 17) == FULL
    assert core.lib.hg_requests_words(book, 50.0, 0, core.ffi.new('hg_word_t[16]')) == 16


def test_only_so_many_senders_are_remembered(core, settings):
    twin, book = RequestBook(RequestSettings()), core.ffi.new('hg_requests_t *')
    assert core.lib.hg_requests_init(book, settings('request', RequestSettings()), core.ffi.NULL, 0) == OK
    for k in range(40):
        now = 1e9 + k * 3.0
        request = Request(Voice.ISLAND if k % 3 else Voice.GRID_SERVICE, f's{k}', 1, 1, now, now + 40.0, 0.0, 500.0 - k,
                          provisional=bool(k % 3))
        assert REFUSALS[core.lib.hg_requests_receive(book, now, told(core, request).c)] is twin.receive(now, request)


bands = st.sampled_from([(0.0, INF), (0.0, 0.0), (0.0, 400.0), (1.0, INF), (1500.0, 1500.0), (200.0, 900.0)])


@given(st.lists(bands, max_size=5))
def test_words_settle_as_by_the_twin(core, asked):
    words = core.ffi.new('hg_word_t[6]')
    for k, band in enumerate(asked):
        words[k].voice = 5 - k
        words[k].band = band
    found = core.lib.hg_settle(words, len(asked))
    agreed = settle([Word(Voice(5 - k), Band(*band), '') for k, band in enumerate(asked)])
    assert (found.voice, found.band.power_min, found.band.power_max) == (
        agreed.voice, agreed.band.power_min, agreed.band.power_max)
