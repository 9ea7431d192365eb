"""The guard on the real store, SQLite and PostgreSQL: what is recorded can be verified, and races have one winner."""

import itertools
import json
from concurrent.futures import ThreadPoolExecutor

import postgres_server
import pytest
from access_world import Browser, Clock, Recorder, World, build
from sqlalchemy import text

from radlogic.adapters.access import accounts, pending, sessions
from radlogic.adapters.access.errors import LoginRefused
from radlogic.adapters.access.pending import Pending
from radlogic.adapters.access.permissions import Launch, Role
from radlogic.adapters.access.recorded import audit_in
from radlogic.adapters.access.tables import create_tables
from radlogic.adapters.store.cases import Store

NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def postgres():
    if why := postgres_server.lacking():
        pytest.skip(why)
    with postgres_server.running() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    place = str(tmp_path / "store")
    if request.param == "postgresql":
        place = postgres_server.database(request.getfixturevalue("postgres"), f"access{next(NUMBERS)}")
    with Store.open(place) as opened:
        yield opened
    if request.param == "postgresql":
        postgres_server.emptied(place)


@pytest.fixture
def engine(store):
    made = store.journal.database.engine
    create_tables(made)
    return made


@pytest.fixture
def here(store, engine, runner) -> World:
    return build(runner, engine, audit_in(store), Recorder())


def recorded(store: Store) -> list[tuple[str, str]]:
    with store.journal.reading() as connection:
        rows = connection.execute(text("SELECT actor, body FROM entry ORDER BY sequence")).all()
    return [(actor, json.loads(body)["action"]) for actor, body in rows]


def test_a_day_at_the_page_is_in_the_record(here, store):
    here.account("ada", Role.REVIEWER)
    browser: Browser = here.browser()
    browser.log_in("ada", "wrong")
    browser.log_in("ada")
    first = browser.get("/cases/1").status_code
    browser.get("/accounts")
    browser.post("/logout", {"csrf_token": browser.token_in("/")})

    assert (first, browser.get("/cases/1").status_code) == (200, 303)
    assert recorded(store) == [("-", "login_failed"), ("ada", "login"), ("ada", "denied"), ("ada", "logout")]


def test_a_name_that_no_database_takes_is_a_wrong_name(here):
    assert here.browser().log_in("ada\x00").status_code == 403


def test_what_the_ehr_said_comes_back_from_the_database(here, engine):
    here.account("ada")
    launch = Launch("https://ehr.test/fhir", "pat-1", None)
    now = int(Clock().now)
    token = sessions.begin(engine, "s1", accounts.get(engine, "ada").id, here.settings, now, launch)
    actor = sessions.find(engine, token, here.settings, now)

    assert (actor.name, actor.launch, actor.session_id) == ("ada", launch, "s1")
    assert sessions.find(engine, token, here.settings, now + here.settings.idle_s) is None


def test_of_ten_answers_with_one_state_one_wins(engine):
    begun = Pending("oidc", "https://idp.test", "/")
    pending.keep(engine, begun, "browser", 1)

    def take(_):
        try:
            return pending.take(engine, "oidc", begun.state, "browser", 1)
        except LoginRefused:
            return None

    with ThreadPoolExecutor(10) as pool:
        taken = [t for t in pool.map(take, range(10)) if t]

    assert taken == [begun]


def test_of_ten_first_logins_at_once_one_account_comes(engine):
    def log_in(_):
        return accounts.from_directory(
            engine, "https://idp.test", "u-1", label="h", display="Ada", roles=[Role.READER], now=1
        )

    with ThreadPoolExecutor(10) as pool:
        found = list(pool.map(log_in, range(10)))

    assert {a.name for a in found} == {"u-1@h"}
    assert len(accounts.every(engine)) == 1


def test_ten_logins_at_once_leave_ten_sessions_that_work(here, engine):
    here.account("ada")
    settings, now = here.settings.model_copy(update={"max_sessions": 10}), int(Clock().now)
    account_id = accounts.get(engine, "ada").id
    with ThreadPoolExecutor(10) as pool:
        tokens = list(
            pool.map(lambda _: sessions.begin(engine, sessions.new_id(), account_id, settings, now), range(10))
        )

    assert len({sessions.find(engine, token, settings, now).session_id for token in tokens}) == 10


def test_making_the_tables_at_once_is_no_fault(store):
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: create_tables(store.journal.database.engine), range(4)))

    assert accounts.every(store.journal.database.engine) == []
