"""What survives a loss of power at any byte: the newest record that was acknowledged, or one that was being written."""
import math
import zlib
from random import Random

import pytest
from hypothesis import example, given
from hypothesis import settings as examples
from hypothesis import strategies as st

OK, ARGUMENT, DAMAGED, FULL, MEDIUM = 0, 1, 6, 7, 8
SLOT, SLOTS = 128, 4
SECTOR = SLOT * SLOTS
ROOM = SLOT - 32 - 16


class Flash:
    """Two sectors. Programming clears bits, erasing sets them; the power goes away after `fuse` bytes of either."""

    def __init__(self, core, seed: int = 0, cached: bool = False) -> None:
        ffi, self.bytes, self.fuse, self.erased = core.ffi, bytearray(b'\xff' * 2 * SECTOR), math.inf, 0
        self.written = self.stuck = 0
        self._rng = Random(seed)
        self._keep = [ffi.callback('bool(void *, uint32_t, uint8_t *, uint32_t)')(self._read),
                      ffi.callback('bool(void *, uint32_t, uint8_t *, uint32_t)')(self._program),
                      ffi.callback('bool(void *, uint32_t)')(self._erase)]
        self._ffi, self.waiting = ffi, {}   # place → what stands there until a sync writes it
        self.c = ffi.new('hg_flash_t *', {'read': self._keep[0], 'program': self._keep[1], 'erase': self._keep[2],
                                          'sector': SECTOR, 'slot': SLOT})
        if cached:
            self._keep += [ffi.callback('bool(void *)')(self._sync),
                           ffi.callback('bool(void *, uint32_t, uint8_t *, uint32_t)')(self._later)]
            self.c.sync, self.c.program = self._keep[-2:]

    def _later(self, _, at, data, count) -> bool:
        self.fuse -= 1
        if self.fuse >= 0:
            self.waiting[at] = bytes(self.bytes[at:at + count])
            self.bytes[at:at + count] = bytes(data[0:count])
        return self.fuse >= 0

    def _sync(self, _) -> bool:
        self.fuse -= 1
        if self.fuse >= 0:
            self.waiting.clear()
        return self.fuse >= 0

    def cut(self) -> None:
        """Lose some of what was not written yet."""
        for at, before in self.waiting.items():
            if self._rng.random() < 0.5:
                self.bytes[at:at + len(before)] = before
        self.waiting.clear()
        self.fuse = math.inf

    def _read(self, _, at, out, count) -> bool:
        assert at + count <= len(self.bytes)
        self._ffi.memmove(out, self.bytes[at:at + count], count)
        return True

    def _byte(self, at: int, value: int, whole: int) -> bool:
        """Change one byte, or in the last moment some of its bits."""
        self.fuse -= 1
        self.written += 1
        if self.fuse < 0:
            some = self._rng.getrandbits(8) if self.fuse == -1 else 0
            self.bytes[at] = self.bytes[at] & ~some & 255 | value & some
            return False
        self.bytes[at] = value | self.stuck if whole else value
        return True

    def _program(self, _, at, data, count) -> bool:
        assert at % 32 == 0 and count == 32 and self.bytes[at:at + 32] == b'\xff' * 32    # once only: it may have ECC
        return all(self._byte(at + k, self.bytes[at + k] & data[k], True) for k in range(count))

    def _erase(self, _, sector) -> bool:
        self.erased += 1
        self.waiting.clear()
        places = list(range(sector * SECTOR, (sector + 1) * SECTOR))
        self._rng.shuffle(places)
        return all(self._byte(at, 255, False) for at in places)


class Journal:
    """The C journal on a flash."""

    def __init__(self, core, flash: Flash) -> None:
        self.lib, self.ffi, self.state = core.lib, core.ffi, core.ffi.new('hg_journal_t *')
        self.out, self.length = core.ffi.new('uint8_t[]', ROOM), core.ffi.new('uint32_t *')
        self.flash, self.status = flash, core.lib.hg_journal_open(self.state, flash.c, self.out, ROOM, self.length)
        self.found = bytes(self.out)[:self.length[0]]

    def write(self, payload: bytes) -> int:
        return self.lib.hg_journal_write(self.state, payload, len(payload))


def payload(number: int, size: int = 40) -> bytes:
    return (b'%06d' % number).ljust(max(6, size), b'v')


def test_the_check_sum_is_the_usual_one(core):
    assert core.lib.hg_crc32(0, b'123456789', 9) == zlib.crc32(b'123456789') == 0xcbf43926
    assert core.lib.hg_crc32(core.lib.hg_crc32(0, b'1234', 4), b'56789', 5) == 0xcbf43926


