"""What ``inputs.yaml`` says: ranges that hold a value, numbers made of what there is. Raises: RuleFileError."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from typing import Any

from .sound import SCOPES, Names
from .source import INPUTS
from .tables import NOT_APPLICABLE
from .yamlfile import Place

NEEDED = {"largest_increase": ("now", "prior", "interval", "history"), "count_exams": ("prior", "interval", "history")}


def check(names: Names) -> None:
    """Every input and every number by itself, then what they say of each other."""
    groups = names.source.document[INPUTS]
    for scope in SCOPES:
        for name, definition in groups.get(scope, {}).items():
            _input(names, (INPUTS, scope, name), definition)
    for name, definition in groups.get("numbers", {}).items():
        _number(names, (INPUTS, "numbers", name), definition)
    for name in groups.get("numbers", {}):
        _no_circle(names, name, ())
    for i, limit in enumerate(groups.get("at_most", ())):
        for key in ("small", "large"):
            names.known((INPUTS, "at_most", i, key), limit[key], names.numbers, "number")
    _order(names, groups.get("order", ()))


def _input(names: Names, place: Place, definition: Mapping[str, Any]) -> None:
    if "range" in definition:
        low, high = (Decimal(x) for x in definition["range"])
        if low >= high:
            found = f"from {low} to {high}"
            raise names.source.fail((*place, "range"), found, "[least, greatest]", "Put the smaller one first.")
    if Decimal(definition.get("step", "1")) <= 0:
        raise names.source.fail((*place, "step"), definition["step"], "a step above 0", "As in 0.1.")
    names.unique((*place, "values"), definition.get("values", ()))
    if "absent" in definition:
        _absent(names, (*place, "absent"), definition)
    if "null" in definition:
        names.known((*place, "null"), definition["null"], definition.get("values", ()), "value of this input")
    for value in definition.get("facts", {}):
        names.known((*place, "facts", value), value, definition.get("values", ()), "value of this input")
    for other, values in definition.get("absent_when", {}).items():
        names.known((*place, "absent_when", other), other, names.inputs, "input")
        for i, value in enumerate(values):
            allowed = names.inputs[other][1].get("values", ("True", "False"))
            names.known((*place, "absent_when", other, i), value, allowed, f"value of {other}")


def _absent(names: Names, place: Place, definition: Mapping[str, Any]) -> None:
    """What leaving an input out means is something that it can be."""
    found, values = definition["absent"], definition.get("values", ())
    known: dict[str, list[bool | str]] = {"bool": [False, True, NOT_APPLICABLE], "enum": [*values, NOT_APPLICABLE]}
    allowed = ({"set": [False]} | known).get(definition["type"], [NOT_APPLICABLE])
    if found not in allowed:
        cure = "Use one of these, or delete it."
        if isinstance(found, bool):
            cure += " In quotes: YAML reads yes, no, on and off as true and false."
        raise names.source.fail(place, _written(found), ", ".join(map(_written, allowed)), cure)


def _written(value: bool | str) -> str:
    return str(value).lower() if isinstance(value, bool) else value


def _number(names: Names, place: Place, definition: Mapping[str, Any]) -> None:
    for where, operand in _operands(place, definition):
        names.known(where, operand, names.numbers, "number")
    if "input" in definition and definition["input"] not in names.inputs:
        raise names.source.fail((*place, "input"), definition["input"], "an input that is a number", "Name the input.")
    if Decimal(definition.get("round", "1")) <= 0:
        raise names.source.fail((*place, "round"), definition["round"], "a step above 0", "As in 0.1.")
    for kind, keys in NEEDED.items():
        if kind in definition:
            _exams(names, (*place, kind), definition[kind], keys)
    if "same_cuts" in definition:
        _same_cuts(names, (*place, "same_cuts"), definition["same_cuts"])


def _operands(place: Place, definition: Mapping[str, Any]) -> Iterator[tuple[Place, str]]:
    """The numbers that a number is made of, each with its place."""
    if "input" in definition:
        yield (*place, "input"), definition["input"]
    for kind in ("mean_of", "difference", "percent_change", "either"):
        yield from (((*place, kind, i), name) for i, name in enumerate(definition.get(kind, ())))
    for kind in NEEDED:
        named = definition.get(kind, {})
        yield from (((*place, kind, key), named[key]) for key in ("now", "prior", "interval") if key in named)
    paired = definition.get("same_cuts", {})
    yield from (((*place, "same_cuts", key), paired[key]) for key in ("first", "or") if key in paired)


def _exams(names: Names, place: Place, given: Mapping[str, str], needed: tuple[str, ...]) -> None:
    for key in needed:
        if key not in given:
            raise names.source.fail(place, f"no key {key}", f"{', '.join(needed)} are needed", f"Add {key}.")
    lists = [n for n, (_, i) in names.inputs.items() if i["type"] == "history"]
    names.known((*place, "history"), given["history"], lists, "input of the type history")
    if "within_months" in given and not _is_number(given["within_months"]):
        raise names.source.fail((*place, "within_months"), given["within_months"], 'months, as in "12"', "Correct it.")


def _same_cuts(names: Names, place: Place, given: Mapping[str, Any]) -> None:
    if set(given) != {"first", "or", "cuts"}:
        found = ", ".join(given) or "nothing"
        raise names.source.fail(place, found, "first, or, cuts", "Give these three.")
    cuts = given["cuts"]
    pairs = isinstance(cuts, list) and all(
        isinstance(c, list) and len(c) == 2 and all(map(_is_number, c)) for c in cuts
    )
    rising = pairs and all(Decimal(str(a[i])) < Decimal(str(b[i])) for a, b in pairwise(cuts) for i in (0, 1))
    if not (cuts and rising):
        allowed = "pairs of numbers, both rising, as in [[4, 34], [6, 113]]"
        raise names.source.fail((*place, "cuts"), str(cuts)[:80], allowed, "Correct the pairs.")


def _is_number(value: Any) -> bool:
    try:
        return not isinstance(value, bool) and Decimal(str(value)).is_finite()
    except InvalidOperation:
        return False


def _no_circle(names: Names, name: str, path: tuple[str, ...]) -> None:
    if name in path:
        place = (INPUTS, "numbers", path[0])
        raise names.source.fail(place, " -> ".join((*path, name)), "numbers without a circle", "Break the circle.")
    definition = names.numbers[name]
    if definition.get("input") == name:
        return
    for _, operand in _operands((), definition):
        _no_circle(names, operand, (*path, name))


def _order(names: Names, order: tuple[str, ...]) -> None:
    features = [f"{n}.{v}" for n, (_, i) in names.inputs.items() if i["type"] == "set" for v in i["values"]]
    for i, name in enumerate(order):
        names.known(
            (INPUTS, "order", i), name, {**names.inputs, **names.numbers, **dict.fromkeys(features)}, "input or number"
        )
    names.unique((INPUTS, "order"), order)
