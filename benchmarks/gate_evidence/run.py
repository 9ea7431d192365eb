"""Claim: where the gate lets an answer stand, it is wrong far less often than a reader is, on patients of LIDC.

Every figure is of patients whose nodules had no say in the bars: the bars are fitted on half of the patients and judged
on the other half, 20 times, and each net has seen neither half of what it answers for. Median (least to most).

``python benchmarks/gate_evidence/run.py [ANSWERS LIDC]`` prints the tables; ``--docs DOCS`` writes them into
``DOCS/gate.md`` between its marks, and the plots into ``DOCS/pictures``. Answers under shifts and of an uncalibrated
net lie in the folder ``gate`` beside ANSWERS, where ``answers.py`` wrote them; without them these tables are left as
they are. Needs scikit-learn; about ten minutes of one core.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import draw
import numpy as np
import tables
from rows import Row, rows, with_masses_of

from radlogic.engine.perception.training.data import load

ROOT = Path(__file__).resolve().parents[2]
SHIFTS = ("moved", "noise_60_hu", "noise_150_hu", "blurred")


def written(page: Path, name: str, table: str) -> None:
    """Put a table into the page, between its marks."""
    text = page.read_text(encoding="utf-8")
    marks = f"<!-- {name} -->", f"<!-- end of {name} -->"
    found = re.compile(re.escape(marks[0]) + ".*?" + re.escape(marks[1]), re.DOTALL)
    if len(found.findall(text)) != 1:
        sys.exit(f"{page} has no place for {name}")
    page.write_text(found.sub(lambda _: f"{marks[0]}\n{table}\n{marks[1]}", text), encoding="utf-8")


def all_tables(plain: Sequence[Row], others: dict[str, list[Row]]) -> Iterator[tuple[str, str]]:
    """(name, Markdown) of each table that can be made."""
    yield "unsettled", tables.treatments(plain)
    yield "guarantee", tables.guarantee(plain)
    yield "levels", tables.levels(plain)
    yield "signals", tables.signals(plain)
    yield "groups", tables.by_group(plain)
    yield "calibration", tables.calibrations(plain)
    yield "readers", tables.readers(plain)
    if "uncalibrated" in others:
        yield "ablations", tables.ablations(plain, others["uncalibrated"])
    if all(name in others for name in SHIFTS):
        yield "shifts", tables.shifts(plain, {name: others[name] for name in SHIFTS})
    if "left_out" in others:
        yield "left out", tables.left_out(plain, others["left_out"])


def main() -> None:
    """Read, count, print and write."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("answers", type=Path, nargs="?", default=ROOT / "out" / "training" / "answers.ndjson")
    asked.add_argument("lidc", type=Path, nargs="?", default=ROOT.parent / "shared" / "data" / "lidc")
    asked.add_argument("--docs", type=Path)
    given = asked.parse_args()
    if not given.answers.exists() or not given.lidc.is_dir():
        sys.exit("needs the answers that `make train` leaves, and the LIDC folder that they are of")
    np.seterr(all="raise", under="ignore")
    nodules = load(given.lidc)
    plain = rows(given.answers, nodules, given.lidc)
    others = {
        file.stem: with_masses_of(plain, rows(file, nodules, given.lidc, signals=False))
        for file in sorted((given.answers.parent / "gate").glob("*.ndjson"))
    }
    report(plain, others, given.docs)


def report(plain: Sequence[Row], others: dict[str, list[Row]], docs: Path | None) -> None:
    """Print the tables, and write them and the plots where a folder is given."""
    for name, table in all_tables(plain, others):
        sys.stdout.write(f"\n{name}\n{table}\n")
        if docs is not None:
            written(docs / "gate.md", name, table)
    if docs is not None:
        (docs / "pictures").mkdir(exist_ok=True)
        for name, plot in draw.plots(plain, others):
            (docs / "pictures" / f"{name}.svg").write_text(plot.svg(), encoding="utf-8")


if __name__ == "__main__":
    main()
