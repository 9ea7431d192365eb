"""What the audit found overdue, on the card of its patient: whose it is, until when, and kept once."""

import json
from datetime import date
from itertools import count

import pytest
from cds_world import JANE, TODAY, ehr, of_jane, request
from sample_decisions import screening
from sqlalchemy import select

from radlogic.adapters.audit.to_cards import Whose, keep_worklist
from radlogic.adapters.cds_hooks import overdue_list
from radlogic.adapters.cds_hooks.overdue_list import LIST, OVERDUE, Overdue, keep, patient_name, server_system
from radlogic.engine.errors import BadValue, NotReadable

SERVICE = "radlogic-patient-view"
MRN = "urn:oid:2.16.840.1.113883.19.5"
BASE = "https://ehr.example/fhir"
READ = date(2024, 1, 10)
AS_OF = date(2025, 6, 1)
LATE_3 = Overdue(1, READ, "lung-rads@2022", "3", "follow-up-on-time", date(2024, 7, 10), AS_OF)
LATE_4B = Overdue(2, date(2024, 2, 1), "lung-rads@2022", "4B", "work-up-begun", date(2024, 5, 1), AS_OF)
LATE_US = Overdue(3, READ, "li-rads-us@2024", "US-1", "liver-surveillance-adherence", date(2024, 7, 10), AS_OF)
EMPTY = {"studies": None, "reports": None, "orders": None, "conditions": None, "observations": None}
NUMBERS = count()


def kept(world, *entries, system=MRN, as_of=AS_OF):
    """Keep (value, entry) as a list of its own content."""
    database = world.records.store.journal.database
    return keep(database, system, as_of, f"content {next(NUMBERS)}", entries)


def jane(*identifiers, **more):
    named = [{"system": system, "value": value} for system, value in identifiers]
    return {"resourceType": "Patient", "id": JANE, "identifier": named, **more}


def asked(patient=None, server=None, **prefetch):
    patient = patient or jane((MRN, "0815"))
    more = {"fhirServer": server} if server else {}
    return request(prefetch={"patient": patient, **EMPTY, **prefetch}, **more)


def study(code, day, system="http://loinc.org"):
    return {
        "resourceType": "ImagingStudy",
        "status": "available",
        "subject": {"reference": f"Patient/{JANE}"},
        "started": day,
        "procedureCode": [{"coding": [{"system": system, "code": code}]}],
    }


LDCT = ("16334891000119106", "2024-07-20", "http://snomed.info/sct")


@pytest.fixture
def world(tmp_path):
    return ehr(folder=tmp_path)


def overdue_cards(world, body):
    return [card for card in world.cards(SERVICE, body) if card["summary"].startswith("By audit")]


def test_a_patient_on_the_list_gets_a_card_with_guideline_due_date_and_citation(world):
    kept(world, ("0815", LATE_3))

    (card,) = overdue_cards(world, asked())

    assert card["summary"] == "By audit, lung-rads@2022: category 3, overdue since 2024-07-10."
    assert card["indicator"] == "warning"
    for said in (
        "2024-01-10",
        "as of 2025-06-01",
        "6-month LDCT",
        "ACR Lung-RADS v2022",
        "nobody has signed it",
        "not a medical device",
    ):
        assert said in card["detail"]


WHOSE = [
    (MRN, "0815", [(MRN, "0815")], None, True),
    (MRN, "0815", [("urn:other", "0815")], None, False),
    (MRN, "0815", [(MRN, "0816")], None, False),
    (MRN, JANE, [], None, False),  # Patient.id is no identifier
    (server_system(BASE), JANE, [], f"{BASE}/", True),
    (server_system(BASE), JANE, [], "https://other.example/fhir", False),
    (server_system(BASE), JANE, [], None, False),  # of which server it is, nobody said
    (server_system(BASE), JANE, [(MRN, JANE)], "https://other.example/fhir", False),
]


@pytest.mark.parametrize(("system", "value", "identifiers", "server", "found"), WHOSE)
def test_a_patient_is_known_by_system_and_value_and_never_by_a_value_alone(
    world, system, value, identifiers, server, found
):
    kept(world, (value, LATE_3), system=system)

    assert bool(overdue_cards(world, asked(jane(*identifiers), server))) is found


