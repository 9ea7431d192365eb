"""Claim: propagating one nodule's beliefs takes at most a hundredth of 10,000 Monte Carlo draws, and has no error.

One baseline nodule with class probabilities for type, spiculation and contact with the pleura, and a Gaussian
mean diameter. A draw takes one value of each belief; all draws are read at once, as exams of one nodule, by the
product's fastest reader (``many``), and beside it a tenth of them one by one by ``evaluate``, the finding with
its trace. Drawing is not counted. The error is the greatest difference from the exact probabilities, and 95 %
of such runs of draws are within about 0.01. A draw that no patient can have (a solid component larger than its
nodule) is refused, as everywhere, and not counted. Times are of the process, on a shared machine: the median
of the rounds, with their spread.

Run it with ``python benchmarks/propagate.py [--draws N] [--rounds N]``.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from collections import Counter
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from radlogic.engine.errors import Contradiction
from radlogic.engine.guideline.evaluate import read_finding
from radlogic.engine.guideline.load import load_guideline
from radlogic.engine.guideline.many.read import Reader
from radlogic.engine.guideline.propagate import propagate, propagate_finding
from radlogic.engine.guideline.tables import NOT_APPLICABLE
from radlogic.engine.types import Belief, Classes, Facts, Known, Measured, NotApplicable, Source, SourceKind

GUIDELINE = load_guideline("lung-rads@2022")
READER = Reader(GUIDELINE)
NET, HUMAN = Source(SourceKind.NET, "net"), Source(SourceKind.HUMAN, "reader")


def stated(scopes: tuple[str, ...]) -> dict[str, Belief]:
    """What a reader's form means by what it leaves out."""
    found: dict[str, Belief] = {}
    for name, (scope, i) in GUIDELINE.inputs.items():
        if scope in scopes and "absent" in i:
            absent: Belief = NotApplicable(HUMAN) if i["absent"] == "n/a" else Known(i["absent"], HUMAN)
            found |= {f"{name}.{v}": absent for v in i["values"]} if i["type"] == "set" else {name: absent}
    return found


EXAM: Facts = stated(("exam", "patient")) | {
    "prior_ct": Known("none", HUMAN),
    "lungs_fully_evaluable": Known(True, HUMAN),
    "round": Known("baseline", HUMAN),
}
NODULE: Facts = stated(("finding",)) | {
    "status": Known("baseline", HUMAN),
    "margin": Known("smooth", HUMAN),
    "shape": Known("oval", HUMAN),
    "solid_mean_mm": Known(Decimal("4.2"), HUMAN),
    "solid_component_change": Known("stable", HUMAN),
    "type": Classes({"solid": 0.6, "part_solid": 0.3, "non_solid": 0.1}, NET),
    "juxtapleural": Classes({"yes": 0.2, "no": 0.8}, NET),
    "suspicious_features.spiculation": Classes({"yes": 0.15, "no": 0.85}, NET),
    "mean_mm": Measured(7.2, 1.0, "mm", NET),
}


def drawn(chance: random.Random) -> Facts:
    """One patient of these beliefs."""
    return {**EXAM, **{name: _drawn(belief, chance) for name, belief in NODULE.items()}}


def _drawn(belief: Belief, chance: random.Random) -> Belief:
    if isinstance(belief, Classes):
        return Known(chance.choices([*belief.probabilities], [*belief.probabilities.values()])[0], belief.source)
    if isinstance(belief, Measured):
        return Known(Decimal(str(round(chance.gauss(belief.mean, belief.sd), 4))), belief.source)
    return belief


def plain(facts: Facts) -> dict[str, Any]:
    """Certain facts as plain values, as the reader of many exams takes them."""
    return {n: b.value if isinstance(b, Known) else NOT_APPLICABLE for n, b in facts.items()}


def timed(run: Callable[[], object], rounds: int) -> list[float]:
    """Seconds of each round, of this process."""
    found = []
    for _ in range(rounds):
        start = time.process_time()
        run()
        found.append(time.process_time() - start)
    return found


def row(label: str, seconds: list[float], error: float | None) -> str:
    """One line of the table."""
    times = (statistics.median(seconds), min(seconds), max(seconds))
    shown = "-" if error is None else f"{error:.1e}"
    return f"{label:<46}" + "".join(f"{1000 * t:>12.3f}" for t in times) + f"{shown:>12}"


def read_together(patients: list[tuple[dict[str, Any], list[dict[str, Any]]]]) -> Counter[str | None]:
    """How often each category comes out, all patients being read at once."""
    answers = (exam.findings[0] for exam in READER.read(patients) if exam.answer.error is None)
    return Counter(answer.category for answer in answers)


def read_one_by_one(patients: list[Facts]) -> Counter[str | None]:
    """How often each category comes out, each patient's nodule being read with its trace."""
    counts: Counter[str | None] = Counter()
    for patient in patients:
        try:
            counts[read_finding(GUIDELINE, patient).reading.category] += 1
        except Contradiction:
            continue
    return counts


def error(counts: Counter[str | None], exact: Mapping[str, float]) -> float:
    """The greatest difference of the frequencies from the exact probabilities."""
    return max(abs(counts[c] / counts.total() - p) for c, p in exact.items())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    facts, chance = {**EXAM, **NODULE}, random.Random(7)  # noqa: S311  # draws, no secrets
    exact: Mapping[str, float] = propagate_finding(GUIDELINE, facts).probabilities() or {}
    patients = [drawn(chance) for _ in range(arguments.draws)]
    values = [(plain(EXAM), [plain({n: p[n] for n in NODULE})]) for p in patients]
    tenth = patients[: len(patients) // 10]

    finding, exam, together = list[float](), list[float](), list[float]()
    for _ in range(arguments.rounds):  # in turn, for the machine is shared
        finding += timed(lambda: propagate_finding(GUIDELINE, facts), 20)
        exam += timed(lambda: propagate(GUIDELINE, EXAM, [("nodule", NODULE)]), 20)
        together += timed(lambda: read_together(values), 1)
    alone = [10 * t for t in timed(lambda: read_one_by_one(tenth), arguments.rounds)]
    print("probabilities: " + ", ".join(f"{c} {p:.4f}" for c, p in exact.items()) + "\n")
    print(f"{'ms':<46}{'median':>12}{'least':>12}{'most':>12}{'error':>12}")
    print(row("propagate, the nodule", finding, 0.0))
    print(row("propagate, the nodule and its exam", exam, 0.0))
    print(row(f"{arguments.draws} draws, all read at once", together, error(read_together(values), exact)))
    print(row(f"{arguments.draws} draws, one by one (a tenth, times 10)", alone, error(read_one_by_one(tenth), exact)))
    for label, draws in (("all at once", together), ("one by one", alone)):
        for what, seconds in (("the nodule", finding), ("with its exam", exam)):
            ratio = statistics.median(draws) / statistics.median(seconds)
            print(f"propagate, {what}: 1/{ratio:.0f} of the draws, {label}")
    print("claim: at most 1/100 of the draws")


if __name__ == "__main__":
    main()
