"""The files of the measures: what they may say, and what is refused."""

import pytest

from radlogic.adapters.audit import bucket, measure_files, scope
from radlogic.adapters.audit.measure_files import OPEN, UNDECIDED
from radlogic.engine.errors import RuleFileError

pytest.importorskip("sqlglot", reason="needs the extra `audit`")
GOOD = """
id: some-measure
title: Something
guideline: [lung-rads]
improvement: increase
source: {text: somewhere, confidence: V1}
as_of: exams until the date
steps:
  - {status: met, reason: fine, when: "sex = 'female'"}
"""


def test_there_are_at_least_eight_measures_and_each_tells_its_source():
    found = measure_files.measures()

    assert len(found) >= 8
    for measure in found.values():
        assert measure.file.source.confidence
        assert {status for status, _ in measure.outcomes} >= {"met", "not_met", "unknown"}
        assert len(measure.outcomes) < 2**bucket.BITS


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("sex =", "gender =", "gender"),
        ("sex = 'female'", "sex = (SELECT 1)", "SELECT"),
        ("sex = 'female'", "sex = (", "condition in SQL"),
        ("sex = 'female'", "lower(sex) = 'female'", "LOWER"),
        ("status: met", "status: good", "form of a measure"),
        ("id: some-measure", "id: other-measure", "Name the file"),
        ("[lung-rads]", "[bi-rads]", "bi-rads"),
        ("steps:", "needs: [wishes]\nsteps:", "wishes"),
    ],
)
def test_a_measure_that_asks_for_what_no_exam_has_is_refused(old, new, words):
    with pytest.raises(RuleFileError, match=words):
        measure_files._read(GOOD.replace(old, new), "some-measure.yaml")


def test_an_open_population_and_no_step_are_unknown_with_codes_of_their_own():
    measure = measure_files._read(GOOD, "some-measure.yaml")

    assert measure.outcomes == (("unknown", OPEN), ("unknown", UNDECIDED), ("met", "fine"))


def test_the_scope_names_managements_categories_and_inputs_that_the_guidelines_have():
    for name, audited in scope.scope().guidelines.items():
        assert scope.editions_of(name)
        known = {key for e in scope.editions_of(name) for key in e.guideline.head["managements"]}
        categories = {c for e in scope.editions_of(name) for c in e.guideline.rank}
        assert {*audited.recommends} - {"else"} <= known
        assert {*audited.any_time} <= known
        for key, words in audited.any_time.items():  # beside the one that the interval binds
            assert {*words} < {*audited.modalities(key)}
        assert {*audited.work_up, *audited.optional} <= known
        assert {*audited.negative, *audited.positive, *audited.critical} <= categories
        assert all(key in e.guideline.inputs for e in scope.editions_of(name) for key in audited.inputs)
        for edition in scope.editions_of(name):
            for key in audited.work_up:  # due at once: the guideline prints no interval
                assert not edition.guideline.head["managements"].get(key, {}).get("interval_months")


def test_what_is_never_too_early_is_the_same_imaging_for_all_managements_of_a_region_that_name_any():
    """Else an exam's region and modality alone would not tell whether it is."""
    regions = {}
    for audited in scope.scope().guidelines.values():
        for words in audited.any_time.values():
            imaging = frozenset({*words} & {*audited.follow_up})
            regions.setdefault(audited.region, set()).add(imaging)

    assert regions
    assert all(len(imaging) == 1 and imaging != {frozenset()} for imaging in regions.values())


def test_a_work_up_by_more_than_the_guideline_else_takes_may_be_by_any_follow_up():
    """What it names beside ``work_up_by`` is all that counts as follow-up, so that one column holds both."""
    wide = [(a, key) for a in scope.scope().guidelines.values() for key in a.work_up if a.widely(key)]

    assert [key for _, key in wide] == ["4-large-new"]
    for audited, key in wide:
        assert {*audited.modalities(key), *audited.work_up_by} >= {*audited.follow_up}
