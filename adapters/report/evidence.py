"""One picture that shows what a net says of a nodule and what it rests on, as PNG.

Left: the crop in two windows with the outline and its axes; which places carry two of the probabilities.
Right: the probabilities, the size, and whether the crop is like those the net was tested on. Nothing of the
patient is written on it but what the caller puts into the title.
"""

from __future__ import annotations

import io
from importlib.metadata import version
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from PIL.PngImagePlugin import PngInfo

from ...engine.errors import BadValue
from ...engine.perception.axis_ends import DrawnAxes, drawn_axes
from ...engine.perception.lung_nodule import NoduleReading
from ...engine.perception.saliency import DISC_MM, Saliency, SaliencyMap
from ..notice import INTENDED_USE
from . import evidence_panels as panels
from .evidence_panels import GREY, INK, ORANGE, PANEL, PAPER, SKY, VERMILION, View, font
from .pictures import LUNG, SOFT, Window
from .words import clean

GAP: Final = 18
CAPTION: Final = 58  # below a panel
HEAD: Final = 46
COLUMN: Final = 388  # width of the words on the right
FOOT: Final = 34
WIDTH: Final = 2 * PANEL + COLUMN + 4 * GAP
TALLEST: Final = 4000  # of the words on the right before they are cut to what they need
BAR: Final = 150  # of a probability of 1
BAR_AT: Final = 146
MAPS: Final = (
    f"Lower row: one disc of {DISC_MM:.0f} mm after the other is filled with lung. Orange: the probability falls, "
    "so this place carries it; blue: it rises. This shows what the net attends to, not where disease is. "
    "Thin frame: what the net sees."
)
WORDS: Final = {
    "non_solid": "non-solid",
    "part_solid": "part-solid",
    "solid": "solid",
    "sharp_margin": "sharp margin",
    "malignancy_opinion": "malignancy opinion",
}


def evidence_png(
    hu: NDArray[np.int16],
    spacing_mm: float,
    reading: NoduleReading,
    saliency: Saliency | None,
    model_sha256: str,
    title: str,
    sides: tuple[str, str] | None = None,
) -> bytes:
    """The picture of one nodule; the same bytes for the same input.

    ``hu``: the axial crop (rows, columns) that ``reading`` is of, square pixels of ``spacing_mm``. ``sides``: letters
    of the patient's sides at the top and the left, None where they are not known. Without ``saliency`` the
    picture says that it was not computed. ``title`` must not name the patient.

    Raises:
        BadValue: crop, mask and maps differ in shape, or the mask is empty, or the spacing is not positive.
    """
    _check(hu, reading, saliency)
    view, axes = View(hu.shape[0], hu.shape[1], spacing_mm), drawn_axes(reading.mask, spacing_mm)
    shown = [_greys(hu, window, reading, axes, view, sides) for window in (LUNG, SOFT)]
    maps = [_map(hu, found, reading, view, sides) for found in (saliency.maps if saliency else ())]
    left, right = _in_twos([*shown, *(maps or [_not_computed()])]), _words(reading, saliency, spacing_mm, sides)
    page = Image.new("RGB", (WIDTH, HEAD + max(left.height, right.height) + FOOT), PAPER)
    page.paste(left, (GAP, HEAD))
    page.paste(right, (WIDTH - GAP - COLUMN, HEAD))
    _head_and_foot(page, title, model_sha256)
    return _png(page, model_sha256)


def _check(hu: NDArray[np.int16], reading: NoduleReading, saliency: Saliency | None) -> None:
    shapes = {"mask": reading.mask.shape, **{m.of: m.fall.shape for m in (saliency.maps if saliency else ())}}
    for name, shape in shapes.items():
        if shape != hu.shape or hu.ndim != 2:
            raise BadValue("evidence", name, str(shape), f"the crop's shape {hu.shape}", "Read the crop that is shown.")


def _greys(
    hu: NDArray[np.int16],
    window: Window,
    reading: NoduleReading,
    axes: DrawnAxes,
    view: View,
    sides: tuple[str, str] | None,
) -> Image.Image:
    """A panel in one window, with outline and axes."""
    panel = panels.greys(hu, window, view)
    panels.outline(panel, reading.mask, view)
    panels.axes(panel, axes, view)
    panels.scale_bar(panel, view)
    panels.letters(panel, sides)
    tile = _below(panel, f"{window.name.capitalize()} ({window.centre} / {window.width} HU)")
    _key(tile, axes)
    return tile


