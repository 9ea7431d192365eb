"""From a network to a junction tree: the order in which tables are multiplied and summed out.

Moral graph, triangulated by greedy elimination (least resulting table first; Kjaerulff 1990), maximal cliques
joined by the largest separators (Jensen & Jensen 1994). Small neighbours are then merged: at run time a call
of numpy costs more than the few products that it adds. Deterministic: ties go by name.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from ..errors import Unsupported

MERGED_UP_TO: Final = 256  # entries of a merged clique; of 16 to 1024 the fastest on random networks of 22 nodes
LARGEST_CLIQUE: Final = 2_000_000  # entries: 16 MB, beyond which an answer would take tens of milliseconds
MOST_AXES: Final = 25  # a clique's axes are named by letters
MOST_CHILDREN: Final = 8


@dataclass(frozen=True, slots=True)
class Clique:
    """Nodes that are held together. ``families``: nodes whose table is multiplied in here; ``observed``: those whose
    evidence enters here. ``parent``: position of the next clique towards the root, -1 at the root."""

    nodes: tuple[str, ...]
    families: tuple[str, ...] = ()
    observed: tuple[str, ...] = ()
    parent: int = -1


@dataclass(frozen=True, slots=True)
class Shape:
    """What the plan depends on: nodes, their parents, how many states each has, and the target."""

    parents: Mapping[str, tuple[str, ...]]
    states: Mapping[str, int]
    target: str

    def size(self, nodes: frozenset[str]) -> int:
        """Entries of a table over those nodes."""
        return math.prod(self.states[n] for n in nodes)


def junction_tree(shape: Shape) -> tuple[Clique, ...]:
    """The cliques, children before parents; the last is the root and holds the target.

    Raises:
        Unsupported: a clique would be too large to answer quickly.
    """
    cliques = _maximal(_eliminated(shape))
    for clique in cliques:
        if shape.size(clique) > LARGEST_CLIQUE or len(clique) > MOST_AXES:
            found = f"{len(clique)} nodes that depend on each other ({', '.join(sorted(clique))})"
            raise Unsupported("network", "parents", found, f"{LARGEST_CLIQUE} entries", "Use fewer parents or states.")
    root = min((c for c in cliques if shape.target in c), key=lambda c: (shape.size(c), sorted(c)))
    above = _relayed(_merged(_joined(cliques, root), shape))
    return _placed(above, shape)


def _eliminated(shape: Shape) -> list[frozenset[str]]:
    """The clique of each node at its elimination."""
    near: dict[str, set[str]] = {n: set() for n in shape.parents}
    for node, parents in shape.parents.items():
        for a, b in itertools.permutations((node, *parents), 2):
            near[a].add(b)
    found = []
    while near:
        node = min(near, key=lambda n: (shape.size(frozenset(near[n] | {n})), n))
        around = near.pop(node)
        found.append(frozenset(around | {node}))
        for a in around:
            near[a] |= around - {a}
            near[a].discard(node)
    return found


def _maximal(cliques: list[frozenset[str]]) -> list[frozenset[str]]:
    return [c for i, c in enumerate(cliques) if not any(c < o or (c == o and i > j) for j, o in enumerate(cliques))]


Links = list[tuple[frozenset[str], int]]  # (clique, position of its parent), parents first


def _joined(cliques: list[frozenset[str]], root: frozenset[str]) -> Links:
    """A spanning tree of greatest separators, grown from the root (Prim)."""
    tree, left = [(root, -1)], [c for c in cliques if c != root]
    while left:
        i, clique = max(
            ((i, c) for i in range(len(tree)) for c in left),
            key=lambda pair: (len(tree[pair[0]][0] & pair[1]), -pair[0], -left.index(pair[1])),
        )
        tree.append((clique, i))
        left.remove(clique)
    return tree


def _merged(tree: Links, shape: Shape) -> Links:
    """Parent and child, or two children of one parent, become one while the result stays small."""
    while True:
        pairs = [(i, p) for i, (_, p) in enumerate(tree) if p >= 0]
        pairs += [(b, a) for (a, p), (b, q) in itertools.combinations(pairs, 2) if p == q]
        sized = [(shape.size(tree[a][0] | tree[b][0]), a, b) for a, b in pairs]
        size, gone, into = min(sized, default=(MERGED_UP_TO + 1, 0, 0))
        if size > MERGED_UP_TO:
            return tree
        tree = _as_one(tree, gone, into)


def _as_one(tree: Links, gone: int, into: int) -> Links:
    whole = [(c, into if p == gone else p) for c, p in tree]
    whole[into] = (tree[gone][0] | tree[into][0], tree[into][1])
    return _parents_first([w for w in enumerate(whole) if w[0] != gone])


def _parents_first(numbered: list[tuple[int, tuple[frozenset[str], int]]]) -> Links:
    place = {-1: -1}
    tree: Links = []
    while len(tree) < len(numbered):
        for number, (clique, parent) in numbered:
            if number not in place and parent in place:
                place[number] = len(tree)
                tree.append((clique, place[parent]))
    return tree


def _relayed(tree: Links) -> Links:
    """No clique has many children: what is too many hangs on a copy of it."""
    tree = list(tree)
    i = 0
    while i < len(tree):
        children = [j for j, (_, p) in enumerate(tree) if p == i]
        if len(children) > MOST_CHILDREN:
            tree.append((tree[i][0], i))
            for j in children[MOST_CHILDREN - 1 :]:
                tree[j] = (tree[j][0], len(tree) - 1)
            tree = _parents_first(list(enumerate(tree)))
        i += 1
    return tree


def _placed(tree: Links, shape: Shape) -> tuple[Clique, ...]:
    """Each table and each node's evidence in the smallest clique that has room; children first."""
    last = len(tree) - 1
    cliques = [Clique(tuple(sorted(c)), parent=last - p if p >= 0 else -1) for c, p in reversed(tree)]

    def smallest(nodes: set[str]) -> int:
        return min((shape.size(frozenset(c.nodes)), i) for i, c in enumerate(cliques) if nodes <= set(c.nodes))[1]

    for name, parents in shape.parents.items():
        i = smallest({name, *parents})
        cliques[i] = replace(cliques[i], families=(*cliques[i].families, name))
        i = smallest({name})
        cliques[i] = replace(cliques[i], observed=(*cliques[i].observed, name))
    return tuple(cliques)
