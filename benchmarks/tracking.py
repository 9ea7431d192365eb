"""Claim: at the shipped threshold at least 90 % of 2,000 lesions are found again without review, and none wrongly.

Pairs of drawn exams (``tests/paired_phantoms.py``): turned by 5 degrees, shifted, bent by breathing of up to 4 cm at
the base, other slices and noise; lesions grow, shrink, change type, come and go; in 3 of 10 pairs they lie in clusters
8 to 14 mm apart. Fitted on pairs from ``FITTED_FROM`` on, reported on those from 0 on.

    python benchmarks/tracking.py [--pairs N] [--first SEED] [--fit] [--strangers N] [--out FOLDER]

``--fit`` prints what ``knowledge/tracking/matching.yaml`` was set from. ``--strangers``: other patients and mirrored
exams, which must be refused. The run of 74 pairs takes about 10 min of one core.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from paired_phantoms import Pair, Seen, flipped, pair

from radlogic.engine.tracking.align import Alignment, align
from radlogic.engine.tracking.match import Fate, Matches, match
from radlogic.engine.types import Finding, Known, Source, SourceKind

FITTED_FROM = 1000
COUNT = 34  # lesions a patient
STATED = Source(SourceKind.HUMAN, "drawn")
BINS = np.array([0, 0.05, 0.2, 0.4, 0.6, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999, 0.9999, 1.0000001])


@dataclass(frozen=True)
class Answer:
    """One verdict, or one pair's probability: ``kind`` same, new, gone or pair."""

    seed: int
    kind: str
    probability: float
    accepted: bool
    right: bool


def findings(seen: Sequence[Seen], when: str) -> list[Finding]:
    """As a reader's form would hold them; the identifiers tell nothing of the identity."""
    return [
        Finding(
            f"{when}[{i}]",
            "nodule",
            {"mean_mm": Known(Decimal(str(n.mean_mm)), STATED), "type": Known(n.type, STATED)},
            n.position_mm,
        )
        for i, n in enumerate(seen)
    ]


def answers(seed: int, exams: Pair, found: Matches) -> list[Answer]:
    """Each verdict against the truth, and each possible pair's probability."""
    now = {f"now[{i}]": n.who for i, n in enumerate(exams.now)}
    before = {f"before[{i}]": n.who for i, n in enumerate(exams.before)}
    out = []
    for m in found.found:
        if m.fate is Fate.SAME:
            right = now[m.current] == before[m.prior]
        else:
            right = (now | before)[m.current or m.prior] not in exams.matches
        out.append(Answer(seed, m.fate.value, m.probability, m.accepted, right))
    for i, a in enumerate(exams.now):
        for j, b in enumerate(exams.before):
            p = float(found.probabilities[i, j])
            if p > 1e-4 or a.who == b.who:
                out.append(Answer(seed, "pair", p, False, a.who == b.who))
    return out


def run(first: int, pairs: int) -> tuple[list[Answer], int, list[str]]:
    """All answers, the number of lesions on both exams, and the pairs that were refused."""
    out: list[Answer] = []
    true, refused = 0, []
    for seed in range(first, first + pairs):
        started = time.process_time()
        exams = pair(seed, count=COUNT)
        drawn = time.process_time()
        alignment = align(exams.current, exams.prior)
        if not isinstance(alignment, Alignment):
            refused.append(f"{seed}: {alignment.why}")
        found = match(findings(exams.now, "now"), findings(exams.before, "before"), alignment, months=exams.months)
        out += (mine := answers(seed, exams, found))
        true += len(exams.matches)
        spent = time.process_time() - drawn
        took = sum(a.accepted and a.kind == "same" for a in mine)
        wrong = sum(a.accepted and not a.right for a in mine)
        print(
            f"{seed}: {len(exams.matches)} on both, {took} accepted, {wrong} wrong, "
            f"drawn in {drawn - started:.1f} s, matched in {spent:.1f} s of CPU",
            file=sys.stderr,
            flush=True,
        )
    return out, true, refused