def _key(tile: Image.Image, axes: DrawnAxes) -> None:
    """What the two lines are, in their colours."""
    draw, x, y = ImageDraw.Draw(tile), 0, PANEL + 34
    for name, mm, colour in (("long", axes.long_mm, SKY), ("short", axes.short_mm, ORANGE)):
        draw.line((x, y, x + 22, y), fill=colour, width=4)
        draw.text((x + 28, y), f"{name} {mm:.1f} mm", INK, font(13), "lm")
        x += 122
    draw.text((PANEL, y), "of the outline", INK, font(13), "rm")


def _map(
    hu: NDArray[np.int16], found: SaliencyMap, reading: NoduleReading, view: View, sides: tuple[str, str] | None
) -> Image.Image:
    """A panel with what carries one probability, and its colour bar."""
    panel = panels.coloured(hu, found, view)
    panels.outline(panel, reading.mask, view)
    panels.scale_bar(panel, view)
    panels.letters(panel, sides)
    tile = _below(panel, f'What carries "{_word(found.of)}" ({_percent(found.before)})')
    bar, draw, full = panels.colour_bar(124), ImageDraw.Draw(tile), 100 * panels.full_colour(found)
    tile.paste(bar, ((PANEL - bar.width) // 2, PANEL + 28))
    draw.text(((PANEL - bar.width) // 2 - 6, PANEL + 34), f"rises {full:.0f} points", INK, font(13), "rm")
    draw.text(((PANEL + bar.width) // 2 + 6, PANEL + 34), f"falls {full:.0f} points", INK, font(13), "lm")
    most = f"no place changes it by more than {100 * found.largest:.1f} points"
    draw.text((PANEL / 2, PANEL + 50), most, INK, font(13), "mm")
    return tile


def _not_computed() -> Image.Image:
    """In place of the maps."""
    tile = Image.new("RGB", (2 * PANEL + GAP, 60), (235, 235, 235))
    words = "Saliency was not computed: what carries the probabilities is not shown."
    ImageDraw.Draw(tile).text((tile.width / 2, 30), words, INK, font(16), "mm")
    return tile


def _below(panel: Image.Image, words: str) -> Image.Image:
    """A panel with its caption."""
    tile = Image.new("RGB", (PANEL, PANEL + CAPTION), PAPER)
    tile.paste(panel, (0, 0))
    ImageDraw.Draw(tile).text((0, PANEL + 6), words, INK, font(14))
    return tile


def _in_twos(tiles: list[Image.Image]) -> Image.Image:
    """Tiles in rows of two."""
    rows = [tiles[i : i + 2] for i in range(0, len(tiles), 2)]
    whole = Image.new("RGB", (2 * PANEL + GAP, sum(max(t.height for t in row) + GAP for row in rows)), PAPER)
    y = 0
    for row in rows:
        for i, tile in enumerate(row):
            whole.paste(tile, (i * (PANEL + GAP), y))
        y += max(tile.height for tile in row) + GAP
    return whole


def _words(
    reading: NoduleReading, saliency: Saliency | None, spacing_mm: float, sides: tuple[str, str] | None
) -> Image.Image:
    """The right column, as tall as it needs to be."""
    column = Image.new("RGB", (COLUMN, TALLEST), PAPER)
    y = _texture(column, 0, reading)
    y = _signs(column, y, reading)
    y = _size(column, y, reading)
    y = _domain(column, y, reading)
    y = _to_read(column, y, saliency, spacing_mm, sides)
    return column.crop((0, 0, COLUMN, min(y, TALLEST)))


def _texture(column: Image.Image, y: int, reading: NoduleReading) -> int:
    y = _heading(column, y, "Texture")
    for name, p in reading.texture.items():
        y = _bar(column, y, _word(name), p, marked=name in reading.texture_set)
    inside = ", ".join(_word(name) for name in reading.texture_set)
    return _lines(column, y, f"Framed: in the 90 % set ({inside}).") + GAP


def _signs(column: Image.Image, y: int, reading: NoduleReading) -> int:
    y = _heading(column, y, "Signs, as readers would call them")
    for name, p in reading.signs.items():
        y = _bar(column, y, _word(name), p)
    return y + GAP


def _size(column: Image.Image, y: int, reading: NoduleReading) -> int:
    low, high = reading.interval_mm
    y = _heading(column, y, f"Mean diameter {reading.mean_mm:.1f} mm")
    y = _lines(column, y, f"90 % of single readers: {low:.1f} to {high:.1f} mm")
    also = f"Long {reading.long_mm:.1f} mm, short {reading.short_mm:.1f} mm (net and outline together)"
    return _lines(column, y, also) + GAP


def _domain(column: Image.Image, y: int, reading: NoduleReading) -> int:
    score = f"Distance from the nodules it was tested on: {reading.ood_score:.2f}, limit 1."
    if reading.in_distribution:
        return _lines(column, _heading(column, y, "Like what the net was tested on"), score) + GAP
    top = y
    y = _heading(column, y, "DO NOT RELY ON THIS: unlike what the net was tested on", x=12)
    for line in (*(f"- {why}" for why in reading.outside), score):
        y = _lines(column, y, line, x=12)
    ImageDraw.Draw(column).rectangle((0, top, 4, y), fill=VERMILION)
    return y + GAP


def _to_read(
    column: Image.Image, y: int, saliency: Saliency | None, spacing_mm: float, sides: tuple[str, str] | None
) -> int:
    y = _heading(column, y, "How to read the pictures")
    y = _lines(column, y, f"One slice, pixels of {spacing_mm:.2f} mm. Yellow: the outline that the net drew.")
    if sides is None:
        y = _lines(column, y, "The patient's sides are not stated.")
    if saliency is not None:
        y = _lines(column, y, MAPS)
    return y + GAP


def _heading(column: Image.Image, y: int, words: str, x: int = 0) -> int:
    return _lines(column, y, words, x, 17) + 4


def _lines(column: Image.Image, y: int, words: str, x: int = 0, size: int = 14) -> int:
    """Words broken into lines that fit; returns where the next ones may start."""
    for part in wrapped(words, COLUMN - x, size):
        ImageDraw.Draw(column).text((x, y), part, INK, font(size))
        y += size + 6
    return y


def _bar(column: Image.Image, y: int, name: str, p: float, *, marked: bool = False) -> int:
    """A probability as a bar with its number; framed where it is marked."""
    draw, x = ImageDraw.Draw(column), BAR_AT
    draw.text((x - 8, y + 9), name, INK, font(14), "rm")
    draw.rectangle((x, y + 1, x + BAR, y + 17), fill=(232, 232, 232))
    draw.rectangle((x, y + 1, x + round(BAR * p), y + 17), fill=panels.BLUE)
    if marked:
        draw.rectangle((x - 3, y - 2, x + BAR + 3, y + 20), outline=INK, width=2)
    draw.text((x + BAR + 10, y + 9), _percent(p), INK, font(14), "lm")
    return y + 27


def _percent(p: float) -> str:
    """Never 0 or 100: a net is not certain."""
    return "below 1 %" if p < 0.01 else "above 99 %" if p > 0.99 else f"{100 * p:.0f} %"


def _word(name: str) -> str:
    return WORDS.get(name, name.replace("_", " "))


def wrapped(words: str, width: int, size: int) -> list[str]:
    """Words in lines of at most ``width`` pixels; a word that is longer by itself is cut with three dots."""
    lines: list[str] = []
    for word in words.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and font(size).getlength(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(cut(word, width, size))
    return lines


def cut(words: str, width: int, size: int) -> str:
    """As much of the words as fits, then three dots; question marks for letters that the font lacks."""
    plain = clean(words).encode("ascii", "replace").decode("ascii")
    if font(size).getlength(plain) <= width:
        return plain
    fits = next(n for n in range(len(plain), -1, -1) if font(size).getlength(plain[:n] + "...") <= width)
    return plain[:fits] + "..."


def _head_and_foot(page: Image.Image, title: str, sha256: str) -> None:
    draw, made = ImageDraw.Draw(page), f"lung-nodule net, model {sha256[:12]}, radlogic {version('radlogic')}"
    used = font(14).getlength(made)
    draw.text((WIDTH - GAP, 18), made, GREY, font(14), "rm")
    draw.text((GAP, 18), cut(title, int(WIDTH - 3 * GAP - used), 20), INK, font(20), "lm")
    draw.line((GAP, 34, WIDTH - GAP, 34), fill=(200, 200, 200))
    draw.text((GAP, page.height - FOOT / 2), f"{INTENDED_USE} Not a diagnosis.", INK, font(15), "lm")


def _png(page: Image.Image, sha256: str) -> bytes:
    about = PngInfo()
    about.add_text("Software", f"radlogic {version('radlogic')}")
    about.add_text("Model", f"lung-nodule sha256 {sha256}")
    held = io.BytesIO()
    page.save(held, format="PNG", pnginfo=about)
    return held.getvalue()
