"""How far a net's beliefs are from what the rules say: exact, differentiable, a batch at a time.

The probability of the panel's category is summed over the circuit of the guideline (``circuit``),
level by level from its ends to its root, and the gradient comes back the same way; the loss is its
negative logarithm. It is zero exactly where the beliefs are certain and give that category. The
same sum over a circuit of allowed combinations is the semantic loss (Xu et al., ICML 2018).

Training on the category alone takes a short cut (the size drifts until the label fits): keep the
supervision of the findings themselves beside it.

Tensors have the batch first, on any device, in float32 or float64; torch is the extra ``train``.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from typing import Any

from ..errors import BadValue, MissingExtra, MissingField
from .circuit import Circuit

Tensor = Any  # torch.Tensor: torch is imported only where a loss is computed


def beliefs(circuit: Circuit, outputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A net's raw outputs as probabilities of the circuit's cells, (batch, cells) each.

    ``outputs``: for an input with classes its logits (batch, classes); for a measurement
    (batch, 2): its mean in the input's unit, and the logarithm of its standard deviation.

    Raises:
        MissingField, BadValue: an output is missing or of another shape.
    """
    found = {}
    for name, cells in circuit.cells.items():
        output = _given(outputs, name)
        width = 2 if name in circuit.edges else cells
        if output.ndim != 2 or output.shape[1] != width:
            raise BadValue(
                "outputs", name, str(tuple(output.shape)), f"(batch, {width})", "Give logits, or mean and log sd."
            )
        found[name] = _pieces(output, circuit.edges[name]) if name in circuit.edges else output.softmax(1)
    return found


def _given(tensors: Mapping[str, Tensor], name: str) -> Tensor:
    if name not in tensors:
        raise MissingField("outputs", name, "nothing", "an output of the net", "Add it, or state the input.")
    return tensors[name]


def _pieces(output: Tensor, edges: tuple[float, ...]) -> Tensor:
    """The probability of each piece of an axis under a Gaussian cut to the axis, exact in both tails."""
    torch = _torch()
    mean, sd = output[:, :1], output[:, 1:].exp()
    z = (output.new_tensor(edges)[None] - mean) / sd
    low, high = z[:, :-1], z[:, 1:]
    above = low > 0  # the upper tail is the lower one of the mirror image
    mass = _between(torch, torch.where(above, -high, low), torch.where(above, -low, high))
    return mass / mass.sum(1, keepdim=True).clamp(min=torch.finfo(mass.dtype).tiny)


def _between(torch: Any, low: Tensor, high: Tensor) -> Tensor:
    return torch.special.ndtr(high) - torch.special.ndtr(low)


def category_loss(circuit: Circuit, believed: Mapping[str, Tensor], category: Tensor) -> Tensor:
    """Negative log probability of each case's category, (batch,), zero or more.

    ``believed``: probabilities as ``beliefs`` makes them. ``category``: (batch,) integers, places in
    ``circuit.answers``. A probability below the least normal number of its type (1e-38 in float32)
    counts as that number, so the loss is finite; there it has no gradient.

    Raises:
        MissingField, BadValue: a belief is missing or of another shape, or a category no answer.
    """
    torch = _torch()
    if category.numel() and not 0 <= int(category.min()) <= int(category.max()) < len(circuit.answers):
        allowed = ", ".join(f"{i} {a}" for i, a in enumerate(circuit.answers))
        raise BadValue("category", "", f"{int(category.min())} to {int(category.max())}", allowed, "Use these places.")
    ends = torch.arange(len(circuit.answers), device=category.device)[:, None] == category[None]
    return _negative_log(_probability(circuit, believed, ends))


def semantic_loss(circuit: Circuit, believed: Mapping[str, Tensor]) -> Tensor:
    """Negative log probability, (batch,), that what is believed is allowed; ``circuit`` is of ``allowed_circuit``.

    Raises:
        MissingField, BadValue: a belief is missing or of another shape.
    """
    torch = _torch()
    ends = torch.tensor([[answer == "yes"] for answer in circuit.answers])
    return _negative_log(_probability(circuit, believed, ends))


