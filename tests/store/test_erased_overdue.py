"""Who is erased stands on no list of overdue exams, in either database; and which rights that takes in PostgreSQL."""

import json
import re
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import command
import pytest
from sqlalchemy import func, select
from store_cases import decided, exam

from radlogic.adapters.cds_hooks.overdue_list import (
    LIST,
    OVERDUE,
    Overdue,
    keep,
    of_patient,
    patient_name,
    server_system,
)
from radlogic.adapters.fhir.pseudonym import patient_key
from radlogic.adapters.store.cases import Store
from radlogic.adapters.store.errors import StoreUnavailable

NOW = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
AS_OF = date(2026, 2, 1)
SERVER, MRN = server_system("https://ehr.example/fhir"), "urn:oid:2.16.840.1.113883.19.5"
LATE = Overdue(1, date(2024, 1, 10), "lung-rads@2022", "3", "follow-up-on-time", date(2024, 7, 10), AS_OF)
GRANTS = re.compile(r"```sql\n(.*?)```", re.DOTALL)
DOC = Path(__file__).resolve().parents[2] / "docs" / "store.md"


def put(store, system, *values, as_of=AS_OF):
    entries = ((value, replace(LATE, line=n)) for n, value in enumerate(values, 1))
    keep(store.journal.database, system, as_of, f"{system} {as_of} {values}", entries)


def known(store, *names):
    with store.journal.reading() as connection:
        return of_patient(connection, names)


def rows(store):
    with store.journal.reading() as connection:
        return connection.execute(select(func.count()).select_from(OVERDUE)).scalar()


def with_decision(store, patient_id):
    case = exam()
    return store.add(
        decided(replace(case, patient=replace(case.patient, key=patient_key(patient_id)))), NOW, "radlogic"
    )


def erase(place, key, *more):
    return command.run("record", "erase", key, "--store", place, "--why", "asked for", "--json", *more)


def test_who_is_erased_by_pseudonym_is_on_no_list_of_a_fhir_server_and_the_others_stay(place):
    with Store.open(place) as store:
        with_decision(store, "p-7")
        put(store, SERVER, "p-7", "p-8", "p-7")
        put(store, server_system("https://other.example"), "p-7")
        assert known(store, patient_name(SERVER, "p-7"))

        store.erase_patient(store.patient_token(patient_key("p-7")), NOW, "dr-a", "asked for")

        assert known(store, patient_name(SERVER, "p-7")) == ()
        assert len(known(store, patient_name(SERVER, "p-8"))) == 1
        assert rows(store) == 1


def test_entries_of_lists_that_are_not_shown_are_erased_too(place):
    with Store.open(place) as store:
        with_decision(store, "p-7")
        put(store, SERVER, "p-7")
        with store.journal.database.write() as connection:
            connection.execute(LIST.update().values(current=0))

        store.erase_patient(store.patient_token(patient_key("p-7")), NOW, "dr-a", "asked for")

        assert rows(store) == 0


def test_identifiers_of_a_file_reach_the_lists_that_were_kept_by_them(place, tmp_path):
    with Store.open(place) as store:
        with_decision(store, "p-7")
        put(store, SERVER, "p-7")
        put(store, MRN, "0815", "0816")
    file = tmp_path / "identifiers.txt"
    file.write_text(f"{MRN}|0815\n", encoding="utf-8")

    told = json.loads(erase(place, patient_key("p-7"), "--identifiers", file).out)

    assert told["overdue"] == 2
    with Store.open(place) as store:
        assert known(store, patient_name(MRN, "0815")) == ()
        assert known(store, patient_name(MRN, "0816"))


def test_who_is_on_a_list_alone_can_be_erased(place):
    with Store.open(place) as store:
        put(store, SERVER, "p-9")

    told = json.loads(erase(place, patient_key("p-9")).out)

    assert (told["overdue"], told["token"]) == (1, None)
    assert '"action": "unlisted"' in command.run("record", "export", "--store", place).out.replace('":"', '": "')
    assert erase(place, patient_key("p-9")).code == 2  # nobody any more


def test_a_file_of_identifiers_that_names_none_is_refused_and_nothing_is_erased(place, tmp_path):
    with Store.open(place) as store:
        put(store, SERVER, "p-9")
    file = tmp_path / "identifiers.txt"
    file.write_text("0815\n", encoding="utf-8")

    refused = erase(place, patient_key("p-9"), "--identifiers", file)

    assert refused.code == 2
    assert "0815" not in refused.err
    with Store.open(place) as store:
        assert rows(store) == 1


def test_a_list_of_a_server_is_found_by_the_pseudonym_and_by_no_value_alone():
    assert patient_name(SERVER, "p-7") != patient_name(server_system("https://other.example"), "p-7")
    assert patient_name(MRN, "p-7") != patient_name(SERVER, "p-7")


@pytest.fixture
def granted(postgres_store, tmp_path, monkeypatch):
    """A store of the owner with a list, and the URL of a service that has the rights of docs/store.md."""
    import postgres_server
    import psycopg

    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    postgres_server.emptied(postgres_store)
    with Store.open(postgres_store) as store:
        with_decision(store, "p-7")
        put(store, SERVER, "p-7")
    with psycopg.connect(postgres_store, autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS radlogic_service")
        connection.execute("CREATE ROLE radlogic_service LOGIN")
        connection.execute("GRANT USAGE ON SCHEMA public TO radlogic_service")
    yield postgres_store, postgres_store.replace("radlogic@", "radlogic_service@")
    with psycopg.connect(postgres_store, autocommit=True) as connection:
        connection.execute("DROP OWNED BY radlogic_service")
        connection.execute("DROP ROLE radlogic_service")


def statements():
    """The rights that docs/store.md says, one a statement."""
    (block,) = GRANTS.findall(DOC.read_text(encoding="utf-8"))
    return [each.strip() for each in block.split(";") if each.strip()]


def test_with_the_rights_of_the_document_the_service_reads_the_list_and_erases_from_it(granted):
    import psycopg

    owner, service = granted
    with psycopg.connect(owner, autocommit=True) as connection:
        for statement in statements():
            connection.execute(statement)

    with Store.open(service, make=False) as store:
        assert known(store, patient_name(SERVER, "p-7"))
        assert with_decision(store, "p-8")
        store.erase_patient(store.patient_token(patient_key("p-7")), NOW, "dr-a", "asked for")
        assert known(store, patient_name(SERVER, "p-7")) == ()


def test_without_the_right_to_read_the_list_the_service_says_that_it_cannot(granted):
    import psycopg

    owner, service = granted
    with psycopg.connect(owner, autocommit=True) as connection:
        for statement in statements():
            if "cds_overdue" not in statement:
                connection.execute(statement)

    with Store.open(service, make=False) as store, pytest.raises(StoreUnavailable, match="cds_overdue"):
        known(store, patient_name(SERVER, "p-7"))
