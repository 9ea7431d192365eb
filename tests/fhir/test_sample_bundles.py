"""Every FHIR Bundle of the samples loads, and the table of what was found holds."""

import tarfile
from datetime import date

import pytest
from fhir_zoo import ZOO, bundle, condition
from shared_data import shared

from radlogic.adapters.fhir import errors
from radlogic.adapters.fhir.history import read_history
from radlogic.adapters.fhir.ledger import Standing
from radlogic.adapters.fhir.survey import summary, survey
from radlogic.engine.types import Known, SourceKind, Unknown

EXAM = date(2021, 6, 1)
# Known facts of the 51 bundles by EXAM, counted from the bundles with an independent script that also counts the
# months since the newest value: most of these patients died long before, and their values are stale
KNOWN = {
    "age_years": 51, "sex": 51, "smoking_status": 19, "pack_years": 10, "lung_cancer": 4, "extrathoracic_cancer": 3,
    "years_since_lung_cancer": 4, "years_since_extrathoracic_cancer": 3, "cancer_history": 7, "emphysema": 12,
    "copd": 11, "cirrhosis": 7, "chronic_hbv": 1, "alcohol_use_disorder": 5, "bilirubin": 8, "albumin": 8,
    "platelets": 9, "ast": 10, "alt": 10,
}  # fmt: skip
STALE = {
    "smoking_status": 28,
    "afp_ng_ml": 7,
    "afp_rise_ng_ml": 7,  # stands as its series
    "inr": 7,
    "bilirubin": 22,
    "albumin": 22,
    "platelets": 41,
    "ast": 20,
    "alt": 20,
}


@pytest.fixture(scope="module")
def bundles(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundles")
    for archive in shared("data/fhir").glob("*.tgz"):
        with tarfile.open(archive) as tar:
            for member in (m for m in tar.getmembers() if m.isfile()):
                name = member.name.split("/")[-1]
                (folder / f"{archive.stem}-{name}").write_bytes(tar.extractfile(member).read())
    return sorted(folder.rglob("*.json"))


@pytest.fixture(scope="module")
def rows(bundles):
    return survey(((f"{i}", path) for i, path in enumerate(bundles)), exam_date=EXAM)


def test_all_51_load(rows):
    assert len(rows) == 51
    assert [row.refused for row in rows if row.refused] == []
    assert summary(rows).loaded == 51


def test_the_table_of_known_facts_holds(rows):
    facts = summary(rows).facts

    assert {fact: kinds["Known"] for fact, kinds in facts.items() if kinds["Known"]} == KNOWN
    assert facts["years_since_quitting"]["NotApplicable"] == 10
    assert all(sum(kinds.values()) == 51 for kinds in facts.values())


def test_every_known_fact_names_the_resource_it_came_from_and_every_unknown_one_its_reason(rows):
    for row in rows:
        for belief in row.patient.facts.values():
            if isinstance(belief, Known):
                assert belief.source.kind is SourceKind.RECORD
                assert belief.source.reference.split("/")[0] in ("Patient", "Condition", "Observation")
                assert belief.source.when is None or belief.source.when <= EXAM
            if isinstance(belief, Unknown):
                assert belief.why


def test_no_fact_is_false_for_these_records_never_say_no(rows):
    values = [b.value for row in rows for b in row.patient.facts.values() if isinstance(b, Known)]

    assert not [value for value in values if value is False]


def test_smokers_whose_problem_list_was_not_closed_are_contradictions(rows):
    whys = [b.why for row in rows if isinstance(b := row.patient.facts["smoking_status"], Unknown)]

    assert sum("contradict each other" in why and "Condition/" in why for why in whys) == 3


def test_values_that_are_too_old_on_the_day_of_the_exam_are_stale(bundles):
    standings = [read_history(path, exam_date=EXAM).standing for path in bundles]
    found = {fact: sum(standing[fact] is Standing.STALE for standing in standings) for fact in standings[0]}

    assert {fact: count for fact, count in found.items() if count} == STALE


def test_earlier_chest_cts_are_found(rows):
    assert sorted(exam.date.year for row in rows for exam in row.patient.prior_exams) == [1985, 1993, 2008, 2009]


def test_a_survey_goes_on_after_a_record_that_is_refused(tmp_path):
    refused = ZOO["two_patients"](tmp_path)

    rows = survey([("a", bundle(condition())), ("b", refused), ("c", bundle())], exam_date=EXAM)

    assert [row.name for row in rows] == ["a", "b", "c"]
    assert type(rows[1].refused) is errors.SeveralPatients
    assert rows[1].found() == {}
    assert summary(rows).refused == {"SeveralPatients": 1}
    assert summary(rows).facts["emphysema"] == {"Known": 1, "Unknown": 1}
