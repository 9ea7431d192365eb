"""The readers of one guideline never disagree, whatever is known of a finding. SQL and loss: see their own tests."""

import random

import pytest
import random_facts
import rule_cases
from hypothesis import given, settings
from hypothesis import strategies as st

from radlogic.engine.errors import InputError
from radlogic.engine.guideline.evaluate import read_finding
from radlogic.engine.guideline.propagate import propagate_finding
from radlogic.engine.types import Classes, Known, Source, SourceKind, Unknown

NET = Source(SourceKind.NET, "test")
EACH = pytest.mark.parametrize("name", rule_cases.guidelines())


def drawn(name, seed, unknown):
    """Some findings of a guideline that can be read, with what ``evaluate`` says of each."""
    guideline, chance = rule_cases.guideline(name), random.Random(seed)  # noqa: S311  no secret
    for _ in range(12):
        facts = random_facts.facts_of(guideline, chance, unknown)
        try:
            yield guideline, chance, facts, read_finding(guideline, facts).reading
        except InputError:
            continue  # a contradiction: refused by all readers alike, see test_many


@EACH
@settings(max_examples=4, deadline=None)  # each draws many findings
@given(seed=st.integers(0, 2**32))
def test_what_is_known_has_one_category_which_is_certain_and_alone_possible(name, seed):
    for guideline, _, facts, reading in drawn(name, seed, 0.0):
        found = propagate_finding(guideline, facts)

        assert {*reading.possible} == {reading.category, *reading.alternatives}
        assert found.probabilities() == {reading.category: 1.0}
        assert found.possible == {*reading.possible}
        assert (found.silent > 0) == reading.silent


@EACH
@settings(max_examples=4, deadline=None)  # each draws many findings
@given(seed=st.integers(0, 2**32))
def test_what_is_unknown_leaves_the_same_set_to_all(name, seed):
    for guideline, _, facts, reading in drawn(name, seed, 0.1):
        found = propagate_finding(guideline, facts)

        assert found.possible == {*reading.possible}
        assert (found.probabilities() is not None) == (reading.category is not None)


@EACH
@settings(max_examples=4, deadline=None)  # each draws many findings
@given(seed=st.integers(0, 2**32))
def test_beliefs_spread_over_what_is_possible_where_they_are_taken_away(name, seed):
    for guideline, chance, facts, _ in drawn(name, seed, 0.0):
        believed = {n: chance_of(guideline, n, chance) for n in chance.sample(classed(guideline, facts), 2)}
        found = propagate_finding(guideline, {**facts, **believed})
        open_ = read_finding(guideline, {**facts, **dict.fromkeys(believed, Unknown("taken away"))}).reading

        assert sum(found.probabilities().values()) == pytest.approx(1.0, abs=1e-12)
        assert found.possible == {*open_.possible}


def classed(guideline, facts):
    """Facts of which a net could give class probabilities."""
    stage = guideline.finding.stage
    return [n for n, b in sorted(facts.items()) if n in stage.index and isinstance(b, Known) and full(guideline, n)]


def full(guideline, name):
    """Whether every value of a variable is one that a net can name: none is n/a."""
    variable = guideline.finding.stage.variables[guideline.finding.stage.index[name]]
    return variable.cuts is None and "n/a" not in variable.domain


def chance_of(guideline, name, chance):
    """A belief with some probability on every class."""
    domain = guideline.finding.stage.variables[guideline.finding.stage.index[name]].domain
    weights = [chance.uniform(0.05, 1) for _ in domain]
    return Classes({c: w / sum(weights) for c, w in zip(domain, weights, strict=True)}, NET)
