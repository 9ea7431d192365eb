"""A nodule in a whole series: from a point, a box or a mask to its extent, its largest slice and all beliefs there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..errors import BadValue
from .axial import Place, Position, axial
from .calibration import Raw
from .follow import REACH_MM, Followed, Sight, filled, follow, middle
from .grid import PIXEL_MM, SIDE
from .lung_nodule import LungNodule, NoduleReading, reading
from .measure import TOUCHING, Mask, Measured3D, measure_volume, with_outline_error
from .reader_error import shipped_reader_error
from .solid import SolidComponent, solid_component
from .volume import Volume

PART_SOLID: Final = "part_solid"

# Share of the pixels 1 to 4 mm outside of an outline that are below LUNG_HU: 995 of 1,000 LIDC nodules have more.
LUNG_HU: Final = -500
LUNG_SHARE: Final = 0.2
BESIDE_MM: Final = (1.0, 4.0)

# Two outlines beyond either are not of one nodule. From 7 mm on nine readers in ten differ by less than this factor
# (``reader_error``); the Dice is set, not fitted.
SAME_DICE: Final = 0.5
SAME_SIZE: Final = 1.5


@dataclass(frozen=True, slots=True, eq=False)
class NoduleInSeries:
    """A nodule as a series shows it.

    ``reading``: on the axial slice of largest area; its mask lies on a crop around ``place``. ``mask``: bool (slices,
    rows, columns) of voxels of ``spacing_mm``, from ``start`` on: slices, rows and columns of the ``AxialStack``.
    ``slice_index`` counts the volume's own slices; None where they are not axial. ``position_mm``: the middle of the
    mask. ``solid``: only where the nodule may be part-solid. ``seen``: whether the net draws an outline where it was
    pointed to, not whether a nodule is there; else the rest is of the point itself, or of the nearest nodule.
    ``drawn``: the mask, and with it ``measured``, is somebody's and not the net's. ``outside``: why the answer must
    not be relied on.
    """

    seen: bool
    reading: NoduleReading
    place: Place
    slice_index: int | None
    position_mm: Position
    mask: Mask
    start: Place
    spacing_mm: tuple[float, float, float]
    measured: Measured3D
    solid: SolidComponent | None
    drawn: bool = False
    outside: tuple[str, ...] = ()

    @property
    def in_distribution(self) -> bool:
        """Nothing speaks against relying on the answer."""
        return not self.outside


def nodule_at(volume: Volume, position_mm: Position, model: LungNodule) -> NoduleInSeries:
    """The nodule that a point lies in, wherever in it. Where the net sees none there, ``outside`` says so.

    Raises:
        BadValue: the point is no position in the series.
        Unsupported: the series cannot be shown in axial slices.
    """
    sight = Sight(axial(volume), model)
    index = sight.stack.index_of(position_mm)
    found = follow(sight, index)
    if not found.outlines:
        return _nothing(sight, index)
    mask, first = filled(sight, found.place, found.outlines)
    corner = (first, found.place[1] - sight.half, found.place[2] - sight.half)
    why = tuple(_not_there(found))
    return _told(sight, found.place, _alone(sight, found), (mask, corner), why)


def _not_there(found: Followed) -> Iterator[str]:
    """Why what was followed is not a nodule around the point."""
    if found.away_mm > REACH_MM:
        yield f"the point lies {found.away_mm:.0f} mm from the nodule that is seen"
    if not found.settled:
        yield "what is seen has no middle where its outline comes to rest, as a nodule's does"


def nodule_in_box(volume: Volume, box_mm: tuple[Position, Position], model: LungNodule) -> NoduleInSeries:
    """The nodule in the middle of a box, given by two opposite corners in patient coordinates.

    Raises:
        BadValue, Unsupported: as ``nodule_at``.
    """
    low, high = np.minimum(*box_mm), np.maximum(*box_mm)
    x, y, z = ((low + high) / 2).tolist()
    found = nodule_at(volume, (x, y, z), model)
    beyond = float(np.maximum(low - found.position_mm, np.array(found.position_mm) - high).max())
    why = (f"the middle of what is seen lies {beyond:.0f} mm outside of the box",) if beyond > REACH_MM else ()
    return replace(found, seen=found.seen and not why, outside=(*why, *found.outside))


def nodule_of_mask(volume: Volume, mask: Mask, start: Place, model: LungNodule) -> NoduleInSeries:
    """A nodule that somebody outlined: bool (slices, rows, columns) of the volume's voxels, from ``start`` on.

    Extent and volume are the mask's, with the error of one reader's outline; the net reads the slice where it is
    largest, and draws its own outline there. Where that is another one, or none, ``outside`` says so.

    Raises:
        BadValue: the mask is empty or reaches beyond the volume.
        Unsupported: the series cannot be shown in axial slices.
    """
    _check(volume, mask, start)
    sight = Sight(axial(volume), model)
    shown, corner = sight.stack.shown(mask, start)
    k = int(np.count_nonzero(shown, axis=(1, 2)).argmax())
    rows, columns = np.nonzero(shown[k])
    place = (corner[0] + k, corner[1] + middle(rows), corner[2] + middle(columns))
    drawn = _on_crop(sight, place, shown[k], corner)
    why = () if sight.outline(place, drawn) is not None else ("the net draws no outline where the mask lies",)
    found = _told(sight, place, sight.at(place).raw, (shown, corner), why, drawn=True)
    return replace(found, outside=(*found.outside, *_contradictions(found, drawn)))


def _on_crop(sight: Sight, place: Place, outline: Mask, corner: Place) -> Mask:
    """An outline (rows, columns) that begins at ``corner``, on the crop around a place; what lies beyond is cut."""
    rows, columns = (i + corner[n] - place[n] + sight.half for n, i in enumerate(np.nonzero(outline), 1))
    within = (np.minimum(rows, columns) >= 0) & (np.maximum(rows, columns) < sight.side)
    crop = np.zeros((sight.side, sight.side), dtype=bool)
    crop[rows[within], columns[within]] = True
    return crop


def _contradictions(found: NoduleInSeries, drawn: Mask) -> Iterator[str]:
    """What speaks against an outline that was given: the net's own one, and sizes of which no error is known."""
    given, seen = found.measured.axes.mean_mm, found.reading.mean_mm
    dice = 2 * np.count_nonzero(drawn & found.reading.mask) / (np.count_nonzero(drawn) + found.reading.mask.sum())
    if found.seen and (dice < SAME_DICE or max(given, seen) > SAME_SIZE * min(given, seen)):
        yield f"the outline given is {given:.1f} mm wide, the net's {seen:.1f} mm; they overlap by a Dice of {dice:.2f}"
    yield from (f"the error of the volume is not known: {why}" for why in shipped_reader_error().outside(given))


