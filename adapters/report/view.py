"""What a report says, in its order, before it is text or HTML. Both forms render this one object.

Every statement comes from the assessment; ``draft.py`` names one function a section.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

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
from .known_rules import shown_words
from .phrases import phrase, say
from .sentence import EXAM, Link, Sentence, link_of
from .words import Row, clean, interval_words, label, plain_words, row, stop, term

NOTHING = (False, "none")  # how a reader's form says that a feature is absent
TOLD_ELSEWHERE = frozenset({"display", "management", "interval_months"})


@dataclass(frozen=True, slots=True)
class Item:
    """One line of a list: what it says, the small print below it, and where that stands."""

    text: str  # a ``Sentence`` in the report; the review pages have words of their own beside those
    details: tuple[str, ...] = ()
    cite: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A table: its head, and rows of as many cells."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Group:
    """A part of a section: a heading, sentences, tables, a list; ``lesion`` ties it to a finding.

    ``across``: the lesion on this exam and those before.
    """

    heading: str = ""
    sentences: tuple[Sentence, ...] = ()
    rows: tuple[Row, ...] = ()
    items: tuple[Item, ...] = ()
    lesion: str | None = None
    across: Table | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """A section of the report; ``name`` is its anchor. ``dictated``: it belongs to what is pasted into a report."""

    name: str
    title: str
    groups: tuple[Group, ...]
    dictated: bool = False


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
    open: bool = False  # several categories remain possible


@dataclass(frozen=True, slots=True)
class Lesion:
    """All that the assessment holds about one finding."""

    finding: Finding
    shown: Facts  # what the route lets count
    unconfirmed: Facts
    decided: tuple[FindingDecision, ...]

    @property
    def finding_shown(self) -> Finding:
        """The finding with what the route lets count."""
        return replace(self.finding, facts=self.shown)

    @property
    def link(self) -> Link:
        """To the lesion and the rows that decided of it."""
        return link_of(self.readings, clean(self.finding.tracking_id))

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

    title: str
    status: str
    intended_use: str
    identity: tuple[Row, ...]
    warnings: tuple[Sentence, ...]  # above the answers, which must not be read without them
    alerts: tuple[Sentence, ...]  # below them
    headlines: tuple[Headline, ...]
    no_answer: str  # said where there is no headline
    sections: tuple[Section, ...]


def sentence(text: str) -> str:
    """Foreign words with a full stop."""
    return stop(clean(text))


def applied(decision: Decision) -> tuple[GuidelineDecision, ...]:
    """The guidelines that apply, if only conditionally."""
    return tuple(g for g in decision.guidelines if g.application.applies != "no")


def spoken_of(decision: Decision) -> tuple[str, ...]:
    """The guidelines that the decision's texts may speak of, those that do not apply as well."""
    return tuple(g.application.guideline for g in decision.guidelines)


def guideline_name(name: str) -> str:
    """A guideline's title for people."""
    return term("guidelines", name)


def verdict(reading: Reading) -> str:
    """The category as the end of a sentence, with what is open about it."""
    if undecided(reading):
        return phrase("verdict.open", possible=shown_words(reading), ask=label(reading.ask) if reading.ask else "")
    return with_silence(reading, decided(reading))


def decided(reading: Reading) -> str:
    """A category with the word category before it, unless it is words itself."""
    words = shown_words(reading)
    if reading.category is None:
        return words
    return phrase("verdict.words" if " " in words else "verdict.category", category=words)


def undecided(reading: Reading) -> bool:
    """Whether several categories remain possible."""
    return reading.category is None and bool(reading.possible)


def with_silence(reading: Reading, words: str) -> str:
    """A category's words, and that the guideline is silent where it is."""
    return phrase("verdict.silent", verdict=words, others=others(reading)) if reading.silent else words


def silence(reading: Reading) -> str:
    """What a silent spot leaves open."""
    return phrase("silence.default", others=others(reading))


def others(reading: Reading) -> str:
    """The other readings of a silent spot."""
    return ", ".join(map(clean, reading.alternatives))


def management_of(reading: Reading) -> str:
    """The guideline's management, '' where it gives none."""
    stated = reading.facts.get("management")
    return plain_words("management", stated) if stated else ""


def timing_of(reading: Reading, guideline: GuidelineDecision | None = None) -> str:
    """Interval and due date, '' where the guideline gives neither."""
    open_ = undecided(reading) or "management" in reading.facts.get("open", ())
    told = "interval_months" in reading.facts and not open_
    interval = interval_words(reading.facts["interval_months"]) if told else ""
    due = guideline.due_date.isoformat() if guideline and guideline.due_date else ""
    if not interval:
        return phrase("timing.due", due=due) if due else ""
    return phrase("timing.interval", interval=interval, due=due)


def extras_of(reading: Reading, told: frozenset[str] = frozenset()) -> tuple[Row, ...]:
    """What else the guideline adds to its category, but for what has been told in sentences."""
    flag = isinstance(reading.facts.get("conditional"), bool)  # the application says so, and why
    told_already = TOLD_ELSEWHERE | told | ({"conditional"} if flag else set())
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


def conventions(facts: Facts, link: Link = EXAM) -> tuple[Sentence, ...]:
    """What a reader's form omits and its convention fills in, as sentences."""
    absent, taken = conventions_words(facts)
    lines = (
        say("convention.absent", link, names=absent) if absent else None,
        say("convention.taken", link, facts=taken) if taken else None,
    )
    return tuple(line for line in lines if line is not None)


def conventions_words(facts: Facts) -> tuple[str, str]:
    """What a form's convention says is not present, and what else it fills in, in words; '' where nothing."""
    held = {name: belief.value for name, belief in facts.items() if isinstance(belief, Known) and conventional(belief)}
    absent = ", ".join(dict.fromkeys(_feature(n, held, facts) for n, value in held.items() if value in NOTHING))
    taken = ", ".join(f"{label(n)} {plain_words(n, value)}" for n, value in held.items() if value not in NOTHING)
    return absent, taken


def _feature(name: str, held: Mapping[str, object], facts: Facts) -> str:
    """A feature that is not there; where none of its set is, the set."""
    group, dot, _ = name.partition(".")
    mine = [n for n in facts if n.startswith(f"{group}.")] if dot else []
    return label(group) if len(mine) > 1 and all(held.get(n, True) in NOTHING for n in mine) else label(name)


def unknowns(facts: Mapping[str, Belief]) -> Iterator[str]:
    """The facts that are said not to be known, by label.

    A field that a reader's form leaves out is not among them: where it decides, the reading asks for it.
    """
    return (label(name) for name, belief in facts.items() if isinstance(belief, Unknown) and not conventional(belief))


def known_only(facts: Facts) -> Facts:
    """The facts without those that are not known."""
    return {name: belief for name, belief in facts.items() if not isinstance(belief, Unknown)}


def grouped_unknowns(facts: Facts, link: Link = EXAM) -> tuple[Sentence, ...]:
    """What is not known, one sentence for each reason why."""
    by_reason: dict[str, list[str]] = {}
    for name, belief in facts.items():
        if isinstance(belief, Unknown):
            by_reason.setdefault(clean(belief.why), []).append(label(name))
    return tuple(unknown_sentence(why, names, link) for why, names in by_reason.items())


def unknown_sentence(why: str, names: list[str], link: Link) -> Sentence:
    """That facts are not known, and why where that is said."""
    said = ", ".join(names)
    return say("unknown.because", link, why=why, names=said) if why else say("unknown.names", link, names=said)
