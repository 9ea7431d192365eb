"""Claim: the built-in finder points at most nodules with a few false candidates a scan, in well under 30 s.

On drawn chests that it was not fitted on, and on real series with the readers' marks (``--truth``, ``--series``).
A nodule counts as found when a candidate lies within its radius of its centre, or within 5 mm where that is more.
A false candidate hits no nodule of any reader, no point below 3 mm and, counted apart, no reader's "non-nodule".

    python benchmarks/candidates.py [--truth truth.json --series FOLDER] [--fit coefficients.json] [--drawn N]

``--fit`` fits the two regressions on drawn chests 1 to 6 alone; 11 and on are for measuring.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radlogic.engine.errors import BadValue
from radlogic.engine.perception import candidates as finder
from radlogic.engine.perception.blobs import FEATURES, Blobs, blobs, strongest
from radlogic.engine.perception.detect import Candidate
from radlogic.engine.perception.lung_field import lung_field
from radlogic.engine.perception.lung_nodule import LungNodule
from radlogic.engine.perception.phantom import PhantomSpec, chest_phantom
from radlogic.engine.perception.phantom_lungs import lung_depth_at
from radlogic.engine.perception.phantom_nodules import NoduleSpec, NoduleType, placed
from radlogic.engine.perception.volume import Volume

FITTED_ON = range(1, 7)
MEASURED_FROM = 11
THRESHOLDS = (0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7)
Numbers = NDArray[np.float64]

SCANS: tuple[dict[str, Any], ...] = (
    {"slices": 110, "spacing_mm": 2.5, "slice_thickness_mm": 2.5},
    {"slices": 220, "spacing_mm": 1.25, "slice_thickness_mm": 1.25, "noise_sd_hu": 30.0},
    {"slices": 110, "spacing_mm": 2.5, "slice_thickness_mm": 2.5, "noise_sd_hu": 25.0, "contrast": True},
    {"slices": 220, "spacing_mm": 1.25, "slice_thickness_mm": 2.5, "contrast": True},
    {"slices": 110, "spacing_mm": 2.5, "slice_thickness_mm": 2.5, "kernel_fwhm_mm": 0.9, "noise_sd_hu": 35.0},
    {"slices": 137, "spacing_mm": 2.0, "slice_thickness_mm": 2.0},
)
HAZY = (NoduleType.NON_SOLID, NoduleType.PART_SOLID)
TYPES = (
    NoduleType.SOLID,
    NoduleType.SOLID,
    NoduleType.NON_SOLID,
    NoduleType.PART_SOLID,
    NoduleType.SOLID,
    NoduleType.NON_SOLID,
    NoduleType.CALCIFIED,
)


@dataclass(frozen=True)
class Mark:
    """A place that is known: a nodule with its diameter, or a point of another ``kind``."""

    position_mm: tuple[float, float, float]
    diameter_mm: float
    kind: str

    def hit_by(self, positions: Numbers) -> NDArray[np.bool_]:
        apart = np.linalg.norm(positions.reshape(-1, 3) - np.array(self.position_mm), axis=1)
        return np.asarray(apart <= max(self.diameter_mm / 2, 5.0))


@dataclass(frozen=True)
class Scan:
    name: str
    volume: Volume
    marks: tuple[Mark, ...]


# ---- drawn chests


def drawn(number: int) -> Scan:
    """Chest ``number`` with 14 nodules of 4 to 20 mm at random places, a third of them at the pleura."""
    spec = PhantomSpec(
        _nodules(100 + number), patient=number, seed=number, centre_mm=(0.0, 0.0, -36.0), **SCANS[(number - 1) % 6]
    )
    phantom = chest_phantom(spec)
    marks = tuple(
        Mark(t.position_mm, t.mean_mm, "sub-solid" if t.type in HAZY else "solid, calcified") for t in phantom.truth
    )
    return Scan(f"drawn {number}", phantom.volume, marks)


def _nodules(seed: int, count: int = 14) -> tuple[NoduleSpec, ...]:
    random = np.random.default_rng(seed)
    made: list[NoduleSpec] = []
    while len(made) < count:
        place = tuple(float(random.uniform(low, high)) for low, high in ((-130, 130), (-90, 90), (-140, 75)))
        nodule = _nodule(random, len(made), (place[0], place[1], place[2]))
        apart = [math.dist(nodule.position_mm, n.position_mm) for n in made] if nodule else []
        if nodule and all(d >= 35 for d in apart):
            made.append(nodule)
    return tuple(made)


def _nodule(random: np.random.Generator, number: int, place: tuple[float, float, float]) -> NoduleSpec | None:
    kind, at_pleura = TYPES[number % len(TYPES)], number % 3 == 0
    size = float(random.choice([7, 8, 10, 12, 15, 20] if kind in HAZY else [4, 5, 6, 7, 8, 10, 12, 15, 20]))
    axes = (size, size * float(random.uniform(0.75, 1)), size * float(random.uniform(0.8, 1)))
    turn, depth = float(random.uniform(0, 90)), lung_depth_at(place)
    if depth < size / 2 + 3 or (at_pleura and depth > 25):
        return None
    spec = NoduleSpec(
        f"n{number}",
        kind,
        place,
        axes,
        solid_mm=0.4 * size if kind is NoduleType.PART_SOLID else None,
        spicules=12 if number % 5 == 4 and size >= 8 else 0,
        juxtapleural=at_pleura,
        turn_deg=turn,
    )
    try:
        return placed(spec)
    except BadValue:  # the pleura is not found from there: another place is drawn
        return None


# ---- real series


def real(truth: Path, folder: Path) -> list[Scan]:
    """The series that ``truth`` tells of, as ``folder/<patient>.zip``."""
    from radlogic.adapters.dicom.series import read_series

    told = json.loads(truth.read_text(encoding="utf-8"))
    scans = []
    for patient, known in told.items():
        volume = read_series(folder / f"{patient}.zip")
        points = [_point(p, volume, kind) for kind in ("below_3mm", "non_nodules") for p in known[kind]]
        scans.append(Scan(patient, volume, (*(_nodule_mark(n, volume) for n in known["nodules"]), *points)))
    return scans


def _nodule_mark(nodule: dict[str, Any], volume: Volume) -> Mark:
    widths = [
        max(np.ptp(np.array(c["xy"]), axis=0).mean() for c in reading["contours"] if c["inclusion"])
        for reading in nodule["readings"]
    ]
    kind = "four readers" if nodule["readers"] == 4 else "one to three readers"
    return Mark(_place(nodule["centre"], volume), float(np.median(widths)) * volume.spacing_mm[1], kind)


def _point(point: dict[str, Any], volume: Volume, kind: str) -> Mark:
    return Mark(_place((point["x"], point["y"], point["z"]), volume), 0.0, kind)


def _place(xyz: Sequence[float], volume: Volume) -> tuple[float, float, float]:
    x, y, _ = volume.position_of((0, xyz[1], xyz[0]))
    return x, y, float(xyz[2])


# ---- measuring


def measure(scans: Sequence[Scan], detector: finder.CandidateFinder) -> list[tuple[Scan, tuple[Candidate, ...]]]:
    results = []
    for scan in scans:
        started = time.process_time()
        found = detector.detect(scan.volume)
        print(f"{scan.name}: {scan.volume.hu.shape}, {time.process_time() - started:.1f} s of one core")
        results.append((scan, found))
    return results


def report(results: Sequence[tuple[Scan, tuple[Candidate, ...]]]) -> None:
    kinds = list(dict.fromkeys(m.kind for scan, _ in results for m in scan.marks))
    print(f"\n{len(results)} scans\n| score | " + " | ".join(f"{k} hit" for k in kinds) + " | false a scan |")
    print("|---" * (len(kinds) + 2) + "|")
    for least in THRESHOLDS:
        hits = {k: [0, 0] for k in kinds}
        false = 0
        for scan, found in results:
            at = np.array([c.position_mm for c in found if c.score >= least]).reshape(-1, 3)
            hitting = np.zeros(len(at), dtype=bool)
            for mark in scan.marks:
                near = mark.hit_by(at)
                hits[mark.kind][0] += bool(near.any())
                hits[mark.kind][1] += 1
                if mark.kind != "non_nodules":
                    hitting |= near
            false += int((~hitting).sum())
        cells = [f"{n}/{of}" for n, of in hits.values()]
        print(f"| {least:g} | {' | '.join(cells)} | {false / len(results):.1f} |")


# ---- fitting, on drawn chests alone


def fit(out: Path, shown_from: float) -> None:
    scans = [drawn(number) for number in FITTED_ON]
    seen = [(scan, *_blobs_of(scan)) for scan in scans]
    usable = [(found.features, *_labels(scan, at, found)) for scan, _, found, at in seen]
    weights = logistic(np.concatenate([f[u] for f, _, u in usable]), np.concatenate([y[u] for _, y, u in usable]))
    net, rows, right = LungNodule(), [], []
    for scan, field, found, at in seen:
        logits = found.features @ weights
        likely = strongest(found, logits, finder.LIKELY, finder.MOST)
        looked = finder.look(field, found.picked(likely), logits[likely], net, scan.volume)
        rows.append(looked.features)
        right.append(np.any([m.hit_by(at[likely]) for m in scan.marks], axis=0))
    second = logistic(np.concatenate(rows), np.concatenate(right).astype(float))
    record = {
        "blob": dict(zip(FEATURES, weights.round(4).tolist(), strict=True)),
        "seen": dict(zip(finder.SEEN, second.round(4).tolist(), strict=True)),
        "shown_from": shown_from,
        "fitted_on": "drawn chests 1 to 6 of benchmarks/candidates.py, 14 nodules each",
        "net_sha256": net.sha256,
    }
    out.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(record, indent=1))


def _blobs_of(scan: Scan) -> tuple[Any, Blobs, Numbers]:
    field = lung_field(scan.volume)
    if field is None:
        raise SystemExit(f"{scan.name} shows no lung")
    found = blobs(field)
    return field, found, np.array([field.position_of(at) for at in found.at])


def _labels(scan: Scan, at: Numbers, found: Blobs) -> tuple[Numbers, NDArray[np.bool_]]:
    """(is a nodule, may be learned from): centred on a nodule and about as wide; what else lies in one is left out."""
    nodule, unclear = np.zeros(len(at), dtype=bool), np.zeros(len(at), dtype=bool)
    for mark in scan.marks:
        apart = np.linalg.norm(at - np.array(mark.position_mm), axis=1)
        wide = found.diameter_mm / mark.diameter_mm
        nodule |= (apart < max(mark.diameter_mm / 4, 2.0)) & (wide > 0.5) & (wide < 1.6)
        unclear |= apart < max(mark.diameter_mm / 2, 5.0) + 2
    return nodule.astype(float), nodule | ~unclear


def logistic(features: Numbers, right: Numbers, ridge: float = 1.0) -> Numbers:
    """Logistic regression by Newton's method."""
    weights = np.zeros(features.shape[1])
    for _ in range(60):
        p = 1 / (1 + np.exp(-np.clip(features @ weights, -30, 30)))
        gradient = features.T @ (right - p) - ridge * weights
        curvature = (features * (p * (1 - p) + 1e-9)[:, None]).T @ features + ridge * np.eye(len(weights))
        weights += np.linalg.solve(curvature, gradient)
    return weights


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fit", type=Path, metavar="JSON", help="fit on drawn chests and write the coefficients")
    parser.add_argument("--shown-from", type=float, default=0.3)
    parser.add_argument("--drawn", type=int, default=6, help="how many drawn chests to measure on")
    parser.add_argument("--truth", type=Path)
    parser.add_argument("--series", type=Path, help="folder with <patient>.zip")
    given = parser.parse_args()
    if given.fit:
        fit(given.fit, given.shown_from)
        return
    detector = finder.CandidateFinder(shown_from=0.0)
    if given.drawn:
        report(measure([drawn(MEASURED_FROM + n) for n in range(given.drawn)], detector))
    if given.truth:
        report(measure(real(given.truth, given.series or given.truth.parent), detector))


if __name__ == "__main__":
    main()
