"""Numbers that follow from inputs, in exact decimal arithmetic.

A number is a ``Decimal``, ``NOT_APPLICABLE`` (no prior exam, so no growth) or None (unknown).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from ..errors import Contradiction
from ..types import PastSize
from .tables import NOT_APPLICABLE

Amount = Decimal | str | None
Raw = Mapping[str, Decimal | str | tuple[PastSize, ...] | None]
Definitions = Mapping[str, Mapping[str, Any]]


def number(name: str, definitions: Definitions, raw: Raw) -> Amount:
    """The value of a number, from the raw inputs.

    Raises:
        Contradiction: two ways to state it disagree.
    """
    definition = definitions[name]
    kind = next(k for k in WAYS if k in definition)
    value = WAYS[kind](definition[kind], definitions, raw) if kind != "either" else _either(name, definitions, raw)
    if isinstance(value, Decimal) and "round" in definition:
        return value.quantize(Decimal(definition["round"]), ROUND_HALF_UP)
    return value


def of(name: str, definitions: Definitions, raw: Raw) -> Amount:
    """A number, or an input that is one."""
    if name in definitions:
        return number(name, definitions, raw)
    value = raw.get(name)
    return None if isinstance(value, tuple) else value


def _input(name: str, definitions: Definitions, raw: Raw) -> Amount:
    value = raw.get(name)
    return None if isinstance(value, tuple) else value


def _both(make: Callable[[Decimal, Decimal], Amount], names: list[str], definitions: Definitions, raw: Raw) -> Amount:
    a, b = (of(n, definitions, raw) for n in names)
    if NOT_APPLICABLE in (a, b):
        return NOT_APPLICABLE
    return make(a, b) if isinstance(a, Decimal) and isinstance(b, Decimal) else None


def _mean(names: list[str], definitions: Definitions, raw: Raw) -> Amount:
    return _both(lambda a, b: (a + b) / 2, names, definitions, raw)


def _difference(names: list[str], definitions: Definitions, raw: Raw) -> Amount:
    return _both(lambda a, b: a - b, names, definitions, raw)


def _percent_change(names: list[str], definitions: Definitions, raw: Raw) -> Amount:
    # a zero prior has no percentage; inputs keep sizes above zero
    return _both(lambda a, b: (a - b) * 100 / b if b else None, names, definitions, raw)


def _either(name: str, definitions: Definitions, raw: Raw) -> Amount:
    definition = definitions[name]
    values = [of(n, definitions, raw) for n in definition["either"]]
    known = [v for v in values if isinstance(v, Decimal)]
    if not known:
        return NOT_APPLICABLE if values and all(v == NOT_APPLICABLE for v in values) else None
    step = Decimal(definition.get("round", "0.1"))
    if max(known) - min(known) > step:
        found = " and ".join(f"{n} = {v}" for n, v in zip(definition["either"], values, strict=True) if v is not None)
        allowed = f"the same within {step} {definition['unit']}"
        raise Contradiction("case", " and ".join(definition["either"]), found, allowed, "Correct one, or leave it out.")
    return known[0]


def _same_cuts(paired: Mapping[str, Any], definitions: Definitions, raw: Raw) -> Amount:
    first = of(paired["first"], definitions, raw)
    if first is not None:
        return first
    other = of(paired["or"], definitions, raw)
    if not isinstance(other, Decimal):
        return other
    reached = [Decimal(str(mine)) for mine, theirs in paired["cuts"] if other >= Decimal(str(theirs))]
    return max(reached, default=Decimal(0))


def _earlier(names: Mapping[str, str], raw: Raw, definitions: Definitions) -> Iterator[tuple[Amount, Amount]]:
    """(size, months ago) of every earlier exam; the prior once, also where history repeats it."""
    prior, months = of(names["prior"], definitions, raw), of(names["interval"], definitions, raw)
    if prior != NOT_APPLICABLE:
        yield prior, months
    history = raw.get(names["history"])
    if history is None:
        yield None, None
    for past in history if isinstance(history, tuple) else ():
        if (past.mean_mm, past.months_ago) != (prior, months):
            yield past.mean_mm, past.months_ago


def _largest_increase(names: Mapping[str, str], definitions: Definitions, raw: Raw) -> Amount:
    now, within = of(names["now"], definitions, raw), names.get("within_months")
    earlier = list(_earlier(names, raw, definitions))
    if within is not None:
        if any(months is None for size, months in earlier):
            return None
        earlier = [
            (size, months) for size, months in earlier if isinstance(months, Decimal) and months <= Decimal(within)
        ]
    if not earlier:
        return NOT_APPLICABLE
    sizes = [size for size, _ in earlier if isinstance(size, Decimal)]
    return now - min(sizes) if isinstance(now, Decimal) and len(sizes) == len(earlier) else None


def _count_exams(names: Mapping[str, str], definitions: Definitions, raw: Raw) -> Amount:
    history, prior, months = raw.get(names["history"]), *(of(names[k], definitions, raw) for k in ("prior", "interval"))
    listed = history if isinstance(history, tuple) else ()
    undated = months is None and any(past.mean_mm == prior for past in listed)
    if history is None or prior is None or undated:
        return None  # there may be no prior, or the list may repeat it
    return Decimal(len(list(_earlier(names, raw, definitions))))


WAYS: Mapping[str, Callable[[Any, Definitions, Raw], Amount]] = {
    "largest_increase": _largest_increase,
    "count_exams": _count_exams,
    "mean_of": _mean,
    "difference": _difference,
    "percent_change": _percent_change,
    "same_cuts": _same_cuts,
    "either": lambda names, definitions, raw: None,  # needs its own name for the error: see `number`
    "input": _input,
}


def inputs_of(name: str, definitions: Definitions) -> frozenset[str]:
    """The raw inputs that a number rests on."""
    if name not in definitions or definitions[name].get("input") == name:
        return frozenset({name})
    d = definitions[name]
    named = [d["input"]] if "input" in d else []
    named += [n for k in ("mean_of", "difference", "percent_change", "either") for n in d.get(k, ())]
    for key in ("largest_increase", "count_exams"):
        named += [v for k, v in d.get(key, {}).items() if k != "within_months"]
    if "same_cuts" in d:
        named += [d["same_cuts"]["first"], d["same_cuts"]["or"]]
    return frozenset(i for n in named for i in inputs_of(n, definitions))


def check(limits: Iterable[Mapping[str, str]], definitions: Definitions, raw: Raw) -> None:
    """Numbers that bound each other do.

    Raises:
        Contradiction: one is greater than it can be.
    """
    for limit in limits:
        small, large = (of(limit[key], definitions, raw) for key in ("small", "large"))
        if isinstance(small, Decimal) and isinstance(large, Decimal) and small > large:
            names = f"{limit['small']}, {limit['large']}"
            raise Contradiction("case", names, f"{small} and {large}", limit["why"], "Correct one of them.")


def missing(name: str, definitions: Definitions, raw: Raw) -> frozenset[str]:
    """The unknown inputs that, once known, make a number known; of several ways to state it the first.

    >>> sizes = {"size": {"either": ["mm", "mean"]}, "mm": {"input": "mm"}, "mean": {"mean_of": ["long", "short"]}}
    >>> missing("size", sizes, {}), missing("size", sizes, {"mm": Decimal(4)})
    (frozenset({'mm'}), frozenset())
    """
    if name not in definitions or definitions[name].get("input") == name:
        return frozenset({name}) if raw.get(name) is None else frozenset()
    if number(name, definitions, raw) is not None:
        return frozenset()
    return frozenset(m for operand in _operands(definitions[name]) for m in missing(operand, definitions, raw))


def _operands(definition: Mapping[str, Any]) -> list[str]:
    """What a number is made of; of alternatives the first, which can stand for them all."""
    kind = next(k for k in WAYS if k in definition)
    given = definition[kind]
    if kind == "same_cuts":
        return [given["first"]]
    if kind == "input":
        return [given]
    if isinstance(given, dict):
        return [v for k, v in given.items() if k != "within_months"]
    return list(given[:1]) if kind == "either" else list(given)
