"""The audit: every line is in one group, and the reason of what was not used is kept."""

import json
import sys
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_decisions import (
    ALL,
    FLEISCHNER,
    LI_RADS,
    LUNG_RADS,
    no_findings,
    no_guideline,
    screening,
    unknown_indication,
    unknown_type,
)

from radlogic.adapters.audit.compare import GROUP_OF, Group, Outcome, compare
from radlogic.adapters.audit.outputs import as_files
from radlogic.adapters.audit.population import audit
from radlogic.adapters.decision_file import dumps
from radlogic.engine.types import Reading

TEXTS = {name: json.loads(dumps(sample())) for name, sample in ALL.items()}


def line(name, category, guideline=LUNG_RADS, decision_id=None):
    """One line of input for a sample decision, under a name of its own."""
    assessment = TEXTS[name]
    named = assessment["record"] | {"decision_id": decision_id or f"{name}-{guideline}-{category}"}
    stated = {"guideline": guideline, "category": category}
    return json.dumps({"assessment": assessment | {"record": named}, "stated": stated})


COMPARISONS = [
    (no_findings, LUNG_RADS, "1", "agree"),
    (no_findings, LUNG_RADS, "2", "disagree"),
    (no_findings, LUNG_RADS, "1S", "disagree"),
    (screening, LUNG_RADS, "4A", "agree"),
    (screening, LUNG_RADS, "4B", "alternative"),
    (screening, LUNG_RADS, "3", "disagree"),
    (unknown_type, LUNG_RADS, "4A", "undetermined"),
    (unknown_type, LUNG_RADS, "1", "contradicted"),
    (unknown_indication, LUNG_RADS, "4A", "conditional"),
    (unknown_indication, FLEISCHNER, "solid-single-over-8", "conditional"),
    (no_guideline, LUNG_RADS, "2", "not_applicable"),
    (screening, LI_RADS, "LR-3", "not_applicable"),
    (screening, "lung-rads@1.1", "4A", "not_decided"),
    (screening, FLEISCHNER, "x", "not_decided"),
]


@pytest.mark.parametrize(("sample", "guideline", "stated", "outcome"), COMPARISONS)
def test_the_stated_category_is_held_against_the_guidelines_answer(sample, guideline, stated, outcome):
    assert compare(sample(), guideline, stated, 1).outcome == outcome


@pytest.mark.parametrize(("stated", "if_applied"), [("4A", "agree"), ("2", "disagree")])
def test_a_conditional_exam_is_excluded_and_still_says_what_would_be(stated, if_applied):
    comparison = compare(unknown_indication(), LUNG_RADS, stated, 1)

    assert (comparison.outcome, comparison.if_applied) == ("conditional", if_applied)
    assert comparison.disagrees is (if_applied == "disagree")


@pytest.mark.parametrize("reading", [None, Reading(LUNG_RADS, None, ())])
def test_a_guideline_without_a_category_for_the_exam_is_told_apart(reading):
    a = screening()
    changed = replace(a.decision.guidelines[0], exam=reading)

    comparison = compare(replace(a, decision=replace(a.decision, guidelines=(changed,))), LUNG_RADS, "4A", 1)
    assert comparison.outcome == Outcome.NO_EXAM_CATEGORY


def test_an_alternative_counts_only_where_the_guideline_is_silent():
    a = screening()
    said = replace(a.decision.guidelines[0], exam=Reading(LUNG_RADS, "4A", ("4A",), alternatives=("4B",)))

    comparison = compare(replace(a, decision=replace(a.decision, guidelines=(said,))), LUNG_RADS, "4B", 1)
    assert comparison.outcome == Outcome.DISAGREE


def test_every_outcome_is_in_one_group():
    assert set(GROUP_OF) == set(Outcome)
    assert set(GROUP_OF.values()) == set(Group)


