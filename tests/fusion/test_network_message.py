"""The message of one clique, both ways in which it is computed, against the product written out."""

import itertools
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radlogic.engine.fusion.message import planned


def drawn(seed):
    """A clique over some of six nodes, what enters it, and what it shares with its parent; all in one order."""
    chance = random.Random(seed)  # noqa: S311  # draws, no secrets
    nodes = tuple("abcdef"[: chance.randint(1, 6)])
    states = {n: chance.choice((1, 2, 3)) for n in nodes}
    entering = [
        tuple(n for n in nodes if chance.random() < chance.choice((0.2, 0.6))) for _ in range(chance.randint(0, 5))
    ]
    onto = tuple(n for n in nodes if chance.random() < 0.4)
    return nodes, states, [*entering, *((n,) for n in nodes if chance.random() < 0.7)], onto


def shape(scope, states, *more):
    return (*(states[n] for n in scope), *more)


def written_out(scope, table, entering, operands, onto, states):
    """Every combination of states: the product of what stands there, added to where the parent sees it."""
    found = np.zeros(shape(onto, states))
    for at in itertools.product(*(range(states[n]) for n in scope)):
        state = dict(zip(scope, at, strict=True))
        product = table[at]
        for nodes, operand in zip(entering, operands, strict=True):
            product = product * operand[tuple(state[n] for n in nodes)]
        found[tuple(state[n] for n in onto)] += product
    return found


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_one_exam_and_many_exams_give_the_product_summed_out(seed):
    nodes, states, entering, onto = drawn(seed)
    message, generator = planned(nodes, entering, onto, states), np.random.default_rng(seed)
    table = generator.random(shape(message.scope, states))
    exams = [[generator.random(shape(scope, states)) for scope in entering] for _ in range(3)]

    truth = [written_out(message.scope, table, entering, operands, onto, states) for operands in exams]
    together = [np.stack(each, axis=-1) for each in zip(*exams, strict=True)]
    of_all = [o[..., :1] if i % 2 else o for i, o in enumerate(together)]  # each second one the same for all exams

    assert sorted(message.scope) == sorted(nodes)
    assert message.one(table, exams[0]) == pytest.approx(truth[0], rel=1e-12)
    assert np.broadcast_to(message.many(table, together), shape(onto, states, 3)) == pytest.approx(
        np.stack(truth, axis=-1) if together else np.stack(truth[:1] * 3, axis=-1), rel=1e-12
    )
    assert np.broadcast_to(message.many(table, of_all), shape(onto, states, 3))[..., 0] == pytest.approx(truth[0])


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_many_tables_at_once_are_each_alone(seed):
    nodes, states, entering, onto = drawn(seed)
    message, generator = planned(nodes, entering, onto, states), np.random.default_rng(seed)
    tables = generator.random(shape(message.scope, states, 4))
    operands = [generator.random(shape(scope, states)) for scope in entering]

    found = message.many(tables, [o[..., None] for o in operands])

    for k in range(4):
        truth = written_out(message.scope, tables[..., k], entering, operands, onto, states)
        assert found[..., k] == pytest.approx(truth, rel=1e-12)


def test_a_large_table_is_summed_out_as_a_small_one():
    states = {"a": 9, "b": 13, "c": 2, "d": 22}
    entering, onto, generator = [("a",), ("b",), ("d",)], ("c", "d"), np.random.default_rng(3)
    message = planned(tuple(states), entering, onto, states)
    table = generator.random(shape(message.scope, states))
    operands = [generator.random(states[n]) for (n,) in entering]

    assert not message.small
    assert message.scope == ("c", "d", "a", "b")
    truth = np.einsum("cdab,a,b,d->cd", table, *operands)
    assert message.one(table, operands) == pytest.approx(truth, rel=1e-12)
