"""Segmentations to masks and findings: sound ones, those of highdicom, real ones, and the broken ones of the zoo."""

from __future__ import annotations

from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from highdicom_objects import highdicom_segmentation
from pydicom.dataset import Dataset
from pydicom.uid import (
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)
from shared_data import shared
from sr_zoo import (
    LIVER,
    SERIES,
    ball,
    code,
    segmentation,
    sequence,
    sound_segmentation,
    write,
)

from radlogic.adapters.dicom.findings_errors import NoPlane
from radlogic.adapters.dicom.seg import SegReport, findings_from_seg, read_seg_report
from radlogic.adapters.dicom.series import read_series
from radlogic.adapters.dicom.sr import read_sr
from radlogic.engine.perception.volume import Acquisition, Volume
from radlogic.engine.types import Finding, Known, SourceKind

AXIAL = np.array([[0.0, 0, 1], [0, 1, 0], [1, 0, 0]])
ON_CT = Volume(
    hu=np.zeros((20, 40, 36), np.int16),
    spacing_mm=(2.0, 0.7, 0.7),
    origin_mm=(-10.0 - 3 * 0.7, -20.0 - 4 * 0.7, -30.0 - 2 * 2.0),  # the masks begin at slice 2, row 4, column 3
    axes=AXIAL,
    acquisition=Acquisition(series_uid=SERIES),
)


def read(folder: Path, made: Dataset, volume: Volume | None = None) -> SegReport:
    return read_seg_report(write(made, folder / "seg.dcm"), volume)


def values(finding: Finding) -> dict[str, Any]:
    return {name: belief.value for name, belief in finding.facts.items() if isinstance(belief, Known)}


def test_a_segment_becomes_a_measured_nodule(tmp_path: Path) -> None:
    (finding,) = findings_from_seg(write(sound_segmentation(), tmp_path / "seg.dcm"))

    assert (finding.tracking_id, finding.kind, finding.location) == ("nodule 1", "nodule", "Lung")
    assert finding.facts.keys() == {"long_mm", "short_mm", "volume_mm3"}
    assert float(values(finding)["long_mm"]) == pytest.approx(10, abs=0.5)
    assert float(values(finding)["short_mm"]) == pytest.approx(10, abs=0.5)
    assert float(values(finding)["volume_mm3"]) == pytest.approx(4 / 3 * np.pi * 5**3, rel=0.05)


def test_axes_have_one_decimal_and_volumes_none(tmp_path: Path) -> None:
    (finding,) = read(tmp_path, sound_segmentation()).findings

    assert {name: value.as_tuple().exponent for name, value in values(finding).items()} == {
        "long_mm": -1,
        "short_mm": -1,
        "volume_mm3": 0,
    }
    assert values(finding)["volume_mm3"] == (int(ball().sum()) * Decimal("0.98")).quantize(Decimal(1), ROUND_HALF_UP)


def test_facts_say_which_segment_they_are_from(tmp_path: Path) -> None:
    (finding,) = read(tmp_path, sound_segmentation()).findings

    source = finding.facts["long_mm"].source
    assert source is not None
    assert (source.kind, source.reference) == (SourceKind.REPORT, "SEG 1.2.826.0.1.3680043.8.498.42 segment 1")
    assert str(source.when) == "2024-03-01"


def test_a_mask_lies_where_its_frames_say(tmp_path: Path) -> None:
    (mask,) = read(tmp_path, sound_segmentation()).masks

    assert mask.centre_mm == pytest.approx((-10 + 12.5 * 0.7, -20 + 14.5 * 0.7, -30 + 5 * 2))
    assert mask.grid.spacing_mm == (2.0, 0.7, 0.7)
    assert np.array_equal(mask.mask, ball()[3:8, 8:22, 6:20])
    assert not mask.on_volume


def test_a_mask_of_the_ct_is_given_on_its_grid(tmp_path: Path) -> None:
    found = read(tmp_path, sound_segmentation(), ON_CT)

    (mask,) = found.masks
    assert mask.on_volume
    assert mask.start == (3 + 2, 8 + 4, 6 + 3)
    assert mask.centre_mm == pytest.approx((-1.25, -9.85, -20.0))
    assert found.exam.notes == ()