def fit(first: int, pairs: int) -> None:
    """What the position parameters are set from: distances of true pairs."""
    rows = []
    for seed in range(first, first + pairs):
        exams = pair(seed, count=COUNT)
        alignment = align(exams.current, exams.prior)
        if not isinstance(alignment, Alignment):
            print(f"{seed} refused: {alignment.why}")
            continue
        before = {n.who: n for n in exams.before}
        clear = alignment.clear(
            *([(np.array(n.position_mm), n.mean_mm) for n in ns] for ns in (exams.now, exams.before))
        )
        for n in exams.now:
            if n.who in before:
                at = np.array(n.position_mm)
                seen = alignment.around(at, clear)
                off = alignment.motion.back(np.array(before[n.who].position_mm)) - at
                nan = (float("nan"),) * 3
                found = (*seen.shift_mm, seen.likeness, seen.lead) if seen else (*nan, 0, 0)
                rows.append([seed, n.mean_mm, alignment.depth(at), *alignment.slices_mm, *off, *found])
        print(seed, asdict(alignment.quality), file=sys.stderr, flush=True)
    print(fitted(np.array(rows)))


def fitted(rows: NDArray[np.float64]) -> str:
    """Standard deviations and the share of surroundings found at a wrong place."""
    off, near, like, lead = rows[:, 5:8], rows[:, 5:8] - rows[:, 8:11], rows[:, 11], rows[:, 12]
    known, far = np.isfinite(near[:, 0]), np.abs(near).max(axis=1) > 8
    good = known & (like >= 0.85) & (lead >= 0.1)
    low = rows[:, 2] > 0.6
    poor, top = known & ~good, rows[:, 2] < 0.3
    lines = [
        f"{len(rows)} lesions on both exams, surroundings found for {known.mean():.3f}, well for {good.mean():.3f}",
        f"rigid alone: sd {off.std(axis=0).round(2)}; rms at the top {_rms(off[top])}, at the base {_rms(off[low])}",
        f"found well: rms {_rms(near[good & ~far])}, over 8 mm astray {(far & good).sum()} of {good.sum()}",
        f"found poorly: rms {_rms(near[poor & ~far])}, over 8 mm astray {(far & poor).sum()} of {poor.sum()}",
    ]
    for thick in (2.5, 3, 5):
        at = good & ~far & (np.maximum(rows[:, 3], rows[:, 4]) == thick)
        lines.append(f"  thicker slices of {thick} mm: rms {_rms(near[at])} of {at.sum()}")
    for a, b in ((0, 5), (5, 8), (8, 12), (12, 40)):
        at = good & ~far & (rows[:, 1] >= a) & (rows[:, 1] < b)
        lines.append(f"  of {a} to {b} mm: rms {_rms(near[at])} of {at.sum()}")
    return "\n".join(lines)


