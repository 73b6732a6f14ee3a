"""Replaced whole or not at all, with the permissions asked for."""
import os

import pytest

from hearthgrid_ros import durable


@pytest.mark.parametrize('mode, wanted', [(0o600, 0o600), (0o644, 0o644), (None, 0o640)])
def test_permissions_are_those_asked_for_else_the_process_s(tmp_path, mode, wanted):
    path, before = tmp_path / 'x', os.umask(0o027)
    try:
        for content in (b'old', b'new'):
            durable.replace(path, content, mode)
    finally:
        os.umask(before)
    assert path.read_bytes() == b'new' and path.stat().st_mode & 0o777 == wanted
    assert [file.name for file in tmp_path.iterdir()] == ['x']


@pytest.mark.parametrize('call', ['fsync', 'replace'])
def test_what_fails_leaves_the_old_one(tmp_path, monkeypatch, call):
    path = tmp_path / 'x'
    durable.replace(path, b'old')
    monkeypatch.setattr(os, call, lambda *_: (_ for _ in ()).throw(OSError(28, 'no space')))
    with pytest.raises(OSError, match='no space'):
        durable.replace(path, b'new')
    assert path.read_bytes() == b'old' and [file.name for file in tmp_path.iterdir()] == ['x']


def test_everything_is_on_the_disk_before_the_name_changes_and_the_name_after(tmp_path, monkeypatch):
    told, path, fresh = [], tmp_path / 'x', tmp_path / 'y'
    sync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, 'fsync', lambda handle: (told.append('folder' if os.path.isdir(f'/proc/self/fd/{handle}')
                                                                 else 'file'), sync(handle)))
    monkeypatch.setattr(os, 'replace', lambda *paths: (told.append('name'), replace(*paths)))
    durable.replace(path, b'one')
    fresh.write_bytes(b'two')
    durable.swap(fresh, path)
    assert told == ['file', 'name', 'folder'] * 2 and path.read_bytes() == b'two' and not fresh.exists()
    told.clear()
    durable.replace(path, b'three', sync=False)
    assert told == ['name'] and path.read_bytes() == b'three'
