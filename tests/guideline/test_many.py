"""Reading many exams at once says of each what ``evaluate`` says of it alone."""

import random
from decimal import Decimal
from itertools import product

import pytest
import random_facts
import rule_cases
from hypothesis import given, settings
from hypothesis import strategies as st

from radlogic.engine.errors import BadValue, Contradiction, InputError
from radlogic.engine.guideline.evaluate import classify
from radlogic.engine.guideline.many.read import Reader
from radlogic.engine.types import Known, NotApplicable, PastSize

READERS = {name: Reader(rule_cases.guideline(name)) for name in rule_cases.guidelines()}


def plain(facts):
    """Facts as the values of a batch."""
    return {
        n: b.value if isinstance(b, Known) else "n/a" if isinstance(b, NotApplicable) else None
        for n, b in facts.items()
    }


def drawn(guideline, chance, unknown):
    """(exam facts, findings), each fact unknown with that probability."""
    whole = random_facts.facts_of(guideline, chance, unknown)
    exam = {n: b for n, b in whole.items() if guideline.inputs[n.split(".")[0]][0] != "finding"}
    findings = [whole, *(random_facts.facts_of(guideline, chance, unknown) for _ in range(chance.choice((0, 0, 1, 2))))]
    return exam, [{n: b for n, b in f.items() if n not in exam} for f in findings[: chance.choice((0, 1, 1, 3))]]


def answered(exam):
    return [(a.category, a.possible, a.alternatives) for a in (exam.answer, *exam.findings)]


def said(guideline, exam, findings):
    whole = classify(guideline, exam, [(str(n), f) for n, f in enumerate(findings)])
    return [(r.category, r.possible, r.alternatives) for r in (whole.exam, *whole.findings)]


def disagreements(name, exams):
    guideline = rule_cases.guideline(name)
    found = READERS[name].read([(plain(e), [plain(f) for f in fs]) for e, fs in exams])
    assert len(found) == len(exams)
    for (exam, findings), got in zip(exams, found, strict=True):
        try:
            wanted = said(guideline, exam, findings)
        except InputError as error:
            if str(got.answer.error) != str(error):
                yield got.answer, error
            continue
        if answered(got) != wanted:
            yield answered(got), wanted


@pytest.mark.parametrize("unknown", [0.0, 0.08, 0.3])
@pytest.mark.parametrize("name", rule_cases.guidelines())
@settings(max_examples=3, deadline=None)  # each draws many exams
@given(seed=st.integers(0, 2**32))
def test_random_exams_get_the_answers_of_one_by_one(name, unknown, seed):
    chance = random.Random(seed)  # noqa: S311  no secret
    exams = [drawn(rule_cases.guideline(name), chance, unknown) for _ in range(20)]

    assert list(disagreements(name, exams)) == []


@pytest.mark.parametrize("name", rule_cases.guidelines())
def test_the_cases_beside_the_rules_get_the_answers_of_one_by_one(name):
    guideline = rule_cases.guideline(name)
    exams = [rule_cases.facts(guideline, case) for case in rule_cases.of(name)]

    assert list(disagreements(name, exams)) == []


@pytest.mark.slow
@pytest.mark.parametrize("unknown", [0.0, 0.05, 0.3])
@pytest.mark.parametrize("name", rule_cases.guidelines())
def test_thousands_of_random_exams_get_the_answers_of_one_by_one(name, unknown):
    chance = random.Random(7)  # noqa: S311  no secret
    exams = [drawn(rule_cases.guideline(name), chance, unknown) for _ in range(1500)]

    assert list(disagreements(name, exams)) == []


def solid(**changes):
    """A baseline solid nodule in a batch, and its exam."""
    guideline = rule_cases.guideline("lung-rads@2022")
    stated = {"round": "baseline", "prior_ct": "none", "lungs_fully_evaluable": True}
    case = {"exam": stated, "nodules": [{"type": "solid", "status": "baseline", "mean_mm": 7}], "expect": {}}
    exam, (nodule,) = rule_cases.facts(guideline, case)
    return plain(exam), [{**plain(nodule), **changes}]


