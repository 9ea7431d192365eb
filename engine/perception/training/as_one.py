"""``python -m radlogic.engine.perception.training.as_one DATA OUT``: the mean of nets on patients that none saw.

What ships is the mean of the nets of three folds, and every patient here was seen by one of them. So the
same is made once more for one fold alone: its own net and two of other seeds, all trained without its
patients, and a calibration from the other folds' answers, as for shipping. Writes ``as_one.json``:
figures of each net alone, which is the spread of seeds, and of the three as one, all on that fold.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..lung_nodule import reading
from .calibrate import calibrate
from .cross import Crossed, Say, cross
from .data import Nodules, folds, load
from .ensemble import SHIPPED, Ensemble, grids, member, see, together
from .fit import Plan, fit
from .metrics import metrics

OTHER_SEED = 100  # far from the folds' own


def as_one(nodules: Nodules, crossed: Crossed, plan: Plan, work: Path, say: Say) -> dict[str, dict[str, float]]:
    """The figures on the last fold of each of three nets, and of the three as one."""
    last = len(crossed.members) - 1
    rows, others = (np.flatnonzero(at) for at in (crossed.fold == last, crossed.fold != last))
    fitted = calibrate([crossed.raw[i] for i in others.tolist()], nodules.take(others))
    trained_on, judged = nodules.take(others), nodules.take(rows)
    more = [
        member(fit(trained_on, replace(plan, seed=OTHER_SEED + k), work / f"as_one{k}.pt", say), trained_on)
        for k in range(SHIPPED - 1)
    ]
    shape = (nodules.hu.shape[1], nodules.hu.shape[2])

    def figures(model: Ensemble) -> dict[str, dict[str, float]]:
        pairs = zip(see(model, grids(judged)), judged.spacing_mm, judged.thickness_mm, strict=True)
        return metrics([reading(r, fitted, float(mm), float(thick), shape) for r, mm, thick in pairs], judged)

    found = figures(together([crossed.members[last], *more]))
    alone = {f"net of seed {k + 1}": figures(net)["answer"] for k, net in enumerate([crossed.members[last], *more])}
    return {"n": found["n"], "reader": found["reader"], **alone, "three as one": found["answer"]}


def main() -> None:
    """Read the command line, train what is lacking, write."""
    asked = argparse.ArgumentParser(prog="python -m radlogic.engine.perception.training.as_one", description=__doc__)
    asked.add_argument("data", type=Path)
    asked.add_argument("out", type=Path)
    asked.add_argument("--work", type=Path, default=Path("out/training"))
    asked.add_argument("--folds", type=int, default=4)
    asked.add_argument("--epochs", type=int, default=Plan.epochs)
    given = asked.parse_args()
    nodules, plan = load(given.data), Plan(epochs=given.epochs)

    def say(line: str) -> None:
        sys.stderr.write(line + "\n")

    crossed = cross(nodules, folds(nodules, given.folds, plan.seed), plan, given.work, say)
    given.out.mkdir(parents=True, exist_ok=True)
    found = as_one(nodules, crossed, plan, given.work, say)
    (given.out / "as_one.json").write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
