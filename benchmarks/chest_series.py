"""Claim: on whole series, a point in a nodule gives the diameter and texture of four readers, from wherever in it.

Reads the series under FOLDER (by default the folder ../shared/data/chest beside the checkout) and asks, for every
nodule that four readers saw: its centre, 20 random points that at least two readers outlined, 10 points within 3 mm
of the centre. Prints the readers' range widened by 10 %, the panel's class, ours, the largest difference, and the
time of a point on one core. Then five points in a volume of 512 x 512 x 300 made of the second series: at most 3 s.
Run it with ``python benchmarks/chest_series.py [FOLDER] [--points N]``.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from chest_truth import centre_of, diameters, inside_of, panel_class  # noqa: E402

from radlogic.adapters.dicom.series import read_series  # noqa: E402
from radlogic.engine.perception.in_series import NoduleInSeries, nodule_at  # noqa: E402
from radlogic.engine.perception.lung_nodule import LungNodule  # noqa: E402
from radlogic.engine.perception.volume import Volume  # noqa: E402

WIDENED, NEAR_MM, SAME_MM, READERS = 0.1, 3.0, 0.3, 4
SLICES, POINTS, SECONDS = 300, 5, 3.0


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT.parent / "shared" / "data" / "chest")
    parser.add_argument("--points", type=int, default=20)
    asked = parser.parse_args()
    truth = json.loads((asked.folder / "truth.json").read_text(encoding="utf-8"))
    model, volume = LungNodule(), None
    for series, stated in truth.items():
        volume = read_series(asked.folder / f"{series}.zip")
        for nodule in stated["nodules"]:
            if nodule["readers"] == READERS:
                print(f"\n{series} at {nodule['centre']}")
                judge(volume, nodule, model, asked.points)
    if volume is not None:
        seconds = stacked(volume, nodule_points(stated, volume), model)
        print(f"\n{POINTS} points in 512 x 512 x {SLICES}: {seconds:.2f} s, at most {SECONDS:g} s")


def judge(volume: Volume, nodule: dict[str, Any], model: LungNodule, points: int) -> None:
    """One nodule's lines."""
    stated = list(diameters(nodule, volume.spacing_mm[1]))
    low, high = min(stated) * (1 - WIDENED), max(stated) * (1 + WIDENED)
    found, seconds = timed(lambda: nodule_at(volume, volume.position_of(centre_of(nodule, volume)), model))
    seen = found.reading
    ours = max(seen.texture, key=lambda name: seen.texture[name])
    near = within(nodule, volume)
    held = low <= seen.mean_mm <= high and all(
        low <= nodule_at(volume, volume.position_of(p), model).reading.mean_mm <= high for p in near
    )
    print(
        f"  readers {', '.join(f'{d:.1f}' for d in stated)} mm: {low:.1f} to {high:.1f}   panel {panel_class(nodule)}"
    )
    print(
        f"  ours {seen.mean_mm:.1f} mm [{seen.interval_mm[0]:.1f}, {seen.interval_mm[1]:.1f}]"
        f" {'ok' if held else 'MISSED'}   {ours} {seen.texture[ours]:.2f} {list(seen.texture_set)}"
        f" {'ok' if ours == panel_class(nodule) else 'MISSED'}   outside {list(found.outside)}"
    )
    solid = f"{found.solid.volume_mm3:.0f}" if found.solid else "not looked for"
    print(f"  volume {found.measured.volume_mm3:.0f} mm3, solid {solid}; {seconds:.2f} s")
    for readers in (2, 1):
        spread = largest_difference(found, volume, inside_of(nodule, volume, readers), model, points)
        said = "ok" if spread <= SAME_MM else "MISSED" if readers == 2 else "(points that one reader alone outlined)"
        print(f"  {points} points that {readers} or more outlined: largest difference {spread:.2f} mm {said}")


def largest_difference(
    found: NoduleInSeries, volume: Volume, inside: np.ndarray, model: LungNodule, points: int
) -> float:
    """Between the mean diameters from random points and from the centre."""
    drawn = np.random.default_rng(1).choice(len(inside), min(points, len(inside)), replace=False)
    k, r, c = inside[drawn].T
    sizes = [nodule_at(volume, volume.position_of(p), model).reading.mean_mm for p in zip(k, r, c, strict=True)]
    return max(abs(size - found.reading.mean_mm) for size in sizes)


def within(nodule: dict[str, Any], volume: Volume, points: int = 10) -> Iterator[tuple[float, float, float]]:
    """Indices within ``NEAR_MM`` of the centre."""
    chance = np.random.default_rng(2)
    for way in chance.normal(size=(points, 3)):
        away = way / np.linalg.norm(way) * NEAR_MM * chance.uniform() ** (1 / 3)
        k, r, c = np.array(centre_of(nodule, volume)) + away / np.array(volume.spacing_mm)
        yield float(k), float(r), float(c)


def timed(work: Callable[[], NoduleInSeries]) -> tuple[NoduleInSeries, float]:
    """An answer and its seconds of processor time."""
    start = time.process_time()
    return work(), time.process_time() - start


def nodule_points(stated: dict[str, Any], volume: Volume) -> list[tuple[float, float, float]]:
    """The centres of the nodules, then readers' points that are none, ``POINTS`` together."""
    others = ((p["z"], p["y"], p["x"]) for p in stated["non_nodules"])
    beside = [((z - volume.origin_mm[2]) / volume.spacing_mm[0], float(y), float(x)) for z, y, x in others]
    return [*(centre_of(n, volume) for n in stated["nodules"]), *beside][:POINTS]


def stacked(volume: Volume, points: list[tuple[float, float, float]], model: LungNodule) -> float:
    """Seconds of processor time for the points in a volume of ``SLICES`` slices, the same ones over again."""
    again = -(-SLICES // len(volume.hu))
    hu = np.concatenate([volume.hu] * again)[:SLICES]
    tall = Volume(hu, volume.spacing_mm, volume.origin_mm, volume.axes, volume.acquisition)
    start = time.process_time()
    for point in points:
        nodule_at(tall, tall.position_of(point), model)
    return time.process_time() - start


if __name__ == "__main__":
    main()
