"""What a prior exam tells of a lesion, as the guideline reads it."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tracked import STATED, aligned, lesion

from radlogic.engine.assess import assess
from radlogic.engine.errors import BadValue, Contradiction
from radlogic.engine.knowledge import load_knowledge
from radlogic.engine.tracking.match import match
from radlogic.engine.tracking.priors import PriorCase, months_between, with_priors
from radlogic.engine.types import (
    Case,
    Exam,
    Indication,
    Known,
    Measured,
    NotApplicable,
    PastSize,
    Priority,
    Source,
    SourceKind,
    Unknown,
)

HERE, THERE = (50.0, 50.0, 50.0), (95.0, 95.0, 95.0)
CONVENTION = Source(SourceKind.CONVENTION, "absent, by convention")
BOX = aligned()


def compared(now, before, day, categories=None, months=6):
    prior = PriorCase(day, tuple(before), f"CT of {day}", categories or {}, ("nodule",))
    return prior, match(now, before, BOX, months=months)


def case_of(*findings, day=date(2025, 7, 1)):
    exam = Exam(
        day, Indication.SCREENING, {"lungs_fully_evaluable": Known(True, STATED), "round": Known("annual", STATED)}
    )
    return Case(exam, findings)


def form(name, at, mm, **facts):
    """As a form holds it that does not mention priors."""
    found = lesion(name, at, mm, **facts)
    absent = {n: NotApplicable(CONVENTION) for n in ("prior_mean_mm", "previous_category", "history", "change")}
    return replace(
        found,
        facts={
            **absent,
            "growing": Known(False, CONVENTION),
            "benign_feature": Known("none", CONVENTION),
            "proven_benign": Known(False, CONVENTION),
            **found.facts,
        },
    )


def test_a_lesion_found_again_gets_its_prior_size_interval_and_category():
    now, before = [form("nodules[0]", HERE, 7)], [lesion("NOD-1", HERE, 6.8)]

    told = with_priors(case_of(*now), [compared(now, before, date(2025, 1, 1), {"NOD-1": "3"})]).findings[0]

    assert told.tracking_id == "NOD-1"
    values = {n: told.facts[n].value for n in ("status", "prior_mean_mm", "interval_months", "previous_category")}
    assert values == {
        "status": "existing",
        "prior_mean_mm": Decimal("6.8"),
        "interval_months": Decimal("6.0"),
        "previous_category": "3",
    }
    assert all("CT of 2025-01-01, NOD-1" in told.facts[n].source.reference for n in values)
    assert told.facts["history"] == NotApplicable(told.facts["history"].source)


def test_a_category_3_that_is_stable_steps_down_to_2():
    now, before = [form("nodules[0]", HERE, 7)], [lesion("NOD-1", HERE, 6.8)]
    case = with_priors(case_of(*now), [compared(now, before, date(2025, 1, 1), {"NOD-1": "3"})])

    decided = assess(case, load_knowledge(guideline="lung-rads@2022"), date(2025, 7, 2)).decision.guidelines[0]

    assert decided.findings[0].reading.category == "2"
    assert any(step.row == "stepped.3-to-2" for step in decided.findings[0].reading.trace)


def test_what_could_not_be_matched_is_unknown_and_never_no_prior():
    now = [form("nodules[0]", HERE, 7)]
    before = [lesion("x", (50.0, 54.0, 50.0), 7), lesion("y", (50.0, 46.0, 50.0), 7)]

    told = with_priors(case_of(*now), [compared(now, before, date(2025, 1, 1))])

    facts = told.findings[0].facts
    for name in ("status", "prior_mean_mm", "interval_months", "previous_category", "history", "growing", "change"):
        assert isinstance(facts[name], Unknown)
        assert "not matched with the prior" in facts[name].why
    assert "nodules[0], compared with CT of 2025-01-01" in " ".join(told.exam.notes)
    decided = assess(told, load_knowledge(guideline="lung-rads@2022"), date(2025, 7, 2)).decision
    assert decided.guidelines[0].findings[0].reading.category is None
    assert decided.review.required


def test_what_a_reader_states_of_the_current_exam_stays():
    now, before = [form("a", HERE, 7, status="existing", prior_mean_mm=5)], [lesion("x", HERE, 6.8)]

    told = with_priors(case_of(*now), [compared(now, before, date(2025, 1, 1))]).findings[0]

    assert told.facts["prior_mean_mm"] == now[0].facts["prior_mean_mm"]


def test_a_net_stays_a_net_and_its_error_stays():
    now, before = [form("a", HERE, 7)], [lesion("x", HERE, None)]
    said = Measured(6.5, 0.7, "mm", Source(SourceKind.NET, "a net"))
    before = [replace(before[0], facts={**before[0].facts, "mean_mm": said})]

    prior = with_priors(case_of(*now), [compared(now, before, date(2025, 1, 1))]).findings[0].facts["prior_mean_mm"]

    assert (prior.mean, prior.sd, prior.source.kind) == (6.5, 0.7, SourceKind.NET)


def test_a_new_lesion_is_new_and_one_that_is_gone_is_noted():
    now, before = [form("a", HERE, 7)], [lesion("x", THERE, 6)]

    told = with_priors(case_of(*now), [compared(now, before, date(2025, 1, 1))])

    assert told.findings[0].facts["status"].value == "new"
    assert "x of CT of 2025-01-01 is resolved" in told.exam.notes[0]


def test_what_a_report_leaves_out_need_not_be_new():
    now, before = [form("a", HERE, 4)], [lesion("x", THERE, 6)]
    prior = PriorCase(date(2025, 1, 1), tuple(before), "a report")

    told = with_priors(case_of(*now), [(prior, match(now, before, BOX, months=6))])

    assert isinstance(told.findings[0].facts["status"], Unknown)
    assert "may not state everything" in told.findings[0].facts["status"].why


def test_a_solid_part_in_what_was_ground_glass_is_new():
    now, before = [form("a", HERE, 9, kind="part_solid", solid_mean_mm=4)], [lesion("x", HERE, 8.5, "non_solid")]

    told = with_priors(case_of(*now), [compared(now, before, date(2025, 1, 1))]).findings[0]

    assert told.facts["prior_solid_mean_mm"].value == 0


def test_older_exams_make_the_history_each_once():
    now = [form("a", HERE, 9)]
    newest = lesion("x", HERE, 8, prior_mean_mm=7, interval_months=6)
    newest = replace(newest, facts={**newest.facts, "history": Known((PastSize(Decimal(12), Decimal(6)),), STATED)})
    older = [lesion("old", HERE, 7.1)]

    told = with_priors(
        case_of(*now),
        [compared(now, older, date(2024, 7, 1), months=12), compared(now, [newest], date(2025, 1, 1))],
    ).findings[0]

    assert [(p.months_ago, p.mean_mm) for p in told.facts["history"].value] == [
        (Decimal("12.0"), Decimal("7.1")),
        (Decimal("18.0"), Decimal("6")),
    ]


def test_two_lesions_never_get_one_identifier():
    now, before = [form("NOD-1", THERE, 7), form("b", HERE, 7)], [lesion("NOD-1", HERE, 7), lesion("NOD-2", THERE, 7)]
    prior = PriorCase(date(2025, 1, 1), tuple(before), "prior")

    told = with_priors(case_of(*now), [(prior, match(now, before, BOX, months=6, stated=[]))])

    assert len({f.tracking_id for f in told.findings}) == 2


@pytest.mark.parametrize(
    ("earlier", "later", "months"),
    [((2024, 1, 31), (2024, 2, 29), "0.93"), ((2024, 7, 1), (2025, 7, 1), "12"), ((2024, 1, 1), (2024, 3, 16), "2.49")],
)
def test_months_are_those_of_the_calendar(earlier, later, months):
    assert months_between(date(*earlier), date(*later)) == Decimal(months)


@given(st.dates(date(2000, 1, 1), date(2050, 1, 1)), st.integers(0, 800), st.integers(1, 36))
def test_so_many_months_are_over_from_the_same_day_of_the_month_on_and_not_a_day_before(earlier, days, many):
    later, year = earlier + timedelta(days), earlier.year + (earlier.month - 1 + many) // 12
    whole = (year, (earlier.month - 1 + many) % 12 + 1, earlier.day)  # as a triple: there may be no such day

    reached = (later.year, later.month, later.day)
    months = months_between(earlier, later)

    assert (months > many, months == many) == (reached > whole, reached == whole)


def grown(day):
    """A nodule that grew by 2 mm from a prior of that day to 2025-07-01."""
    features = ("spiculation", "lymphadenopathy", "frank_metastatic_disease", "ggn_doubled_in_1_year")
    absent = {"juxtapleural": False, **{f"suspicious_features.{name}": False for name in features}}
    now, before = [form("nodules[0]", HERE, 7.9)], [lesion("apical", HERE, 6)]
    now = [replace(now[0], facts={**now[0].facts, **{n: Known(v, STATED) for n, v in absent.items()}})]
    case = case_of(*now)
    more = {"known_lung_cancer": Known(False, STATED), "s_finding": Known("none", STATED)}
    case = replace(case, exam=replace(case.exam, facts={**case.exam.facts, **more}))
    told = with_priors(case, [compared(now, before, day, {"apical": "2"}, months=12)])
    reading = assess(told, load_knowledge(guideline="lung-rads@2022"), date(2025, 7, 2)).decision.guidelines[0]
    return reading.findings[0].reading


def test_growth_in_12_months_and_a_day_is_not_growth_within_12_months():
    on_the_day, a_day_more = grown(date(2024, 7, 1)), grown(date(2024, 6, 30))

    assert [r.trace[0].row for r in (on_the_day, a_day_more)] == ["growth.grown", "growth.late"]
    assert on_the_day.possible == ("4A",)
    assert set(a_day_more.possible) > {"4A"}  # the text does not say what growth over a longer time is


def test_a_prior_exam_that_somebody_stated_not_to_be_is_refused():
    now, before = [form("a", HERE, 7)], [lesion("x", HERE, 7)]
    case = case_of(*now)
    case = replace(case, exam=replace(case.exam, facts={**case.exam.facts, "prior_ct": Known("none", STATED)}))

    with pytest.raises(Contradiction, match="prior_ct"):
        with_priors(case, [compared(now, before, date(2025, 1, 1))])


def test_what_is_gone_for_sure_is_compared_and_what_is_open_is_unmatched():
    now, before = [form("a", HERE, 7)], [lesion("x", THERE, 6)]

    sure = with_priors(case_of(*now), [compared(now, before, date(2025, 1, 1))]).exam
    prior = PriorCase(date(2025, 1, 1), tuple(before), "prior", {}, ("nodule",))
    open_ = with_priors(case_of(*now), [(prior, match(now, before, None, months=6))]).exam

    assert (len(sure.compared), sure.unmatched) == (1, ())
    assert "is resolved" in sure.compared[0]
    assert [text.partition(":")[0] for text in open_.unmatched] == ["a, compared with prior (it may be x)"]
    assert set(open_.unmatched) <= set(open_.notes)


def test_a_lesion_that_is_new_only_to_the_newest_prior_is_open():
    now, newest, older = [form("a", HERE, 7)], [lesion("x", THERE, 6)], [lesion("y", HERE, 6)]

    told = with_priors(
        case_of(*now), [compared(now, newest, date(2025, 1, 1)), compared(now, older, date(2024, 1, 1), months=18)]
    )

    assert any("on an older one" in text for text in told.exam.unmatched)


BIG = lesion("big", None, 20, location="right upper lobe")
OPEN = {
    "nothing is stated now": ([], [BIG]),
    "one of two is the same by its name": ([lesion("apical", None, 5)], [lesion("apical", None, 5), BIG]),
    "a place in a list, in another lung": (
        [lesion("N1", None, 5, location="left lower lobe")],
        [lesion("N1", None, 5, location="right upper lobe")],
    ),
    "a reader said new": ([lesion("t", None, 2, status="new")], [BIG]),
}


@pytest.mark.parametrize("alignment", [None, Unknown("the vessels do not look alike")], ids=["no images", "refused"])
@pytest.mark.parametrize("name", OPEN)
def test_what_matching_leaves_open_is_reviewed_soon_whatever_the_category(name, alignment):
    now, before = OPEN[name]
    prior = PriorCase(date(2025, 1, 1), tuple(before), "prior", {f.tracking_id: "4B" for f in before}, ("nodule",))
    case = replace(case_of(*now), assessed=("nodule",))

    told = with_priors(case, [(prior, match(now, before, alignment, months=6))])
    review = assess(told, load_knowledge(guideline="lung-rads@2022"), date(2025, 7, 2)).decision.review

    texts = [r.text for r in review.reasons if r.code == "prior_unmatched"]
    assert review.required
    assert review.priority is not Priority.ROUTINE
    assert len(texts) == len(told.exam.unmatched) > 0


def test_a_prior_that_is_matched_surely_asks_for_no_review_of_its_own():
    now, before = [form("nodules[0]", HERE, 7)], [lesion("apical", HERE, 6.8)]
    case = with_priors(case_of(*now), [compared(now, before, date(2025, 1, 1), {"apical": "3"})])

    review = assess(case, load_knowledge(guideline="lung-rads@2022"), date(2025, 7, 2)).decision.review

    assert (case.exam.compared, case.exam.unmatched) == ((), ())
    assert "prior_unmatched" not in [r.code for r in review.reasons]


def test_a_decision_is_named_by_what_was_left_open_too():
    case, using, day = case_of(form("a", HERE, 7)), load_knowledge(guideline="lung-rads@2022"), date(2025, 7, 2)
    left = replace(case, exam=replace(case.exam, unmatched=("x may be resolved",)))

    assert assess(case, using, day).record.decision_id != assess(left, using, day).record.decision_id


def test_a_prior_that_is_not_earlier_is_refused():
    now, before = [form("a", HERE, 7)], [lesion("x", HERE, 7)]

    with pytest.raises(BadValue, match="not before the exam"):
        with_priors(case_of(*now), [compared(now, before, date(2025, 7, 1))])


def test_matches_of_other_findings_are_refused():
    now, before = [form("a", HERE, 7)], [lesion("x", HERE, 7)]

    with pytest.raises(BadValue, match="other findings"):
        with_priors(case_of(form("b", HERE, 7)), [compared(now, before, date(2025, 1, 1))])


def test_without_priors_nothing_changes():
    case = case_of(form("a", HERE, 7))

    assert with_priors(case, []) is case
