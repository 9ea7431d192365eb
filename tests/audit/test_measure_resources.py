"""Each measure as a FHIR Measure: valid, and its criteria decide as the measure does."""

import io
import json
from datetime import date

import audit_counts
import peers
import pytest
from fhir.resources.R4B.list import List
from fhir.resources.R4B.measure import Measure

from radlogic.adapters.audit.measure_files import measures
from radlogic.adapters.audit.measure_reports import Subject, subject_list, summary, write_list
from radlogic.adapters.audit.measure_resources import measure_resource
from radlogic.adapters.audit.scope import settings
from radlogic.adapters.audit.tally import Tally
from radlogic.adapters.notice import INTENDED_USE

pytest.importorskip("sqlglot", reason="needs the extra `audit`")
VALIDATOR = "../../fhir_out/engine/validate_many.js"
NUMBERS = settings()
NAMES = sorted(measures())
PERIOD = {"start": "2019-01-01", "end": "2026-06-30"}


def criteria(resource):
    (group,) = resource["group"]
    return {p["code"]["coding"][0]["code"]: p["criteria"]["expression"] for p in group["population"]}


@pytest.mark.parametrize("name", NAMES)
def test_the_measure_says_what_its_file_says(name):
    file, resource = measures()[name].file, measure_resource(measures()[name], NUMBERS)

    assert json.loads(Measure.model_validate(resource).model_dump_json()) == resource
    assert resource["url"] == f"urn:radlogic:measure:{name}"
    assert resource["title"] == file.title
    assert resource["disclaimer"] == INTENDED_USE
    assert resource["scoring"]["coding"][0]["code"] == "proportion"
    (source,) = resource["relatedArtifact"]
    assert file.source.text in source["citation"]
    assert file.source.confidence in source["citation"]
    assert ("improvementNotation" in resource) is (file.improvement is not None)
    assert [s["code"]["text"] for s in resource["group"][0]["stratifier"]] == ["status", file.by]
    assert not [n for n in NUMBERS if any(n in text for text in criteria(resource).values())]


@pytest.mark.parametrize("name", NAMES)
def test_the_measure_and_its_reports_say_that_exams_are_counted(name):
    """A patient with three exams counts three times, and stands once in the List."""
    (basis,) = measure_resource(measures()[name], NUMBERS)["extension"]
    tally = Tally(measures()[name], by={"all": {"": {"met": 40, "not_met": 24}}})
    reports = [summary(tally, PERIOD, 11), subject_list(tally, PERIOD, "List/not-met")]

    assert basis["url"] == "http://hl7.org/fhir/us/cqfmeasures/StructureDefinition/cqfm-populationBasis"
    assert basis["valueCode"] == "DiagnosticReport"
    populations = [p for report in reports for group in report["group"] for p in group["population"]]
    assert {p["code"]["text"] for p in populations} == {"exams"}


EXAMS = """
SELECT * FROM (VALUES
  ('fleischner', TRUE, 'fleischner@2017', 'decided', 'x', 6, FALSE, FALSE, DATE '2024-01-01', DATE '2024-07-01'),
  ('lung-rads', TRUE, 'lung-rads@2022', 'decided', 'x', 6, FALSE, FALSE, DATE '2024-01-01', NULL),
  ('lung-rads', TRUE, 'lung-rads@2022', 'refused', 'x', 6, FALSE, FALSE, DATE '2024-01-01', NULL),
  ('lung-rads', TRUE, NULL, 'decided', 'x', 6, FALSE, FALSE, DATE '2024-01-01', NULL),
  ('lung-rads', NULL, 'lung-rads@2022', 'decided', 'x', 6, FALSE, FALSE, DATE '2024-01-01', NULL),
  ('lung-rads', FALSE, 'lung-rads@2022', 'decided', 'x', 6, FALSE, FALSE, DATE '2024-01-01', NULL),
  ('li-rads-us', TRUE, 'li-rads-us@2024', 'decided', 'x', 6, FALSE, FALSE, DATE '2024-01-01', NULL)
) t(guideline, applies, edition, computed_status, management, from_months, optional, by_default, exam_date, done_date),
(SELECT DATE '2024-06-01' AS first_due, DATE '2024-08-01' AS last_due, NULL::DATE AS diagnosis_date,
  NULL::DATE AS known_since, NULL::DATE AS procedure_date,
  NULL::DATE AS unclear_exam, NULL::DATE AS unclear_procedure, NULL::DATE AS unclear_diagnosis,
  NULL::DATE AS unclear_known, NULL::DATE AS any_time_date, NULL::DATE AS unclear_any_time,
  NULL::DATE AS unclear_plain, FALSE AS unclear_gone,
  NULL::DATE AS death_date, NULL::DATE AS left_date, DATE '2026-06-30' AS as_of)
"""


