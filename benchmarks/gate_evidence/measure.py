"""What is counted of the gate: always on patients whose nodules had no say in the bars."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rows import AS_OF, GUIDELINE, Managements, Row, falls_back, knowledge

from radlogic.engine.likely import Calibrator, Masses, fit, likely, most_probable, strictest, upper

USING = knowledge()
RULES = USING.guidelines[0]
SPLITS = 20
BINS = 10
ONE = ("2", "3", "4A", "4B")  # a management each
NAMES = dict(zip(ONE, ("12 months", "6 months", "3 months", "work-up"), strict=True))
OF = {str(RULES.head["managements"][c]["management"]): c for c in reversed(ONE)}
Flags = NDArray[np.bool_]


def splits(rows: Sequence[Row], seed: int = 0) -> Iterator[tuple[list[int], list[int]]]:
    """Places of the rows of one half of the patients, and of the other half."""
    patients = sorted({r.held.patient for r in rows})
    chance = np.random.default_rng(seed)
    for _ in range(SPLITS):
        half = set(chance.permutation(patients)[: len(patients) // 2].tolist())
        mine = [r.held.patient in half for r in rows]
        yield [i for i, m in enumerate(mine) if m], [i for i, m in enumerate(mine) if not m]


def bars(rows: Sequence[Row], level: float) -> Calibrator:
    """Fitted as the shipped file is: on nodules that the net may be relied on for, as baseline and as new."""
    inside = [r for r in rows if r.held.inside]
    both = [[(r.masses, r.truth) for r in inside]]
    both += [[r.new for r in inside]] if all(r.new[0] for r in inside) else []
    return _calibrator(strictest(fit(RULES, said, level) for said in both), level)


def of_masses(said: Sequence[tuple[Masses, Managements]], level: float) -> Calibrator:
    """The same of any probabilities."""
    return _calibrator(fit(RULES, said, level), level)


def _calibrator(at_least: Mapping[str, float], level: float) -> Calibrator:
    return Calibrator(GUIDELINE, "", "", level, at_least, 0.0, 0, "", AS_OF, AS_OF)


def kept(masses: Masses, keeps: Calibrator) -> Managements:
    """The set of managements, as category numbers."""
    return frozenset(OF.get(m, m) for m in likely(RULES, masses, keeps).managements)


def of_mass(masses: Masses, share: float) -> Managements:
    """The likeliest managements that together hold that share: a set without calibration."""
    p, found = upper(masses), set[str]()
    for name in sorted(p, key=lambda n: -p[n]):
        found.add(name)
        if sum(q for s, q in masses.items() if s <= found) >= share:
            break
    return frozenset(found)


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """Of each nodule: whether the set holds all (``holds``) or any (``meets``) of what the panel leaves possible,
    whether one management stands alone in it, whether the case stands on the hybrid route, how large the set is, and
    of the answer (the only management, or the most probable one): certainly wrong, of these less urgent than right
    (``late``), or not settled by the panel."""

    holds: Flags
    meets: Flags
    single: Flags
    stands: Flags
    size: NDArray[np.int64]
    wrong: Flags
    late: Flags
    open: Flags
    top: NDArray[np.float64]


def outcome(
    rows: Sequence[Row], sets: Sequence[Managements], masses: Sequence[Masses], codes: Sequence[bool]
) -> Outcome:
    """``codes``: whether another signal than the set sends the case to a human."""
    answers = [next(iter(s)) if len(s) == 1 else most_probable(m) for s, m in zip(sets, masses, strict=True)]
    single = np.array([len(s) == 1 for s in sets])
    return Outcome(
        holds=np.array([r.truth <= s for r, s in zip(rows, sets, strict=True)]),
        meets=np.array([bool(r.truth & s) for r, s in zip(rows, sets, strict=True)]),
        single=single,
        stands=single & ~np.array(codes),
        size=np.array([len(s) for s in sets]),
        wrong=np.array([a not in r.truth for r, a in zip(rows, answers, strict=True)]),
        late=np.array(
            [a in ONE and all(ONE.index(a) < ONE.index(t) for t in r.truth) for r, a in zip(rows, answers, strict=True)]
        ),
        open=np.array([len(r.truth) > 1 and a in r.truth for r, a in zip(rows, answers, strict=True)]),
        top=np.array([max((m.get(frozenset({c}), 0.0) for c in upper(m)), default=0.0) for m in masses]),
    )


def gated(rows: Sequence[Row], keeps: Calibrator) -> Outcome:
    """As the engine does it."""
    masses = [r.masses for r in rows]
    return outcome(rows, [kept(m, keeps) for m in masses], masses, [falls_back(r.codes, USING) for r in rows])


def at_worst(truths: Sequence[Managements], sets: Sequence[Managements], m: str) -> tuple[float, float]:
    """How often the set holds m: of the nodules settled as m, and if those of the unsettled ones that may be m are m
    whose sets lack it."""
    settled = [m in s for t, s in zip(truths, sets, strict=True) if t == {m}]
    lacking = sum(len(t) > 1 and m in t - s for t, s in zip(truths, sets, strict=True))
    return sum(settled) / max(1, len(settled)), sum(settled) / max(1, len(settled) + lacking)


def reduced(row: Row) -> frozenset[str]:
    """The signals that depend on the net's beliefs alone, for other pixels of the same nodule."""
    found = set() if row.held.inside else {"image_unlike_training"}
    found |= {"finding_unknown"} if row.sharp is None else set()
    return frozenset(found | ({"reading_unstable"} if row.sharp not in (None, most_probable(row.masses)) else set()))


