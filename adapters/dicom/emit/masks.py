"""Masks of lesions on a series' grid, and who drew them: somebody's segmentation, or the net around a stated place."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from ....engine.errors import BadValue, Contradiction, Unsupported
from ....engine.types import FOUND_BY_PROGRAM, Finding
from ..own import NET
from .authors import PEOPLE, Author

if TYPE_CHECKING:
    from ....engine.perception.axial import AxialStack
    from ....engine.perception.lung_nodule import LungNodule
    from ....engine.perception.volume import Volume
    from ..seg_masks import SegmentMask

Mask = NDArray[np.bool_]
Index = tuple[int, int, int]
KIND: Final = "nodule"  # what the net outlines


@dataclass(frozen=True, slots=True)
class Drawn:
    """Who drew a mask; ``pointed``: a human said where, and a program drew it there."""

    author: Author = PEOPLE
    version: str = ""
    pointed: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class LesionMask:
    """One lesion's voxels: bool (slices, rows, columns), cut to a box that begins at voxel ``start`` of the volume.

    Raises:
        BadValue: the mask is empty or has not three axes.
    """

    tracking_id: str
    kind: str
    location: str
    mask: Mask = field(repr=False)
    start: Index
    drawn: Drawn = Drawn()

    def __post_init__(self) -> None:
        if self.mask.ndim != 3 or self.mask.dtype != np.bool_ or not self.mask.any():
            found = f"{self.mask.dtype} {self.mask.shape}, {np.count_nonzero(self.mask)} voxels set"
            raise BadValue("mask", self.tracking_id, found, "bool, three axes, not empty", "Give the lesion's mask.")


def masks_drawn(findings: Iterable[Finding], segments: Sequence[SegmentMask], where: str) -> Iterator[LesionMask]:
    """The masks of somebody's segmentation that are of these findings, by tracking identifier.

    Raises:
        Contradiction: such a segment does not lie on the grid of the series.
    """
    by_name = {segment.tracking_id: segment for segment in segments}
    for finding in findings:
        segment = by_name.get(finding.tracking_id)
        if segment is None:
            continue
        if not segment.on_volume:
            found = "a segment that does not lie on the grid of the series"
            raise Contradiction(where, "", found, "the SEG of this series", "Give the series it was drawn on.")
        yield LesionMask(finding.tracking_id, finding.kind, finding.location, segment.mask, segment.start)


def masks_seen(volume: Volume, findings: Iterable[Finding], model: LungNodule) -> Iterator[LesionMask]:
    """What the net outlines at the stated places of nodules; nothing where it sees none or may not be relied on.

    Raises:
        BadValue: a position outside of the series.
        Unsupported: a series that cannot be shown in axial slices.
    """
    from ....engine.perception.axial import axial
    from ....engine.perception.in_series import nodule_at

    stack = axial(volume)
    for finding in findings:
        if finding.kind != KIND or finding.position_mm is None:
            continue
        seen = nodule_at(volume, finding.position_mm, model)
        if not seen.seen or seen.outside:
            continue
        mask, start = stored(stack, seen.mask, seen.start)
        pointed = FOUND_BY_PROGRAM not in finding.facts
        by = Drawn(Author(NET, model.name), f"sha256 {model.sha256[:16]}", pointed)
        yield LesionMask(finding.tracking_id, finding.kind, finding.location, mask, start, by)


def stored(stack: AxialStack, mask: Mask, start: Index) -> tuple[Mask, Index]:
    """A mask of a stack's slices, rows and columns as voxels of its volume, and where it starts there.

    Inverse of ``AxialStack.shown`` where pixels are square; else each voxel takes the nearest of the stack's.
    """
    picked: list[NDArray[np.int64]] = [np.empty(0, np.int64)] * 3
    corner = [0, 0, 0]
    for n, (axis, sign, stretch) in enumerate(zip(stack.axis, stack.sign, stack.stretch, strict=True)):
        size = stack.volume.hu.shape[axis]
        low, high = start[n], start[n] + mask.shape[n]
        here = np.arange(math.ceil((low - 0.5) * stretch), math.ceil((high - 0.5) * stretch))
        here = here[(here >= 0) & (here < size)]
        if not len(here):
            raise Unsupported("mask", "", "thinner than a voxel", "at least one voxel each way", "Draw it larger.")
        nearest = np.clip(np.rint(here / stretch).astype(np.int64) - low, 0, mask.shape[n] - 1)
        picked[axis] = nearest if sign > 0 else nearest[::-1]
        corner[axis] = int(here[0] if sign > 0 else size - 1 - here[-1])
    return mask.transpose(np.argsort(stack.axis))[np.ix_(*picked)], (corner[0], corner[1], corner[2])
