"""From a network's file to what answers: expanded tables and the plan, as JSON named by the file's hash.

``python -m radlogic.engine.fusion.compile_network FOLDER`` writes one for each network, as a wheel ships them.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Hashable, Mapping
from dataclasses import asdict
from functools import lru_cache
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Final, cast

import numpy as np

from ..errors import MissingKnowledge
from ..resources import keep, knowledge_folder, user_cache
from .infer import CompiledNetwork
from .junction import Clique, Shape, junction_tree
from .network import network_of

FORMAT: Final = 3  # of the artefact and of how tables are expanded; part of its hash
Folder = Traversable | Path


def network_ids(folder: Folder | None = None) -> tuple[str, ...]:
    """The ids of the networks in the folder (the shipped ones by default), in order.

    Raises:
        MissingKnowledge: there are none.
    """
    where = folder or shipped()
    names = [f.name for f in where.iterdir()] if where.is_dir() else []
    found = sorted(n.removesuffix(".yaml") for n in names if n.endswith(".yaml"))
    if not found:
        raise MissingKnowledge("knowledge/networks", "", "no networks", "one file for each", "Reinstall radlogic.")
    return tuple(found)


def load_network(network_id: str, folder: Folder | None = None) -> CompiledNetwork:
    """The compiled network with that id: from the package, the user's cache, or compiled now.

    Raises:
        MissingKnowledge: no such network.
        RuleFileError, NetworkFileError: its file is broken.
        Unsupported: it is too large to be compiled.
    """
    where = folder or shipped()
    file = where / f"{network_id}.yaml"
    if not file.is_file():
        allowed = ", ".join(network_ids(where))
        raise MissingKnowledge("knowledge/networks", "", f"no network {network_id}", allowed, "Name one of them.")
    return _loaded(cast("Hashable", file), sha256_of(file.read_bytes()))


def shipped() -> Folder:
    """Where the product's networks are."""
    return knowledge_folder() / "networks"


def sha256_of(content: bytes) -> str:
    """The hash that names an artefact: of the file and of the artefact's format."""
    return hashlib.sha256(f"radlogic network {FORMAT}\n".encode() + content).hexdigest()


@lru_cache(maxsize=16)
def _loaded(file: Any, sha256: str) -> CompiledNetwork:
    for folder in (shipped() / "compiled", user_cache("networks")):
        if (net := _stored(folder / f"{sha256}.json", sha256)) is not None:
            return net
    packed = compiled(file)
    keep(user_cache("networks") / f"{sha256}.json", _text(packed))
    return unpack(packed)


def _stored(artefact: Folder, sha256: str) -> CompiledNetwork | None:
    """A damaged artefact, or one of another file, is as good as none: it is compiled and written anew."""
    if not artefact.is_file():
        return None
    try:
        net = unpack(json.loads(artefact.read_text(encoding="utf-8")))
    except (ValueError, LookupError, TypeError, AttributeError):
        return None
    return net if net.sha256 == sha256 else None


def compiled(file: Folder) -> dict[str, Any]:
    """The artefact of a network's file, as plain data.

    Raises:
        RuleFileError, NetworkFileError, Unsupported: as ``load_network``.
    """
    from .network_file import read

    document = read(file)
    return pack(document, sha256_of(file.read_bytes()))


def pack(document: Mapping[str, Any], sha256: str) -> dict[str, Any]:
    """The artefact of a checked document."""
    network = network_of(document)
    nodes = network.nodes.values()
    shape = Shape({n.name: n.parents for n in nodes}, {n.name: len(n.states) for n in nodes}, network.target)
    return {
        "format": FORMAT,
        "sha256": sha256,
        "document": document,
        "tables": {n.name: n.table.tolist() for n in nodes},
        "cliques": [asdict(clique) for clique in junction_tree(shape)],
    }


def unpack(packed: Mapping[str, Any]) -> CompiledNetwork:
    """The network that answers.

    Raises:
        ValueError, LookupError, TypeError, AttributeError: it is no artefact, or a damaged one.
    """
    tables = {n: np.array(packed["tables"][n], dtype=np.float64) for n in packed["document"]["nodes"]}
    cliques = [
        Clique(tuple(c["nodes"]), tuple(c["families"]), tuple(c["observed"]), c["parent"]) for c in packed["cliques"]
    ]
    network = network_of(packed["document"], tables)
    for node in network.nodes.values():
        shape = (*(len(network.nodes[p].states) for p in node.parents), len(node.states))
        if node.table.shape != shape or not (abs(node.table.sum(axis=-1) - 1) < 1e-6).all():
            raise ValueError(f"the table of {node.name} is damaged")
    return CompiledNetwork(network, cliques, packed["sha256"])


def ship(folder: Path) -> list[str]:
    """Write the artefact of every network of the product; return their ids."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in network_ids():
        packed = compiled(shipped() / f"{name}.yaml")
        (folder / f"{packed['sha256']}.json").write_text(_text(packed), encoding="utf-8")
    return list(network_ids())


def _text(packed: Mapping[str, Any]) -> str:
    return json.dumps(packed, separators=(",", ":"))


if __name__ == "__main__":
    sys.stdout.writelines(f"compiled {name}\n" for name in ship(Path(sys.argv[1])))
