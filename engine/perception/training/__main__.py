"""``python -m radlogic.engine.perception.training DATA OUT``: train, judge, calibrate, export.

DATA: a folder with crops.npz, nodules.csv and readings.csv. OUT: model.onnx, calibration.json, sha256,
metrics.json and card.md. WORK (``--work``) keeps checkpoints, from which an interrupted run goes on, and
the answers about patients not trained on.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any, Final

import torch

from .calibrate import calibrate
from .card import card
from .cross import answers, calibrations, cross, write
from .data import Nodules, folds, load
from .ensemble import grids, together
from .export import export
from .fit import Plan
from .metrics import metrics, subgroups
from .shift import shifted

FOLDS: Final = 4  # each net sees three quarters of the patients; three of the four are shipped


def say(line: str) -> None:
    """Progress, on standard error."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def train(nodules: Nodules, k: int, plan: Plan, out: Path, work: Path) -> dict[str, dict[str, float]]:
    """Everything; what is left in ``out`` is what the service reads. The metrics are those of the card."""
    crossed = cross(nodules, folds(nodules, k, plan.seed), plan, work, say)
    fitted = calibrations(crossed, nodules)
    seen = answers(crossed, fitted, nodules)
    write(seen, nodules, work)
    found: dict[str, Any] = {**metrics(seen, nodules), "shift": shifted(crossed, fitted, nodules, seen)}
    found["subgroups"] = subgroups(seen, nodules)
    final = calibrate(crossed.raw, nodules)
    apart = export(together(crossed.members), final, out, grids(nodules)[:16])
    found["export"] = {f"onnx_from_torch_{name}": value for name, value in apart.items()}
    found["sha256"] = (out / "sha256").read_text(encoding="utf-8").strip()  # what the figures are of
    (out / "metrics.json").write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    (out / "card.md").write_text(card(found, final, plan, k, found["sha256"]), encoding="utf-8")
    return found


def main() -> None:
    """Read the command line and train."""
    asked = argparse.ArgumentParser(prog="python -m radlogic.engine.perception.training", description=__doc__)
    asked.add_argument("data", type=Path)
    asked.add_argument("out", type=Path)
    asked.add_argument("--work", type=Path, default=Path("out/training"))
    asked.add_argument("--folds", type=int, default=FOLDS)
    asked.add_argument("--epochs", type=int, default=Plan.epochs)
    asked.add_argument("--seed", type=int, default=Plan.seed)
    asked.add_argument("--threads", type=int, default=0, help="0: all cores")
    given = asked.parse_args()
    if given.threads:
        torch.set_num_threads(given.threads)
    plan = Plan(epochs=given.epochs, seed=given.seed)
    say(json.dumps(train(load(given.data), given.folds, plan, given.out, given.work)["answer"], indent=2))


if __name__ == "__main__":
    main()
