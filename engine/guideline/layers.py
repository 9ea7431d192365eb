"""The sum over a circuit level by level, as one operation of torch: for circuits with very many ways through.

``torch`` is handed in, for it is imported only where a loss is computed.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from .circuit import Circuit

Tensor = Any  # torch.Tensor


@cache
def sum_over(torch: Any) -> Any:
    """The operation (circuit, ends (answers, batch), cells (cells, batch)) -> (batch,), its gradient written out.

    Inside, nodes come first and the batch last, so that a node's values lie together in memory.
    """

    class SumOver(torch.autograd.Function):  # type: ignore[misc]  # torch is not typed here
        @staticmethod
        def forward(context: Any, circuit: Circuit, ends: Tensor, cells: Tensor) -> Tensor:
            batch = cells.shape[1]
            values = ends.new_empty((len(ends) + sum(len(level.children) for level in circuit.levels), batch))
            values[: len(ends)] = ends
            for mine, column, children in plan(torch, circuit, cells.device):
                below = values.index_select(0, children).view(mine.stop - mine.start, -1, batch)
                torch.sum(below * cells[column], 1, out=values[mine])
            context.save_for_backward(values, cells)
            context.circuit = circuit
            return values[circuit.root].clone()

        @staticmethod
        @torch.autograd.function.once_differentiable  # type: ignore[untyped-decorator]
        def backward(context: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
            values, cells = context.saved_tensors
            at_nodes, at_cells = torch.zeros_like(values), torch.zeros_like(cells)
            at_nodes[context.circuit.root] = gradient
            for mine, column, children in reversed(plan(torch, context.circuit, values.device)):
                below = values.index_select(0, children).view(mine.stop - mine.start, -1, values.shape[1])
                torch.sum(at_nodes[mine, None] * below, 0, out=at_cells[column])
                at_nodes.index_add_(0, children, (at_nodes[mine, None] * cells[column]).flatten(0, 1))
            return None, None, at_cells

    return SumOver


@cache
def plan(torch: Any, circuit: Circuit, device: Any) -> list[tuple[slice, slice, Tensor]]:
    """For each level, from the bottom up: its nodes, the cells of its output, and the nodes' children in a row."""
    first, at, found = circuit.first_cell(), len(circuit.answers), []
    for level in circuit.levels:
        children = torch.tensor([c for node in level.children for c in node], device=device)
        column = slice(first[level.name], first[level.name] + circuit.cells[level.name])
        found.append((slice(at, at + len(level.children)), column, children))
        at += len(level.children)
    return found
