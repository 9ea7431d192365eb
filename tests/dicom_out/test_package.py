"""From a decision and a folder of images to files: all or none, read back, and refused by name where it cannot be."""

from __future__ import annotations

import builtins
import json
import math
import warnings
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pydicom
import pytest
from dicom_out_world import SIGNED, TOLD, ball, exam_on_disk, plain, volume
from pydicom.dataset import Dataset
from shared_data import shared

from radlogic.adapters.dicom.emit.evidence import evidence_of
from radlogic.adapters.dicom.emit.files import write_object
from radlogic.adapters.dicom.emit.package import Wanted, write_report
from radlogic.adapters.dicom.emit.segmentation import report_seg
from radlogic.adapters.dicom.errors import BadHeaderValue, MissingTag
from radlogic.adapters.dicom.seg import read_seg
from radlogic.adapters.dicom.series import read_series
from radlogic.adapters.dicom.sr import read_sr_report
from radlogic.adapters.report.signed import Signed
from radlogic.adapters.store.errors import Superseded
from radlogic.engine.errors import BadValue, Contradiction, MissingExtra, MissingField, NotReadable
from radlogic.engine.record import Assessment
from radlogic.engine.types import Finding

FINDING = Finding("N1", "nodule", {})
Vouched = partial(Wanted, vouched=True)  # decisions on findings alone


@pytest.fixture
def exam(tmp_path: Path) -> Path:
    return exam_on_disk(tmp_path)


def changed(folder: Path, **values: object) -> Path:
    """The series with these values in every header; None takes the tag away."""
    for path in folder.iterdir():
        image = pydicom.dcmread(path)
        for keyword, value in values.items():
            if value is None:
                del image[keyword]
            else:
                setattr(image, keyword, value)
        image.save_as(path)
    return folder


def outline(exam: Path, folder: Path) -> Path:
    """Somebody's segmentation of the nodule."""
    seen = read_series(exam)
    made = report_seg(plain(FINDING), [ball("N1", (12, 30, 30), 5.0)], seen, evidence_of(exam), TOLD)
    write_object(made, folder / "drawn.dcm")
    return folder / "drawn.dcm"


def test_report_and_segmentation_are_written_together_and_agree(exam: Path, tmp_path: Path) -> None:
    drawn = outline(exam, tmp_path)
    sr, seg = tmp_path / "sr.dcm", tmp_path / "seg.dcm"

    made = write_report(plain(FINDING), Vouched(exam, sr, seg, drawn), TOLD)

    assert set(made) == {sr, seg}
    (mask,), (origin,) = read_seg(seg), read_sr_report(sr).origins
    assert (mask.tracking_id, mask.tracking_uid) == (origin.tracking_id, origin.tracking_uid)
    assert not list(tmp_path.glob(".*.part"))


def test_findings_without_images_are_refused_with_what_is_possible_instead(tmp_path: Path) -> None:
    with pytest.raises(MissingField, match="--series") as refused:
        write_report(plain(FINDING), Vouched(None, tmp_path / "sr.dcm"), TOLD)

    assert "HTML" in refused.value.cure


def test_a_lesion_without_a_place_has_no_segmentation_and_nothing_is_written(exam: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingField, match="no lesion has a mask"):
        write_report(plain(FINDING), Vouched(exam, tmp_path / "sr.dcm", tmp_path / "seg.dcm"), TOLD)

    assert not list(tmp_path.glob("*.dcm"))


def test_images_that_the_decision_was_not_made_on_are_refused(exam: Path, tmp_path: Path) -> None:
    decision = plain(FINDING)
    other = replace(decision, record=replace(decision.record, image_sha256="0" * 64))

    with pytest.raises(Contradiction, match="other voxels"):
        write_report(other, Vouched(exam, None, tmp_path / "seg.dcm"), TOLD)


def on(exam: Path, **record: Any) -> Assessment:
    """A decision that names the study of these images, and whatever else of its record is given."""
    decision = plain(FINDING)
    named = replace(decision.record.case.exam, study_uid=evidence_of(exam).study_uid)
    case = replace(decision.record.case, exam=named)
    return replace(decision, record=replace(decision.record, case=case, **record))