def test_a_service_of_one_listed_server_knows_its_patients_where_the_call_names_none(tmp_path):
    from dataclasses import replace

    from cds_world import Ehr, app_of

    world = ehr(folder=tmp_path)
    kept(world, (JANE, LATE_3), system=server_system(BASE))
    records = replace(world.records, bases=frozenset([BASE]))

    assert overdue_cards(Ehr(app_of(records), records), asked(jane()))


MADE = [
    ("the exam that carries it out", {"studies": study(*LDCT)}, False),
    ("another exam", {"studies": study("24627-2", "2024-07-20")}, True),
    ("too early", {"studies": study(LDCT[0], "2024-02-01", LDCT[2])}, True),
    ("before the exam", {"studies": study(LDCT[0], "2023-07-20", LDCT[2])}, True),
]


@pytest.mark.parametrize(("prefetch", "shown"), [case[1:] for case in MADE], ids=[case[0] for case in MADE])
def test_the_card_is_gone_once_the_follow_up_is_made(world, prefetch, shown):
    kept(world, ("0815", LATE_3))

    assert bool(overdue_cards(world, asked(**prefetch))) is shown


def test_a_later_exam_that_does_not_count_is_named(world):
    kept(world, ("0815", LATE_3))

    (card,) = overdue_cards(world, asked(studies=study("24627-2", "2024-07-20")))

    assert "CT of the chest of 2024-07-20: not the recommended exam" in card["detail"]


def test_what_was_not_sent_is_not_taken_for_absent(world):
    kept(world, ("0815", LATE_3))
    body = asked()
    del body["prefetch"]["studies"]

    (card,) = overdue_cards(world, body)

    assert "whether a later exam exists was not looked at" in card["detail"]


def test_an_order_that_stands_is_named_and_one_of_before_the_exam_is_not(world):
    kept(world, ("0815", LATE_3))
    order = {
        "resourceType": "ServiceRequest",
        "id": "o1",
        "status": "active",
        "intent": "order",
        "subject": {"reference": f"Patient/{JANE}"},
        "code": {"coding": [{"system": LDCT[2], "code": LDCT[0]}]},
        "occurrenceDateTime": "2025-07-01",
    }

    (stands,) = overdue_cards(world, asked(orders=order))
    (written_before,) = overdue_cards(world, asked(orders={**order, "authoredOn": "2023-12-01"}))

    assert stands["summary"].endswith("; an order stands.")
    assert "ServiceRequest/o1" in stands["detail"]
    assert "an order stands" not in written_before["summary"]


def test_nothing_is_said_of_who_died_or_has_the_cancer(world):
    kept(world, ("0815", LATE_3))
    cancer = {
        "resourceType": "Condition",
        "subject": {"reference": f"Patient/{JANE}"},
        "code": {"coding": [{"system": "http://snomed.info/sct", "code": "254637007"}]},
        "clinicalStatus": {"coding": [{"code": "active"}]},
        "verificationStatus": {"coding": [{"code": "confirmed"}]},
        "recordedDate": "2024-03-01",
    }

    assert overdue_cards(world, asked(jane((MRN, "0815"), deceasedBoolean=True))) == []
    assert overdue_cards(world, asked(conditions=cancer)) == []


def test_a_decision_that_is_not_older_speaks_in_its_place(tmp_path):
    world = ehr(of_jane(screening()), folder=tmp_path)  # an exam of the chest of 2025-03-14
    kept(world, ("0815", LATE_3), ("0815", LATE_US))

    cards = overdue_cards(world, asked())

    assert [card["source"]["label"] for card in cards] == ["radlogic, li-rads-us@2024"]


def test_of_a_region_the_first_of_the_worklist_is_shown_and_screening_is_not_advertised(world):
    first = Overdue(
        1, *[getattr(LATE_4B, n) for n in ("exam_date", "guideline", "category", "measure", "due", "as_of")]
    )
    second = Overdue(
        2, *[getattr(LATE_3, n) for n in ("exam_date", "guideline", "category", "measure", "due", "as_of")]
    )
    kept(world, ("0815", first), ("0815", second), ("0815", LATE_US))

    summaries = [card["summary"] for card in world.cards(SERVICE, asked(jane((MRN, "0815"), birthDate="1962-01-01")))]

    assert len(summaries) == 2
    assert "category 4B" in summaries[0]
    assert "US-1" in summaries[1]


