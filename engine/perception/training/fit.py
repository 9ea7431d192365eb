"""Training one net on some of the patients: cosine schedule, averaged weights, checkpoints to go on from."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from .. import grid
from . import augment, data, loss, net
from .augment import Batch, Views
from .data import Nodules
from .loss import Panel, PanelLoss
from .net import NoduleNet


@dataclass(frozen=True)
class Plan:
    """How long, in batches of ``batch`` crops, and how fast; ``averaging``: decay of the averaged weights."""

    epochs: int = 30
    batch: int = 32
    rate: float = 4e-3
    decay: float = 0.02
    averaging: float = 0.99
    seed: int = 0


def device() -> torch.device:
    """A GPU where there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def fit(nodules: Nodules, plan: Plan, checkpoint: Path, say: Callable[[str], None]) -> NoduleNet:
    """The net after training on all of ``nodules``; goes on from ``checkpoint`` where that is of the
    same plan, nodules and code."""
    run = _Run(nodules, plan)
    for epoch in range(run.restored(checkpoint), plan.epochs):
        loss = run.epoch()
        run.store(checkpoint, epoch + 1)
        say(f"epoch {epoch + 1}/{plan.epochs}  loss {loss:.4f}")
    return run.averaged()


class _Run:
    def __init__(self, nodules: Nodules, plan: Plan) -> None:
        torch.manual_seed(plan.seed)
        self.plan, self.device = plan, device()
        self.of = {**asdict(plan), "nodules": _sha256(nodules), "code": _code()}
        self.chance = torch.Generator(self.device).manual_seed(plan.seed)
        self.views = Views(self.chance)
        self.net = NoduleNet().to(self.device)
        self.net.to(memory_format=torch.channels_last)
        self.ema = AveragedModel(self.net, multi_avg_fn=get_ema_multi_avg_fn(plan.averaging), use_buffers=True)
        self.loss = PanelLoss()
        self.steps = -(-len(nodules) // plan.batch)
        self.optimiser = torch.optim.AdamW(self.net.parameters(), plan.rate, weight_decay=plan.decay)
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimiser, plan.rate, total_steps=self.steps * plan.epochs, pct_start=0.15
        )
        self.data = {k: v.to(self.device) for k, v in tensors(nodules).items()}
        self.draw = self.data["draw"]

    def epoch(self) -> float:
        self.net.train()
        total = 0.0
        picked = torch.multinomial(self.draw, self.steps * self.plan.batch, replacement=True, generator=self.chance)
        for rows in picked.split(self.plan.batch):
            total += self._step({k: v[rows] for k, v in self.data.items()})
        return total / self.steps

    def _step(self, of: dict[str, Tensor]) -> float:
        seen_by: Batch = self.views.scanned(of["hu"], of["mask"], of["axes_mm"], of["spacing_mm"])
        panel = Panel(seen_by.mask, of["ratings"], of["signs"], seen_by.axes_mm, of["weight"])
        loss = self.loss(self.net(seen_by.hu.contiguous(memory_format=torch.channels_last)), panel)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 5.0)
        self.optimiser.step()
        self.schedule.step()
        self.ema.update_parameters(self.net)
        return float(loss.detach())

    def averaged(self) -> NoduleNet:
        net: NoduleNet = self.ema.module
        net.eval().cpu()
        return net

    def store(self, path: Path, epoch: int) -> None:
        state = {"of": self.of, "epoch": epoch, "chance": self.chance.get_state()}
        parts = {name: getattr(self, name).state_dict() for name in _PARTS}
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".part")
        torch.save({**state, **parts, "torch_chance": torch.get_rng_state()}, unfinished)
        unfinished.replace(path)  # a run that is cut short leaves the last whole one

    def restored(self, path: Path) -> int:
        """The epoch to go on with; 0 where there is no checkpoint of this very plan and these nodules."""
        state: dict[str, Any] = torch.load(path, weights_only=True) if path.exists() else {}
        if state.get("of") != self.of:
            return 0
        for name in _PARTS:
            getattr(self, name).load_state_dict(state[name])
        self.chance.set_state(state["chance"])
        torch.set_rng_state(state["torch_chance"])
        return int(state["epoch"])


def _sha256(nodules: Nodules) -> str:
    """Of the pixels and of all that the readers say."""
    digest = hashlib.sha256()
    for name, values in tensors(nodules).items():
        digest.update(name.encode() + values.numpy().tobytes())
    return digest.hexdigest()


def _code() -> str:
    """Of the modules that make a net what it becomes: a checkpoint of other code is not gone on from."""
    sources = "".join(inspect.getsource(module) for module in (augment, data, loss, net, grid))
    return hashlib.sha256(sources.encode()).hexdigest()


_PARTS = ("net", "ema", "optimiser", "schedule")


def tensors(nodules: Nodules) -> dict[str, Tensor]:
    """Everything the training needs, a row a nodule.

    ``draw``: how often a nodule is shown. Sub-solid nodules, 1 in 6, are shown three times as often;
    calibration takes the shift of the base rate back. ``weight``: findings of one reader count half.
    """
    weight = 0.35 + 0.65 * nodules.readers / 4
    of = {
        "hu": nodules.hu[:, None].astype(np.float32),
        "mask": nodules.mask[:, None],
        "axes_mm": nodules.axes_mm,
        "spacing_mm": nodules.spacing_mm,
        "ratings": nodules.ratings,
        "signs": nodules.signs,
        "weight": weight,
        "draw": weight * (1 + 2 * nodules.ratings[:, :4].sum(axis=1)),
    }
    return {k: torch.as_tensor(v, dtype=torch.float32) for k, v in of.items()}
