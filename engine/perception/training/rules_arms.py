"""Three ways to learn from nodules of which only the category is known, and one set of findings for all of them.

``findings``: they teach nothing (they only count in the batch's normalisation, in all arms alike).
``head``: a second head says the category, with cross-entropy. ``rules``: the findings themselves must make
the category likely, by the exact sum over the rules (``guideline.loss``).

A nodule without finding labels keeps neither texture, signs nor axes, nor the mask, which would give the
size away. The label is a set of categories (``category``), for the head as for the rules: what is asked is
that the probability lies within it.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import torch
from torch import Tensor, nn

from .category import CategoryRules, answer_probabilities
from .loss import Panel, PanelLoss
from .net import NoduleNet, Seen

ARMS: Final = ("findings", "head", "rules")
WIDTHS: Final = (8, 16, 32)
HIDDEN: Final = 48
LEAST: Final = 1e-30  # a probability below counts as this; it has no gradient there
WEIGHT: Final = 1.0  # of the category's loss beside that of the findings; not tuned


class Learner(nn.Module):
    """The net at reduced widths; perhaps with a head that says the category from the same features."""

    def __init__(self, net: NoduleNet, head: nn.Module | None = None) -> None:
        super().__init__()
        self.net, self.head = net, head

    def forward(self, hu: Tensor) -> tuple[Seen, Tensor | None]:
        """What is seen of (B, 1, n, n) HU, and logits of the categories (B, categories)."""
        seen = self.net(hu)
        return seen, None if self.head is None else self.head(seen.features)


class ArmLoss(nn.Module):
    """The findings' loss where they are labelled, plus that of the arm on every nodule's category."""

    def __init__(self, arm: str, rules: CategoryRules) -> None:
        super().__init__()
        self.arm, self.rules = arm, rules
        self.findings = PanelLoss()
        self.sets = torch.from_numpy(rules.sets.astype(np.float32))
        self.sure = torch.from_numpy(rules.sure.astype(np.float32))

    def forward(self, seen: Seen, said: Tensor | None, panel: Panel, labelled: Tensor, answer: Tensor) -> Tensor:
        """A scalar. ``labelled`` (B,) bool, at least one; ``answer`` (B,): the rules' answer to each panel.

        The panel is looked at where it is labelled, and nowhere else.
        """
        total: Tensor = self.findings(_rows(seen, labelled), _panel_rows(panel, labelled))
        if self.arm == "rules":
            total = total + WEIGHT * self.within(answer_probabilities(self.rules, seen), self.sure[answer])
        elif said is not None:
            total = total + WEIGHT * self.within(said.softmax(dim=1), self.sets[answer])
        return total

    @staticmethod
    def within(probabilities: Tensor, allowed: Tensor) -> Tensor:
        """Mean negative log probability of what is allowed, both (B, n); cross-entropy where that is one class."""
        return -(probabilities * allowed).sum(dim=1).clamp(LEAST, 1).log().mean()


def learner(arm: str, rules: CategoryRules, seed: int, side: int) -> Learner:
    """A fresh net for an arm, for crops of ``side`` pixels; all arms of a seed begin with the same net."""
    torch.manual_seed(seed)
    net = reduced()
    made = Learner(net, _head(net, len(rules.categories), side) if arm == "head" else None)
    made.to(memory_format=torch.channels_last)
    torch.manual_seed(seed)  # the same dropout in all arms
    made.train()
    return made


def reduced() -> NoduleNet:
    """The shipped net at smaller widths."""
    return NoduleNet(WIDTHS, HIDDEN)


def _head(net: NoduleNet, categories: int, side: int) -> nn.Module:
    with torch.no_grad():
        features = net.eval()(torch.zeros(1, 1, side, side)).features.shape[1]
    return nn.Sequential(nn.Linear(features, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, categories))


def _rows(seen: Seen, which: Tensor) -> Seen:
    return Seen(*(part[which] for part in seen))


def _panel_rows(panel: Panel, which: Tensor) -> Panel:
    return Panel(*(getattr(panel, name)[which] for name in ("mask", "ratings", "signs", "axes_mm", "weight")))
