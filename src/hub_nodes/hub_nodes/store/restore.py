"""Backups of an embedded database, and their way back into a home that runs."""
from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from hearthgrid_ros import durable
from hub_nodes.store import schema
from hub_nodes.store.backend import Corrupt, Incompatible, Unavailable

PAGES = 2000  # copied at once, so that the store can write between
WAITING = '.restore'  # ends the name of a backup that the store is to take the place of its own with


def backup(source: Path, target: Path, tell: Callable[[float], None] = lambda share: None) -> None:
    """Copy a database that may be written meanwhile, whole and as of one moment. StoreError; `target` must not exist.
    """
    if target.exists():
        raise Unavailable(f'{target} exists already')
    part = target.with_name(f'{target.name}.part')
    try:
        part.unlink(missing_ok=True)
        with closing(_connect(source, '?mode=ro')) as old, closing(_connect(part)) as new:
            schema.version(old)
            old.backup(new, pages=PAGES, progress=lambda _, left, total: tell(1.0 - left / max(total, 1)))
            new.execute('PRAGMA journal_mode = DELETE')  # one file, without a log beside it
        check(part)
        durable.swap(part, target)
    except sqlite3.Error as error:
        raise Unavailable(f'{source}: {error}') from None
    except OSError as error:
        raise Unavailable(f'{error.filename or target}: {error.strerror}') from None
    finally:
        part.unlink(missing_ok=True)


def check(path: Path) -> None:
    """Raise Incompatible or Corrupt when a file is no whole database of ours."""
    try:
        with closing(_connect(path, '?mode=ro')) as found:
            if not schema.version(found):
                raise Incompatible(f'{path} is empty')
            if schema.version(found) > len(schema.MIGRATIONS):
                raise Incompatible(f'{path} was made by a newer Hearthgrid')
            words, = found.execute('PRAGMA integrity_check(1)').fetchone()
    except Incompatible as error:
        raise Incompatible(f'{path}: {error}') from None
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise Corrupt(f'{path}: {error}') from None
    if words != 'ok':
        raise Corrupt(f'{path}: {words}')


def offer(backup_file: Path, database: Path) -> Path:
    """Lay a checked backup beside the database, for the store to take; return where it waits. StoreError."""
    check(backup_file)
    waiting = database.with_name(database.name + WAITING)
    part = waiting.with_name(f'{waiting.name}.part')
    try:
        database.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(backup_file, part)
        durable.swap(part, waiting)
    except OSError as error:
        raise Unavailable(f'{error.filename or waiting}: {error.strerror}') from None
    finally:
        part.unlink(missing_ok=True)
    return waiting


def _connect(path: Path, how: str = '') -> sqlite3.Connection:
    return sqlite3.connect(path.resolve().as_uri() + how, uri=True, timeout=5.0)
