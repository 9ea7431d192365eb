"""Small cells cannot be read off, nor worked out from what is shown."""

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radlogic.adapters.audit.measure_files import chosen
from radlogic.adapters.audit.small_cells import hidden
from radlogic.adapters.audit.tally import Tally, wilson

LEAST = 11
COUNTS = st.one_of(st.integers(0, 14), st.integers(0, 400))


def totalled(inner):
    """A table with its totals."""
    rows = [[*row, sum(row)] for row in inner]
    return [*rows, [sum(column) for column in zip(*rows, strict=True)]] if len(rows) > 1 else rows


@st.composite
def tables(draw):
    rows, columns = draw(st.integers(1, 5)), draw(st.integers(2, 4))
    return totalled([[draw(COUNTS) for _ in range(columns)] for _ in range(rows)])


@settings(max_examples=300, deadline=None)
@given(tables())
def test_no_small_cell_is_shown_and_no_line_with_its_total_gives_one_away(table):
    out = hidden(table, LEAST)

    for r, c in product(range(len(table)), range(len(table[0]))):
        assert (r, c) in out or not 0 < table[r][c] < LEAST
    lines = [[(r, c) for c in range(len(table[0]))] for r in range(len(table))]
    if len(table) > 1:
        lines += [[(r, c) for r in range(len(table))] for c in range(len(table[0]))]
    for line in lines:
        *inner, total = line
        kept_back = [cell for cell in inner if cell in out]
        if total not in out and kept_back:
            assert len(kept_back) > 1
            assert sum(table[r][c] for r, c in kept_back) >= LEAST
        if total in out and table[total[0]][total[1]] > 0:
            assert kept_back


def test_what_another_table_hides_stays_hidden():
    assert (0, 1) in hidden([[50, 60, 110]], LEAST, [(0, 1)])
    assert len(hidden([[50, 60, 110]], LEAST, [(0, 1)])) == 2


def test_a_column_that_two_tables_hold_is_hidden_in_both():
    """Of exams that are met the stated category is the computed one: 1173 of 4X less 1167 would tell of the six."""
    measure = next(m for m in chosen(("category-concordant",)) if m.id == "category-concordant")
    tally = Tally(measure)
    tally.by["all"] = {"all": {"met": 3167, "not_met": 106}}
    tally.by["computed"] = {"4X": {"met": 1167, "not_met": 6}, "3": {"met": 2000, "not_met": 100}}
    tally.by["stated_category"] = {"4X": {"met": 1167, "not_met": 60}, "3": {"met": 2000, "not_met": 46}}

    by = tally.shown(LEAST)["by"]

    assert by["computed"]["4X"]["not_met"] is None
    for category in ("4X", "3"):
        shown = {name: by[name][category]["met"] for name in ("computed", "stated_category")}
        assert len(set(shown.values())) == 1
    for name in ("computed", "stated_category"):
        assert by[name]["4X"]["met"] is None or by[name]["4X"]["population"] is None


def test_nothing_is_hidden_where_nothing_is_small():
    assert hidden(totalled([[11, 0], [30, 12]]), LEAST) == frozenset()


@pytest.mark.parametrize(
    ("met", "judged", "low", "high"),
    [
        (0, 10, 0.0, 0.2775),
        (10, 10, 0.7225, 1.0),
        (50, 100, 0.4038, 0.5962),
    ],  # published examples of the score interval
)
def test_the_interval_is_wilsons(met, judged, low, high):
    assert wilson(met, judged) == pytest.approx((low, high), abs=5e-5)


def test_of_nothing_there_is_no_interval():
    assert wilson(0, 0) is None
