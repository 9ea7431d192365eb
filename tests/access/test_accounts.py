"""Accounts in the database."""

import pytest
from access_world import PASSWORDS, PHRASE, PHRASE_HASH, memory
from sqlalchemy import create_engine

from radlogic.adapters.access import accounts
from radlogic.adapters.access.errors import AccountExists, UnknownAccount
from radlogic.adapters.access.permissions import Role
from radlogic.adapters.access.tables import create_tables
from radlogic.adapters.store.errors import StoreUnavailable
from radlogic.engine.errors import BadValue


@pytest.fixture
def engine():
    made = memory()
    create_tables(made)
    yield made
    made.dispose()


def add(engine, name="ada", roles=(Role.READER,), **more):
    return accounts.add(engine, name, roles, password_hash=PHRASE_HASH, now=1, **more)


def from_directory(engine, subject="u-1", issuer="https://idp.test", roles=(Role.READER,), display="Ada"):
    return accounts.from_directory(engine, issuer, subject, label="h", display=display, roles=roles, now=1)


def test_an_account_is_listed_without_its_hash(engine):
    made = add(engine, roles=[Role.REVIEWER, Role.AUDITOR], display="Dr Ada")

    assert accounts.every(engine) == [made]
    assert (made.display, made.roles, made.disabled) == ("Dr Ada", {Role.REVIEWER, Role.AUDITOR}, False)
    assert "argon2" not in repr(made)


@pytest.mark.parametrize("name", ["", "a", "Ada", "ada@hospital", "a b", "-ada", "ada\n", "a" * 64, "ädä", "../ada"])
def test_a_name_of_another_form_is_refused(engine, name):
    with pytest.raises(BadValue):
        add(engine, name)

    assert accounts.every(engine) == []


def test_a_name_is_given_once(engine):
    add(engine)
    with pytest.raises(AccountExists):
        add(engine)


def test_an_account_without_a_role_is_refused(engine):
    add(engine)
    with pytest.raises(BadValue):
        add(engine, "bob", roles=())
    with pytest.raises(BadValue):
        accounts.set_roles(engine, "ada", [])


@pytest.mark.parametrize(
    "change",
    [
        lambda e: accounts.set_roles(e, "nobody", [Role.READER]),
        lambda e: accounts.set_password(e, "nobody", "x"),
        lambda e: accounts.disable(e, "nobody", 1),
        lambda e: accounts.enable(e, "nobody"),
        lambda e: accounts.link(e, "nobody", "https://ehr.test", "Practitioner/1"),
        lambda e: accounts.get(e, "nobody"),
    ],
)
def test_an_account_that_is_not_there_cannot_be_changed(engine, change):
    with pytest.raises(UnknownAccount):
        change(engine)


def test_only_an_active_account_with_the_right_password_is_found(engine):
    add(engine)
    right = accounts.by_password(engine, PASSWORDS, "ada", PHRASE)
    wrong = accounts.by_password(engine, PASSWORDS, "ada", "x")
    accounts.disable(engine, "ada", 2)

    assert (right.account.name, wrong.account) == ("ada", None)
    assert accounts.by_password(engine, PASSWORDS, "ada", PHRASE) == (None, True)
    assert accounts.by_password(engine, PASSWORDS, "eve", PHRASE) == (None, False)


def test_a_hash_of_weaker_parameters_is_renewed_at_the_next_login(engine):
    from radlogic.adapters.access.passwords import Passwords

    add(engine)
    stronger = Passwords(64, 1)
    accounts.by_password(engine, stronger, "ada", PHRASE)
    with engine.begin() as db:
        kept = db.exec_driver_sql("SELECT password_hash FROM account").scalar_one()

    assert "m=64," in kept
    assert accounts.by_password(engine, stronger, "ada", PHRASE).account


@pytest.mark.parametrize("name", ["' OR 1=1 --", "ada'--", "%", "_da", "ada\x00"])
def test_a_name_is_never_part_of_the_query(engine, name):
    add(engine)

    assert accounts.by_password(engine, PASSWORDS, name, PHRASE) == (None, False)


def test_an_identity_elsewhere_belongs_to_one_account(engine):
    add(engine)
    add(engine, "bob")
    accounts.link(engine, "ada", "https://ehr.test/fhir/", "Practitioner/1")
    with pytest.raises(AccountExists):
        accounts.link(engine, "bob", "https://ehr.test/fhir", "Practitioner/1")

    assert accounts.by_identity(engine, "https://ehr.test/fhir", "Practitioner/1").name == "ada"
    assert accounts.by_identity(engine, "https://other.test/fhir", "Practitioner/1") is None
    assert accounts.by_identity(engine, "https://ehr.test/fhir", "Practitioner/10") is None


def test_two_directories_with_one_subject_are_two_people(engine):
    first = from_directory(engine)
    with_other_label = accounts.from_directory(
        engine, "https://other.test", "u-1", label="o", display="", roles=[Role.ADMIN], now=1
    )

    assert (first.name, with_other_label.name) == ("u-1@h", "u-1@o")
    assert accounts.get(engine, "u-1@h").roles == {Role.READER}


def test_one_subject_is_one_account_however_often_it_logs_in(engine):
    names = {from_directory(engine, display=d).name for d in ("Ada", "Ada B", "\x00\n")}

    assert names == {"u-1@h"}
    assert accounts.get(engine, "u-1@h").display == "u-1@h"


def test_a_subject_of_odd_signs_gets_a_plain_name_of_its_own(engine):
    names = [from_directory(engine, subject).name for subject in ("a b", "a\tb", "x" * 255, "<b>", "a@b")]

    assert len(set(names)) == 5
    assert all(len(name) <= 80 and name.isascii() and "<" not in name and name.count("@") == 1 for name in names)


def test_a_role_of_a_later_version_gives_nothing():
    assert accounts.roles_of(["reader", "emperor"]) == {Role.READER}


def test_a_database_that_is_not_there_is_said_without_its_words(tmp_path):
    engine = create_engine(f"sqlite:///{tmp_path}/none/x.db")
    with pytest.raises(StoreUnavailable) as refusal:
        create_tables(engine)
    engine.dispose()

    assert str(tmp_path) not in str(refusal.value)


def test_tables_that_are_there_stay_as_they_are(engine):
    add(engine)
    create_tables(engine)

    assert accounts.get(engine, "ada").name == "ada"
