"""What a report says, in its order, before it is text or HTML. Both forms render this one object.

Every statement comes from the assessment; ``draft.py`` names one function a section.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ...engine.record import Assessment
from ...engine.types import (
    Belief,
    Decision,
    Facts,
    Finding,
    FindingDecision,
    GuidelineDecision,
    Known,
    Reading,
    Risk,
    Route,
    SourceKind,
    Unknown,
    is_neural,
)
from .words import Row, category_words, clean, interval_words, label, plain_words, row, stop, term

NOTHING = (False, "none")  # how a reader's form says that a feature is absent
TOLD_ELSEWHERE = frozenset({"display", "management", "interval_months"})


@dataclass(frozen=True, slots=True)
class Item:
    """One line of a list: what it says, the small print below it, and where that stands."""

    text: str
    details: tuple[str, ...] = ()
    cite: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """A part of a section: a heading, sentences, a table, a list; ``lesion`` ties it to a finding."""

    heading: str = ""
    sentences: tuple[str, ...] = ()
    rows: tuple[Row, ...] = ()
    items: tuple[Item, ...] = ()
    lesion: str | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """A section of the report; ``name`` is its anchor."""

    name: str
    title: str
    groups: tuple[Group, ...]


@dataclass(frozen=True, slots=True)
class Headline:
    """One guideline's answer for the exam, for the top of the page."""

    guideline: str
    category: str  # what is printed large
    verdict: str  # the same as a sentence's end: "category 4A", "not decided: 3 or 4A possible"
    flags: tuple[str, ...]
    management: str
    timing: str
    extra: tuple[Row, ...]
    conditions: tuple[str, ...]
    lesions: tuple[Row, ...]  # identifier and category of each lesion


@dataclass(frozen=True, slots=True)
class Lesion:
    """All that the assessment holds about one finding."""

    finding: Finding
    shown: Facts  # what the route lets count
    unconfirmed: Facts
    decided: tuple[FindingDecision, ...]

    @property
    def readings(self) -> tuple[Reading, ...]:
        """What each guideline that applies says of it."""
        return tuple(decision.reading for decision in self.decided)

    @property
    def risks(self) -> tuple[Risk, ...]:
        """The network's risk and those of published models, each once."""
        found = [risk for d in self.decided for risk in (d.risk, *d.published) if risk is not None]
        return tuple(risk for i, risk in enumerate(found) if risk not in found[:i])


@dataclass(frozen=True, slots=True)
class Report:
    """The whole report."""

    status: str
    intended_use: str
    identity: tuple[Row, ...]
    warnings: tuple[str, ...]  # above the answers, which must not be read without them
    alerts: tuple[str, ...]  # below them
    headlines: tuple[Headline, ...]
    sections: tuple[Section, ...]


def sentence(text: str) -> str:
    """Foreign words with a full stop."""
    return stop(clean(text))


def applied(decision: Decision) -> tuple[GuidelineDecision, ...]:
    """The guidelines that apply, if only conditionally."""
    return tuple(g for g in decision.guidelines if g.application.applies != "no")


def guideline_name(name: str) -> str:
    """A guideline's title for people."""
    return term("guidelines", name)


def verdict(reading: Reading) -> str:
    """The category as the end of a sentence, with what is open about it."""
    if reading.category is None and reading.possible:
        ask = f"; next to assess: {label(reading.ask)}" if reading.ask else ""
        return f"not decided: {category_words(reading)} possible{ask}"
    words = category_words(reading)
    named = words if words == "no category" or " " in words else f"category {words}"
    return f"{named} ({silence(reading)})" if reading.silent else named


def silence(reading: Reading) -> str:
    """What a silent spot leaves open."""
    others = f"other readings: {', '.join(map(clean, reading.alternatives))}" if reading.alternatives else ""
    return f"default reading, the guideline is silent{'; ' if others else ''}{others}"


def management_of(reading: Reading) -> str:
    """The guideline's management, '' where it gives none."""
    stated = reading.facts.get("management")
    return plain_words("management", stated) if stated else ""


