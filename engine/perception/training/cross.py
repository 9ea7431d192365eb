"""Answers about each patient from a net that was not trained on them, calibrated on yet other patients."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..calibration import Calibration, Raw
from ..lung_nodule import NoduleReading, as_record, reading
from .calibrate import calibrate
from .data import Nodules
from .ensemble import Ensemble, grids, member, see
from .fit import Plan, fit

Say = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class Crossed:
    """The net of each fold, and what each said of the nodules of its fold; ``raw`` in the nodules' order."""

    fold: NDArray[np.int64]
    members: tuple[Ensemble, ...]
    raw: tuple[Raw, ...]


def cross(nodules: Nodules, fold: NDArray[np.int64], plan: Plan, work: Path, say: Say) -> Crossed:
    """Train a net for each number in ``fold`` (N,) without the nodules of that number; checkpoints lie in ``work``."""
    members: list[Ensemble] = []
    said: dict[int, Raw] = {}
    for i in range(int(fold.max()) + 1):
        one = _one(nodules, fold, i, plan, work, say)
        held_out = np.flatnonzero(fold == i)
        said.update(zip(held_out.tolist(), see(one, grids(nodules.take(held_out))), strict=True))
        members.append(one)
    return Crossed(fold, tuple(members), tuple(said[i] for i in range(len(nodules))))


def _one(nodules: Nodules, fold: NDArray[np.int64], i: int, plan: Plan, work: Path, say: Say) -> Ensemble:
    trained_on = nodules.take(np.flatnonzero(fold != i))
    own = replace(plan, seed=plan.seed + i)
    net = fit(trained_on, own, work / f"fold{i}.pt", lambda line: say(f"fold {i + 1}/{fold.max() + 1}  {line}"))
    return member(net, trained_on)


def calibrations(crossed: Crossed, nodules: Nodules) -> list[Calibration]:
    """For each fold, fitted on all other folds."""
    parts = [np.flatnonzero(crossed.fold != i) for i in range(len(crossed.members))]
    return [calibrate([crossed.raw[j] for j in rows], nodules.take(rows)) for rows in parts]


def answers(crossed: Crossed, fitted: Sequence[Calibration], nodules: Nodules) -> list[NoduleReading]:
    """What the service would have said of each nodule, net and calibration both blind to its patient."""
    shape = (nodules.hu.shape[1], nodules.hu.shape[2])
    return [
        reading(raw, fitted[fold], float(mm), float(thick), shape)
        for raw, fold, mm, thick in zip(
            crossed.raw, crossed.fold, nodules.spacing_mm, nodules.thickness_mm, strict=True
        )
    ]


def write(seen: Sequence[NoduleReading], nodules: Nodules, folder: Path) -> None:
    """``answers.ndjson`` and ``masks.npz``, as ``radlogic perceive lung-nodule`` writes them."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps(as_record(int(i), s)) for i, s in zip(nodules.ids, seen, strict=True)]
    (folder / "answers.ndjson").write_text("\n".join(lines) + "\n", encoding="utf-8")
    np.savez_compressed(folder / "masks.npz", masks=np.stack([s.mask for s in seen]).astype(np.uint8))