def test_a_report_alone_is_of_the_very_voxels_where_their_hash_is_kept(exam: Path, tmp_path: Path) -> None:
    made_on = on(exam, image_sha256=read_series(exam).sha256())
    write_report(made_on, Wanted(exam, tmp_path / "sr.dcm"), TOLD)

    hu = volume().hu.copy()
    hu[3, 4, 5] = 7
    (tmp_path / "other").mkdir()
    other = exam_on_disk(tmp_path / "other", replace(volume(), hu=hu))
    for path in other.iterdir():
        image = pydicom.dcmread(path)
        image.StudyInstanceUID = evidence_of(exam).study_uid
        image.save_as(path)
    with pytest.raises(Contradiction, match="other voxels"):
        write_report(made_on, Vouched(other, tmp_path / "other.dcm"), TOLD)
    assert not (tmp_path / "other.dcm").exists()


def test_a_decision_on_findings_alone_needs_somebody_who_vouches_for_the_images(exam: Path, tmp_path: Path) -> None:
    wanted = Wanted(exam, tmp_path / "sr.dcm")
    with pytest.raises(MissingField, match="findings alone") as refused:
        write_report(plain(FINDING), wanted, TOLD)
    assert "--same-exam" in refused.value.cure
    assert not (tmp_path / "sr.dcm").exists()

    write_report(on(exam), wanted, TOLD)  # the study that it names is that of the images
    write_report(plain(FINDING), replace(wanted, vouched=True), TOLD)


def test_nobodys_word_makes_another_study_the_same(exam: Path, tmp_path: Path) -> None:
    decision = on(exam)
    other = replace(decision.record.case, exam=replace(decision.record.case.exam, study_uid="1.2.3"))
    with pytest.raises(Contradiction, match="another study"):
        write_report(
            replace(decision, record=replace(decision.record, case=other)), Vouched(exam, tmp_path / "sr.dcm"), TOLD
        )


@pytest.mark.parametrize("signed", [None, SIGNED])
def test_a_decision_whose_place_another_took_is_no_report(exam: Path, tmp_path: Path, signed: Signed | None) -> None:
    with pytest.raises(Superseded) as refused:
        write_report(on(exam), Wanted(exam, tmp_path / "sr.dcm"), TOLD, signed=signed, replaced_by="d-2")
    assert refused.value.successor == "d-2"
    with pytest.raises(Superseded):
        write_report(on(exam), Wanted(exam, tmp_path / "sr.dcm"), TOLD, signed=replace(SIGNED, replaced_by="d-2"))
    assert not list(tmp_path.glob("*.dcm"))


def test_a_correction_takes_the_earlier_report_from_its_file(exam: Path, tmp_path: Path) -> None:
    first = write_report(plain(FINDING), Vouched(exam, tmp_path / "1.dcm"), TOLD, signed=SIGNED)
    wanted = Vouched(exam, tmp_path / "2.dcm", replaces=(tmp_path / "1.dcm",))

    (made,) = write_report(plain(FINDING), wanted, TOLD, signed=replace(SIGNED, replaces="x")).values()

    (instance,) = made.PredecessorDocumentsSequence[0].ReferencedSeriesSequence[0].ReferencedSOPSequence
    assert instance.ReferencedSOPInstanceUID == first[tmp_path / "1.dcm"].SOPInstanceUID


