"""``radlogic report DECISION --sr FILE --seg FILE --series FOLDER``: from a decision and its images to DICOM files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ....engine.errors import Contradiction, MissingField
from ....engine.record import Assessment
from ...report.signed import Signed
from ..series import read_series
from .evidence import evidence_of
from .files import write_objects
from .masks import LesionMask, masks_drawn, masks_seen
from .report import Told, check_same_exam, check_stands, report_sr
from .segmentation import report_seg

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from ....engine.perception.volume import Volume


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to write, and from what. ``sr``, ``seg``: the files to write, None for none.

    ``series``: the images of the exam (folder, zip or file). ``drawn``: somebody's segmentation of the lesions, whose
    masks are taken by tracking identifier; without it the net outlines the nodules whose place is stated.
    ``replaces``: files of the reports that this one takes the place of. ``vouched``: somebody vouches that the images
    are those of the exam, where the record knows neither their hash nor their study. ``outlined``: a segmentation
    that is wanted must be; False: where no lesion has a mask the report is written alone.
    """

    series: Path | None
    sr: Path | None = None
    seg: Path | None = None
    drawn: Path | None = None
    replaces: tuple[Path, ...] = ()
    vouched: bool = False
    outlined: bool = True


def write_report(
    assessment: Assessment, wanted: Wanted, told: Told, *, signed: Signed | None = None, replaced_by: str = ""
) -> dict[Path, Dataset]:
    """Write the report, the segmentation or both, all or none; what was written comes back by path.

    Raises:
        InputError: what ``objects_of`` raises, or a file cannot be written. MissingExtra: highdicom is not installed.
    """
    made = objects_of(assessment, wanted, told, signed=signed, replaced_by=replaced_by)
    write_objects(made)
    return made


def objects_of(
    assessment: Assessment, wanted: Wanted, told: Told, *, signed: Signed | None = None, replaced_by: str = ""
) -> dict[Path, Dataset]:
    """The report, the segmentation or both by path, not written yet: every DICOM report that leaves is made here.

    Findings without images make no DICOM report: what identifies patient and study is copied from the images, never
    made up. They can be reported as text, HTML, PDF or FHIR.

    Raises:
        MissingField: no series, nothing to write, a segmentation of lesions of which none has a mask, or a decision
            of which nothing says whether it is about these images.
        Contradiction: the images are not those that the decision was made on.
        Superseded: another decision took its place (``replaced_by``, also where nobody had signed).
        InputError: the series or a file cannot be read; what ``report_sr`` and ``report_seg`` raise.
        MissingExtra: highdicom is not installed.
    """
    if wanted.series is None:
        found = "a decision without its images"
        cure = "Give the series of the exam with --series; without images write text, HTML, PDF or FHIR instead."
        raise MissingField("DICOM report", "--series", found, "the series that it is about", cure)
    if wanted.sr is None and wanted.seg is None:
        raise MissingField("DICOM report", "--sr, --seg", "neither of them", "at least one", "Name a file to write.")
    check_stands(assessment, replaced_by)
    evidence = evidence_of(wanted.series)
    check_same_exam(assessment, evidence)
    check_identified(assessment, vouched=wanted.vouched)
    hashed = assessment.record.image_sha256 is not None
    volume = read_series(wanted.series) if hashed or wanted.seg is not None else None
    if volume is not None:
        check_same_images(assessment, volume)
    made: dict[Path, Dataset] = {}
    segmentation = None
    if wanted.seg is not None and volume is not None:
        masks = masks_of(assessment, volume, wanted.drawn)
        if masks or wanted.outlined:
            segmentation = made[wanted.seg] = report_seg(assessment, masks, volume, evidence, told)
    if wanted.sr is not None:
        earlier = predecessors_of(wanted.replaces)
        made[wanted.sr] = report_sr(
            assessment, evidence, told, signed=signed, segmentation=segmentation, predecessors=earlier
        )
    return made


def check_same_images(assessment: Assessment, volume: Volume) -> None:
    """Refuse images that the decision was not made on, where its record keeps their hash.

    Raises:
        Contradiction: they differ.
    """
    kept = assessment.record.image_sha256
    if kept is not None and kept != volume.sha256():
        found = "other voxels than the decision was made on"
        raise Contradiction("series", "", found, "the same images", "Give the series of this decision.")


def check_identified(assessment: Assessment, *, vouched: bool = False) -> None:
    """Refuse a decision that says nothing of which images it is about: the day alone is that of other patients too.

    Raises:
        MissingField: its record has neither the images' hash nor their study, and nobody vouches for them.
    """
    record = assessment.record
    if record.image_sha256 is None and not record.case.exam.study_uid and not vouched:
        found = "a decision on findings alone, which names neither its images nor their study"
        allowed = "the hash of the images, the StudyInstanceUID, or somebody who vouches for them"
        cure = "Make sure that the series is of this patient's exam and say so with --same-exam."
        raise MissingField("decision", "record.case.exam.study_uid", found, allowed, cure)


def check_volume(assessment: Assessment, volume: Volume, *, vouched: bool = False) -> None:
    """All of it for images that are shown: hash where it is kept, else study and day, else somebody's word.

    Raises:
        Contradiction, MissingField: they are not, or may not be, those of the decision.
    """
    check_identified(assessment, vouched=vouched)
    check_same_images(assessment, volume)
    exam, seen = assessment.record.case.exam, volume.acquisition
    pairs = ("StudyInstanceUID", exam.study_uid, seen.study_uid), ("StudyDate", exam.date, seen.study_date)
    for tag, ours, theirs in pairs:
        if ours and theirs and ours != theirs:
            raise Contradiction("series", tag, "another one than the decision's", "the same", "Give its images.")


def masks_of(assessment: Assessment, volume: Volume, drawn: Path | None = None) -> list[LesionMask]:
    """The masks of the decision's lesions: somebody's where given, else what the net sees at the stated places.

    Raises:
        Contradiction: a drawn segment does not lie on the grid of the series.
        InputError: the segmentation cannot be read, or a stated place lies outside of the series.
    """
    findings = assessment.record.case.findings
    held: list[LesionMask] = []
    if drawn is not None:
        from ..seg import read_seg

        held += masks_drawn(findings, read_seg(drawn, volume), drawn.name)
    have = {mask.tracking_id for mask in held}
    rest = [f for f in findings if f.tracking_id not in have and f.position_mm is not None]
    if rest:
        from ....engine.perception.lung_nodule import LungNodule

        held += masks_seen(volume, rest, LungNodule())
    return held


def predecessors_of(paths: Sequence[Path]) -> list[Dataset]:
    """The headers of earlier reports, as ``report_sr`` takes them.

    Raises:
        InputError: a file is no DICOM object.
    """
    from pydicom.dataset import Dataset

    from ..objects import opened_object

    earlier = []
    for path in paths:
        with opened_object(path) as found:
            one = Dataset()
            for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPClassUID", "SOPInstanceUID"):
                setattr(one, keyword, found.header.text(keyword))
        earlier.append(one)
    return earlier
