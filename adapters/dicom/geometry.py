"""Slices to one straight, evenly spaced stack, ordered along the slice normal (PS3.3 C.7.6.2.1.1).

File names and instance numbers play no part. What is no such stack is refused by name: resampling
would change what is measured, and a gap may hide a nodule.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from .errors import (
    BadGeometry,
    DuplicateSlices,
    GantryTilt,
    MissingGeometry,
    MissingSlices,
    MixedMatrix,
    MixedOrientation,
    MixedPixelSpacing,
    ShiftedSlices,
    UnevenSpacing,
)
from .headers import label
from .slices import Slice

# Direction cosines are written with 4 to 6 digits; 1e-3 shifts the rim of a 500 mm field by 0.25 mm.
_COSINE_TOLERANCE: Final = 1e-3
# Half a degree shears a chest of 350 mm by 3 mm, the size at which a nodule begins to count.
TILT_DEGREES: Final = 0.5
# Positions are commonly rounded to 0.01 mm, so that short stacks seem tilted by rounding alone.
_ROUNDING_MM: Final = 0.03
# Slices closer than this are at one place: no CT is reconstructed with a smaller step.
_SAME_PLACE_MM: Final = 0.01
# No scanner's room is larger; beyond it, sums of lengths lose their fractions.
_FARTHEST_MM: Final = 1e5
# A step may differ by 5 % (the error it puts on a volume); a slice may lie 10 % of a step beside its even place.
_STEP_TOLERANCE: Final = 0.05
_PLACE_TOLERANCE: Final = 0.10
_POSITION: Final = "ImagePositionPatient"

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Stack:
    """Slices in the order of their normal; spacing, origin and axes as ``Volume`` has them."""

    slices: tuple[Slice, ...]
    spacing_mm: tuple[float, float, float]
    origin_mm: tuple[float, float, float]
    axes: NDArray[np.float64]
    notes: tuple[str, ...]


def stacked(slices: Sequence[Slice]) -> Stack:
    """Order the slices of one series and measure the stack.

    Raises:
        MissingGeometry, BadGeometry: a slice cannot be placed.
        MixedMatrix, MixedPixelSpacing, MixedOrientation: the slices do not belong to one stack.
        DuplicateSlices, GantryTilt, ShiftedSlices, MissingSlices, UnevenSpacing: they form no even one.
    """
    for one in slices:
        _check_present(one)
    _check_alike(slices)
    axes = _axes(slices[0])
    slices = sorted(slices, key=lambda one: (float(_position(one) @ axes[0]), one.where))
    positions = np.array([one.position for one in slices], dtype=np.float64)
    step = _step(slices, positions, axes[0])
    between_rows, between_columns = slices[0].pixel_spacing or (0.0, 0.0)
    x, y, z = positions[0].tolist()
    notes = _notes(slices[0], between_rows, between_columns, axes, step)
    return Stack(tuple(slices), (step, between_rows, between_columns), (x, y, z), axes, notes)


def _position(one: Slice) -> Vector:
    return np.asarray(one.position, dtype=np.float64)


def _check_present(one: Slice) -> None:
    values = {_POSITION: one.position, "ImageOrientationPatient": one.orientation, "PixelSpacing": one.pixel_spacing}
    for keyword, value in values.items():
        if value is None:
            raise MissingGeometry(
                one.where,
                label(keyword),
                "nothing",
                "the place of the slice in the patient",
                "Export it again with it.",
            )
    if not all(0 < length < _FARTHEST_MM for length in one.pixel_spacing or ()):
        _bad(one, "PixelSpacing", str(one.pixel_spacing), "two lengths above 0 mm")
    if not all(abs(place) < _FARTHEST_MM for place in one.position or ()):
        _bad(one, _POSITION, str(one.position), f"three lengths below {_FARTHEST_MM:g} mm")


def _bad(one: Slice, keyword: str, found: str, allowed: str) -> None:
    raise BadGeometry(one.where, label(keyword), found, allowed, "Export the series again.")


def _check_alike(slices: Sequence[Slice]) -> None:
    first = slices[0]
    for one in slices:
        size, size_of_first = (one.image.rows, one.image.columns), (first.image.rows, first.image.columns)
        if size != size_of_first:
            _differs(MixedMatrix, "Rows", one, first, size, size_of_first)
        if not np.allclose(_known(one.pixel_spacing), _known(first.pixel_spacing), rtol=_COSINE_TOLERANCE, atol=0):
            _differs(MixedPixelSpacing, "PixelSpacing", one, first, one.pixel_spacing, first.pixel_spacing)
        if not np.allclose(_known(one.orientation), _known(first.orientation), rtol=0, atol=_COSINE_TOLERANCE):
            _differs(MixedOrientation, "ImageOrientationPatient", one, first, one.orientation, first.orientation)


def _known(values: tuple[float, ...] | None) -> Vector:
    return np.asarray(values, dtype=np.float64)


def _differs(error: type[Any], keyword: str, one: Slice, first: Slice, found: object, other: object) -> None:
    raise error(
        one.where,
        label(keyword),
        f"{found} where {first.where} has {other}",
        "the same in all slices of a series",
        "Take the slices that do not belong to the stack out, or export the series again.",
    )


def _axes(one: Slice) -> NDArray[np.float64]:
    """Unit vectors of increasing slice, row and column; the second is made exactly square to the third."""
    cosines = _known(one.orientation)
    along_row, along_column = np.split(cosines.clip(-2, 2), 2)  # larger ones are refused too, without an overflow
    products = [along_row @ along_row, along_column @ along_column, along_row @ along_column]
    if not np.allclose(products, [1, 1, 0], atol=2 * _COSINE_TOLERANCE):
        _bad(one, "ImageOrientationPatient", str(one.orientation), "two unit vectors at a right angle")
    along_row = along_row / np.linalg.norm(along_row)
    along_column = along_column - (along_column @ along_row) * along_row
    along_column /= np.linalg.norm(along_column)
    return np.stack([np.cross(along_row, along_column), along_column, along_row])


def _step(slices: Sequence[Slice], positions: Vector, normal: Vector) -> float:
    """The distance between neighbours; that of a single slice is its thickness."""
    if len(slices) == 1:
        return _thickness(slices[0])
    heights = positions @ normal
    _check_apart(slices, heights)
    _check_straight(slices, positions, heights, normal)
    _check_even(slices, heights)
    return round(float(heights[-1] - heights[0]) / (len(slices) - 1), 6)  # a nanometre: no more than float noise goes


def _thickness(one: Slice) -> float:
    if one.thickness is None or not 0 < one.thickness < _FARTHEST_MM:
        raise MissingGeometry(
            one.where,
            label("SliceThickness"),
            f"a single slice with the thickness {one.thickness}",
            "a length above 0 mm",
            "Give the whole series.",
        )
    return one.thickness


def _check_apart(slices: Sequence[Slice], heights: Vector) -> None:
    for i, gap in enumerate(np.diff(heights)):
        if gap < _SAME_PLACE_MM:
            raise DuplicateSlices(
                slices[i + 1].where,
                label(_POSITION),
                f"the place of {slices[i].where} ({_height(heights, i)}) with another image",
                "one image at each place",
                "Give one phase or reconstruction only.",
            )


def _check_straight(slices: Sequence[Slice], positions: Vector, heights: Vector, normal: Vector) -> None:
    way = positions[-1] - positions[0]
    beside = float(np.linalg.norm(way - (way @ normal) * normal))
    degrees = float(np.degrees(np.arctan2(beside, way @ normal)))
    if degrees > TILT_DEGREES and beside > _ROUNDING_MM:
        raise GantryTilt(
            slices[0].where,
            f"{label('ImageOrientationPatient')} against {_POSITION}",
            f"slices sheared by {degrees:.1f} degrees",
            f"at most {TILT_DEGREES} degrees",
            "Give a reconstruction without gantry tilt.",
        )
    share = (heights - heights[0]) / (heights[-1] - heights[0])
    off = np.linalg.norm(positions - positions[0] - share[:, None] * way, axis=1)
    worst = int(off.argmax())
    if off[worst] > min(_known(slices[0].pixel_spacing)) / 2 + _ROUNDING_MM:
        raise ShiftedSlices(
            slices[worst].where,
            label(_POSITION),
            f"{off[worst]:.2f} mm beside the stack",
            "at most half a pixel",
            "Give slices of one reconstruction with one field of view.",
        )


def _check_even(slices: Sequence[Slice], heights: Vector) -> None:
    gaps = np.diff(heights)
    step = float(np.sort(gaps)[(len(gaps) - 1) // 2])
    tolerance = max(_STEP_TOLERANCE * step, _ROUNDING_MM)
    missing = [i for i, gap in enumerate(gaps) if gap > 1.5 * step]
    if missing and all(abs(gaps[i] / step - round(gaps[i] / step)) <= _PLACE_TOLERANCE for i in missing):
        _gap(slices, heights, missing, step)
    if abs(gaps - step).max() > tolerance:
        _uneven(slices, int(abs(gaps - step).argmax()), heights, f"steps from {gaps.min():.2f} to {gaps.max():.2f} mm")
    drift = abs(heights - np.linspace(heights[0], heights[-1], len(heights)))
    if drift.max() > max(_PLACE_TOLERANCE * step, 2 * _ROUNDING_MM):
        _uneven(slices, int(drift.argmax()), heights, f"a step that drifts, by {drift.max():.2f} mm in all")


def _gap(slices: Sequence[Slice], heights: Vector, missing: list[int], step: float) -> None:
    count = sum(round((heights[i + 1] - heights[i]) / step) - 1 for i in missing)
    first = missing[0]
    raise MissingSlices(
        f"between {slices[first].where} and {slices[first + 1].where}",
        label(_POSITION),
        f"{count} missing slices in {len(missing)} gaps, the first between {_height(heights, first)} and "
        f"{_height(heights, first + 1)}",
        f"a slice every {step:.2f} mm",
        "Send the series again; a gap may hide a finding.",
    )


def _uneven(slices: Sequence[Slice], at: int, heights: Vector, found: str) -> None:
    raise UnevenSpacing(
        slices[at].where,
        label(_POSITION),
        f"{found}, worst at {_height(heights, at)}",
        f"even steps, within {100 * _STEP_TOLERANCE:.0f} %",
        "Give one reconstruction with one slice interval.",
    )


def _height(heights: Vector, index: int) -> str:
    return f"{heights[index]:.2f} mm along the normal"


def _notes(one: Slice, between_rows: float, between_columns: float, axes: Vector, step: float) -> tuple[str, ...]:
    notes = []
    if abs(between_rows - between_columns) > _COSINE_TOLERANCE * between_columns:
        notes.append(f"pixels are not square: {between_rows:g} mm between rows, {between_columns:g} mm between columns")
    if abs(axes[0, 2]) < 0.9:
        notes.append("the slices are not axial")
    if one.thickness and step > 1.5 * one.thickness:
        notes.append(f"slices of {one.thickness:g} mm every {step:g} mm: what lies between them was not imaged")
    return tuple(notes)