def test_its_criteria_choose_the_exams_that_the_measure_chooses():
    duckdb = pytest.importorskip("duckdb", reason="needs the extra `audit`")
    measure = measures()["follow-up-on-time"]
    asked = criteria(measure_resource(measure, NUMBERS))
    with duckdb.connect() as database:
        told = [asked["initial-population"], asked["denominator-exclusion"], asked["numerator"]]
        own = measure.sql(NUMBERS, frozenset())
        query = f"SELECT {', '.join(f'({one})' for one in told)}, {own} FROM ({EXAMS})"  # noqa: S608
        rows = database.execute(query).fetchall()

    for inside, out, met, code in rows:
        status = measure.outcomes[code - 1][0] if code is not None else None
        assert bool(inside) is (code is not None)
        if code is not None:
            assert (out, met) == (status in ("excluded", "unknown"), status == "met")
    assert [bool(inside) for inside, *_ in rows] == [True, True, True, True, True, False, False]


def test_a_list_names_patients_by_system_where_it_is_known_and_says_what_is_due():
    stream = io.StringIO()
    many = write_list(stream, "overdue", "Overdue", [Subject("7", "urn:mrn", "4A, due 2024-07-01"), Subject("8")])

    made = json.loads(stream.getvalue())
    assert many == 2
    assert List.model_validate(made).title == "Overdue"
    assert [e["item"]["identifier"] for e in made["entry"]] == [{"system": "urn:mrn", "value": "7"}, {"value": "8"}]
    assert [e.get("flag", {}).get("text") for e in made["entry"]] == ["4A, due 2024-07-01", None]


def test_an_empty_list_is_one():
    stream = io.StringIO()

    assert write_list(stream, "overdue", "Overdue", []) == 0
    assert List.model_validate(json.loads(stream.getvalue())).entry is None


def resources():
    """The Measure and both MeasureReports of every measure, over large, small and no counts; and Lists."""
    import random

    chance = random.Random(5)  # noqa: S311  nothing secret is drawn
    for name in NAMES:
        yield measure_resource(measures()[name], NUMBERS)
        for exams in (20_000, 60, 3):
            found = audit_counts.tally(measures()[name], exams, chance, 3, 3, 3)
            yield summary(found, PERIOD, audit_counts.LEAST)
            yield subject_list(found, PERIOD, f"List/{name}-not-met")
    for subjects in ([], [Subject("7", "urn:mrn", "due")]):
        stream = io.StringIO()
        write_list(stream, "overdue", f"Overdue as of {date(2026, 6, 30)}", subjects)
        yield json.loads(stream.getvalue())


@pytest.mark.slow
def test_the_validator_of_others_finds_no_fault():
    made = list(resources())

    answers = peers.node(VALIDATOR, json.dumps(made))

    assert len(answers) == len(made) > 7 * len(NAMES)
    assert [f for a in answers for f in a["faults"]] == []
    assert all(a["valid"] for a in answers)


def test_no_summary_shows_a_small_count():
    kept = [r for r in resources() if r["resourceType"] == "MeasureReport" and r["type"] == "summary"]

    shown = [int(n) for report in kept for n in _counts(report)]
    assert kept
    assert not [n for n in shown if 0 < n < audit_counts.LEAST]


def _counts(value):
    if isinstance(value, dict):
        yield from ([value["count"]] if "count" in value else [])
        for inner in value.values():
            yield from _counts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _counts(inner)
