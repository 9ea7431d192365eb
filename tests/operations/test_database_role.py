"""The script that makes the service's role, run on a real PostgreSQL: what the role may, and that the store works."""

import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import postgres_server
import pytest

from radlogic.adapters.store.cases import Store
from radlogic.adapters.store.verify import verify

SCRIPT = Path(__file__).resolve().parents[2] / "deploy" / "postgres" / "roles.sh"
PROGRAMS = postgres_server.binaries()

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(postgres_server.lacking()), reason=postgres_server.lacking() or "-"),
    pytest.mark.skipif(not (PROGRAMS and (PROGRAMS / "psql").is_file()), reason="no psql"),
]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """URL of the database that the script made, and a connection's URL as its administrator."""
    password = tmp_path_factory.mktemp("secrets") / "database_password"
    password.write_text("it's-a-\\test", encoding="utf-8")
    with postgres_server.running() as url:
        folder = url.partition("?host=")[2]
        environment = {**os.environ, "PATH": f"{PROGRAMS}:{os.environ['PATH']}", "PGHOST": folder}
        environment |= {"POSTGRES_USER": "boss", "DATABASE_PASSWORD_FILE": str(password)}
        boss = ["psql", "-U", "radlogic", "-d", "postgres", "-c", "CREATE ROLE boss SUPERUSER LOGIN"]
        subprocess.run(boss, check=True, env=environment, stdout=subprocess.DEVNULL)
        away = ["psql", "-U", "boss", "-d", "postgres", "-c", "ALTER ROLE radlogic RENAME TO first_one"]
        subprocess.run(away, check=True, env=environment, stdout=subprocess.DEVNULL)
        subprocess.run([SCRIPT], check=True, env=environment, stdout=subprocess.DEVNULL)
        yield url.format(database="radlogic"), url.replace("radlogic@", "boss@").format(database="radlogic")


def test_the_role_is_no_superuser_and_has_a_password_that_is_not_kept_in_the_clear(made):
    import psycopg

    with psycopg.connect(made[1]) as connection:
        told = connection.execute(
            "SELECT rolsuper, rolcreatedb, rolcreaterole, rolcanlogin, rolpassword LIKE 'SCRAM-SHA-256$%'"
            " FROM pg_authid WHERE rolname = 'radlogic'"
        ).fetchone()
        connection.execute("CREATE ROLE stranger LOGIN")
        others = connection.execute("SELECT has_database_privilege('stranger', 'radlogic', 'CONNECT')").fetchone()

    assert told == (False, False, False, True, True)
    assert others == (False,)


def test_the_store_is_made_and_written_by_that_role(made, tmp_path):
    anchor = tmp_path / "anchor"
    with Store.open(made[0], anchor) as store:
        store.audit("somebody", "login", datetime.now(UTC))
    with Store.open(made[0], anchor, make=False) as store:
        assert not verify(store.journal).findings
