"""What counts as the follow-up that was made, and whose order an exam of the chest then is."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from cds_world import of_jane
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_decisions import ALL, no_findings, no_guideline, screening, unknown_indication, unknown_type

from radlogic.adapters.cds_hooks.chart import Chart, Made
from radlogic.adapters.cds_hooks.followed import follow_up, in_words
from radlogic.adapters.cds_hooks.governed import governed
from radlogic.adapters.cds_hooks.orders import recommendations
from radlogic.adapters.cds_hooks.standing import Stood
from radlogic.adapters.cds_hooks.suggest import changeable, tidy
from radlogic.adapters.fhir.when import read

READ = date(2025, 3, 14)  # of the samples
OPENS = date(2025, 5, 22)  # 4A: three months, less a quarter of them, counted by hand: 92 days, so 23 before 14 June
TODAY = date(2025, 6, 20)
CARRY_OUT = {"ldct-chest", "pet-ct"}  # of 4A
CHEST = {"ldct-chest": "a", "ct-chest": "b", "pet-ct": "c", "ct-chest-abdomen": "d"}


def made(exam, day, regions=("chest",)):
    return Made(exam, regions, read(str(day)), CHEST.get(exam, "an exam"))


def chart(*exams, lacking=(), part=()):
    return Chart({}, exams, (), dict.fromkeys(lacking, "it was not sent"), part)


def of_4a(*exams, **more):
    stood = Stood(screening())
    (answer,) = stood.answers
    return follow_up(stood, answer, chart(*exams, **more))


days = st.dates(READ - timedelta(days=400), READ + timedelta(days=900))
kinds = st.sampled_from([*CHEST, None])


@settings(deadline=None)  # the first one loads the guidelines
@given(st.lists(st.tuples(kinds, days), max_size=6))
def test_only_the_recommended_exams_in_their_time_count_and_every_other_later_one_is_named(exams):
    found = of_4a(*(made(*one) for one in exams))
    counting = [day for exam, day in exams if exam in CARRY_OUT and day >= OPENS]

    assert found.made == max(counting, default=None)
    later = [(exam, day) for exam, day in exams if day > READ and not (exam in CARRY_OUT and day >= OPENS)]
    assert len(found.beside) == len(list(in_words(found))) == len(later)
    assert found.may_be_made == any(exam is None and day >= OPENS for exam, day in later)


@settings(deadline=None)  # the first one loads the guidelines
@given(st.lists(st.tuples(kinds, days), max_size=6))
def test_a_recommendation_is_in_force_until_its_follow_up_is_made(exams):
    record = chart(*(made(*one) for one in exams))

    assert ("chest" in recommendations([Stood(screening())], record)) == (of_4a(*record.made).made is None)


def test_an_exam_of_another_region_is_none_of_it():
    assert of_4a(made("us-liver", TODAY, ("liver",))).beside == ()


def test_a_month_that_reaches_into_the_time_is_unsure_and_one_within_it_counts():
    assert of_4a(made("ldct-chest", "2025-05")).may_be_made
    assert of_4a(made("ldct-chest", "2025-06")).made == date(2025, 6, 1)
    assert not of_4a(made("ldct-chest", "2025-04")).may_be_made


@pytest.mark.parametrize(
    ("more", "words"),
    [({}, ""), ({"lacking": ("reports",)}, "not looked at"), ({"lacking": ("studies",)}, "not looked at"),
     ({"part": ("studies",)}, "looked at in part"), ({"lacking": ("orders",)}, "")],
)  # fmt: skip
def test_a_record_that_was_not_looked_at_is_never_one_without_exams(more, words):
    assert of_4a(**more).unseen == words


def test_where_two_guidelines_may_apply_the_one_that_is_not_carried_out_stays_in_force():
    stood = Stood(unknown_indication())  # Lung-RADS 4A if screening; Fleischner's category here is none that we know
    left = recommendations([stood], chart(made("ct-chest", TODAY)))

    assert left["chest"].answer.guideline == "lung-rads@2022"
    assert recommendations([stood], chart(made("ldct-chest", TODAY))) == {}


def test_a_newer_open_decision_takes_the_place_of_an_older_recommendation():
    newer = Stood(of_jane(unknown_type(), date=date(2025, 5, 1)))

    assert recommendations([newer, Stood(screening())], chart()) == {}


@pytest.mark.parametrize("name", sorted(set(ALL) - {"no_guideline"}))
def test_every_decision_on_the_chest_governs_it(name):
    assert governed([Stood(ALL[name]())], date(2040, 1, 1)) == {"chest"}


def test_an_exam_without_an_answer_governs_while_it_is_open_or_recent():
    settled = Stood(no_guideline(), signed=TODAY)  # of 2025-01-31

    assert governed([settled], TODAY) == {"chest"}
    assert governed([settled], date(2026, 1, 30)) == {"chest"}
    assert governed([settled], date(2026, 1, 31)) == frozenset()
    assert governed([replace(settled, correction=True)], date(2030, 1, 1)) == {"chest"}
    assert governed([Stood(no_guideline())], date(2030, 1, 1)) == {"chest"}  # nobody has signed it


def test_an_answer_that_a_human_gave_without_a_category_governs_too():
    stood = Stood(no_findings(), signed=TODAY, override={"answer": {"management": "Discuss at the board"}})

    assert recommendations([stood], chart()) == {}
    assert governed([stood], date(2030, 1, 1)) == {"chest"}


def test_of_nothing_stored_nothing_is_governed():
    assert governed([], TODAY) == frozenset()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "_a", "b"]), inner, max_size=3),
)


def empty_in(value):
    if isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from [one] * (one is None or one in ("", [], {}))
            yield from empty_in(one)


@given(st.dictionaries(st.sampled_from(["a", "_a", "b"]), JSON))
def test_nothing_empty_is_left_at_any_depth(resource):
    assert list(empty_in(tidy(resource))) == []


@pytest.mark.parametrize(
    ("resource", "may"),
    [
        ({"note": [None, {"text": "x"}]}, True),
        ({"given": ["a", "b"], "_given": [{"id": "x"}, {"id": "y"}]}, True),
        ({"given": ["a", "b"], "_given": [None, {"id": "y"}]}, False),
        ({"_given": [None, {"id": "y"}]}, False),
        ({"contained": [{"name": [{"given": [None, "b"], "_given": [{"id": "x"}, None]}]}]}, False),
        ({"birthDate": "1960", "_birthDate": {"id": "x"}}, True),
    ],
)
def test_what_would_lose_its_meaning_without_nulls_is_not_changed(resource, may):
    assert changeable(resource) is may
