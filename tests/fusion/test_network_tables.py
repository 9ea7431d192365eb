"""Tables written as independent causes, against every combination of what the causes do."""

import itertools
import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radlogic.engine.fusion.network_tables import Axis, Line, NoisyMax

STATES = ("none", "mild", "severe", "worst")


def drawn(seed):
    """Two causes and a leak, with many zeros."""
    chance = random.Random(seed)  # noqa: S311  # draws, no secrets
    own, parents = Axis("x", STATES), tuple(Axis(n, ("off", "on", "strong")) for n in "pq")

    def line():
        weights = [chance.choice((0, 0, 1, 2, 3, 10 * chance.random())) for _ in STATES]
        weights[chance.randrange(4)] += 1
        return Line("", own, tuple(w / sum(weights) for w in weights))

    return NoisyMax(parents, line(), {(i, s): line() for i in (0, 1) for s in (1, 2)})


@settings(max_examples=200, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_the_worst_effect_of_independent_causes_and_what_none_of_them_does_stays_impossible(seed):
    causes = drawn(seed)
    table = causes.table({})

    for at in np.ndindex(3, 3):
        acting = [causes.leak.p, *(causes.links[i, s].p for i, s in enumerate(at) if s)]
        truth = [0.0] * len(STATES)
        for effects in itertools.product(range(len(STATES)), repeat=len(acting)):
            truth[max(effects)] += math.prod(p[k] for p, k in zip(acting, effects, strict=True))
        assert table[at] == pytest.approx(truth, abs=1e-12)
        assert ((table[at] == 0) == (np.array(truth) == 0)).all()
        assert (table[at] >= 0).all()
        assert table[at].sum() == pytest.approx(1, abs=1e-12)
