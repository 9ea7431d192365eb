"""Which lesion is which: by place, size and type; by words; as stated."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tracked import aligned, block, lesion

from radlogic.engine.errors import BadValue
from radlogic.engine.tracking.match import Fate, match, shared_identifiers
from radlogic.engine.types import Unknown

HERE = (70.0, 70.0, 70.0)
BOX = aligned()


def near(at, *off):
    return tuple(a + o for a, o in zip(at, off, strict=True))


def test_the_same_exam_twice_matches_everything():
    places = [(30.0, 40.0, 35.0), (70.0, 70.0, 70.0), (100.0, 50.0, 110.0), (40.0, 105.0, 60.0)]
    now = [lesion(f"now[{i}]", p, 5 + i) for i, p in enumerate(places)]
    before = [lesion(f"before[{i}]", p, 5 + i) for i, p in enumerate(places)]

    found = match(now, before, BOX, months=12)

    assert [(m.current[3:], m.prior[6:], m.accepted) for m in found.found] == [
        (f"[{i}]", f"[{i}]", True) for i in range(4)
    ]
    assert not found.review


def test_neighbours_eight_mm_apart_are_told_apart_by_place():
    now = [lesion("a", HERE), lesion("b", near(HERE, 8, 0, 0))]
    before = [lesion("x", near(HERE, 8.5, 0.5, 0)), lesion("y", near(HERE, 0.5, -0.5, 1))]

    found = match(now, before, BOX, months=12)

    assert [(m.current, m.prior, m.accepted) for m in found.found] == [("a", "y", True), ("b", "x", True)]


def test_a_lesion_half_way_between_two_is_left_to_a_person():
    now, before = [lesion("a", HERE)], [lesion("x", near(HERE, 4, 0, 0)), lesion("y", near(HERE, -4, 0, 0))]

    found = match(now, before, BOX, months=12)

    assert not found.of("a").accepted
    assert "taken from" in found.of("a").why


def test_a_new_lesion_beside_one_that_is_gone_is_not_taken_for_it():
    found = match([lesion("a", HERE)], [lesion("x", near(HERE, 0, 9, 0))], BOX, months=12)

    assert not (found.of("a").fate is Fate.SAME and found.of("a").accepted)


def test_a_far_lesion_is_new_and_the_other_gone():
    found = match([lesion("a", (30.0, 30.0, 30.0))], [lesion("x", (110.0, 110.0, 110.0))], BOX, months=12)

    assert [(m.fate, m.accepted) for m in found.found] == [(Fate.NEW, True), (Fate.GONE, True)]


def test_ground_glass_that_became_part_solid_and_grew_is_found_again():
    found = match(
        [lesion("a", HERE, 9, "part_solid")], [lesion("x", near(HERE, 1, 0, 1), 7, "non_solid")], BOX, months=12
    )

    assert found.of("a").prior == "x"
    assert found.of("a").accepted


def test_nothing_is_new_where_the_prior_does_not_show_the_place():
    found = match([lesion("a", (70.0, 70.0, 120.0))], [], aligned(length_mm=100), months=12)

    assert not found.of("a").accepted
    assert "do not show the place" in found.of("a").why


def test_a_refused_alignment_leaves_everything_to_a_person():
    found = match([lesion("a", HERE)], [lesion("x", HERE)], Unknown("the vessels do not look alike"), months=12)

    assert not any(m.accepted for m in found.found)
    assert "the vessels do not look alike" in found.of("a").why


def test_words_tell_what_is_likely_and_accept_nothing():
    now = [lesion("a", mm=6, location="RUL"), lesion("b", mm=12, location="left lower lobe")]
    before = [lesion("x", mm=12, location="left lower"), lesion("y", mm=6, location="right upper lobe")]

    found = match(now, before, None, months=12)

    assert [(m.current, m.prior, m.accepted) for m in found.found] == [("a", "y", False), ("b", "x", False)]
    assert found.of("a").probability > 0.9


def test_what_a_human_states_wins_and_a_contradiction_is_said():
    now = [lesion("scar", (30.0, 30.0, 30.0)), lesion("b", (110.0, 110.0, 110.0))]
    before = [lesion("scar", (110.0, 110.0, 110.0))]

    found = match(now, before, BOX, months=12)

    assert (found.of("scar").prior, found.of("scar").accepted, found.of("scar").basis) == ("scar", True, "stated")
    assert "speak against it" in found.review[0]
    assert found.of("b").fate is Fate.NEW


def test_places_in_a_list_are_no_identifiers():
    listed = [
        "nodules[0]",
        "3",
        "nodule",
        "NOD-3",
        "N1",
        "nodule 2",
        "lesion-3",
        "Nodule No. 4",
        "#5",
        "L1a",
        "b",
        "Target_1",
    ]
    names = [*listed, "rul-apical", "1.2.826.0.1", "big", "RUL 1", "scar at the fissure"]

    shared = shared_identifiers([lesion(n) for n in names], [lesion(n) for n in names])

    assert [now for now, before in shared] == ["rul-apical", "1.2.826.0.1", "big", "RUL 1", "scar at the fissure"]
    assert all(now == before for now, before in shared)


def test_a_shared_place_in_a_list_does_not_win_over_where_the_lesions_are():
    now, before = [lesion("N1", (30.0, 30.0, 30.0))], [lesion("N1", (110.0, 110.0, 110.0))]

    found = match(now, before, BOX, months=12)

    assert (found.of("N1").fate, found.of("N1").prior) == (Fate.NEW, "")


@pytest.mark.parametrize("stated", [[("a", "none")], [("a", "x"), ("a", "y")], [("a", "x"), ("b", "x")]])
def test_stated_pairs_that_cannot_be_are_refused(stated):
    now, before = [lesion("a", HERE), lesion("b", HERE)], [lesion("x", HERE), lesion("y", HERE)]

    with pytest.raises(BadValue, match="pair"):
        match(now, before, BOX, stated=stated)


@pytest.mark.parametrize("months", [-1.0, float("nan")])
def test_a_prior_after_the_exam_is_refused(months):
    with pytest.raises(BadValue, match="months"):
        match([lesion("a", HERE)], [lesion("x", HERE)], BOX, months=months)


def test_surroundings_that_moved_are_followed():
    moved = block()
    moved = type(moved)(np.roll(moved.hu, 4, axis=0), moved.inside, moved.first)  # 10 mm towards the head

    found = match([lesion("a", HERE)], [lesion("x", near(HERE, 0, 0, 10))], aligned(laid=moved), months=12)

    assert found.of("a").accepted
    assert found.of("a").off_mm < 1


@settings(max_examples=10, deadline=None)
@given(st.floats(0, 20), st.floats(0.1, 10), st.integers(0, 2))
def test_the_farther_a_lesion_lies_the_less_it_is_believed(off, more, axis):
    way = np.eye(3)[axis]
    at = [match([lesion("a", HERE)], [lesion("x", tuple(HERE + d * way))], BOX, months=12) for d in (off, off + more)]

    assert at[1].probabilities[0, 0] <= at[0].probabilities[0, 0] + 1e-12


def test_noise_in_places_lowers_what_is_accepted():
    chance = np.random.default_rng(3)
    grid = [(x, y, z) for x in (40.0, 100.0) for y in (40.0, 100.0) for z in (40.0, 100.0)]
    before = [lesion(f"x{i}", p) for i, p in enumerate(grid)]
    sure = []
    for noise in (0.0, 3.0, 6.0, 12.0):
        now = [lesion(f"a{i}", tuple(p + chance.normal(0, 1, 3) * noise)) for i, p in enumerate(grid)]
        found = match(now, before, BOX, months=12)
        sure.append(np.mean([found.probabilities[i, i] for i in range(len(grid))]))

    assert sure == sorted(sure, reverse=True)


@settings(max_examples=4, deadline=None)
@given(st.permutations(range(5)), st.permutations(range(4)))
def test_the_order_of_findings_does_not_matter(rows, columns):
    chance = np.random.default_rng(5)
    now = [lesion(f"a{i}", tuple(HERE + chance.normal(0, 12, 3)), 5 + i) for i in range(5)]
    before = [lesion(f"x{j}", tuple(np.array(now[j].position_mm) + chance.normal(0, 4, 3)), 5 + j) for j in range(4)]

    straight = match(now, before, BOX, months=12)
    turned = match([now[i] for i in rows], [before[j] for j in columns], BOX, months=12)

    table = straight.probabilities[np.ix_([*rows, 5], [*columns, 4])]
    assert np.allclose(turned.probabilities, table, atol=1e-9)
    assert np.allclose(straight.probabilities[:5].sum(axis=1), 1)


def test_another_kind_of_finding_never_pairs():
    other = lesion("x", HERE)
    other = type(other)("x", "observation", other.facts, HERE)

    assert match([lesion("a", HERE)], [other], BOX, months=12).of("a").fate is Fate.NEW


def test_no_findings_give_no_matches():
    found = match([], [], BOX)

    assert (found.found, found.review) == ((), ())


def test_a_crowd_too_large_to_count_is_left_to_a_person():
    chance = np.random.default_rng(2)
    now, before = ([lesion(f"{w}{i}", near(HERE, *chance.normal(0, 2, 3))) for i in range(16)] for w in "ax")

    found = match(now, before, BOX, months=12)

    assert not any(m.accepted for m in found.found)
    assert all("a person must pair them" in m.why for m in found.found)
