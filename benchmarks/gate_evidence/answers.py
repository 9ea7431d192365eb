"""What the nets of each fold say under shifts, without calibration, and of scanners that they never saw.

``python benchmarks/gate_evidence/answers.py LIDC WORK`` reads the checkpoints that the training (and ``left_out``) left
in WORK and writes ``WORK/gate/<name>.ndjson``, in the form of ``answers.ndjson``. Nothing is trained here. The nets are
those of the answers only if they give the answers again, which is checked first. Needs the extra [train].
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch.optim.swa_utils import AveragedModel

from radlogic.engine.perception.calibration import NORMAL_HALF_WIDTH, Calibration
from radlogic.engine.perception.lung_nodule import NoduleReading, as_record
from radlogic.engine.perception.training import shift
from radlogic.engine.perception.training.cross import Crossed, answers, calibrations
from radlogic.engine.perception.training.data import Nodules, folds, load
from radlogic.engine.perception.training.ensemble import grids, member, see
from radlogic.engine.perception.training.net import NoduleNet

GAUSSIAN = float(np.sqrt(np.pi / 2))  # standard deviation of a Gaussian over its mean absolute error
SEED = 1
FOLDS = 4


def crossed(nodules: Nodules, fold: np.ndarray, work: Path) -> Crossed:
    """The nets of the checkpoints, each asked about the nodules of its own fold."""
    members, said = [], {}
    for i in range(int(fold.max()) + 1):
        net = averaged(work / f"fold{i}.pt")
        members.append(member(net, nodules.take(np.flatnonzero(fold != i))))
        rows = np.flatnonzero(fold == i)
        said.update(zip(rows.tolist(), see(members[-1], grids(nodules.take(rows))), strict=True))
    return Crossed(fold, tuple(members), tuple(said[i] for i in range(len(nodules))))


def averaged(checkpoint: Path) -> NoduleNet:
    """The net with the averaged weights, as it is used."""
    model = AveragedModel(NoduleNet(), use_buffers=True)
    model.load_state_dict(torch.load(checkpoint, weights_only=True)["ema"])
    return model.module.eval()


def same(seen: Sequence[NoduleReading], nodules: Nodules, answers: Path) -> bool:
    """Whether these nets gave the answers in the file."""
    stated = {a["nodule_id"]: a for a in map(json.loads, answers.read_text(encoding="utf-8").splitlines())}
    pairs = ((s, stated[int(i)]) for i, s in zip(nodules.ids, seen, strict=True))
    apart = max(max(abs(s.texture["solid"] - a["texture"]["solid"]), abs(s.mean_mm - a["mean_mm"])) for s, a in pairs)
    sys.stderr.write(f"largest difference from {answers.name}: {apart:.1e}\n")
    return apart < 1e-4


def uncalibrated(fitted: Calibration) -> Calibration:
    """The net's own softmax, and its spread taken for a Gaussian's."""
    half = NORMAL_HALF_WIDTH * GAUSSIAN
    return replace(fitted, temperature=1.0, bias=(0.0, 0.0, 0.0), bounds=(-half, half))


def scans(nodules: Nodules) -> dict[str, np.ndarray]:
    """The same nodules as other scans would show them."""
    chance = np.random.default_rng(SEED)
    found = {"moved": shift._moved(nodules.hu, chance)}
    return found | {name: make(nodules.hu, chance) for name, make in shift.OTHER_SCANS.items()}


def write(seen: Sequence[NoduleReading], nodules: Nodules, file: Path) -> None:
    """One line a nodule."""
    file.parent.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps(as_record(int(i), s)) for i, s in zip(nodules.ids, seen, strict=True)]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")


def main() -> None:
    """Read the command line and write what can be written."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("lidc", type=Path)
    asked.add_argument("work", type=Path)
    given = asked.parse_args()
    torch.set_num_threads(1)
    nodules, out = load(given.lidc), given.work / "gate"
    found = crossed(nodules, folds(nodules, FOLDS, 0), given.work)
    fitted = calibrations(found, nodules)
    plain = answers(found, fitted, nodules)
    if not same(plain, nodules, given.work / "answers.ndjson"):
        sys.exit("the checkpoints are not of the nets that gave the answers")
    write(answers(found, [uncalibrated(c) for c in fitted], nodules), nodules, out / "uncalibrated.ndjson")
    for name, hu in scans(nodules).items():
        write(shift._again(found, fitted, nodules, hu), nodules, out / f"{name}.ndjson")
        sys.stderr.write(name + "\n")
    if (given.work / "left_out").is_dir():
        _, maker = np.unique(nodules.maker, return_inverse=True)
        apart = crossed(nodules, maker, given.work / "left_out")
        write(answers(apart, calibrations(apart, nodules), nodules), nodules, out / "left_out.ndjson")


if __name__ == "__main__":
    main()
