"""What a member keeps on the disk, and what it believes of what it finds there."""

import json
import os

import pytest

from hearthgrid_core.island import Committee, Durable
from outlet_node.memory import Memory

NAMES = ('a', 'b', 'c')
KEPT = Durable(7, 'b', Committee(NAMES, 6, 2, 3))


def path(folder):
    return folder / 'a.ballot.json'


def kept(folder, durable=KEPT, clock=100):
    assert Memory(str(folder), 'a', NAMES, clock).save(durable) == (True, '')


def test_nothing_there_is_not_remembering(tmp_path):
    found = Memory(str(tmp_path), 'a', NAMES, 100)
    assert (found.durable, found.term, found.incarnation, found.trouble) == (None, 0, 100, '')


@pytest.mark.parametrize('clock, incarnation', [(200, 200), (100, 101), (5, 101)])  # the clock may have been set back
def test_what_was_kept_is_there_again_and_the_incarnation_rises(tmp_path, clock, incarnation):
    kept(tmp_path)
    found = Memory(str(tmp_path), 'a', NAMES, clock)
    assert (found.durable, found.incarnation, found.trouble) == (KEPT, incarnation, '')


@pytest.mark.parametrize('cut', [0, 1, 40, -1])
def test_a_half_written_file_is_no_memory_and_is_kept_aside(tmp_path, cut):
    kept(tmp_path)
    whole = path(tmp_path).read_text()
    path(tmp_path).write_text(whole[:cut])
    found = Memory(str(tmp_path), 'a', NAMES, 200)
    assert found.durable is None and 'damaged' in found.trouble
    assert path(tmp_path).with_suffix('.damaged').read_text() == whole[:cut]


def test_a_write_that_was_cut_off_leaves_the_last_one(tmp_path):
    kept(tmp_path)
    path(tmp_path).with_suffix('.new').write_text('{"term": 8, "vo')
    assert Memory(str(tmp_path), 'a', NAMES, 200).durable == KEPT


@pytest.mark.parametrize('wrong', [{'term': 'x'}, {'members': []}, {'members': ['a', 'a']}, {'incarnation': None}])
def test_what_cannot_be_is_no_memory(tmp_path, wrong):
    kept(tmp_path)
    path(tmp_path).write_text(json.dumps(json.loads(path(tmp_path).read_text()) | wrong))
    found = Memory(str(tmp_path), 'a', NAMES, 200)
    assert found.durable is None and 'damaged' in found.trouble


@pytest.mark.parametrize('members, remembers', [
    (('a', 'b', 'd'), True), (('a', 'b'), True), (('a', 'd', 'e'), False), (('x', 'y', 'z'), False)])
def test_a_home_commissioned_anew_forgets_votes_but_not_how_far_terms_went(tmp_path, members, remembers):
    kept(tmp_path)
    found = Memory(str(tmp_path), 'a', members, 200)
    assert (found.durable is not None) == remembers
    assert (found.term, found.epoch) == (7, 3)


def test_where_nothing_can_be_kept_it_may_go_on_only_if_nothing_old_is_found_later(tmp_path, monkeypatch):
    (tmp_path / 'file').write_text('in the way')
    safe, trouble = Memory(str(tmp_path / 'file'), 'a', NAMES, 100).save(KEPT)
    assert safe and 'cannot be written' in trouble
    kept(tmp_path)
    memory = Memory(str(tmp_path), 'a', NAMES, 200)

    def full(handle):
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr('os.fsync', full)
    safe, trouble = memory.save(Durable(8, 'c', KEPT.committee))
    assert 'No space left' in trouble and safe and not path(tmp_path).exists()
    path(tmp_path).mkdir()      # can be neither replaced nor removed
    safe, trouble = memory.save(Durable(9, 'a', KEPT.committee))
    assert trouble and not safe


def test_without_a_folder_every_start_is_a_loss_of_memory():
    memory = Memory('', 'a', NAMES, 100)
    assert memory.save(KEPT) == (True, '') and Memory('', 'a', NAMES, 101).durable is None
