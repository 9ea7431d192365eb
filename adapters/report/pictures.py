"""Pictures of the findings: the slice through each, in its usual window, with a box round the stated place."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from ...engine.perception.volume import Volume
from ...engine.types import Facts, Known, Measured
from .phrases import phrase
from .view import Lesion
from .words import called

SIDE_PX = 360  # longest side of each picture
DETAIL_MM = 60.0  # side of the enlarged part
LEAST_BOX_MM = 16.0  # a box smaller than this would hide what it shows
MARK, BLACK = (255, 214, 0), (0, 0, 0)
SIDES = {(0, 1): "L", (0, -1): "R", (1, 1): "P", (1, -1): "A", (2, 1): "H", (2, -1): "F"}


@dataclass(frozen=True, slots=True)
class Window:
    """The greys of a picture: its middle and its width from black to white, in Hounsfield units."""

    name: str
    centre: int
    width: int


LUNG = Window("lung window", -600, 1500)  # the usual settings of CT reading
SOFT = Window("soft tissue window", 40, 400)
SAID = {LUNG: "picture.lung", SOFT: "picture.soft"}
WINDOWS = {"observation": SOFT}  # by the finding's kind; LI-RADS calls its lesions observations


@dataclass(frozen=True, slots=True)
class Picture:
    """A PNG as base64 text, its size in pixels, and what it shows in words."""

    png: str
    width: int
    height: int
    alt: str


@dataclass(frozen=True, slots=True)
class Slice:
    """A slice turned as people read it: patient's right on the left, front up (head up if upright).

    ``hu`` (rows, columns), ``at`` the finding's fractional (row, column), ``spacing`` mm per row and
    column, ``top`` and ``left`` the letters of the patient's sides there, ``number`` counted from 1.
    """

    hu: NDArray[np.int16]
    at: tuple[float, float]
    spacing: tuple[float, float]
    top: str
    left: str
    number: int


def pictures_of(found: Lesion, volume: Volume) -> tuple[tuple[Picture, ...], str]:
    """The whole slice and an enlarged part of it, with their caption.

    No picture and a caption that says why where the finding has no position or lies outside the
    images: a wrong slice would be worse than none.
    """
    position = found.finding.position_mm
    if position is None:
        return (), phrase("picture.no_position")
    cut = slice_at(volume, position)
    if cut is None:
        return (), phrase("picture.outside")
    window = WINDOWS.get(found.finding.kind, LUNG)
    return drawn(cut, window, found), caption(cut, window, volume.hu.shape[0])


def drawn(cut: Slice, window: Window, found: Lesion) -> tuple[Picture, ...]:
    """Both pictures of a finding."""
    greys, box = windowed(cut.hu, window), max(2 * size_mm(found.shown), LEAST_BOX_MM)
    name, of = called(found.finding.tracking_id), phrase(SAID[window])
    what = phrase("picture.what", finding=name, number=str(cut.number), window=of)
    both = phrase("picture.whole", what=what), phrase("picture.detail", what=what)
    return whole(greys, cut, box, both[0]), detail(greys, cut, box, both[1])


def caption(cut: Slice, window: Window, slices: int) -> str:
    """Which slice it is, in which greys, and what the box is not."""
    greys = {"window": phrase(SAID[window]), "centre": str(window.centre), "width": str(window.width)}
    which = {"number": str(cut.number), "slices": str(slices), "part": f"{DETAIL_MM:.0f}"}
    return phrase("picture.caption", **which, **greys)


def size_mm(facts: Facts) -> float:
    """The lesion's largest stated size, 0 where none is."""
    stated = [facts.get(name) for name in ("mean_mm", "size_mm", "long_mm")]
    known = [float(b.value) for b in stated if isinstance(b, Known) and isinstance(b.value, Decimal)]
    return max([*known, *(b.mean for b in stated if isinstance(b, Measured))], default=0.0)


