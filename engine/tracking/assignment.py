"""How likely each pairing is when every lesion has at most one partner: summed over all assignments, exactly.

A current lesion is new or pairs with one prior lesion; a prior lesion left over is gone. An assignment weighs the
product of its parts, and the probability of a pair is the share of the weight of all assignments that hold it: the
association probabilities of joint probabilistic data association (Fortmann, Bar-Shalom and Scheffe, IEEE J Oceanic Eng
8:173-184, 1983). The sum has the structure of a permanent. It falls apart into groups that share no possible pair, and
within a group goes over the subsets of its smaller side: n 2^m steps instead of n! assignments.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

Floats = NDArray[np.float64]

POSSIBLE: Final = -20.0  # ln of a pair's odds against new and gone: below 2e-9 it joins no group and counts as 0
WIDEST: Final = 14  # lesions on the smaller side of a group; 2^14 subsets take some ms


@dataclass(frozen=True, slots=True, eq=False)
class Marginals:
    """``pairs`` (n, m): probability of each pair; ``new`` (n,), ``gone`` (m,): of having no partner.

    Rows with ``new`` and columns with ``gone`` sum to 1. ``unsolved``: rows whose group is too large to sum over; all
    of their probabilities, and those of the columns of that group, are NaN.
    """

    pairs: Floats
    new: Floats
    gone: Floats
    unsolved: tuple[int, ...] = ()


def marginals(odds: Floats) -> Marginals:
    """``odds`` (n, m): ln of the weight of a pair over that of its lesions being new and gone; -inf: impossible."""
    n, m = odds.shape
    pairs, unsolved = np.zeros((n, m)), []
    for rows, columns in _groups(odds > POSSIBLE):
        if min(len(rows), len(columns)) > WIDEST:
            pairs[np.ix_(rows, columns)] = np.nan
            unsolved += rows
            continue
        block = odds[np.ix_(rows, columns)]
        found = _summed(block) if len(columns) <= len(rows) else _summed(block.T).T
        pairs[np.ix_(rows, columns)] = found
    new, gone = 1 - pairs.sum(axis=1), 1 - pairs.sum(axis=0)
    return Marginals(pairs, np.clip(new, 0, 1), np.clip(gone, 0, 1), tuple(unsolved))


def _groups(possible: NDArray[np.bool_]) -> list[tuple[list[int], list[int]]]:
    """Rows and columns that possible pairs connect; those without any are in none."""
    n, m = possible.shape
    if not possible.any():
        return []
    at = np.argwhere(possible)
    graph = csr_matrix((np.ones(len(at)), (at[:, 0], n + at[:, 1])), shape=(n + m, n + m))
    count, label = connected_components(graph, directed=False)
    groups = [np.flatnonzero(label == k) for k in range(count)]
    return [([int(i) for i in g if i < n], [int(i) - n for i in g if i >= n]) for g in groups if len(g) > 1]


def _summed(odds: Floats) -> Floats:
    """Pair probabilities (rows, columns) of one group, by sums forward and backward over subsets of its columns."""
    rows, columns = odds.shape
    scale = np.maximum(odds.max(axis=1), 0.0)  # of each row, so that nothing overflows
    weight, none = np.exp(odds - scale[:, None]), np.exp(-scale)
    used = np.arange(2**columns)
    before = np.zeros((rows + 1, 2**columns))  # weight of the first rows using exactly a subset
    after = np.zeros((rows + 1, 2**columns))  # weight of the rows from here on, the subset being taken already
    before[0, 0], after[rows] = 1.0, 1.0
    for i in range(rows):
        before[i + 1] = before[i] * none[i]
        for j in range(columns):
            free = used[(used >> j) & 1 == 0]
            before[i + 1, free | 1 << j] += before[i, free] * weight[i, j]
        before[i + 1] /= (size := before[i + 1].max())
        scale[i] = size
    for i in range(rows - 1, -1, -1):
        after[i] = after[i + 1] * none[i]
        for j in range(columns):
            free = used[(used >> j) & 1 == 0]
            after[i, free] += after[i + 1, free | 1 << j] * weight[i, j]
        after[i] /= after[i].max()
    found = np.zeros(odds.shape)
    for i in range(rows):
        for j in range(columns):
            free = used[(used >> j) & 1 == 0]
            found[i, j] = float(before[i, free] @ after[i + 1, free | 1 << j]) * weight[i, j]
        alone = float(before[i] @ after[i + 1]) * none[i]
        found[i] /= found[i].sum() + alone
    return found
