"""Signed exams that nobody had, as rows: drawn as a site's might be, with a fault planted or none.

Whether the engine's category was signed, whether its probabilities come true and whether its set holds are drawn each
by itself, so that a fault planted in one does not show in another.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from radlogic.adapters.monitor.rows import Answer, Row
from radlogic.adapters.monitor.thresholds import reference
from radlogic.adapters.store.cases import Outcome

CATEGORIES = ("2", "3", "4A", "4B")
SCANNERS = 10 * ["GE Revolution"] + 5 * ["SIEMENS Force"] + 3 * ["PHILIPS iCT"] + 2 * ["unknown"]
MONTHS = ("2026-01", "2026-02", "2026-03")


@dataclass(frozen=True)
class Plant:
    """What a site is like. ``worse``: share of agreement of a scanner; ``overconfident``: added to what is said;
    ``read_first``: share in which who reads first says what the engine says, None where nobody does; ``shift``: mm."""

    agree: float = 0.92
    worse: dict[str, float] = field(default_factory=dict)
    overridden: float = 0.04
    covered: float = 0.92
    overconfident: float = 0.0
    unlike: float = 0.053
    shift: float = 0.0
    maker: str | None = None
    read_first: float | None = None


NOTHING = Plant()
AT_THE_BARS = Plant(agree=0.80, overridden=0.15, covered=0.90, unlike=0.10, read_first=0.80)


def rows(n: int, seed: int, plant: Plant = NOTHING) -> list[Row]:
    """``n`` exams, one after the other."""
    rng = np.random.default_rng(seed)
    samples = {name: numbers.sample() for name, numbers in reference().numbers.items()}
    makers = [name for name, count in reference().makers.items() for _ in range(count)]
    return [_row(i, rng, plant, samples, _one(rng, makers)) for i in range(n)]


def _one(rng, values):
    return values[int(rng.integers(len(values)))]


def _row(i, rng, plant: Plant, samples, maker: str) -> Row:
    scanner = _one(rng, SCANNERS)
    numbers = {name: _one(rng, sample) for name, sample in samples.items()}
    is_override = rng.random() < plant.overridden
    reads_first = plant.read_first is not None and i % 2 == 0
    return Row(
        outcome=Outcome.OVERRIDDEN if is_override else Outcome.ACCEPTED,
        route="hybrid",
        reasons=("not_calibrated_here",),
        hours=float(rng.exponential(6)),
        override_reason=_one(rng, ["clinical_context", "image_quality"]) if is_override else None,
        was_read_first=reads_first,
        answers=(_answer(rng, plant, scanner, reads_first),),
        groups={
            "site": "unknown",
            "scanner": scanner,
            "sex": _one(rng, 5 * ["F"] + 5 * ["M"] + ["unknown"]),
            "age": _one(rng, ["50 to 64", "65 to 74", "75 and over"]),
            "month": MONTHS[i % 3],
        },
        nets=True,
        numbers=numbers | {"diameter_mm": numbers["diameter_mm"] + plant.shift},
        maker=plant.maker or maker,
        unlike=bool(rng.random() < plant.unlike),
    )


def _answer(rng, plant: Plant, scanner: str, reads_first: bool) -> Answer:
    signed = _one(rng, CATEGORIES)
    engine = signed if rng.random() < plant.worse.get(scanner, plant.agree) else _other(rng, signed)
    true = float(rng.uniform(0.5, 0.99))
    likeliest = signed if rng.random() < true else _other(rng, signed)
    said = min(true + plant.overconfident, 0.999)
    first = engine if plant.read_first is not None and rng.random() < plant.read_first else _other(rng, engine)
    return Answer(
        guideline="lung-rads@2022",
        engine=engine,
        signed=signed,
        masses={frozenset({c}): said if c == likeliest else (1 - said) / 3 for c in CATEGORIES},
        kept=frozenset({"m"} if rng.random() < plant.covered else {"another"}),
        signed_management="m",
        level=0.9,
        read_first=first if reads_first else None,
    )


def _other(rng, category: str) -> str:
    return _one(rng, [c for c in CATEGORIES if c != category])
