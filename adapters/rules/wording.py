"""The rule language in a radiologist's words: tests, results, numbers, intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...engine.guideline.load import Guideline
from ...engine.guideline.tables import NOT_APPLICABLE, WORST, as_symbols

SIGNS = {"from": "≥", "above": ">", "to": "≤", "below": "<"}
UNITS = {"1": "", "mm3": "mm³", "cm3": "cm³", "%": "%"}
MARKS = {
    "V2": "two or more independent sources agree",
    "V1": "one source",
    "M": "recollection of an expert, to be checked against the source",
}
COUNTS = {1: "one", 2: "two", 3: "three"}


def label(name: str) -> str:
    """A name as a person says it; of a feature of a set the feature.

    >>> label("solid_mean_mm"), label("foci.rim"), label("leading.pet")
    ('solid mean mm', 'rim', 'pet of the most suspicious finding')
    """
    if name == WORST:
        return "highest category among the findings"
    group, _, feature = name.partition(".")
    if group == "leading":
        return f"{_plain(feature)} of the most suspicious finding"
    return _plain(feature or group)


def _plain(name: str) -> str:
    return name.replace("_", " ")


def value(symbol: Any) -> str:
    """A value as a person says it.

    >>> value(True), value("part_solid"), value("n/a"), value("none")
    ('yes', 'part solid', 'not applicable', 'none')
    """
    text = as_symbols(symbol)[0]
    return "not applicable" if text == NOT_APPLICABLE else _plain(text)


def unit(guideline: Guideline, name: str) -> str:
    """The unit of a number, '' for what has none."""
    written = str(guideline.numbers[name]["unit"]) if name in guideline.numbers else ""
    return UNITS.get(written, written)


def test(written: Any, of_unit: str = "") -> str:
    """A test as a person says it.

    >>> test({"from": "6", "below": "8"}, "mm"), test({"not": ["solid", "cyst"]}), test({"from": "4", "to": "4"})
    ('≥ 6 mm and < 8 mm', 'neither solid nor cyst', '4')
    >>> test(["solid", "part_solid", "cyst"]), test({"not": "solid"})
    ('solid, part solid or cyst', 'not solid')
    """
    if isinstance(written, dict) and "not" in written:
        excluded = [value(s) for s in as_symbols(written["not"])]
        return f"not {excluded[0]}" if len(excluded) == 1 else f"neither {listed(excluded, 'nor')}"
    if not isinstance(written, dict):
        return listed([value(s) for s in as_symbols(written)], "or")
    absent = " or not applicable" if "or" in written else ""
    if "from" in written and written.get("from") == written.get("to"):
        return _amount(written["from"], of_unit) + absent
    return " and ".join(f"{SIGNS[k]} {_amount(written[k], of_unit)}" for k in SIGNS if k in written) + absent


def listed(words: Sequence[str], last: str) -> str:
    """Words in a row, the last two joined by a word.

    >>> listed(["a", "b", "c"], "or"), listed(["a"], "or")
    ('a, b or c', 'a')
    """
    return f" {last} ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def _amount(number: Any, of_unit: str) -> str:
    return f"{number} {of_unit}".strip()


def result(then: Any, kind: str) -> str:
    """What a row concludes.

    >>> result({"by": 1, "cap": "LR-4"}, "adjust"), result({"by": -2}, "adjust"), result("4X", "adjust")
    ('one category up, to LR-4 at most', 'two categories down', 'becomes 4X')
    """
    if isinstance(then, dict):
        return _steps(int(then["by"]), then.get("cap"))
    if kind == "adjust":
        return f"becomes {value(then)}"
    if isinstance(then, int) and not isinstance(then, bool):
        return f"{then} point{'' if then == 1 else 's'}"
    return value(then)


def _steps(by: int, cap: str | None) -> str:
    if not by:
        return "unchanged"
    count = COUNTS.get(abs(by), str(abs(by)))
    steps = f"{count} categor{'y' if abs(by) == 1 else 'ies'} {'up' if by > 0 else 'down'}"
    return steps + (f", to {cap} at most" if cap and by > 0 else f", to {cap} at least" if cap else "")


def months(interval: Any) -> str:
    """An interval.

    >>> months([6, 6]), months([1, 3]), months([1, 1]), months(None)
    ('6 months', '1 to 3 months', '1 month', '')
    """
    if not interval:
        return ""
    least, most = interval
    return f"{least} month{'' if least == 1 else 's'}" if least == most else f"{least} to {most} months"


def formula(definition: Mapping[str, Any]) -> str:
    """How a number is made, with its rounding.

    >>> formula({"mean_of": ["long_mm", "short_mm"], "unit": "mm", "round": "0.1"})
    '(long mm + short mm) ÷ 2, rounded half up to 0.1 mm'
    """
    kind = next(k for k in FORMULAS if k in definition)
    of_unit = UNITS.get(definition["unit"], definition["unit"])
    rounded = f", rounded half up to {_amount(definition['round'], of_unit)}" if "round" in definition else ""
    if kind == "either":
        return _either(definition["either"], str(definition.get("round", "0.1")), of_unit) + rounded
    return f"{FORMULAS[kind](definition[kind])}{rounded}"


def _either(names: list[str], step: str, of_unit: str) -> str:
    said = ", or ".join(label(n) for n in names)
    return f"{said}, whichever is stated (where both are, they agree within {_amount(step, of_unit)})"


def _largest_increase(names: Mapping[str, str]) -> str:
    within = f" at most {names['within_months']} months ago" if "within_months" in names else ""
    earlier = f"{label(names['prior'])} ({label(names['interval'])}) and those in {label(names['history'])}"
    return f"{label(names['now'])} − the smallest earlier size{within}, from {earlier}; not applicable if there is none"


def _same_cuts(paired: Mapping[str, Any]) -> str:
    pairs = ", ".join(f"{theirs} for {mine}" for mine, theirs in paired["cuts"])
    return f"{label(paired['first'])}; where only {label(paired['or'])} is stated, that against its own cuts ({pairs})"


FORMULAS: Mapping[str, Any] = {
    "input": lambda name: f"{label(name)} as stated",
    "mean_of": lambda names: f"({label(names[0])} + {label(names[1])}) ÷ 2",
    "difference": lambda names: f"{label(names[0])} − {label(names[1])}",
    "percent_change": lambda names: f"({label(names[0])} − {label(names[1])}) ÷ {label(names[1])} × 100",
    "largest_increase": _largest_increase,
    "count_exams": lambda names: (
        f"earlier exams with a size, counted: {label(names['prior'])} and those in {label(names['history'])}, once each"
    ),
    "same_cuts": _same_cuts,
    "either": None,
}


def absence(definition: Mapping[str, Any]) -> str:
    """What it means that a reader does not mention an input."""
    if "absent" not in definition:
        return "unknown"
    said = {False: "not present", NOT_APPLICABLE: "not applicable"}.get(
        definition["absent"], value(definition["absent"])
    )
    only = " and ".join(
        f"{label(other)} is {' or '.join(value(v) for v in values)}"
        for other, values in definition.get("absent_when", {}).items()
    )
    return f"{said}, if {only}; else unknown" if only else said


def kind_of(definition: Mapping[str, Any]) -> str:
    """What an input can be."""
    if definition["type"] == "number":
        low, high = definition["range"]
        of_unit = UNITS.get(definition["unit"], definition["unit"])
        step = f", in steps of {definition['step']}" if "step" in definition else ""
        return f"{low} to {_amount(high, of_unit)}{step}"
    listed = ", ".join(value(v) for v in definition.get("values", ()))
    words = {"bool": "yes or no", "enum": listed, "set": f"any of: {listed}", "text": "words", "date": "a day"}
    return words.get(definition["type"], "a list of earlier sizes, each with the months since")
