"""Keys that rotate: the C ring beside `hearthgrid_core`'s, and the home's key file as the program reads it."""
import math
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from hearthgrid_core.outlet.authentic import MAC_BYTES, Key, Keyring, sign
from hearthgrid_ros import key_file

FIRMWARE = Path(__file__).resolve().parents[1]
OK, ARGUMENT = 0, 1
NOW = 1_800_000_000.0
times = st.sampled_from([-math.inf, NOW - 60.0, NOW, NOW + 5.0, NOW + 35.0, math.inf])
secrets = st.binary(min_size=16, max_size=64)
rings = st.lists(st.tuples(secrets, times, times), max_size=4).map(
    lambda rows: tuple(Key(k + 1, *row) for k, row in enumerate(rows)))
moments = st.sampled_from([NOW - 1.0, NOW, NOW + 4.9, NOW + 5.0, NOW + 34.9, NOW + 35.0, NOW + 1e6])


def filled(core, keys):
    ring = core.ffi.new('hg_keyring_t *', {'required': True})
    for key in keys:
        core.lib.hg_keyring_add(ring, core.ffi.new('hg_key_t *', {
            'epoch': key.epoch, 'begins': key.begins, 'ends': key.ends, 'secret': key.secret,
            'length': len(key.secret)}))
    return ring


@given(rings, moments, st.binary(min_size=1, max_size=60), st.integers(0, 4), st.booleans())
@examples(max_examples=200, deadline=None)
def test_a_ring_signs_and_believes_as_the_twin(core, keys, now, packed, which, cut):
    twin, ring = Keyring(keys), filled(core, keys)
    signs = core.lib.hg_keyring_signs(ring, now)
    own = b'' if signs == core.ffi.NULL else sign(bytes(signs.secret)[:signs.length], packed)
    assert own == twin.sign(now, packed)
    mac = sign(keys[which].secret if which < len(keys) else b'a stranger', packed)[:MAC_BYTES - cut]
    fits = core.lib.hg_keyring_fits(ring, now, packed, len(packed), mac, len(mac))
    assert (fits != core.ffi.NULL) == twin.authentic(now, packed, mac)


def test_a_ring_of_one_key_lasts_for_ever_and_one_of_none_asks_for_nothing(core):
    ring = core.ffi.new('hg_keyring_t *')
    assert core.lib.hg_keyring_of(ring, b'', 0) == OK and not ring.required
    assert core.lib.hg_keyring_of(ring, bytes(64), 65) == ARGUMENT
    assert core.lib.hg_keyring_of(ring, b'x' * 64, 64) == OK and ring.required
    assert core.lib.hg_keyring_signs(ring, NOW).length == 64


def test_where_there_is_no_room_the_oldest_key_goes(core):
    keys = [Key(epoch, bytes([epoch]) * 32) for epoch in (5, 2, 9, 3)]
    ring = filled(core, keys)
    for epoch, left in ((7, {5, 9, 3, 7}), (1, {5, 9, 3, 7})):
        core.lib.hg_keyring_add(ring, core.ffi.new('hg_key_t *', {'epoch': epoch, 'length': 32, 'ends': math.inf}))
        assert {key.epoch for key in ring.keys} == left
        assert core.lib.hg_keyring_signs(ring, NOW).epoch == 9  # the newest, wherever it stands


@pytest.fixture(scope='module')
def posix(library):
    """Return the core with the program's reader of key files."""
    return library([*sorted((FIRMWARE / 'core').glob('*.c')), FIRMWARE / 'ports' / 'posix' / 'keys.c'],
                   [FIRMWARE / 'test' / 'keys_file.h'])


def read(posix, path, outlet: str):
    rings = [posix.ffi.new('hg_keyring_t *') for _ in range(2)]
    good = posix.lib.hg_posix_keys(str(path).encode(), outlet.encode(), *rings)
    return SimpleNamespace(good=good, requests=rings[0], ballots=rings[1])


def held(posix, ring) -> tuple[Key, ...]:
    return tuple(Key(k.epoch, bytes(k.secret)[:k.length], k.begins, k.ends) for k in ring.keys[0:ring.count])


names = st.sampled_from(['kettle', 'key', 'keys', 'epoch', 'home', 'outlets', 'begins', 'a b', 'x' * 32])
finite = st.one_of(st.just(-math.inf), st.floats(0.0, 2e9, allow_nan=False))
stored = st.lists(st.tuples(secrets, finite, st.one_of(st.just(math.inf), st.floats(0.0, 2e9))), max_size=4).map(
    lambda rows: key_file.Stored(len(rows), tuple(Key(k + 1, *row) for k, row in enumerate(rows))))


@given(stored, st.dictionaries(names, stored, max_size=5), names)
@examples(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_key_file_is_read_as_by_python(posix, tmp_path, home, outlets, name):
    path = tmp_path / 'keys.json'
    path.write_bytes(key_file.dump(key_file.Keys(home, outlets)))
    found = read(posix, path, name)
    assert found.good and found.requests.required and found.ballots.required
    assert held(posix, found.ballots) == home.keys
    assert held(posix, found.requests) == (outlets[name].keys if name in outlets else ())


@given(st.data())
@examples(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_file_cut_off_or_damaged_is_no_key_file_or_reads_without_harm(posix, tmp_path, data):
    whole = key_file.dump(key_file.Keys(key_file.Stored().rotated(NOW), {'kettle': key_file.Stored().rotated(NOW)}))
    path, cut = tmp_path / 'keys.json', data.draw(st.integers(0, len(whole) - 1))
    path.write_bytes(whole[:cut])
    assert not read(posix, path, 'kettle').good
    damage = data.draw(st.binary(max_size=8))
    path.write_bytes(whole[:cut] + damage + whole[cut + len(damage):])
    read(posix, path, 'kettle')


@pytest.mark.parametrize('written, epoch, key', [
    ('"epoch": 7, "key": "00ff"', 7, b'\0\xff'), ('"epoch": -3, "key": "00ff"', 0, b'\0\xff'),
    ('"epoch": 1e99, "key": "00ff"', 0, b'\0\xff'), ('"epoch": nan, "key": "00ff"', 0, b'\0\xff'),
    ('"epoch": 7, "key": "0xff"', None, None), ('"epoch": 7, "key": " f"', None, None),
    ('"epoch": 7, "key": "-1"', None, None), ('"epoch": 7, "key": "fff"', None, None),
    ('"epoch": 7, "key": ""', None, None), (f'"epoch": 7, "key": "{"ab" * 64}"', 7, b'\xab' * 64),
    (f'"epoch": 7, "key": "{"ab" * 65}"', None, None)])
def test_what_a_file_holds_that_is_no_key_is_none(posix, tmp_path, written, epoch, key):
    path = tmp_path / 'keys.json'
    path.write_text('{"format": "hearthgrid keys 1", "home": {"keys": [{' + written + '}]}, "outlets": {}}')
    found = read(posix, path, 'kettle')
    assert found.good and not found.requests.count
    assert [(k.epoch, k.secret) for k in held(posix, found.ballots)] == ([] if key is None else [(epoch, key)])


def test_a_file_that_is_not_there_is_none(posix, tmp_path):
    assert not read(posix, tmp_path / 'keys.json', 'kettle').good
