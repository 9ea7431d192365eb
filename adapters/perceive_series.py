"""``radlogic perceive series``: a CT series and where its nodules are in, one record a nodule out.

``seen`` says that the net draws an outline there, not that a nodule is there. Where it draws none, nothing that it
would say is given, only why; an outline that somebody drew keeps its own size.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ..engine.errors import BadValue, Contradiction, MissingField
from .evidence_files import check_folder, write_picture

if TYPE_CHECKING:
    from ..engine.perception.in_series import NoduleInSeries
    from ..engine.perception.lung_nodule import LungNodule
    from ..engine.perception.volume import Volume
    from .dicom.seg_masks import SegmentMask

SAID_UNSEEN: Final = ("in_distribution", "ood_score", "outside")  # of a reading, where the net draws no outline
SIDES: Final = ("A", "R")  # at the top and the left: an ``AxialStack`` runs to the back and to the left
NO_NEGATIVE: Final = "no candidate does not mean no nodule"
FORM: Final = "lung-rads@2022"  # whose form a JSON case of nodules is read by
Position = tuple[float, float, float]


def perceive_series(
    volume: Volume,
    at: Sequence[Position] = (),
    seg: Path | None = None,
    findings: Path | None = None,
    *,
    find: bool = False,
    pictures: Path | None = None,
) -> Iterator[dict[str, Any]]:
    """One record a nodule: points first, then segments, stated findings, what the finder proposes; each in its order.

    ``at``: patient positions (x, y, z in mm, DICOM LPS). ``seg``: its segments that are no organs, on the series'
    own grid. ``findings``: JSON case, SR or SEG, each nodule with a position. ``find``: candidates, never findings,
    and after them one record of the search itself, whatever it found. ``pictures``: a folder for an evidence picture
    of each nodule that is seen, ``1.png`` for the first record and so on, written before the record.

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
    if pictures is not None:
        check_folder(pictures, pictures)
    points = [(f"at {n}", p) for n, p in enumerate(at, 1)]
    outlined = _segments(seg, volume) if seg else []
    stated = _stated(findings, volume) if findings else []
    stack = axial(volume)
    for _, place in (*points, *stated):
        stack.index_of(place)  # all are checked before the first is answered
    told = _Told(volume, LungNodule(), pictures)
    yield from (told.record(name, nodule_at(volume, p, told.model)) for name, p in points)
    for segment in outlined:
        yield told.record(segment.tracking_id, nodule_of_mask(volume, segment.mask, segment.start, told.model))
    yield from (told.record(name, nodule_at(volume, p, told.model)) for name, p in stated)
    if find:
        yield from _proposed(told)


@dataclass(slots=True)
class _Told:
    """The records of one series, counted, each with its picture where pictures are wanted."""

    volume: Volume
    model: LungNodule
    pictures: Path | None
    count: int = 0

    def record(self, name: str, found: NoduleInSeries) -> dict[str, Any]:
        """The next one. Its picture has the record's number for a name: a tracking id may not name a file."""
        self.count += 1
        said = record(name, found, self.volume)
        if self.pictures is None:
            return said
        picture = f"{self.count}.png" if found.seen else None
        if picture:
            self._draw(self.pictures / picture, found)
        return {**said, "picture": picture}

    def _draw(self, path: Path, found: NoduleInSeries) -> None:
        from ..engine.perception.axial import axial

        hu = axial(self.volume).crop(found.place, len(found.reading.mask))
        reading = replace(found.reading, outside=found.outside)
        write_picture(path, self.model, hu, found.spacing_mm[1], reading, f"Nodule {self.count}", SIDES)


def record(name: str, found: NoduleInSeries, volume: Volume) -> dict[str, Any]:
    """One line: the fields of ``perceive lung-nodule`` with where the nodule lies and how large it is in 3-D.

    Lengths in mm, volumes in mm3. ``slice`` is where the outline is largest; its fields are null where the series
    does not have that slice as an image. ``mask_long_mm`` and ``mask_short_mm`` are of the mask that the volume is of,
    somebody's or what the net followed. Where no nodule is ``seen`` only ``outside`` says something, and the size of
    an outline that somebody drew.
    """
    index = found.slice_index
    measured = found.measured if found.seen or found.drawn else None
    return {
        "finding": name,
        "position_mm": [round(p, 2) for p in found.position_mm],
        "slice": {
            "index": index,
            "sop_instance_uid": volume.sop_uids[index] if index is not None and volume.sop_uids else None,
            "z_mm": None if index is None else round(volume.position_of((index, 0, 0))[2], 3),
        },
        **_read(found),
        "seen": found.seen,
        "mask_long_mm": measured.axes.long_mm if measured else None,
        "mask_short_mm": measured.axes.short_mm if measured else None,
        "volume_mm3": measured.volume_mm3 if measured else None,
        "volume_mm3_sd": measured.volume_sd_mm3 if measured else None,
        "solid_component": _solid(found),
        "in_distribution": found.in_distribution,
        "outside": list(found.outside),
    }


def _read(found: NoduleInSeries) -> dict[str, Any]:
    """What the net says on the slice; all of it null where it draws no outline."""
    from ..engine.perception.lung_nodule import as_record

    said = as_record(0, found.reading)
    del said["nodule_id"]
    return {name: value if found.seen or name in SAID_UNSEEN else None for name, value in said.items()}


def _solid(found: NoduleInSeries) -> dict[str, Any] | None:
    """The solid part; null where none was looked for: no nodule is seen, or the net rules out a part-solid one.

    One that is not seen has no size, only what it is ``at_most_mm3``: it may be too small to be seen.
    """
    if found.solid is None or not found.seen:
        return None
    axes = found.solid.axes
    return {
        "volume_mm3": found.solid.volume_mm3 if axes else None,
        "volume_mm3_sd": found.solid.volume_sd_mm3 if axes else None,
        "at_most_mm3": found.solid.at_most_mm3,
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


def _proposed(told: _Told) -> Iterator[dict[str, Any]]:
    """What the built-in finder proposes, then how it searched. A candidate is no finding: each must be looked at."""
    from ..engine.perception.candidates import CandidateFinder
    from ..engine.perception.detect import findings_of
    from ..engine.perception.in_series import nodule_at

    finder = CandidateFinder(net=told.model)
    search = finder.search(told.volume)
    named = findings_of(search.candidates, finder, told.volume)
    for finding, candidate in zip(named, search.candidates, strict=True):
        seen = told.record(finding.tracking_id, nodule_at(told.volume, candidate.position_mm, told.model))
        yield {**seen, "found_by_program": {"name": finder.name, "score": candidate.score, "review_required": True}}
    yield {
        "finder": finder.name,
        "looked": search.looked,
        "candidates": len(search.candidates),
        "outside": list(search.outside),
        "review_required": True,
        "note": NO_NEGATIVE,
    }


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
