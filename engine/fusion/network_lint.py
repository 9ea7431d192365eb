"""What the schema alone cannot see in a network's file: each complaint with its place, in words."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping

from .network_schema import Distribution, NetworkFile, Node, Number, Range, Row

LARGEST_TABLE = 100_000
Place = tuple[str | int, ...]
Complaint = tuple[Place, str, str]  # where, what was found, what is allowed


def lint(file: NetworkFile) -> Iterator[Complaint]:
    """Everything that is wrong. Structure first: what refers to nothing is not looked into further."""
    broken = list(_structure(file))
    yield from broken
    if broken:
        return
    for name, node in file.nodes.items():
        at: Place = ("nodes", name)
        yield from _quantity(at, node)
        yield from _own_table(at, node, file)
        yield from _feeds(at, node)
    yield from _sources(file)
    yield from _fed_once(file)


def _structure(file: NetworkFile) -> Iterator[Complaint]:
    if file.target.node not in file.nodes:
        yield ("target", "node"), f"the unknown node {file.target.node}", "a node of this file"
    elif file.target.state not in file.nodes[file.target.node].states:
        yield ("target", "state"), f"the unknown state {file.target.state}", "a state of the target"
    for name, node in file.nodes.items():
        if len(set(node.states)) < len(node.states):
            yield ("nodes", name, "states"), "the same state twice", "each state once"
        for at, found, allowed in _names(node, file.nodes):
            yield ("nodes", name, *at), found, allowed
    yield from _cycle(file.nodes)


def _names(node: Node, nodes: Mapping[str, Node]) -> Iterator[Complaint]:
    """Every parent and state that the node names."""
    if len(set(node.parents)) < len(node.parents):
        yield ("parents",), "the same parent twice", "each parent once"
    for parent in node.parents:
        if parent not in nodes:
            yield ("parents",), f"the unknown node {parent}", "a node of this file"
            return
    for at, parent, states in _parent_states(node):
        if parent not in node.parents:
            yield at, f"{parent}, which is no parent", "a parent of the node"
        elif unknown := [s for s in states if s not in nodes[parent].states]:
            yield at, f"the unknown state {unknown[0]} of {parent}", f"one of {', '.join(nodes[parent].states)}"
    for at, states in _own_states(node):
        if unknown := [s for s in states if s not in node.states]:
            yield at, f"the unknown state {unknown[0]}", f"one of {', '.join(node.states)}"


def _parent_states(node: Node) -> Iterator[tuple[Place, str, tuple[str, ...]]]:
    for i, row in enumerate(node.table):
        yield from ((("table", i, "when"), parent, _several(said)) for parent, said in row.when.items())
    for form in ("noisy_or", "noisy_max"):
        given = getattr(node, form)
        links = given.links if given else {}
        yield from (((form, "links", parent), parent, tuple(by_state)) for parent, by_state in links.items())
    for state, odds in node.logistic.items():
        for i, term in enumerate(odds.terms):
            yield ("logistic", state, "terms", i), term.of, _several(term.is_)


def _own_states(node: Node) -> Iterator[tuple[Place, tuple[str, ...]]]:
    yield ("logistic",), tuple(node.logistic)
    for at, line in _lines(node):
        yield (*at, "ranges"), tuple(line.ranges)
    for i, feed in enumerate(node.feeds):
        yield ("feeds", i), tuple(s for said in (*feed.values.values(), feed.not_applicable) for s in _several(said))


def _several(said: str | tuple[str, ...] | None) -> tuple[str, ...]:
    if said is None:
        return ()
    return (said,) if isinstance(said, str) else said


def _cycle(nodes: Mapping[str, Node]) -> Iterator[Complaint]:
    """What is left once nodes without parents, and then nodes without children, are taken away again and again."""
    left = {name: set(node.parents) & set(nodes) for name, node in nodes.items()}
    while free := [n for n in left if not left[n] & set(left) or not any(n in left[other] for other in left)]:
        for name in free:
            del left[name]
    if left:
        yield ("nodes", next(iter(left)), "parents"), f"a cycle among {', '.join(left)}", "parents before children"


def _quantity(at: Place, node: Node) -> Iterator[Complaint]:
    """Cut points, ends and representative values."""
    if node.representative and len(node.representative) != len(node.states):
        yield (*at, "representative"), f"{len(node.representative)} values", "one for each state"
    elif any(b <= a for a, b in itertools.pairwise(node.representative)):
        yield (*at, "representative"), "values that do not rise", "one inside each state, in order"
    if not node.cuts:
        if node.range or node.unit:
            yield at, "`range` or `unit` without `cuts`", "all three of a quantity, or none"
        return
    if node.range is None or not node.unit:
        yield at, "`cuts` without `range` and `unit`", "all three of a quantity, or none"
        return
    edges = (node.range[0], *node.cuts, node.range[1])
    if len(node.cuts) != len(node.states) - 1 or any(b <= a for a, b in itertools.pairwise(edges)):
        yield (*at, "cuts"), "cuts that do not rise within the range", "one between each two states, in order"
    elif any(not a <= x <= b for x, a, b in zip(node.representative, edges, edges[1:], strict=False)):
        yield (*at, "representative"), "a value outside its state", "one inside each state"


def _own_table(at: Place, node: Node, file: NetworkFile) -> Iterator[Complaint]:
    size = math.prod(len(file.nodes[n].states) for n in node.parents) * len(node.states)
    if size > LARGEST_TABLE:
        yield (*at, "parents"), f"{size} entries", f"at most {LARGEST_TABLE}: fewer parents or states"
        return
    if node.table:
        yield from _coverage(at, node, file.nodes)
    if node.noisy_or and len(node.states) != 2:
        yield (*at, "noisy_or"), f"{len(node.states)} states", "two; `noisy_max` takes more"
    if node.logistic:
        yield from _logistic(at, node, file.nodes)
    for place, line in _lines(node):
        yield from ((at + place + p, f, a) for p, f, a in _line(line, node))
        yield from ((at + place, f, a) for f, a in _honest(_mark(line, node), line))
    for place, number in _numbers(node):
        yield from ((at + place, f, a) for f, a in _number(number, node))


def _coverage(at: Place, node: Node, nodes: Mapping[str, Node]) -> Iterator[Complaint]:
    """Every combination of the parents' states is met by exactly one row."""
    met: dict[tuple[str, ...], int] = {}
    for i, row in enumerate(node.table):
        for combination in itertools.product(*(_several(row.when.get(p)) or nodes[p].states for p in node.parents)):
            if combination in met and met[combination] != i:
                yield (*at, "table", i), f"a second row for {_in_words(node, combination)}", "one row"
                return
            met[combination] = i
    for combination in itertools.product(*(nodes[p].states for p in node.parents)):
        if combination not in met:
            yield (*at, "table"), f"no row for {_in_words(node, combination)}", "one row"
            return


