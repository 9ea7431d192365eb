"""A Bayesian network as the engine holds it: nodes, tables, where evidence comes from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .network_tables import Axis, Floats, Form, Parameter, form_of


@dataclass(frozen=True, slots=True)
class Feed:
    """A fact that speaks of a node. ``place``: patient, finding, exam or count. ``values``: which states each
    value means (empty for a quantity, which is cut). ``training_prior``: of the net that states the fact."""

    place: str
    name: str
    values: Mapping[str, tuple[str, ...]]
    not_applicable: tuple[str, ...] = ()
    training_prior: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """One variable. ``table``: (parents' states ..., own states), lines sum to 1.

    ``edges``: of a continuous quantity, the ends of its states in ``unit``, from the least to the greatest
    value (one more than there are states); empty otherwise.
    """

    name: str
    doc: str
    group: str
    states: tuple[str, ...]
    parents: tuple[str, ...]
    table: Floats
    form: Form
    sources: tuple[str, ...]
    derivation: str
    mark: str
    unit: str = ""
    edges: tuple[float, ...] = ()
    representative: tuple[float, ...] = ()
    equivalent_cases: float | None = None
    feeds: tuple[Feed, ...] = ()

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The numbers of the table that have a range."""
        return tuple(self.form.parameters())


@dataclass(frozen=True, slots=True)
class Threshold:
    """A probability of the target's state at which the management changes."""

    at: float
    means: str
    source: str


@dataclass(frozen=True, slots=True)
class NotFor:
    """A fact whose being one of ``values``, or none of ``but``, leaves no answer; ``says`` why. Values are text."""

    place: str
    name: str
    values: tuple[str, ...]
    but: tuple[str, ...]
    says: str

    def meets(self, value: str) -> bool:
        """Whether that value leaves no answer."""
        return value in self.values if self.values else value not in self.but


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """A whole network; ``nodes`` in the order of the file. ``target`` and ``state``: whose probability is the risk."""

    id: str
    version: str
    title: str
    status: str
    intended_use: str
    population: str
    target: str
    state: str
    nodes: Mapping[str, Node]
    thresholds: tuple[Threshold, ...]
    sources: Mapping[str, str]
    not_for: tuple[NotFor, ...] = ()

    @property
    def target_node(self) -> Node:
        """The node that is asked for."""
        return self.nodes[self.target]


def network_of(document: Mapping[str, Any], tables: Mapping[str, Floats] | None = None) -> Network:
    """The network of a checked document, with its expanded tables where they are at hand."""
    nodes = {name: _node(name, document["nodes"], (tables or {}).get(name)) for name in document["nodes"]}
    head = {k: document[k] for k in ("id", "version", "title", "status", "intended_use", "population")}
    return Network(
        **head,
        target=document["target"]["node"],
        state=document["target"]["state"],
        nodes=nodes,
        thresholds=tuple(Threshold(t["at"], t["means"], t["source"]) for t in document["thresholds"]),
        sources=document["sources"],
        not_for=tuple(map(_not_for, document["not_for"])),
    )


def _not_for(entry: Mapping[str, Any]) -> NotFor:
    place = next(p for p in ("patient", "finding", "exam") if entry[p] is not None)
    return NotFor(place, entry[place], _texts(entry["values"]), _texts(entry["but"]), entry["says"])


def _texts(values: Iterable[bool | str]) -> tuple[str, ...]:
    return tuple(str(v).lower() if isinstance(v, bool) else v for v in values)


def _node(name: str, all_nodes: Mapping[str, Any], table: Floats | None) -> Node:
    node = all_nodes[name]
    own = _axis(name, node)
    form = form_of(node, own, tuple(_axis(p, all_nodes[p]) for p in node["parents"]))
    table = form.table({}) if table is None else table
    table.flags.writeable = False
    low, high = node["range"] or (None, None)
    return Node(
        name=name,
        doc=node["doc"],
        group=node["group"],
        states=own.states,
        parents=tuple(node["parents"]),
        table=table,
        form=form,
        sources=tuple(node["source"]),
        derivation=node["derivation"],
        mark=node["mark"],
        unit=node["unit"],
        edges=(low, *node["cuts"], high) if low is not None and high is not None else (),
        representative=own.representative,
        equivalent_cases=node["equivalent_cases"],
        feeds=tuple(_feed(f) for f in node["feeds"]),
    )


def _axis(name: str, node: Mapping[str, Any]) -> Axis:
    return Axis(name, tuple(node["states"]), tuple(node["representative"]))


def _feed(feed: Mapping[str, Any]) -> Feed:
    place = next(p for p in ("patient", "finding", "exam", "count") if feed[p] is not None)
    prior = feed["training_prior"] or {"p": ()}
    values = {str(value): _states(said) for value, said in feed["values"].items()}
    return Feed(place, feed[place], values, _states(feed["not_applicable"]), tuple(prior["p"]))


def _states(said: Any) -> tuple[str, ...]:
    if said is None:
        return ()
    return (said,) if isinstance(said, str) else tuple(said)
