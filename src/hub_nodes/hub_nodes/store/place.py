"""Where a home's history lies: in a file of the state folder, or in a database whose address that folder keeps."""
from __future__ import annotations

import os
from pathlib import Path

from hub_nodes.state_file import StateFile
from hub_nodes.store.address import LINE, POSTGRES, check_database
from hub_nodes.store.backend import Backend, History, Retention, Unavailable
from hub_nodes.store.history import FILE, SqliteHistory
from hub_nodes.store.sqlite import SqliteBackend

POINTER = 'store_database'  # the file in the state folder that names a database elsewhere


def needs_folder(database: str) -> bool:
    """Whether the home's own file belongs to a database at this address."""
    return not database.startswith(POSTGRES)


def make_backend(database: str, folder: str | os.PathLike, retention: Retention | None = None) -> Backend:
    """Return the backend at an address, or the embedded one in a folder; ValueError for an address of another kind."""
    check_database(database)
    if not database:
        return SqliteBackend(Path(folder) / FILE, retention)
    if database.startswith(LINE):
        from hub_nodes.store.line import LineBackend
        return LineBackend(database, folder, retention)
    from hub_nodes.store.postgres import PostgresBackend  # late: an embedded home needs no driver
    return PostgresBackend(database, retention)


def remember(folder: str | os.PathLike, database: str) -> None:
    """Keep the address for other programs, readable by its owner alone. OSError."""
    pointer = StateFile(str(folder), POINTER)
    try:
        known = pointer.load().get('database', '')
    except ValueError:
        known = None
    if known != database:
        pointer.save({'database': database})


def open_history(place: str | os.PathLike) -> History:
    """Return the history at an address, in a state folder or a database file. Unavailable when there is none."""
    if str(place).startswith(POSTGRES):
        from hub_nodes.store.postgres_history import PostgresHistory
        return PostgresHistory(str(place))
    if str(place).startswith(LINE):
        raise Unavailable('what a line-protocol server holds is read through the state folder of its home')
    path, server = Path(place), ''
    if path.is_dir():
        server = database(path)
        if server.startswith(POSTGRES):
            return open_history(server)
        path = path / FILE
    if not path.is_file():
        raise Unavailable(f'{path}: no such database; the store has not written here yet')
    if server:
        from hub_nodes.store.line_history import LineHistory
        from hub_nodes.store.line_server import make_server
        return LineHistory(path, make_server(server))
    return SqliteHistory(path)


def database(folder: str | os.PathLike) -> str:
    """Return the address that a state folder keeps, '' = the embedded database. Unavailable when it is damaged."""
    try:
        return StateFile(str(folder), POINTER).load().get('database', '')
    except ValueError as error:
        raise Unavailable(str(error)) from None