def _in_words(node: Node, combination: tuple[str, ...]) -> str:
    return ", ".join(f"{p}={s}" for p, s in zip(node.parents, combination, strict=True)) or "the node"


def _logistic(at: Place, node: Node, nodes: Mapping[str, Node]) -> Iterator[Complaint]:
    if len(node.logistic) != len(node.states) - 1:
        yield (*at, "logistic"), f"{len(node.logistic)} states", "all states but one, which is the reference"
    for state, odds in node.logistic.items():
        for i, term in enumerate(odds.terms):
            place = (*at, "logistic", state, "terms", i)
            values = nodes[term.of].representative
            if term.is_ is None and not values:
                yield place, f"{term.of} without `is`", "`is`, or `representative` values of that parent"
            if term.per == 0 or (
                term.is_ is None and not all(_defined(v / term.per, term.log10, term.power) for v in values)
            ):
                yield place, "a transform that some value of the parent does not have", "numbers that can be computed"


def _defined(value: float, log10: bool, power: float) -> bool:
    try:
        found = (math.log10(value) if log10 else value) ** power
    except (ValueError, ZeroDivisionError, OverflowError):
        return False
    return isinstance(found, float | int) and math.isfinite(found)


def _lines(node: Node) -> Iterator[tuple[Place, Distribution]]:
    yield from ((("table", i), row) for i, row in enumerate(node.table))
    if node.noisy_max:
        yield ("noisy_max", "leak"), node.noisy_max.leak
        for parent, by_state in node.noisy_max.links.items():
            yield from ((("noisy_max", "links", parent, s), line) for s, line in by_state.items())


def _numbers(node: Node) -> Iterator[tuple[Place, Number]]:
    if node.noisy_or:
        yield ("noisy_or", "leak"), node.noisy_or.leak
        for parent, by_state in node.noisy_or.links.items():
            yield from ((("noisy_or", "links", parent, s), number) for s, number in by_state.items())
    for state, odds in node.logistic.items():
        yield ("logistic", state, "intercept"), odds.intercept
        yield from ((("logistic", state, "terms", i, "times"), term.times) for i, term in enumerate(odds.terms))


