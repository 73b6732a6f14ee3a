"""What identification reads and keeps: the library of models, the state file, a model that is none."""
from pathlib import Path

import numpy as np
import pytest

from hearthgrid_core.devices import DevicesError
from hub_nodes.identify.library import Entry, Library, LibraryError, read
from hub_nodes.identify.litert import LiteModel
from hub_nodes.identify.memory import FILE, Memory
from hub_nodes.identify.trained import open_model

SHIPPED = Path(__file__).resolve().parents[3] / 'config' / 'models.yaml'


def test_the_shipped_library_can_be_read():
    entries = read(SHIPPED)
    assert len(entries) >= 5 and all(entry.rated_power or entry.note for entry in entries)
    assert any('waste' in entry.note for entry in entries)


def test_the_users_entries_replace_the_shipped_ones(tmp_path):
    (tmp_path / 'models.yaml').write_text('models: [{type: kettle, model: 2200 W, rated_power: 2100}, {type: robot}]')
    found = Library.find('', str(tmp_path))
    assert found.find_entry('kettle', '2200 W').rated_power == 2100 and found.find_entry('robot', 'x').note == ''
    assert len(found) > len(read(SHIPPED)) and found.find_entry('toaster', '') is None
    assert len(Library.find(str(tmp_path / 'models.yaml'), str(tmp_path))) == 2


def test_a_model_goes_before_its_type():
    found = Library(Entry(type='lamp', note='all'), Entry(type='lamp', model='A', note='this'))
    assert [found.find_entry('lamp', model).note for model in ('A', 'B', '')] == ['this', 'all', 'all']


@pytest.mark.parametrize('text, words', [
    ('models: [{typ: kettle}]', 'models.0.'), ('models: [{type: kettle, rated_power: -3}]', 'rated_power'),
    ('models: [{type: kettle, rated_power: .nan}]', 'rated_power'), ('models: [{type: ""}]', 'type'),
    ('models: [{type: kettle, note: "' + 'x' * 161 + '"}]', 'longer than 160'), ('models: 3', 'models'),
    ('models: [{type: kettle}, {type: kettle}]', 'twice'), ('models: [', 'models.yaml'), ('[]', 'models.yaml'),
    ('models: !!python/object/apply:os.system [ls]', 'models.yaml')])
def test_a_library_that_cannot_be_used_says_where(tmp_path, text, words):
    path = tmp_path / 'models.yaml'
    path.write_text(text)
    with pytest.raises(LibraryError, match=words):
        read(path)


def test_a_library_that_is_not_there_says_so(tmp_path):
    with pytest.raises(LibraryError, match='nowhere'):
        Library.find(str(tmp_path / 'nowhere.yaml'))


class Log:
    def error(self, text):
        raise AssertionError(text)


def test_the_state_file_shows_any_change(tmp_path):
    memory, arrays = Memory(str(tmp_path), Log()), {'a': np.arange(3.0), 'b': np.array(['x'])}
    assert memory.load() is None
    memory.save(arrays)
    again = memory.load()
    assert set(again) == {'a', 'b'} and (again['a'] == arrays['a']).all()
    stored = dict(np.load(tmp_path / FILE))
    for change in ({'a': np.arange(1.0, 4.0)}, {'a': np.arange(3)}, {'c': np.zeros(1)}, {'b': np.array(['y'])}):
        np.savez(tmp_path / FILE, **{**stored, **change})
        with pytest.raises(ValueError, match='was changed'):
            memory.load()


def test_a_half_written_file_is_never_read(tmp_path):
    memory = Memory(str(tmp_path), Log())
    memory.save({'a': np.arange(3)})
    whole = (tmp_path / FILE).read_bytes()
    (tmp_path / f'{FILE}.new').write_bytes(whole[:40])      # the power went while it was written
    assert (Memory(str(tmp_path), Log()).load()['a'] == np.arange(3)).all()
    memory.save({'a': np.arange(4)})
    assert len(memory.load()['a']) == 4
    for cut in range(0, len(whole), 37):
        (tmp_path / FILE).write_bytes(whole[:cut])
        with pytest.raises(ValueError):
            memory.load()


def test_a_state_from_before_there_were_hashes_is_read(tmp_path):
    np.savez(tmp_path / FILE, a=np.arange(3))
    assert set(Memory(str(tmp_path), Log()).load()) == {'a'}


def test_no_model_is_none_and_a_wrong_path_is_said(tmp_path):
    assert open_model('', '') is None and open_model('', str(tmp_path)) is None
    with pytest.raises(DevicesError, match='no folder'):
        open_model(str(tmp_path / 'nowhere'), '')
    (tmp_path / 'model').mkdir()
    with pytest.raises(DevicesError, match='model.json is missing'):
        open_model('', str(tmp_path))


@pytest.mark.parametrize('content', [b'', b'\x1c\0\0\0TFL3' + bytes(100), b'\x1c\0\0\0TFL3' + b'\xff' * 5000])
def test_what_litert_cannot_run_is_refused(content):
    with pytest.raises(DevicesError, match='cannot run'):
        LiteModel(content, 2, 2)