def test_one_bad_exam_leaves_the_others_answered():
    good, bad = solid(), solid(type="liquid")

    first, second, third = READERS["lung-rads@2022"].read([good, bad, good])

    assert [first.answer.category, second.answer.category, third.answer.category] == ["3", None, "3"]
    assert isinstance(second.answer.error, BadValue)


def test_contradictory_sizes_are_an_error_of_their_exam():
    (found,) = READERS["lung-rads@2022"].read([solid(long_mm=Decimal(20), short_mm=Decimal(10))])

    assert isinstance(found.answer.error, Contradiction)


def test_a_size_finer_than_the_columns_is_still_read_exactly():
    below, at = (READERS["lung-rads@2022"].read([solid(mean_mm=Decimal(mm))])[0] for mm in ("5.949999", "5.950000"))

    assert (below.answer.category, at.answer.category) == ("2", "3")


def test_the_trace_names_the_rows_in_order():
    (found,) = READERS["lung-rads@2022"].read([solid()])

    assert found.findings[0].rows[0] == "growth.first-seen"
    assert "solid.S3-base" in found.findings[0].rows
    assert found.answer.results["management"] == "3"


def test_a_size_that_must_hold_its_solid_part_is_not_taken_as_smaller():
    unknown_size = solid(type="part_solid", mean_mm=None, solid_mean_mm=Decimal(9), margin="smooth", shape="round")

    (found,) = READERS["lung-rads@2022"].read([unknown_size])

    assert found.findings[0].possible == ("4B",)


def test_an_earlier_size_in_the_list_bounds_the_growth():
    grown = solid(status="existing", mean_mm=None, history=[PastSize(Decimal(6), Decimal(30))], prior_mean_mm="n/a")

    (found,) = READERS["lung-rads@2022"].read([grown])

    assert "4B" in found.findings[0].possible


PAST = [PastSize(Decimal(6), Decimal(7)), PastSize(Decimal(20), Decimal(5))]
OLD = [PastSize(Decimal(24), Decimal(5))]
SEEN = {"status": "existing", "interval_months": Decimal(6)}
PART = {"type": "part_solid"}
GREW = {**PART, **SEEN, "prior_mean_mm": Decimal("7.3"), "prior_solid_mean_mm": Decimal(3)}
HIDDEN = {
    "size of a nodule that was there before": (["mean_mm"], {**SEEN, "prior_mean_mm": Decimal("6.2")}),
    "size that older exams bound": (["mean_mm"], {**SEEN, "history": PAST, "prior_mean_mm": Decimal("7.1")}),
    "earlier size": (["prior_mean_mm"], {**SEEN, "mean_mm": Decimal("9.3")}),
    "earlier size that the list repeats": (
        ["prior_mean_mm"],
        {**SEEN, "mean_mm": Decimal("9.3"), "interval_months": Decimal(24), "history": OLD},
    ),
    "size around a solid part": (["mean_mm"], {**PART, "solid_mean_mm": Decimal("6.4")}),
    "solid part within a size": (["solid_mean_mm"], {**PART, "mean_mm": Decimal("7.3")}),
    "solid part that grew": (["solid_mean_mm"], {**GREW, "mean_mm": Decimal("7.3")}),
    "both sizes": (["mean_mm", "prior_mean_mm"], SEEN),
}


@pytest.mark.parametrize("what", HIDDEN)
def test_what_is_possible_is_what_some_value_gives(what):
    hidden, stated = HIDDEN[what]
    exam, (nodule,) = solid(margin="smooth", shape="round", **stated)
    absent = ["n/a"] if hidden == ["prior_mean_mm"] else []
    some = [*absent, *(Decimal(mm) / 10 for mm in range(1, 400, 1 if len(hidden) == 1 else 3))]
    filled = [dict(zip(hidden, values, strict=True)) for values in product(some, repeat=len(hidden))]

    (partial,) = READERS["lung-rads@2022"].read([(exam, [nodule | dict.fromkeys(hidden)])])

    each = READERS["lung-rads@2022"].read([(exam, [nodule | values]) for values in filled])
    reached = {category for e in each if e.answer.error is None for category in e.findings[0].possible}
    assert {*partial.findings[0].possible} == reached


def test_no_exams_give_no_answers():
    assert READERS["ti-rads@2017"].read([]) == []
