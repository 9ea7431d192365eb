"""``radlogic perceive series``: a CT series and where its nodules are in, one record a nodule out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ..engine.errors import BadValue, Contradiction, MissingField

if TYPE_CHECKING:
    from ..engine.perception.in_series import NoduleInSeries
    from ..engine.perception.lung_nodule import LungNodule
    from ..engine.perception.volume import Volume
    from .dicom.seg_masks import SegmentMask

FORM: Final = "lung-rads@2022"  # whose form a JSON case of nodules is read by
Position = tuple[float, float, float]


def perceive_series(
    volume: Volume,
    at: Sequence[Position] = (),
    seg: Path | None = None,
    findings: Path | None = None,
    *,
    find: bool = False,
) -> Iterator[dict[str, Any]]:
    """One record a nodule: points first, then segments, stated findings, what the finder proposes; each in its order.

    ``at``: patient positions (x, y, z in mm, DICOM LPS). ``seg``: its segments that are no organs, on the series'
    own grid. ``findings``: JSON case, SR or SEG, each nodule with a position. ``find``: candidates, never findings.

    Raises:
        InputError: something cannot be used; nothing is perceived before everything is read.
        MissingKnowledge: the model is absent.
    """
    from ..engine.perception.axial import axial
    from ..engine.perception.in_series import nodule_at, nodule_of_mask
    from ..engine.perception.lung_nodule import LungNodule

    if not (at or seg or findings or find):
        options = "--at, --seg, --findings, --find"
        raise MissingField("command line", options, "none of them", "at least one", "Say where the nodules are.")
    points = [(f"at {n}", p) for n, p in enumerate(at, 1)]
    outlined = _segments(seg, volume) if seg else []
    stated = _stated(findings, volume) if findings else []
    stack = axial(volume)
    for _, place in (*points, *stated):
        stack.index_of(place)  # all are checked before the first is answered
    model = LungNodule()
    yield from (record(name, nodule_at(volume, p, model), volume) for name, p in points)
    for segment in outlined:
        yield record(segment.tracking_id, nodule_of_mask(volume, segment.mask, segment.start, model), volume)
    yield from (record(name, nodule_at(volume, p, model), volume) for name, p in stated)
    if find:
        yield from _proposed(volume, model)


def record(name: str, found: NoduleInSeries, volume: Volume) -> dict[str, Any]:
    """One line: the fields of ``perceive lung-nodule`` with where the nodule lies and how large it is in 3-D.

    Lengths in mm, volumes in mm3. ``slice`` is where the outline is largest; its fields are null where the series
    does not have that slice as an image.
    """
    from ..engine.perception.lung_nodule import as_record

    index = found.slice_index
    seen = as_record(0, found.reading)
    del seen["nodule_id"]
    return {
        "finding": name,
        "position_mm": [round(p, 2) for p in found.position_mm],
        "slice": {
            "index": index,
            "sop_instance_uid": volume.sop_uids[index] if index is not None and volume.sop_uids else None,
            "z_mm": None if index is None else round(volume.position_of((index, 0, 0))[2], 3),
        },
        **seen,
        "seen": found.seen,
        "volume_mm3": found.measured.volume_mm3,
        "volume_mm3_sd": found.measured.volume_sd_mm3,
        "solid_component": _solid(found),
        "in_distribution": found.in_distribution,
        "outside": list(found.outside),
    }


def _solid(found: NoduleInSeries) -> dict[str, Any] | None:
    """The solid part; null where the net rules out a part-solid nodule, so that nothing was looked for."""
    if found.solid is None:
        return None
    axes = found.solid.axes
    return {
        "volume_mm3": found.solid.volume_mm3,
        "volume_mm3_sd": found.solid.volume_sd_mm3,
        "long_mm": axes.long_mm if axes else None,
        "short_mm": axes.short_mm if axes else None,
        "mean_mm": axes.mean_mm if axes else None,
        "mean_mm_sd": axes.mean_sd_mm if axes else None,
    }


def _segments(path: Path, volume: Volume) -> list[SegmentMask]:
    from .dicom.seg import read_seg_report

    report = read_seg_report(path, volume)
    kept = [m for m, f in zip(report.masks, report.findings, strict=True) if f.kind != "structure"]
    if not kept:
        raise MissingField(path.name, "SegmentSequence", "organs only", "a segment of a lesion", "Give another SEG.")
    if not all(m.on_volume for m in kept):
        found = "segments that do not lie on the grid of the series"
        raise Contradiction(path.name, "", found, "the SEG of this series", "Give the series it was drawn on.")
    return kept


def _stated(path: Path, volume: Volume) -> list[tuple[str, Position]]:
    from ..engine.guideline.load import load_guideline
    from .stated import read_findings

    stated = read_findings(path, load_guideline(FORM), volume)
    nodules = [f for f in stated.findings if f.kind == "nodule"]
    for nodule in nodules:
        if nodule.position_mm is None:
            field = f"{nodule.tracking_id}.position_mm"
            raise MissingField(path.name, field, "no position", "[x, y, z] in mm", "State where it lies.")
    if not nodules:
        raise MissingField(path.name, "nodules", "none", "at least one", "Give findings of nodules.")
    return [(f.tracking_id, f.position_mm) for f in nodules if f.position_mm is not None]


def _proposed(volume: Volume, model: LungNodule) -> Iterator[dict[str, Any]]:
    """What the built-in finder proposes. A candidate is no finding: every one must be looked at."""
    from ..engine.perception.candidates import CandidateFinder
    from ..engine.perception.detect import findings_of
    from ..engine.perception.in_series import nodule_at

    finder = CandidateFinder()
    candidates = finder.detect(volume)
    for finding, candidate in zip(findings_of(candidates, finder, volume), candidates, strict=True):
        seen = record(finding.tracking_id, nodule_at(volume, candidate.position_mm, model), volume)
        yield {**seen, "found_by_program": {"name": finder.name, "score": candidate.score, "review_required": True}}


def position(text: str) -> Position:
    """``X,Y,Z`` of the command line.

    Raises:
        BadValue: no three numbers.
    """
    try:
        x, y, z = (float(part) for part in text.split(","))
    except ValueError as error:
        raise BadValue(
            "command line", "--at", "no three numbers", "X,Y,Z in mm, as -59.7,-14.1,-116", "Correct it."
        ) from error
    return x, y, z
