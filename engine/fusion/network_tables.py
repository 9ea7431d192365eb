"""The forms in which a node's table is written, and their expansion to plain tables.

A table has one axis for each parent, in the order of the file, and the node's own states last; each
line along the last axis sums to 1. A ``Parameter`` is one number of the form that has a range;
``table(moved)`` expands with some of them moved, which is all that the sensitivities need.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Moved = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Axis:
    """A parent, or the node itself, as a table sees it."""

    name: str
    states: tuple[str, ...]
    representative: tuple[float, ...] = ()

    def indices(self, said: Any) -> tuple[int, ...]:
        """The positions of a state, of several, or of all where nothing is said."""
        if said is None:
            return tuple(range(len(self.states)))
        return tuple(self.states.index(s) for s in ([said] if isinstance(said, str) else said))


@dataclass(frozen=True, slots=True)
class Parameter:
    """One uncertain number: its label within the node, value and range.

    ``affine``: the table is an affine function of it, so that a posterior, a ratio of two affine functions
    of it, is monotone and has its extremes at the ends of the range.
    """

    label: str
    value: float
    low: float
    high: float
    affine: bool = True


class Form(Protocol):
    """A way to write a table."""

    def parameters(self) -> Iterator[Parameter]:
        """The numbers that have a range."""

    def table(self, moved: Moved) -> Floats:
        """The plain table, with the named numbers at other values."""


@dataclass(frozen=True, slots=True)
class Line:
    """A distribution over a node's states; ``ranges``: (state's position, low, high)."""

    label: str
    axis: Axis
    p: tuple[float, ...]
    ranges: tuple[tuple[int, float, float], ...] = ()

    def parameters(self) -> Iterator[Parameter]:
        """One for each state with a range."""
        for i, low, high in self.ranges:
            yield Parameter(self._label(i), self.p[i], low, high)

    def at(self, moved: Moved) -> Floats:
        """The distribution. What is not moved keeps its proportions ("proportional covariation").

        Where several entries are moved and leave no room for the rest, the line is normalised.
        """
        p = np.array(self.p)
        values = {i: moved[self._label(i)] for i, _, _ in self.ranges if self._label(i) in moved}
        if not values:
            return p
        still = [i for i in range(len(p)) if i not in values]
        rest = 1 - math.fsum(values.values())
        p[list(values)] = list(values.values())
        p[still] *= max(rest, 0) / p[still].sum() if still and p[still].sum() > 0 else 0
        return np.asarray(p / p.sum())

    def _label(self, i: int) -> str:
        own = f"{self.axis.name}={self.axis.states[i]}"
        return f"{own} | {self.label}" if self.label else own


@dataclass(frozen=True, slots=True)
class Rows:
    """Written out: each row holds for some states of each parent."""

    parents: tuple[Axis, ...]
    rows: tuple[tuple[tuple[tuple[int, ...], ...], Line], ...]

    def parameters(self) -> Iterator[Parameter]:
        """Those of the rows."""
        for _, line in self.rows:
            yield from line.parameters()

    def table(self, moved: Moved) -> Floats:
        """Every combination that a row stands for gets its line."""
        shape = [len(a.states) for a in self.parents]
        table = np.full((*shape, len(self.rows[0][1].p)), np.nan)
        for when, line in self.rows:
            table[np.ix_(*when) if when else ...] = line.at(moved)
        return table


@dataclass(frozen=True, slots=True)
class NoisyMax:
    """Independent causes: P(X <= k) is the product of each cause's P(X <= k) (Diez 1993); two states are a noisy-or."""

    parents: tuple[Axis, ...]
    leak: Line
    links: Mapping[tuple[int, int], Line]  # (position of the parent, of its state)

    def parameters(self) -> Iterator[Parameter]:
        """Those of the leak and of the links."""
        for line in (self.leak, *self.links.values()):
            yield from line.parameters()

    def table(self, moved: Moved) -> Floats:
        """Products of cumulative distributions, taken apart again."""
        up_to = _up_to(self.leak.at(moved))
        shape = [len(a.states) for a in self.parents]
        total = np.broadcast_to(up_to, (*shape, len(up_to))).copy()
        for (parent, state), line in self.links.items():
            total[(slice(None),) * parent + (state,)] *= _up_to(line.at(moved))
        return np.diff(total, axis=-1, prepend=0.0)


def _up_to(p: Floats) -> Floats:
    """P(X <= k): exactly 1 from the last state that is possible on, so that what is impossible stays exactly 0."""
    found = np.minimum(np.cumsum(p), 1.0)
    found[np.flatnonzero(p)[-1] :] = 1.0
    return found


