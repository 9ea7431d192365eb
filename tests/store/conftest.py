"""Stores to test on: SQLite in a folder, and PostgreSQL where its package is installed."""

import postgres_server
import pytest


@pytest.fixture(scope="session")
def postgres():
    """A running server; the start of its URLs."""
    if why := postgres_server.lacking():
        pytest.skip(why)
    with postgres_server.running() as url:
        yield url


@pytest.fixture(scope="session")
def postgres_store(postgres):
    """The URL of a database that tests share, one after the other."""
    return postgres_server.database(postgres, "store")


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request, tmp_path, monkeypatch):
    """Where an empty store may be: a folder, or the URL of an empty database. Its anchor lies in ``tmp_path``."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    if request.param == "sqlite":
        return str(tmp_path / "store")
    url = request.getfixturevalue("postgres_store")
    postgres_server.emptied(url)
    return url