LINES = [
    line("screening", "4A"),
    line("screening", "4B"),
    line("screening", "3"),
    "",
    line("unknown_type", "2"),
    line("unknown_type", "1"),
    line("unknown_indication", "2"),
    line("no_guideline", "2"),
    "{broken",
    line("no_findings", "1") + "\n",
]


def test_counts_groups_dates_and_disagreements():
    result = audit(LINES)

    assert result.totals == {"lines": 9, "agree": 3, "disagree": 2, "undetermined": 1, "excluded": 2, "bad": 1}
    assert result.counts[LUNG_RADS] == {
        "agree": 2,
        "alternative": 1,
        "disagree": 1,
        "undetermined": 1,
        "contradicted": 1,
        "conditional": 1,
        "not_applicable": 1,
    }
    assert [(d.line, d.stated, d.computed, d.possible, d.outcome) for d in result.disagreements] == [
        (3, "3", "4A", ("4A",), "disagree"),
        (6, "1", None, ("2", "3", "4A", "4B"), "contradicted"),
        (7, "2", "4A", ("4A",), "conditional"),
    ]
    assert result.disagreements[0].decision_id == "screening-lung-rads@2022-3"
    assert (result.first, result.last, result.undated) == (date(2025, 1, 31), date(2025, 3, 14), 0)


def test_an_exam_without_a_date_is_counted_as_undated():
    a = no_findings()
    a = replace(a, record=replace(a.record, case=replace(a.record.case, exam=replace(a.record.case.exam, date=None))))
    text = json.dumps({"assessment": json.loads(dumps(a)), "stated": {"guideline": LUNG_RADS, "category": "1"}})

    result = audit([text])
    assert (result.first, result.last, result.undated) == (None, None, 1)


def test_nothing_in_gives_nothing_out():
    assert audit([]).totals == {"lines": 0, "agree": 0, "disagree": 0, "undetermined": 0, "excluded": 0, "bad": 0}


def changed(**parts):
    return json.dumps(json.loads(line("no_findings", "1")) | parts)


def in_assessment(**parts):
    return changed(assessment=TEXTS["no_findings"] | parts)


STATED = {"guideline": LUNG_RADS, "category": "1"}
BAD = {
    "no JSON": ("{", "NotReadable", ""),
    "a list": ("[]", "NotReadable", ""),
    "a name twice": ('{"stated": 1, "stated": 2}', "NotReadable", ""),
    "nested too deep": ("[" * 100_000, "NotReadable", ""),
    "a number of 5000 digits": ('{"stated": ' + "9" * 5000 + "}", "NotReadable", ""),
    "bytes that are not UTF-8": (b'{"stated": "\xff"}', "NotReadable", ""),
    "no stated": (json.dumps({"assessment": TEXTS["no_findings"]}), "MissingField", "stated"),
    "no assessment": (json.dumps({"stated": STATED}), "MissingField", "assessment"),
    "a field too many": (changed(name="Jane Doe"), "UnknownField", "name"),
    "stated as text": (changed(stated="1"), "BadValue", "stated"),
    "category as number": (changed(stated=STATED | {"category": 1}), "BadValue", "stated.category"),
    "empty category": (changed(stated=STATED | {"category": ""}), "BadValue", "stated.category"),
    "no guideline": (changed(stated={"category": "1"}), "MissingField", "stated.guideline"),
    "half a surrogate": (changed(stated=STATED | {"category": "\ud800"}), "BadValue", "stated.category"),
    "a field too many in stated": (changed(stated=STATED | {"s": 1}), "UnknownField", "stated.s"),
    "another version": (in_assessment(version="99"), "Unsupported", "version"),
    "no record": (in_assessment(record=None), "MissingField", "record.version"),
    "no decision": (in_assessment(decision={}), "MissingField", "decision.guidelines"),
    "a field too many in the decision file": (in_assessment(more=1), "UnknownField", "more"),
    "no such category": (changed(stated=STATED | {"category": "7"}), "BadValue", "stated.category"),
}


