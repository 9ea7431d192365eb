"""What ``what-if.json`` tells of changes: no small one, and nothing from which a small one follows."""

from contextlib import closing

import pytest

from radlogic.adapters.audit import what_if

duckdb = pytest.importorskip("duckdb", reason="needs the extra `audit`")
PAIR = what_if.pair("lung-rads@1.1", "lung-rads@2022")
SCANS = {"1": 1, "2": 1, "3": 2, "4A": 4, "4B": 0}


def told(changes, least=11):
    """What is told of so many exams each of (before, after)."""
    with closing(duckdb.connect()) as database:
        database.execute(what_if.READ)
        for (before, after), many in changes.items():
            work_up = [category == "4B" for category in (before, after)]
            row = ["P", None, before, after, SCANS[before], SCANS[after], *work_up]
            for n in range(many):
                database.execute(
                    "INSERT INTO readings VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", [f"{before}{after}{n}", *row]
                )
        return what_if._told(database, PAIR, least)


ALIKE = {("2", "2"): 40, ("4B", "4B"): 20}
FEW = {("2", "4B"): 4, ("4A", "2"): 30, ("3", "2"): 50}


def test_a_change_that_is_not_shown_follows_from_no_sum():
    """Were its exams in the sums, 24 - 20 work-ups would tell of four that changed from 2 to 4B."""
    found, without = told(ALIKE | FEW), told(ALIKE | {("3", "2"): 50})

    hidden = {(c["before"], c["after"]) for c in found["changes"] if c["exams"] is None}
    assert hidden == {("2", "4B"), ("4A", "2")}
    assert (found["work_ups"], found["scans_a_year"]) == (without["work_ups"], without["scans_a_year"])
    assert found["work_ups"] == {"before": 20, "after": 20}
    assert "not shown" in found["scans_and_work_ups_of"]


def test_no_exam_of_a_hidden_change_is_named():
    found = told(ALIKE | FEW)["changes"]

    assert all((c["example_exam"] is None) is (c["exams"] is None) for c in found)
    assert [c["example_exam"] for c in found] == [None, "320", None]


def test_where_nothing_is_small_all_counts():
    found = told(ALIKE | {("2", "4B"): 14, ("4A", "2"): 30})

    assert found["work_ups"] == {"before": 20, "after": 34}
    assert found["scans_a_year"] == {"before": 40 + 14 + 120, "after": 40 + 30}
    assert found["scans_and_work_ups_of"] == "exams that both editions decide"
