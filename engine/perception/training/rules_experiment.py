"""``python -m radlogic.engine.perception.training.rules_experiment DATA OUT``: does the rules' loss help?

Where only a part of the nodules has finding labels and the others keep the category alone, three arms
(``rules_arms``) are trained on the same draws, and judged on patients that none of them saw. OUT gets one
JSON file a run, so that a series that was cut short goes on where it stopped, and ``summary.json`` and
``table.md``. Seeds are the outer loop: whole comparisons are finished first.

One fixed split by patient. Labels are kept or hidden by patient, nested (those of 10 % are among those of
30 %), the same in all arms of a seed. Half of each batch is drawn from the labelled nodules, half from all;
every arm sees the same pixels. Sizes are not stretched and rare textures not favoured: a category would not
survive the one, and hidden labels cannot direct the other. One thread.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import cache, lru_cache
from itertools import product
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from ..grid import PIXEL_MM
from .augment import Views
from .category import CategoryRules, answer_probabilities, category_rules, outputs
from .data import PANEL, Nodules, folds, load
from .fit import tensors
from .loss import Panel
from .rules_arms import ARMS, ArmLoss, Learner, learner, reduced
from .rules_summary import RESAMPLES, summary, table

FRACTIONS: Final = (0.1, 0.3, 1.0)
SPLIT_SEED, SPLIT, TEST_FOLDS = 2022, 10, 3  # 3 of 10 folds of the patients are for judging
ACROSS_MM: Final = 31.0  # of what is seen: less than the shipped net's, for speed; 1 nodule in 70 is larger
SIDE: Final = 8 * round(ACROSS_MM / PIXEL_MM / 8)  # pixels; the net halves them three times
SHIFT: Final = 3  # pixels to each side
NOISE_HU: Final = 40.0
Say = Callable[[str], None]


@cache
def net_seen() -> str:
    """A hash of the net's shape and its grid: runs of another net are not of the same series."""
    shapes = {name: list(v.shape) for name, v in reduced().state_dict().items()}
    return hashlib.sha256(json.dumps([PIXEL_MM, SIDE, shapes]).encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Reduced:
    """How long and how fast a run is: about half a minute on one core; ``net`` says which."""

    steps: int = 240
    batch: int = 32
    rate: float = 4e-3
    decay: float = 0.02
    averaging: float = 0.98
    net: str = field(default_factory=net_seen)


@dataclass(frozen=True)
class Run:
    """One training: an arm at a share of labelled nodules, with a seed."""

    arm: str
    fraction: float
    seed: int
    plan: Reduced = field(default_factory=Reduced)

    @property
    def name(self) -> str:
        """Of its file."""
        return f"seed{self.seed}-labels{round(100 * self.fraction)}-{self.arm}.json"


def series(nodules: Nodules, seeds: int, plan: Reduced, out: Path, say: Say) -> None:
    """Every run that ``out`` does not hold yet; one that was interrupted begins anew, the others stand."""
    rules = category_rules()
    train, test = split(nodules)
    for seed, fraction, arm in product(range(seeds), FRACTIONS, ARMS):
        run = Run(arm, fraction, seed, plan)
        if not done(out / run.name, run):
            _write(out / run.name, {**asdict(run), **one(run, train, test, rules)})
            say(f"{run.name} is done")


def split(nodules: Nodules) -> tuple[Nodules, Nodules]:
    """Those to train on, and those of other patients, with a panel, to judge by."""
    judged = folds(nodules, SPLIT, SPLIT_SEED) < TEST_FOLDS
    return nodules.take(np.flatnonzero(~judged)), nodules.take(np.flatnonzero(judged & (nodules.readers >= PANEL)))


def labelled(train: Nodules, fraction: float, seed: int) -> NDArray[np.bool_]:
    """Which nodules keep their findings: those of the first patients of the seed's order, up to ``fraction``."""
    patients, which = np.unique(train.patient, return_inverse=True)
    place = np.random.default_rng(seed).permutation(len(patients))
    so_far = np.cumsum(np.bincount(place[which], minlength=len(patients)))
    enough = int(np.searchsorted(so_far, fraction * len(train)))
    return np.asarray(place[which] <= enough)


def done(path: Path, run: Run) -> bool:
    """Whether a run lies there, of the very same plan."""
    found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return bool({k: found.get(k) for k in asdict(run)} == asdict(run))


def one(run: Run, train: Nodules, test: Nodules, rules: CategoryRules) -> dict[str, Any]:
    """Train and answer: what the judged nodules are, and what the net believes of each."""
    keep = labelled(train, run.fraction, run.seed)
    trained = _Training(run, train, keep, rules).finished()
    said = believed(trained, test, rules)
    return {"labelled": int(keep.sum()), "said": said}


def believed(model: Learner, test: Nodules, rules: CategoryRules) -> dict[str, list[Any]]:
    """By nodule: probabilities of texture, of the rules' answers, of the head's categories; diameter and its sd."""
    hu, _ = on_grid(test)
    model.eval()
    found: dict[str, list[Any]] = {"texture": [], "mm": [], "sd": [], "answers": [], "head": []}
    with torch.no_grad():
        for part in _cut(hu, SHIFT, SHIFT).split(64):
            seen, head = model(part)
            of = outputs(seen)
            rows = {"texture": of["type"].softmax(1), "answers": answer_probabilities(rules, seen)}
            rows |= {"mm": of["mean_mm"][:, 0], "sd": of["mean_mm"][:, 1].exp()}
            rows |= {"head": head.softmax(1)} if head is not None else {}
            for name, values in rows.items():
                found[name] += np.round(values.double().numpy(), 6).tolist()
    return found


@lru_cache(maxsize=2)  # of the series: those to train on, those to judge by
def on_grid(nodules: Nodules) -> tuple[Tensor, Tensor]:
    """HU and mask (N, 1, n, n) on the net's grid, with room to shift."""
    of = tensors(nodules)
    drawn = Views(torch.Generator()).plain(of["hu"], of["mask"], of["axes_mm"], of["spacing_mm"])
    edge = (drawn.hu.shape[-1] - SIDE) // 2 - SHIFT
    inner = slice(edge, edge + SIDE + 2 * SHIFT)
    return drawn.hu[..., inner, inner], drawn.mask[..., inner, inner]


def _cut(images: Tensor, down: int, right: int) -> Tensor:
    return images[..., down : down + SIDE, right : right + SIDE]


class _Training:
    """The steps of one run."""

    def __init__(self, run: Run, train: Nodules, keep: NDArray[np.bool_], rules: CategoryRules) -> None:
        self.plan = run.plan
        self.data = tensors(train)
        self.hu, self.mask = on_grid(train)
        self.answer = torch.from_numpy(rules.answer(train.panel_texture, train.axes_mm.mean(axis=1)))
        self.keep = torch.from_numpy(keep)
        self.chance = torch.Generator().manual_seed(run.seed)
        self.model = learner(run.arm, rules, run.seed, SIDE)
        self.loss = ArmLoss(run.arm, rules)
        self.optimiser = torch.optim.AdamW(self.model.parameters(), self.plan.rate, weight_decay=self.plan.decay)
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimiser, self.plan.rate, total_steps=self.plan.steps, pct_start=0.15
        )
        ema = get_ema_multi_avg_fn(self.plan.averaging)
        self.average = AveragedModel(self.model, multi_avg_fn=ema, use_buffers=True)

    def finished(self) -> Learner:
        """The averaged net after all steps."""
        self.model.train()
        for _ in range(self.plan.steps):
            self._step()
        found: Learner = self.average.module
        return found

    def _step(self) -> None:
        rows = torch.cat([self._draw(self.keep.nonzero()[:, 0]), self._draw(torch.arange(len(self.keep)))])
        hu, mask = self._seen_anew(rows)
        of = self.data
        panel = Panel(mask, of["ratings"][rows], of["signs"][rows], of["axes_mm"][rows], of["weight"][rows])
        seen, said = self.model(hu)
        loss = self.loss(seen, said, panel, self.keep[rows], self.answer[rows])
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 5.0)
        self.optimiser.step()
        self.schedule.step()
        self.average.update_parameters(self.model)

    def _draw(self, among: Tensor) -> Tensor:
        return among[torch.randint(len(among), (self.plan.batch // 2,), generator=self.chance)]

    def _seen_anew(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Shifted, turned or mirrored, noisier; the size stays, and with it the category."""
        down, right = torch.randint(2 * SHIFT + 1, (2,), generator=self.chance).tolist()
        turns, mirrored = torch.randint(4, (1,), generator=self.chance), torch.rand(1, generator=self.chance) < 0.5
        views = [_cut(images[rows], down, right).rot90(int(turns), (2, 3)) for images in (self.hu, self.mask)]
        hu, mask = (v.flip(3) if mirrored else v for v in views)
        strength = NOISE_HU * torch.rand(len(rows), 1, 1, 1, generator=self.chance)
        noisy = hu + strength * torch.randn(hu.shape, generator=self.chance)
        return noisy.contiguous(memory_format=torch.channels_last), mask


def _write(path: Path, record: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part")
    unfinished.write_text(json.dumps(record), encoding="utf-8")
    unfinished.replace(path)  # a run that is cut short leaves nothing that looks like a result


def say(line: str) -> None:
    """Progress, on standard error."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def main() -> None:
    """Read the command line, run what is missing, sum up what is there."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("data", type=Path)
    asked.add_argument("out", type=Path)
    asked.add_argument("--seeds", type=int, default=5)
    asked.add_argument("--steps", type=int, default=Reduced.steps)
    asked.add_argument("--resamples", type=int, default=RESAMPLES)
    given = asked.parse_args()
    torch.set_num_threads(1)
    nodules, plan = load(given.data), Reduced(steps=given.steps)
    series(nodules, given.seeds, plan, given.out, say)
    runs = [json.loads(p.read_text(encoding="utf-8")) for p in sorted(given.out.glob("seed*-labels*.json"))]
    runs = [r for r in runs if r["plan"] == asdict(plan) and r["seed"] < given.seeds]
    found = summary(runs, split(nodules)[1], category_rules(), given.resamples)
    _write(given.out / "summary.json", found)
    (given.out / "table.md").write_text(table(found), encoding="utf-8")


if __name__ == "__main__":
    main()
