"""Nearest prototypes: the C book beside `hearthgrid_core.devices.prototypes`, lesson by lesson."""
import math
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from hearthgrid_core.devices.examples import DevicesError
from hearthgrid_core.devices.own import BOOK_MAX
from hearthgrid_core.devices.prototypes import Prototypes
from hearthgrid_core.devices.view import appliance_view
from hearthgrid_core.waveform.signature import FEATURES as SIGNATURE

OK, ARGUMENT = 0, 1
FEATURES = 49


@pytest.fixture(scope='module')
def book(core):
    """Return a maker of (C book, Python book) of the same noise."""
    def make(noise: np.ndarray):
        known = core.ffi.new('hg_prototypes_t *')
        assert core.lib.hg_prototypes_init(known, list(map(float, noise))) == OK
        return known, Prototypes(noise, BOOK_MAX)
    return make


def packed(bytes_, used: int) -> list[tuple]:
    """Return (name, count, place, mean) of packed prototypes."""
    content, out = bytes(bytes_[0:used]), []
    while content:
        count, length, place = struct.unpack_from('<BBH', content)
        end = 4 + length + 4 * FEATURES
        out.append((content[4:4 + length].decode(), count, place, np.frombuffer(content[4 + length:end], '<f4')))
        content = content[end:]
    return out


def same(known, twin) -> bool:
    rows, state = packed(known.bytes, known.used), twin.state()
    return ([name for name, *_ in rows] == state['names'].tolist()
            and [count for _, count, *_ in rows] == state['counts'].tolist()
            and all(np.array_equal(row[3], mean) for row, mean in zip(rows, state['means'], strict=True)))


def name_at(known, at: int) -> str:
    return packed(known.bytes[at:known.used], known.used - at)[0][0] if at >= 0 else ''


@given(seed=st.integers(0, 2**32 - 1), devices=st.integers(1, 70), events=st.integers(1, 120),
       spread=st.sampled_from([0.3, 0.8, 1.5]))
@examples(max_examples=25, deadline=None)
def test_lessons_and_looks_leave_the_same_book(core, book, seed, devices, events, spread):
    rng = np.random.default_rng(seed)
    noise = rng.uniform(0.5, 2.0, FEATURES).astype(np.float32)
    known, twin = book(noise)
    centres = rng.normal(size=(devices, FEATURES)) * 1.2
    for _ in range(events):
        which = int(rng.integers(devices))
        rows = centres[which] + spread * noise * rng.normal(size=(int(rng.integers(1, 4)), FEATURES))
        if rng.random() < 0.6:
            name = f'type{which}\tmodel' * (1 + which % 4)
            flat = core.ffi.from_buffer('double[]', np.ascontiguousarray(rows))
            assert core.lib.hg_prototypes_teach(known, flat, len(rows), name.encode(), core.ffi.NULL) == OK
            twin.teach(rows, name)
        else:
            place, distance = core.ffi.new('int *'), core.ffi.new('double *')
            row = core.ffi.from_buffer('double[]', np.ascontiguousarray(rows[0]))
            assert core.lib.hg_prototypes_recognise(known, row, place, distance) == OK
            name, expected = twin.recognise(rows[0])
            assert name_at(known, place[0]) == name
            assert distance[0] == pytest.approx(expected, rel=1e-6)
            assert core.lib.hg_prototypes_follow(known, row, place) == OK
            name = twin.follow(rows[0])
            assert name_at(known, place[0]) == name
        assert same(known, twin)


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 1.0, 5.0]))
@examples(max_examples=60, deadline=None)
def test_the_view_is_the_twins(core, seed, scale):
    vector = np.random.default_rng(seed).normal(size=SIGNATURE) * scale
    view = core.ffi.new('double[]', FEATURES)
    core.lib.hg_appliance_view(core.ffi.from_buffer('double[]', vector), view)
    assert list(view) == pytest.approx(appliance_view(vector[None])[0].tolist(), rel=1e-12, abs=1e-12)


def test_the_book_is_bounded(core, book):
    rng = np.random.default_rng(1)
    known, twin = book(np.ones(FEATURES, np.float32))
    for k in range(120):
        row = np.ascontiguousarray(rng.normal(size=(1, FEATURES)) * 30)
        name = f'once{k}' if k < 20 else f'twice{k // 2}'   # what a name has only once goes last
        flat = core.ffi.from_buffer('double[]', row)
        assert core.lib.hg_prototypes_teach(known, flat, 1, name.encode(), core.ffi.NULL) == OK
        twin.teach(row, name)
    assert same(known, twin) and 40 < len(packed(known.bytes, known.used)) < 52


@pytest.mark.parametrize('rows, name', [(0, 'kettle'), (9, 'kettle'), (1, ''), (1, 'x' * 114)])
def test_a_lesson_that_cannot_be_used_changes_nothing(core, book, rows, name):
    known, _ = book(np.ones(FEATURES, np.float32))
    flat = core.ffi.new('double[]', max(rows, 1) * FEATURES)
    raw = core.ffi.new('char[]', name.encode())
    assert core.lib.hg_prototypes_teach(known, flat, rows, raw, core.ffi.NULL) == ARGUMENT and known.used == 0


@pytest.mark.parametrize('value', [math.nan, math.inf, 1.1e4])
def test_a_vector_that_cannot_be_one(core, book, value):
    known, twin = book(np.ones(FEATURES, np.float32))
    row = np.zeros(FEATURES)
    row[7] = value
    flat, place, distance = core.ffi.from_buffer('double[]', row), core.ffi.new('int *'), core.ffi.new('double *')
    assert core.lib.hg_prototypes_teach(known, flat, 1, b'kettle', core.ffi.NULL) == ARGUMENT
    assert core.lib.hg_prototypes_recognise(known, flat, place, distance) == ARGUMENT
    assert core.lib.hg_prototypes_follow(known, flat, place) == ARGUMENT
    with pytest.raises(DevicesError):
        twin.teach([row], 'kettle')


@pytest.mark.parametrize('value', [0.0, -1.0, math.nan, math.inf])
def test_noise_is_positive(core, value):
    noise = [1.0] * (FEATURES - 1) + [value]
    assert core.lib.hg_prototypes_init(core.ffi.new('hg_prototypes_t *'), noise) == ARGUMENT