def test_a_ct_that_runs_the_other_way_is_the_same_place(tmp_path: Path) -> None:
    top = ON_CT.position_of((19, 0, 0))
    upside_down = replace(ON_CT, origin_mm=top, axes=AXIAL * [[-1], [1], [1]])

    (mask,) = read(tmp_path, sound_segmentation(), upside_down).masks

    assert mask.on_volume
    assert mask.start[0] == 19 - (3 + 2) - 4
    assert mask.centre_mm == pytest.approx((-1.25, -9.85, -20.0))
    assert mask.measured().volume_mm3 == pytest.approx(ball().sum() * 0.98)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"acquisition": Acquisition(series_uid="1.2.3")}, "other images"),
        ({"axes": AXIAL[[0, 2, 1]]}, "oriented differently"),
        ({"spacing_mm": (2.0, 0.8, 0.8)}, "pixels are of another size"),
        ({"spacing_mm": (1.0, 0.7, 0.7)}, "not as far apart"),
        ({"origin_mm": (-12.4, -22.8, -34.0)}, "between the slices or pixels"),
        ({"hu": np.zeros((6, 40, 36), np.int16)}, "beyond the CT"),
    ],
)
def test_a_mask_that_does_not_fit_the_ct_is_measured_on_its_own_grid(
    tmp_path: Path, change: dict[str, Any], reason: str
) -> None:
    found = read(tmp_path, sound_segmentation(), replace(ON_CT, **change))

    assert not found.masks[0].on_volume
    assert reason in found.exam.notes[0]
    assert found.findings == read(tmp_path, sound_segmentation()).findings


def test_the_ct_is_known_by_its_images_as_well(tmp_path: Path) -> None:
    made = sound_segmentation()
    del made.ReferencedSeriesSequence
    image, derivation = Dataset(), Dataset()
    image.ReferencedSOPInstanceUID = "1.2.3.9"
    derivation.SourceImageSequence = sequence(image)
    made.PerFrameFunctionalGroupsSequence[0].DerivationImageSequence = sequence(derivation)

    assert read(tmp_path, made, replace(ON_CT, sop_uids=("1.2.3.9",))).masks[0].on_volume


def test_planes_without_a_mask_may_be_left_out(tmp_path: Path) -> None:
    mask = ball() & False
    mask[[1, 4, 9], 5:9, 5:9] = True

    (found,) = read(tmp_path, segmentation({1: mask})).masks

    assert found.mask.shape == (9, 4, 4)
    assert list(np.flatnonzero(found.mask.any(axis=(1, 2)))) == [0, 3, 8]


def test_segments_keep_apart(tmp_path: Path) -> None:
    left, right = ball(3), np.roll(ball(4), 5, axis=2)

    found = read(tmp_path, segmentation({2: left, 5: right}))

    assert [(mask.number, int(mask.mask.sum())) for mask in found.masks] == [(2, left.sum()), (5, right.sum())]
    assert [finding.tracking_id for finding in found.findings] == ["nodule 2", "nodule 5"]


def test_segments_under_one_name_get_two(tmp_path: Path) -> None:
    made = segmentation({1: ball(3), 2: ball(4)})
    for segment in made.SegmentSequence:
        segment.TrackingID = "nodule"

    assert [f.tracking_id for f in read(tmp_path, made).findings] == ["nodule [segment 1]", "nodule [segment 2]"]