def test_a_file_that_reads_back_otherwise_does_not_count(
    exam: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sr.dcm").write_bytes(b"the earlier one")
    honest = Dataset.save_as

    def flipped(self: Dataset, file: Any, **more: Any) -> None:
        honest(self, file, **more)
        file.seek(-3, 1)
        file.write(b"x")

    monkeypatch.setattr(Dataset, "save_as", flipped)
    with pytest.raises(NotReadable):
        write_report(plain(FINDING), Vouched(exam, tmp_path / "sr.dcm"), TOLD)

    assert (tmp_path / "sr.dcm").read_bytes() == b"the earlier one"
    assert not list(tmp_path.glob(".*.part"))


def test_a_folder_that_is_not_there_is_refused(exam: Path, tmp_path: Path) -> None:
    with pytest.raises(BadValue):
        write_report(plain(FINDING), Vouched(exam, tmp_path / "nowhere" / "sr.dcm"), TOLD)


def test_without_highdicom_the_extra_is_named(exam: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ordinary = builtins.__import__

    def without(name: str, *more: Any, **named: Any) -> Any:
        if name.partition(".")[0] == "highdicom":
            raise ImportError(name)
        return ordinary(name, *more, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtra, match="dicom-out"):
        write_report(plain(FINDING), Vouched(exam, tmp_path / "sr.dcm"), TOLD)


@pytest.mark.parametrize(("charset", "name"), [("ISO_IR 100", "Müller^Jörg"), ("ISO_IR 13", "ﾔﾏﾀﾞ^ﾀﾛｳ")])
def test_a_name_in_another_character_set_is_kept_as_utf_8(exam: Path, tmp_path: Path, charset: str, name: str) -> None:
    changed(exam, SpecificCharacterSet=charset, PatientName=name)

    write_report(plain(FINDING), Vouched(exam, tmp_path / "sr.dcm"), TOLD)

    report = pydicom.dcmread(tmp_path / "sr.dcm")
    assert (report.SpecificCharacterSet, str(report.PatientName)) == ("ISO_IR 192", name)


def test_what_the_images_do_not_say_of_the_patient_stays_empty(exam: Path, tmp_path: Path) -> None:
    changed(exam, PatientName=None, PatientSex=None, AccessionNumber=None, StudyTime=None)

    write_report(plain(FINDING), Vouched(exam, tmp_path / "sr.dcm"), TOLD)

    report = pydicom.dcmread(tmp_path / "sr.dcm")
    assert all(not report[keyword].value for keyword in ("PatientName", "PatientSex", "AccessionNumber", "StudyTime"))


def test_a_name_of_one_part_is_copied_and_nobody_is_warned_of_it(exam: Path, tmp_path: Path) -> None:
    """Warnings are errors in these tests, and highdicom's would quote the name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        changed(exam, PatientName="ONEPART", ReferringPhysicianName="SOMEBODY")

    write_report(plain(FINDING), Vouched(exam, tmp_path / "sr.dcm"), TOLD, signed=replace(SIGNED, by="account-7"))

    report = pydicom.dcmread(tmp_path / "sr.dcm")
    assert (str(report.PatientName), str(report.ReferringPhysicianName)) == ("ONEPART", "SOMEBODY")
    assert report.VerifyingObserverSequence[0].VerifyingObserverName == "account-7^"


def test_times_are_told_in_the_time_zone_of_the_images(exam: Path, tmp_path: Path) -> None:
    changed(exam, TimezoneOffsetFromUTC="-0500")

    write_report(plain(FINDING), Vouched(exam, tmp_path / "sr.dcm"), TOLD)

    report = pydicom.dcmread(tmp_path / "sr.dcm")
    assert (report.TimezoneOffsetFromUTC, report.ContentDate, report.ContentTime[:6]) == ("-0500", "20250314", "032653")


def test_a_patient_sex_of_no_standard_is_refused_without_being_quoted(exam: Path, tmp_path: Path) -> None:
    changed(exam, PatientSex="UNSAID")

    with pytest.raises(BadHeaderValue, match="PatientSex") as refused:
        write_report(plain(FINDING), Vouched(exam, tmp_path / "sr.dcm"), TOLD)

    assert "UNSAID" not in str(refused.value)


def test_a_place_needs_a_frame_of_reference(exam: Path, tmp_path: Path) -> None:
    changed(exam, FrameOfReferenceUID=None)
    placed = replace(FINDING, position_mm=(0.0, 0.0, -100.0))

    write_report(plain(FINDING), Vouched(exam, tmp_path / "sr.dcm"), TOLD)
    with pytest.raises(MissingTag, match="FrameOfReferenceUID"):
        write_report(plain(placed), Vouched(exam, tmp_path / "sr2.dcm"), TOLD)


@pytest.mark.slow
def test_a_real_nodule_whose_place_is_stated_is_outlined_where_its_readers_drew_it(tmp_path: Path) -> None:
    """LIDC-IDRI-0001: one nodule that four readers drew; the net outlines it from a stated point."""
    archive = shared("data/chest/LIDC-IDRI-0001.zip")
    truth = json.loads(shared("data/chest/truth.json").read_text(encoding="utf-8"))["LIDC-IDRI-0001"]["nodules"]
    column, row, z = max(truth, key=lambda nodule: nodule["readers"])["centre"]
    seen = read_series(archive)
    x, y, _ = seen.position_of((0, row, column))
    decision = plain(Finding("N1", "nodule", {}, (x, y, z)))
    exam = replace(decision.record.case.exam, date=None)
    decision = replace(decision, record=replace(decision.record, case=replace(decision.record.case, exam=exam)))

    made = write_report(decision, Vouched(archive, tmp_path / "sr.dcm", tmp_path / "seg.dcm"), TOLD)

    (mask,) = read_seg(tmp_path / "seg.dcm", seen)
    assert mask.on_volume
    assert math.dist(mask.centre_mm, (x, y, z)) < 5
    (segment,) = made[tmp_path / "seg.dcm"].SegmentSequence
    assert segment.SegmentAlgorithmType == "SEMIAUTOMATIC"
    (origin,) = read_sr_report(tmp_path / "sr.dcm").origins
    assert origin.tracking_uid == mask.tracking_uid
    assert len(origin.segments) == 1
