"""The lungs of a chest CT on a coarse grid along the patient's axes: what an alignment looks at."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..errors import MissingExtra
from ..perception.coverage import lung_roughly
from ..perception.volume import Volume

Image = Any  # of SimpleITK, which is imported where it is used
STEP_MM: Final = 2.5  # as fine as usual slices; vessels of 3 mm and more show
HU: Final = (-1000.0, 200.0)
CLOSING: Final = 4  # voxels: takes in the vessels and nodules that a threshold for air leaves out
LEAST_L: Final = 0.5  # litres of lung; less is a corner of a lung, and nothing to align by
MARGIN_MM: Final = 40.0  # around the lungs: ribs, spine, and room for a diaphragm that stands elsewhere

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]
Point = NDArray[np.float64]  # x, y, z in mm, patient coordinates


@dataclass(frozen=True, slots=True, eq=False)
class Lungs:
    """``hu``: float32 (z, y, x), ``STEP_MM`` apart along the patient's axes, within ``HU``, the box of the lungs and a
    margin. ``inside``: the lungs with the vessels in them. ``first``: x, y, z (mm) of voxel [0, 0, 0]."""

    hu: Floats
    inside: Bools
    first: Point

    @property
    def centre(self) -> Point:
        """The lungs' centre of mass, mm."""
        return self.place_of(np.argwhere(self.inside).mean(axis=0))

    @property
    def ends(self) -> tuple[float, float]:
        """z (mm) of the lungs' lowest and highest slice."""
        levels = np.flatnonzero(self.inside.any(axis=(1, 2)))
        return tuple(float(self.first[2] + STEP_MM * n) for n in levels[[0, -1]])  # type: ignore[return-value]

    def place_of(self, index: NDArray[Any]) -> Point:
        """x, y, z (mm) of an index (z, y, x)."""
        return np.asarray(self.first + STEP_MM * np.asarray(index, dtype=np.float64)[..., ::-1])

    def index_of(self, place: Point) -> Point:
        """Index (z, y, x) of x, y, z (mm)."""
        return np.asarray(((place - self.first) / STEP_MM)[..., ::-1])


def lungs_of(volume: Volume) -> Lungs | None:
    """The lungs of a volume, whatever way its images run; None where it shows less than half a litre of them.

    Raises:
        MissingExtra: SimpleITK is not installed.
    """
    sitk = library()
    image = _coarse(volume)
    hu = np.clip(sitk.GetArrayFromImage(image), *HU)
    air, _, _ = lung_roughly(hu.astype(np.int16), (STEP_MM, STEP_MM, STEP_MM))
    if np.count_nonzero(air) * STEP_MM**3 < LEAST_L * 1e6:
        return None
    box = tuple(_around(air, axis) for axis in range(3))
    inside = np.pad(air[box], CLOSING)  # closing at the border would nibble at it
    inside = ndimage.binary_closing(inside, iterations=CLOSING)[(slice(CLOSING, -CLOSING),) * 3]
    first = np.array(image.GetOrigin()) + STEP_MM * np.array([b.start for b in box[::-1]])
    return Lungs(np.ascontiguousarray(hu[box], dtype=np.float32), inside, first)


def _around(air: Bools, axis: int) -> slice:
    at = np.flatnonzero(air.any(axis=tuple({0, 1, 2} - {axis})))
    margin = int(MARGIN_MM / STEP_MM)
    return slice(max(0, int(at[0]) - margin), min(air.shape[axis], int(at[-1]) + margin + 1))


def _coarse(volume: Volume) -> Image:
    """The volume averaged to about the coarse step, then sampled along the patient's axes."""
    sitk = library()
    image = sitk.GetImageFromArray(volume.hu)
    image.SetSpacing(tuple(reversed(volume.spacing_mm)))
    image.SetOrigin(volume.origin_mm)
    image.SetDirection(tuple(float(v) for v in volume.axes[::-1].T.ravel()))
    shrink = [max(1, min(int(STEP_MM / s), n)) for s, n in zip(image.GetSpacing(), image.GetSize(), strict=True)]
    image = sitk.Cast(sitk.BinShrink(sitk.Clamp(image, sitk.sitkInt16, *HU), shrink), sitk.sitkFloat32)
    corners = np.array(
        [
            image.TransformContinuousIndexToPhysicalPoint(
                [float(i * (n - 1)) for i, n in zip(at, image.GetSize(), strict=True)]
            )
            for at in np.ndindex(2, 2, 2)
        ]
    )
    low, high = corners.min(axis=0), corners.max(axis=0)
    size = [math.floor((b - a) / STEP_MM) + 1 for a, b in zip(low, high, strict=True)]
    return sitk.Resample(
        image, size, sitk.Transform(), sitk.sitkLinear, low.tolist(), [STEP_MM] * 3, np.eye(3).ravel().tolist(), HU[0]
    )


def as_image(values: NDArray[Any], first: Point) -> Image:
    """An array (z, y, x) on the coarse grid as an image of the library."""
    image = library().GetImageFromArray(values)
    image.SetSpacing([STEP_MM] * 3)
    image.SetOrigin(first.tolist())
    return image


def library() -> Any:
    """SimpleITK.

    Raises:
        MissingExtra: it is not installed.
    """
    try:
        import SimpleITK
    except ImportError as error:
        cure = "Install radlogic[tracking]; without it exams are matched by words and identifiers alone."
        raise MissingExtra("tracking", "SimpleITK", "not installed", "radlogic[tracking]", cure) from error
    return SimpleITK
