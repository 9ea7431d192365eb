"""Programs of others read and check what we write; each is first shown a fault, so that its silence means something.

PixelMed's DicomSRValidator (Debian: pixelmed-apps) is the one that IHE's test bed prescribes; dciodvfy and dcentvfy are
of Debian's dicom3tools, dsrdump of dcmtk, tid1500reader of the Python package dcmqi. Where one is absent its tests are
skipped.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pydicom
import pytest
import sample_decisions
from compared_exams import CORE, compared
from dicom_out_world import NET, PEOPLE, SIGNED, TOLD, about, ball, exam_on_disk, plain, volume
from pydicom.dataset import Dataset
from shared_data import shared

from radlogic.adapters.dicom.emit.evidence import evidence_of
from radlogic.adapters.dicom.emit.files import write_objects
from radlogic.adapters.dicom.emit.report import report_sr
from radlogic.adapters.dicom.emit.segmentation import report_seg
from radlogic.adapters.dicom.series import read_series
from radlogic.engine.record import Assessment
from radlogic.engine.types import Classes, Finding, Known, Measured, Unknown

PIXELMED = Path("/usr/share/java/pixelmed.jar")
LIMITS = [f"-Djdk.xml.xpath{name}Limit=0" for name in ("TotalOp", "ExprGrp", "ExprOp")]  # Java 17's are too low for it


def program(name: str) -> str:
    """A program on the path, or at the place that ``TESTS_<NAME>`` names."""
    found = os.environ.get(f"TESTS_{name.upper()}") or shutil.which(name) or _beside_python(name)
    if not found:
        pytest.skip(f"needs {name}, which is not installed")
    return found


def _beside_python(name: str) -> str:
    path = Path(sys.executable).parent / name
    return str(path) if path.exists() else ""


def said(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, errors="replace")
    return done.stdout + done.stderr


def mixed() -> Assessment:
    """People, a net and nobody, on one nodule; a second one of which nothing is said."""
    facts = {
        "type": Classes({"solid": 0.9, "part_solid": 0.1}, NET),
        "mean_mm": Measured(8.5, 0.7, "mm", NET),
        "margin": Known("smooth", PEOPLE),
        "growing": Unknown("nobody looked"),
        "status": Known("baseline", PEOPLE),
    }
    return plain(Finding("N1", "nodule", facts, (0.0, -10.0, -105.0), "right upper lobe"), Finding("N2", "nodule", {}))


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Reports and a segmentation by name, with their images under "images"."""
    folder = tmp_path_factory.mktemp("written")
    exam = exam_on_disk(folder, volume(20))
    evidence, seen = evidence_of(exam), read_series(exam)
    both = [ball("N1", (12, 30, 30), 5.0), ball("N2", (8, 20, 20), 3.0)]
    seg, half = (report_seg(mixed(), masks, seen, evidence, TOLD) for masks in (both, both[:1]))
    screening = about(sample_decisions.screening())
    first = report_sr(screening, evidence, TOLD)
    made = {
        "screening": first,
        "signed": report_sr(screening, evidence, TOLD, signed=SIGNED, predecessors=[first]),
        "fused": report_sr(about(sample_decisions.fused()), evidence, TOLD),
        "mixed": report_sr(mixed(), evidence, TOLD, segmentation=seg),
        "half": report_sr(mixed(), evidence, TOLD, segmentation=half),
        "empty": report_sr(plain(), evidence, TOLD),
        "grown": report_sr(about(compared("10.5", **CORE)), evidence, TOLD),
        "seg": seg,
    }
    paths = {name: folder / f"{name}.dcm" for name in made}
    write_objects({paths[name]: one for name, one in made.items()})
    return {**paths, "images": exam}


REPORTS = ["screening", "signed", "fused", "mixed", "half", "empty", "grown"]


def spoiled(path: Path, fault: Callable[[Dataset], None], to: Path) -> str:
    made = pydicom.dcmread(path)
    fault(made)
    made.save_as(to)
    return str(to)


def _container(made: Dataset, code: str) -> Dataset:
    return next(item for item in made.ContentSequence if item.ConceptNameCodeSequence[0].CodeValue == code)


def of_one_region(made: Dataset) -> None:
    """CT of the chest is not in CID 100, from which the procedure reported must be."""
    procedure = _container(made, "121058").ConceptCodeSequence[0]
    procedure.CodeValue, procedure.CodeMeaning = "24627-2", "CT Chest"


def with_a_wrong_relationship(made: Dataset) -> None:
    """A measurement group cannot be a property of its container."""
    for group in _container(made, "126010").ContentSequence:
        group.RelationshipType = "HAS PROPERTIES"


def without_segments(made: Dataset) -> None:
    del made.SegmentSequence


def of_another_day(made: Dataset) -> None:
    made.StudyDate = "20010101"


# ---------------------------------------------------------------- PixelMed


def pixelmed(path: Path | str) -> list[str]:
    if not PIXELMED.exists() or not shutil.which("java"):
        pytest.skip("needs PixelMed's DicomSRValidator (Debian: pixelmed-apps) and Java")
    name = "com.pixelmed.validate.DicomSRValidator"
    out = said("java", *LIMITS, "-cp", str(PIXELMED), name, str(path))
    assert "IOD validation complete" in out, out[-400:]
    return [line for line in out.splitlines() if line.startswith("Error")]


