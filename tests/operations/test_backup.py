"""The order of a backup, as docs/operations.md has it: the anchor first, then the database."""

import contextlib
import shutil
import sqlite3
from datetime import UTC, datetime

import pytest

from radlogic.adapters.store.cases import Store
from radlogic.adapters.store.database import ANCHOR_NAME, FILE_NAME
from radlogic.adapters.store.errors import AnchorAhead
from radlogic.adapters.store.verify import verify


def write(folder, times=3):
    with Store.open(folder) as store:
        for _ in range(times):
            store.audit("somebody", "login", datetime.now(UTC))


def copy_database(folder, backup):
    """As `.backup` of the sqlite3 program: while others write."""
    with (
        contextlib.closing(sqlite3.connect(folder / FILE_NAME)) as here,
        contextlib.closing(sqlite3.connect(backup / FILE_NAME)) as there,
    ):
        here.backup(there)


def copy_anchor(folder, backup):
    shutil.copy2(folder / ANCHOR_NAME, backup / ANCHOR_NAME)


@pytest.fixture
def folders(tmp_path):
    backup = tmp_path / "backup"
    backup.mkdir()
    write(tmp_path / "store")
    return tmp_path / "store", backup


def test_anchor_first_then_database_is_a_backup_that_can_be_written_to(folders):
    store, backup = folders
    copy_anchor(store, backup)
    write(store)
    copy_database(store, backup)
    write(backup)

    with Store.open(backup, make=False) as restored:
        assert not verify(restored.journal).findings


def test_database_first_is_one_whose_entries_are_gone(folders):
    store, backup = folders
    copy_database(store, backup)
    write(store)
    copy_anchor(store, backup)

    with pytest.raises(AnchorAhead):
        Store.open(backup)