def timing_of(reading: Reading, guideline: GuidelineDecision | None = None) -> str:
    """Interval and due date, '' where the guideline gives neither."""
    undecided = (reading.category is None and reading.possible) or "management" in reading.facts.get("open", ())
    told = "interval_months" in reading.facts and not undecided
    interval = interval_words(reading.facts["interval_months"]) if told else ""
    due = f"due {guideline.due_date.isoformat()}" if guideline and guideline.due_date else ""
    return ", ".join(part for part in (interval, due) if part)


def extras_of(reading: Reading) -> tuple[Row, ...]:
    """What else the guideline adds to its category."""
    flag = isinstance(reading.facts.get("conditional"), bool)  # the application says so, and why
    told_already = TOLD_ELSEWHERE | ({"conditional"} if flag else set())
    added = {name: value for name, value in reading.facts.items() if name not in told_already and value is not None}
    return tuple(Row(label(name), plain_words(name, value)) for name, value in added.items())


def lesions(assessment: Assessment) -> tuple[Lesion, ...]:
    """Each finding of the case and of the decision once, in the case's order."""
    decided: dict[str, list[FindingDecision]] = {}
    for guideline in applied(assessment.decision):
        for answer in guideline.findings:
            decided.setdefault(answer.finding.tracking_id, []).append(answer)
    findings = {finding.tracking_id: finding for finding in assessment.record.case.findings}
    findings |= {name: answers[0].finding for name, answers in decided.items()}
    return tuple(lesion(assessment, finding, tuple(decided.get(name, ()))) for name, finding in findings.items())


def lesion(assessment: Assessment, finding: Finding, answers: tuple[FindingDecision, ...]) -> Lesion:
    """One finding; on the rule-based route nothing that a net said is shown as known."""
    unconfirmed: dict[str, Belief] = dict(assessment.record.unconfirmed.get(finding.tracking_id, {}))
    for answer in answers:
        unconfirmed |= answer.unconfirmed
    shown = finding.facts
    if assessment.decision.route is Route.RULE_BASED:
        unconfirmed |= {name: belief for name, belief in shown.items() if is_neural(belief)}
        shown = {name: belief for name, belief in shown.items() if not is_neural(belief)}
    return Lesion(finding, shown, unconfirmed, answers)


def told(facts: Facts) -> tuple[Row, ...]:
    """The facts as rows, without those that only a convention states."""
    return tuple(row(name, belief) for name, belief in facts.items() if not conventional(belief))


def conventional(belief: Belief) -> bool:
    """Whether only the convention of a reader's form says so, or the form left the field out."""
    return belief.source is not None and belief.source.kind is SourceKind.CONVENTION


def conventions(facts: Facts) -> tuple[str, ...]:
    """What a reader's form omits and its convention fills in, as sentences."""
    held = {name: belief.value for name, belief in facts.items() if isinstance(belief, Known) and conventional(belief)}
    absent = ", ".join(label(name) for name, value in held.items() if value in NOTHING)
    others = ", ".join(
        f"{label(name)} {plain_words(name, value)}" for name, value in held.items() if value is not False
    )
    lines = (
        absent and f"Not recorded, and by the form's convention then not present: {absent}.",
        others and f"Not recorded, and taken by the form's convention as: {others}.",
    )
    return tuple(line for line in lines if line)


def unknowns(facts: Mapping[str, Belief]) -> Iterator[str]:
    """The facts that are said not to be known, by label.

    A field that a reader's form leaves out is not among them: where it decides, the reading asks for it.
    """
    return (label(name) for name, belief in facts.items() if isinstance(belief, Unknown) and not conventional(belief))


def known_only(facts: Facts) -> Facts:
    """The facts without those that are not known."""
    return {name: belief for name, belief in facts.items() if not isinstance(belief, Unknown)}


def grouped_unknowns(facts: Facts) -> tuple[str, ...]:
    """What is not known, one sentence for each reason why."""
    by_reason: dict[str, list[str]] = {}
    for name, belief in facts.items():
        if isinstance(belief, Unknown):
            by_reason.setdefault(clean(belief.why), []).append(label(name))
    return tuple(f"Not known ({why}): {', '.join(names)}." for why, names in by_reason.items())