def _line(line: Distribution, node: Node) -> Iterator[Complaint]:
    if len(line.p) != len(node.states):
        yield ("p",), f"{len(line.p)} numbers", "one for each state"
        return
    if any(not 0 <= x <= 1 for x in line.p):
        yield ("p",), "a number outside 0 to 1", "probabilities"
    if abs(math.fsum(line.p) - 1) > 1e-9:
        yield ("p",), f"a sum of {math.fsum(line.p):.12g}", "a sum of 1, to 1e-9"
    for state, ends in line.ranges.items():
        value = line.p[node.states.index(state)]
        if not 0 <= ends[0] <= value <= ends[1] <= 1 or value == 1:
            yield ("ranges", state), _in_range(value, ends), "0 to 1, holding the value, which is below 1"


def _in_range(value: float, ends: Range) -> str:
    return f"{value} in {ends[0]} to {ends[1]}"


def _mark(line: Distribution, node: Node) -> str:
    return line.mark or node.mark if isinstance(line, Row) else node.mark


def _honest(mark: str, line: Distribution) -> Iterator[tuple[str, str]]:
    certain = all(x in (0, 1) for x in line.p)
    if mark == "definition" and not certain:
        yield "a definition with a probability", "0 and 1 only, or another mark"
    if mark == "expert prior" and not certain and not line.ranges:
        yield "an expert prior without a range", "`ranges` for at least one state"


def _number(number: Number, node: Node) -> Iterator[tuple[str, str]]:
    probability, mark = node.noisy_or is not None, number.mark or node.mark
    if probability and not 0 <= number.value <= 1:
        yield f"{number.value}", "a probability"
    if number.range:
        low, high = number.range
        inside = low <= number.value <= high and (not probability or (low >= 0 and high <= 1 and number.value < 1))
        if not inside:
            yield _in_range(number.value, number.range), "a range that holds the value (0 to 1 for a probability)"
    elif mark == "expert prior" and not (probability and number.value in (0, 1)):
        yield "an expert prior without a range", "`{value: ..., range: [low, high]}`"
    if mark == "definition" and not (probability and number.value in (0, 1)):
        yield "a definition with a coefficient", "0 and 1 only, or another mark"


def _feeds(at: Place, node: Node) -> Iterator[Complaint]:
    for i, feed in enumerate(node.feeds):
        place = (*at, "feeds", i)
        if bool(feed.values) == bool(node.cuts):
            yield place, "`values` and `cuts` together, or neither", "`cuts` for a quantity, `values` otherwise"
        if feed.count is not None and not node.cuts:
            yield place, "a count for a node without `cuts`", "a node with `cuts`"
        prior = feed.training_prior
        if prior and (len(prior.p) != len(node.states) or min(prior.p) <= 0 or abs(math.fsum(prior.p) - 1) > 1e-9):
            yield (*place, "training_prior"), "no distribution over the states", "positive, in order, sum 1 to 1e-9"


def _sources(file: NetworkFile) -> Iterator[Complaint]:
    used: set[str] = set()
    for place, source in _cited(file):
        used.add(source)
        if source not in file.sources:
            yield place, f"the unknown source {source}", "a key of `sources`"
    for source in file.sources:
        if source not in used:
            yield ("sources", source), "a source that nothing cites", "sources that are used"


def _cited(file: NetworkFile) -> Iterator[tuple[Place, str]]:
    yield from ((("thresholds", i), t.source) for i, t in enumerate(file.thresholds))
    for name, node in file.nodes.items():
        at: Place = ("nodes", name)
        yield from (((*at, "source"), s) for s in node.source)
        yield from (((*at, "table", i), s) for i, row in enumerate(node.table) for s in row.source)
        yield from (((*at, "feeds", i), f.training_prior.source) for i, f in enumerate(node.feeds) if f.training_prior)


def _fed_once(file: NetworkFile) -> Iterator[Complaint]:
    """One fact on two nodes would be counted twice."""
    feeds = [(name, i, f.place) for name, node in file.nodes.items() for i, f in enumerate(node.feeds)]
    first: dict[tuple[str, str], str] = {}
    for name, i, place in feeds:
        if place in first:
            found = f"{' '.join(place)}, which feeds {first[place]} already"
            yield ("nodes", name, "feeds", i), found, "each fact once: evidence is never counted twice"
        first.setdefault(place, name)
