"""Claim: propagating one nodule's beliefs takes at most a hundredth of 10,000 Monte Carlo draws, and has no error.

One baseline nodule with class probabilities for type, spiculation and contact with the pleura, and a Gaussian
mean diameter. A draw takes one value of each belief and reads it with the product's own ``evaluate`` (the
finding with its trace); drawing is not counted. The last column is the greatest difference from the exact
probabilities. A draw that no patient can have (a solid component larger than its nodule) is refused, as
everywhere, and not counted. Times on a shared machine: the median of the rounds, with their spread.

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

from radlogic.engine.errors import Contradiction
from radlogic.engine.guideline.evaluate import read_finding
from radlogic.engine.guideline.load import load_guideline
from radlogic.engine.guideline.propagate import propagate, propagate_finding
from radlogic.engine.types import Belief, Classes, Facts, Known, Measured, NotApplicable, Source, SourceKind

GUIDELINE = load_guideline("lung-rads@2022")
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


def timed(run: Callable[[], object], rounds: int) -> list[float]:
    """Seconds of each round."""
    found = []
    for _ in range(rounds):
        start = time.perf_counter()
        run()
        found.append(time.perf_counter() - start)
    return found


def row(label: str, seconds: list[float], error: float | None) -> str:
    """One line of the table."""
    times = (statistics.median(seconds), min(seconds), max(seconds))
    shown = "-" if error is None else f"{error:.1e}"
    return f"{label:<46}" + "".join(f"{1000 * t:>12.3f}" for t in times) + f"{shown:>12}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    facts, chance = {**EXAM, **NODULE}, random.Random(7)  # noqa: S311  # draws, no secrets
    exact: Mapping[str, float] = propagate_finding(GUIDELINE, facts).probabilities() or {}
    patients = [drawn(chance) for _ in range(arguments.draws)]
    counts: Counter[str | None] = Counter()

    def draws() -> None:
        counts.clear()
        for patient in patients:
            try:
                counts[read_finding(GUIDELINE, patient).reading.category] += 1
            except Contradiction:
                continue

    finding = timed(lambda: propagate_finding(GUIDELINE, facts), 20 * arguments.rounds)
    exam = timed(lambda: propagate(GUIDELINE, EXAM, [("nodule", NODULE)]), 20 * arguments.rounds)
    monte_carlo = timed(draws, arguments.rounds)
    error = max(abs(counts[c] / counts.total() - p) for c, p in exact.items())
    print("probabilities: " + ", ".join(f"{c} {p:.4f}" for c, p in exact.items()) + "\n")
    print(f"{'ms':<46}{'median':>12}{'least':>12}{'most':>12}{'error':>12}")
    print(row("propagate, the nodule", finding, 0.0))
    print(row("propagate, the nodule and its exam", exam, 0.0))
    print(row(f"{arguments.draws} draws, each read by evaluate", monte_carlo, error))
    ratio = statistics.median(monte_carlo) / statistics.median(finding)
    print(f"\npropagate takes 1/{ratio:.0f} of the draws (claim: at most 1/100)")


if __name__ == "__main__":
    main()