def test_the_newest_is_found_and_a_sector_is_erased_once_for_all_its_records(core):
    flash = Flash(core)
    assert (Journal(core, flash).status, Journal(core, flash).found) == (OK, b'')
    for k in range(40):
        journal = Journal(core, flash)
        assert journal.status == OK and journal.write(payload(k, k * 2 % ROOM)) == OK
        assert Journal(core, flash).found == payload(k, k * 2 % ROOM)
    assert flash.erased == 40 // SLOTS
    journal = Journal(core, flash)
    assert core.lib.hg_journal_tidy(journal.state) == OK and core.lib.hg_journal_tidy(journal.state) == OK
    before = flash.erased
    for k in range(SLOTS):
        assert journal.write(payload(100 + k)) == OK
    assert flash.erased - before <= 1 and Journal(core, flash).found == payload(103)


@pytest.mark.parametrize('before', range(2 * SLOTS + 2))
@pytest.mark.parametrize('tidy', [False, True])
def test_a_power_cut_at_every_byte_of_a_write(core, before, tidy):
    """After `before` records one more is written, and cut off; then another, which must be the newest."""
    flash = Flash(core, before)
    journal = Journal(core, flash)
    for k in range(before):
        assert journal.write(payload(k)) == OK

    def write(j: Journal) -> int:
        return (core.lib.hg_journal_tidy(j.state) if tidy else OK) or j.write(payload(before))
    image, state, start = bytes(flash.bytes), core.ffi.buffer(journal.state)[:], flash.written
    assert write(journal) == OK
    for cut in range(flash.written - start + 1):
        flash.bytes[:], flash.fuse = image, cut
        core.ffi.buffer(journal.state)[:] = state
        done, flash.fuse = write(journal), math.inf
        again = Journal(core, flash)
        new, old = (OK, payload(before)), (OK, payload(before - 1)) if before else (OK, b'')
        found = again.status, again.found
        if done == OK:
            assert found == new
        elif before:
            assert found in (new, old), cut
        else:                                   # nothing was acknowledged; it may also say that something is damaged
            assert found in (new, old, (DAMAGED, b'')), cut
        assert again.write(payload(before + 1)) == OK
        last = Journal(core, flash)
        assert (last.status, last.found) == (OK, payload(before + 1)), cut


@given(st.lists(st.tuples(st.integers(6, ROOM), st.one_of(st.none(), st.integers(0, 7))), max_size=30),
       st.integers(0, 99))
@examples(max_examples=100, deadline=None)
def test_a_medium_that_writes_in_its_own_order_keeps_what_was_acknowledged(core, writes, seed):
    """A file in a page cache: without a sync any part of what was programmed may be missing after a power cut."""
    flash, safe = Flash(core, seed, cached=True), payload(999999)
    assert Journal(core, flash).write(safe) == OK
    for k, (size, fuse) in enumerate(writes):
        journal = Journal(core, flash)
        assert journal.status == OK and journal.found == safe
        flash.fuse = math.inf if fuse is None else fuse
        done = journal.write(payload(k, size))
        flash.cut()
        found = Journal(core, flash)
        assert found.status == OK and found.found in ((payload(k, size),) if done == OK else (safe, payload(k, size)))
        safe = found.found


@given(st.lists(st.tuples(st.integers(0, ROOM), st.one_of(st.none(), st.integers(0, 160), st.integers(0, 900)),
                          st.sampled_from([False, False, True])), max_size=40), st.integers(0, 99))
@example([(0, 0, False), (6, 144, False), (0, 43, False), (49, None, False), (0, 0, False), (22, 0, False),
          (0, 0, False), (63, 479, True), (0, 484, True)], 2)   # a sector that began in its last place
@examples(max_examples=150, deadline=None)
def test_no_number_of_power_cuts_brings_an_older_record_back(core, story, seed):
    flash = Flash(core, seed)
    journal, known = Journal(core, flash), b''
    for k, (size, cut, tidy) in enumerate(story):
        flash.fuse = math.inf if cut is None else cut
        done = core.lib.hg_journal_tidy(journal.state) if tidy else OK
        done = done or journal.write(payload(k, size))
        if done == OK:
            known = payload(k, size)
        if done != OK or cut is not None:
            flash.fuse = math.inf
            journal = Journal(core, flash)
            if known or journal.status == OK:
                assert journal.status == OK and journal.found in (known, payload(k, size))
                known = journal.found


