"""Categories and managements that are likely enough to be kept, where findings are uncertain: a calibrated set.

One stays while the probability that it is still possible is at least its bar: the least probability at which, among
readings of that management, the wanted share kept it (split conformal prediction for each class: Vovk 2005; Sadinle,
Lei and Wasserman 2019). What that promises, and on whom it was counted, is in ``Calibrator``.

Bars are fixed numbers, none above the share that each category would have if all were equally likely, and what is left
out has together no more than the largest bar. So the most probable is always kept; whatever has reached its bar stays
when it becomes more probable; and a set of several never shrinks to one because a finding became unknown (which only
adds possibilities), because the leading one became less probable while it led, or because a bar was lowered.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from .guideline.load import Guideline

Masses = Mapping[frozenset[str], float]
Said = tuple[Masses, frozenset[str]]  # what the engine believed, and the categories that humans left possible
ROUNDING: Final = 1e-9  # probabilities that sum to 1 do so to within this


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
    def largest(self) -> float:
        """The largest of all bars."""
        return max((self.otherwise, *self.at_least.values()))


@dataclass(frozen=True, slots=True)
class Likely:
    """The set: categories in the guideline's order, and their managements in words, each once."""

    categories: tuple[str, ...]
    managements: tuple[str, ...]


def likely(guideline: Guideline, masses: Masses, keeps: Calibrator | None) -> Likely:
    """What stays: every management that reaches its bar, and as many of the likeliest as leave out no more in all than
    the largest bar; of each its categories that reach theirs, or the likeliest.

    So no management stands alone with less than 1 less the largest bar, however thinly the rest is spread. Without a
    calibrator all that has any probability stays.

    ``masses``: probability of each set of categories that is still possible, as ``propagate`` gives it.
    """
    most = fair_share(guideline)  # whatever a file says
    p = upper(masses)
    bars = {c: min(most, keeps.keeps(c)) if keeps else 0.0 for c in p}
    of: dict[str, list[str]] = {}
    for c in _order(guideline, p):
        of.setdefault(management(guideline, c), []).append(c)
    lowest = {m: min(bars[c] for c in categories) for m, categories in of.items()}
    managements = _kept(managed(guideline, masses), lowest, min(most, keeps.largest) if keeps else 0.0)
    likeliest = {max(categories, key=p.__getitem__) for categories in of.values()}
    categories = {c for m in managements for c in of[m] if p[c] >= bars[c] or c in likeliest}
    return Likely(tuple(_order(guideline, categories)), tuple(m for m in of if m in managements))


def _kept(masses: Masses, bars: Mapping[str, float], out: float) -> set[str]:
    """What reaches its bar, and the fewest of the likeliest that leave out at most ``out`` in all."""
    p = upper(masses)
    likeliest = set[str]()
    for name in sorted(p, key=lambda name: (-p[name], name)):
        if math.fsum(q for s, q in masses.items() if s <= likeliest) >= 1 - out - ROUNDING:
            break
        likeliest.add(name)
    return likeliest | {name for name in p if p[name] >= bars[name]}


def _named(masses: Masses) -> list[str]:
    return sorted(set[str]().union(*masses))


def fair_share(guideline: Guideline) -> float:
    """The probability that each category would have if all were equally likely: no bar may lie above it."""
    return (1 - ROUNDING) / (len(guideline.head["categories"]) + len(guideline.head.get("outside", ())))


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


def fit(guideline: Guideline, readings: Iterable[Said], level: float = 0.9) -> dict[str, float]:
    """The bar of each category, from readings of findings.

    A further finding that is exchangeable with these, and whose right management is m, keeps m with a probability of
    at least ``level``. Where humans left several managements possible, one of them is right and nobody knows which:
    the bar is the least that any choice among these readings could ask for (``least_bar``).
    """
    settled, open_ = dict[str, list[float]](), dict[str, list[float]]()
    for masses, said in readings:
        p, names = upper(managed(guideline, masses)), {management(guideline, c) for c in said}
        for m in names:
            (settled if len(names) == 1 else open_).setdefault(m, []).append(p.get(m, 0.0))
    most = fair_share(guideline)
    bars = {m: least_bar(settled.get(m, ()), open_.get(m, ()), level) for m in settled | open_}
    ids = [str(c["id"]) for c in guideline.head["categories"]]
    return {c: min(most, bars[m]) for c in ids if (m := management(guideline, c)) in bars}


def least_bar(settled: Sequence[float], open_: Sequence[float], level: float) -> float:
    """The bar of one management that holds for whichever of the ``open_`` probabilities are of it.

    With n probabilities of the management the bar is the k-th smallest, k = floor((n + 1)(1 - level)), and 0 where k
    is: a further one lies below it with a probability of at most k / (n + 1). Of the open ones any may belong to the
    management. For each number of them the bar is the least where these are the smallest.
    """
    smallest = sorted(open_)
    return min(_smallest([*settled, *smallest[:n]], level) for n in range(len(smallest) + 1))


def strictest(found: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """Of several fits the least bar of each category, so that what each of them promises holds."""
    bars: dict[str, float] = {}
    for one in found:
        bars |= {c: min(bar, bars.get(c, bar)) for c, bar in one.items()}
    return bars


def year_after(day: date) -> date:
    """The last day on which a calibration of that day may be used."""
    return day + timedelta(days=365)


def _smallest(found: list[float], level: float) -> float:
    k = math.floor((len(found) + 1) * (1 - level) + 1e-9)  # 1 - 0.9 is a little less than a tenth
    return sorted(found)[k - 1] if k else 0.0


def _order(guideline: Guideline, names: Iterable[str]) -> list[str]:
    ids = [str(c["id"]) for c in guideline.head["categories"]]
    ids += [str(c) for c in guideline.head.get("outside", ())]
    return sorted(names, key=lambda c: (ids.index(c) if c in ids else len(ids), c))
