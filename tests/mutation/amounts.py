"""Numbers of the rule language, read plainly from their definitions in ``inputs.yaml``.

Part of ``reading.py``: an oracle beside ``engine/guideline/numbers.py`` with which it shares nothing.
"""

from decimal import ROUND_HALF_UP, Decimal

NA = "n/a"


class Needs(Exception):
    """A fact that is not known is needed. ``what``: an input, or a number that rests on an unknown history."""

    def __init__(self, what):
        self.what = what


class Impossible(Exception):
    """Facts that no patient can have together."""


def value_of(name, definitions, raw):
    """A number as ``Decimal`` or n/a. ``raw`` holds inputs; None or nothing is unknown; ``=name`` supposes a number.

    Raises: Needs, Impossible.
    """
    if f"={name}" in raw:
        return raw[f"={name}"]
    definition = definitions.get(name)
    if definition is None or definition.get("input") == name:
        return _stated(name, raw)
    kind = next(k for k in KINDS if k in definition)
    value = KINDS[kind](name, definition, definitions, raw)
    if value != NA and "round" in definition:
        value = value.quantize(Decimal(definition["round"]), ROUND_HALF_UP)
    return value


def _stated(name, raw):
    if raw.get(name) is None:
        raise Needs(name)
    return raw[name]


def _pair(names, definitions, raw):
    """Both numbers, or None where one of them is n/a."""
    found, missing = [], None
    for n in names:
        try:
            found.append(value_of(n, definitions, raw))
        except Needs as need:
            missing = missing or need
    if NA in found:
        return None
    if missing:
        raise missing
    return found


def _of_pair(key, make):
    def read(name, definition, definitions, raw):
        both = _pair(definition[key], definitions, raw)
        return NA if both is None else make(*both)

    return read


def _either(name, definition, definitions, raw):
    found, needs = [], []
    for way in definition["either"]:
        try:
            found.append(value_of(way, definitions, raw))
        except Needs as need:
            needs.append(need)
    known = [v for v in found if v != NA]
    if known and max(known) - min(known) > Decimal(definition.get("round", "0.1")):
        raise Impossible(f"{definition['either']} disagree: {found}")
    if known:
        return known[0]
    if needs:
        raise needs[0]
    return NA


def _same_cuts(name, definition, definitions, raw):
    paired = definition["same_cuts"]
    try:
        return value_of(paired["first"], definitions, raw)
    except Needs as first:
        try:
            other = value_of(paired["or"], definitions, raw)
        except Needs:
            raise first from None
    return (
        NA
        if other == NA
        else max((Decimal(str(a)) for a, b in paired["cuts"] if other >= Decimal(str(b))), default=Decimal(0))
    )


def _earlier(name, parts, definitions, raw):
    """(size, months ago) of each earlier exam, as numbers still to be read; the prior once."""
    try:
        prior = value_of(parts["prior"], definitions, raw)
    except Needs:
        if raw.get(parts["history"]) is None:
            raise Needs(name) from None
        raise
    months = _or_none(parts["interval"], definitions, raw)
    if raw.get(parts["history"]) is None:
        raise Needs(name)
    history = () if raw[parts["history"]] == NA else raw[parts["history"]]
    older = [(past.mean_mm, past.months_ago) for past in history]
    return [(prior, months)] * (prior != NA) + [exam for exam in older if prior == NA or exam != (prior, months)]


def _or_none(name, definitions, raw):
    try:
        return value_of(name, definitions, raw)
    except Needs:
        return None


def _largest_increase(name, definition, definitions, raw):
    parts = definition["largest_increase"]
    earlier = _earlier(name, parts, definitions, raw)
    if "within_months" in parts:
        if any(months is None for _, months in earlier):
            value_of(parts["interval"], definitions, raw)  # raises Needs
        earlier = [e for e in earlier if e[1] != NA and e[1] <= Decimal(parts["within_months"])]
    if not earlier:
        return NA
    now = value_of(parts["now"], definitions, raw)
    return NA if now == NA else now - min(size for size, _ in earlier)


def _count_exams(name, definition, definitions, raw):
    return Decimal(len(_earlier(name, definition["count_exams"], definitions, raw)))


def _percent(a, b):
    return (a - b) * 100 / b


KINDS = {
    "input": lambda name, d, definitions, raw: _stated(d["input"], raw),
    "mean_of": _of_pair("mean_of", lambda a, b: (a + b) / 2),
    "difference": _of_pair("difference", lambda a, b: a - b),
    "percent_change": _of_pair("percent_change", _percent),
    "either": _either,
    "same_cuts": _same_cuts,
    "largest_increase": _largest_increase,
    "count_exams": _count_exams,
}


def rests_on(name, definitions):
    """The inputs behind a number."""
    d = definitions.get(name)
    if d is None or d.get("input") == name:
        return frozenset({name})
    named = [d["input"]] if "input" in d else []
    named += [n for k in ("mean_of", "difference", "percent_change", "either") for n in d.get(k, ())]
    for key in ("largest_increase", "count_exams"):
        named += [n for k, n in d.get(key, {}).items() if k != "within_months"]
    named += [d["same_cuts"][k] for k in ("first", "or") if "same_cuts" in d]
    return frozenset(i for n in named for i in rests_on(n, definitions))
