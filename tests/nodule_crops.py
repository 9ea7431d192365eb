"""Drawn nodule crops: discs in noisy lung, and files as the lung-nodule command reads them."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

SIDE = 71
LUNG_HU = -850
HU = {"non_solid": -600, "part_solid": -350, "solid": 40, "calcified": 700}


def disc(diameter_mm: float, hu: float, spacing_mm: float = 0.7, seed: int = 0) -> NDArray[np.int16]:
    """A disc of even HU at the centre of lung with noise and a few vessels."""
    chance = np.random.default_rng(seed)
    y, x = (np.mgrid[:SIDE, :SIDE] - SIDE // 2) * spacing_mm
    image = LUNG_HU + chance.normal(0, 25, (SIDE, SIDE))
    for _ in range(4):
        at = chance.uniform(-20, 20, 2)
        near = np.exp(-((y - at[0]) ** 2 + (x - at[1]) ** 2) / 2)
        image += near * 600 * (np.hypot(*at) > diameter_mm)
    inside = np.clip((diameter_mm / 2 - np.hypot(y, x)) / spacing_mm + 0.5, 0, 1)
    return np.clip(image * (1 - inside) + (hu + chance.normal(0, 25, image.shape)) * inside, -1024, 3071).astype(
        np.int16
    )


def drawn_mask(diameter_mm: float, spacing_mm: float = 0.7) -> NDArray[np.bool_]:
    """The pixels whose centres lie in the disc."""
    y, x = (np.mgrid[:SIDE, :SIDE] - SIDE // 2) * spacing_mm
    return np.asarray(np.hypot(y, x) <= diameter_mm / 2)


def write_table(path: Path, ids: Sequence[int], **columns: object) -> Path:
    """``nodules.csv`` with the same value for every nodule."""
    of = {"pixel_spacing_mm": 0.7, "slice_thickness_mm": 1.25, **columns}
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["nodule_id", *of])
        rows.writerows([i, *of.values()] for i in ids)
    return path


def write_crops(path: Path, hu: NDArray[np.generic], ids: Sequence[int]) -> Path:
    """``crops.npz``."""
    np.savez(path, hu=hu, nodule_id=np.array(ids))
    return path


def panel_folder(folder: Path, patients: int, seed: int = 0) -> Path:
    """crops.npz, nodules.csv and readings.csv of drawn nodules, two a patient, four readers each."""
    chance = np.random.default_rng(seed)
    n = 2 * patients
    texture, mm = np.arange(n) % 3, chance.uniform(5, 16, n)
    names = ("non_solid", "part_solid", "solid")
    hu = np.stack([disc(d, HU[names[t]], seed=i) for i, (d, t) in enumerate(zip(mm, texture, strict=True))])
    bits = np.stack([drawn_mask(d) * np.uint8(15) for d in mm])
    np.savez(folder / "crops.npz", hu=hu, reader_masks=bits, nodule_id=np.arange(n))
    with (folder / "nodules.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["nodule_id", "patient_id", "pixel_spacing_mm", "slice_thickness_mm", "manufacturer"])
        rows.writerows([i, f"p{i // 2}", 0.7, 1.25, f"maker {i // 2 % 2}"] for i in range(n))
    with (folder / "readings.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        signs = ["calcification", "margin", "malignancy", "spiculation", "lobulation"]
        rows.writerow(["nodule_id", "reader", "long_axis_mm", "short_axis_mm", "texture", *signs])
        for i in range(n):
            for reader in range(4):
                size = mm[i] + chance.normal(0, 0.5)
                rating = int(np.clip(1 + 2 * texture[i] + chance.integers(-1, 2), 1, 5))
                rows.writerow(
                    [i, reader, size, size - 0.3, rating, 3 if i % 5 == 0 else 6, 5 - i % 2 * 3, 3, 1 + i % 4, 1]
                )
    return folder