def test_where_eligibility_cannot_be_told_the_overdue_follow_up_still_is(world):
    kept(world, ("0815", LATE_US))

    assert overdue_cards(world, request(prefetch={"patient": jane((MRN, "0815"))}))


def test_without_a_list_and_without_a_store_nothing_is_said(tmp_path):
    assert overdue_cards(ehr(folder=tmp_path), asked()) == []
    assert overdue_cards(ehr(), asked()) == []


def test_a_new_list_takes_the_place_of_the_one_before_it_of_its_system_alone(world):
    kept(world, ("0815", LATE_3))
    kept(world, ("0815", LATE_US), system="urn:other")
    kept(world, ("0816", LATE_3), as_of=TODAY)

    assert overdue_cards(world, asked()) == []
    assert overdue_cards(world, asked(jane((MRN, "0816"))))
    assert overdue_cards(world, asked(jane(("urn:other", "0815"))))
    with world.records.store.journal.reading() as connection:
        assert len(connection.execute(select(LIST)).all()) == 2
        assert len(connection.execute(select(OVERDUE)).all()) == 2


def test_an_older_list_is_refused(world):
    kept(world, ("0815", LATE_3))

    with pytest.raises(BadValue, match="2025-06-01 or later"):
        kept(world, as_of=date(2025, 5, 31))
    assert overdue_cards(world, asked())


def test_a_list_that_is_cut_short_leaves_the_one_before_it_and_the_next_sweeps_it_away(world, monkeypatch):
    monkeypatch.setattr(overdue_list, "AT_ONCE", 2)
    kept(world, ("0815", LATE_3))

    def breaking():
        for n in range(5):
            yield "0816", Overdue(n + 1, READ, "lung-rads@2022", "3", "m", READ, TODAY)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        keep(world.records.store.journal.database, MRN, TODAY, "other", breaking())

    assert overdue_cards(world, asked())
    assert overdue_cards(world, asked(jane((MRN, "0816")))) == []
    kept(world, *(("0815", Overdue(n, READ, "lung-rads@2022", "3", "m", READ, TODAY)) for n in range(1, 6)))
    with world.records.store.journal.reading() as connection:
        assert len(connection.execute(select(LIST)).all()) == 1
        assert len(connection.execute(select(OVERDUE)).all()) == 5


def test_the_store_holds_no_identifier(world, tmp_path):
    kept(world, ("a-very-special-number", LATE_3))

    held = b"".join(f.read_bytes() for f in tmp_path.rglob("*") if f.is_file())
    assert b"a-very-special-number" not in held
    assert patient_name(MRN, "a-very-special-number").encode() in held
    assert patient_name("a", "b|c") != patient_name("a|b", "c")


def audited(folder, rows, as_of="2025-06-01"):
    """An audit's folder with this worklist."""
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    pytest.importorskip("duckdb", reason="needs the extra `audit`")
    folder.mkdir()
    pq.write_table(pa.Table.from_pylist(rows), folder / "worklist.parquet")
    (folder / "manifest.json").write_text(json.dumps({"plan": {"as_of": as_of}}), encoding="utf-8")
    return folder


ROW = {
    "patient_id": "0815",
    "exam_date": READ,
    "edition": "lung-rads@2022",
    "category": "3",
    "measure": "follow-up-on-time",
    "due_date": date(2024, 7, 10),
}


def test_the_audits_worklist_comes_to_the_cards_and_once(tmp_path):
    (tmp_path / "store").mkdir()
    world, out = ehr(folder=tmp_path / "store"), audited(tmp_path / "out", [ROW])

    said = [keep_worklist(out, str(tmp_path / "store"), Whose(system=MRN)) for _ in range(2)]

    assert said == ["1 overdue exams are in the store", "the worklist is in the store already"]
    assert overdue_cards(world, asked())


@pytest.mark.parametrize("whose", [Whose(), Whose(BASE, MRN), Whose("no address"), Whose(system="MRN")])
def test_whose_ids_they_are_must_be_said(tmp_path, whose):
    with pytest.raises(BadValue):
        keep_worklist(tmp_path, str(tmp_path), whose)


def test_a_folder_of_no_audit_is_refused(tmp_path):
    with pytest.raises(NotReadable, match="manifest"):
        keep_worklist(tmp_path, str(tmp_path), Whose(system=MRN))
