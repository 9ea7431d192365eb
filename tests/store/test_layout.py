"""The database's tables, the migrations that make them, and the anchor beside them."""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sample_decisions import no_findings, screening
from sqlalchemy import text

from radlogic.adapters.store.anchor import START, Anchor, Mark
from radlogic.adapters.store.cases import Store
from radlogic.adapters.store.database import ANCHOR_NAME
from radlogic.adapters.store.errors import AnchorAhead, StoreUnavailable
from radlogic.adapters.store.layout import HEAD, STEPS, VERSION_TABLE
from radlogic.adapters.store.tables import METADATA
from radlogic.adapters.store.verify import Finding, verify
from radlogic.engine.errors import BadValue

NOW = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)


def test_the_migrations_make_exactly_the_tables_that_the_program_uses(place):
    with Store.open(place) as store, store.journal.reading() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        assert compare_metadata(context, METADATA) == []


def test_the_version_that_is_known_without_looking_is_that_of_the_last_migration():
    config = Config()
    config.set_main_option("script_location", STEPS)
    config.set_main_option("path_separator", "os")

    assert ScriptDirectory.from_config(config).get_current_head() == HEAD


def test_a_store_that_is_up_to_date_is_opened_without_alembic(tmp_path):
    Store.open(tmp_path / "store").close()
    look = "import sys; from radlogic.adapters.store.cases import Store; Store.open(sys.argv[1]).close()"
    told = f"{look}; sys.exit('alembic' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", told, str(tmp_path / "store")], check=False).returncode == 0


def test_opening_again_changes_nothing_and_a_later_version_is_refused(place):
    Store.open(place).close()
    with Store.open(place) as store, store.journal.database.write() as connection:
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '999'"))  # noqa: S608

    with pytest.raises(StoreUnavailable, match="later version"):
        Store.open(place)


def test_a_database_of_another_program_is_refused_and_left_alone(postgres, tmp_path, monkeypatch):
    import postgres_server
    import psycopg

    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    url = postgres_server.database(postgres, "songs")
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE songs (title text)")

    with pytest.raises(StoreUnavailable, match="another program"):
        Store.open(url)
    with psycopg.connect(url) as connection:
        names = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
    assert names == [("songs",)]


@pytest.mark.parametrize("place", ["mysql://u:geheim@h/d", "http://h", "sqlite:///x", "://"])
def test_a_url_of_another_kind_is_refused_without_its_password(place):
    with pytest.raises(BadValue) as refused:
        Store.open(place)
    assert "geheim" not in str(refused.value)


def test_a_server_that_is_not_there_is_said_to_be_unavailable_without_the_password():
    pytest.importorskip("psycopg")
    with pytest.raises(StoreUnavailable) as refused:
        Store.open("postgresql://u:geheim@/d?host=/nonexistent")
    assert "geheim" not in str(refused.value)


def test_a_store_that_is_only_asked_about_is_not_made(tmp_path):
    with pytest.raises(StoreUnavailable, match="no such file"):
        Store.open(tmp_path / "typo", make=False)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def folder(tmp_path):
    with Store.open(tmp_path) as store:
        store.add(no_findings(), NOW, "radlogic")
        store.add(screening(), NOW, "radlogic")
    return tmp_path


def test_every_entry_has_its_line_in_the_anchor(folder):
    with Store.open(folder) as store, store.journal.reading() as connection:
        rows = connection.execute(text("SELECT sequence, hash FROM entry ORDER BY sequence")).all()

    assert list(Anchor(folder / ANCHOR_NAME).lines()) == [START, *(Mark(*row) for row in rows)]


def test_a_store_without_its_anchor_is_not_opened_and_the_finding_says_so(folder):
    (folder / ANCHOR_NAME).unlink()

    with pytest.raises(StoreUnavailable, match="anchor"):
        Store.open(folder)
    from radlogic.adapters.store.journal import open_journal

    report = verify(open_journal(folder, trust=True))
    assert report.findings == (Finding("anchor", ANCHOR_NAME, "is missing"),)
    assert not (folder / ANCHOR_NAME).exists()


def test_an_older_copy_of_the_store_is_not_written_to(folder):
    """Restoring a backup, or cutting the tail, must be noticed before new entries cover it up."""
    anchor = folder / ANCHOR_NAME
    anchor.write_text(anchor.read_text() + f"99 {'a' * 64}\n")

    with pytest.raises(AnchorAhead, match="entry 99"):
        Store.open(folder)


def test_a_line_that_a_dying_writer_left_unfinished_is_no_alarm(folder):
    anchor = folder / ANCHOR_NAME
    anchor.write_text(anchor.read_text() + "4 0123abc")
    with Store.open(folder) as store:
        store.audit("dr-a", "login", NOW)
        report = verify(store.journal)

    assert (report.sound, report.torn, report.ahead) == (True, 1, 0)


def test_an_anchor_begun_anew_takes_over_what_is_there_and_the_log_says_so_for_ever(folder):
    (folder / ANCHOR_NAME).write_text("")
    with Store.open(folder) as store:
        first = verify(store.journal)
        store.audit("dr-a", "login", NOW)
        second = verify(store.journal)

    assert (first.sound, first.ahead == first.entries, second.ahead) == (True, True, 0)
    assert second.unanchored == ((1, first.entries),)


def test_the_anchor_may_lie_elsewhere_and_is_its_owners_only(tmp_path):
    elsewhere = tmp_path / "write-once" / "head"
    with Store.open(tmp_path / "store", anchor=elsewhere) as store:
        store.audit("dr-a", "login", NOW)

    assert elsewhere.stat().st_mode & 0o777 == 0o600
    assert not (tmp_path / "store" / ANCHOR_NAME).exists()


def test_an_anchor_that_cannot_be_written_is_said_before_anything_is_kept(folder, monkeypatch):
    with Store.open(folder) as store:
        entries = verify(store.journal).entries
        monkeypatch.setattr(store.journal.anchor, "path", Path("/proc/nowhere/anchor"))
        with pytest.raises(StoreUnavailable, match="anchor"):
            store.audit("dr-a", "login", NOW)
    with Store.open(folder) as store:
        report = verify(store.journal)
        assert (report.ahead, report.entries) == (0, entries)