def _check(volume: Volume, mask: Mask, start: Place) -> None:
    if mask.ndim != 3 or mask.dtype != np.bool_ or not mask.any():
        found = f"{mask.dtype} {mask.shape}, {np.count_nonzero(mask)} voxels set"
        raise BadValue("mask", "", found, "bool, three axes, not empty", "Give the mask of this series.")
    if any(s < 0 or s + n > most for s, n, most in zip(start, mask.shape, volume.hu.shape, strict=True)):
        found = f"{mask.shape} voxels from {start} on"
        raise BadValue("mask", "start", found, f"within {volume.hu.shape}", "Give the mask of this series.")


def _nothing(sight: Sight, index: Position) -> NoduleInSeries:
    """What is said of a point where the net draws no outline: its reading there, not to be relied on."""
    k, r, c = (max(0, min(round(i), n - 1)) for i, n in zip(index, sight.stack.shape, strict=True))
    point = np.ones((1, 1, 1), dtype=bool)
    raw = sight.at((k, r, c)).raw
    return _told(sight, (k, r, c), raw, (point, (k, r, c)), ("no nodule is seen at this point",))


def _alone(sight: Sight, found: Followed) -> Raw:
    """What the net says at the nodule's place, the mask without parts that are not the nodule's."""
    raw = sight.at(found.place).raw
    parts, count = ndimage.label(raw.mask >= sight.bar, TOUCHING)
    if count < 2:
        return raw
    _, nearest = ndimage.distance_transform_edt(parts == 0, return_indices=True)
    own = parts[tuple(nearest[:, SIDE // 2, SIDE // 2])]
    return replace(raw, mask=np.where((parts > 0) & (parts != own), 0, raw.mask))


def _told(
    sight: Sight, place: Place, raw: Raw, whole: tuple[Mask, Place], why: tuple[str, ...], *, drawn: bool = False
) -> NoduleInSeries:
    """``whole``: the mask and where it starts; ``why`` it is not seen; ``drawn``: somebody's and not the net's."""
    stack = sight.stack
    thickness = stack.volume.acquisition.slice_thickness_mm
    read = reading(raw, sight.model.calibration, stack.pixel_mm, thickness, (sight.side, sight.side))
    mask, start = _trimmed(*whole)
    spacing = (stack.step_mm, stack.pixel_mm, stack.pixel_mm)
    centre = np.argwhere(mask).mean(axis=0) + start
    measured = measure_volume(mask, spacing)
    sd_mm = shipped_reader_error().sd_mm(measured.axes.mean_mm) if drawn else read.sd_mm
    return NoduleInSeries(
        seen=not why,
        reading=read,
        place=place,
        slice_index=place[0] if stack.acquired else None,
        position_mm=stack.position_of((float(centre[0]), float(centre[1]), float(centre[2]))),
        mask=mask,
        start=start,
        spacing_mm=spacing,
        measured=with_outline_error(measured, sd_mm),
        solid=_solid(sight, mask, start, spacing) if PART_SOLID in read.texture_set else None,
        drawn=drawn,
        outside=(*why, *_objections(sight, place, read, mask, start), *read.outside),
    )


def _trimmed(mask: Mask, start: Place) -> tuple[Mask, Place]:
    """Cut to the voxels that are set."""
    box = tuple(slice(int(i.min()), int(i.max()) + 1) for i in np.nonzero(mask))
    k, r, c = (s + b.start for s, b in zip(start, box, strict=True))
    return mask[box], (k, r, c)


def _solid(sight: Sight, mask: Mask, start: Place, spacing_mm: tuple[float, float, float]) -> SolidComponent:
    side = max(mask.shape[1:]) // 2 * 2 + 1
    rows, columns = (start[n] + side // 2 for n in (1, 2))
    crops = [sight.stack.crop((start[0] + n, rows, columns), side) for n in range(len(mask))]
    hu = np.stack(crops)[:, : mask.shape[1], : mask.shape[2]]
    return solid_component(hu, mask, spacing_mm)


def _objections(sight: Sight, place: Place, read: NoduleReading, mask: Mask, start: Place) -> Iterator[str]:
    """Why the answer must not be relied on, beside what the reading says by itself."""
    stack, modality = sight.stack, sight.stack.volume.acquisition.modality
    if modality != sight.model.calibration.domain.modality:
        yield f"modality {modality}, measured on {sight.model.calibration.domain.modality}"
    if not stack.acquired:
        yield "the slices are not axial; what is read is interpolated between them"
    if _reaches_the_rim(read.mask, stack.pixel_mm):
        yield f"the outline reaches the rim of what the net sees ({SIDE * PIXEL_MM:.0f} mm across)"
    ends = zip(start, mask.shape, stack.shape, strict=True)
    if any(s <= 0 or s + n >= most for s, n, most in ends):
        yield "the nodule reaches the end of the images, which may cut it off"
    share = _lung_beside(sight.crop(place), read.mask, stack.pixel_mm)
    if share < LUNG_SHARE:
        yield f"lung makes up {share:.0%} of what is beside the outline; less than {LUNG_SHARE:.0%} is no lung nodule's"


def _reaches_the_rim(mask: Mask, pixel_mm: float) -> bool:
    rows, columns = np.nonzero(mask)
    half = mask.shape[0] // 2
    reach = (SIDE - 1) / 2 * PIXEL_MM / pixel_mm - 1
    return bool(max(np.abs(rows - half).max(), np.abs(columns - half).max()) >= reach)


def _lung_beside(hu: NDArray[np.int16], mask: Mask, pixel_mm: float) -> float:
    """Share of aerated lung among the pixels around an outline."""
    away = ndimage.distance_transform_edt(~mask) * pixel_mm
    beside = hu[(away > BESIDE_MM[0]) & (away < BESIDE_MM[1])]
    return float((beside < LUNG_HU).mean()) if beside.size else 0.0
