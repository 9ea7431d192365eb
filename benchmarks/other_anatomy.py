"""Claim: crops of other anatomy are flagged as out of distribution at least 95 % of the time.

Crops of 71 x 71 pixels around random places inside the body, of the two real abdominal CTs beside the
project, and of the chest CTs' lungs as the counterpart: places in lungs are no nodules either, but are
lung. Run it with ``python benchmarks/other_anatomy.py``.
"""

from __future__ import annotations

import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np

from radlogic.adapters.dicom.series import read_series
from radlogic.engine.perception.lung_nodule import LungNodule
from radlogic.engine.perception.volume import Volume

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
HALF, PLACES, SEED = 35, 300, 3
SOFT_TISSUE = (-200, 300)  # HU, mean of the 5 x 5 pixels at the centre
LUNG = (-1000, -700)


def crops(volume: Volume, hu: tuple[int, int], seed: int) -> np.ndarray:
    """``PLACES`` crops whose centre lies in the range, none touching the border of the image."""
    random, found = np.random.default_rng(seed), []
    slices, rows, columns = volume.hu.shape
    while len(found) < PLACES:
        z, y, x = random.integers(0, slices), *random.integers(HALF, (rows - HALF, columns - HALF))
        crop = volume.hu[z, y - HALF : y + HALF + 1, x - HALF : x + HALF + 1]
        air = (crop < -950).mean()  # outside the body
        if hu[0] < crop[HALF - 2 : HALF + 3, HALF - 2 : HALF + 3].mean() < hu[1] and (hu is LUNG or air < 0.3):
            found.append(crop)
    return np.stack(found)


def flagged(model: LungNodule, volume: Volume, hu: tuple[int, int]) -> float:
    """Share out of distribution; thickness and spacing are stated as they would be for a chest CT."""
    seen = [model.read(crop, 0.7, 1.25) for crop in crops(volume, hu, SEED)]
    return float(np.mean([not s.in_distribution for s in seen]))


def main() -> int:
    """Print the table; 2 where the data are absent."""
    if not SHARED.exists():
        print("needs shared/data beside the checkout")
        return 2
    model = LungNodule()
    print("| crops | flagged | bar |\n|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name in ("CRLM-CT-1004", "LIDC-IDRI-0001"):
            with zipfile.ZipFile(SHARED / "chest" / f"{name}.zip") as file:
                file.extractall(Path(folder) / name)
        abdomen = read_series(SHARED / "dicom" / "abdomen_ct_20_slices")
        liver, chest = (read_series(Path(folder) / name) for name in ("CRLM-CT-1004", "LIDC-IDRI-0001"))
    for name, volume, hu, bar in (
        ("abdomen CT, soft tissue", abdomen, SOFT_TISSUE, "0.95"),
        ("liver CT, soft tissue", liver, SOFT_TISSUE, "0.95"),
        ("chest CT, soft tissue", chest, SOFT_TISSUE, "none: heart, wall, vertebrae"),
        ("chest CT, lung without a nodule", chest, LUNG, "none: lung it is"),
    ):
        print(f"| {name} | {flagged(model, volume, hu):.3f} | {bar} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
