"""Every case gives a report without an empty, broken or contradictory sentence, and with the decision's own answer.

The text is read here by expressions of its own: nothing of the product helps to read it.
"""

import re
from dataclasses import replace
from datetime import date

import pytest
from decision_strategies import assessments
from hypothesis import HealthCheck, given, settings
from report_cases import AS_OF, MAKE, decided, of_rules, of_shared
from report_pages import words_of
from sample_decisions import ALL

from radlogic.adapters.report.draft import report_of
from radlogic.adapters.report.sentence import Sentence
from radlogic.adapters.report.text import report_text
from radlogic.adapters.report.view import Group

RULES = list(of_rules())
EVERY = 160  # of the cases beside the rules, without the mark `slow`
PARTS = 8  # of all of them, so that processes can share the work
DUE = re.compile(r"due (\d{4}-\d\d-\d\d)")
BROKEN = {
    "a placeholder": re.compile(r"\{[a-z_]*\}|\{\{|\}\}|%s"),
    "a Python word": re.compile(r"\b(None(?! was considered|: every guideline)|True|False|Decimal|nan)\b"),
    "two spaces": re.compile(r"\S {2,}\S"),
    "two stops": re.compile(r"(?<!\.)\.\.(?!\.)|[,;:]\.|[,;] *[,;]"),
    "an empty pair": re.compile(r"\(\s*\)|\[\s*\]|: \.|: ;"),
    "a stray blank": re.compile(r" [.,;:](?!\d)"),
}
OUTSIDE = ("no-category", "negative", "NC", "not-applicable")  # said in words, not as a code
ABSENT = re.compile(r"\bno (nodule|observation|finding)\b|\blists none\b", re.IGNORECASE)


def sentences_of(report):
    """Every sentence of what is dictated, with its section and group."""
    for section in report.sections:
        for group in section.groups:
            items = [text for item in group.items for text in (item.text, *item.details)]
            yield from ((section, group, text) for text in (*group.sentences, *items))


def faults_of_words(report):
    """What is wrong with how it is said."""
    for section, _, said in sentences_of(report):
        if not said.strip() or not re.search(r"\w", said):
            yield f"{section.name}: an empty sentence"
        yield from (f"{section.name}: {name} in {said!r}" for name, bad in BROKEN.items() if bad.search(said))


def faults_of_links(report, assessment):
    """Sentences of what is dictated that do not say which template, lesion and row they are of."""
    read = traced(assessment)
    for section, _, said in sentences_of(report):
        if not isinstance(said, Sentence) or not said.template or not said.link.finding:
            yield f"{section.name}: no template or lesion: {said!r}"
        elif section.dictated and assessment.decision.guidelines and not said.link.guideline:
            yield f"{section.name}: no guideline: {said!r}"
        elif section.dictated and said.link.finding in read and not (said.link.rows and said.link.citations):
            yield f"{section.name}: no row or citation: {said!r}"


def traced(assessment):
    """The lesions of which some row decided; the exam and the patient, where any row did at all."""
    lesions = {f.finding.tracking_id for g in read_by(assessment) for f in g.findings if f.reading.trace}
    whole = [g.application.trace or (g.exam and g.exam.trace) for g in assessment.decision.guidelines]
    return lesions | ({"exam", "patient"} if lesions or any(whole) else set())


def faults_of_answer(report, text, assessment):
    """Where the text claims another category, interval or date than the decision."""
    impression = next(s for s in report.sections if s.name == "impression")
    if not read_by(assessment):
        yield from (
            () if "No guideline category" in text and not DUE.search(text) else ("an answer without a guideline",)
        )
        return
    for guideline, group in zip(read_by(assessment), impression.groups, strict=True):
        said = " ".join(group.sentences)
        yield from faults_of_category(guideline.exam, said)
        due = guideline.due_date.isoformat() if guideline.due_date else None
        if set(DUE.findall(said)) != ({due} if due else set()):
            yield f"due {DUE.findall(said)}, not {due}"
        yield from (f"no {words!r} in {said!r}" for words in [interval_of(guideline.exam)] if words not in said)
        management = guideline.exam.facts.get("management")
        if management and words_of(management) not in words_of(text):
            yield f"no management {management!r}"
    dates = {g.due_date.isoformat() for g in assessment.decision.guidelines if g.due_date}
    if set(DUE.findall(words_of(text))) != dates:
        yield f"dates {DUE.findall(text)}, not {dates}"


