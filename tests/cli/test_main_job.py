"""The main job: the bundled example, and the real inputs beside the project."""

import json
import tarfile
from datetime import date
from pathlib import Path

import command
import lidc_truth
import pytest
from shared_data import shared

from radlogic.adapters.decision_file import read_decision
from radlogic.adapters.fhir.survey import summary, survey
from radlogic.adapters.report.text import report_text
from radlogic.engine.types import Known

AS_OF = ("--as-of", "2026-11-22")


def reviewed(assessment):
    return {reason.code for reason in assessment.decision.review.reasons}


def by_guideline(assessment):
    return {d.application.guideline.split("@")[0]: d for d in assessment.decision.guidelines}


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    folder = tmp_path_factory.mktemp("example")
    assert command.run("phantom", folder / "in").code == 0
    return folder


def assess(folder, *arguments):
    result = command.run("assess", *arguments, "--out", folder / "out", *AS_OF)
    assert result.code == 0, result.err
    return read_decision(folder / "out" / "decision.json"), result


def test_the_bundled_example_ends_with_a_decision_a_radiologist_can_read(example):
    inputs = example / "in"
    given = ("--series", inputs / "ct", "--patient", inputs / "patient.json", "--findings", inputs / "findings.json")

    assessment, result = assess(example, *given, "--store", example / "store")

    decided = by_guideline(assessment)["lung-rads"]
    assert (decided.application.applies, decided.exam.category, str(decided.due_date)) == ("yes", "4A", "2027-01-15")
    assert [f.reading.category for f in decided.findings] == ["4A", "3", "2"]
    assert [round(f.risk.probability, 3) for f in decided.findings] == [0.123, 0.184, 0.394]
    assert by_guideline(assessment)["li-rads-ct-mri"].exam is None
    assert assessment.record.image_sha256
    for name in ("decision.json", "report.html", "report.txt"):
        assert f"wrote {example / 'out' / name}" in result.out
    assert "data:image/png;base64," in (example / "out" / "report.html").read_text()


def test_the_same_inputs_give_the_same_decision(example, tmp_path):
    inputs = example / "in"
    given = ("--findings", inputs / "findings.json", "--patient", inputs / "patient.json")

    first, _ = assess(tmp_path / "a", *given)
    second, _ = assess(tmp_path / "b", *given)

    assert first == second


def test_findings_alone_are_enough(tmp_path):
    (tmp_path / "case.json").write_text(
        '{"exam": {}, "nodules": [{"type": "solid", "status": "baseline", "mean_mm": 9}]}'
    )

    assessment, _ = assess(tmp_path, "--findings", tmp_path / "case.json")

    decided = by_guideline(assessment)["lung-rads"]
    assert decided.findings[0].reading.category == "4A"
    assert decided.findings[0].risk.missing and decided.findings[0].published[0].probability is None
    assert {"applicability_unconfirmed", "finding_unknown"} <= reviewed(assessment)


@pytest.fixture(scope="module")
def patient(tmp_path_factory):
    """A synthetic patient with emphysema, born long before the exams."""
    with tarfile.open(shared("data/fhir/synthea-r4-lung-40-patients.tgz")) as archive:
        names = sorted(n for n in archive.getnames() if n.endswith(".json"))
        for name in names:
            text = archive.extractfile(name).read()
            if b"87433001" in text and json.loads(text)["entry"][0]["resource"]["birthDate"] < "1950":
                path = tmp_path_factory.mktemp("patient") / "patient.json"
                path.write_bytes(text)
                return path
    raise AssertionError("no patient with emphysema born before 1950 in the archive")


@pytest.mark.parametrize(("series", "types"), [
    ("LIDC-IDRI-0001", ["solid"]),
    ("LIDC-IDRI-0003", ["part_solid", "solid", "solid", "non_solid"]),
])  # fmt: skip
def test_a_real_chest_ct_of_unknown_indication_is_decided_under_condition(series, types, patient, tmp_path):
    truth = json.loads(shared("data/chest/truth.json").read_text())[series]
    stated = lidc_truth.findings(truth)
    (tmp_path / "findings.json").write_text(json.dumps(stated))

    given = (
        "--series",
        shared(f"data/chest/{series}.zip"),
        "--patient",
        patient,
        "--findings",
        tmp_path / "findings.json",
    )
    assessment, result = assess(tmp_path, *given)

    decided = by_guideline(assessment)["lung-rads"]
    assert decided.application.applies == "conditional"
    assert "applicability_unconfirmed" in reviewed(assessment)
    assert "INDICATION UNKNOWN" in result.out
    assert [n["type"] for n in stated["nodules"]] == types
    assert all(f.reading.trace and (f.reading.category or f.reading.ask == "solid_mean_mm") for f in decided.findings)
    assert decided.exam.ask is not None  # nobody said whether the lungs are evaluable or a prior exists


def test_a_liver_ct_is_refused_for_lung_rads_and_not_eligible_for_li_rads(patient, tmp_path):
    assessment, result = assess(tmp_path, "--series", shared("data/chest/CRLM-CT-1004.zip"), "--patient", patient)

    decided = by_guideline(assessment)
    assert decided["lung-rads"].application.applies == "no"
    assert "only part of the lungs" in " ".join(decided["lung-rads"].application.reasons)
    assert decided["li-rads-ct-mri"].application.applies == "no"
    assert "no_guideline" in reviewed(assessment)
    assert "only part of the lungs" in " ".join(result.out.split())


def test_an_abdomen_ct_in_jpeg_2000_is_refused_for_lung_rads(tmp_path):
    assessment, _ = assess(tmp_path, "--series", shared("data/dicom/abdomen_ct_20_slices"))

    assert by_guideline(assessment)["lung-rads"].application.applies == "no"


@pytest.mark.parametrize(("name", "kind"), [("sr.dcm", "lesion"), ("seg.dcm", None), ("liver_seg.dcm", None)])
def test_real_sr_and_seg_are_read_as_findings(name, kind, tmp_path):
    assessment, _ = assess(tmp_path, "--findings", shared(f"data/dicom/sr_and_seg/{name}"))

    found = assessment.record.case.findings
    assert found
    assert kind is None or {f.kind for f in found} == {kind}
    assert any(isinstance(f.facts.get("volume_mm3"), Known) for f in found)
    assert report_text(assessment)


def test_every_real_bundle_is_loaded_and_its_facts_are_counted(tmp_path):
    records = []
    for archive in sorted(shared("data/fhir").glob("*.tgz")):
        with tarfile.open(archive) as packed:
            for n, member in enumerate(m for m in packed.getmembers() if m.name.endswith(".json")):
                path = tmp_path / f"{archive.stem}-{n}.json"
                path.write_bytes(packed.extractfile(member).read())
                records.append((path.name, path))

    table = summary(survey(records, exam_date=date(2021, 6, 1)))

    assert (table.loaded, dict(table.refused)) == (51, {})
    known = {name: kinds["Known"] for name, kinds in table.facts.items()}
    assert (known["age_years"], known["cirrhosis"], known["emphysema"]) == (51, 7, 12)


def test_no_patient_identifier_reaches_the_outputs(tmp_path, patient):
    resource = json.loads(patient.read_text())["entry"][0]["resource"]
    names = {resource["id"], resource["name"][0]["family"], resource["birthDate"]}
    (tmp_path / "case.json").write_text('{"exam": {}, "nodules": []}')

    assess(tmp_path, "--findings", tmp_path / "case.json", "--patient", patient)

    written = "".join(path.read_text() for path in Path(tmp_path / "out").iterdir())
    assert [name for name in names if name in written] == []