@pytest.mark.parametrize('records', [1, 2, SLOTS, SLOTS + 1, 2 * SLOTS + 3])
@pytest.mark.parametrize('at', [0, 4, 8, 12, 51, 52, 55])
def test_a_record_that_rots_is_not_replaced_by_an_older_one(core, records, at):
    flash = Flash(core)
    journal = Journal(core, flash)
    for k in range(records):
        assert journal.write(payload(k)) == OK
    place = (records - 1) % (2 * SLOTS) * SLOT + at
    flash.bytes[place] ^= 0x10
    rotten = Journal(core, flash)
    assert (rotten.status, rotten.found) == (DAMAGED, b'')
    assert rotten.write(payload(77)) == OK
    assert (Journal(core, flash).status, Journal(core, flash).found) == (OK, payload(77))


def test_what_is_not_taken_by_the_medium_is_not_acknowledged(core):
    """A cell that stays at one: the next place is tried, and as long as there is one nothing is lost."""
    flash = Flash(core)
    journal = Journal(core, flash)
    assert journal.write(payload(1)) == OK
    for stuck in (0x01, 0x80):
        flash.stuck = stuck
        assert journal.write(payload(2)) == MEDIUM
        flash.stuck = 0
        assert Journal(core, flash).found == payload(1)
    assert journal.write(payload(3)) == OK and Journal(core, flash).found == payload(3)


@pytest.mark.parametrize('changes', [{'slot': 100}, {'slot': 32}, {'sector': SLOT}, {'sector': 2**31},
                                     {'read': 0}, {'program': 0}, {'erase': 0}])
def test_a_medium_that_cannot_be_is_refused(core, changes):
    flash = Flash(core)
    for name, value in changes.items():
        setattr(flash.c, name, value or core.ffi.NULL)
    assert Journal(core, flash).status == ARGUMENT


def test_a_record_must_fit(core):
    journal = Journal(core, Flash(core))
    assert core.lib.hg_journal_room(journal.flash.c) == ROOM
    assert [journal.write(b'x' * n) for n in (0, 1, ROOM, ROOM + 1)] == [ARGUMENT, OK, OK, ARGUMENT]
    assert core.lib.hg_journal_open(journal.state, journal.flash.c, journal.out, 10, journal.length) == ARGUMENT


names = st.text(st.characters(blacklist_characters='\0', blacklist_categories=('Cs',)), min_size=1, max_size=8)


@given(st.lists(names, min_size=1, max_size=7, unique=True), st.one_of(st.none(), st.just('-'), names),
       st.integers(0, 2**31), st.integers(0, 2**64 - 1), st.integers(0, 2**32 - 1))
@examples(max_examples=150, deadline=None)
def test_a_memory_comes_back_by_name(core, members, voted, term, incarnation, epoch):
    lib, ffi = core.lib, core.ffi
    first, second = ffi.new('hg_directory_t *'), ffi.new('hg_directory_t *')
    found = ffi.new('hg_member_t *')

    def number(directory, name: str) -> int:
        assert lib.hg_directory_number(directory, name.encode() + b'\0', found) == OK
        return found[0]
    number(second, 'another order')
    kept, again = ffi.new('hg_kept_t *'), ffi.new('hg_kept_t *')
    numbers = [number(first, m) for m in members]
    assert lib.hg_committee_init(ffi.addressof(kept.durable, 'committee'), numbers, len(numbers)) == OK
    kept.durable.term, kept.incarnation, kept.highest_term = term, incarnation, term
    kept.durable.committee.epoch = kept.highest_epoch = epoch
    kept.durable.voted = 0 if voted is None else 255 if voted == '-' else number(first, voted)
    out, length = ffi.new('uint8_t[300]'), ffi.new('uint32_t *')
    assert lib.hg_kept_write(first, kept, out, 300, length) == OK
    size = length[0]
    assert lib.hg_kept_write(first, kept, out, size - 1, length) == ARGUMENT
    assert lib.hg_kept_write(first, kept, out, size, length) == OK
    assert lib.hg_kept_read(second, out, size, again) == OK
    assert (again.durable.term, again.incarnation, again.highest_term, again.highest_epoch) == (
        term, incarnation, term, epoch)
    assert again.durable.voted == (0 if voted is None else 255 if voted == '-' else number(second, voted))
    assert list(again.durable.committee.members)[:len(members)] == [number(second, m) for m in members]
    for wrong in range(size):
        assert lib.hg_kept_read(second, out, wrong, again) == DAMAGED
    assert lib.hg_kept_read(second, out, size + 1, again) == DAMAGED
    commissioned = ffi.new('hg_committee_t *')
    for left in range(1, len(members) + 1):
        assert lib.hg_committee_init(commissioned, numbers[:left], left) == OK
        assert lib.hg_kept_serves(kept, commissioned) == (left >= len(members) // 2 + 1)
