"""Which lesions of two readers are one, and where the readers differ."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from review_world import finding

from radlogic.adapters.report.view import Lesion
from radlogic.adapters.review.compare import NEAR_MM, difference, pairs
from radlogic.engine.types import Classes, Known, Measured, Source, SourceKind, Unknown

HERE = Source(SourceKind.HUMAN, "test")
NET = Source(SourceKind.NET, "net")
PLACES = st.none() | st.tuples(*[st.floats(-200, 200)] * 3)


def lesion(name, position, **facts):
    return Lesion(finding(name, position, **facts), finding(name, position, **facts).facts, {}, ())


@pytest.mark.parametrize(
    ("mine", "theirs", "together"),
    [
        ((0.0, 0.0, 0.0), (3.0, 4.0, 0.0), True),
        ((0.0, 0.0, 0.0), (NEAR_MM + 1, 0.0, 0.0), False),
        (None, (0.0, 0.0, 0.0), True),  # the only ones left, and one of them has no place
        (None, None, True),
    ],
)
def test_lesions_are_one_where_they_are_near_or_nothing_speaks_against_it(mine, theirs, together):
    found = pairs([finding("R1", mine)], [lesion("N1", theirs)])

    assert len(found) == (1 if together else 2)


def test_two_marks_go_to_the_nearer_lesion_each():
    own = [finding("R1", (0.0, 0, 0)), finding("R2", (10.0, 0, 0))]
    found = pairs(own, [lesion("N1", (9.0, 0, 0)), lesion("N2", (1.0, 0, 0))])

    assert {pair.title for pair in found} == {"your R1 and N2", "your R2 and N1"}


@given(st.lists(PLACES, max_size=4), st.lists(PLACES, max_size=4))
def test_every_lesion_of_either_side_is_shown_once(mine, theirs):
    own = [finding(f"R{i}", place) for i, place in enumerate(mine)]
    others = [lesion(f"N{i}", place) for i, place in enumerate(theirs)]
    titles = [pair.title for pair in pairs(own, others)]
    names = [name.removeprefix("your ") for title in titles for name in title.split(" and ")]

    assert sorted(names) == sorted([f.tracking_id for f in own] + [o.finding.tracking_id for o in others])


@pytest.mark.parametrize(
    ("yours", "engine", "said"),
    [
        (Decimal("7.0"), Known(Decimal("7"), HERE), ""),
        (Decimal("7.0"), Known(Decimal("7.4"), HERE), "by 0.4"),
        ("solid", Known("part_solid", HERE), "differs"),
        (True, Known(True, HERE), ""),
        ("solid", Classes({"solid": 0.6, "part_solid": 0.4}, NET), ""),
        ("part_solid", Classes({"solid": 0.6, "part_solid": 0.4}, NET), "the net gives yours 40 %"),
        (True, Classes({"yes": 0.2, "no": 0.8}, NET), "the net gives yours 20 %"),
        (Decimal(8), Measured(7.0, 1.0, "mm", NET), ""),
        (Decimal(9), Measured(7.0, 1.0, "mm", NET), "outside 5.4 to 8.6 (90 %)"),
        ("solid", Unknown("not stated"), ""),
        ("solid", None, ""),
    ],
)
def test_a_difference_is_said_in_words(yours, engine, said):
    assert difference("x", Known(yours, HERE), engine) == said


def test_what_the_reader_does_not_state_differs_from_nothing():
    assert difference("type", Unknown("not stated"), Known("solid", HERE)) == ""