def share(of: Flags, among: Flags | None = None) -> float:
    """NaN where there is nothing to count."""
    picked = of if among is None else of[among]
    return float(picked.mean()) if len(picked) else float("nan")


def spread(found: Sequence[float], digits: int = 3) -> str:
    """Median (least to most) over the splits."""
    values = np.array([v for v in found if not np.isnan(v)])
    if not len(values):
        return "–"
    middle, low, high = np.median(values), values.min(), values.max()
    return f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def over_splits(rows: Sequence[Row], one: Callable[[list[Row], list[Row]], Mapping[str, float]]) -> dict[str, str]:
    """Each figure of ``one(fitted on, judged on)``, over the splits."""
    found: dict[str, list[float]] = {}
    for fitted, judged in splits(rows):
        for name, value in one([rows[i] for i in fitted], [rows[i] for i in judged]).items():
            found.setdefault(name, []).append(value)
    return {name: spread(values) for name, values in found.items()}


def groups(rows: Sequence[Row]) -> dict[str, Flags]:
    """Nodules by what the panel says, by scanner and slice, by readers."""

    def by(of: Callable[[Row], bool]) -> Flags:
        return np.array([of(r) for r in rows])

    found = {f"panel: {NAMES[c]} ({c})": by(lambda r, c=c: r.truth == {c}) for c in ONE}
    found |= {"panel: 6 or 3 months": by(lambda r: r.truth == {"3", "4A"})}
    found |= {"panel: 6 or 3 months, or work-up": by(lambda r: r.truth == {"3", "4A", "4B"})}
    found |= {f"texture {t}": by(lambda r, t=t: r.held.texture == t) for t in ("solid", "part_solid", "non_solid")}
    for low, high in ((0, 6), (6, 8), (8, 15), (15, 100)):
        found[_between(low, high)] = by(lambda r, a=low, b=high: a <= r.held.mean_mm < b)
    found |= {m: by(lambda r, m=m: r.held.maker == m) for m in sorted({r.held.maker for r in rows})}
    found |= {"slices to 1.5 mm": by(lambda r: r.held.thickness_mm <= 1.5)}
    found |= {"slices of 2 to 3 mm": by(lambda r: 1.5 < r.held.thickness_mm <= 3)}
    found |= {"slices over 3 mm": by(lambda r: r.held.thickness_mm > 3)}
    found |= {"contrast": by(lambda r: r.contrast), "no contrast": by(lambda r: not r.contrast)}
    found |= {"1 or 2 readers": by(lambda r: len(r.held.readers) < 3)}
    return found | {"3 or 4 readers": by(lambda r: len(r.held.readers) >= 3)}


def _between(low: int, high: int) -> str:
    return f"below {high} mm" if not low else f"{low} mm and more" if high == 100 else f"{low} to below {high} mm"


@dataclass(frozen=True, slots=True)
class Calibrated:
    """Reliability of the most probable management: expected calibration error and, over all four, Brier score."""

    ece: float
    brier: float


def calibration(rows: Sequence[Row], top: NDArray[np.float64], right: Flags) -> Calibrated:
    """Of nodules whose panel settles the management; a set's probability is dealt to its members alike (Brier)."""
    cells = np.clip((top * BINS).astype(int), 0, BINS - 1)
    ece = sum(abs(right[cells == b].mean() - top[cells == b].mean()) * (cells == b).mean() for b in set(cells.tolist()))
    dealt = np.array([[sum(p / len(s) for s, p in r.masses.items() if c in s) for c in ONE] for r in rows])
    exact = np.array([[r.truth == {c} for c in ONE] for r in rows], dtype=float)
    return Calibrated(float(ece), float(((dealt - exact) ** 2).sum(axis=1).mean()) if len(rows) else float("nan"))
