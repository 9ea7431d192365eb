"""Claim: on drawn phantoms the liver beliefs are calibrated, and healthy liver rarely looks like a lesion.

Phantoms with known truth over size, strength, pattern, capsule, noise, displacement between phases, slice thickness,
texture of the liver, steatosis and a vessel beside the lesion. A feature counts as there from the threshold of an
imaginary reader on, drawn for each phantom from the range in ``thresholds.yaml``: so this says whether the measurement
and its error hold, not whether the thresholds are those of radiologists. Phantoms only: no real lesion was available.

With ``--real FOLDER --labels ORGANS.nii.gz`` also: balls of 10 to 30 mm drawn at random into the liver (label 5) of a
real CT of one phase, which stands for all phases; the share that is called hyperenhancing, washed out or capsuled,
with and without a vessel in it: all of them false alarms.

Run it with ``python benchmarks/liver_phantoms.py [--count N] [--seed N] [--real FOLDER --labels FILE]``.
"""

from __future__ import annotations

import argparse
import gzip
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from liver_phantoms import AXIAL, Look, Phantom, Scan, drawn

from radlogic.engine.perception.enhancement import MultiPhase, Observation, Phase, Placed, observe
from radlogic.engine.perception.liver_grid import of_volume
from radlogic.engine.perception.liver_thresholds import thresholds
from radlogic.engine.types import Classes

VESSEL_HU = 30  # above the liver, smoothed over 1.5 mm: a vessel runs through the box of the ball
CT = thresholds("CT")
LIMITS = {name: (t.value, t.sd) for name, t in CT.of.items()}


def placed(phantom: Phantom, values: NDArray[Any]) -> Placed:
    return Placed(values, phantom.spacing_mm, phantom.origin_mm, AXIAL)


def observed(phantom: Phantom) -> Observation:
    """What is said of a phantom on CT."""
    images = {Phase(name): placed(phantom, image) for name, image in phantom.images.items()}
    return observe(MultiPhase(images, "CT"), placed(phantom, phantom.lesion), placed(phantom, phantom.liver))


def looks(chance: np.random.Generator) -> tuple[dict[str, Look], dict[str, float]]:
    """How a random lesion looks in four phases, and the numbers behind it."""
    kind = chance.choice(["flat", "full", "ring"], p=[0.35, 0.45, 0.2])
    bright = 0.0 if kind == "flat" else chance.uniform(0, 50)
    late = -chance.uniform(0, 40) if chance.random() < 0.5 else chance.uniform(0, 10)
    wall = chance.uniform(0, 40) if chance.random() < 0.4 and kind != "ring" else None
    inner = -chance.uniform(0, 30) if kind == "ring" else bright
    arterial = Look(inner, rim=bright) if kind == "ring" else Look(bright)
    found = {
        "precontrast": Look(-5),
        "late_arterial": arterial,
        "portal_venous": Look(late, capsule=wall),
        "delayed": Look(late, capsule=wall),
    }
    return found, {"bright": bright, "inner": inner, "late": late, "wall": wall or 0.0, "ring": float(kind == "ring")}


def truth(of: dict[str, float], chance: np.random.Generator) -> dict[str, str]:
    """What a reader would say whose thresholds are one draw from their range."""
    t = {name: max(chance.normal(*LIMITS[name]), 0.2 * LIMITS[name][0]) for name in LIMITS}
    ring = of["ring"] and of["bright"] - of["inner"] > t["rim"]
    hyper = of["bright"] > t["hyper"]
    fell = of["inner"] - of["late"] > t["drop"]
    return {
        "aphe": "none" if not hyper else "rim" if ring else "nonrim",
        "washout": "seen" if -of["late"] > t["hypo"] and fell else "none",
        "capsule": "enhancing" if of["wall"] - max(0.0, of["late"]) > 2 * t["ridge"] else "none",
    }


def said(seen: Observation) -> dict[str, dict[str, float]]:
    """The probabilities that are held against the truth; washout in any phase and pattern together."""
    found = {n: dict(b.probabilities) for n, b in seen.beliefs.items() if isinstance(b, Classes)}
    if "washout" in found:
        found["washout"] = {"none": found["washout"]["none"], "seen": 1 - found["washout"]["none"]}
    return found


def run(count: int, seed: int) -> None:
    """Draw, look, compare, print."""
    chance = np.random.default_rng(seed)
    rows: dict[str, list[tuple[float, float]]] = defaultdict(list)
    right: dict[str, list[bool]] = defaultdict(list)
    unknown: dict[str, int] = defaultdict(int)
    sizes, errors, seconds = [], [], []
    for number in range(count):
        shapes, behind = looks(chance)
        size = float(np.exp(chance.uniform(np.log(8), np.log(60 if number % 10 == 0 else 30))))
        scan = Scan(
            noise=chance.uniform(6, 20),
            thickness_mm=chance.choice([1.25, 2.5, 5.0]),
            shift_mm=chance.choice([0.0, 1.5, 3.0]),
            texture=chance.choice([0.0, 4.0, 8.0]),
            steatosis=chance.choice([0.0, 30.0]),
            vessel=bool(chance.random() < 0.3),
        )
        phantom, wanted = drawn(shapes, size, scan, seed=seed * 100_000 + number), truth(behind, chance)
        start = time.process_time()
        seen = observed(phantom)
        seconds.append(time.process_time() - start)
        held = seen.beliefs["size_mm"]
        sizes.append((held.mean - size) / held.sd)
        errors.append(held.mean - size)
        answers = said(seen)
        for name, what in wanted.items():
            if name not in answers:
                unknown[name] += 1
                continue
            rows[name] += [(p, float(label == what)) for label, p in answers[name].items()]
            right[name].append(max(answers[name], key=lambda label: answers[name][label]) == what)
    print(f"{count} phantoms, seed {seed}; phantoms only, no real lesion\n")
    print(f"{'feature':<10}{'answers':>9}{'unknown':>9}{'agreement':>11}{'ECE':>8}{'Brier':>8}")
    for name, pairs in rows.items():
        p, y = np.array(pairs).T
        agreement = float(np.mean(right[name]))
        print(
            f"{name:<10}{len(right[name]):>9}{unknown[name]:>9}{agreement:>11.3f}{ece(p, y):>8.3f}"
            f"{((p - y) ** 2).mean():>8.3f}"
        )
    print(
        f"\nsize: bias {np.mean(errors):.2f} mm, sd {np.std(errors):.2f} mm, "
        f"{np.mean(np.abs(sizes) < 1.645):.3f} in the 90 % interval"
    )
    print(f"seconds of the process per lesion of four phases: median {np.median(seconds):.2f}, most {max(seconds):.2f}")


