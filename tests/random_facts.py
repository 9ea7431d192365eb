"""Random facts of a guideline's finding: full or partial, with numbers on and beside the cuts."""

import random
from decimal import Decimal

from radlogic.engine.guideline import numbers
from radlogic.engine.guideline.situation import raw_value
from radlogic.engine.types import Known, NotApplicable, PastSize, Source, SourceKind, Unknown

SAID = Source(SourceKind.HUMAN, "test")
TICKS = tuple(map(Decimal, ("-0.1", "-0.06", "-0.05", "-0.04", "0", "0.04", "0.05", "0.1")))


def facts_of(guideline, chance: random.Random, unknown: float = 0.0, scopes=("exam", "patient", "finding")):
    """Facts on every input of the scopes; each is unknown with that probability."""
    cuts = sorted({c for v in guideline.finding.stage.variables if v.cuts for c, _ in v.cuts.points})
    found = {}
    for name, (scope, i) in guideline.inputs.items():
        if scope in scopes and i["type"] not in ("text", "date"):
            for fact in [f"{name}.{v}" for v in i["values"]] if i["type"] == "set" else [name]:
                found[fact] = Unknown("test") if chance.random() < unknown else _value(i, cuts, chance)
    return found if chance.random() < 0.05 else coherent(guideline, found, chance)


def coherent(guideline, facts, chance):
    """The facts with one way to state a number kept, and numbers that bound each other put in order."""
    facts = dict(facts)
    for definition in guideline.numbers.values():
        ways = [guideline.behind[n] for n in definition.get("either", ())]
        if len(ways) > 1:
            kept = chance.choice(ways)
            facts.update((n, Unknown("stated otherwise")) for way in ways for n in way - kept if n in facts)
    for limit in guideline.document["inputs"].get("at_most", ()):
        raw = {n: raw_value(facts.get(n)) for n in guideline.amounts}
        large = numbers.of(limit["large"], guideline.numbers, raw)
        for name in guideline.behind[limit["small"]] if isinstance(large, Decimal) else ():
            if isinstance(raw[name], Decimal) and raw[name] > large:
                least = Decimal(guideline.inputs[name][1]["range"][0])
                facts[name] = Known(max(least, large - chance.choice(TICKS[4:])), SAID)
    return facts


def _value(i, cuts, chance):
    if i.get("absent") == "n/a" and i["type"] != "history" and chance.random() < 0.4:
        return NotApplicable(SAID)
    if i["type"] in ("bool", "set"):
        return Known(chance.random() < 0.3, SAID)
    if i["type"] == "enum":
        return Known(chance.choice(i["values"]), SAID)
    if i["type"] == "history":
        return Known(tuple(_past(cuts, chance) for _ in range(chance.choice((0, 0, 1, 2)))), SAID)
    return Known(_number(tuple(map(Decimal, i["range"])), cuts, chance), SAID)


def _past(cuts, chance):
    months = chance.choice((3, 6, 12, 13, 24))
    return PastSize(Decimal(months), _number((Decimal("0.1"), Decimal(400)), cuts, chance))


def _number(bounds, cuts, chance):
    value = chance.choice([c for c in cuts if c > 0] or [Decimal(5)]) + chance.choice(TICKS)
    return min(max(value, bounds[0]), bounds[1])
