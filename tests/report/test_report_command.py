"""``radlogic report --store``: the store's decision in every form, as humans left it, or a refusal by name."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import store_cases
from dicom_out_world import exam_on_disk
from pydicom.dataset import Dataset
from report_pages import Page, words_of
from sample_decisions import screening

from radlogic.adapters.decision_file import write_decision
from radlogic.adapters.dicom.series import read_series
from radlogic.adapters.report_commands import Asked, _without_segment, report
from radlogic.adapters.store.cases import Store
from radlogic.adapters.store.errors import Superseded
from radlogic.engine.errors import Contradiction, MissingField, NotReadable

AT = datetime(2026, 3, 2, 8, tzinfo=UTC)
SIZES = ("7.0", "9.0", "16.0")
FORMS = {
    "text": {},
    "page": {"html": True},
    "paper": {"pdf": "r.pdf"},
    "fhir": {"fhir": True, "patient": "Patient/7"},
    "sr": {"sr": "r.dcm", "institution": "Clinic"},
}


@pytest.fixture(scope="module")
def versions():
    """Three readings of one exam."""
    return [store_cases.decided(store_cases.exam(mean_mm=size)) for size in SIZES]


@pytest.fixture
def store(tmp_path):
    with Store.open(tmp_path / "store") as opened:
        yield opened


def sign(store, decision, hours=1):
    store.open_reasons(decision, AT, "dr-a")
    store.accept(decision, AT, "dr-a")
    store.sign(decision, AT + timedelta(hours=hours), "dr-a", seen=store.case(decision).judged)


def asked(folder, assessment, **form):
    path = folder / "decision.json"
    write_decision(assessment, path)
    placed = {name: folder / value if name in ("pdf", "sr") else value for name, value in form.items()}
    return Asked(path, str(folder / "store"), **placed)


def retold(assessment):
    """The same decision id, and another category in the file."""
    first, *rest = assessment.decision.guidelines
    told = replace(first, exam=replace(first.exam, category="1"))
    return replace(assessment, decision=replace(assessment.decision, guidelines=(told, *rest)))


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_file_that_was_changed_after_signing_is_refused_in_every_form(tmp_path, store, versions, form):
    sign(store, store.add(versions[0], AT, "radlogic"))
    with pytest.raises(Contradiction, match=r"decision\.json, decision\.guidelines"):
        report(asked(tmp_path, retold(versions[0]), **form))
    assert not (tmp_path / "r.pdf").exists()
    assert not (tmp_path / "r.dcm").exists()


def test_a_file_as_it_was_kept_is_final(tmp_path, store, versions):
    sign(store, store.add(versions[0], AT, "radlogic"))
    assert "FINAL - SIGNED by dr-a" in report(asked(tmp_path, versions[0]))
    assert "FINAL - SIGNED by dr-a" in Page(report(asked(tmp_path, versions[0], html=True))).text


def test_a_pdf_that_cannot_be_moved_to_its_place_leaves_what_stood_there(tmp_path, store, versions, monkeypatch):
    store.add(versions[0], AT, "radlogic")
    (tmp_path / "r.pdf").write_bytes(b"an earlier one")

    def failing(self, target):
        raise OSError(28, "No space left on device")

    wanted = asked(tmp_path, versions[0], pdf="r.pdf")
    monkeypatch.setattr(Path, "replace", failing)
    with pytest.raises(NotReadable, match="No space left"):
        report(wanted)
    assert (tmp_path / "r.pdf").read_bytes() == b"an earlier one"
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize("signed_first", [True, False])
def test_what_another_decision_took_the_place_of_is_marked_or_refused(tmp_path, store, versions, signed_first):
    first = store.add(versions[0], AT, "radlogic")
    if signed_first:
        sign(store, first)
    second = store.correct(first, versions[1], AT, "dr-a")
    sign(store, second, 2)

    for text in (report(asked(tmp_path, versions[0])), Page(report(asked(tmp_path, versions[0], html=True))).text):
        assert f"the report on decision {second} took the place of this one" in words_of(text)
        assert "PRELIMINARY" not in text
        assert "FINAL" not in text
    made = json.loads(report(asked(tmp_path, versions[0], fhir=True, patient="Patient/7")))
    assert (made["type"], made["entry"][0]["resource"]["status"]) == ("collection", "entered-in-error")
    with pytest.raises(Superseded):
        report(asked(tmp_path, versions[0], series=exam_on_disk(tmp_path), **FORMS["sr"]))
    assert not (tmp_path / "r.dcm").exists()


def test_only_what_takes_the_place_of_a_signed_report_is_a_corrected_one(tmp_path, store, versions):
    first = store.add(versions[0], AT, "radlogic")
    second = store.correct(first, versions[1], AT, "dr-a")
    sign(store, second)
    assert "This is a corrected report" not in words_of(report(asked(tmp_path, versions[1])))
    sign(store, store.correct(second, versions[2], AT, "dr-a"), 2)
    said = words_of(report(asked(tmp_path, versions[2])))
    assert f"This is a corrected report: it takes the place of the report on decision {second}" in said


def test_past_drafts_a_correction_names_the_signed_report(tmp_path, store, versions):
    first = store.add(versions[0], AT, "radlogic")
    sign(store, first)
    second = store.correct(first, versions[1], AT, "dr-a")
    sign(store, store.correct(second, versions[2], AT, "dr-a"), 2)
    assert f"the report on decision {first}" in words_of(report(asked(tmp_path, versions[2])))


def test_a_report_that_corrects_drafts_alone_needs_no_predecessor_in_dicom(tmp_path, store):
    folder = exam_on_disk(tmp_path)
    seen = read_series(folder).acquisition
    cases = [store_cases.exam(mean_mm=size) for size in SIZES]
    cases = [replace(c, exam=replace(c.exam, study_uid=seen.study_uid, date=seen.study_date)) for c in cases]
    drafts = [store_cases.decided(case) for case in cases]
    first = store.add(drafts[0], AT, "radlogic")
    second = store.correct(first, drafts[1], AT, "dr-a")
    sign(store, second)
    report(asked(tmp_path, drafts[1], series=folder, **FORMS["sr"]))
    assert (tmp_path / "r.dcm").exists()

    sign(store, store.correct(second, drafts[2], AT, "dr-a"), 2)
    with pytest.raises(MissingField, match="correction"):
        report(asked(tmp_path, drafts[2], series=folder, **FORMS["sr"]))


def test_each_lesion_without_a_segment_is_named_with_the_reason():
    one = Dataset()
    one.TrackingID, one.SegmentNumber = "N1", 1
    made = Dataset()
    made.SOPClassUID, made.SOPInstanceUID, made.SegmentSequence = "1.2", "1.2.3", [one]
    assessment = screening()
    placed, *others = (f for f in assessment.record.case.findings if f.tracking_id != "N1")
    findings = (replace(placed, position_mm=(1.0, 2.0, 3.0)), *(replace(f, position_mm=None) for f in others))
    record = replace(assessment.record, case=replace(assessment.record.case, findings=findings))

    said = list(_without_segment(replace(assessment, record=record), made))

    assert (
        said[0]
        == f"no segment for {placed.tracking_id}: no outline was given, and the net drew none that may be relied on"
    )
    assert said[1:] == [f"no segment for {f.tracking_id}: its place is not stated" for f in others]