def slice_at(volume: Volume, position: tuple[float, float, float]) -> Slice | None:
    """The slice nearest to a position, None where the position lies outside the voxels."""
    index = volume.index_of(position)
    if not all(-0.5 <= i <= n - 0.5 for i, n in zip(index, volume.hu.shape, strict=True)):
        return None
    number = min(max(round(index[0]), 0), volume.hu.shape[0] - 1)
    hu, (row, column) = volume.hu[number], index[1:]
    down, right = main_direction(volume.axes[1]), main_direction(volume.axes[2])
    if down in ((1, -1), (2, 1), (0, -1)):  # rows should run to the back or the feet
        hu, row, down = hu[::-1], hu.shape[0] - 1 - row, (down[0], -down[1])
    if right in ((0, -1), (1, -1), (2, 1)):  # columns to the patient's left, or to the back
        hu, column, right = hu[:, ::-1], hu.shape[1] - 1 - column, (right[0], -right[1])
    top, left = SIDES[(down[0], -down[1])], SIDES[(right[0], -right[1])]
    return Slice(hu, (row, column), (volume.spacing_mm[1], volume.spacing_mm[2]), top, left, number + 1)


def main_direction(axis: NDArray[np.float64]) -> tuple[int, int]:
    """Which patient axis (0 x, 1 y, 2 z) a direction mostly follows, and its sign."""
    main = int(np.argmax(np.abs(axis)))
    return main, 1 if axis[main] > 0 else -1


def windowed(hu: NDArray[np.int16], window: Window) -> Image.Image:
    """Hounsfield units as 8-bit greys."""
    low = window.centre - window.width / 2
    grey = np.clip((hu.astype(np.float32) - low) / window.width, 0, 1) * 255
    return Image.fromarray(grey.astype(np.uint8))


def whole(greys: Image.Image, cut: Slice, box_mm: float, alt: str) -> Picture:
    """The whole slice, pixels made square, with letters for the sides."""
    high, wide = greys.height * cut.spacing[0], greys.width * cut.spacing[1]
    scale = SIDE_PX / max(high, wide)  # pixels per mm
    size = (max(round(wide * scale), 1), max(round(high * scale), 1))
    image = greys.resize(size, Image.Resampling.BILINEAR).convert("RGB")
    row, column = ((at + 0.5) * spacing * scale for at, spacing in zip(cut.at, cut.spacing, strict=True))
    mark(image, (row, column), box_mm * scale)
    ink: dict[str, Any] = {"fill": MARK, "font": ImageFont.load_default(size=15), "stroke_width": 2}
    draw = ImageDraw.Draw(image)
    draw.text((5, size[1] / 2), cut.left, anchor="lm", stroke_fill=BLACK, **ink)
    draw.text((size[0] / 2, 4), cut.top, anchor="mt", stroke_fill=BLACK, **ink)
    return as_png(image, alt)


def detail(greys: Image.Image, cut: Slice, box_mm: float, alt: str) -> Picture:
    """The part round the finding, enlarged; black where the image ends."""
    row, column = cut.at[0] + 0.5, cut.at[1] + 0.5
    up, side = (DETAIL_MM / 2 / spacing for spacing in cut.spacing)
    area = (column - side, row - up, column + side, row + up)
    enlarged = greys.transform((SIDE_PX, SIDE_PX), Image.Transform.EXTENT, area, Image.Resampling.BILINEAR)
    image = enlarged.convert("RGB")
    mark(image, (SIDE_PX / 2, SIDE_PX / 2), box_mm * SIDE_PX / DETAIL_MM)
    return as_png(image, alt)


def mark(image: Image.Image, centre: tuple[float, float], side: float) -> None:
    """A thin box round (row, column) in pixels of the picture."""
    row, column, half = centre[0], centre[1], side / 2
    ImageDraw.Draw(image).rectangle((column - half, row - half, column + half, row + half), outline=MARK, width=1)


def as_png(image: Image.Image, alt: str) -> Picture:
    """A picture for the page."""
    held = io.BytesIO()
    image.save(held, format="PNG")
    return Picture(base64.b64encode(held.getvalue()).decode("ascii"), image.width, image.height, alt)
