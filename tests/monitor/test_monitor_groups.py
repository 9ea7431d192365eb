"""Small groups and small counts: nobody can be told from them, and nothing is dropped."""

from collections import Counter
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from signed_exams import rows

from radlogic.adapters.monitor.groups import TOGETHER, cases_by, cases_of, grouped, shown

ONE = rows(1, 1)[0]


def scanners(counts):
    """Exams of these scanners, so many each."""
    names = [name for name, n in counts.items() for _ in range(n)]
    exams = [replace(ONE, groups={**ONE.groups, "scanner": name}) for name in names]
    return cases_of(exams)


def sizes(counts, least=10):
    return {name: len(cases) for name, cases in grouped(scanners(counts), "scanner", least).items()}


def test_large_groups_stand_alone_and_unknown_is_one_of_them():
    assert sizes({"A": 20, "B": 12, "unknown": 11}) == {"A": 20, "B": 12, "unknown": 11}


def test_small_groups_are_put_together():
    assert sizes({"A": 20, "B": 6, "unknown": 5}) == {"A": 20, TOGETHER: 11}


def test_one_small_group_takes_the_next_with_it_so_that_no_subtraction_tells_it():
    assert sizes({"A": 20, "B": 12, "C": 3}) == {"A": 20, TOGETHER: 15}


@given(st.dictionaries(st.sampled_from("ABCDEF"), st.integers(1, 25), min_size=1, max_size=6))
def test_no_exam_is_dropped_and_no_group_is_small_unless_all_exams_are_few(counts):
    found = sizes(counts)

    assert sum(found.values()) == sum(counts.values())
    assert all(n >= 10 for n in found.values()) or sum(counts.values()) < 10


@given(st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 12), min_size=1))
def test_no_count_that_is_hidden_follows_from_the_total(counts):
    found = shown(counts, 5)

    hidden = [key for key, n in found.items() if n is None]
    assert all(n is None or n == 0 or n >= 5 for n in found.values())
    assert len(hidden) != 1 or sum(n > 0 for n in counts.values()) == 1
    assert found.keys() == counts.keys()


def test_one_answer_counts_for_each_exam_but_all_where_guidelines_are_compared():
    open_, known = replace(ONE.answers[0], signed=None), replace(ONE.answers[0], guideline="fleischner@2017")
    both = [replace(ONE, answers=(open_, known))]

    assert [a.guideline for _, a in cases_of(both)] == ["fleischner@2017"]
    assert Counter(a.guideline for _, a in cases_by(both, "guideline")) == {"lung-rads@2022": 1, "fleischner@2017": 1}
