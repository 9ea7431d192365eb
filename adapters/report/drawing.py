"""A picture of boxes, lines and words, and its SVG: no script, no font of its own, nothing loaded.

Positions are in units that are CSS pixels at the picture's own width. Colours come from the page's style sheet by
class, so that one picture serves light, dark and paper. All words are escaped here and nowhere else.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from markupsafe import Markup, escape

from .words import clean

SIZE: Final = 11.0  # of all letters
LINE: Final = 13.0  # from one line to the next
# Widths of letters in ems: at least those of DejaVu Sans, the widest font that is commonly found on a reader's machine.
NARROW: Final = frozenset(" ijlI.,:;'|!ft()[]/r")
WIDE: Final = frozenset("mwMW%@")
SIGNS: Final = frozenset("−×±∞≥≤")
BOLD: Final = 1.12
ENDING: Final = "…"

Point = tuple[float, float]
Anchor = Literal["start", "middle", "end"]


@dataclass(frozen=True, slots=True)
class Words:
    """Text on its base line at ``y``; ``x`` is its start, middle or end. ``full``: shown on pointing, if it was cut."""

    x: float
    y: float
    text: str
    kind: str = "words"
    anchor: Anchor = "start"
    full: str = ""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle from its upper left corner."""

    x: float
    y: float
    width: float
    height: float
    kind: str


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines through points, drawn as one: ``kind`` says whether they are stroked or filled."""

    parts: tuple[tuple[Point, ...], ...]
    kind: str


Shape = Words | Box | Lines


@dataclass(frozen=True, slots=True)
class Drawing:
    """A whole picture: what it is called, what it shows in words, and its shapes from the back to the front."""

    width: float
    height: float
    title: str
    description: str
    shapes: tuple[Shape, ...]


def width_of(text: str, bold: bool = False) -> float:
    """An upper bound of a text's width in any common font without serifs.

    >>> width_of("12.3 %") < width_of("about 12.3 %") < 100
    True
    """
    return SIZE * sum(map(_em, text)) * (BOLD if bold else 1.0)


def _em(sign: str) -> float:
    if unicodedata.combining(sign):
        return 0.0
    if sign in NARROW:
        return 0.42
    if sign in SIGNS:
        return 0.85
    if sign in WIDE or not sign.isascii():
        return 1.0
    return 0.79 if sign.isupper() else 0.65


def fitted(text: str, width: float, bold: bool = False) -> str:
    """The text, cut with an ellipsis where it is wider than ``width``."""
    if width_of(text, bold) <= width:
        return text
    kept = len(text)
    while kept and width_of(text[:kept] + ENDING, bold) > width:
        kept -= 1
    return text[:kept].rstrip() + ENDING


def folded(text: str, width: float, most: int, bold: bool = False) -> tuple[str, ...]:
    """The text in at most ``most`` lines, the last one cut where it does not fit."""
    lines, words = [""], text.split()
    for i, word in enumerate(words):
        longer = f"{lines[-1]} {word}".strip()
        if width_of(longer, bold) <= width or not lines[-1]:
            lines[-1] = longer
        elif len(lines) < most:
            lines.append(word)
        else:
            lines[-1] = " ".join((lines[-1], *words[i:]))
            break
    return tuple(fitted(line, width, bold) for line in lines)


def words(x: float, y: float, text: str, width: float, kind: str = "words", anchor: Anchor = "start") -> Words:
    """Foreign text at a place, cut to a width, whole on pointing."""
    whole = clean(text)
    shown = fitted(whole, width, bold=kind == "title")
    return Words(x, y, shown, kind, anchor, whole if shown != whole else "")


def svg(drawing: Drawing, name: str) -> Markup:
    """The picture as one SVG element. ``name``: an identifier of our own, unlike those of others on the page."""
    head = (
        _element("title", {"id": f"{name}-title"}, [escape(clean(drawing.title))]),
        _element("desc", {"id": f"{name}-desc"}, [escape(clean(drawing.description))]),
    )
    attributes = {
        "xmlns": "http://www.w3.org/2000/svg",
        "viewBox": f"0 0 {_number(drawing.width)} {_number(drawing.height)}",
        "width": _number(drawing.width),
        "height": _number(drawing.height),
        "font-size": _number(SIZE),
        "role": "img",
        "aria-labelledby": f"{name}-title",
        "aria-describedby": f"{name}-desc",
    }
    return _element("svg", attributes, [*head, *map(_shape, drawing.shapes)])


def _shape(shape: Shape) -> Markup:
    match shape:
        case Box(x, y, width, height, kind):
            size = {"width": _number(max(width, 0)), "height": _number(max(height, 0))}
            return _element("rect", {"class": kind, "x": _number(x), "y": _number(y), **size})
        case Lines(parts, kind):
            return _element("path", {"class": kind, "d": "".join(map(_way, parts))})
        case Words():
            return _words(shape)


def _words(shape: Words) -> Markup:
    attributes = {"class": shape.kind, "x": _number(shape.x), "y": _number(shape.y)}
    if shape.anchor != "start":
        attributes["text-anchor"] = shape.anchor
    pointed = [_element("title", {}, [escape(shape.full)])] if shape.full else []
    return _element("text", attributes, [*pointed, escape(shape.text)])


def _way(points: Sequence[Point]) -> str:
    return "M" + "L".join(f"{_number(x)} {_number(y)}" for x, y in points)


def _element(tag: str, attributes: dict[str, str], inner: Iterable[Markup] = ()) -> Markup:
    """An element; names are our own, values are escaped here, ``inner`` is. By joining: formats took half of a page."""
    said = "".join([f' {name}="{escape(value)}"' for name, value in attributes.items()])
    return Markup(f"<{tag}{said}>{''.join(inner)}</{tag}>")  # noqa: S704 (all of it is escaped)


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
