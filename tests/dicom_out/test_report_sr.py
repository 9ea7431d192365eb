"""A decision's report in DICOM: what it says comes back, says who said it, and is preliminary until a human signs."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import sample_decisions
from compared_exams import compared, unread
from dicom_out_world import (
    AT,
    DAY,
    NET,
    PEOPLE,
    SIGNED,
    TOLD,
    about,
    exam_on_disk,
    findings,
    plain,
    without_conventions,
)
from hypothesis import HealthCheck, Phase, given, settings
from pydicom.dataset import Dataset

from radlogic.adapters.dicom.emit.evidence import Evidence, evidence_of
from radlogic.adapters.dicom.emit.files import write_object
from radlogic.adapters.dicom.emit.growth import MEANINGS
from radlogic.adapters.dicom.emit.report import Told, report_sr
from radlogic.adapters.dicom.sr import SrReport, read_sr_report
from radlogic.engine.errors import BadValue, Contradiction, MissingField
from radlogic.engine.record import Assessment
from radlogic.engine.types import (
    Belief,
    Classes,
    Exam,
    Finding,
    Indication,
    Known,
    Measured,
    NotApplicable,
    PastSize,
    Route,
    SourceKind,
    Unknown,
)

ALL = {name: about(make()) for name, make in sample_decisions.ALL.items()}


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    return evidence_of(exam_on_disk(tmp_path_factory.mktemp("exam")))


@pytest.fixture(scope="module")
def drafts(evidence: Evidence) -> dict[str, Dataset]:
    """The unsigned report of each sample decision."""
    return {name: report_sr(assessment, evidence, TOLD) for name, assessment in ALL.items()}


def read_draft(made: Dataset, folder: Path) -> SrReport:
    write_object(made, folder / "report.dcm")
    return read_sr_report(folder / "report.dcm")


def read_back(assessment: Assessment, evidence: Evidence, folder: Path, **more: Any) -> SrReport:
    path = folder / "report.dcm"
    write_object(report_sr(assessment, evidence, TOLD, **more), path)
    return read_sr_report(path)


def written(made: Dataset) -> bytes:
    with BytesIO() as file:
        made.save_as(file, enforce_file_format=True)
        return file.getvalue()


def items(made: Dataset, meaning: str) -> list[Dataset]:
    """All content items with that concept name, in the order of the document."""
    found = []
    for item in made.get("ContentSequence", []):
        if item.ConceptNameCodeSequence[0].CodeMeaning == meaning:
            found.append(item)
        found += items(item, meaning)
    return found


def words(made: Dataset, meaning: str) -> list[str]:
    return [
        str(item.TextValue) if item.ValueType == "TEXT" else str(item.ConceptCodeSequence[0].CodeMeaning)
        for item in items(made, meaning)
    ]


class Close(dict[str, float]):
    """Probabilities that are equal to twelve places: rounding both would tell apart two that lie at a tie."""

    def __eq__(self, other: object) -> bool:
        same = isinstance(other, Close) and self.keys() == other.keys()
        return same and all(abs(self[name] - other[name]) <= 1e-12 for name in self)

    __hash__ = None  # type: ignore[assignment]


def value(belief: Belief) -> object:
    """A belief without its source and, of an unknown one, without why; floats to the digits of a decimal string."""
    match belief:
        case Known(said):
            return ("known", said)
        case Classes(p):
            return ("classes", Close(p))
        case Measured(mean, sd, unit):
            return ("measured", f"{mean:.9g}", f"{sd:.9g}", unit)
        case NotApplicable():
            return "not applicable"
        case Unknown():
            return "unknown"


def said(finding: Finding) -> dict[str, object]:
    return {name: value(belief) for name, belief in without_conventions(finding).items()}


def who(finding: Finding) -> dict[str, bool]:
    """Of what is known, whether a net says it."""
    known = ((n, b) for n, b in without_conventions(finding).items() if not isinstance(b, Unknown | NotApplicable))
    return {name: belief.source is not None and belief.source.kind is SourceKind.NET for name, belief in known}


def same_place(a: tuple[float, ...] | None, b: tuple[float, ...] | None) -> bool:
    """GraphicData is in single precision."""
    if a is None or b is None:
        return a is b
    return all(math.isclose(p, q, rel_tol=1e-6, abs_tol=1e-6) for p, q in zip(a, b, strict=True))


@pytest.mark.parametrize("name", ALL)
def test_every_sample_decision_gives_its_findings_back(name: str, drafts: dict[str, Dataset], tmp_path: Path) -> None:
    stated = ALL[name].record.case.findings

    report = read_draft(drafts[name], tmp_path)

    assert [(f.tracking_id, f.kind, f.location) for f in report.findings] == [
        (f.tracking_id, f.kind, f.location) for f in stated
    ]
    assert [said(f) for f in report.findings] == [said(f) for f in stated]
    assert all(same_place(a.position_mm, b.position_mm) for a, b in zip(report.findings, stated, strict=True))
    assert report.exam.indication is ALL[name].record.case.exam.indication
    assert {n: value(b) for n, b in report.exam.facts.items()} == said(
        Finding("", "", ALL[name].record.case.exam.facts)
    )


def given_back(stated: tuple[Finding, ...], evidence: Evidence, folder: Path) -> None:
    report = read_back(plain(*stated), evidence, folder)

    assert [(f.tracking_id, f.kind, f.location) for f in report.findings] == [
        (f.tracking_id, f.kind, f.location) for f in stated
    ]
    assert [said(f) for f in report.findings] == [said(f) for f in stated]
    assert [who(f) for f in report.findings] == [who(f) for f in stated]
    assert all(same_place(a.position_mm, b.position_mm) for a, b in zip(report.findings, stated, strict=True))


QUIET = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
UNSHRUNK = [Phase.explicit, Phase.generate]  # an example takes half a second


@settings(max_examples=4, deadline=None, phases=UNSHRUNK, suppress_health_check=QUIET)
@given(stated=findings("lung-rads@2022"))
def test_any_findings_come_back_as_they_were_and_say_who_said_them(
    evidence: Evidence, tmp_path: Path, stated: tuple[Finding, ...]
) -> None:
    given_back(stated, evidence, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("guideline", ["lung-rads@2022", "li-rads-ct-mri@2018", "ti-rads@2017", "li-rads-tr@2018"])
def test_findings_of_every_kind_come_back(guideline: str, evidence: Evidence, tmp_path: Path) -> None:
    @settings(max_examples=40, deadline=None, phases=UNSHRUNK, suppress_health_check=QUIET)
    @given(stated=findings(guideline))
    def holds(stated: tuple[Finding, ...]) -> None:
        given_back(stated, evidence, tmp_path)

    holds()


def nodule(**facts: Belief) -> Finding:
    return Finding("N1", "nodule", facts)


def test_what_a_net_says_is_read_back_as_the_net_s_and_names_it(evidence: Evidence, tmp_path: Path) -> None:
    finding = nodule(
        type=Classes({"solid": 0.25, "part_solid": 0.75}, NET),
        mean_mm=Measured(8.5, 0.7, "mm", NET),
        margin=Known("smooth", PEOPLE),
    )

    (found,) = read_back(plain(finding), evidence, tmp_path).findings

    assert found.facts["type"].source == replace(NET, when=AT.date())
    assert found.facts["mean_mm"] == Measured(8.5, 0.7, "mm", replace(NET, when=AT.date()))
    margin = found.facts["margin"].source
    assert margin is not None and margin.kind is SourceKind.REPORT


def test_what_nobody_assessed_is_said_and_never_becomes_a_negative(evidence: Evidence, tmp_path: Path) -> None:
    finding = nodule(growing=Unknown("nobody looked"), type=Known("solid", PEOPLE))

    report = read_back(plain(finding), evidence, tmp_path)

    assert isinstance(report.findings[0].facts["growing"], Unknown)
    assert report.form == "measurement"
    assert report.origins[0].unread, "a form's convention must not be applied to what is not mentioned"


def test_a_readers_form_says_that_what_it_leaves_out_is_not_present(drafts: dict[str, Dataset], tmp_path: Path) -> None:
    report = read_draft(drafts["screening"], tmp_path)

    assert report.form == "reader"
    assert all(not origin.unread for origin in report.origins)


def test_what_only_a_convention_states_is_not_stated(drafts: dict[str, Dataset]) -> None:
    made = drafts["screening"]

    assert not items(made, "suspicious features: spiculation")


def test_a_derived_category_is_written_and_never_read_back_as_a_fact(
    drafts: dict[str, Dataset], tmp_path: Path
) -> None:
    made = drafts["screening"]

    categories = words(made, "Lung Imaging Reporting and Data System category")
    exam = ALL["screening"].decision.guidelines[0].exam
    assert exam is not None and f"lung-rads@2022 category {exam.category}" in categories
    assert len(categories) == 1 + len(ALL["screening"].decision.guidelines[0].findings)
    report = read_draft(drafts["screening"], tmp_path)
    assert not any("categor" in name for finding in report.findings for name in finding.facts)


def test_older_sizes_come_back_in_their_order(evidence: Evidence, tmp_path: Path) -> None:
    sizes = (PastSize(Decimal("12"), Decimal("6.0")), PastSize(Decimal("24.5"), Decimal("5.5")))

    (found,) = read_back(plain(nodule(history=Known(sizes, PEOPLE))), evidence, tmp_path).findings

    assert value(found.facts["history"]) == ("known", sizes)


def test_management_and_due_date_are_the_decisions(drafts: dict[str, Dataset]) -> None:
    for name, assessment in ALL.items():
        said_here = words(drafts[name], "Recommendation")
        for guideline in assessment.decision.guidelines:
            reading = guideline.exam
            if guideline.application.applies == "no" or reading is None or reading.category is None:
                continue
            management = reading.facts.get("management")
            if isinstance(management, str) and management:
                due = f"; due {guideline.due_date}" if guideline.due_date else ""
                assert f"{reading.guideline}: {management}{due}" in said_here


def test_nothing_undecided_gets_a_category(drafts: dict[str, Dataset]) -> None:
    made = drafts["unknown_type"]

    said_here = words(made, "Lung Imaging Reporting and Data System category")
    assert "not decided" in said_here
    assert len(words(made, "possible")) >= 2


def test_a_net_that_does_not_count_is_said_to_be_unconfirmed(evidence: Evidence) -> None:
    base = plain(nodule(type=Classes({"solid": 1.0}, NET)))
    base = replace(base, record=replace(base.record, route=Route.HYBRID))
    masked = replace(base, record=replace(base.record, route=Route.RULE_BASED))

    assert words(report_sr(base, evidence, TOLD), "standing") == ["counted"]
    assert words(report_sr(masked, evidence, TOLD), "standing") == ["unconfirmed"]


# ---------------------------------------------------------------- signatures


def test_nobody_signed_means_unverified_partial_and_preliminary(drafts: dict[str, Dataset]) -> None:
    made = drafts["screening"]

    assert (made.VerificationFlag, made.CompletionFlag, made.PreliminaryFlag) == (
        "UNVERIFIED",
        "PARTIAL",
        "PRELIMINARY",
    )
    assert "VerifyingObserverSequence" not in made
    assert "PRELIMINARY - NOT SIGNED" in words(made, "notice")
    assert words(made, "Observer Type") == ["Device"]


def test_a_reader_is_an_observer_of_a_signed_report_alone_and_named_in_words_before(evidence: Evidence) -> None:
    told = Told(AT, "Doe^Jane", "Klinik Süd")

    draft, final = (
        report_sr(ALL["screening"], evidence, told),
        report_sr(ALL["screening"], evidence, told, signed=SIGNED),
    )

    assert words(draft, "Observer Type") == ["Device"]
    assert "Person Observer Name" not in str(draft.ContentSequence)
    assert words(draft, "reader") == ["Findings as stated by Doe^Jane, who has not signed this report"]
    assert words(final, "Observer Type") == ["Person", "Person", "Device"]
    assert words(final, "reader") == []


def test_a_signature_verifies_completes_and_names_the_observer_with_time_and_zone(evidence: Evidence) -> None:
    made = report_sr(ALL["screening"], evidence, TOLD, signed=SIGNED)

    assert (made.VerificationFlag, made.CompletionFlag, made.PreliminaryFlag) == ("VERIFIED", "COMPLETE", "FINAL")
    (by,) = made.VerifyingObserverSequence
    assert (by.VerifyingObserverName, by.VerifyingOrganization) == ("Reader^Anna", "Klinik Süd")
    assert str(by.VerificationDateTime) == "20250315080000.000000+0000"
    assert "PRELIMINARY - NOT SIGNED" not in words(made, "notice")
    assert words(made, "Observer Type") == ["Person", "Device"]


def test_a_signature_needs_an_institution(evidence: Evidence) -> None:
    with pytest.raises(MissingField, match="institution"):
        report_sr(ALL["screening"], evidence, Told(AT), signed=SIGNED)


def test_a_correction_names_the_report_that_it_corrects(evidence: Evidence) -> None:
    first = report_sr(ALL["screening"], evidence, TOLD, signed=SIGNED)
    again = replace(SIGNED, outcome="corrected", replaces="another-decision", at=SIGNED.at + timedelta(hours=1))

    made = report_sr(ALL["screening"], evidence, TOLD, signed=again, predecessors=[first])

    (study,) = made.PredecessorDocumentsSequence
    assert study.StudyInstanceUID == evidence.study_uid
    (instance,) = study.ReferencedSeriesSequence[0].ReferencedSOPSequence
    assert instance.ReferencedSOPInstanceUID == first.SOPInstanceUID
    with pytest.raises(MissingField, match="correction"):
        report_sr(ALL["screening"], evidence, TOLD, signed=again)


def test_an_overriding_category_stands_alone_and_the_engines_is_told_as_put_aside(evidence: Evidence) -> None:
    override = {"guideline": "lung-rads@2022", "category": "3", "management": "6-month LDCT"}
    signed = replace(SIGNED, outcome="overridden", override=override, reason="clinical-context")

    made = report_sr(ALL["screening"], evidence, TOLD, signed=signed)

    exam = next(item for item in made.ContentSequence if item.ConceptNameCodeSequence[0].CodeValue == "C0034375")
    assert words(exam, "Lung Imaging Reporting and Data System category") == ["lung-rads@2022 category 3"]
    assert words(exam, "Recommendation") == ["lung-rads@2022: 6-month LDCT"]
    assert any("Put aside" in text for text in words(exam, "overridden"))


@pytest.mark.parametrize("named", ["fleischner@2017", "lung-rads@1.1", "x@1"])
def test_an_override_by_a_guideline_or_edition_that_was_not_read_is_the_humans_word(
    evidence: Evidence, named: str
) -> None:
    override = {"guideline": named, "category": "3", "management": "6-month LDCT"}
    made = report_sr(ALL["screening"], evidence, TOLD, signed=replace(SIGNED, outcome="overridden", override=override))

    exam = next(item for item in made.ContentSequence if item.ConceptNameCodeSequence[0].CodeValue == "C0034375")
    assert words(exam, "Recommendation") == [f"{named}: 6-month LDCT"]
    said = [text for item in exam.ContentSequence for text in words(item, item.ConceptNameCodeSequence[0].CodeMeaning)]
    assert "lung-rads@2022 category" not in " ".join(said)
    assert any("Put aside by the signing human: lung-rads@2022" in text for text in words(exam, "overridden"))
    assert any("not taken for the exam: lung-rads@2022" in text for text in words(made, "overridden"))


def test_an_answer_set_aside_without_another_leaves_no_category_of_the_engines(evidence: Evidence) -> None:
    made = report_sr(ALL["screening"], evidence, TOLD, signed=replace(SIGNED, outcome="overridden", override={}))

    exam = next(item for item in made.ContentSequence if item.ConceptNameCodeSequence[0].CodeValue == "C0034375")
    assert words(exam, "Lung Imaging Reporting and Data System category") == []
    assert words(exam, "Recommendation") == []
    assert len(words(exam, "overridden")) == 2


# ---------------------------------------------------------------- who, when, what


def test_patient_and_study_are_those_of_the_images_and_nothing_is_made_up(
    drafts: dict[str, Dataset], evidence: Evidence
) -> None:
    made, image = drafts["screening"], evidence.images[0]

    assert str(made.PatientName) == "PHANTOM^RADLOGIC"
    for keyword in ("PatientID", "PatientBirthDate", "PatientSex", "StudyInstanceUID", "StudyDate"):
        assert made.get(keyword) == image.get(keyword)
    assert made.SpecificCharacterSet == "ISO_IR 192"
    assert (f"{made.ContentDate:%Y%m%d}", f"{made.ContentTime:%H%M%S.%f}") == ("20250314", "092653.589000")


def test_the_same_report_told_again_is_the_same_instance_and_another_one_is_not(evidence: Evidence) -> None:
    first, again = (report_sr(ALL["screening"], evidence, TOLD) for _ in range(2))
    signed = report_sr(ALL["screening"], evidence, TOLD, signed=SIGNED)

    assert first.SOPInstanceUID == again.SOPInstanceUID
    assert written(first) == written(again)
    assert first.SOPInstanceUID == first.file_meta.MediaStorageSOPInstanceUID
    assert first.SOPInstanceUID != signed.SOPInstanceUID
    assert first.SeriesInstanceUID == signed.SeriesInstanceUID


def test_every_image_of_the_series_is_evidence(drafts: dict[str, Dataset], evidence: Evidence) -> None:
    made = drafts["screening"]

    (study,) = made.CurrentRequestedProcedureEvidenceSequence
    (series,) = study.ReferencedSeriesSequence
    assert {r.ReferencedSOPInstanceUID for r in series.ReferencedSOPSequence} == {
        image.SOPInstanceUID for image in evidence.images
    }


def test_a_decision_about_another_study_or_day_is_refused(evidence: Evidence) -> None:
    case = ALL["screening"].record.case
    other = replace(case, exam=replace(case.exam, study_uid="1.2.3"))
    moved = replace(case, exam=replace(case.exam, date=DAY + timedelta(days=1)))

    for wrong in (other, moved):
        with pytest.raises(Contradiction):
            report_sr(replace(ALL["screening"], record=replace(ALL["screening"].record, case=wrong)), evidence, TOLD)


def test_a_number_that_no_decimal_string_holds_is_refused(evidence: Evidence) -> None:
    finding = nodule(mean_mm=Known(Decimal("1.23456789012345678"), PEOPLE))

    with pytest.raises(BadValue, match="16 characters"):
        report_sr(plain(finding), evidence, TOLD)


def test_an_exam_without_findings_is_reported_and_read(evidence: Evidence, tmp_path: Path) -> None:
    report = read_back(plain(exam=Exam(DAY, Indication.SCREENING)), evidence, tmp_path)

    assert report.findings == ()
    assert report.exam.indication is Indication.SCREENING


def growth_items(assessment: Assessment, evidence: Evidence) -> dict[str, object]:
    """Code -> number or words, of all that a report says of growth."""
    made = report_sr(about(assessment), evidence, TOLD)
    found: dict[str, object] = {}
    for group in items(made, "Measurement Group"):
        for item in group.ContentSequence:
            code = item.ConceptNameCodeSequence[0]
            name = code.get("LongCodeValue") or code.get("CodeValue")
            if name.startswith((":growth", ":doubling")):
                assert code.CodingSchemeDesignator == "99RADLOGIC"
                assert name not in found
                found[name] = item.get("TextValue") or item.MeasuredValueSequence[0]
    return found


def test_growth_is_a_measurement_of_what_radlogic_concludes(evidence: Evidence) -> None:
    core = {"type": "part_solid", "solid_mean_mm": Decimal("8.5"), "prior_solid_mean_mm": Decimal(4)}
    found = growth_items(compared("10.5", **core), evidence)

    numbers = {name: (float(v.NumericValue), v.MeasurementUnitsCodeSequence[0].CodeValue) for name, v in found.items()}
    assert numbers[":growth_mm"] == (3.5, "mm")
    assert numbers[":growth_core_mm"] == (4.5, "mm")
    assert numbers[":growth_months"] == (6, "mo")
    assert numbers[":growth_over:lung-rads@2022"] == (pytest.approx(0.897, abs=0.001), "1")
    assert numbers[":doubling_days"] == (pytest.approx(104, abs=0.1), "d")
    assert numbers[":doubling_days_90_from"][0] < 104 < numbers[":doubling_days_90_to"][0]
    assert numbers[":growth_threshold:lung-rads@2022"] == (1.5, "mm")
    assert {name.removesuffix(":lung-rads@2022") for name in numbers} == set(MEANINGS)


def test_growth_that_cannot_be_told_is_said_in_words_and_no_number(evidence: Evidence) -> None:
    found = growth_items(compared("10.5", status="new"), evidence)

    assert list(found) == [":growth_mm"]
    assert "stated as new" in str(found[":growth_mm"])


def test_a_doubling_time_that_errors_drown_is_said_in_words_and_no_number(evidence: Evidence) -> None:
    found = growth_items(compared("7.5"), evidence)

    assert "larger than the change" in str(found[":doubling_days"])
    assert ":doubling_days_90_from" in found
    assert ":doubling_days_90_to" not in found


def test_growth_is_told_where_no_guideline_reads_the_lesion(evidence: Evidence) -> None:
    found = growth_items(unread(), evidence)

    assert ":growth_mm" in found
    assert not any(name.startswith((":growth_over", ":growth_threshold")) for name in found)


def test_growth_is_not_read_back_as_a_fact(evidence: Evidence, tmp_path: Path) -> None:
    given_back(about(compared("10.5")).record.case.findings, evidence, tmp_path)
