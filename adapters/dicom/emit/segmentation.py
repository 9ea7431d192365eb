"""Lesions' masks as a DICOM segmentation (PS3.3 A.51), BINARY, in the geometry of the images they were drawn on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from ....engine.errors import BadValue, Contradiction, MissingExtra, MissingField, Unsupported
from ....engine.perception.volume import Volume
from ....engine.record import Assessment
from ..coded import Code
from .evidence import Evidence
from .masks import LesionMask
from .report import MANUFACTURER, Told, check_same_exam
from .stamp import instance_of
from .uids import tracking_uid, uid_of
from .vocabulary import shipped_vocabulary
from .wording import line, person, plain

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

CATEGORY: Final = Code("SCT", "49755003", "Morphologically Abnormal Structure")
FAMILY: Final = Code("DCM", "123109", "Artificial Intelligence")
SERIES_NUMBER: Final = 9002
LABEL: Final = "LESIONS"


def report_seg(
    assessment: Assessment, masks: Sequence[LesionMask], volume: Volume, evidence: Evidence, told: Told
) -> Dataset:
    """The masks of a decision's lesions, one segment each, with the tracking identifiers and UIDs of its report.

    ``volume``: the series of ``evidence``, whose voxels the masks count. Planes without a mask are left out.

    Raises:
        MissingField: no mask. BadValue: a mask beyond the volume, two of one lesion, or one of no finding.
        Contradiction: volume and images differ. Unsupported: a multi-frame series.
        MissingExtra: highdicom is not installed.
    """
    seg, content = _highdicom()
    check_same_exam(assessment, evidence)
    _check(assessment, masks, volume)
    _check_images(volume, evidence)
    planes = _planes(masks)
    at = evidence.local(told.at)
    made: Dataset = seg.Segmentation(
        [evidence.images[k] for k in planes],
        _pixels(masks, volume, planes),
        "BINARY",
        [_described(seg, content, n, mask, evidence) for n, mask in enumerate(masks, 1)],
        uid_of("SEG series", evidence.study_uid, assessment.record.decision_id),
        SERIES_NUMBER,
        uid_of("SEG", "to be stamped"),
        1,
        MANUFACTURER,
        "radlogic",
        line(assessment.record.engine_version) or "unknown",
        f"radlogic {line(assessment.record.engine_version, 40)}",
        content_label=LABEL,
        content_description="Lesions of a radlogic decision",
        content_creator_name=person(told.reader) or None,
        series_description="radlogic lesions",
        content_date=at.date(),
        content_time=at.time(),
        specific_character_set="ISO_IR 192",
        institution_name=line(told.institution) or None,
    )
    made.DimensionOrganizationSequence[0].DimensionOrganizationUID = organised = uid_of("dimensions", LABEL)
    for index in made.DimensionIndexSequence:
        index.DimensionOrganizationUID = organised
    return instance_of(made, "SEG", evidence, at)


def _highdicom() -> tuple[Any, Any]:
    try:
        import highdicom
        from highdicom import seg
    except ImportError as error:
        cure = "pip install 'radlogic[dicom-out]'"
        raise MissingExtra("DICOM out", "highdicom", "no such package", "the extra `dicom-out`", cure) from error
    return seg, highdicom


def _check(assessment: Assessment, masks: Sequence[LesionMask], volume: Volume) -> None:
    if not masks:
        cure = "State where the lesions lie, or give a segmentation of them."
        raise MissingField("DICOM segmentation", "masks", "no lesion has a mask", "at least one", cure)
    names = [mask.tracking_id for mask in masks]
    known = {finding.tracking_id for finding in assessment.record.case.findings}
    if len(set(names)) != len(names) or not known.issuperset(names):
        found = "two masks of one lesion, or one of no finding"
        raise BadValue("DICOM segmentation", "masks", found, "one each of the decision's findings", "Leave it out.")
    for mask in masks:
        ends = zip(mask.start, mask.mask.shape, volume.hu.shape, strict=True)
        if any(low < 0 or low + n > most for low, n, most in ends):
            raise BadValue(
                "DICOM segmentation", mask.tracking_id, "a mask beyond the images", "within them", "Give their series."
            )


def _check_images(volume: Volume, evidence: Evidence) -> None:
    if len(evidence.images) == 1 < len(volume.hu):
        cure = "Export the series as single-frame images."
        raise Unsupported(evidence.where, "NumberOfFrames", "a multi-frame image", "one image a slice", cure)
    if tuple(str(image.SOPInstanceUID) for image in evidence.images) != volume.sop_uids:
        raise Contradiction(
            evidence.where, "SOPInstanceUID", "other images than the volume's", "the same", "Read both anew."
        )


def _planes(masks: Sequence[LesionMask]) -> list[int]:
    """The slices that hold a voxel of a mask; the rest of the series need not be looked at."""
    held = {mask.start[0] + int(k) for mask in masks for k in np.flatnonzero(mask.mask.any(axis=(1, 2)))}
    return sorted(held)


def _pixels(masks: Sequence[LesionMask], volume: Volume, planes: list[int]) -> NDArray[np.uint8]:
    """(planes, rows, columns, segments): masks may overlap."""
    place = {k: n for n, k in enumerate(planes)}
    stacked = np.zeros((len(planes), *volume.hu.shape[1:], len(masks)), np.uint8)
    for n, one in enumerate(masks):
        (first, i, j), (_, rows, columns) = one.start, one.mask.shape
        for k, plane in enumerate(one.mask, first):
            if k in place:
                stacked[place[k], i : i + rows, j : j + columns, n] = plane
    return stacked


def _described(seg: Any, highdicom: Any, number: int, mask: LesionMask, evidence: Evidence) -> Any:
    words = shipped_vocabulary()
    known, site = words.kinds.get(mask.kind), words.site(mask.kind, mask.location)
    return seg.SegmentDescription(
        number,
        line(mask.tracking_id) or f"segment {number}",
        _concept(highdicom, CATEGORY),
        _concept(highdicom, (known.finding if known else words.other).concept),
        _how(seg, mask),
        _by(highdicom, mask),
        tracking_uid=tracking_uid(evidence.study_uid, mask.tracking_id),
        tracking_id=plain(mask.tracking_id),
        anatomic_regions=[_concept(highdicom, site.concept)] if site else None,
    )


def _how(seg: Any, mask: LesionMask) -> Any:
    kinds = seg.SegmentAlgorithmTypeValues
    if not mask.drawn.author.kind:
        return kinds.MANUAL
    return kinds.SEMIAUTOMATIC if mask.drawn.pointed else kinds.AUTOMATIC


def _by(highdicom: Any, mask: LesionMask) -> Any:
    if not mask.drawn.author.kind:
        return None
    return highdicom.AlgorithmIdentificationSequence(
        line(mask.drawn.author.name), _concept(highdicom, FAMILY), line(mask.drawn.version) or "not stated"
    )


def _concept(highdicom: Any, code: Code) -> Any:
    return highdicom.sr.CodedConcept(code.value, code.scheme, code.meaning)
