"""What an outlet knows by itself: the C machine beside `hearthgrid_core.devices.own`, word by word."""
import math
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from hearthgrid_core.devices import UNTIL_CHANGE, DevicesError, IdentityState
from hearthgrid_core.devices.own import BOOK_MAX, UNDO_MAX, OwnDevices
from hearthgrid_core.devices.own_events import Said, Seen, Told, Undone
from hearthgrid_core.devices.settings import OwnSettings
from hearthgrid_core.devices.view import appliance_view
from hearthgrid_core.waveform import FEATURES, SIGNATURE_VERSION

OK, ARGUMENT, DAMAGED, VIEW = 0, 1, 6, 49
BEGAN = 1.8e9


def prototypes(content: bytes) -> list[tuple]:
    """Return (name, count, place, mean) of packed prototypes."""
    out = []
    while content:
        count, length, place = struct.unpack_from('<BBH', content)
        end = 4 + length + 4 * VIEW
        out.append((content[4:4 + length].decode(), count, place, content[4 + length:end]))
        content = content[end:]
    return out


class Twins:
    """Both machines, told the same; after every event their answers and all they keep are compared."""

    def __init__(self, core, settings: OwnSettings | None = None) -> None:
        self.lib, self.ffi = core.lib, core.ffi
        self.settings = settings or OwnSettings()
        self.twin = OwnDevices(self.settings)
        self.own, self.actions = self.ffi.new('hg_own_t *'), self.ffi.new('hg_own_actions_t *')
        chosen = self.ffi.new('hg_own_settings_t *')
        for name, _ in self.ffi.typeof('hg_own_settings_t').fields:
            setattr(chosen, name, getattr(self.settings, name))
        assert self.lib.hg_own_init(self.own, chosen) == OK

    def step(self, now: float, event=None) -> bool:
        """Return whether it could be used."""
        try:
            wanted = self.twin.step(now, event)
        except DevicesError:
            wanted = None
        status, got = self._tell(now, event), self.actions
        assert (status == OK) == (wanted is not None), (status, event)
        if wanted is None:
            assert not (got.answers or got.quiet or got.taught or got.moved)
        else:
            assert (got.quiet, got.taught, got.moved) == (wanted.quiet, wanted.taught, wanted.moved), event
            assert got.answers == (wanted.answer is not None)
            if wanted.answer is not None:
                self._same_answer(got, *wanted.answer)
        self.same()
        return wanted is not None

    def _tell(self, now: float, event) -> int:
        ffi, lib = self.ffi, self.lib
        if event is None:
            lib.hg_own_step(self.own, now, self.actions)
            return OK
        if isinstance(event, Undone):
            return lib.hg_own_undo(self.own, now, self.actions)
        if isinstance(event, Seen):
            view = appliance_view(event.vector[None])[0].astype(np.float32)
            seen = ffi.new('hg_seen_t *', (event.sequence, event.time, event.duration, list(map(float, view)),
                                           event.active_power, event.apparent_power, event.changed))
            return lib.hg_own_see(self.own, now, seen, self.actions)
        if isinstance(event, Told):
            told = ffi.new('hg_told_t *', (event.sequence, event.time, int(event.state), event.type.encode(),
                                           event.model.encode(), event.probability, event.recipe.startswith('outlet')))
            return lib.hg_own_hear(self.own, now, told, self.actions)
        said = ffi.new('hg_label_t *', (event.type.encode(), event.model.encode(), event.begin, event.end, event.said))
        return lib.hg_own_label(self.own, now, said, self.actions)

    def _same_answer(self, got, sequence: int, time: float, wanted) -> None:
        answer, text = got.answer, lambda at: self.ffi.string(at).decode()
        assert (got.sequence, got.time, int(answer.state)) == (sequence, time, int(wanted.state))
        assert (text(answer.type), text(answer.model)) == (wanted.type, wanted.model)
        for mine, his in ((answer.probability, wanted.probability), (answer.novelty, wanted.novelty),
                          (answer.model_probability, wanted.model_probability)):
            assert mine == pytest.approx(his, rel=1e-5, abs=1e-6, nan_ok=True)
        names = [text(answer.candidates[k]) for k in range(answer.count)]
        assert names == [name for name, _ in wanted.candidates]
        assert list(answer.chances[0:answer.count]) == pytest.approx([p for _, p in wanted.candidates], rel=1e-5)

    def same(self) -> None:
        """Compare what is kept."""
        kept, twin = self.own.kept, self.twin
        text = lambda at: self.ffi.string(at).decode()      # noqa: E731
        book = prototypes(bytes(kept.book.bytes[0:kept.book.used]))
        assert [(name, count, mean) for name, count, _, mean in book] == [
            (p.name, p.count, p.mean.tobytes()) for p in twin._book.book]
        assert (text(kept.named), text(kept.last)) == (twin._named, twin._last)
        assert kept.lessons == len(twin._lessons) and kept.used <= UNDO_MAX
        undo, at = bytes(kept.undo[0:kept.used]), 0
        for mine, his in zip(kept.lesson[0:kept.lessons], twin._lessons, strict=True):
            name, before = undo[at:at + mine.name], undo[at + mine.name:at + mine.name + mine.before]
            rows = at + mine.name + mine.before
            assert (name.decode(), before.decode()) == (his.name, his.before)
            for content, placed in ((undo[rows:rows + mine.own], his.own),
                                    (undo[rows + mine.own:rows + mine.own + mine.gone], his.gone)):
                assert {row[2]: row for row in prototypes(content)} == {
                    place: (p.name, p.count, place, p.mean.tobytes()) for place, p in placed}
            at += mine.size
        assert at == kept.used

    def restart(self) -> None:
        """Both begin anew with what they kept."""
        length = self.lib.hg_own_size(self.own)
        content = bytes(self.ffi.buffer(self.ffi.addressof(self.own.kept), length))
        assert length < 32 * 1024
        self.twin = OwnDevices.from_state(self.twin.state(), self.settings)
        settings = self.ffi.new('hg_own_settings_t *', self.own.settings)
        assert self.lib.hg_own_init(self.own, settings) == OK
        self.ffi.buffer(self.ffi.addressof(self.own.kept))[0:length] = content
        assert self.lib.hg_own_restore(self.own, length) == OK
        self.same()


