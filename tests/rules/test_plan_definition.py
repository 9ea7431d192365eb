"""The PlanDefinition: every row with its citation and condition, valid by two independent validators."""

import json

import peers
import pytest
import rule_cases

from radlogic.adapters.notice import INTENDED_USE
from radlogic.adapters.rules.plan_definition import plan_definition

EVERY = pytest.mark.parametrize("name", rule_cases.guidelines())


def actions(plan):
    for action in plan.get("action", ()):
        yield action
        yield from actions(action)


@EVERY
def test_every_row_of_every_table_is_an_action_with_its_citation_and_condition(name):
    guideline = rule_cases.guideline(name)
    by_id = {a["id"]: a for a in actions(plan_definition(guideline)) if "id" in a}
    for table in guideline.document["tables"]:
        assert by_id[f"table-{table['id']}"]["documentation"] == [{"type": "citation", "citation": table["cite"]}]
        for row in (*table.get("rows", ()), *table.get("any", ())):
            action = by_id[f"row-{table['id']}-{row['id']}"]
            assert action["documentation"][0]["citation"] == row.get("cite", table["cite"])
            assert action["condition"][0]["expression"]["language"] == "text/fhirpath"
            if "silent" in row:
                words = action["documentation"][1]["display"]
                assert all(other in words for other in (row["silent"]["why"], *row["silent"]["alternatives"]))


@EVERY
def test_every_recommendation_has_its_words_and_its_interval(name):
    guideline = rule_cases.guideline(name)
    told = {a["code"][0]["text"]: a for a in actions(plan_definition(guideline)) if "code" in a}
    assert set(told) == set(guideline.head["managements"])
    for symbol, management in guideline.head["managements"].items():
        assert told[symbol]["description"] == management["management"]
        months = management.get("interval_months")
        timing = told[symbol].get("timingDuration") or told[symbol].get("timingRange", {}).get("high")
        assert (timing and timing["value"]) == (months and months[1])


@EVERY
def test_the_mark_the_owner_and_the_intended_use_stay_in_it(name):
    guideline = rule_cases.guideline(name)
    plan = plan_definition(guideline)
    assert guideline.head["owner"] in plan["copyright"]
    assert plan["usage"] == INTENDED_USE
    assert plan["status"] == "draft"
    assert "approvalDate" not in plan
    assert plan["effectivePeriod"]["start"] == guideline.head["effective"]


@EVERY
def test_the_default_of_a_table_is_conditional_on_no_other_row(name):
    guideline = rule_cases.guideline(name)
    by_id = {a["id"]: a for a in actions(plan_definition(guideline)) if "id" in a}
    for table in guideline.document["tables"]:
        if "otherwise" in table or "any" in table:
            condition = by_id[f"row-{table['id']}-{table['id']}.otherwise"]["condition"][0]["expression"]["expression"]
            assert condition.endswith(".not()")


@pytest.mark.slow
@EVERY
def test_the_npm_validator_finds_nothing(name):
    text = json.dumps(plan_definition(rule_cases.guideline(name)))
    assert peers.node("validate.js", text) == {"valid": True, "messages": []}


@pytest.mark.slow
def test_the_npm_validator_is_awake():
    plan = plan_definition(rule_cases.guideline(rule_cases.guidelines()[0]))
    assert not peers.node("validate.js", json.dumps({**plan, "status": "bogus"}))["valid"]
