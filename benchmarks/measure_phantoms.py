"""Claim: sizes are measured with known bias and spread, over size, type, slice thickness, kernel and dose.

Nodules that ``tests/nodule_phantoms.py`` draws and scans; it shares no code with what measures. Two tables:

* on the true outline: ``measure_volume`` on the voxels whose centres lie in the nodule, ``solid_component`` in them;
* end to end: the net on the slice of largest area (``LungNodule.read``), and the nodule in 3-D (``nodule_at``), its
  volume with the error of its outline (``with_outline_error``).

Each cell: mean error, its standard deviation, and how often the 90 % interval holds the truth. Diameters in mm, volumes
in per cent of the true one, the solid part in per cent of the true one in part-solid nodules.

Run it with ``python benchmarks/measure_phantoms.py [--repeats N] [--scans N] [--write]``; ``--write`` puts the tables
into ``docs/measurement.md``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

import numpy as np

from radlogic.engine.perception.calibration import NORMAL_HALF_WIDTH
from radlogic.engine.perception.in_series import nodule_at
from radlogic.engine.perception.lung_nodule import LungNodule
from radlogic.engine.perception.measure import measure_volume
from radlogic.engine.perception.solid import SolidComponent, solid_component
from radlogic.engine.perception.volume import Acquisition, Volume

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))
from nodule_phantoms import Nodule, Scanned, Scanner, drawn, outlined, scan  # noqa: E402

PAGE = ROOT / "docs" / "measurement.md"
SIZES = (4, 6, 8, 10, 15, 20, 30)
TYPES = ("solid", "calcified", "part-solid, core 35 %", "part-solid, core 60 %", "non-solid")
SLICES = (0.6, 1.25, 2.5, 5.0)
KERNELS, DOSES = ("soft", "sharp"), ("standard", "low")
AXES = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
TRUE = ("diameter", "volume", "solid part")
ENDS = ("crop: diameter", "series: diameter", "series: volume", "series: solid part")


@dataclass(frozen=True)
class Case:
    """One nodule on one scanner."""

    size: int
    type: str
    slice_mm: float
    kernel: str
    dose: str
    seed: int

    @property
    def nodule(self) -> Nodule:
        kind = self.type.split(",")[0].replace("-", "_")
        share = 0.35 if "35" in self.type else 0.6
        return drawn(kind, self.size, self.seed, share)

    @property
    def scanner(self) -> Scanner:
        return Scanner(self.slice_mm, kernel=self.kernel, dose=self.dose)

    @property
    def levels(self) -> tuple[str, ...]:
        """The rows that it counts in."""
        mm = (f"{self.size} mm", f"slices of {self.slice_mm:g} mm")
        return "all", mm[0], self.type, mm[1], f"{self.kernel} kernel", f"{self.dose} dose"


ROWS = (
    "all",
    *(f"{size} mm" for size in SIZES),
    *TYPES,
    *(f"slices of {mm:g} mm" for mm in SLICES),
    *(f"{kernel} kernel" for kernel in KERNELS),
    *(f"{dose} dose" for dose in DOSES),
)


@dataclass
class Tally:
    """Errors and whether the interval held, by row and column."""

    errors: dict[tuple[str, str], list[tuple[float, bool]]] = field(default_factory=dict)

    def add(self, case: Case, column: str, error: float, held: bool) -> None:
        for row in case.levels:
            self.errors.setdefault((row, column), []).append((error, held))

    def diameter(self, case: Case, column: str, found: float, low: float, high: float) -> None:
        true = case.nodule.mean_mm
        self.add(case, column, found - true, low <= true <= high)

    def volume(self, case: Case, column: str, found: float, sd: float, true: float) -> None:
        self.add(case, column, 100 * (found / true - 1), abs(found - true) <= NORMAL_HALF_WIDTH * sd)

    def cell(self, row: str, column: str) -> str:
        found = self.errors.get((row, column))
        if not found:
            return ""
        errors, held = np.array(found, dtype=float).T
        digits = 2 if "diameter" in column else 0
        return f"{errors.mean():+.{digits}f} ± {errors.std():.{digits}f}, {100 * held.mean():.0f} %"

    def table(self, columns: Sequence[str]) -> str:
        lines = [f"| | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
        lines += [f"| {row} | {' | '.join(self.cell(row, column) for column in columns)} |" for row in ROWS]
        return "\n".join(lines)


def every(repeats: int) -> Iterator[Case]:
    """All combinations."""
    combined = product(range(repeats), SIZES, TYPES, SLICES, KERNELS, DOSES)
    for seed, (_, *levels) in enumerate(combined):
        yield Case(*levels, seed)


def some(count: int) -> Iterator[Case]:
    """``count`` of them: each level of a factor as often as the others, at random with those of other factors."""
    chance = np.random.default_rng(0)
    factors = [chance.permutation(np.resize(np.arange(len(f)), count)) for f in (SIZES, TYPES, SLICES, KERNELS, DOSES)]
    for seed, (size, kind, mm, kernel, dose) in enumerate(zip(*factors, strict=True)):
        yield Case(SIZES[size], TYPES[kind], SLICES[mm], KERNELS[kernel], DOSES[dose], 10**6 + seed)


def on_outlines(tally: Tally, cases: Iterator[Case]) -> int:
    """Diameter and volume of the digitised nodule; returns how many no slice hit."""
    missed = 0
    for case in cases:
        mask, _ = outlined(case.nodule, case.scanner, case.seed)
        if not mask.any():
            missed += 1
            continue
        found = measure_volume(mask, (case.slice_mm, case.scanner.pixel_mm, case.scanner.pixel_mm))
        half = NORMAL_HALF_WIDTH * found.axes.mean_sd_mm
        mean = found.axes.mean_mm
        tally.diameter(case, "diameter", mean, mean - half, mean + half)
        tally.volume(case, "volume", found.volume_mm3, found.volume_sd_mm3, case.nodule.volume_mm3)
    return missed


def on_crops(tally: Tally, cases: Iterator[Case], model: LungNodule) -> None:
    """What the net says of the slice nearest the nodule's middle."""
    for case in cases:
        scanned = scan(case.nodule, case.scanner, case.seed, whole=False)
        read = model.read(scanned.hu[0], case.scanner.pixel_mm, case.slice_mm)
        tally.diameter(case, "crop: diameter", read.mean_mm, *read.interval_mm)