def story(core, seed: int, devices: int, events: int, long: bool) -> Twins:
    """Tell both a story that hubs, people and clocks could tell; return them."""
    rng, twins = np.random.default_rng(seed), Twins(core)
    centres = rng.normal(size=(devices, FEATURES)) * rng.choice([0.05, 1.0], size=(devices, 1))
    now, sequence, last, told = BEGAN, 0, None, []
    names = [(f'type{k % 7}' * (6 if long else 1), f'model{k}' * (8 if long else k % 2)) for k in range(devices)]
    for _ in range(events):
        now += float(rng.choice([0.1, 1.0, 2.0, 20.0, -5.0], p=[0.3, 0.3, 0.19, 0.2, 0.01]))
        kind, which = rng.random(), int(rng.integers(devices))
        type, model = names[which]
        if kind < 0.45 or last is None:
            sequence += int(rng.choice([1, 1, 1, 0]))
            noise = rng.normal(size=FEATURES) * rng.choice([0.01, 0.05, 0.2])
            power = float(rng.choice([1.0, 100.0, 2e5], p=[0.15, 0.84, 0.01]))
            last = Seen(sequence, now, 0.2, centres[which] + noise, SIGNATURE_VERSION, power, power,
                        bool(rng.random() < 0.3))
            twins.step(now, last)
        elif kind < 0.8:
            state = IdentityState(int(rng.choice([0, 1, 2, 3], p=[0.2, 0.1, 0.3, 0.4])))
            known = state is not IdentityState.UNKNOWN
            about = last if rng.random() < 0.8 or not told else told[int(rng.integers(len(told)))]
            told = [*told, last][-4:]
            twins.step(now, Told(about.sequence, about.time + float(rng.choice([0.0, 5e-4, 0.1], p=[0.9, 0.05, 0.05])),
                                 state, type if known else '', model if known else '', float(rng.choice([0.5, 0.95])),
                                 str(rng.choice(['model 1', 'outlet 1, signature 1'], p=[0.95, 0.05]))))
        elif kind < 0.88:
            end = float(rng.choice([UNTIL_CHANGE, now + 30.0, now - 60.0]))
            twins.step(now, Said(type, model, now - float(rng.choice([0.0, 40.0])), end, now))
        elif kind < 0.93:
            twins.step(now, Undone())
        elif kind < 0.95:
            twins.restart()
            last, told = None, []
            sequence = 0
        else:
            twins.step(now)
    return twins