def _rms(off: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.sqrt((off**2).mean(axis=0)).round(2) if len(off) else np.array([])


def strangers(count: int) -> None:
    """Exams of two patients, and mirrored ones: each has to be refused."""
    for seed in range(count):
        mine, other = pair(seed), pair(seed + 300)
        for name, prior in (("another patient", other.prior), ("mirrored", flipped(mine.prior))):
            got = align(mine.current, prior)
            print(
                f"{seed} {name}: {'ALIGNED ' + str(got.quality) if isinstance(got, Alignment) else got.why}", flush=True
            )


def reliability(found: Sequence[Answer]) -> list[tuple[float, float, int]]:
    """(mean probability, share that is right, count) by bins of probability."""
    p, right = np.array([a.probability for a in found]), np.array([a.right for a in found])
    at = np.digitize(p, BINS)
    return [(float(p[at == k].mean()), float(right[at == k].mean()), int((at == k).sum())) for k in np.unique(at)]


def ece(found: Sequence[Answer]) -> float:
    """Expected calibration error over those bins."""
    return sum(n * abs(p - r) for p, r, n in reliability(found)) / max(1, len(found))


def report(found: list[Answer], true: int, refused: list[str], threshold: float, seconds: float) -> str:
    """The figures, in the words of the claim."""
    same = [a for a in found if a.kind == "same"]
    taken = [a for a in same if a.accepted]
    said = [a for a in found if a.kind != "pair" and np.isfinite(a.probability)]
    lines = [
        f"{true} lesions on both exams; threshold {threshold:g}; {seconds:.0f} s of CPU; {len(refused)} pairs refused",
        f"found again without review: {sum(a.right for a in taken)} ({sum(a.right for a in taken) / true:.1%}), "
        f"wrongly: {sum(not a.right for a in taken)}",
    ]
    for kind in ("new", "gone"):
        mine = [a for a in found if a.kind == kind]
        ok = [a for a in mine if a.accepted]
        lines.append(f"{kind}: {len(ok)} of {len(mine)} without review, wrongly: {sum(not a.right for a in ok)}")
    lines.append(f"to review: {sum(not a.accepted for a in said)} of {len(said)} answers")
    lines.append(f"calibration: ECE of the answers {ece(said):.4f}, of the pairs above 0.0001 {ece(_pairs(found)):.4f}")
    lines += [f"  p {p:.4f}  right {r:.4f}  n {n}" for p, r, n in reliability(_pairs(found))]
    return "\n".join([*lines, *refused])


def _pairs(found: Sequence[Answer]) -> list[Answer]:
    return [a for a in found if a.kind == "pair" and np.isfinite(a.probability)]


def plotted(found: list[Answer]) -> str:
    """Reliability diagram of the pairs as SVG: share that is right by probability, both as log-odds."""

    def at(p: float) -> float:
        q = min(max(p, 1e-4), 1 - 1e-4)
        return 40 + 340 * (np.log(q / (1 - q)) / np.log(9999) + 1) / 2

    dots = "".join(
        f'<circle cx="{at(p):.1f}" cy="{420 - at(r):.1f}" r="{2 + np.log10(n) * 2:.1f}" fill="#2a6" fill-opacity=".7">'
        f"<title>p {p:.4f}, right {r:.4f}, {n} pairs</title></circle>"
        for p, r, n in reliability(_pairs(found))
    )
    ticks = "".join(
        f'<text x="{at(p):.0f}" y="396" font-size="10" text-anchor="middle">{p:g}</text>'
        f'<text x="36" y="{423 - at(p):.0f}" font-size="10" text-anchor="end">{p:g}</text>'
        for p in (0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999)
    )
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 420" font-family="sans-serif">'
        '<rect width="400" height="420" fill="#fff"/>'
        '<rect x="40" y="40" width="340" height="340" fill="none" stroke="#999"/>'
        f'<line x1="40" y1="380" x2="380" y2="40" stroke="#999" stroke-dasharray="4"/>{dots}{ticks}'
        '<text x="210" y="414" font-size="11" text-anchor="middle">probability that two lesions are one</text>'
        '<text x="40" y="30" font-size="11">share that is one (log-odds; areas grow with the count)</text></svg>'
    )


OUT = Path("out")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--pairs", type=int, default=74)
    options.add_argument("--first", type=int, default=0)
    options.add_argument("--fit", action="store_true")
    options.add_argument("--strangers", type=int, default=0)
    options.add_argument("--out", type=Path, default=OUT)
    chosen = options.parse_args()
    chosen.out.mkdir(exist_ok=True)
    if chosen.fit:
        fit(chosen.first or FITTED_FROM, chosen.pairs)
        return
    if chosen.strangers:
        strangers(chosen.strangers)
        return
    from radlogic.engine.tracking.parameters import shipped_parameters

    started = time.process_time()
    found, true, refused = run(chosen.first, chosen.pairs)
    text = report(found, true, refused, shipped_parameters().threshold, time.process_time() - started)
    print(text)
    (chosen.out / "tracking.txt").write_text(text + "\n", encoding="utf-8")
    (chosen.out / "tracking-calibration.svg").write_text(plotted(found), encoding="utf-8")
    (chosen.out / "tracking.json").write_text(json.dumps([asdict(a) for a in found]), encoding="utf-8")


if __name__ == "__main__":
    main()
