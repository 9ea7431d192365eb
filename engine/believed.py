"""A guideline read on beliefs, human and neural together: the hybrid route's reading.

Category and trace are those of the most probable beliefs (``evaluate`` on them), so that the reasons shown are those
of one guideline row. Beside them stand the exact probabilities under all beliefs (``propagate``) and the calibrated
sets. Where the most probable category is another than that of the most probable beliefs, a signal says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from .facts import is_uncertain, sharpest
from .guideline import evaluate
from .guideline.evaluate import Classification
from .guideline.load import Guideline
from .guideline.propagate import Distribution, propagate
from .likely import Calibrator, likely
from .types import Facts, Reading

Stated = Sequence[tuple[str, Facts]]


def classify(
    guideline: Guideline, exam: Facts, findings: Stated, *, assessed: bool, keeps: Calibrator | None
) -> Classification:
    """Read a guideline on an exam's facts and on each (name, facts) of its findings, uncertain ones among them.

    Raises:
        BadValue, Contradiction: a belief is none of its input's, or two facts exclude each other.
    """
    sharp = [(name, sharpest(facts)) for name, facts in findings]
    found = evaluate.classify(guideline, sharpest(exam), sharp, assessed=assessed)
    if not any(is_uncertain(b) for facts in (exam, *(f for _, f in findings)) for b in facts.values()):
        return found
    spread = propagate(guideline, exam, findings, assessed=assessed)
    return Classification(
        _with(guideline, found.exam, spread.exam, keeps),
        tuple(_with(guideline, r, d, keeps) for r, d in zip(found.findings, spread.findings, strict=True)),
    )


def _with(guideline: Guideline, reading: Reading, spread: Distribution, keeps: Calibrator | None) -> Reading:
    """The reading with what is probable beside it; every category of any probability stays possible."""
    kept = likely(guideline, spread.masses(), keeps)
    lower = {category: low for category, (low, _) in spread.bounds().items()}
    return replace(
        reading,
        probabilities=lower,
        likely=kept.categories,
        managements=kept.managements,
        possible=evaluate.ordered(guideline, {*reading.possible, *spread.possible}),
    )
