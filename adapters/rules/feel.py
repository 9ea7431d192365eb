"""FEEL, the expression language of DMN: names, literals and the tests of a decision table's cells.

Every test lists what it takes. It never says "all but": what is unknown would pass such a test.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from decimal import Decimal

from ...engine.guideline.tables import Cuts

UNKNOWN = "unknown"  # DMN has no unknown; here it is a value that only a test for the unknown takes
ANY = "-"
NUMBER = "number"  # the state of a number that is known; the others are n/a and unknown

# words of FEEL (DMN 1.3, 10.3.1), names of its types and properties: many engines trip over them
RESERVED = frozenset(
    (
        *("for", "return", "if", "then", "else", "true", "false", "null", "in", "and", "or", "not", "between", "some"),
        *("every", "satisfies", "instance", "of", "function", "external", "string", "number", "boolean", "date"),
        *("time", "duration", "list", "context", "days", "months", "years", "item"),
    )
)
TEENS = ("ten", "eleven", "twelve")
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", *TEENS)


def name(text: str) -> str:
    """A name that FEEL can hold: letters and ``_``; its own words get a ``_`` at the end.

    FEEL allows digits, yet engines stumble over a digit before a letter, so numbers are spelled.

    >>> name("lrm.infiltrative"), name("number"), name("increase_12m")
    ('lrm_infiltrative', 'number_', 'increase_twelve_m')
    """
    plain = re.sub(r"[\W_]+", "_", re.sub(r"\d+", lambda found: f"_{_spelled(found[0])}_", text)).strip("_")
    return f"{plain}_" if plain in RESERVED else plain


def _spelled(digits: str) -> str:
    whole = int(digits)
    return DIGITS[whole] if whole < len(DIGITS) else "_".join(DIGITS[int(d)] for d in digits)


def quoted(text: str) -> str:
    """A text literal."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def listed(symbols: Iterable[str]) -> str:
    """A test that takes any of these texts; ``-`` is not among its answers, so there must be one."""
    return ", ".join(map(quoted, symbols))


def either(*tests: str) -> str:
    """A test that takes what one of these takes."""
    return ", ".join(filter(None, tests))


def intervals(cuts: Cuts, cells: Iterable[int]) -> list[str]:
    """The tests that take these cells of a number, one for each unbroken run of cells."""
    return [_interval(cuts, low, high) for low, high in runs(sorted(cells))]


def compared(number: str, cuts: Cuts, cells: Iterable[int]) -> str:
    """The same as one comparison: for bounds below zero, which some engines cannot read in a test."""
    found = []
    for low, high in runs(sorted(cells)):
        lower = [_bound(number, cuts, low - 1, ">=", ">")] if low else []
        upper = [_bound(number, cuts, high, "<", "<=")] if high < len(cuts.points) else []
        found.append(" and ".join(lower + upper))
    return " or ".join(found)


def _bound(number: str, cuts: Cuts, at: int, plain: str, above: str) -> str:
    value, is_above = cuts.points[at]
    return f"{number} {above if is_above else plain} {value}"


def runs(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """Ascending whole numbers as (first, last) of each unbroken run.

    >>> runs([1, 2, 3, 7])
    [(1, 3), (7, 7)]
    """
    found: list[tuple[int, int]] = []
    for n in numbers:
        found = [*found[:-1], (found[-1][0], n)] if found and found[-1][1] == n - 1 else [*found, (n, n)]
    return found


def _interval(cuts: Cuts, low: int, high: int) -> str:
    """Cells ``low`` to ``high`` of a number as one interval."""
    lower = cuts.points[low - 1] if low else None
    upper = cuts.points[high] if high < len(cuts.points) else None
    if lower and upper:
        return f"{'(' if lower[1] else '['}{lower[0]}..{upper[0]}{']' if upper[1] else ')'}"
    if lower:
        return f"{'>' if lower[1] else '>='} {lower[0]}"
    return f"{'<=' if upper[1] else '<'} {upper[0]}" if upper else ANY


def points_test(points: frozenset[int], least: int, most: int) -> str:
    """A test on points; a run that ends at the least or the most possible has no bound there."""
    return either(*_point_tests(points, least, most))


def _point_tests(points: frozenset[int], least: int, most: int) -> Iterator[str]:
    for low, high in runs(sorted(p for p in points if least <= p <= most)):
        if low == least and high == most:
            yield ANY
        elif low == high:
            yield str(low)
        else:
            yield f">= {low}" if high == most else f"<= {high}" if low == least else f"[{low}..{high}]"


def rounded(expression: str, step: Decimal | None, signed: bool) -> str:
    """The expression rounded half up (away from zero) to a step; FEEL's ``decimal`` would round half to even.

    One step is added first and taken off last, so that nothing is multiplied by zero, which engines were
    seen to get wrong.
    """
    if step is None:
        return expression
    if not signed:
        return (
            f"floor({expression} + 0.5)"
            if step == 1
            else f"floor(({expression} + {step}) / {step} + 0.5) * {step} - {step}"
        )
    up, down = f"floor(({expression}) / {step} + 0.5)", f"ceiling(({expression}) / {step} - 0.5)"
    return f"(max([{up}, 0]) + min([{down}, 0])) * {step}"