@pytest.mark.parametrize(
    ("kind", "region", "category", "expected", "names"),
    [
        ("SCT 4147007 Mass", LIVER, "SCT 49755003 Abnormal", "observation", {"size_mm"}),
        ("SCT 27925004 Nodule", "SCT 69748006 Thyroid", "SCT 49755003 Abnormal", "lesion", None),
        ("SCT 10200004 Liver", LIVER, "SCT 123037004 Anatomical Structure", "structure", None),
        ("SRT T-62000 Liver", LIVER, "SRT T-D0050 Tissue", "structure", None),
    ],
)
def test_the_kind_follows_from_what_is_outlined(
    tmp_path: Path, kind: str, region: str, category: str, expected: str, names: set[str] | None
) -> None:
    made = segmentation({1: ball()}, kind=kind, region=region)
    made.SegmentSequence[0].SegmentedPropertyCategoryCodeSequence = sequence(code(category))

    (finding,) = read(tmp_path, made).findings

    assert finding.kind == expected
    assert finding.facts.keys() == (names or {"long_mm", "short_mm", "volume_mm3"})


def test_the_name_of_a_nodule_may_state_its_type(tmp_path: Path) -> None:
    made = segmentation({1: ball()}, kind="RADLEX RID50153 Non-solid pulmonary nodule")

    assert values(read(tmp_path, made).findings[0])["type"] == "non_solid"


def test_parts_that_do_not_touch_are_noted_and_the_largest_has_the_axes(tmp_path: Path) -> None:
    mask = ball(4)
    mask[5, 1, 1] = True

    found = read(tmp_path, segmentation({1: mask}))

    assert values(found.findings[0])["long_mm"] < 9
    assert "2 parts" in found.exam.notes[0]


def test_a_single_plane_takes_its_thickness_and_is_refused_without(tmp_path: Path) -> None:
    mask = ball() & False
    mask[5, 10:20, 10:20] = True
    made = segmentation({1: mask})
    assert values(read(tmp_path, made).findings[0])["volume_mm3"] == 98

    measures = made.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
    del measures.SpacingBetweenSlices, measures.SliceThickness
    with pytest.raises(NoPlane):
        read(tmp_path, made)


SYNTAXES = {
    "BINARY": [ExplicitVRLittleEndian],
    "FRACTIONAL": [ExplicitVRLittleEndian, RLELossless, JPEG2000Lossless, JPEGLSLossless],
    "LABELMAP": [ExplicitVRLittleEndian, RLELossless],
}


@pytest.mark.parametrize(("coding", "syntax"), [(c, s) for c, listed in SYNTAXES.items() for s in listed])
def test_masks_written_by_highdicom_read_alike(tmp_path: Path, coding: str, syntax: str) -> None:
    path, mask = tmp_path / "highdicom.dcm", np.pad(ball(), ((0, 0), (3, 3), (5, 5)))
    highdicom_segmentation(mask, coding, syntax).save_as(path)

    found = read_seg_report(path)

    assert np.array_equal(found.masks[0].mask, ball()[3:8, 8:22, 6:20])
    assert (found.findings[0].tracking_id, found.findings[0].kind) == ("nodule 7", "nodule")
    assert ("fractional" in " ".join(found.exam.notes)) == (coding == "FRACTIONAL")


def test_a_real_segment_has_the_volume_that_its_real_report_states() -> None:
    folder = shared("data/dicom/sr_and_seg")
    (stated,), (measured,) = read_sr(folder / "sr.dcm"), findings_from_seg(folder / "seg.dcm")

    assert values(stated)["volume_mm3"] == Decimal("33582.4")
    assert values(measured) == {"long_mm": Decimal("42.0"), "short_mm": Decimal("38.1"), "volume_mm3": Decimal(33582)}
    assert measured.kind == stated.kind == "lesion"


def test_a_real_liver_lies_on_its_ct_and_is_no_observation() -> None:
    folder = shared("data/dicom/sr_and_seg")
    volume = read_series(folder / "ct-3slice")

    found = read_seg_report(folder / "liver_seg.dcm", volume)

    (mask,), (finding,) = found.masks, found.findings
    assert mask.on_volume
    inside = volume.hu[tuple(slice(a, a + n) for a, n in zip(mask.start, mask.mask.shape, strict=True))][mask.mask]
    assert 30 < np.median(inside) < 70  # HU of a liver without contrast, so it lies on the liver
    assert finding.kind == "structure"
    assert values(finding)["volume_mm3"] == 70362
