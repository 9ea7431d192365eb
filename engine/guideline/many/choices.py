"""Completions of rows: values that unknown measurements could have, so that each shows a patient that can be.

A completed row is a patient that there can be. The completions lie on and beside each cut, and where two
measurements differ by just a cut, so that together they reach every combination of cells that any patient reaches.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from ..load import Guideline
from ..tables import NOT_APPLICABLE, Stage
from .columns import Column, Flags, Numbers, Past, Whole, ticks

STEP = ticks(Decimal("0.1"))
MOST = 5_000  # completions of one row; beyond, its numbers stay independent: a wider answer, never a narrower one


@dataclass(frozen=True, slots=True, order=True)
class Link:
    """A value that lies at a cut from another measurement: ``times`` that one, ``plus`` units of a column."""

    other: str
    times: float
    plus: int


@dataclass(frozen=True, slots=True)
class Choices:
    """The ways to choose each measurement: at fixed values, and at a cut from another one."""

    fixed: Mapping[str, Sequence[int]]
    near: Mapping[str, Sequence[int]]  # those of them that suffice where all that it is linked to is known
    linked: Mapping[str, Sequence[Link]]
    range: Mapping[str, tuple[int, int]]
    absent: frozenset[str]  # those that may be not applicable
    alone: frozenset[str]  # those that only one number rests on, and nothing else: it can have any cell
    stands: Mapping[str, str]  # what is known of a measurement also where it was stated another way
    beside: tuple[int, ...]  # how far off a cut a value is surely on its other side, too, after rounding


def measurement(guideline: Guideline, name: str) -> str | None:
    """The one input that can stand for a number, of several ways to state it the first; None where it rests on two."""
    definition = guideline.numbers[name]
    if definition.get("input") == name:
        return name
    if "same_cuts" in definition:
        return measurement(guideline, definition["same_cuts"]["first"])
    given = definition.get("input") or next(iter(definition.get("either", ())), None)
    return measurement(guideline, given) if given is not None else None


def choices(guideline: Guideline, stage: Stage) -> Choices:
    """The ways to choose each measurement that the numbers of a stage rest on."""
    cuts: dict[str, set[int]] = {}
    near: dict[str, set[int]] = {}
    steps = {STEP, *(ticks(n["round"]) for n in guideline.numbers.values() if "round" in n)}
    beside = tuple(sorted({0, *steps, *(-step for step in steps)}))
    links: dict[str, set[Link]] = {}
    for variable in stage.variables:
        for cut, strict in variable.cuts.points if variable.cuts is not None else ():
            for name, link in _on_cut(guideline, variable.name, ticks(cut)):
                if isinstance(link, Link):
                    links.setdefault(name, set()).add(link)
                else:
                    cuts.setdefault(name, set()).add(link)
                    near.setdefault(name, set()).update(
                        link + side for side in beside if not side or (side > 0) == strict
                    )
    for name, link in _bounds(guideline, {*cuts, *links}):
        links.setdefault(name, set()).add(link)
    fixed, close, limits = dict[str, list[int]](), dict[str, list[int]](), dict[str, tuple[int, int]]()
    for name in sorted(cuts | links | {n: () for v in stage.variables for n in _dating(guideline, v.name)}):
        far = {
            round(link.times * c / STEP) * STEP + link.plus
            for link in links.get(name, ())
            for c in cuts.get(link.other, ())
        }
        low, high = limits[name] = tuple(ticks(x) for x in guideline.numbers[name]["range"])  # type: ignore[assignment]
        values = near.get(name, set()) | {c + b for c in far for b in beside} or {low, high}
        fixed[name] = sorted(x for x in values if low <= x <= high)
        close[name] = sorted(x for x in near.get(name, {low, high}) if low <= x <= high)
    tied = {
        name: sorted(link for link in found if link.other in fixed or "." in link.other)
        for name, found in links.items()
    }
    inputs = {n: guideline.inputs[n][1] for n in fixed}
    absent = frozenset(n for n, i in inputs.items() if i.get("absent") == NOT_APPLICABLE)
    return Choices(
        fixed, close, tied, limits, absent, _alone(guideline, stage, links, absent), _stands(guideline, fixed), beside
    )


def _alone(
    guideline: Guideline, stage: Stage, links: Mapping[str, Iterable[Link]], absent: frozenset[str]
) -> frozenset[str]:
    """The measurements that one tested number rests on, with nothing else, and that bound nothing.

    One that cannot be n/a where its number can is none of these: it must be chosen.
    """
    tested = [v for v in stage.variables if v.cuts is not None]
    resting = [guideline.behind[v.name] for v in tested]
    tied = {*links, *(link.other for found in links.values() for link in found)}
    bound = {limit[k] for limit in guideline.document["inputs"].get("at_most", ()) for k in ("small", "large")}
    tied |= {name for v in tested if NOT_APPLICABLE in v.domain for name in guideline.behind[v.name] - absent}
    tied |= {name for number in bound for name in guideline.behind.get(number, frozenset({number}))}
    once = [names for names in resting if len(names) == 1 and sum(bool(names & other) for other in resting) == 1]
    return frozenset(name for names in once for name in names) - tied


def _stands(guideline: Guideline, measured: Iterable[str]) -> dict[str, str]:
    """For measurements that can be stated in several ways the number that all of these give."""
    either = {measurement(guideline, n): n for n, d in guideline.numbers.items() if "either" in d}
    return {name: either[name] for name in measured if name in either}


def stated(numbers: Numbers, ways: Choices) -> dict[str, Column]:
    """What is known of each measurement, in whatever way it was stated."""
    found = {name: numbers.inputs[name] for name in ways.fixed}
    for name, number in ways.stands.items():
        one, whole = found[name], numbers.of(number)
        other = ~one.known & whole.known
        found[name] = Column(np.where(other, whole.value, one.value), one.known | other, one.absent & ~other)
    return found


def _on_cut(guideline: Guideline, name: str, cut: int) -> Iterator[tuple[str, Link | int]]:
    """(measurement, value or link) that put a number on a cut."""
    definition, alone = guideline.numbers[name], measurement(guideline, name)
    if alone is not None:
        yield alone, cut
    linked = definition.get("largest_increase")
    names = (
        (linked["now"], linked["prior"]) if linked else definition.get("difference") or definition.get("percent_change")
    )
    now, before = (measurement(guideline, n) for n in names) if names else (None, None)
    if now is not None and before is not None and "percent_change" in definition:
        rate = 1 + cut / ticks(100)
        yield now, Link(before, rate, 0)
        yield from ((before, Link(now, 1 / rate, 0)) for _ in range(rate > 0))
    elif now is not None and before is not None:
        yield now, Link(before, 1.0, cut)
        yield before, Link(now, 1.0, -cut)
    if linked and now is not None:
        yield now, Link(f"{linked['history']}.size", 1.0, cut)
    listed = linked or definition.get("count_exams")
    if listed and (before := measurement(guideline, listed["prior"])):
        yield before, Link(f"{listed['history']}.size", 1.0, 0)
    if listed and (months := measurement(guideline, listed["interval"])):
        yield months, Link(f"{listed['history']}.months", 1.0, 0)
    if linked and "within_months" in linked and (months := measurement(guideline, linked["interval"])):
        yield months, ticks(linked["within_months"])


def _dating(guideline: Guideline, name: str) -> Iterator[str]:
    """The measurement that says how old the prior of a number is."""
    months = guideline.numbers[name].get("largest_increase", {}).get("interval") if name in guideline.numbers else None
    found = measurement(guideline, months) if months is not None else None
    yield from () if found is None else (found,)


def _bounds(guideline: Guideline, tested: set[str]) -> Iterator[tuple[str, Link]]:
    """What bounds each other may be equal."""
    for limit in guideline.document["inputs"].get("at_most", ()):
        small, large = (measurement(guideline, limit[k]) for k in ("small", "large"))
        if small in tested and large in tested and small and large:
            yield small, Link(large, 1.0, 0)
            yield large, Link(small, 1.0, 0)


def expanded(
    columns: Mapping[str, Column], unknown: Mapping[str, Flags], ways: Choices
) -> tuple[Mapping[str, Column], NDArray[np.intp], Flags]:
    """Rows with every value of what is ``unknown``; the row that each came from; and the rows that have too many."""
    count, later = completions(columns, unknown, ways)
    many = count > MOST
    place = np.flatnonzero(~many)
    columns = {n: c.taken(place) for n, c in columns.items()}
    for name, open_ in unknown.items():
        if open_[place].any():
            taken, value, absent = _values(name, open_[place], later[name][place], columns, ways)
            columns = {n: c.taken(taken) for n, c in columns.items()}
            columns[name] = _stated(columns[name], value, open_[place][taken], absent)
            place = place[taken]
    return columns, place, many


def completions(
    columns: Mapping[str, Column], unknown: Mapping[str, Flags], ways: Choices
) -> tuple[NDArray[np.float64], Mapping[str, Flags]]:
    """How many completions each row has; and where a measurement is chosen before another that it is linked to."""
    count, later = np.ones(len(next(iter(columns.values())).value)), dict[str, Flags]()
    for name, open_ in unknown.items():
        others = [item for link in ways.linked.get(name, ()) for item in _others(link, columns)]
        ties = sum((c.known | unknown.get(n, c.known) for n, c in others), start=np.zeros(len(count), np.intp))
        later[name] = _later(name, unknown, ways, [*later, name])
        fixed = np.where(later[name], len(ways.fixed[name]), len(ways.near[name]))
        count *= np.where(open_, fixed + len(ways.beside) * ties + (name in ways.absent), 1)
    return count, later


def _later(name: str, unknown: Mapping[str, Flags], ways: Choices, chosen: Sequence[str]) -> Flags:
    """The rows where something that a measurement is linked to is still to be chosen."""
    others = {link.other for link in ways.linked.get(name, ())} - {*chosen}
    found: Flags = np.any([np.zeros_like(unknown[name]), *(unknown[n] for n in others if n in unknown)], axis=0)
    return found


def _stated(column: Column, value: Whole, here: Flags, absent: Flags) -> Column:
    value, known = np.where(here, value, column.value), np.where(here, ~absent, column.known)
    return Column(value, known, np.where(here, absent, column.absent))


def _others(link: Link, columns: Mapping[str, Column]) -> Iterator[tuple[str, Column]]:
    """The columns that a link leans on: a measurement, or that of each older exam."""
    yield from ((n, c) for n, c in columns.items() if n == link.other or n.startswith(f"{link.other}["))


def _values(
    name: str, open_: Flags, later: Flags, columns: Mapping[str, Column], ways: Choices
) -> tuple[NDArray[np.intp], Whole, Flags]:
    """(row, value, not applicable) of every way to state a measurement where it is open; the other rows once."""
    here, shut = np.flatnonzero(open_), np.flatnonzero(~open_)
    rows, values = [shut], [np.zeros(len(shut), np.int64)]
    for fixed, some in ((ways.fixed[name], open_ & later), (ways.near[name], open_ & ~later)):
        chosen = np.flatnonzero(some)
        rows.append(np.repeat(chosen, len(fixed)))
        values.append(np.tile(np.array(fixed, np.int64), len(chosen)))
    for link in ways.linked.get(name, ()):
        for _, other in _others(link, columns):
            tied = here[other.known[here]]
            at_cut = _linked(link, other.value[tied])
            rows += [tied] * len(ways.beside)
            values += [at_cut + beside for beside in ways.beside]
    none = here if name in ways.absent else here[:0]
    absent = np.arange(sum(map(len, rows)) + len(none)) >= sum(map(len, rows))
    value = np.concatenate([*values, np.zeros(len(none), np.int64)])
    return np.concatenate([*rows, none]), np.clip(value, *ways.range[name]), absent


def _linked(link: Link, other: Whole) -> Whole:
    """The value at a cut from another one, on a tenth of the unit."""
    near: Whole = np.rint(link.times * other / STEP).astype(np.int64) * STEP + link.plus
    return near


def of_history(name: str, past: Past) -> dict[str, Column]:
    """Sizes and dates of older exams as columns that a measurement can lie at a cut from."""
    nothing = np.zeros(len(past.known), np.bool_)
    return {
        f"{name}.{what}[{k}]": Column(held[k], past.there[k], nothing)
        for what, held in (("size", past.size), ("months", past.months))
        for k in range(len(past.size))
    }
