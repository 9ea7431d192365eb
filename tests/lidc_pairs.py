"""Readers of ../shared/data/lidc against each other: one's mask, measured by the product; another's stated diameter.

The stated diameters come from the readers' contours (``readings.csv``), by the data's author and not by the product.
"""

from __future__ import annotations

import csv
import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from shared_data import shared

from radlogic.engine.perception.measure import measure_slice

EDGE = 40.0  # mm: crops clip what is larger


@dataclass(frozen=True)
class Pairs:
    """One row a pair of readers of a nodule: (n,) each. ``held_out``: whether the patient is kept for judging."""

    measured_mm: NDArray[np.float64]
    reading_mm: NDArray[np.float64]
    held_out: NDArray[np.bool_]


def is_held_out(patient: str) -> bool:
    """Half of the patients, by the parity of a hash of the name, so that no list has to be kept."""
    return hashlib.sha256(patient.encode()).digest()[0] % 2 == 1


def reader_pairs() -> Pairs:
    """All pairs; the test that asks is skipped where the data are not there."""
    folder = shared("data/lidc")
    with np.load(folder / "crops.npz") as crops:
        masks = dict(zip(crops["nodule_id"].tolist(), crops["reader_masks"], strict=True))
    with (folder / "nodules.csv").open(encoding="utf-8") as file:
        nodules = {int(row["nodule_id"]): row for row in csv.DictReader(file)}
    stated: dict[int, dict[int, float]] = {}
    with (folder / "readings.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            mean = (float(row["long_axis_mm"]) + float(row["short_axis_mm"])) / 2
            stated.setdefault(int(row["nodule_id"]), {})[int(row["reader"])] = mean
    found = []
    for nodule, readings in stated.items():
        spacing, kept = float(nodules[nodule]["pixel_spacing_mm"]), is_held_out(nodules[nodule]["patient_id"])
        for reader in readings:
            mask = (masks[nodule] >> reader) & 1 == 1
            if mask.any() and (mean := measure_slice(mask, (spacing, spacing)).mean_mm) <= EDGE:
                found += [(mean, other, kept) for r, other in readings.items() if r != reader]
    measured, reading, held_out = np.array(found).T
    return Pairs(measured, reading, held_out.astype(bool))