def read_by(assessment):
    return [g for g in assessment.decision.guidelines if g.application.applies != "no"]


def faults_of_category(reading, said):
    if reading.category is None and reading.possible:
        if not re.search(r"\bnot decided\b", said, re.IGNORECASE):
            yield f"an open category is claimed: {said!r}"
        return
    shown = str(reading.facts.get("display") or reading.category)
    if shown.lower() not in said.lower() and reading.category not in OUTSIDE:
        yield f"no {shown!r} in {said!r}"
    claimed = {c.rstrip(".,;") for c in re.findall(r"(?<!other )\b(?:RADS category|recommendation:) (\S+)", said)}
    if claimed - {shown, shown.partition(" ")[0], reading.category}:
        yield f"claims {claimed}, not {shown!r}"
    if re.search(r"\bnot decided: ", said, re.IGNORECASE):
        yield f"a decided category is called open: {said!r}"


def interval_of(reading):
    """The interval as a person would say it, written here once more."""
    interval = reading.facts.get("interval_months", "absent")
    open_ = reading.category is None or "management" in reading.facts.get("open", ())
    if interval == "absent" or open_:
        return ""
    if interval is None:
        return "no fixed interval"
    low, high = interval
    months = "month" if high == 1 else "months"
    if low == high:
        return f"in {high} {months}"
    return f"within {high} {months}" if low == 0 else f"in {low} to {high} {months}"


def faults_of_contradiction(report, assessment):
    """A lesion that is described and denied."""
    findings = next(s for s in report.sections if s.name == "findings")
    lesions = [g for g in findings.groups if g.lesion is not None]
    for group in findings.groups:
        for said in group.sentences:
            denied = group.lesion is None and bool(ABSENT.search(said)) and "significant" not in said
            if denied == bool(lesions) and (denied or (not lesions and group.heading == "")):
                yield f"{len(lesions)} lesions, and {said!r}"
    if len({g.lesion for g in lesions}) != len(lesions):
        yield "a lesion twice"


NEW = re.compile(r"\bIt is new\b|\bnot seen on the prior\b|\bseen for the first time\b", re.IGNORECASE)
PRIOR_SIZE = re.compile(
    r"\bon the prior exam\b[^.]*\bdiameter was\b|\bprior mean diameter\b|\bbefore[^.]*\b\d+ mm\b", re.IGNORECASE
)
GROWN = re.compile(r"\b(?:it has grown|it is growing|grew)\b", re.IGNORECASE)
STABLE = re.compile(r"\bit is (?:stable|unchanged)\b|\bit has not grown\b", re.IGNORECASE)
NO_PRIOR = re.compile(r"No prior exam is stated\b")
CATEGORY = re.compile(r"\b(?:Lung-RADS|LI-RADS|TI-RADS) category ([\w-]+)")
OPEN = re.compile(r"denied|deny each other", re.IGNORECASE)  # two statements named as such, for a human to settle


def faults_across_sentences(report, text, assessment):
    """Sentences that cannot both be true, read from the words alone."""
    for lesion, said in words_of_lesions(report).items():
        if OPEN.search(said):
            continue
        if NEW.search(said) and PRIOR_SIZE.search(said):
            yield f"{lesion} is new and has a prior size: {said!r}"
        if GROWN.search(said) and STABLE.search(said):
            yield f"{lesion} has grown and is stable: {said!r}"
    yield from _two_answers(report)
    compared = " ".join(words_of_section(report, "comparison"))
    if NO_PRIOR.search(compared) and re.search(r"[Ee]arlier sizes|\bavailable\b|\bpending\b", compared):
        yield f"no prior, and one: {compared!r}"
    needed, none = "REVIEW REQUIRED" in text, "no reason for review" in words_of(text)
    if needed == none or needed != assessment.decision.review.required:
        yield f"review {assessment.decision.review.required}, said: required {needed}, none {none}"


