"""The category that the rules give a nodule of the panel's texture and size, and how a net's outputs reach it.

Lung-RADS 2022 at a baseline screen, from texture and mean diameter alone: everything else is what a
reader's form means by saying nothing (no benign calcification, no suspicious feature, not juxtapleural).
LIDC has no solid component, so that of a part-solid nodule is unknown, and the rules then answer with the
set of categories still possible (``possible``): {2} below 6 mm, {3, 4A} below 8 mm, {3, 4A, 4B} from
there. The label of such a nodule is that set, and no more is claimed of it.

An unknown component has no probability either. What is rewarded is therefore the lower end of the
category's interval: the probability that the category lies in the panel's set whatever the component
is. The upper end would reward hiding: a belief in a large part-solid nodule agrees with nearly every label.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...guideline import evaluate
from ...guideline.circuit import Circuit, Level, category_circuit
from ...guideline.load import Guideline, load_guideline
from ...guideline.loss import beliefs, category_probabilities
from ...types import Facts, Known, Source, SourceKind
from ..calibration import TEXTURES
from .managements import unremarkable
from .net import Seen, axes, texture

GUIDELINE: Final = "lung-rads@2022"
PANEL: Final = Source(SourceKind.HUMAN, "LIDC panel")
ANY: Final = Known(Decimal(1), PANEL)  # a component, where only the cuts of the diameter are asked for
GAUSSIAN: Final = math.sqrt(math.pi / 2)  # standard deviation of a Gaussian over its mean absolute error


@dataclass(frozen=True, eq=False)
class CategoryRules:
    """``circuit``: from texture and diameter to the rules' answer, ``categories``: what answers are made of.

    ``sets`` (answers, categories): the categories that an answer leaves possible. ``sure`` (answers,
    answers): whether every category of the second is one of the first, so that the second is sure to be
    right where the first is the panel's. ``table`` (textures, cells of the diameter): the answers.
    """

    circuit: Circuit
    categories: tuple[str, ...]
    sets: NDArray[np.bool_]
    table: NDArray[np.int64]

    @property
    def sure(self) -> NDArray[np.bool_]:
        """See the class."""
        return np.asarray(~(self.sets[None, :, :] & ~self.sets[:, None, :]).any(axis=2))

    def answer(self, textures: NDArray[np.int64], mean_mm: NDArray[np.floating]) -> NDArray[np.int64]:
        """The rules' answer to a texture (place in ``TEXTURES``) and a mean diameter: its place in ``circuit.answers``.

        It is the category of a panel, and the reading of a net's most probable findings.
        """
        cell = np.digitize(mean_mm, self.circuit.edges["mean_mm"][1:-1])
        return np.asarray(self.table[textures, cell])


def category_rules() -> CategoryRules:
    """Read off the guideline: for each texture and each piece of the diameter's axis, what is still possible."""
    guideline = load_guideline(GUIDELINE)
    said = unremarkable(guideline, {"status": "baseline"})
    cuts = category_circuit(guideline, {**said, "solid_mean_mm": ANY}, {"type": TEXTURES, "mean_mm": None})
    edges = cuts.edges["mean_mm"]
    middles = [Decimal(str(round((a + b) / 2, 3))) for a, b in pairwise(edges)]
    found = [[_possible(guideline, said, name, mm) for mm in middles] for name in TEXTURES]
    answers = sorted({answer for row in found for answer in row})
    categories = sorted({c for answer in answers for c in answer})
    return CategoryRules(
        _circuit(found, answers, edges),
        tuple(categories),
        np.array([[c in answer for c in categories] for answer in answers]),
        np.array([[answers.index(answer) for answer in row] for row in found]),
    )


def outputs(seen: Seen) -> dict[str, Tensor]:
    """What a net says, as ``guideline.loss.beliefs`` takes it: logits of the texture, mean and log sd of the diameter.

    The net's spread is a mean absolute error; the Gaussian with the same one stands for it.
    """
    mm, spread = axes(seen.size)
    return {"type": texture(seen.ratings), "mean_mm": torch.stack([mm.mean(dim=1), torch.log(GAUSSIAN * spread)], 1)}


def answer_probabilities(rules: CategoryRules, seen: Seen) -> Tensor:
    """(B, answers): how probable each answer of the rules is under what the net believes; exact."""
    found: Tensor = category_probabilities(rules.circuit, beliefs(rules.circuit, outputs(seen)))
    return found


def _circuit(found: list[list[tuple[str, ...]]], answers: list[tuple[str, ...]], edges: tuple[float, ...]) -> Circuit:
    """The table as a circuit: the diameter on top, the texture below it, answers at the ends."""
    columns = [tuple(answers.index(row[cell]) for row in found) for cell in range(len(edges) - 1)]
    nodes = sorted(set(columns))
    top = tuple(len(answers) + nodes.index(column) for column in columns)
    return Circuit(
        answers=tuple(" or ".join(a) for a in answers),
        levels=(Level("type", tuple(nodes)), Level("mean_mm", (top,))),
        root=len(answers) + len(nodes),
        cells={"mean_mm": len(columns), "type": len(found)},
        edges={"mean_mm": edges},
    )


def _possible(guideline: Guideline, said: Facts, name: str, mm: Decimal) -> tuple[str, ...]:
    facts = {**said, "type": Known(name, PANEL), "mean_mm": Known(mm, PANEL)}
    return tuple(evaluate.read_finding(guideline, facts).reading.possible)