@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.booleans())
@examples(max_examples=20, deadline=None)
def test_every_word_teaches_and_answers_alike(core, seed, devices, long):
    story(core, seed, devices, 120, long)


def test_a_full_book_and_full_corrections_stay_in_their_room(core):
    twins = story(core, 7, 60, 700, True)
    assert BOOK_MAX - 400 < twins.twin._book.bytes <= BOOK_MAX
    assert twins.twin.bytes < 32 * 1024 and core.ffi.sizeof('hg_own_t') < 32 * 1024


def test_a_word_that_cannot_be_used_changes_nothing(core):
    twins = Twins(core)
    row = np.zeros(FEATURES)
    seen = Seen(1, BEGAN, 0.2, row, SIGNATURE_VERSION, 100.0, 100.0)
    assert twins.step(BEGAN, seen) and not twins.step(BEGAN, seen)
    for wrong in ({'time': math.nan}, {'duration': math.inf}, {'active_power': math.nan}, {'apparent_power': 1e6}):
        assert not twins.step(BEGAN, Seen(**{**vars(seen), 'sequence': 2, **wrong}))
    assert not twins.step(BEGAN, Told(1, BEGAN, IdentityState.NAMED))
    for begin, end, type in ((BEGAN, BEGAN, 'fan'), (math.nan, BEGAN, 'fan'), (BEGAN, BEGAN + 1.0, '')):
        assert not twins.step(BEGAN, Said(type, '', begin, end, BEGAN))
    assert not twins.step(BEGAN, Undone())


@given(st.integers(0, 2**16), st.integers(0, 10_000), st.integers(1, 255))
@examples(max_examples=200, deadline=None)
def test_kept_bytes_that_cannot_be_are_not_believed(core, told, at, turned):
    """Bytes turned: either they are refused and it knows nothing, or what is believed can be used."""
    twins = told_once(core)
    length = twins.lib.hg_own_size(twins.own)
    memory = twins.ffi.buffer(twins.ffi.addressof(twins.own.kept))
    place = at % length
    memory[place] = bytes([memory[place][0] ^ turned])
    if twins.lib.hg_own_restore(twins.own, length + (told == 0)) == DAMAGED:
        assert twins.own.kept.book.used == 0 and twins.own.kept.lessons == 0
        return
    now = BEGAN + 1e3
    for k in range(3):
        seen = Seen(k + 1, now + k, 0.2, np.ones(FEATURES) * told, SIGNATURE_VERSION, 100.0, 100.0)
        twins._tell(now + k, seen)
        twins._tell(now + k, Told(k + 1, now + k, IdentityState.NAMED, f'thing{k}', '', 0.9, 'model 1'))
    for _ in range(4):
        twins._tell(now + 50.0, Undone())
    twins._tell(now + 99.0, None)
    assert twins.own.kept.book.used <= BOOK_MAX


def told_once(core) -> Twins:
    twins = Twins(core)
    for k in range(6):
        row = np.full(FEATURES, k % 2 + 0.5)
        twins.step(BEGAN + k, Seen(k + 1, BEGAN + k, 0.2, row, SIGNATURE_VERSION, 99.0, 99.0))
        twins.step(BEGAN + k, Told(k + 1, BEGAN + k, IdentityState.NAMED, f'thing{k % 3}', 'one', 0.9, 'model 1'))
    assert twins.own.kept.lessons >= 3
    return twins


@pytest.mark.parametrize('name, value', [('hub_silence', 0.5), ('hub_trust', 1.1), ('own_power_off', math.nan)])
def test_settings_have_bounds(core, name, value):
    chosen = core.ffi.new('hg_own_settings_t *')
    for field, _ in core.ffi.typeof('hg_own_settings_t').fields:
        setattr(chosen, field, getattr(OwnSettings(), field))
    setattr(chosen, name, value)
    assert core.lib.hg_own_init(core.ffi.new('hg_own_t *'), chosen) == ARGUMENT