def _two_answers(report):
    """A lesion of which one category is said in the findings and another in the impression, or two intervals."""
    impression = next(s for s in report.sections if s.name == "impression")
    items = {
        str(item.text).partition(": ")[0].partition(",")[0]: str(item.text)
        for g in impression.groups
        for item in g.items
    }
    for lesion, said in words_of_lesions(report).items():
        mine = {c.rstrip(".,;") for c in CATEGORY.findall(said)}
        listed = {c.rstrip(".,;") for who, text in items.items() if who == lesion for c in CATEGORY.findall(text)}
        if mine and listed and not listed <= mine:
            yield f"{lesion}: {mine} in the findings, {listed} in the impression"
    for group in impression.groups:
        for said in (" ".join(group.sentences), *map(str, (item.text for item in group.items))):
            if len(set(DUE.findall(said))) > 1 or said.count("Follow-up:") > 1 or said.count("Management:") > 1:
                yield f"two dates or two managements: {said!r}"


def words_of_lesions(report):
    findings = next(s for s in report.sections if s.name == "findings")
    groups = (group for group in findings.groups if group.lesion is not None)
    return {group.heading.partition(":")[0]: words_of(" ".join(group.sentences)) for group in groups}


def words_of_section(report, name):
    section = next(s for s in report.sections if s.name == name)
    for group in section.groups:
        yield from (*group.sentences, *(str(item.text) for item in group.items))
        yield from (f"{row.label} {row.value}" for row in group.rows)


def faults(assessment):
    """All that is wrong with a decision's report."""
    report, text = report_of(assessment), report_text(assessment)
    return [
        *faults_of_words(report),
        *faults_of_links(report, assessment),
        *faults_of_answer(report, text, assessment),
        *faults_of_contradiction(report, assessment),
        *faults_across_sentences(report, text, assessment),
    ]


def wrong_among(listed):
    found = ((case.get("name") or case.get("id"), faults(decided(name, case))) for name, case in listed)
    return {name: bad for name, bad in found if bad}


def test_a_sample_of_the_shared_cases_gives_whole_reports_that_say_the_decisions_answer():
    assert wrong_among(list(of_shared())[::8]) == {}


@pytest.mark.slow
def test_every_shared_case_gives_a_whole_report_that_says_the_decisions_answer():
    listed = list(of_shared())

    assert len(listed) >= 130
    assert wrong_among(listed) == {}


@pytest.mark.parametrize(
    ("true", "untrue", "fault"),
    [
        ("It is new.", "It is new. On the prior exam, 3 months earlier, its mean diameter was 9 mm.", "prior size"),
        ("It is stable.", "It is stable. It has grown.", "has grown and is stable"),
    ],
)
def test_the_check_sees_sentences_that_contradict_each_other(true, untrue, fault):
    made = ALL["screening"]()

    def told(words):
        report = report_of(made)
        group = Group("N1: nodule", (Sentence(words, "made.up"),), lesion="N1")
        sections = (replace(s, groups=(group,)) if s.name == "findings" else s for s in report.sections)
        return list(faults_across_sentences(replace(report, sections=tuple(sections)), report_text(made), made))

    assert told(true) == []
    assert fault in told(untrue)[0]


def test_a_sample_of_the_cases_beside_the_rules_does_too():
    assert wrong_among(RULES[::EVERY]) == {}


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_every_case_beside_the_rules_does_too(part):
    assert len(RULES) > 2500
    assert wrong_among(RULES[part::PARTS]) == {}


@pytest.mark.parametrize("name", MAKE)
def test_the_golden_reports_do_too(name):
    make, signed = MAKE[name]
    if signed is None:
        assert faults(make()) == []


@pytest.mark.parametrize("name", ALL)
def test_sentences_of_decisions_made_by_hand_are_whole_and_linked(name):
    made = ALL[name]()

    assert list(faults_of_words(report_of(made))) == []
    assert list(faults_of_links(report_of(made), made)) == []


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(assessments())
def test_whatever_a_decision_holds_no_sentence_is_empty_and_each_has_its_template(assessment):
    for section, _, said in sentences_of(report_of(assessment)):
        assert said.strip(), section.name
        assert isinstance(said, Sentence)
        assert said.template


def test_a_due_date_is_the_decisions_to_the_day():
    exam = {"round": "baseline", "prior_ct": "none", "lungs_fully_evaluable": True, "date": "2025-08-31"}
    made = decided("lung-rads@2022", {"exam": exam, "nodules": [{"type": "solid", "status": "baseline", "mean_mm": 7}]})

    assert "in 6 months, due 2026-02-28." in report_text(made)
    assert made.decision.guidelines[0].due_date == date(2026, 2, 28)
    assert made.record.as_of == AS_OF
