"""``python -m radlogic.engine.perception.training.left_out DATA OUT``: each manufacturer left out in turn.

Nets and calibrations that never saw a scanner of one manufacturer answer about its patients; beside them
stand the answers (``--answers``: the work folder of the ordinary training) of nets that saw other
patients of the same scanners. Writes ``by_manufacturer.json``.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np

from .cross import Say, answers, calibrations, cross
from .data import Nodules, load
from .fit import Plan
from .metrics import subgroups

EPOCHS = 12  # fewer than for shipping: what is asked is the difference that the scanner makes


def left_out(nodules: Nodules, plan: Plan, work: Path, say: Say) -> dict[str, dict[str, float]]:
    """The figures of each manufacturer's patients, by nets and calibrations that saw none of its scanners."""
    _, maker = np.unique(nodules.maker, return_inverse=True)
    return _figures(nodules, maker, plan, work, say)


def ordinary(nodules: Nodules, plan: Plan, work: Path, say: Say) -> dict[str, dict[str, float]]:
    """The same figures by nets of the same plan that saw as many nodules, of all scanners, but not these patients.

    The patients are dealt into parts as large as the manufacturers', so that the nets train on as much.
    """
    patients, which = np.unique(nodules.patient, return_inverse=True)
    _, counts = np.unique(nodules.maker, return_counts=True)
    dealt = np.random.default_rng(plan.seed).permutation(len(patients))
    edges = (np.cumsum(counts) / counts.sum() * len(patients)).round().astype(int)
    part = np.empty(len(patients), dtype=np.int64)
    part[dealt] = np.searchsorted(edges, np.arange(len(patients)), side="right")
    return _figures(nodules, part[which], plan, work, say)


def _figures(nodules: Nodules, part: np.ndarray, plan: Plan, work: Path, say: Say) -> dict[str, dict[str, float]]:
    crossed = cross(nodules, part, plan, work, say)
    seen = answers(crossed, calibrations(crossed, nodules), nodules)
    return {name: found for name, found in subgroups(seen, nodules).items() if name.startswith("manufacturer")}


def main() -> None:
    """Read the command line, train and write."""
    asked = argparse.ArgumentParser(prog="python -m radlogic.engine.perception.training.left_out", description=__doc__)
    asked.add_argument("data", type=Path)
    asked.add_argument("out", type=Path)
    asked.add_argument("--work", type=Path, default=Path("out/training"))
    asked.add_argument("--epochs", type=int, default=EPOCHS)
    asked.add_argument("--seed", type=int, default=Plan.seed)
    given = asked.parse_args()
    nodules, plan = load(given.data), Plan(epochs=given.epochs, seed=given.seed)

    def say(line: str) -> None:
        sys.stderr.write(line + "\n")

    found = {
        "left out": left_out(nodules, plan, given.work / "left_out", say),
        "ordinary": ordinary(nodules, plan, given.work / "ordinary", say),
    }
    given.out.mkdir(parents=True, exist_ok=True)
    (given.out / "by_manufacturer.json").write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
