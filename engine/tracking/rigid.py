"""The rigid motion that lays one chest on another: a library's registration on coarse lungs.

SimpleITK (Lowekamp et al., Front Neuroinform 7:45, 2013), mean squares of attenuation: two CTs share one scale.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .lungs import Lungs, Point, as_image, library

LEVELS: Final = (4, 2)  # coarse voxels averaged, 10 and 5 mm
RIM: Final = 4  # voxels around the lungs that count: the wall and the diaphragm
NEAR_MM: Final = 8.0  # starts nearer to each other than this come out alike
FAR: Final = 1e30


@dataclass(frozen=True, slots=True, eq=False)
class Rigid:
    """x -> ``turn`` @ x + ``shift_mm``, from the current exam's patient coordinates to the prior's."""

    turn: NDArray[np.float64]
    shift_mm: Point

    def carried(self, place: Point) -> Point:
        """Where places (..., 3) of the current exam lie on the prior, mm."""
        return np.asarray(place @ self.turn.T + self.shift_mm)

    def back(self, place: Point) -> Point:
        """Inverse of ``carried``."""
        return np.asarray((place - self.shift_mm) @ self.turn)

    @property
    def turned_deg(self) -> float:
        """The angle of the turn."""
        return float(np.degrees(np.arccos(np.clip((np.trace(self.turn) - 1) / 2, -1, 1))))


def rigid(current: Lungs, prior: Lungs) -> Rigid:
    """The motion under which the prior looks most like the current exam, in and around the lungs."""
    sitk = library()
    fixed, moving = as_image(current.hu, current.first), as_image(prior.hu, prior.first)
    mask = as_image(ndimage.binary_dilation(current.inside, iterations=RIM).astype(np.uint8), current.first)
    tried = [_registered(fixed, moving, mask, start, LEVELS[:1]) for start in _starts(sitk, current, prior)]
    best = min(tried, key=lambda found: found[0])[1]
    _, found = _registered(fixed, moving, mask, best, LEVELS[1:])
    matrix = np.array(found.GetMatrix()).reshape(3, 3)
    centre = np.array(found.GetCenter())
    return Rigid(matrix, centre + np.array(found.GetTranslation()) - matrix @ centre)


def _starts(sitk: Any, current: Lungs, prior: Lungs) -> Iterator[Any]:
    """Lungs on lungs by their centres, by their tops, and by their bottoms: exams differ in what they cut off."""
    (low, high), (prior_low, prior_high) = current.ends, prior.ends
    middle = prior.centre - current.centre
    ways = (prior_high - high, float(middle[2]), prior_low - low)
    kept = [way for n, way in enumerate(ways) if all(abs(way - other) > NEAR_MM for other in ways[:n])]
    for along in kept:
        start = sitk.Euler3DTransform()
        start.SetCenter(current.centre.tolist())
        start.SetTranslation([float(middle[0]), float(middle[1]), along])
        yield start


def _registered(fixed: Any, moving: Any, mask: Any, start: Any, levels: tuple[int, ...]) -> tuple[float, Any]:
    sitk = library()
    method = sitk.ImageRegistrationMethod()
    method.SetNumberOfThreads(1)  # sums in one order: the same answer each time
    method.SetMetricAsMeanSquares()
    method.SetMetricFixedMask(mask)
    method.SetMetricSamplingStrategy(method.REGULAR)  # every fifth voxel: as good, and no chance in it
    method.SetMetricSamplingPercentage(0.2)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(
        learningRate=4.0, minStep=0.02, numberOfIterations=80, relaxationFactor=0.6, gradientMagnitudeTolerance=1e-6
    )
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel(levels)
    method.SetSmoothingSigmasPerLevel([n / 2 for n in levels])
    method.SetInitialTransform(sitk.Euler3DTransform(start), inPlace=True)
    try:
        found = method.Execute(fixed, moving)
    except RuntimeError:  # the library's word for exams that share no voxel from this start
        return FAR, start
    return float(method.GetMetricValue()), sitk.Euler3DTransform(found)


def laid_on(rigid: Rigid, current: Lungs, prior: Lungs) -> Lungs:
    """The prior on the current exam's grid; outside of it nothing is inside."""
    sitk = library()
    motion = sitk.AffineTransform(rigid.turn.ravel().tolist(), rigid.shift_mm.tolist())
    grid = as_image(current.hu, current.first)
    hu = sitk.Resample(as_image(prior.hu, prior.first), grid, motion, sitk.sitkLinear, -1000.0)
    inside = sitk.Resample(as_image(prior.inside.astype(np.float32), prior.first), grid, motion, sitk.sitkLinear, 0.0)
    return Lungs(sitk.GetArrayFromImage(hu), sitk.GetArrayFromImage(inside) > 0.5, current.first)


def overlap(current: Lungs, laid: Lungs) -> float:
    """Dice coefficient of the two exams' lungs, over the slices that show both."""
    both = current.inside.any(axis=(1, 2)) & laid.inside.any(axis=(1, 2))
    a, b = current.inside[both], laid.inside[both]
    shared, either = int(np.count_nonzero(a & b)), int(np.count_nonzero(a)) + int(np.count_nonzero(b))
    return 2 * shared / either if either else 0.0
