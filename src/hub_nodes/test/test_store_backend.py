"""The embedded database keeps the contract of every database behind the store."""
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from hub_nodes.store import sqlite
from hub_nodes.store.sqlite import SqliteBackend

_spec = importlib.util.spec_from_file_location('store_contract', Path(__file__).with_name('store_contract.py'))
store_contract = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(store_contract)


def test_history_is_read_without_ros():
    program = 'import sys, hub_nodes.store.place; sys.exit("rclpy" in sys.modules)'
    assert subprocess.run([sys.executable, '-c', program], timeout=60).returncode == 0


class TestSqlite(store_contract.Contract):
    def make(self, folder, retention=None):
        return SqliteBackend(folder / 'hearthgrid.db', retention)


class TestSqliteInSmallSlices(TestSqlite):
    """Maintenance that never finishes in one slice must be right after each."""

    @pytest.fixture(autouse=True)
    def small(self, monkeypatch):
        for name, value in {'ROLL_ROWS': 10, 'RECOMPUTE_MINUTES': 1, 'PRUNE_ROWS': 1, 'PRUNE_MINUTES': 1,
                            'PRUNE_RECORDS': 1}.items():
            monkeypatch.setattr(sqlite, name, value)
