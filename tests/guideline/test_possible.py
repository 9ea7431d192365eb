"""What is still possible is exactly the union of what every completion of the unknown inputs gives."""

import random

import pytest
import rule_cases

from radlogic.engine.guideline import possible
from radlogic.engine.guideline.situation import Situation
from radlogic.engine.types import Known, NotApplicable, Source, SourceKind

SAID = Source(SourceKind.HUMAN, "test")


def choices(guideline, name, definition):
    """Some values of an input, with n/a where there is one."""
    absent = [NotApplicable(SAID)] if definition.get("absent") == "n/a" else []
    if definition["type"] == "bool":
        return [Known(v, SAID) for v in (True, False)] + absent
    return [Known(v, SAID) for v in definition["values"]] + absent


def finite(guideline):
    """Inputs with few values, by the name of their variable."""
    for name, (_, i) in guideline.inputs.items():
        if i["type"] in ("bool", "enum"):
            yield name, choices(guideline, name, i)
        elif i["type"] == "set":
            yield from ((f"{name}.{v}", [Known(b, SAID) for b in (True, False)]) for v in i["values"])


@pytest.mark.parametrize("name", rule_cases.guidelines())
def test_possible_is_the_union_over_completions(name):
    guideline, chance = rule_cases.guideline(name), random.Random(7)  # noqa: S311  no secret
    stage = guideline.finding.stage
    options = {n: o for n, o in finite(guideline) if n in stage.index}
    cases = list(rule_cases.of(name))[::29] or [None]
    for case in cases:
        facts = facts_of(guideline, case)
        hidden = chance.sample(sorted(options), min(2, len(options)))
        partial = {n: b for n, b in facts.items() if n not in hidden}

        found = categories(guideline, partial)

        union = set()
        for completion in completions(hidden, options):
            union |= categories(guideline, {**partial, **completion})
        assert found == union, (case, hidden)


def facts_of(guideline, case):
    """The facts of a case's exam and first finding."""
    from radlogic.adapters import cases

    if case is None:
        return {}
    import json

    content = {k: v for k, v in case.items() if k not in rule_cases.BESIDE}
    stated = cases.read(cases.parse(json.dumps(content, default=str)), guideline)
    first = stated.findings[0][1] if stated.findings else {}
    return {**stated.exam, **first}


def completions(hidden, options):
    """Every way to fill in the hidden inputs."""
    if not hidden:
        yield {}
        return
    for value in options[hidden[0]]:
        for rest in completions(hidden[1:], options):
            yield {hidden[0]: value, **rest}


def categories(guideline, facts):
    """The categories that are possible, by default reading."""
    diagram = guideline.finding
    table = diagram.stage.table(guideline.head["category"])
    situation = Situation(guideline, diagram.stage, facts)
    return {
        leaf.results[table] for leaf in possible.outcomes(diagram, situation, (0,), lambda leaf: leaf.results[table])
    }


def test_an_unknown_size_is_narrowed_together_with_the_growth_that_rests_on_it():
    guideline = rule_cases.guideline("lung-rads@2022")
    case = {
        "exam": {"prior_ct": "available", "lungs_fully_evaluable": True},
        "nodules": [
            {"type": "solid", "status": "existing", "mean_mm": None, "prior_mean_mm": 13.0, "interval_months": 6}
        ],
    }

    result, found = rule_cases.read(guideline, case)

    # at 15 mm it has grown by more than 1.5 mm: 4A at 15 mm or 4B below 8 mm cannot be
    assert found["findings"][0]["possible"] == ["2", "3", "4A", "4B"]
    assert result.findings[0].ask == "mean_mm"