@pytest.mark.slow
def test_pixelmed_catches_a_procedure_of_another_context_group(written: dict[str, Path], tmp_path: Path) -> None:
    assert pixelmed(spoiled(written["empty"], of_one_region, tmp_path / "bad.dcm"))


@pytest.mark.slow
@pytest.mark.parametrize("name", REPORTS)
def test_pixelmed_finds_no_error(name: str, written: dict[str, Path]) -> None:
    assert pixelmed(written[name]) == []


# ---------------------------------------------------------------- dicom3tools


def dciodvfy(path: Path | str) -> list[str]:
    return [line for line in said(program("dciodvfy"), str(path)).splitlines() if line.startswith("Error")]


def test_dciodvfy_catches_a_segmentation_without_segments(written: dict[str, Path], tmp_path: Path) -> None:
    assert dciodvfy(spoiled(written["seg"], without_segments, tmp_path / "bad.dcm"))


@pytest.mark.parametrize("name", [*REPORTS, "seg"])
def test_dciodvfy_finds_no_error(name: str, written: dict[str, Path]) -> None:
    assert dciodvfy(written[name]) == []


@pytest.mark.parametrize("name", [*REPORTS, "seg"])
def test_dciodvfy_warns_of_nothing_but_the_own_scheme_and_what_the_images_leave_empty(
    name: str, written: dict[str, Path]
) -> None:
    lines = [line for line in said(program("dciodvfy"), str(written[name])).splitlines() if line.startswith("Warning")]

    others = [line for line in lines if "99RADLOGIC" not in line and "DICOMDIR" not in line]
    assert others == []


def test_dcentvfy_catches_another_day_and_finds_images_and_objects_consistent(
    written: dict[str, Path], tmp_path: Path
) -> None:
    images = [str(path) for path in sorted(written["images"].iterdir())]
    ours = [str(written[name]) for name in ("mixed", "seg")]

    assert "Error" in said(program("dcentvfy"), *images, spoiled(written["seg"], of_another_day, tmp_path / "bad.dcm"))
    assert "Error" not in said(program("dcentvfy"), *images, *ours)


# ---------------------------------------------------------------- dcmtk


def dsrdump_errors(path: Path | str) -> list[str]:
    done = said(program("dsrdump"), str(path)).splitlines()
    return [line for line in done if line.startswith(("E:", "F:"))]


def test_dsrdump_catches_an_illegal_relationship(written: dict[str, Path], tmp_path: Path) -> None:
    assert dsrdump_errors(spoiled(written["mixed"], with_a_wrong_relationship, tmp_path / "bad.dcm"))


@pytest.mark.parametrize("name", REPORTS)
def test_dsrdump_reads_the_whole_report(name: str, written: dict[str, Path]) -> None:
    done = said(program("dsrdump"), str(written[name]))

    assert dsrdump_errors(written[name]) == []
    assert "Qualitative Evaluations" in done
    if name != "empty":
        assert done.count("Tracking Unique Identifier") == str(pydicom.dcmread(written[name])).count(
            "'Tracking Unique Identifier'"
        )


# ---------------------------------------------------------------- dcmqi


def tid1500reader(path: Path | str, folder: Path) -> dict[str, object]:
    out = folder / "read.json"
    log = said(program("tid1500reader"), "--inputDICOM", str(path), "--outputMetadata", str(out))
    assert out.exists(), log[-400:]
    found: dict[str, object] = json.loads(out.read_text(encoding="utf-8"))
    return found


def test_tid1500reader_reads_our_measurements_with_their_segments(written: dict[str, Path], tmp_path: Path) -> None:
    read = tid1500reader(written["mixed"], tmp_path)

    measured = read["Measurements"]
    assert isinstance(measured, list)
    seg = pydicom.dcmread(written["seg"])
    outlined = {
        one["TrackingIdentifier"]: (one["segmentationSOPInstanceUID"], one["TrackingUniqueIdentifier"])
        for one in measured
        if "segmentationSOPInstanceUID" in one
    }
    assert outlined == {s.TrackingID: (seg.SOPInstanceUID, s.TrackingUID) for s in seg.SegmentSequence}
    sizes = [
        m["value"] for one in measured for m in one["measurementItems"] if m["quantity"]["CodeMeaning"] == "Diameter"
    ]
    assert [float(size) for size in sizes] == [8.5]


@pytest.mark.parametrize("name", ["screening", "signed", "fused"])
def test_tid1500reader_reads_every_group(name: str, written: dict[str, Path], tmp_path: Path) -> None:
    read = tid1500reader(written[name], tmp_path)

    groups = str(pydicom.dcmread(written[name])).count("'Measurement Group'")
    measured = read["Measurements"]
    assert isinstance(measured, list)
    assert len(measured) == groups


# ---------------------------------------------------------------- real images


def test_reports_on_a_real_series_pass_too(tmp_path: Path) -> None:
    evidence = evidence_of(shared("data/dicom/sr_and_seg/ct-3slice"))
    decision = plain(Finding("N1", "observation", {}, None, "segment 4"))
    exam = replace(decision.record.case.exam, date=None)
    decision = replace(decision, record=replace(decision.record, case=replace(decision.record.case, exam=exam)))
    path = tmp_path / "real.dcm"
    write_objects({path: report_sr(decision, evidence, TOLD)})

    assert dciodvfy(path) == []
    assert pydicom.dcmread(path).StudyInstanceUID == evidence.study_uid
