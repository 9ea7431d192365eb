"""What the arms of ``rules_experiment`` come to: findings, category, calibration, contradictions, short cuts.

The category is judged twice: ``rules_``, as the rules read what the net believes (the most probable
answer), in every arm; ``said_``, as the arm itself says it, which is its head where it has one. It is right
where it is sure to lie within the panel's set (``category``). Its calibration is judged where the panel's
set is one category. Two beliefs that are unsure contradict each other in part even where they are the same,
so what the head believes against the rules stands beside what it would, had it said what the rules read.

Intervals hold 95 % of resamples of the judged patients and of the seeds together, the same resample in
all arms, so that differences are paired.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from .category import CategoryRules
from .data import Nodules
from .metrics import SIZE_CLASSES_MM, auc, balanced_accuracy, ece, kappa
from .rules_arms import ARMS

Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]
Rows = NDArray[np.int64]
Run = Mapping[str, Any]

RESAMPLES: Final = 1000
LEAST: Final = 1e-6  # a probability is rounded to this
WITHIN_SD: Final = 1.6449  # of a Gaussian's 90 % interval
WORDS: Final = {
    "texture_balanced_accuracy": "texture: balanced accuracy",
    "texture_kappa": "texture: quadratic kappa",
    "auc_sub_solid": "sub-solid against solid: AUC",
    "texture_brier": "texture: Brier score (less is better)",
    "texture_ece": "texture: ECE (less)",
    "diameter_mae_mm": "diameter: mean absolute error, mm (less)",
    "diameter_coverage": "diameter: 90 % interval holds the panel's mean",
    "size_class_agreement": "size class (6, 8, 15 mm): agreement",
    "findings_right": "texture and size class both right",
    "rules_accuracy": "category by the rules: right",
    "rules_log_score": "category by the rules: -log P (less)",
    "rules_ece": "category by the rules: ECE (less)",
    "said_accuracy": "category as the arm says it: right",
    "said_log_score": "category as the arm says it: -log P (less)",
    "said_ece": "category as the arm says it: ECE (less)",
    "impossible": "belief in combinations that the rules exclude",
    "impossible_if_alike": "the same, had the head said what the rules read",
    "disagreement": "said category contradicts the likeliest findings",
    "shortcut": "of right categories (as said), texture or size class wrong",
}


@dataclass(frozen=True, eq=False)
class Judged:
    """One run's beliefs beside the panel's: figures of any rows."""

    said: Mapping[str, Any]
    panel: Nodules
    rules: CategoryRules

    def figures(self, rows: Rows) -> dict[str, float]:
        """The figures named in ``WORDS``, of these nodules (some may stand there twice)."""
        truth, likeliest = self.panel.panel_texture[rows], self._texture[rows].argmax(axis=1)
        found = {name: float(values[rows].mean()) for name, values in self._means.items()}
        one = rows[self._one[rows]]
        by_rules = ece(self._answers[one], self._truth[one])
        right = self._means["said_accuracy"][rows]
        return {
            **found,
            "texture_balanced_accuracy": balanced_accuracy(truth, likeliest),
            "texture_kappa": kappa(truth, likeliest),
            "texture_ece": ece(self._texture[rows], truth),
            "auc_sub_solid": auc(truth < 2, 1 - self._texture[rows, 2]),
            "rules_ece": by_rules,
            "said_ece": ece(self._head[one], self._category[one]) if self._has_head else by_rules,
            "shortcut": float(1 - (self._means["findings_right"][rows] * right).sum() / max(float(right.sum()), 1.0)),
        }

    @cached_property
    def _texture(self) -> Numbers:
        return np.array(self.said["texture"], dtype=np.float64)

    @cached_property
    def _answers(self) -> Numbers:
        return np.array(self.said["answers"], dtype=np.float64)

    @cached_property
    def _head(self) -> Numbers:
        return np.array(self.said["head"], dtype=np.float64)

    @property
    def _has_head(self) -> bool:
        return bool(self.said["head"])

    @cached_property
    def _mm(self) -> Numbers:
        return np.asarray(self.panel.axes_mm.mean(axis=1), dtype=np.float64)

    @cached_property
    def _truth(self) -> Rows:
        """The rules' answer to each panel."""
        return self.rules.answer(self.panel.panel_texture, self._mm)

    @cached_property
    def _one(self) -> Flags:
        return np.asarray(self.rules.sets[self._truth].sum(axis=1) == 1)

    @cached_property
    def _category(self) -> Rows:
        """The panel's category where it is one."""
        return np.asarray(self.rules.sets[self._truth].argmax(axis=1))

    @cached_property
    def _means(self) -> dict[str, Numbers]:
        """By nodule: what the figures are means of."""
        mm, sd = (np.array(self.said[k], dtype=np.float64) for k in ("mm", "sd"))
        size = np.digitize(mm, SIZE_CLASSES_MM) == np.digitize(self._mm, SIZE_CLASSES_MM)
        exact = np.eye(self._texture.shape[1])[self.panel.panel_texture]
        likeliest, sure = self._answers.argmax(axis=1), self.rules.sure[self._truth]
        right, within = sure[np.arange(len(mm)), likeliest], (self._answers * sure).sum(axis=1)
        found = {
            "texture_brier": ((self._texture - exact) ** 2).sum(axis=1),
            "diameter_mae_mm": np.abs(mm - self._mm),
            "diameter_coverage": np.abs(mm - self._mm) <= WITHIN_SD * sd,
            "size_class_agreement": size,
            "findings_right": size & (self._texture.argmax(axis=1) == self.panel.panel_texture),
            **{f"{whose}_accuracy": right for whose in ("rules", "said")},
            **{f"{whose}_log_score": _surprise(within) for whose in ("rules", "said")},
            "impossible": np.zeros(len(mm)),  # the category follows from the findings
            "impossible_if_alike": np.zeros(len(mm)),
            "disagreement": np.zeros(len(mm)),
            **(self._of_head(likeliest) if self._has_head else {}),
        }
        return {name: np.asarray(values, dtype=np.float64) for name, values in found.items()}

    def _of_head(self, likeliest: Rows) -> dict[str, Any]:
        sets, said = self.rules.sets, self._head.argmax(axis=1)
        every = np.arange(len(said))
        possible, alike = self._answers @ sets, self._answers @ (sets / sets.sum(axis=1, keepdims=True))
        return {
            "said_accuracy": sets[self._truth][every, said],
            "said_log_score": _surprise((self._head * sets[self._truth]).sum(axis=1)),
            "impossible": 1 - (possible * self._head).sum(axis=1),
            "impossible_if_alike": 1 - (possible * alike).sum(axis=1),
            "disagreement": ~sets[likeliest][every, said],
        }


