"""The sums over assignments against a count of all of them."""

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from radlogic.engine.tracking.assignment import WIDEST, marginals

ODDS = st.tuples(st.integers(0, 4), st.integers(0, 4)).flatmap(
    lambda s: arrays(np.float64, s, elements=st.floats(-15, 60))
)


def counted(odds):
    """Every assignment, one by one."""
    n, m = odds.shape
    pairs, total = np.zeros((n, m)), 0.0
    top = np.maximum(odds, 0).sum()
    for chosen in itertools.product(range(-1, m), repeat=n):
        used = [j for j in chosen if j >= 0]
        if len(set(used)) == len(used):
            weight = np.exp(sum(odds[i, j] for i, j in enumerate(chosen) if j >= 0) - min(top, 600))
            total += weight
            for i, j in enumerate(chosen):
                if j >= 0:
                    pairs[i, j] += weight
    return pairs / total


@settings(max_examples=60, deadline=None)
@given(ODDS)
def test_probabilities_are_those_of_counting_every_assignment(odds):
    assert np.allclose(marginals(odds).pairs, counted(odds), atol=1e-7)


@settings(max_examples=60, deadline=None)
@given(ODDS)
def test_every_lesion_has_one_fate(odds):
    found = marginals(odds)

    assert np.allclose(found.pairs.sum(axis=1) + found.new, 1)
    assert np.allclose(found.pairs.sum(axis=0) + found.gone, 1)


@settings(max_examples=40, deadline=None)
@given(ODDS, st.randoms(use_true_random=False))
def test_the_order_of_lesions_does_not_matter(odds, random):
    rows, columns = list(range(odds.shape[0])), list(range(odds.shape[1]))
    random.shuffle(rows)
    random.shuffle(columns)

    turned = marginals(odds[np.ix_(rows, columns)]).pairs

    assert np.allclose(turned, marginals(odds).pairs[np.ix_(rows, columns)], atol=1e-9)


def test_a_group_that_is_too_large_is_left_to_a_person():
    n = WIDEST + 1
    odds = np.full((n + 1, n + 1), -50.0)
    odds[:n, :n] = 1.0
    odds[n, n] = 8.0

    found = marginals(odds)

    assert found.unsolved == tuple(range(n))
    assert np.isnan(found.pairs[:n, :n]).all()
    assert found.pairs[n, n] > 0.999


def test_lesions_far_apart_are_summed_in_groups_of_their_own():
    odds = np.full((60, 60), -100.0)
    np.fill_diagonal(odds, 5.0)

    assert np.allclose(np.diag(marginals(odds).pairs), 1 / (1 + np.exp(-5)))
