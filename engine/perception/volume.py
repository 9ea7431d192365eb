"""A CT volume in Hounsfield units with its place in the patient."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from ..errors import BadValue


@dataclass(frozen=True, slots=True)
class Acquisition:
    """How the images were made; None where the header does not say."""

    modality: str = "CT"
    manufacturer: str | None = None
    model: str | None = None
    kernel: str | None = None
    slice_thickness_mm: float | None = None
    kvp: float | None = None
    contrast: bool | None = None  # True: an agent is named; None: not stated (never taken as no)
    body_part: str | None = None
    study_date: date | None = None
    study_uid: str = ""
    series_uid: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Volume:
    """``hu``: int16 (slices, rows, columns), read-only, slice 0 first along ``axes[0]``.

    ``spacing_mm``: distance between voxel centres along those three axes. ``origin_mm``: patient
    position (x, y, z; LPS) of the centre of voxel [0, 0, 0]. ``axes``: three unit vectors, rows of
    a (3, 3) array: direction of increasing slice, row and column index in patient coordinates.
    ``notes``: what the reader of the series chose or met, in words.

    Raises:
        BadValue: shapes, spacing or axes do not fit together.
    """

    hu: NDArray[np.int16]
    spacing_mm: tuple[float, float, float]
    origin_mm: tuple[float, float, float]
    axes: NDArray[np.float64]
    acquisition: Acquisition = Acquisition()
    sop_uids: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.hu.ndim != 3 or self.hu.dtype != np.int16 or min(self.hu.shape, default=0) == 0:
            raise BadValue("volume", "hu", f"{self.hu.dtype} {self.hu.shape}", "int16, three axes", "Rescale first.")
        if not all(np.isfinite(s) and s > 0 for s in self.spacing_mm):
            raise BadValue("volume", "spacing_mm", str(self.spacing_mm), "three positive lengths", "Correct them.")
        if not np.allclose(self.axes @ self.axes.T, np.eye(3), atol=1e-3):
            raise BadValue("volume", "axes", "axes that are not orthonormal", "three orthonormal rows", "Resample it.")
        self.hu.setflags(write=False)

    def sha256(self) -> str:
        """Hash of the voxels and their geometry."""
        digest = hashlib.sha256(np.ascontiguousarray(self.hu).data)
        place = repr((self.hu.shape, self.spacing_mm, self.origin_mm, self.axes.tolist()))
        digest.update(place.encode())
        return digest.hexdigest()

    def position_of(self, index: tuple[float, float, float]) -> tuple[float, float, float]:
        """Patient position (x, y, z mm) of a voxel index (slice, row, column); inverse of ``index_of``."""
        p = np.asarray(self.origin_mm) + (np.asarray(index) * self.spacing_mm) @ self.axes
        return float(p[0]), float(p[1]), float(p[2])

    def index_of(self, position: tuple[float, float, float]) -> tuple[float, float, float]:
        """Fractional voxel index (slice, row, column) of a patient position; inverse of ``position_of``."""
        i = self.axes @ (np.asarray(position) - self.origin_mm) / self.spacing_mm
        return float(i[0]), float(i[1]), float(i[2])
