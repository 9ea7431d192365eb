"""Lesions' masks in DICOM: voxel for voxel the same, in the geometry of their images, named as in the report."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from dicom_out_world import TOLD, ball, exam_on_disk, plain, volume
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from radlogic.adapters.dicom.emit.authors import Author
from radlogic.adapters.dicom.emit.evidence import Evidence, evidence_of
from radlogic.adapters.dicom.emit.files import write_object
from radlogic.adapters.dicom.emit.masks import Drawn, LesionMask, stored
from radlogic.adapters.dicom.emit.report import report_sr
from radlogic.adapters.dicom.emit.segmentation import report_seg
from radlogic.adapters.dicom.own import NET
from radlogic.adapters.dicom.seg import read_seg
from radlogic.adapters.dicom.series import read_series
from radlogic.adapters.dicom.sr import read_sr_report
from radlogic.engine.errors import BadValue, Contradiction, MissingField, Unsupported
from radlogic.engine.perception.axial import axial
from radlogic.engine.perception.volume import Volume
from radlogic.engine.types import Finding

N1, N2 = Finding("N1", "nodule", {}, (0.0, 0.0, -100.0)), Finding("läsion 2", "nodule", {})
SEEN = Drawn(Author(NET, "lung-nodule"), "sha256 0123456789abcdef", pointed=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return exam_on_disk(tmp_path_factory.mktemp("exam"))


@pytest.fixture(scope="module")
def images(folder: Path) -> tuple[Volume, Evidence]:
    return read_series(folder), evidence_of(folder)


def test_masks_come_back_voxel_for_voxel_on_the_grid_of_the_ct(images: tuple[Volume, Evidence], tmp_path: Path) -> None:
    ct, evidence = images
    masks = [ball("N1", (12, 30, 30), 5.0), replace(ball("läsion 2", (16, 34, 34), 6.0), drawn=SEEN)]  # they overlap

    made = report_seg(plain(N1, N2), masks, ct, evidence, TOLD)
    write_object(made, tmp_path / "seg.dcm")
    back = read_seg(tmp_path / "seg.dcm", ct)

    assert [mask.tracking_id for mask in back] == ["N1", "läsion 2"]
    for mask, drawn in zip(back, masks, strict=True):
        assert mask.on_volume
        assert mask.start == drawn.start
        assert np.array_equal(mask.mask, drawn.mask)


def test_report_and_segmentation_name_a_lesion_alike_and_the_report_refers_to_its_segment(
    images: tuple[Volume, Evidence], tmp_path: Path
) -> None:
    ct, evidence = images
    decision = plain(N1, N2)
    seg = report_seg(decision, [ball("läsion 2", (12, 30, 30), 5.0)], ct, evidence, TOLD)

    write_object(report_sr(decision, evidence, TOLD, segmentation=seg), tmp_path / "sr.dcm")
    first, second = read_sr_report(tmp_path / "sr.dcm").origins

    assert first.segments == ()
    assert [(one.sop_uid, one.number) for one in second.segments] == [(str(seg.SOPInstanceUID), "1")]
    assert second.tracking_uid == seg.SegmentSequence[0].TrackingUID
    assert first.tracking_uid != second.tracking_uid


def test_who_drew_a_mask_is_said(images: tuple[Volume, Evidence]) -> None:
    ct, evidence = images
    masks = [ball("N1", (12, 30, 30), 5.0), replace(ball("läsion 2", (12, 30, 30), 5.0), drawn=SEEN)]

    seg = report_seg(plain(N1, N2), masks, ct, evidence, TOLD)

    assert [s.SegmentAlgorithmType for s in seg.SegmentSequence] == ["MANUAL", "SEMIAUTOMATIC"]
    (named,) = seg.SegmentSequence[1].SegmentationAlgorithmIdentificationSequence
    assert (named.AlgorithmName, named.AlgorithmVersion) == ("lung-nodule", "sha256 0123456789abcdef")


def test_only_planes_with_a_mask_are_written(images: tuple[Volume, Evidence]) -> None:
    ct, evidence = images
    mask = ball("N1", (12, 30, 30), 5.0)

    made = report_seg(plain(N1), [mask], ct, evidence, TOLD)

    assert made.NumberOfFrames == len(mask.mask)
    assert made.SegmentationType == "BINARY"
    assert made.FrameOfReferenceUID == evidence.frame_of_reference


def test_the_same_masks_make_the_same_instance(images: tuple[Volume, Evidence]) -> None:
    ct, evidence = images

    one, same, other = (
        report_seg(plain(N1), [ball("N1", (12, 30, 30), r)], ct, evidence, TOLD) for r in (5.0, 5.0, 4.0)
    )

    assert one.SOPInstanceUID == same.SOPInstanceUID != other.SOPInstanceUID


def test_masks_of_other_images_of_no_finding_or_none_at_all_are_refused(images: tuple[Volume, Evidence]) -> None:
    ct, evidence = images
    mask = ball("N1", (12, 30, 30), 5.0)
    beyond = replace(mask, start=(20, 30, 30))

    with pytest.raises(MissingField):
        report_seg(plain(N1), [], ct, evidence, TOLD)
    for wrong in ([mask, mask], [ball("other", (12, 30, 30), 5.0)], [beyond]):
        with pytest.raises(BadValue):
            report_seg(plain(N1), wrong, ct, evidence, TOLD)
    with pytest.raises(Contradiction):
        report_seg(plain(N1), [mask], volume(), evidence, TOLD)
    with pytest.raises(BadValue, match="not empty"):
        LesionMask("N1", "nodule", "", np.zeros((2, 2, 2), bool), (0, 0, 0))


def oriented(turn: tuple[int, int, int], flip: tuple[int, int, int], spacing: tuple[float, float, float]) -> Volume:
    axes = np.eye(3)[::-1][list(turn)] * np.array(flip)[:, None]
    return Volume(np.zeros((9, 14, 11), np.int16), spacing, (1.0, 2.0, 3.0), axes)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.permutations([0, 1, 2]),
    st.tuples(*[st.sampled_from([1, -1])] * 3),
    st.integers(0, 2**16),
    st.tuples(*[st.integers(0, 4)] * 3),
)
def test_a_mask_shown_as_axial_slices_goes_back_to_its_voxels(
    turn: list[int], flip: tuple[int, int, int], seed: int, start: tuple[int, int, int]
) -> None:
    turned = oriented((turn[0], turn[1], turn[2]), flip, (1.0, 1.0, 1.0))
    mask = np.random.default_rng(seed).random((4, 5, 6)) < 0.5
    stack = axial(turned)

    back, there = stored(stack, *stack.shown(mask, start))

    assert there == start
    assert np.array_equal(back, mask)


def test_a_mask_on_stretched_pixels_goes_back_to_the_nearest_voxels() -> None:
    """Rows of 1.0 mm and columns of 0.5 mm: a box of the volume comes back as itself."""
    wide = oriented((0, 1, 2), (1, 1, 1), (1.0, 1.0, 0.5))
    stack = axial(wide)
    box = np.ones((3, 4, 6), bool)

    back, there = stored(stack, *stack.shown(box, (2, 3, 1)))

    assert there == (2, 3, 1)
    assert np.array_equal(back, box)


def test_a_multi_frame_series_is_refused_by_name(images: tuple[Volume, Evidence]) -> None:
    ct, evidence = images
    one = Evidence(evidence.where, evidence.images[:1], evidence.names)

    with pytest.raises(Unsupported, match="multi-frame"):
        report_seg(plain(N1), [ball("N1", (12, 30, 30), 5.0)], ct, one, TOLD)
