"""Findings as a reader would state them, from the contours of ../shared/data/chest/truth.json.

Written for tests: it shares no code with the product's measurement.
"""

from typing import Any

import numpy as np

TEXTURES = {1: "non_solid", 2: "non_solid", 3: "part_solid", 4: "part_solid", 5: "solid"}


def findings(truth: dict[str, Any]) -> dict[str, Any]:
    """A case of the reader's form, with one nodule a consensus of its readings."""
    pixel = truth["pixel_spacing_mm"]
    return {"exam": {"round": "baseline"}, "nodules": [_nodule(i, n, pixel) for i, n in enumerate(truth["nodules"])]}


def _nodule(index: int, nodule: dict[str, Any], pixel: float) -> dict[str, Any]:
    axes = np.median([_axes(reading["contours"], pixel) for reading in nodule["readings"]], axis=0)
    texture = float(np.median([reading["texture"] for reading in nodule["readings"]]))
    spiculation = float(np.median([reading["spiculation"] for reading in nodule["readings"]]))
    return {
        "tracking_id": f"nodule-{index + 1}",
        "type": TEXTURES[int(texture + 0.5)],
        "status": "baseline",
        "long_mm": round(float(axes[0]), 1),
        "short_mm": round(float(axes[1]), 1),
        "suspicious_features": ["spiculation"] if spiculation >= 4 else [],
    }


def _axes(contours: list[dict[str, Any]], pixel: float) -> tuple[float, float]:
    """Longest diameter and the longest across it, on the slice where the outline is largest, in mm."""
    outlines = [np.asarray(c["xy"], float) * pixel for c in contours if c["inclusion"]]
    widest = max(outlines, key=_area)
    between = widest[:, None] - widest[None]
    distance = np.hypot(between[..., 0], between[..., 1])
    a, b = np.unravel_index(distance.argmax(), distance.shape)
    along = (widest[b] - widest[a]) / max(distance.max(), 1e-9)
    across = widest @ np.array([-along[1], along[0]])
    return float(distance.max() - pixel), float(max(np.ptp(across) - pixel, pixel))


def _area(points: np.ndarray) -> float:
    x, y = points.T
    return abs(float(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1)))) / 2
