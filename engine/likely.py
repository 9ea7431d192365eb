"""Categories and managements that are likely enough to be kept, where findings are uncertain: a calibrated set.

A management stays in the set while its probability (its upper end, where something is unknown) is at least the least
one at which, among readings of that management, the wanted share kept it: split conformal prediction for each class
(Vovk 2005; Sadinle, Lei and Wasserman 2019). What that promises, and on whom it was counted, is in ``Calibrator``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from .guideline.load import Guideline

Masses = Mapping[frozenset[str], float]
ROUNDING: Final = 1e-9  # probabilities that sum to 1 do so to within this
CAP: Final = 0.25  # a category as likely as one in four is never left out, however sure of itself the calibration is


@dataclass(frozen=True, slots=True)
class Calibrator:
    """When a category stays in the set, for one guideline read on the beliefs of one extractor.

    ``at_least``: the least probability, by category; of others ``otherwise``. ``guarantee`` says in words what was
    counted and on whom. ``site`` is empty for the one that ships. It may be used until ``until``. ``sha256``: of its
    file.
    """

    guideline: str
    extractor: str
    extractor_sha256: str
    level: float
    at_least: Mapping[str, float]
    otherwise: float
    cases: int
    guarantee: str
    fitted: date
    until: date
    site: str = ""
    sha256: str = ""

    def keeps(self, category: str) -> float:
        """The least probability at which that category stays."""
        return self.at_least.get(category, self.otherwise)

    @property
    def least(self) -> float:
        """The least of all bars."""
        return min(self.otherwise, *self.at_least.values()) if self.at_least else self.otherwise


@dataclass(frozen=True, slots=True)
class Likely:
    """The set: categories in the guideline's order, and their managements in words, each once."""

    categories: tuple[str, ...]
    managements: tuple[str, ...]


def likely(guideline: Guideline, masses: Masses, keeps: Calibrator | None) -> Likely:
    """What stays: all that is likely enough, and more, the likelier first, until the set holds all but the least bar.

    So one management stands alone exactly where it has at least 1 less the least bar, and a belief that makes the
    leading one less probable never takes a second one away. Without a calibrator all that has any probability stays.

    ``masses``: probability of each set of categories that is still possible, as ``propagate`` gives it.
    """
    bars = {c: keeps.keeps(c) if keeps else 0.0 for c in _named(masses)}
    names = {c: management(guideline, c) for c in bars}
    of_management = {m: min(bars[c] for c in bars if names[c] == m) for m in names.values()}
    least = keeps.least if keeps else 0.0
    categories = _kept(masses, bars, least)
    managements = _kept(managed(guideline, masses), of_management, least) | {names[c] for c in categories}
    order = _order(guideline, bars)
    return Likely(
        tuple(c for c in order if c in categories),
        tuple(dict.fromkeys(names[c] for c in order if names[c] in managements)),
    )


def _kept(masses: Masses, bars: Mapping[str, float], least: float) -> set[str]:
    p = upper(masses)
    kept = {name for name in p if p[name] >= bars[name]}
    for name in sorted(p, key=lambda name: (-p[name], name)):
        if math.fsum(q for s, q in masses.items() if s <= kept) >= 1 - least - ROUNDING:
            break
        kept.add(name)
    return kept


def _named(masses: Masses) -> list[str]:
    return sorted(set[str]().union(*masses))


def upper(masses: Masses) -> dict[str, float]:
    """The probability that each is still possible."""
    return {name: math.fsum(p for s, p in masses.items() if name in s) for name in _named(masses)}


def most_probable(masses: Masses) -> str | None:
    """The category whose lower probability is the highest; None where none is certain to be one alone."""
    alone = {next(iter(s)): p for s, p in masses.items() if len(s) == 1}
    return max(sorted(alone), key=alone.__getitem__) if alone else None


def managed(guideline: Guideline, masses: Masses) -> Masses:
    """The same for managements."""
    found: dict[frozenset[str], float] = {}
    for categories, p in masses.items():
        name = frozenset(management(guideline, c) for c in categories)
        found[name] = found.get(name, 0.0) + p
    return found


def management(guideline: Guideline, category: str) -> str:
    """The management of a category in words; of one without, its name, so that none are taken for the same."""
    entry: Mapping[str, Any] = guideline.head["managements"].get(category, {})
    return str(entry.get("management") or category)


def fit(
    guideline: Guideline, readings: Iterable[tuple[Masses, frozenset[str]]], level: float = 0.9
) -> dict[str, float]:
    """The bar of each category, from readings: what the engine believed, and the categories that humans left possible.

    Where humans left several, each of them is counted. The bar is the k-th smallest probability of the readings'
    managements with k = floor((n + 1)(1 - level)), so that a further reading of that management keeps it with at
    least that probability if it is exchangeable with these; at most ``CAP``.
    """
    found: dict[str, list[float]] = {}
    for masses, said in readings:
        p = upper(managed(guideline, masses))
        for m in {management(guideline, c) for c in said}:
            found.setdefault(m, []).append(p.get(m, 0.0))
    bars = {m: min(CAP, _smallest(sorted(ps), level)) for m, ps in found.items()}
    ids = [str(c["id"]) for c in guideline.head["categories"]]
    return {c: bars[m] for c in ids if (m := management(guideline, c)) in bars}


def year_after(day: date) -> date:
    """The last day on which a calibration of that day may be used."""
    return day + timedelta(days=365)


def _smallest(ordered: list[float], level: float) -> float:
    k = math.floor((len(ordered) + 1) * (1 - level) + 1e-9)
    return ordered[k - 1] if k else 0.0


def _order(guideline: Guideline, names: Iterable[str]) -> list[str]:
    ids = [str(c["id"]) for c in guideline.head["categories"]]
    ids += [str(c) for c in guideline.head.get("outside", ())]
    return sorted(names, key=lambda c: (ids.index(c) if c in ids else len(ids), c))
