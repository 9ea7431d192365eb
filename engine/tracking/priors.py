"""What earlier exams say of the lesions at hand, as the facts that the guidelines' inputs read.

Only what was matched with enough probability, or stated by a human, becomes a fact. Where a lesion could not be matched
its prior facts are unknown, with the reason: that a form leaves a prior size out means "there is no prior" only as long
as there is none. What somebody states of the current exam goes before what is derived here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from ..before import Before
from ..errors import BadValue, Contradiction
from ..facts import ORDER, stronger
from ..types import Belief, Case, Exam, Facts, Finding, Known, NotApplicable, PastSize, Source, SourceKind, Unknown
from .align import Alignment
from .denied import SAME_MONTHS, denies_status
from .lesion import mean_of
from .match import ALIGNED, UNNAMED, Fate, Match, Matches

TENTH: Final = Decimal("0.1")
HUNDREDTH: Final = Decimal("0.01")
CARRIED: Final = ("status", "prior_mean_mm", "prior_solid_mean_mm", "interval_months", "previous_category", "history")
BY_CONVENTION: Final = (
    "growing",
    "change",
    "solid_component_change",
)  # absent in a form: only if nothing is to compare
DAYS_A_MONTH: Final = Decimal("30.4375")  # 365.25 / 12
CT: Final = "CT"


@dataclass(frozen=True, slots=True)
class PriorCase:
    """An earlier exam: its day, what was found, and each lesion's ``categories`` by tracking id, where stated.

    ``reference``: how to find it again, shown with every fact ("CT of 2024-03-01, report 17"). ``assessed``: the kinds
    of finding that somebody looked for and stated in full, as of a ``Case``; only then is what is missing there new.
    ``modality``: as DICOM names it ("CT"), '' where it is not known.
    """

    date: date
    findings: tuple[Finding, ...]
    reference: str
    categories: Mapping[str, str] = field(default_factory=dict)
    assessed: tuple[str, ...] = ()
    modality: str = ""

    @property
    def of_lungs(self) -> bool:
        """Whether somebody looked at the lungs."""
        return ALIGNED in {*self.assessed, *(f.kind for f in self.findings)}

    def finding(self, tracking_id: str) -> Finding:
        """The finding of that identifier.

        Raises:
            BadValue: there is none.
        """
        for finding in self.findings:
            if finding.tracking_id == tracking_id:
                return finding
        raise BadValue("prior exam", "tracking_id", "an identifier it does not have", "one of its own", "Match anew.")


Compared = tuple[PriorCase, Matches]


def months_between(earlier: date, later: date) -> Decimal:
    """Months on the calendar and what is left in days of 1/12 year, half up to 0.01; negative the other way round.

    A day is 0.033: 12 months and a day are more than 12, and no whole number of months is reached or passed by
    rounding, so that "at most 12 months" is read as it stands (Lung-RADS v2022 note 6).
    """
    whole = (later.year - earlier.year) * 12 + later.month - earlier.month
    exact = Decimal(whole) + Decimal(later.day - earlier.day) / DAYS_A_MONTH
    return exact.quantize(HUNDREDTH, ROUND_HALF_UP)


def with_priors(case: Case, priors: Sequence[Compared]) -> Case:
    """The case with what its earlier exams say of each finding; ``priors`` in any order, each with its matches.

    The newest gives the prior sizes, the category and the interval; older ones the history. Accepted lesions take the
    prior's tracking identifier over where that is a name. What is gone is told in the exam's ``compared``, what could
    not be matched in its ``unmatched``, both in its notes too. There is a ``prior_ct`` where a chest CT was compared.

    Raises:
        BadValue: the case has no date, an exam is not earlier than it, or matches are of other findings.
        Contradiction: somebody stated that there is no prior CT, and one is given.
    """
    if not priors:
        return case
    _check_some(case, priors)
    newest_first = sorted(priors, key=lambda p: p[0].date, reverse=True)
    months = [_months(case, prior, matches) for prior, matches in newest_first]
    findings = [_told(f, newest_first, months) for f in case.findings]
    named = _named(findings, newest_first[0][1])
    said = [_said(case, prior, matches) for prior, matches in newest_first]
    compared, unmatched = (tuple(text for one in said for text in one[part]) for part in (0, 1))
    unmatched += tuple(_demoted(case, newest_first))
    exam = replace(told(case.exam, compared, unmatched), facts={**case.exam.facts, **_at_hand(case, newest_first)})
    return replace(case, exam=exam, findings=tuple(named))


def _at_hand(case: Case, priors: Sequence[Compared]) -> Mapping[str, Belief]:
    """``prior_ct``, where an earlier chest CT was really compared: the newest of them."""
    found = next(((p, matches) for p, matches in priors if _compared_lungs(p, matches)), None)
    if found is None:
        return {}
    prior, matches = found
    by = SourceKind.IMAGE if isinstance(matches.aligned, Alignment) else SourceKind.REPORT
    available = Known("available", Source(by, prior.reference, prior.date))
    return {"prior_ct": stronger(case.exam.facts.get("prior_ct"), available)}


def _compared_lungs(prior: PriorCase, matches: Matches) -> bool:
    """Whether the lungs of both CTs were laid on each other, or a nodule of that CT was found again by its name.

    A CT on which somebody looked for nodules and states none has nothing that could be found again: it is compared.
    """
    if isinstance(matches.aligned, Alignment):
        return True
    nodules = [f.tracking_id for f in prior.findings if f.kind == ALIGNED]
    same = {m.prior for m in matches.found if m.accepted and m.fate is Fate.SAME}
    return prior.modality == CT and (not same.isdisjoint(nodules) or (ALIGNED in prior.assessed and not nodules))


def told(exam: Exam, compared: Sequence[str], unmatched: Sequence[str]) -> Exam:
    """The exam with more of what comparing came to and left open, each text once."""
    notes = dict.fromkeys((*exam.notes, *compared, *unmatched))
    came_to, left = dict.fromkeys((*exam.compared, *compared)), dict.fromkeys((*exam.unmatched, *unmatched))
    return replace(exam, notes=tuple(notes), compared=tuple(came_to), unmatched=tuple(left))


def _check_some(case: Case, priors: Sequence[Compared]) -> None:
    stated = case.exam.facts.get("prior_ct")
    given = any(p.of_lungs and p.modality in ("", CT) for p, _ in priors)
    if given and isinstance(stated, Known) and stated.value == "none" and _is_stated(stated):
        allowed, cure = "available, or nothing", "Correct prior_ct, or leave the earlier exam out."
        raise Contradiction("exam", "prior_ct", "none, and an earlier exam is given", allowed, cure)


def _months(case: Case, prior: PriorCase, matches: Matches) -> Decimal:
    if case.exam.date is None:
        raise BadValue("exam", "date", "none", "the day of the exam", "Without it no interval can be told.")
    if prior.date >= case.exam.date:
        raise BadValue("prior exam", "date", "a day not before the exam", "an earlier day", "Exchange the exams.")
    now, before = tuple(f.tracking_id for f in case.findings), tuple(f.tracking_id for f in prior.findings)
    if (matches.current, matches.prior) != (now, before):
        raise BadValue("matches", "", "matches of other findings", "those of these two exams", "Match these exams.")
    return months_between(prior.date, case.exam.date)


def _told(finding: Finding, priors: Sequence[Compared], months: Sequence[Decimal]) -> Finding:
    """A finding with what the priors say of it."""
    newest, at = priors[0][0], _taken(finding, priors)
    older = [(prior, m.of(finding.tracking_id)) for prior, m in priors[1:]]
    if not at.accepted:
        return _open(finding, f"not matched with the prior ({newest.reference}): {at.why}", newest)
    if at.fate is Fate.NEW:
        source = Source(SourceKind.IMAGE, f"{newest.reference}: no such lesion", newest.date)
        nothing: Belief = NotApplicable(source)
        return _given(finding, {**dict.fromkeys(CARRIED, nothing), "status": Known("new", source)}, newest, at)
    lesion = newest.finding(at.prior)
    facts = dict(_carried(finding, lesion, newest, at, months[0]))
    facts["history"] = _history(lesion, at, newest, list(zip(older, months[1:], strict=True)), months[0])
    return _given(finding, facts, newest, at)


def _taken(finding: Finding, priors: Sequence[Compared]) -> Match:
    """The match on the newest prior; that a lesion is new is not accepted where something else may explain it."""
    newest, at = priors[0][0], priors[0][1].of(finding.tracking_id)
    if not (at.accepted and at.fate is Fate.NEW):
        return at
    if any(m.of(finding.tracking_id).fate is Fate.SAME for _, m in priors[1:]):
        return replace(at, accepted=False, why="not on the newest prior, but on an older one")
    if finding.kind not in newest.assessed:
        return replace(at, accepted=False, why="not among what it states, and it may not state everything it shows")
    return at


def _demoted(case: Case, priors: Sequence[Compared]) -> Iterator[str]:
    """What matching alone would have taken as new."""
    for finding in case.findings:
        at = _taken(finding, priors)
        if not at.accepted and priors[0][1].of(finding.tracking_id).accepted:
            yield f"{finding.tracking_id}, compared with {priors[0][0].reference}: {at.why}"


def _open(finding: Finding, why: str, prior: PriorCase) -> Finding:
    unknown = Unknown(why, Source(SourceKind.IMAGE, prior.reference, prior.date))
    before = finding.before or unknown
    kept = {n: b for n, b in finding.facts.items() if n not in (*CARRIED, *BY_CONVENTION) or _is_stated(b)}
    implied = {n: unknown for n in BY_CONVENTION if n in finding.facts}
    return replace(finding, facts={**dict.fromkeys(CARRIED, unknown), **implied, **kept}, before=before)


def _is_stated(belief: Belief) -> bool:
    """Whether somebody said it of this exam, and not a form by leaving it out."""
    said = not isinstance(belief, Unknown) and belief.source is not None
    return said and belief.source is not None and belief.source.kind is not SourceKind.CONVENTION


def _given(finding: Finding, facts: Facts, prior: PriorCase, at: Match) -> Finding:
    """With the facts, where nobody stated them; with none where what is stated denies that there was such a lesion,
    or that there was none: both are kept, a human must say which is true, and nothing is mixed of the two."""
    before = Before(prior.reference, prior.date, at.prior, at.probability, at.basis, at.why, facts)
    compared = replace(finding, before=before)
    if denies_status(compared):
        return _open(compared, f"what is stated of it denies the prior ({prior.reference})", prior)
    new = {n: b for n, b in facts.items() if not _is_stated(finding.facts.get(n, Unknown("")))}
    return replace(compared, facts={**finding.facts, **new})


def _carried(
    finding: Finding, lesion: Finding, prior: PriorCase, at: Match, months: Decimal
) -> Iterator[tuple[str, Belief]]:
    yield "status", Known("existing", _source(None, prior, at, "found again"))
    yield "interval_months", Known(months, _source(None, prior, at, "its date"))
    yield "prior_mean_mm", _mean(lesion, prior, at)
    yield "prior_solid_mean_mm", _solid(lesion, prior, at)
    category = prior.categories.get(lesion.tracking_id)
    source = _source(None, prior, at, "category")
    yield "previous_category", Known(category, source) if category else Unknown("the prior states none", source)


def _source(belief: Belief | None, prior: PriorCase, at: Match, what: str) -> Source:
    """The prior exam as a source, as weak as the weaker of who stated it and how the lesion was found again."""
    by = SourceKind.REPORT if at.basis == "stated" else SourceKind.IMAGE
    said = belief.source.kind if belief is not None and belief.source is not None else by
    kind = max(by, said, key=ORDER.index)
    return Source(kind, f"{prior.reference}, {at.prior} {what} (match {at.probability:.3f}, {at.basis})", prior.date)


def _mean(lesion: Finding, prior: PriorCase, at: Match) -> Belief:
    belief = lesion.facts.get("mean_mm")
    if belief is not None and not isinstance(belief, Unknown | NotApplicable):
        return replace(belief, source=_source(belief, prior, at, "mean_mm"))
    axes = lesion.facts.get("long_mm"), lesion.facts.get("short_mm")
    size, source = mean_of(lesion), _source(axes[0], prior, at, "long_mm, short_mm")
    if size is not None and all(isinstance(a, Known) for a in axes):
        return Known(Decimal(str(round(size[0], 4))).quantize(TENTH, ROUND_HALF_UP), source)
    return Unknown("the prior states no mean diameter", source)


def _solid(lesion: Finding, prior: PriorCase, at: Match) -> Belief:
    belief, kind = lesion.facts.get("solid_mean_mm"), lesion.facts.get("type")
    if belief is not None and not isinstance(belief, Unknown | NotApplicable):
        return replace(belief, source=_source(belief, prior, at, "solid_mean_mm"))
    source = _source(kind, prior, at, "type")
    if isinstance(kind, Known) and kind.value == "non_solid":
        return Known(Decimal(0), source)  # a non-solid nodule has no solid component
    if isinstance(kind, Known) and kind.value != "part_solid":
        return NotApplicable(source)
    return Unknown("the prior states no solid component", source)


def _history(
    lesion: Finding,
    at: Match,
    prior: PriorCase,
    older: Sequence[tuple[tuple[PriorCase, Match], Decimal]],
    months: Decimal,
) -> Belief:
    """Sizes on exams before the prior: those given, and what the prior itself told of its own priors."""
    source = _source(None, prior, at, "and older exams")
    given: list[PastSize] = []
    for (exam, found), ago in older:
        if not found.accepted:
            return Unknown(f"not matched with {exam.reference}: {found.why}", source)
        size = _mean(exam.finding(found.prior), exam, found) if found.fate is Fate.SAME else None
        if isinstance(size, Known) and isinstance(size.value, Decimal):
            given.append(PastSize(ago, size.value))
        elif size is not None:
            return Unknown(f"{exam.reference} states no size that is certain", source)
    told = [
        p for p in _told_before(lesion, months) if all(abs(p.months_ago - g.months_ago) > SAME_MONTHS for g in given)
    ]
    entries = tuple(sorted((*given, *told), key=lambda p: p.months_ago))
    return Known(entries, source) if entries else NotApplicable(source)


def _told_before(lesion: Finding, months: Decimal) -> Iterator[PastSize]:
    mean, ago, history = (lesion.facts.get(n) for n in ("prior_mean_mm", "interval_months", "history"))
    sizes = [b.value for b in (mean, ago) if isinstance(b, Known) and isinstance(b.value, Decimal) and b.value > 0]
    if len(sizes) == 2:
        yield PastSize(months + sizes[1], sizes[0])
    if isinstance(history, Known) and isinstance(history.value, tuple):
        yield from (replace(entry, months_ago=months + entry.months_ago) for entry in history.value)


def _named(findings: Sequence[Finding], matches: Matches) -> Iterator[Finding]:
    """With the prior's identifiers, where they are names and no other finding has them."""
    taken = {f.tracking_id for f in findings}
    for finding in findings:
        at = matches.of(finding.tracking_id)
        same = at.accepted and at.fate is Fate.SAME and not denies_status(finding)
        carry = same and not UNNAMED.match(at.prior) and at.prior not in taken
        taken |= {at.prior} if carry else set()
        yield replace(finding, tracking_id=at.prior) if carry else finding


def _said(case: Case, prior: PriorCase, matches: Matches) -> tuple[list[str], list[str]]:
    """What became of lesions without a partner, and what is open: what was not accepted, or speaks against itself."""
    resolved: list[str] = []
    left: list[str] = []
    for gone in matches.gone:
        sure = gone.accepted and prior.finding(gone.prior).kind in case.assessed
        said = "is resolved" if sure else "may be resolved, to be confirmed"
        why = gone.why or f"{gone.probability:.3f}"
        text = f"{gone.prior} of {prior.reference} {said}: not found again ({why})"
        (resolved if sure else left).append(text)
    for found in matches.found:
        if found.current and (not found.accepted or found.why):
            other = f" (it may be {found.prior})" if found.prior and not found.accepted else ""
            left.append(f"{found.current}, compared with {prior.reference}{other}: {found.why}")
    return resolved, left