def ece(p: NDArray[np.float64], y: NDArray[np.float64], bins: int = 10) -> float:
    """Expected calibration error over all class probabilities, in equal bins."""
    at = np.minimum((p * bins).astype(int), bins - 1)
    return float(
        sum(abs(p[at == b].mean() - y[at == b].mean()) * (at == b).mean() for b in range(bins) if (at == b).any())
    )


def organs(path: Path, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """The labels of a NIfTI-1 of unsigned bytes (348 bytes of header), in the order of our slices, rows and columns.

    It is written x fastest, to the left and front; the images run to the left and back: rows are turned over.
    """
    raw = gzip.decompress(path.read_bytes())
    header = np.frombuffer(raw[:348], dtype=np.uint8)
    dims = header[40:56].view("<i2")
    start = int(header[108:112].view("<f4")[0])
    kind = {2: "u1", 4: "<i2", 256: "i1", 512: "<u2", 16: "<f4", 64: "<f8"}[int(header[70:72].view("<i2")[0])]
    count = int(np.prod(dims[1:4]))
    values = np.frombuffer(raw, kind, count, start).reshape(tuple(int(n) for n in dims[1:4])[::-1])
    rows = header[280:328].view("<f4").reshape(3, 4)
    flips = [
        slice(None),
        slice(None, None, -1 if rows[1, 1] > 0 else 1),
        slice(None, None, -1 if rows[0, 0] > 0 else 1),
    ]
    turned = values[tuple(flips)]
    if turned.shape != shape:
        raise SystemExit(f"labels {turned.shape} do not fit the images {shape}")
    return turned.astype(np.uint8)


def false_alarms(folder: Path, labels: Path, count: int, seed: int) -> None:
    """Balls in real liver without a lesion of their own."""
    from radlogic.adapters.dicom.series import read_series

    volume = read_series(folder)
    image = of_volume(volume)
    liver = organs(labels, volume.hu.shape) == 5
    print(
        f"\nreal CT: {int(liver.sum())} voxels of liver, median {np.median(volume.hu[liver]):.0f} HU, "
        f"spacing {volume.spacing_mm}"
    )
    chance, unknown, rows = np.random.default_rng(seed), 0, defaultdict(list)
    margin = ndimage.distance_transform_edt(np.pad(liver, 1), sampling=volume.spacing_mm)[1:-1, 1:-1, 1:-1]
    smooth = ndimage.gaussian_filter(volume.hu.astype(np.float32), [1.5 / s for s in volume.spacing_mm])
    whole = Placed(liver, image.spacing_mm, image.origin_mm, image.axes)
    same = MultiPhase(dict.fromkeys((Phase.LATE_ARTERIAL, Phase.PORTAL_VENOUS, Phase.DELAYED), image), "CT")
    for _ in range(count):
        radius = chance.uniform(5, min(15.0, 0.95 * float(margin.max())))
        middles = np.argwhere(margin > radius)
        middle = middles[chance.integers(len(middles))]
        reach = [int(radius / s) + 1 for s in volume.spacing_mm]
        k, i, j = (np.arange(-n, n + 1) * s for n, s in zip(reach, volume.spacing_mm, strict=True))
        ball = k[:, None, None] ** 2 + i[None, :, None] ** 2 + j[None, None, :] ** 2 <= radius**2
        x, y, z = image.position_of(np.subtract(middle, reach).astype(float))
        box = tuple(slice(max(0, m - n), m + n + 1) for m, n in zip(middle, reach, strict=True))
        vessel = float(smooth[box].max()) > np.median(volume.hu[liver]) + VESSEL_HU
        seen = observe(same, Placed(ball, image.spacing_mm, (float(x), float(y), float(z)), image.axes), whole)
        for name in ("aphe", "washout", "capsule"):
            belief = seen.beliefs[name]
            if isinstance(belief, Classes):
                rows[name, vessel].append(1 - belief.probabilities["none"])
            else:
                unknown += 1
    for (name, vessel), p in sorted(rows.items()):
        beside = "with a vessel" if vessel else "without one"
        print(f"{name:<9} {beside:<14} present in {sum(q >= 0.5 for q in p)} of {len(p)} balls, highest {max(p):.2f}")
    print(f"unknown: {unknown} of {3 * count} answers; the phases are one image, so any washout is a false alarm")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--real", type=Path)
    parser.add_argument("--labels", type=Path)
    arguments = parser.parse_args()
    if arguments.count:
        run(arguments.count, arguments.seed)
    if arguments.real and arguments.labels:
        false_alarms(arguments.real, arguments.labels, 50, arguments.seed)


if __name__ == "__main__":
    main()
