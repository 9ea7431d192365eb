"""The operations of the loss, each with its gradient written out: a net's outputs as probabilities of cells,
and the sum over a circuit (or its logarithm) level by level, for circuits with very many ways through.

Inside, what belongs to one cell or node comes first and the batch last, so that it lies together in memory.
``torch`` is handed in, for it is imported only where a loss is computed.
"""

from __future__ import annotations

import math
from functools import cache
from itertools import accumulate
from typing import Any

from .circuit import Circuit

Tensor = Any  # torch.Tensor
LEAST_SD = 1e-6  # of a measurement, in its unit: below, its gradient would be no number


class Layout:
    """Where outputs and cells stand in a row, and where in what is filled up so that all of one kind are as wide.

    ``classes``: the column of each logit, ``most`` for each output, the one after the last column where it has
    fewer; ``gaussians``: the columns of all means, then of all logarithms of standard deviations; ``edges``:
    (measurements, most edges, 1). ``kept``: of each cell its place in what is filled up, classes before
    pieces; ``spread``: the way back, the place after the last cell where there is none; ``back``: of each
    column its place among logits filled up, means, and logarithms.
    """

    def __init__(self, torch: Any, circuit: Circuit, device: Any, dtype: Any) -> None:
        measured, classes = [*circuit.edges], [n for n in circuit.cells if n not in circuit.edges]
        widths = {n: 2 if n in circuit.edges else c for n, c in circuit.cells.items()}
        column, self.widths = dict(zip(widths, accumulate([0, *widths.values()]), strict=False)), [*widths.values()]
        self.most = most = max((circuit.cells[n] for n in classes), default=0)
        pieces = max((circuit.cells[n] for n in measured), default=0)
        place = {n: i * most for i, n in enumerate(classes)}
        place |= {n: len(classes) * most + i * pieces for i, n in enumerate(measured)}
        kept = [place[n] + i for n, cells in circuit.cells.items() for i in range(cells)]
        cell = {at: i for i, at in enumerate(kept)}
        filled, end = len(classes) * most + len(measured) * pieces, sum(self.widths)
        rows = [column[n] + i if i < circuit.cells[n] else end for n in classes for i in range(most)]
        gaussians = [column[n] + i for i in (0, 1) for n in measured]
        places = {at: i for i, at in enumerate([*rows, *gaussians])}
        edges = [[*circuit.edges[n], *[circuit.edges[n][-1]] * (pieces - circuit.cells[n])] for n in measured]
        self.classes, self.gaussians = (torch.tensor(r, device=device) if r else None for r in (rows, gaussians))
        self.edges = torch.tensor(edges, device=device, dtype=dtype)[..., None]
        self.kept = torch.tensor(kept, device=device)
        self.spread = torch.tensor([cell.get(at, len(kept)) for at in range(filled)], device=device)
        self.back = torch.tensor([places[at] for at in range(end)], device=device)


@cache
def layout(torch: Any, circuit: Circuit, device: Any, dtype: Any) -> Layout:
    """The layout of a circuit's outputs and cells."""
    return Layout(torch, circuit, device, dtype)


