"""The seam to pgmpy, which authors and checks networks and is the oracle of inference. Extra ``author``.

pgmpy takes seconds and hundreds of megabytes to import; nothing that answers imports this module.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..errors import MissingExtra
from .network import Network, Node

if TYPE_CHECKING:
    from pgmpy.models import DiscreteBayesianNetwork


def to_pgmpy(network: Network) -> DiscreteBayesianNetwork:
    """The network as pgmpy's, checked by pgmpy (``check_model``).

    Raises:
        MissingExtra: pgmpy is not installed.
    """
    try:
        from pgmpy.factors.discrete import TabularCPD
        from pgmpy.models import DiscreteBayesianNetwork
    except ImportError as error:
        cure = 'Install it: pip install "radlogic[author]".'
        raise MissingExtra("authoring networks", "", "pgmpy is not installed", "the extra `author`", cure) from error

    model = DiscreteBayesianNetwork([(p, n.name) for n in network.nodes.values() for p in n.parents])
    model.add_nodes_from(network.nodes)
    for node in network.nodes.values():
        parents = [network.nodes[p] for p in node.parents]
        names = {n.name: list(n.states) for n in (node, *parents)}
        sizes = [len(p.states) for p in parents]
        model.add_cpds(TabularCPD(node.name, len(node.states), _columns(node), node.parents, sizes, names))
    model.check_model()
    return model


def _columns(node: Node) -> list[list[float]]:
    """pgmpy's layout: a row for each own state, the parents' combinations across, the last parent fastest."""
    columns: list[list[float]] = np.moveaxis(node.table, -1, 0).reshape(len(node.states), -1).tolist()
    return columns
