"""Patients' identifiers lie apart from decisions, and can be erased without breaking the chain."""

import copy
import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sample_decisions import screening
from sqlalchemy import text

from radlogic.adapters.store.cases import Kind, Store
from radlogic.adapters.store.database import FILE_NAME
from radlogic.adapters.store.export import export
from radlogic.adapters.store.sealing import put_back, sealed, take_out
from radlogic.adapters.store.verify import verify
from radlogic.engine.errors import BadValue
from radlogic.engine.types import Exam, Indication, Known, Patient, Source, SourceKind

NOW = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
KEY, UID = "0badc0de0badc0de", "1.2.826.0.1.3680043.8.498.4711"
WORDS = "told Frau Mustermann on the phone"
IDENTIFYING = (KEY, UID, "Observation/smoking-1", "Patient/4711", WORDS)


def of_somebody(name="d1"):
    """A decision in which identifiers stand in every place where the sources put them."""
    a = screening()
    facts = {
        "smoking_status": Known("former", Source(SourceKind.RECORD, "Observation/smoking-1", date(2024, 1, 1))),
        "sex": Known("F", Source(SourceKind.RECORD, "Patient/4711")),
    }
    patient = Patient(KEY, facts, notes=(f"Observation/smoking-1 of {KEY} was taken",))
    exam = Exam(date(2026, 2, 1), Indication.SCREENING, {}, UID, (f"series {UID}.1 was chosen",))
    case = replace(a.record.case, patient=patient, exam=exam)
    return replace(a, record=replace(a.record, decision_id=name, case=case))


@pytest.fixture
def store(place):
    with Store.open(place) as opened:
        opened.add(of_somebody(), NOW, "radlogic")
        opened.open_reasons("d1", NOW, "dr-a")
        opened.override("d1", "other", WORDS, NOW, "dr-a")
        yield opened


def logged(store):
    """All text of the log itself."""
    with store.journal.reading() as connection:
        return "\n".join(str(tuple(row)) for row in connection.execute(text("SELECT * FROM entry")))


def test_the_log_holds_no_identifier_and_no_free_words(store):
    assert [word for word in IDENTIFYING if word in logged(store)] == []
    assert store.case("d1").assessment == of_somebody()
    assert store.case("d1").of_kind(Kind.OVERRIDDEN)[0].body["comment"] == WORDS


def test_an_erased_patient_leaves_decisions_that_verify_and_name_nobody(store):
    token = store.patient_token(KEY)
    assert store.erase_patient(token, NOW, "admin", "asked for") == 2  # the decision's and the comment's

    report, case = verify(store.journal), store.case("d1")
    assert (report.findings, store.patient_token(KEY)) == ((), None)
    patient = case.assessment.record.case.patient
    assert (patient.key, case.assessment.record.case.exam.study_uid) == ("", "")
    then, now = of_somebody().decision, case.assessment.decision
    assert [g.exam for g in now.guidelines] == [g.exam for g in then.guidelines]  # what was decided is there
    assert (now.review, now.route, now.citations) == (then.review, then.route, then.citations)
    assert patient.facts["smoking_status"].value == "former"
    assert case.of_kind(Kind.OVERRIDDEN)[0].body["comment"] == ""
    with store.journal.reading() as connection:
        everything = "\n".join(export(connection, identified=True))
    assert [word for word in IDENTIFYING if word in everything] == []
    assert '"kind": "erased"' in everything


def test_nothing_of_an_erased_patient_is_left_in_the_file(tmp_path):
    with Store.open(tmp_path) as store:
        store.add(of_somebody(), NOW, "radlogic")
        assert KEY.encode() in (tmp_path / FILE_NAME).read_bytes()
        store.erase_patient(store.patient_token(KEY), NOW, "admin", "asked for")

    left = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert [word for word in IDENTIFYING if word.encode() in left] == []


def test_who_comes_back_after_being_erased_is_somebody_new(store):
    first = store.patient_token(KEY)
    store.erase_patient(first, NOW, "admin", "asked for")
    store.add(of_somebody("d2"), NOW, "radlogic")

    assert store.patient_token(KEY) not in (None, first)
    assert verify(store.journal).sound


def test_nobody_is_erased_twice_and_the_erased_are_not_corrected(store):
    token = store.patient_token(KEY)
    store.erase_patient(token, NOW, "admin", "asked for")

    with pytest.raises(BadValue):
        store.erase_patient(token, NOW, "admin", "again")
    with pytest.raises(BadValue, match="erased"):
        store.correct("d1", of_somebody("d2"), NOW, "dr-a")


def test_words_that_are_said_after_an_erasure_can_be_erased_too(store):
    token = store.patient_token(KEY)
    store.erase_patient(token, NOW, "admin", "asked for")
    store.override("d1", "other", WORDS, NOW, "dr-a", seen=store.case("d1").judged)
    assert store.case("d1").of_kind(Kind.OVERRIDDEN)[-1].body["comment"] == WORDS

    assert store.erase_patient(token, NOW, "admin", "asked for again") == 1
    assert store.case("d1").of_kind(Kind.OVERRIDDEN)[-1].body["comment"] == ""
    assert verify(store.journal).findings == ()


def test_others_keep_their_identifiers(store):
    other = replace(of_somebody("d2").record.case, patient=Patient("ffffffffffffffff"))
    store.add(replace(of_somebody("d2"), record=replace(of_somebody("d2").record, case=other)), NOW, "radlogic")
    store.erase_patient(store.patient_token(KEY), NOW, "admin", "asked for")

    assert store.case("d2").assessment.record.case.patient.key == "ffffffffffffffff"


def test_a_seal_does_not_tell_what_it_seals():
    """The same content under two salts has two seals: a guess cannot be tried without the salt."""
    one, two = sealed({"key": KEY}), sealed({"key": KEY})

    assert one.content == two.content
    assert one.seal != two.seal


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8"), max_size=12)
    | st.sampled_from([*IDENTIFYING, "⟦1⟧", "⟦", f"{UID}.7 and {UID}", "urn:uuid:6f1d-22", "PET/CT", "0.1.0"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5) | st.just(UID), inner, max_size=3),
    max_leaves=12,
)  # fmt: skip


@given(parts=JSON, comment=st.text(max_size=20), key=st.sampled_from([KEY, "7", "", "solid"]))
def test_what_is_taken_out_is_put_back_to_the_last_letter(parts, comment, key):
    record = {"case": {"patient": {"key": key}, "exam": {"study_uid": UID}}}
    source = {"kind": "record", "reference": "Observation/smoking-1"}
    body = {"assessment": {"record": record, "source": source, "decision": parts}, "comment": comment}
    before = copy.deepcopy(body)
    taken, content = take_out(body)

    assert body == before
    assert put_back(json.loads(json.dumps(taken)), json.loads(json.dumps(content))) == before
    assert UID not in json.dumps(taken)


def test_words_that_only_look_like_identifiers_stay():
    body = {"says": ["PET/CT may be considered", "radlogic 0.1.0", "1.25 mm", "2.5.1 of the table"]}

    assert take_out(body) == (body, {})


def test_a_comment_does_not_stay_in_the_journal_file_of_the_database(tmp_path):
    with Store.open(tmp_path) as store:
        store.add(of_somebody(), NOW, "radlogic")
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as db:
        assert db.execute("PRAGMA journal_mode").fetchone() == ("delete",)
