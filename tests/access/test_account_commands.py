"""``radlogic account``, on a real store."""

import json
from contextlib import contextmanager

import pytest
from access_world import CHEAP, PASSWORDS, PHRASE
from typer.testing import CliRunner

from radlogic.adapters.access import accounts
from radlogic.adapters.access.commands import account
from radlogic.adapters.access.errors import AccountExists, UnknownAccount, WeakPassword
from radlogic.adapters.access.recorded import audit_in
from radlogic.adapters.access.settings import AccessSettings
from radlogic.adapters.access.visit import Action
from radlogic.adapters.store.cases import Kind, Store
from radlogic.adapters.store.vocabulary import AUDIT_ACTIONS


@pytest.fixture
def run(tmp_path, monkeypatch):
    """What a command did; its refusal is raised, as the entry point expects. Hashing is cheap."""
    cheap = AccessSettings().model_copy(update=CHEAP)
    monkeypatch.setattr("radlogic.adapters.access.settings.AccessSettings", lambda: cheap)

    def run(*arguments, stdin=""):
        result = CliRunner().invoke(account, [*arguments, "--store", str(tmp_path)], input=stdin)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


@contextmanager
def store_in(folder):
    with Store.open(folder) as store:
        yield store, store.journal.database.engine


def recorded(store):
    with store.journal.reading() as connection:
        rows = connection.exec_driver_sql("SELECT actor, body FROM entry WHERE kind = 'audit' ORDER BY sequence").all()
    return [(actor, json.loads(body)) for actor, body in rows]


def test_an_account_is_made_with_the_password_of_standard_input_and_recorded(run, tmp_path):
    assert (
        run("add", "ada", "--role", "reader", "--role", "auditor", "--password-stdin", stdin=PHRASE + "\n").exit_code
        == 0
    )

    with store_in(tmp_path) as (store, engine):
        assert accounts.by_password(engine, PASSWORDS, "ada", PHRASE).account.name == "ada"
        ((actor, body),) = recorded(store)
    assert actor.startswith("command line: ")
    assert body == {"action": "account_created", "details": {"account": "ada", "roles": "auditor,reader"}}


def test_the_password_is_asked_for_twice_and_not_shown(run, tmp_path):
    result = run("add", "ada", "--role", "reader", stdin=f"{PHRASE}\n{PHRASE}\n")

    assert result.exit_code == 0
    assert PHRASE not in result.output
    assert "Password:" in result.output and "Repeat" in result.output


def test_no_command_takes_a_password_as_an_argument():
    import typer

    options = [o for c in typer.main.get_command(account).commands.values() for p in c.params for o in p.opts]

    assert {o for o in options if "password" in o} == {"--password-stdin", "--no-password"}


def test_a_weak_password_makes_no_account(run, tmp_path):
    with pytest.raises(WeakPassword):
        run("add", "ada", "--role", "reader", "--password-stdin", stdin="hunter2\n")

    assert run("list", "--json").output == ""


def test_an_account_goes_through_its_life_and_each_step_is_recorded(run, tmp_path):
    run("add", "ada", "--role", "reader", "--no-password", "--display", "Dr Ada")
    run("role", "ada", "--role", "reviewer")
    run("password", "ada", "--password-stdin", stdin=PHRASE)
    run("link", "ada", "https://ehr.test/fhir", "Practitioner/7")
    run("disable", "ada")
    listed = json.loads(run("list", "--json").output)
    run("enable", "ada")

    assert listed == {"name": "ada", "display": "Dr Ada", "roles": ["reviewer"], "state": "disabled"}
    assert run("list").output == "ada  reviewer  active  Dr Ada\n"
    with store_in(tmp_path) as (store, engine):
        assert accounts.by_identity(engine, "https://ehr.test/fhir", "Practitioner/7").name == "ada"
        actions = [body["action"] for _, body in recorded(store)]
    assert actions == ["account_created", *["account_changed"] * 3, "account_disabled", "account_changed"]


def test_what_is_refused_is_not_recorded(run, tmp_path):
    run("add", "ada", "--role", "reader", "--no-password")
    with pytest.raises(AccountExists):
        run("add", "ada", "--role", "admin", "--no-password")
    with pytest.raises(UnknownAccount):
        run("disable", "bob")
    assert run("add", "eve", "--role", "emperor", "--no-password").exit_code == 2

    with store_in(tmp_path) as (store, _):
        assert len(recorded(store)) == 1


def test_the_store_knows_every_action_of_this_room(tmp_path):
    assert {action.value for action in Action} <= set(AUDIT_ACTIONS)
    with store_in(tmp_path) as (store, _):
        for action in Action:
            audit_in(store)("-", action.value, {"address": "192.0.2.7"})
        assert len(recorded(store)) == len(Action)
        assert Kind.AUDIT
