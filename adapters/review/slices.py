"""The slices as the page shows them: what the viewer must know of a series, and pictures for who has no script."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from PIL import Image

from ...engine.perception.volume import Volume
from ...engine.types import Finding
from ..report.pictures import LUNG, SIDES, SOFT, Window, main_direction, size_mm, windowed
from ..report.words import clean
from ..store.images import KeptImages

BONE: Final = Window("bone window", 400, 1800)
WINDOWS: Final = {"lung": LUNG, "soft": SOFT, "bone": BONE}
# Directions of rows and of columns that are turned round, so that a slice lies as people read it (as the report's).
TURNED_ROWS: Final = ((1, -1), (2, 1), (0, -1))
TURNED_COLUMNS: Final = ((0, -1), (1, -1), (2, 1))
PICTURE_PX: Final = 720


def viewer(images: KeptImages, findings: Sequence[Finding], drawn: Sequence[bool], window: str) -> dict[str, Any]:
    """What the viewer must know, as plain JSON.

    ``findings``: those that may be shown, none for who reads first; ``drawn``: of which evidence is kept;
    ``window``: the greys to begin with.
    ``origin``, ``axes`` and ``spacing`` (mm) turn a voxel into a position; ``down`` is the step towards the feet.
    """
    g, place = images.geometry, _plane(images)
    return {
        "shape": g.shape,
        "spacing": g.spacing_mm,
        "origin": g.origin_mm,
        "axes": g.axes,
        **_turned(images),
        "down": -1 if main_direction(np.array(g.axes[0])) == (2, 1) else 1,
        "window": window,
        "windows": {name: [w.centre, w.width] for name, w in WINDOWS.items()},
        "marks": [
            mark for i, f in enumerate(findings) if (mark := _mark(place, f, g.shape, i, drawn=drawn[i])) is not None
        ],
    }


def _turned(images: KeptImages) -> dict[str, Any]:
    down, right = (main_direction(np.array(axis)) for axis in images.geometry.axes[1:])
    rows, columns = down in TURNED_ROWS, right in TURNED_COLUMNS
    down, right = ((axis, -sign if turn else sign) for (axis, sign), turn in ((down, rows), (right, columns)))
    letters = {"bottom": SIDES[down], "right": SIDES[right]}
    letters |= {"top": SIDES[(down[0], -down[1])], "left": SIDES[(right[0], -right[1])]}
    return {"turn_rows": rows, "turn_columns": columns, "letters": letters}


def _plane(images: KeptImages) -> Volume:
    """A volume of one voxel in the place of the first: enough to turn positions into indices."""
    g = images.geometry
    return Volume(np.zeros((1, 1, 1), np.int16), g.spacing_mm, g.origin_mm, np.array(g.axes))


def _mark(
    place: Volume, finding: Finding, shape: tuple[int, int, int], number: int, *, drawn: bool
) -> dict[str, Any] | None:
    """Where a finding lies; None where its position is not stated or outside of the images."""
    if finding.position_mm is None:
        return None
    index = place.index_of(finding.position_mm)
    if not all(-0.5 <= i <= n - 0.5 for i, n in zip(index, shape, strict=True)):
        return None
    at = [round(i, 2) for i in index]
    size = size_mm(finding.facts)
    return {"number": number, "name": clean(finding.tracking_id), "at": at, "mm": size, "evidence": drawn}


def picture(images: KeptImages, number: int, window: str) -> bytes:
    """A slice as PNG, turned as people read it, pixels square; nothing is written on it.

    Raises:
        BadValue: there is no such slice. NotReadable: it is damaged.
    """
    hu, turned = images.hu(number), _turned(images)
    hu = hu[:: -1 if turned["turn_rows"] else 1, :: -1 if turned["turn_columns"] else 1]
    _, row_mm, column_mm = images.geometry.spacing_mm
    high, wide = hu.shape[0] * row_mm, hu.shape[1] * column_mm
    scale = PICTURE_PX / max(high, wide)
    size = (max(round(wide * scale), 1), max(round(high * scale), 1))
    held = io.BytesIO()
    windowed(hu, WINDOWS.get(window, LUNG)).resize(size, Image.Resampling.BILINEAR).save(held, format="PNG")
    return held.getvalue()