def in_scans(tally: Tally, cases: Iterator[Case], model: LungNodule) -> int:
    """The solid part in the true outline; the nodule in 3-D from its middle; returns how many were not seen there."""
    unseen = 0
    for case in cases:
        scanned = scan(case.nodule, case.scanner, case.seed)
        if scanned.mask.any():
            _solid(tally, case, "solid part", solid_component(scanned.hu, scanned.mask, scanned.spacing_mm))
        volume = _volume(scanned)
        found = nodule_at(volume, volume.position_of(tuple((n - 1) / 2 for n in scanned.hu.shape)), model)
        if any("no nodule is seen" in why for why in found.outside):
            unseen += 1
            continue
        tally.diameter(case, "series: diameter", found.reading.mean_mm, *found.reading.interval_mm)
        measured = found.measured
        true = case.nodule.volume_mm3
        tally.volume(case, "series: volume", measured.volume_mm3, measured.volume_sd_mm3, true)
        _solid(tally, case, "series: solid part", found.solid)
    return unseen


def _solid(tally: Tally, case: Case, column: str, found: SolidComponent | None) -> None:
    if case.type.startswith("part-solid") and found is not None:
        tally.volume(case, column, found.volume_mm3, found.volume_sd_mm3, case.nodule.solid_mm3)


def _volume(scanned: Scanned) -> Volume:
    made = Acquisition(slice_thickness_mm=scanned.spacing_mm[0])
    return Volume(scanned.hu, scanned.spacing_mm, (0.0, 0.0, 0.0), AXES, made)


def written(tables: str) -> None:
    """Put the tables between the marks of the page."""
    page = PAGE.read_text(encoding="utf-8")
    before, _, rest = page.partition("<!-- phantoms -->\n")
    _, _, after = rest.partition("<!-- /phantoms -->")
    PAGE.write_text(f"{before}<!-- phantoms -->\n{tables}\n<!-- /phantoms -->{after}", encoding="utf-8")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--repeats", type=int, default=1, help="of all combinations, for outlines and crops")
    options.add_argument("--scans", type=int, default=112, help="whole scans, at random combinations")
    options.add_argument("--write", action="store_true", help="into docs/measurement.md")
    asked = options.parse_args()
    tally, model = Tally(), LungNodule()
    missed = on_outlines(tally, every(asked.repeats))
    on_crops(tally, every(asked.repeats), model)
    unseen = in_scans(tally, some(asked.scans), model)
    count = len(list(every(asked.repeats)))
    outlines = f"{count} digitised nodules, of which no slice hit {missed}; solid part: {asked.scans} scans"
    ends = f"net {model.sha256[:12]}; {count} crops; {asked.scans} scans, in {unseen} of which it saw no nodule"
    tables = "\n\n".join(
        [f"On the true outline ({outlines}):", tally.table(TRUE), f"End to end ({ends}):", tally.table(ENDS)]
    )
    print(tables)
    if asked.write:
        written(tables)


if __name__ == "__main__":
    main()