@pytest.mark.parametrize(("text", "error", "field"), BAD.values(), ids=BAD)
def test_a_bad_line_is_kept_aside_with_its_reason_and_the_others_are_counted(text, error, field):
    result = audit([line("screening", "4A"), text, line("no_findings", "1")], {LUNG_RADS: ("1", "2", "4A")})

    (bad,) = result.bad
    assert result.totals | {"bad": 1, "lines": 3, "agree": 2} == result.totals
    assert (bad.line, bad.reason["error"], bad.reason["field"]) == (2, error, field)
    assert bad.reason["where"] == "line 2"
    assert bad.reason["found"]
    assert bad.reason["cure"]
    assert bad.text == (text if isinstance(text, str) else '{"stated": "\\xff"}')


@pytest.mark.parametrize(("text", "error", "field"), BAD.values(), ids=BAD)
def test_the_reason_does_not_repeat_what_the_line_says(text, error, field):
    spoiled = text if isinstance(text, bytes) else text.replace('"1.2.840.99.8"', '"Jane Doe"')

    (bad,) = audit([spoiled], {LUNG_RADS: ("1",)}).bad
    assert "Jane" not in json.dumps(dict(bad.reason))


def test_a_decision_that_comes_twice_is_counted_once():
    result = audit([line("screening", "4A", decision_id="d"), line("screening", "3", decision_id="d")])

    assert result.totals | {"agree": 1, "disagree": 0, "bad": 1} == result.totals
    assert (result.bad[0].reason["error"], result.bad[0].reason["found"]) == (
        "Contradiction",
        "the decision of line 1 again",
    )


def test_one_decision_may_be_audited_for_two_guidelines():
    result = audit([line("screening", "4A", decision_id="d"), line("screening", "x", LI_RADS, decision_id="d")])

    assert result.totals | {"agree": 1, "excluded": 1, "bad": 0} == result.totals


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["plain", "with a byte order mark"])
def test_lines_may_be_bytes(mark):
    assert audit([mark + line("screening", "4A").encode() + b"\r\n"]).totals["agree"] == 1


ANY_LINE = (
    st.sampled_from([*LINES, *(text for text, _, _ in BAD.values())])
    | st.text(max_size=30)
    | st.binary(max_size=30)
    | st.builds(
        line, st.sampled_from(list(ALL)), st.sampled_from(["1", "2", "3", "4A"]), st.sampled_from([LUNG_RADS, "x"])
    )
)


@settings(max_examples=60, deadline=None)
@given(lines=st.lists(ANY_LINE, max_size=8))
def test_no_line_is_lost(lines):
    totals = audit(lines).totals

    assert totals.pop("lines") == sum(totals.values()) == sum(bool(text.strip()) for text in lines)


@settings(max_examples=20, deadline=None)
@given(lines=st.lists(ANY_LINE, max_size=6))
def test_the_files_can_always_be_written_and_read(lines):
    result = audit(lines)
    files = {name: text.encode() for name, text in as_files(result).items()}

    assert set(files) == {"audit.json", "disagreements.ndjson", "bad_lines.ndjson", "measure_report.json"}
    assert json.loads(files["audit.json"])["totals"] == result.totals
    assert [json.loads(text)["line"] for text in files["bad_lines.ndjson"].splitlines()] == [b.line for b in result.bad]
    disagreements = [json.loads(text) for text in files["disagreements.ndjson"].splitlines()]
    assert [d["decision_id"] for d in disagreements] == [d.decision_id for d in result.disagreements]


def test_the_same_input_gives_the_same_files_byte_for_byte():
    assert as_files(audit(LINES)) == as_files(audit(LINES))


def test_fhir_resources_is_not_loaded_before_a_report_is_made():
    import subprocess

    code = "import sys, radlogic.adapters.audit.outputs; sys.exit('fhir.resources' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
