"""Random networks and evidence, and a truth that shares no code with the engine: the whole joint, written out."""

import itertools
import random
import re
from pathlib import Path

import numpy as np
import yaml

from radlogic.engine.fusion.compile_network import load_network, network_ids, pack, unpack
from radlogic.engine.fusion.evidence import Likelihood, OneOf
from radlogic.engine.fusion.network_schema import NetworkFile

PAGE = Path(__file__).resolve().parents[1] / "docs" / "networks.md"
STRUCTURES = ("chain", "tree", "star", "diamonds", "web")
SHIPPED = network_ids()


def example():
    """The content of the file that docs/networks.md shows."""
    return yaml.safe_load(example_text())


def example_text():
    return re.search(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)[1]


def compiled(content):
    """The compiled network of a file's content."""
    return unpack(pack(NetworkFile.model_validate(content).model_dump(mode="json", by_alias=True), "0" * 64))


def network(name):
    """A shipped network, the page's example, or a random one: ``structure-nodes-seed``, with ``-zeros`` behind it one
    in which much is impossible."""
    if name in SHIPPED:
        return load_network(name)
    if name == "example":
        return compiled(example())
    structure, nodes, seed, *zeros = name.split("-")
    return compiled(content(random.Random(int(seed)), int(nodes), structure, 0.3 * len(zeros)))  # noqa: S311  # no secrets


def content(chance, n, structure, zeros=0.0):
    """A network of ``n`` nodes. ``zeros``: how often a table's entry is 0."""
    states = [[f"s{k}" for k in range(chance.choice((2, 2, 2, 3, 3, 4)))] for _ in range(n)]
    parents = [_parents(chance, i, structure) for i in range(n)]
    nodes = {f"n{i}": _node(chance, i, states, parents[i], zeros) for i in range(n)}
    return {
        "id": "random",
        "version": "1",
        "title": "random",
        "status": "draft",
        "intended_use": "tests",
        "population": "none",
        "target": {"node": "n0" if structure == "star" else f"n{n // 3}", "state": "s1"},
        "sources": {"chance": "a seed"},
        "nodes": dict(chance.sample(list(nodes.items()), n)),
    }


def _parents(chance, i, structure):
    if i == 0:
        return []
    if structure == "chain":
        return [i - 1]
    if structure == "tree":
        return [chance.randrange(i)]
    if structure == "star":
        return [0]
    if structure == "diamonds":  # 0 -> 1, 2 -> 3 -> 4, 5 -> 6 ...
        return [i - 1, i - 2] if i % 3 == 0 else [i - i % 3]
    return chance.sample(range(max(0, i - 6), i), min(i, chance.choice((0, 1, 1, 2, 3))))


def _node(chance, i, states, parents, zeros):
    rows = []
    for combination in itertools.product(*(states[p] for p in parents)):
        weights = [0 if chance.random() < zeros else chance.random() ** 2 + 1e-3 for _ in states[i]]
        weights[chance.randrange(len(weights))] += 0.5
        p = [w / sum(weights) for w in weights]
        row = {"when": {f"n{parent}": s for parent, s in zip(parents, combination, strict=True)}, "p": p}
        if p[0] < 1:
            row["ranges"] = {"s0": [p[0] / 2, (1 + p[0]) / 2]}
        rows.append(row)
    return {
        "doc": "random",
        "group": "latent",
        "states": states[i],
        "parents": [f"n{p}" for p in parents],
        "source": ["chance"],
        "mark": "expert prior",
        "derivation": "drawn",
        "table": rows,
    }


def evidence(chance, network, share=0.5):
    """Hard, virtual and one-of evidence on about ``share`` of the nodes; the others are missing."""
    found = {}
    for node in network.nodes.values():
        if chance.random() >= share:
            continue
        kind = chance.random()
        if kind < 0.45:
            found[node.name] = chance.choice(node.states)
        elif kind < 0.9 or len(node.states) == 2:
            found[node.name] = Likelihood([1 - chance.random() * 0.999 for _ in node.states])
        else:
            found[node.name] = OneOf(tuple(chance.sample(node.states, 2)))
    return found


def patterns(network, n):
    """``n`` patterns of evidence, with 0.1 to 0.9 of the nodes spoken of; some may be impossible."""
    seeds = (random.Random(i) for i in range(n))  # noqa: S311  # no secrets
    return [evidence(chance, network, 0.1 + 0.8 * (i % 7) / 6) for i, chance in enumerate(seeds)]


def vector(node, piece):
    """The weights of a piece, state by state."""
    if isinstance(piece, Likelihood):
        return [float(v) for v in piece.values]
    chosen = piece.states if isinstance(piece, OneOf) else (piece,)
    return [float(s in chosen) for s in node.states]


def joint(network, evidence):
    """P(all nodes, evidence) written out: an axis for each node, in order. Every table is stretched to it."""
    places = {name: i for i, name in enumerate(network.nodes)}
    found = np.ones([len(n.states) for n in network.nodes.values()])
    for node in network.nodes.values():
        family = [places[n] for n in (*node.parents, node.name)]
        shape = [found.shape[i] if i in family else 1 for i in range(found.ndim)]
        found = found * np.transpose(node.table, np.argsort(family)).reshape(shape)
        if node.name in evidence:
            alone = [found.shape[i] if i == places[node.name] else 1 for i in range(found.ndim)]
            found = found * np.array(vector(node, evidence[node.name])).reshape(alone)
    return found


def summed(network, table, name):
    """The marginal of one node of a written-out joint."""
    place = list(network.nodes).index(name)
    return table.sum(axis=tuple(i for i in range(table.ndim) if i != place))
