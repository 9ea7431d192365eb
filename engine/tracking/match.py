"""Which lesion of the current exam is which of the prior: probabilities, and what may be taken without review."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..errors import BadValue
from ..perception.volume import Volume
from ..types import Finding, Unknown
from .align import Alignment, align
from .assignment import Marginals, marginals
from .lesion import Lesion, lesion_of
from .lungs import Point
from .odds import Compared, compare
from .parameters import Parameters, shipped_parameters

Stated = tuple[str, str]  # tracking ids: current, prior

EDGE_MM: Final = 5.0  # nearer to the border of the images than this, a lesion may have been cut off
CROWDED: Final = "too many lesions that may be each other; a person must pair them"
ALIGNED: Final = "nodule"  # the kind whose places an alignment of the lungs carries
UNNAMED: Final = re.compile(r"^\w*\[\d+\]$|^\d*$|^(observation|nodule)s?$")  # a place in a list, not a name
# A kind or a letter or two and a number ("N1", "nodule 2", "lesion-3"): counted anew on each exam, so two exams that
# share it do not say that it is one lesion.
COUNTED: Final = re.compile(
    r"[\W_]*(?:[a-z]{0,2}|nod|nodules?|les|lesions?|obs|observations?|findings?|mass|masses|target|index|item|roi|ggn|ggo"
    r"|tumou?r|nodulus)[\W_]*(?:no|nr|number)?[\W_]*(?:\d+[\W_]*[a-z]?)?[\W_]*",
    re.IGNORECASE,
)


class Fate(StrEnum):
    """What became of a lesion between the two exams."""

    SAME = "same"  # on both
    NEW = "new"  # on the current exam alone
    GONE = "gone"  # on the prior alone


@dataclass(frozen=True, slots=True)
class Match:
    """One answer: ``current`` and ``prior`` tracking ids ("" where there is none), the ``fate`` and its probability.

    ``accepted``: it may be used as it is. ``basis``: "position", "words" or "stated" (a human's identifier).
    ``why``: the reasons for review; where it is accepted, what to know of it. Of a crowd too large to sum over nothing
    is known: its probabilities are 0 here and NaN in ``Matches.probabilities``.
    """

    fate: Fate
    current: str
    prior: str
    probability: float
    accepted: bool
    basis: str
    why: str = ""
    off_mm: float | None = None  # from where the alignment puts it


@dataclass(frozen=True, slots=True, eq=False)
class Matches:
    """One ``Match`` for each current lesion, in order, and one for each prior lesion that none of them is the most
    probable partner of. ``probabilities`` (n + 1, m + 1): each pair's; last column new, last row gone."""

    found: tuple[Match, ...]
    current: tuple[str, ...]
    prior: tuple[str, ...]
    probabilities: NDArray[np.float64]
    review: tuple[str, ...]
    aligned: Alignment | Unknown | None
    threshold: float

    def of(self, current: str) -> Match:
        """What is said of a current lesion.

        Raises:
            BadValue: no such lesion.
        """
        for match in self.found:
            if match.current == current and current:
                return match
        raise BadValue("matches", "current", "an identifier that no current finding has", "one of them", "Correct it.")

    @property
    def gone(self) -> tuple[Match, ...]:
        """What is said of prior lesions without a partner."""
        return tuple(m for m in self.found if m.fate is Fate.GONE)


def match(
    current: Sequence[Finding],
    prior: Sequence[Finding],
    alignment: Alignment | Unknown | None,
    *,
    months: float | None = None,
    stated: Iterable[Stated] | None = None,
    using: Parameters | None = None,
) -> Matches:
    """Find the current findings again on the prior.

    ``months`` between the exams, where known. ``stated``: pairs that a human has said to be one; by default those that
    share a tracking identifier that is a name. They win over everything else. Findings of different kinds never pair.
    Without an alignment, or with one that was refused, nothing but what is stated is accepted.

    Raises:
        BadValue: a stated pair names no finding, or a finding twice; an identifier is there twice; ``months`` negative.
    """
    using = using or shipped_parameters()
    _check(current, prior, months)
    pairs = _stated(current, prior, shared_identifiers(current, prior) if stated is None else tuple(stated))
    now, before = ([_placed(f) for f in findings] for findings in (current, prior))
    usable = alignment if isinstance(alignment, Alignment) else None
    compared = compare(now, before, usable, months, using)
    odds = _allowed(compared.odds, current, prior, pairs)
    found = marginals(odds)
    table = _table(found, pairs)
    verdicts = _Verdicts(now, before, alignment, compared, odds, found, table, pairs, using).all()
    review = tuple(
        f"{m.current or m.prior}: {m.why}" for m in verdicts if not m.accepted or (m.why and m.basis == "stated")
    )
    ids = tuple(f.tracking_id for f in current), tuple(f.tracking_id for f in prior)
    return Matches(verdicts, *ids, table, review, alignment, using.threshold)


def match_prior(
    current_volume: Volume | None,
    current_findings: Sequence[Finding],
    prior_volume: Volume | None,
    prior_findings: Sequence[Finding],
    months: float | None,
    *,
    stated: Iterable[Stated] | None = None,
    using: Parameters | None = None,
) -> Matches:
    """Align, where both exams have images and lesions, and match: all that a watcher of exams needs to call.

    Raises:
        BadValue: as ``match``. MissingExtra: there are images, and SimpleITK is not installed.
    """
    alignment = None
    if current_volume is not None and prior_volume is not None and current_findings and prior_findings:
        alignment = align(current_volume, prior_volume, using)
    return match(current_findings, prior_findings, alignment, months=months, stated=stated, using=using)


def shared_identifiers(current: Sequence[Finding], prior: Sequence[Finding]) -> tuple[Stated, ...]:
    """Identifiers that both exams use, but for those that only say a place in a list ("nodules[0]", "2", "N1")."""
    held = {f.tracking_id for f in prior}
    return tuple((f.tracking_id, f.tracking_id) for f in current if f.tracking_id in held and is_name(f.tracking_id))


def is_name(identifier: str) -> bool:
    """Whether it names one lesion, and is no place in a list or count.

    >>> [is_name(i) for i in ("rul-apical", "nodules[0]", "N1", "nodule 2", "lesion-3", "2")]
    [True, False, False, False, False, False]
    """
    return not UNNAMED.match(identifier) and not COUNTED.fullmatch(identifier)


def _placed(finding: Finding) -> Lesion:
    lesion = lesion_of(finding)
    return lesion if finding.kind == ALIGNED else replace(lesion, place=None)


def _check(current: Sequence[Finding], prior: Sequence[Finding], months: float | None) -> None:
    for name, findings in (("current", current), ("prior", prior)):
        ids = [f.tracking_id for f in findings]
        if len(set(ids)) < len(ids):
            raise BadValue(f"{name} findings", "tracking_id", "the same identifier twice", "one each", "Rename one.")
    if months is not None and not (np.isfinite(months) and months >= 0):
        allowed = "0 or more: the prior is the earlier exam"
        raise BadValue("exams", "months", f"{months}", allowed, "Exchange the two exams, or correct a date.")


def _stated(current: Sequence[Finding], prior: Sequence[Finding], stated: tuple[Stated, ...]) -> dict[int, int]:
    """Row -> column of what was stated."""
    rows = {f.tracking_id: i for i, f in enumerate(current)}
    columns = {f.tracking_id: j for j, f in enumerate(prior)}
    for a, b in stated:
        if a not in rows or b not in columns:
            raise BadValue(
                "stated pairs", "", "an identifier that no finding has", "findings of both exams", "Correct it."
            )
    pairs = {rows[a]: columns[b] for a, b in stated}
    if len(pairs) < len(stated) or len(set(pairs.values())) < len(pairs):
        raise BadValue("stated pairs", "", "a finding in two pairs", "each finding once", "Remove one of the pairs.")
    return pairs


def _allowed(
    odds: NDArray[np.float64], current: Sequence[Finding], prior: Sequence[Finding], pairs: dict[int, int]
) -> NDArray[np.float64]:
    """The odds without pairs of different kinds, and without those whose partner was stated."""
    allowed = odds.copy()
    kinds = np.array([[a.kind == b.kind for b in prior] for a in current], dtype=bool).reshape(odds.shape)
    allowed[~kinds] = -np.inf
    allowed[list(pairs.keys()), :] = -np.inf
    allowed[:, list(pairs.values())] = -np.inf
    return allowed


def _table(found: Marginals, pairs: dict[int, int]) -> NDArray[np.float64]:
    n, m = found.pairs.shape
    table = np.zeros((n + 1, m + 1))
    table[:n, :m], table[:n, m], table[n, :m] = found.pairs, found.new, found.gone
    for i, j in pairs.items():
        table[i, :], table[:, j] = 0.0, 0.0
        table[i, j] = 1.0
    return table


@dataclass(frozen=True, slots=True, eq=False)
class _Verdicts:
    """From probabilities to answers."""

    now: list[Lesion]
    before: list[Lesion]
    alignment: Alignment | Unknown | None
    compared: Compared
    odds: NDArray[np.float64]
    found: Marginals
    table: NDArray[np.float64]
    pairs: dict[int, int]
    using: Parameters

    def all(self) -> tuple[Match, ...]:
        rows = [self.row(i) for i in range(len(self.now))]
        taken = {m.prior for m in rows if m.fate is Fate.SAME}
        return (*rows, *(self.column(j) for j, b in enumerate(self.before) if b.tracking_id not in taken))

    def row(self, i: int) -> Match:
        lesion = self.now[i]
        if i in self.pairs:
            return self.stated(i, self.pairs[i])
        if i in self.found.unsolved:
            return Match(Fate.NEW, lesion.tracking_id, "", 0.0, False, self.basis(lesion), CROWDED)
        best = int(self.table[i].argmax())
        p = float(self.table[i, best])
        if best == len(self.before):
            shown = self.shown(lesion.place, now=True)
            return self.verdict(Fate.NEW, lesion.tracking_id, "", p, self.basis(lesion), shown, None)
        other = self.before[best]
        basis = "position" if np.isfinite(self.compared.off_mm[i, best]) else "words"
        off = float(self.compared.off_mm[i, best]) if basis == "position" else None
        rival = "" if self.table[:-1, best].argmax() == i else "another current lesion is the more probable partner"
        return self.verdict(Fate.SAME, lesion.tracking_id, other.tracking_id, p, basis, rival, off)

    def column(self, j: int) -> Match:
        lesion, p = self.before[j], float(self.table[-1, j])
        if not np.isfinite(p):
            return Match(Fate.GONE, "", lesion.tracking_id, 0.0, False, self.basis(lesion), CROWDED)
        return self.verdict(
            Fate.GONE, "", lesion.tracking_id, p, self.basis(lesion), self.shown(lesion.place, now=False), None
        )

    def stated(self, i: int, j: int) -> Match:
        """A human's word wins; that the images speak against it is said."""
        off = float(self.compared.off_mm[i, j])
        against = self.compared.odds[i, j] < 0
        why = "stated to be the same lesion; place, size or type speak against it" if against else ""
        ids = self.now[i].tracking_id, self.before[j].tracking_id
        return Match(Fate.SAME, *ids, 1.0, True, "stated", why, off if np.isfinite(off) else None)

    def verdict(
        self, fate: Fate, current: str, prior: str, p: float, basis: str, doubt: str, off: float | None
    ) -> Match:
        reasons = [doubt] if doubt else []
        if basis != "position":
            reasons.insert(0, self.no_position())
        if p < self.using.threshold:
            reasons.append(f"{_FATES[fate]} with probability {p:.3f}, taken from {self.using.threshold:g} on")
        return Match(fate, current, prior, p, not reasons, basis, "; ".join(reasons), off)

    def basis(self, lesion: Lesion) -> str:
        return "position" if isinstance(self.alignment, Alignment) and lesion.place is not None else "words"

    def no_position(self) -> str:
        if isinstance(self.alignment, Unknown):
            return self.alignment.why
        return "no position that can be compared; words alone do not tell lesions apart"

    def shown(self, place: Point | None, now: bool) -> str:
        """Why a lesion may only seem to be new or gone: the other exam does not show its place."""
        if not isinstance(self.alignment, Alignment) or place is None:
            return ""
        shows = self.alignment.prior_shows if now else self.alignment.current_shows
        unplaced = [o.tracking_id for o in (self.before if now else self.now) if o.place is None]
        if unplaced:
            return f"{len(unplaced)} lesions of the other exam have no position"
        other = "prior" if now else "current"
        return "" if shows(place, EDGE_MM) else f"the {other} images do not show the place"


_FATES: Final = {Fate.SAME: "the same lesion", Fate.NEW: "new", Fate.GONE: "gone"}
