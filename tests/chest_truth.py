"""Nodules of ../shared/data/chest/truth.json as their readers drew them: sizes, and the voxels inside.

LIDC's readers drew the first pixels outside of a nodule: its pixels are those within the outline, its axes run from
outline to outline less one pixel. Points are (x = column, y = row). Shares no code with the product's measurement.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

SIDE = 512
CLASSES = ("non_solid", "part_solid", "solid")


def outlined(contours: Sequence[dict[str, Any]], z: float) -> NDArray[np.bool_]:
    """Pixels strictly inside of a reader's outlines at one level; even-odd, so that holes are left out."""
    inside = np.zeros((SIDE, SIDE), dtype=bool)
    y, x = np.mgrid[:SIDE, :SIDE]
    for contour in contours:
        if contour["z"] != z:
            continue
        xy = np.asarray(contour["xy"], float)
        for (x1, y1), (x2, y2) in zip(xy, np.roll(xy, -1, axis=0), strict=True):
            if y1 != y2:
                crosses = (np.minimum(y1, y2) <= y) & (y < np.maximum(y1, y2))
                inside ^= crosses & (x < x1 + (y - y1) * (x2 - x1) / (y2 - y1))
        inside[tuple(xy.astype(int).T[::-1])] = False
    return inside


def diameters(nodule: dict[str, Any], pixel: float) -> Iterator[float]:
    """Each reader's mean diameter on the slice of largest outline: outline to outline less one pixel, in mm."""
    for reading in nodule["readings"]:
        xy = max((c for c in reading["contours"] if c["inclusion"]), key=lambda c: outlined([c], c["z"]).sum())["xy"]
        points = np.asarray(xy, float) * pixel
        apart = points[:, None] - points[None]
        length = np.hypot(apart[..., 0], apart[..., 1])
        a, b = np.unravel_index(length.argmax(), length.shape)
        along = (points[b] - points[a]) / length.max()
        yield (length.max() + np.ptp(points @ (-along[1], along[0]))) / 2 - pixel


def inside_of(nodule: dict[str, Any], volume: Any, readers: int = 2) -> NDArray[np.int64]:
    """Indices (slice, row, column) that so many readers outlined."""
    votes: dict[int, NDArray[np.int64]] = {}
    for reading in nodule["readings"]:
        for z in {c["z"] for c in reading["contours"]}:
            k = round((z - volume.origin_mm[2]) / volume.spacing_mm[0])
            votes[k] = votes.get(k, 0) + outlined(reading["contours"], z).astype(int)
    return np.array([(k, *at) for k, seen in sorted(votes.items()) for at in np.argwhere(seen >= readers)])


def panel_class(nodule: dict[str, Any]) -> str:
    """The median texture rating, rounded half up: 1 and 2 non-solid, 3 and 4 part-solid, 5 solid."""
    rating = int(np.median([reading["texture"] for reading in nodule["readings"]]) + 0.5)
    return CLASSES[int(np.digitize(rating, [3, 5]))]


def centre_of(nodule: dict[str, Any], volume: Any) -> tuple[float, float, float]:
    """Fractional index (slice, row, column) of a nodule's centre."""
    x, y, z = nodule["centre"]
    return (z - volume.origin_mm[2]) / volume.spacing_mm[0], y, x