@dataclass(frozen=True, slots=True)
class Effect:
    """A term of a logistic form: what each state of one parent adds, times ``weight``."""

    label: str
    parent: int
    of_state: tuple[float, ...]
    times: float
    range: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Logistic:
    """Log-odds of states against the reference state. ``odds``: own state, intercept and terms (the intercept's
    parent is -1)."""

    parents: tuple[Axis, ...]
    states: int
    odds: tuple[tuple[int, tuple[Effect, ...]], ...]

    def parameters(self) -> Iterator[Parameter]:
        """Intercepts and coefficients that have a range."""
        for _, effects in self.odds:
            yield from (Parameter(e.label, e.times, *e.range, affine=False) for e in effects if e.range)

    def table(self, moved: Moved) -> Floats:
        """The softmax of the log-odds, the reference at 0."""
        shape = [len(a.states) for a in self.parents]
        scores = np.zeros((*shape, self.states))
        for state, effects in self.odds:
            for e in effects:
                scores[..., state] += moved.get(e.label, e.times) * self._along(e)
        odds = np.exp(scores - scores.max(axis=-1, keepdims=True))
        return np.asarray(odds / odds.sum(axis=-1, keepdims=True))

    def _along(self, effect: Effect) -> Floats:
        if effect.parent < 0:
            return np.array(effect.of_state[0])
        axes = [1] * len(self.parents)
        axes[effect.parent] = -1
        return np.array(effect.of_state).reshape(axes)


def form_of(node: Mapping[str, Any], own: Axis, parents: tuple[Axis, ...]) -> Form:
    """The form that a checked file gives for one node."""
    if node["noisy_or"]:
        return _noisy_or(node["noisy_or"], own, parents)
    if node["noisy_max"]:
        return _noisy_max(node["noisy_max"], own, parents)
    if node["logistic"]:
        return _logistic(node["logistic"], own, parents)
    return Rows(parents, tuple(_row(row, own, parents) for row in node["table"]))


def _line(label: str, own: Axis, given: Mapping[str, Any]) -> Line:
    ranges = tuple((own.states.index(state), *ends) for state, ends in given["ranges"].items())
    return Line(label, own, tuple(given["p"]), ranges)


def _row(row: Mapping[str, Any], own: Axis, parents: tuple[Axis, ...]) -> tuple[tuple[tuple[int, ...], ...], Line]:
    when = tuple(axis.indices(row["when"].get(axis.name)) for axis in parents)
    words = (f"{name}={s if isinstance(s, str) else '/'.join(s)}" for name, s in row["when"].items())
    return when, _line(", ".join(words), own, row)


def _noisy_or(given: Mapping[str, Any], own: Axis, parents: tuple[Axis, ...]) -> NoisyMax:
    def line(number: Mapping[str, Any]) -> dict[str, Any]:
        effect, ends = number["value"], number["range"]
        return {"p": (1 - effect, effect), "ranges": {own.states[1]: ends} if ends else {}}

    links = {parent: {s: line(n) for s, n in by_state.items()} for parent, by_state in given["links"].items()}
    return _noisy_max({"leak": line(given["leak"]), "links": links}, own, parents)


def _noisy_max(given: Mapping[str, Any], own: Axis, parents: tuple[Axis, ...]) -> NoisyMax:
    links = {
        (i, axis.states.index(state)): _line(f"{axis.name}={state} alone", own, line)
        for i, axis in enumerate(parents)
        for state, line in given["links"].get(axis.name, {}).items()
    }
    return NoisyMax(parents, _line("no cause", own, given["leak"]), links)


def _logistic(given: Mapping[str, Any], own: Axis, parents: tuple[Axis, ...]) -> Logistic:
    odds = []
    for state, entry in given.items():
        number = entry["intercept"]
        intercept = Effect(
            f"{state}: intercept", -1, (1.0,), number["value"], number["range"] and tuple(number["range"])
        )
        effects = (_effect(f"{own.name}={state}", i, term, parents) for i, term in enumerate(entry["terms"]))
        odds.append((own.states.index(state), (intercept, *effects)))
    return Logistic(parents, len(own.states), tuple(odds))


def _effect(of: str, number: int, term: Mapping[str, Any], parents: tuple[Axis, ...]) -> Effect:
    position = next(i for i, axis in enumerate(parents) if axis.name == term["of"])
    axis, times = parents[position], term["times"]
    if term["is"] is not None:
        chosen = axis.indices(term["is"])
        values = tuple(float(i in chosen) for i in range(len(axis.states)))
        says = f"{axis.name}={'/'.join(axis.states[i] for i in chosen)}"
    else:
        values, says = tuple(transformed(x, term) for x in axis.representative), axis.name
    return Effect(
        f"{of}: {says} (term {number + 1})", position, values, times["value"], times["range"] and tuple(times["range"])
    )


def transformed(value: float, term: Mapping[str, Any]) -> float:
    """(value / per) ^ power - less, of the logarithm to base 10 where the term says so."""
    scaled = value / term["per"]
    return float((math.log10(scaled) if term["log10"] else scaled) ** term["power"] - term["less"])
