"""The message of one clique: its table times all that enters it, summed out to what its parent shares with it.

For one exam and a small table that is one call of ``numpy.einsum``, for a call costs more than its products. A large
table, or many exams, are a product of matrices: the table's columns stand for the nodes whose evidence can be
multiplied with each other before the table is met, its rows for the others.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from .network_tables import Floats

Scope = tuple[str, ...]  # nodes, one for each axis
Aligned = tuple[int, tuple[slice | None, ...]]  # an operand, and where its axes stand among those of an array
ONE_CALL_UP_TO: Final = 512  # entries of a table; beyond it two calls are faster than one (measured on the networks)


@dataclass(frozen=True, slots=True)
class Message:
    """``scope``: the axes of the clique's table, ``rows`` (how many states each has) first, then the columns.

    ``inner``: operands over columns alone, ``outer``: the others; ``summed``: the rows that the parent does not share.
    """

    scope: Scope
    in_one_call: str
    rows: tuple[int, ...]
    columns: int
    inner: tuple[Aligned, ...]
    outer: tuple[Aligned, ...]
    summed: tuple[int, ...]
    small: bool

    def one(self, table: Floats, operands: Sequence[Floats]) -> Floats:
        """For one exam: the arrays have no axis but those of their nodes."""
        if self.small:
            return np.asarray(np.einsum(self.in_one_call, table, *operands))
        return np.asarray(self.many(table, [o[..., None] for o in operands])[..., 0])

    def many(self, table: Floats, operands: Sequence[Floats]) -> Floats:
        """For many exams: each operand has a last axis for them, of length 1 where it is the same for all.

        The table may have one, too (many tables)."""
        matrix = table.reshape(-1, self.columns, *table.shape[len(self.scope) :])
        found = _summed_out(matrix, _product(operands, self.inner)) if self.inner else matrix[:, 0]
        found = found.reshape(*self.rows, -1)
        for i, at in self.outer:
            found = found * operands[i][at]
        return found.sum(axis=self.summed) if self.summed else found


def planned(nodes: Scope, entering: Sequence[Scope], onto: Scope, states: Mapping[str, int]) -> Message:
    """How the table over ``nodes`` meets operands over the scopes ``entering``. All scopes have one order of nodes."""
    rows = _rows(nodes, entering, onto)
    columns = tuple(n for n in nodes if n not in rows)
    inner = [i for i, scope in enumerate(entering) if set(scope) <= set(columns)]
    outer = [i for i in range(len(entering)) if i not in inner]
    return Message(
        scope=(*rows, *columns),
        in_one_call=expression(((*rows, *columns), *entering), onto),
        rows=tuple(states[n] for n in rows),
        columns=_entries(columns, states),
        inner=tuple((i, aligned(entering[i], columns)) for i in inner),
        outer=tuple((i, aligned(entering[i], rows)) for i in outer),
        summed=tuple(k for k, n in enumerate(rows) if n not in onto),
        small=_entries(nodes, states) <= ONE_CALL_UP_TO,
    )


@lru_cache(maxsize=4096)
def expression(scopes: tuple[Scope, ...], onto: Scope) -> str:
    """The einsum expression for arrays over those nodes.

    >>> expression((("a", "b"), ("b",)), ("a",))
    'ab...,b...->a...'
    """
    letters = {name: chr(97 + i) for i, name in enumerate(dict.fromkeys(n for scope in scopes for n in scope))}
    left = ",".join("".join(letters[n] for n in scope) + "..." for scope in scopes)
    return f"{left}->{''.join(letters[n] for n in onto)}..."


def contracted(operands: Sequence[tuple[Scope, Floats]], onto: Scope) -> Floats:
    """The product of the operands, summed over all nodes but ``onto``."""
    scopes = tuple(scope for scope, _ in operands)
    return np.asarray(np.einsum(expression(scopes, onto), *[array for _, array in operands]))


def aligned(scope: Scope, axes: Scope) -> tuple[slice | None, ...]:
    """An index that gives an array over ``scope`` the axes ``axes``, of length 1 where it does not depend on them.

    >>> aligned(("b",), ("a", "b"))
    (None, slice(None, None, None))
    """
    return tuple(slice(None) if n in scope else None for n in axes)


def _rows(nodes: Scope, entering: Sequence[Scope], onto: Scope) -> Scope:
    """What cannot be summed out by one product of matrices: nodes that the parent shares, or for which nothing
    enters, and those that share an operand with one of these."""
    rows = {*onto, *nodes}.difference(*(set(scope) - set(onto) for scope in entering))
    while more := {n for scope in entering if rows.intersection(scope) for n in scope} - rows:
        rows |= more
    return tuple(n for n in nodes if n in rows)


def _product(operands: Sequence[Floats], places: Sequence[Aligned]) -> Floats:
    first, at = places[0]
    found = operands[first][at]
    for i, at in places[1:]:
        found = found * operands[i][at]
    return found


def _summed_out(matrix: Floats, weights: Floats) -> Floats:
    """``matrix`` (rows, columns) or, many tables, (rows, columns, tables); ``weights`` (columns' axes ..., exams)."""
    flat = weights.reshape(matrix.shape[1], -1)
    return np.asarray(matrix @ flat if matrix.ndim == 2 else np.einsum("rc...,c...->r...", matrix, flat))


def _entries(nodes: Scope, states: Mapping[str, int]) -> int:
    return math.prod(states[n] for n in nodes)
