"""The same net without parts of the product: without rules, without calibration, without a gate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from measure import Outcome, kept, of_mass, of_masses, outcome
from numpy.typing import NDArray
from rows import Row

from radlogic.engine.likely import Masses
from radlogic.engine.types import Classes, Measured

SEED = 0
SHARE = 0.9


def seen(row: Row) -> list[float]:
    """What the net says, as numbers: texture, diameter and its standard deviation."""
    texture, size = row.held.beliefs["type"], row.held.beliefs["mean_mm"]
    if not isinstance(texture, Classes) or not isinstance(size, Measured):
        raise TypeError("a net's beliefs of texture and size")
    return [*(texture.probabilities[t] for t in sorted(texture.probabilities)), size.mean, size.sd]


class Head:
    """A learned category head on the net's outputs, in the place of the rules: gradient-boosted trees."""

    def __init__(self, rows: Sequence[Row]) -> None:
        from sklearn.ensemble import HistGradientBoostingClassifier

        self.labels = sorted({r.truth for r in rows}, key=sorted)
        known = np.array([self.labels.index(r.truth) for r in rows])
        self.model = HistGradientBoostingClassifier(
            max_iter=60, max_depth=3, learning_rate=0.1, l2_regularization=1.0, random_state=SEED
        ).fit(np.array([seen(r) for r in rows]), known)

    def masses(self, rows: Sequence[Row]) -> list[Masses]:
        """A probability for each set of managements that a panel left possible."""
        said = self.model.predict_proba(np.array([seen(r) for r in rows]))
        return [{self.labels[int(k)]: float(p) for k, p in zip(self.model.classes_, one, strict=True)} for one in said]


def without_rules(fitted: Sequence[Row], judged: Sequence[Row], level: float) -> tuple[Outcome, list[Masses]]:
    """The head, with sets calibrated on patients of the fitting half that the head had not seen."""
    inside = [r for r in fitted if r.held.inside]
    patients = sorted({r.held.patient for r in inside})
    half = set(np.random.default_rng(SEED).permutation(patients)[: len(patients) // 2].tolist())
    said = []
    for one in (True, False):
        apart = [r for r in inside if (r.held.patient in half) is one]
        rest = [r for r in inside if (r.held.patient in half) is not one]
        said += [(m, r.truth) for m, r in zip(Head(rest).masses(apart), apart, strict=True)]
    keeps, masses = of_masses(said, level), Head(inside).masses(judged)
    return outcome(judged, [kept(m, keeps) for m in masses], masses, [not r.held.inside for r in judged]), masses


def without_calibration(judged: Sequence[Row], raw: Sequence[Row]) -> Outcome:
    """The rules on the net's own softmax and spread; the likeliest managements that hold 90 % make the set.

    ``raw``: the same nodules as the uncalibrated net has them.
    """
    masses = [r.masses for r in raw]
    return outcome(judged, [of_mass(m, SHARE) for m in masses], masses, [r.sharp is None for r in raw])


def without_gate(judged: Sequence[Row]) -> Outcome:
    """The most probable management of every nodule, whatever speaks against it."""
    masses = [r.masses for r in judged]
    found = outcome(judged, [frozenset[str]() for _ in judged], masses, [False] * len(judged))
    every: NDArray[np.bool_] = np.ones(len(judged), dtype=bool)
    return replace(found, single=every, stands=every)