def category_probabilities(circuit: Circuit, believed: Mapping[str, Tensor]) -> Tensor:
    """(batch, answers): the probability of each category, in the order of ``circuit.answers``; rows sum to 1.

    Raises:
        MissingField, BadValue: a belief is missing or of another shape.
    """
    torch = _torch()
    each = torch.eye(len(circuit.answers), dtype=torch.bool)
    return torch.stack([_probability(circuit, believed, one[:, None]) for one in each], dim=1)


def _negative_log(probability: Tensor) -> Tensor:
    least = _torch().finfo(probability.dtype).tiny
    return -probability.clamp(least, 1).log()


def _probability(circuit: Circuit, believed: Mapping[str, Tensor], ends: Tensor) -> Tensor:
    """(batch,): the probability of reaching the ends marked, (answers, batch or 1)."""
    columns = [_given(believed, name) for name in circuit.cells]
    for (name, cells), column in zip(circuit.cells.items(), columns, strict=True):
        if column.shape != (columns[0].shape[0], cells):
            found, allowed = str(tuple(column.shape)), f"({columns[0].shape[0]}, {cells})"
            raise BadValue("beliefs", name, found, allowed, "Give a row for each case and a column for each cell.")
    if not columns:
        raise MissingField("learned", "", "a category that no output can change", "an output that decides", "Add one.")
    return _sum_over().apply(circuit, ends.to(columns[0]), *(c.t() for c in columns))


@cache
def _torch() -> Any:
    try:
        return import_module("torch")
    except ModuleNotFoundError as error:
        raise MissingExtra(
            "loss", "torch", "no such package", "the extra `train`", "pip install 'radlogic[train]'"
        ) from error


@cache
def _plan(circuit: Circuit, device: Any) -> list[tuple[int, int, int, Tensor]]:
    """For each level: which output, its first node and the one after its last, and the children in a row."""
    place, at, plan = {name: i for i, name in enumerate(circuit.cells)}, len(circuit.answers), []
    for level in circuit.levels:
        children = _torch().tensor([c for node in level.children for c in node], device=device)
        plan.append((place[level.name], at, at + len(level.children), children))
        at += len(level.children)
    return plan


@cache
def _sum_over() -> Any:
    """The sum over a circuit as one operation of torch, its gradient written out.

    Inside, nodes come first and the batch last: a node's values lie together in memory.
    """
    torch = _torch()

    class SumOver(torch.autograd.Function):  # type: ignore[name-defined, misc]  # torch is not typed here
        @staticmethod
        def forward(context: Any, circuit: Circuit, ends: Tensor, *cells: Tensor) -> Tensor:
            plan = _plan(circuit, ends.device)
            values = ends.new_empty((plan[-1][2] if plan else len(ends), cells[0].shape[1]))
            values[: len(ends)] = ends
            for output, first, after, children in plan:
                below = values[children].view(after - first, -1, values.shape[1])
                torch.sum(below * cells[output], 1, out=values[first:after])
            context.save_for_backward(values, *cells)
            context.circuit = circuit
            return values[circuit.root].clone()

        @staticmethod
        @torch.autograd.function.once_differentiable  # type: ignore[untyped-decorator]
        def backward(context: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
            values, *cells = context.saved_tensors
            at_nodes, at_cells = torch.zeros_like(values), [torch.zeros_like(c) for c in cells]
            at_nodes[context.circuit.root] = gradient
            for output, first, after, children in reversed(_plan(context.circuit, values.device)):
                mine = at_nodes[first:after, None]
                below = values[children].view(after - first, -1, values.shape[1])
                at_cells[output] += (mine * below).sum(0)
                at_nodes.index_add_(0, children, (mine * cells[output]).reshape(below.shape[0] * below.shape[1], -1))
            return None, None, *at_cells

    return SumOver
