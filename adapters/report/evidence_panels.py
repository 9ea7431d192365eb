"""The panels of an evidence picture: a crop in greys, and what is drawn on it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from ...engine.perception.axis_ends import DrawnAxes, Ends
from ...engine.perception.grid import PIXEL_MM, SIDE
from ...engine.perception.saliency import SaliencyMap
from .pictures import LUNG, Window, windowed

Colour = tuple[int, int, int]

PANEL: Final = 344  # pixels, the longer side of a crop
INK: Final = (17, 17, 17)
PAPER: Final = (255, 255, 255)
BLACK: Final = (0, 0, 0)
# Colours that people with any common colour blindness tell apart (Okabe and Ito 2008).
YELLOW: Final = (240, 228, 66)
SKY: Final = (86, 180, 233)
ORANGE: Final = (230, 159, 0)
BLUE: Final = (0, 114, 178)
VERMILION: Final = (213, 94, 0)
GREY: Final = (120, 120, 120)
STRONGEST: Final = 0.75  # of a colour over the greys, so that what it lies on can still be seen
FAINT: Final = 0.05  # the least change that is given the full colour: a map of next to nothing stays grey


@cache
def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Pillow's own font, which has little beyond ASCII."""
    return ImageFont.load_default(size)


@dataclass(frozen=True, slots=True)
class View:
    """A crop of ``rows`` x ``columns`` square pixels of ``spacing_mm``, enlarged to fill a panel, its middle kept."""

    rows: int
    columns: int
    spacing_mm: float

    @property
    def scale(self) -> float:
        """Pixels of the panel to one of the crop."""
        return PANEL / max(self.rows, self.columns)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the crop on the panel."""
        return max(round(self.columns * self.scale), 1), max(round(self.rows * self.scale), 1)

    @property
    def corner(self) -> tuple[int, int]:
        """Left and top of the crop on the panel."""
        return (PANEL - self.size[0]) // 2, (PANEL - self.size[1]) // 2

    def at(self, row: float, column: float) -> tuple[int, int]:
        """(x, y) on the panel of a place on the crop; (0, 0) being the corner of its first pixel."""
        left, top = self.corner
        return left + round(column * self.scale), top + round(row * self.scale)


def greys(hu: NDArray[np.int16], window: Window, view: View) -> Image.Image:
    """The crop as a square panel, black where it does not reach."""
    panel = Image.new("RGB", (PANEL, PANEL), BLACK)
    panel.paste(windowed(hu, window).resize(view.size, Image.Resampling.BICUBIC).convert("RGB"), view.corner)
    return panel


def outline(panel: Image.Image, mask: NDArray[np.bool_], view: View) -> None:
    """A line along the outer sides of the mask's pixels."""
    draw = ImageDraw.Draw(panel)
    framed = np.pad(mask, 1).astype(np.int8)
    for r, c in np.argwhere(np.diff(framed, axis=0)[:, 1:-1]).tolist():
        draw.line((*view.at(r, c), *view.at(r, c + 1)), fill=YELLOW, width=2)
    for r, c in np.argwhere(np.diff(framed, axis=1)[1:-1]).tolist():
        draw.line((*view.at(r, c), *view.at(r + 1, c)), fill=YELLOW, width=2)


def axes(panel: Image.Image, found: DrawnAxes, view: View) -> None:
    """The long and the short axis."""
    line(panel, found.long, view, SKY)
    line(panel, found.short, view, ORANGE)


def line(panel: Image.Image, ends: Ends, view: View, colour: Colour) -> None:
    """A line between two places given by pixel centres."""
    (r0, c0), (r1, c1) = ends
    along = (*view.at(r0 + 0.5, c0 + 0.5), *view.at(r1 + 0.5, c1 + 0.5))
    ImageDraw.Draw(panel).line(along, fill=colour, width=2)


def scale_bar(panel: Image.Image, view: View) -> None:
    """A bar of 1, 5, 10 or 50 mm, the longest that takes up to a third of the panel."""
    per_mm = view.scale / view.spacing_mm
    mm = max([n for n in (1, 5, 10, 50) if n * per_mm <= PANEL / 3], default=1)
    draw, y, left = ImageDraw.Draw(panel), PANEL - 12, 12
    right = left + round(mm * per_mm)
    draw.line((left - 1, y, right + 1, y), fill=BLACK, width=6)
    draw.line((left, y, right, y), fill=PAPER, width=3)
    label(panel, (left, y - 6), f"{mm} mm", "ls")


def label(panel: Image.Image, at: tuple[int, int], text: str, anchor: str) -> None:
    """White words that can be read on any grey."""
    ImageDraw.Draw(panel).text(at, text, PAPER, font(14), anchor, stroke_width=2, stroke_fill=BLACK)


def letters(panel: Image.Image, sides: tuple[str, str] | None) -> None:
    """The patient's sides at the top and the left, where they are known."""
    if sides is not None:
        label(panel, (PANEL // 2, 5), sides[0], "mt")
        label(panel, (6, PANEL // 2), sides[1], "lm")


def coloured(hu: NDArray[np.int16], found: SaliencyMap, view: View) -> Image.Image:
    """The crop in greys under the colours of a map, with a frame round what the net sees."""
    strength = np.clip(found.fall / full_colour(found), -1, 1)
    opaque = Image.fromarray((np.abs(strength) * STRONGEST * 255).round().astype(np.uint8))
    tint = Image.new("RGB", view.size, VERMILION)
    tint.paste(BLUE, mask=Image.fromarray(((strength < 0) * 255).astype(np.uint8)).resize(view.size))
    panel = greys(hu, LUNG, view)
    panel.paste(tint, view.corner, opaque.resize(view.size, Image.Resampling.BILINEAR))
    frame(panel, view)
    return panel


def frame(panel: Image.Image, view: View) -> None:
    """The edge of what the net sees, where the crop reaches farther."""
    half = SIDE * PIXEL_MM / view.spacing_mm / 2
    top, bottom = max(view.rows / 2 - half, 0), min(view.rows / 2 + half, view.rows)
    left, right = max(view.columns / 2 - half, 0), min(view.columns / 2 + half, view.columns)
    ImageDraw.Draw(panel).rectangle((*view.at(top, left), *view.at(bottom, right)), outline=GREY)


def full_colour(found: SaliencyMap) -> float:
    """The change of probability that is given the full colour."""
    return max(found.largest, FAINT)


def colour_bar(width: int) -> Image.Image:
    """From blue through grey to vermilion, as the maps have it over middle grey."""
    strength = np.linspace(-1, 1, width)[None, :, None]
    ends = np.where(strength < 0, np.array(BLUE), np.array(VERMILION))
    share = np.abs(strength) * STRONGEST
    row = ends * share + 128 * (1 - share)
    return Image.fromarray(np.repeat(row.round().astype(np.uint8), 12, axis=0))