@cache
def probabilities(torch: Any) -> Any:
    """The operation (circuit, an output (batch, width) for each of its cells' names) -> (cells, batch)."""

    class Probabilities(torch.autograd.Function):  # type: ignore[misc]  # torch is not typed here
        @staticmethod
        def forward(context: Any, circuit: Circuit, *outputs: Tensor) -> Tensor:
            row = torch.cat(outputs, 1)
            context.plan = plan = layout(torch, circuit, row.device, row.dtype)
            column, found = row.new_full((row.shape[1] + 1, row.shape[0]), -math.inf), []
            column[:-1] = row.t()
            shares = z = scale = total = row.new_empty(0)
            if plan.classes is not None:
                shares = column.index_select(0, plan.classes).view(-1, plan.most, row.shape[0]).softmax(1)
                found.append(shares.flatten(0, 1))
            if plan.gaussians is not None:
                mean, log_sd = column.index_select(0, plan.gaussians).view(2, -1, 1, row.shape[0])
                z, scale, pieces, total = _masses(torch, plan.edges, mean, log_sd)
                found.append(pieces.flatten(0, 1))
            filled = torch.cat(found, 0)
            context.save_for_backward(shares, z, scale, total, filled)
            return filled.index_select(0, plan.kept)

        @staticmethod
        @torch.autograd.function.once_differentiable  # type: ignore[untyped-decorator]
        def backward(context: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
            (shares, z, scale, total, filled), plan = context.saved_tensors, context.plan
            none = gradient.new_zeros((1, gradient.shape[1]))
            at = torch.cat((gradient, none), 0).index_select(0, plan.spread)
            weighted, found, logits = at * filled, [], shares.shape[0] * plan.most
            if plan.classes is not None:
                mine = weighted[:logits].view_as(shares)
                found.append((mine - shares * mine.sum(1, keepdim=True)).flatten(0, 1))
            if plan.gaussians is not None:
                shape = (len(plan.edges), -1, gradient.shape[1])
                common = weighted[logits:].view(shape).sum(1, keepdim=True)
                found += _at_gaussians(torch, at[logits:].view(shape), common, z, scale, total)
            columns = torch.cat(found, 0).index_select(0, plan.back)
            return None, *columns.t().contiguous().split(plan.widths, 1)

    return Probabilities


def _masses(torch: Any, edges: Tensor, mean: Tensor, log_sd: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Standardised edges, their scale, the probabilities between them, which sum to 1, and what they were divided by.

    Each probability is taken in the tail where it is exact, as far out as it is a normal number.
    """
    scale = log_sd.exp().clamp_(min=LEAST_SD).mul_(math.sqrt(2))
    far = _far(torch, edges.dtype)
    z = (edges - mean).div_(scale).clamp_(-far, far)
    below, above = torch.erfc(-z), torch.erfc(z)
    mass = torch.where(z[:, :-1] > 0, above[:, :-1] - above[:, 1:], below[:, 1:] - below[:, :-1])
    total = mass.sum(1, keepdim=True).clamp_(min=torch.finfo(mass.dtype).tiny)
    return z, scale, mass.div_(total), total


def _at_gaussians(
    torch: Any, at: Tensor, common: Tensor, z: Tensor, scale: Tensor, total: Tensor
) -> tuple[Tensor, Tensor]:
    """The gradients at the means and at the logarithms of the standard deviations, from those ``at`` the pieces.

    ``common``: the mean of ``at`` over the pieces, which the division by their sum takes off each. An edge
    adds to one piece what it takes from the other; erfc falls by 2/sqrt(pi) exp(-z^2), beyond ``_far`` no more.
    """
    around = torch.cat((common, at, common), 1)
    falls = torch.threshold_(z.square().neg_(), -((0.999999 * _far(torch, z.dtype)) ** 2), -math.inf).exp_()
    at_edges = (around[:, 1:] - around[:, :-1]).div_(total).mul_(falls).mul_(2 / math.sqrt(math.pi))
    moves = scale.squeeze(1) > LEAST_SD * math.sqrt(2)  # a clamped one does not
    return (at_edges / scale).sum(1), at_edges.mul_(z).sum(1).mul_(moves)


@cache
def _far(torch: Any, dtype: Any) -> float:
    """Where the complementary error function falls to the least normal number of a type (9.2 in float32)."""
    low, high, least = 0.0, 30.0, torch.finfo(dtype).tiny
    while high - low > 1e-9:
        middle = (low + high) / 2
        low, high = (middle, high) if math.erfc(middle) > least else (low, middle)
    return low


@cache
def negative_log(torch: Any) -> Any:
    """The operation (circuit, ends (answers, batch), cells (cells, batch)) -> (batch,): of the sum's logarithm.

    A sum below the least normal number of its type counts as that number, and has no gradient.
    """

    class NegativeLog(torch.autograd.Function):  # type: ignore[misc]  # torch is not typed here
        @staticmethod
        def forward(context: Any, circuit: Circuit, ends: Tensor, cells: Tensor) -> Tensor:
            context.plan = plan(torch, circuit, cells.device)
            found, below = upward(torch, context.plan, ends, cells)
            context.save_for_backward(found, cells, *below)
            return found.clamp(torch.finfo(found.dtype).tiny, 1).log_().neg_()

        @staticmethod
        @torch.autograd.function.once_differentiable  # type: ignore[untyped-decorator]
        def backward(context: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
            found, cells, *below = context.saved_tensors
            least = torch.finfo(found.dtype).tiny
            at_root = torch.where(found >= least, -gradient / found.clamp(min=least), 0)
            return None, None, downward(torch, context.plan, at_root, cells, below)

    return NegativeLog


@cache
def sum_over(torch: Any) -> Any:
    """The operation (circuit, ends (answers, batch), cells (cells, batch)) -> (batch,)."""

    class SumOver(torch.autograd.Function):  # type: ignore[misc]  # torch is not typed here
        @staticmethod
        def forward(context: Any, circuit: Circuit, ends: Tensor, cells: Tensor) -> Tensor:
            context.plan = plan(torch, circuit, cells.device)
            found, below = upward(torch, context.plan, ends, cells)
            context.save_for_backward(cells, *below)
            return found

        @staticmethod
        @torch.autograd.function.once_differentiable  # type: ignore[untyped-decorator]
        def backward(context: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
            cells, *below = context.saved_tensors
            return None, None, downward(torch, context.plan, gradient, cells, below)

    return SumOver


def upward(torch: Any, plan: Plan, ends: Tensor, cells: Tensor) -> tuple[Tensor, list[Tensor]]:
    """The value at the root, and those below each level's nodes, (nodes, cells, batch)."""
    values, columns, found = cells.new_empty((sum(plan.nodes), cells.shape[1])), cells.split(plan.cells), []
    places = values.split(plan.nodes)
    places[0].copy_(ends)
    for place, column, children in zip(places[1:], plan.column, plan.children, strict=True):
        below = values.index_select(0, children).view(place.shape[0], -1, cells.shape[1])
        torch.sum(below * columns[column], 1, out=place)
        found.append(below)
    return values[plan.root].clone(), found


def downward(torch: Any, plan: Plan, at_root: Tensor, cells: Tensor, found: list[Tensor]) -> Tensor:
    """The gradient at the cells, from that at the root."""
    at_nodes, at_cells = cells.new_zeros((sum(plan.nodes), cells.shape[1])), torch.zeros_like(cells)
    at_nodes[plan.root] = at_root
    places, columns = at_nodes[:, None].split(plan.nodes), cells.split(plan.cells)
    at_columns = at_cells.split(plan.cells)
    for n in reversed(range(len(found))):
        at, column = places[n + 1], plan.column[n]
        torch.sum(at * found[n], 0, out=at_columns[column])
        if n:  # at the ends nobody asks
            at_nodes.index_add_(0, plan.children[n], (at * columns[column]).flatten(0, 1))
    return at_cells


class Plan:
    """A circuit as tensors: of each level, from the bottom up, how many nodes, which output, their children in a row.

    ``nodes`` begins with the ends; ``cells`` has the width of every output.
    """

    def __init__(self, torch: Any, circuit: Circuit, device: Any) -> None:
        self.root, self.cells, names = circuit.root, [*circuit.cells.values()], [*circuit.cells]
        self.nodes = [len(circuit.answers), *(len(level.children) for level in circuit.levels)]
        self.column = [names.index(level.name) for level in circuit.levels]
        rows = ([c for node in level.children for c in node] for level in circuit.levels)
        self.children = [torch.tensor(row, device=device) for row in rows]


@cache
def plan(torch: Any, circuit: Circuit, device: Any) -> Plan:
    """The plan of a circuit."""
    return Plan(torch, circuit, device)
