"""A drawing on paper: the shapes of ``drawing`` on ReportLab's canvas, in the colours of the page's style sheet."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from .drawing import SIZE, Box, Drawing, Lines, Shape, Words

INK: Final = "#1b1f23"
QUIET: Final = "#535b63"
LINE: Final = "#d4d8dc"
BANDS: Final = ("#fcf6f3", "#f9ede7", "#f6e4da", "#f1d6c8", "#eac4b0", "#e1ad92")  # the shades of `.band`
STROKES: Final[Mapping[str, tuple[str, float]]] = {
    "axis": (INK, 1.0), "grid": (LINE, 0.7), "curve": (QUIET, 1.2),
}  # fmt: skip


def flowable(drawing: Drawing, width: float, lettered: Callable[[str], str]) -> Any:
    """The drawing so many points wide, as an element that flows with text. ``lettered``: text in the font's letters."""
    from reportlab.platypus import Flowable

    class Drawn(Flowable):  # type: ignore[misc, unused-ignore]  # ReportLab has no types where the extra is absent
        """One picture."""

        def __init__(self) -> None:
            super().__init__()
            self.scale = width / drawing.width
            self.width, self.height = width, drawing.height * self.scale

        def draw(self) -> None:
            """Put it on the canvas; the drawing counts downwards, the canvas upwards."""
            self.canv.scale(self.scale, self.scale)
            self.canv.translate(0, drawing.height)
            for shape in drawing.shapes:
                _draw(self.canv, shape, lettered)

    return Drawn()


def _draw(canvas: Any, shape: Shape, lettered: Callable[[str], str]) -> None:
    match shape:
        case Box(x, y, width, height, kind):
            canvas.setFillColor(BANDS[int(kind[-1])] if kind.startswith("band") else LINE)
            canvas.rect(x, -y - height, width, height, stroke=0, fill=1)
        case Lines():
            _lines(canvas, shape)
        case Words():
            _words(canvas, shape, lettered)


def _lines(canvas: Any, shape: Lines) -> None:
    path = canvas.beginPath()
    for part in shape.parts:
        path.moveTo(part[0][0], -part[0][1])
        for x, y in part[1:]:
            path.lineTo(x, -y)
    colour, width = STROKES.get(shape.kind, (INK, 0.0))
    canvas.setStrokeColor(colour)
    canvas.setFillColor(colour)
    canvas.setLineWidth(width)
    canvas.drawPath(path, stroke=int(width > 0), fill=int(width == 0))


def _words(canvas: Any, shape: Words, lettered: Callable[[str], str]) -> None:
    canvas.setFont("VeraBd" if shape.kind == "title" else "Vera", SIZE * 0.9)
    canvas.setFillColor(QUIET if shape.kind == "quiet" else INK)
    draw = {"start": canvas.drawString, "middle": canvas.drawCentredString, "end": canvas.drawRightString}
    draw[shape.anchor](shape.x, -shape.y, lettered(shape.text))