def summary(runs: Sequence[Run], test: Nodules, rules: CategoryRules, resamples: int = RESAMPLES) -> dict[str, Any]:
    """By share of labelled nodules: each arm's figures and the differences between arms, [mean, low, high].

    Only seeds whose three arms are finished count.
    """
    found = {}
    for fraction in sorted({r["fraction"] for r in runs}):
        judged = {(r["arm"], r["seed"]): Judged(r["said"], test, rules) for r in runs if r["fraction"] == fraction}
        seeds = [s for s in sorted({s for _, s in judged}) if all((arm, s) in judged for arm in ARMS)]
        if seeds:
            drawn = _drawn(judged, seeds, test, resamples)
            found[f"{fraction:g}"] = {"seeds": len(seeds), **_intervals(drawn)}
    n = {
        "nodules": len(test),
        "patients": len(set(test.patient.tolist())),
        "sub_solid": int((test.panel_texture < 2).sum()),
    }
    return {"judged_on": n, "resamples": resamples, "labels": found}


def _drawn(judged: Mapping[tuple[str, int], Judged], seeds: Sequence[int], test: Nodules, resamples: int) -> Numbers:
    """(1 + resamples, arms, figures): the mean over the seeds, first of all as they are."""
    chance = np.random.default_rng(0)
    _, which = np.unique(test.patient, return_inverse=True)
    of = [np.flatnonzero(which == p) for p in range(which.max() + 1)]
    every, same = np.arange(len(test)), np.arange(len(seeds))
    cases = [(every, same)]
    for _ in range(resamples):
        rows = np.concatenate([of[p] for p in chance.integers(0, len(of), len(of))])
        cases.append((rows, chance.integers(0, len(seeds), len(seeds))))
    return np.array(
        [[_mean(judged, arm, [seeds[s] for s in of_seeds.tolist()], rows) for arm in ARMS] for rows, of_seeds in cases]
    )


def _mean(judged: Mapping[tuple[str, int], Judged], arm: str, seeds: Sequence[int], rows: Rows) -> list[float]:
    of = {s: judged[arm, s].figures(rows) for s in set(seeds)}
    return [float(np.mean([of[s][name] for s in seeds])) for name in WORDS]


def _intervals(drawn: Numbers) -> dict[str, Any]:
    named = {arm: drawn[:, i] for i, arm in enumerate(ARMS)}
    apart = {f"{b} - {a}": named[b] - named[a] for a, b in combinations(ARMS, 2)}
    return {
        "arms": {arm: _of(values) for arm, values in named.items()},
        "differences": {pair: _of(values) for pair, values in apart.items()},
    }


def _of(values: Numbers) -> dict[str, list[float]]:
    low, high = np.nanquantile(values[1:], (0.025, 0.975), axis=0)
    rows = zip(WORDS, values[0], low, high, strict=True)
    return {name: [round(float(v), 4) for v in three] for name, *three in rows}


def _surprise(probability: Numbers) -> Numbers:
    return -np.log(np.clip(probability, LEAST, 1))


def table(found: Mapping[str, Any]) -> str:
    """The figures in Markdown, one table a share of labels; a difference whose interval leaves out 0 is bold."""
    parts = []
    for fraction, of in found["labels"].items():
        columns = {**of["arms"], **of["differences"]}
        head = f"| {float(fraction):.0%} labelled, {of['seeds']} seeds | " + " | ".join(columns) + " |"
        lines = [head, "|---" * (len(columns) + 1) + "|"]
        for name, words in WORDS.items():
            cells = [_cell(values[name], column in of["differences"]) for column, values in columns.items()]
            lines.append(f"| {words} | " + " | ".join(cells) + " |")
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def _cell(of: Sequence[float], difference: bool) -> str:
    value, low, high = of
    sign = "+" if difference else ""
    text = f"{value:{sign}.3f} [{low:.3f}, {high:.3f}]"
    return f"**{text}**" if difference and (low > 0 or high < 0) else text
