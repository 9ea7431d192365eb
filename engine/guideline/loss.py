"""How far a net's beliefs are from what the rules say: exact, differentiable, a batch at a time.

The probability of the panel's category is summed over the circuit of the guideline (``circuit``),
level by level from its ends to its root (``layers``), and the gradient comes back the same way; the
loss is its negative logarithm. It is zero exactly where the beliefs are certain and give that
category. The same sum over a circuit of allowed combinations is the semantic loss (Xu et al., ICML
2018), and ``order_loss`` is that of one measurement being at most another.

Training on the category alone takes a short cut (the size drifts until the label fits): keep the
supervision of the findings themselves beside it.

Tensors have the batch first, on any device, in float32 or float64; torch is the extra ``train``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from itertools import accumulate
from typing import Any

from ..errors import BadValue, MissingExtra, MissingField
from .circuit import Circuit
from .layers import sum_over

Tensor = Any  # torch.Tensor: torch is imported only where a loss is computed
LEAST_SD = 1e-6  # of a measurement, in its unit: below, its gradient would be no number


def beliefs(circuit: Circuit, outputs: Mapping[str, Tensor]) -> Tensor:
    """A net's raw outputs as probabilities, (batch, cells), the cells of ``circuit.cells`` in a row.

    ``outputs``: for an input with classes its logits (batch, classes); for a measurement
    (batch, 2): its mean in the input's unit, and the logarithm of its standard deviation. The
    Gaussian is cut to the values that a patient can have.

    Raises:
        MissingField, BadValue: an output is missing or of another shape.
    """
    found = []
    for name, cells in circuit.cells.items():
        width = 2 if name in circuit.edges else cells
        if name not in outputs:
            raise MissingField("outputs", name, "nothing", "an output of the net", "Add it, or state the input.")
        if outputs[name].ndim != 2 or outputs[name].shape[1] != width:
            shape = str(tuple(outputs[name].shape))
            raise BadValue("outputs", name, shape, f"(batch, {width})", "Give logits, or mean and log sd.")
        found.append(outputs[name])
    return _together(circuit, _torch().cat(found, 1)) if found else _torch().zeros(1, 0)


def _together(circuit: Circuit, outputs: Tensor) -> Tensor:
    """All outputs at once: what an output has too few of, classes or pieces, is filled up and left out again."""
    torch, plan, parts = _torch(), _layout(circuit, outputs.device, outputs.dtype), []
    if plan.classes is not None:
        filled = torch.nn.functional.pad(outputs, (0, 1), value=-math.inf).index_select(1, plan.classes)
        parts.append(filled.view(len(outputs), -1, plan.most).softmax(2).flatten(1))
    if plan.means is not None:
        mean, sd = outputs.index_select(1, plan.means), outputs.index_select(1, plan.means + 1).exp()
        parts.append(_masses(plan.edges, mean[:, :, None], sd[:, :, None].clamp(min=LEAST_SD)).flatten(1))
    return torch.cat(parts, 1).index_select(1, plan.kept)


def _masses(edges: Tensor, mean: Tensor, sd: Tensor) -> Tensor:
    """The probabilities between the edges, which sum to 1; each is taken in the tail where it is exact."""
    torch = _torch()
    z = (edges - mean) / (sd * math.sqrt(2))
    below, above = torch.erfc(-z), torch.erfc(z)
    mass = torch.where(z[:, :, :-1] > 0, -above.diff(dim=2), below.diff(dim=2))
    return mass / mass.sum(2, keepdim=True).clamp(min=torch.finfo(mass.dtype).tiny)


def category_loss(circuit: Circuit, believed: Tensor, category: Tensor) -> Tensor:
    """Negative log probability of each case's category, (batch,), zero or more.

    ``believed``: probabilities as ``beliefs`` makes them. ``category``: (batch,) integers, places in
    ``circuit.answers``. A probability below the least normal number of its type (1e-38 in float32)
    counts as that number, so the loss is finite; there it has no gradient.

    Raises:
        BadValue: the beliefs are of another shape, or a category is no answer.
    """
    if category.numel() and not 0 <= int(category.min()) <= int(category.max()) < len(circuit.answers):
        allowed = ", ".join(f"{i} {a}" for i, a in enumerate(circuit.answers))
        found = f"{int(category.min())} to {int(category.max())}"
        raise BadValue("category", "", found, allowed, "Use these places.")
    if category.shape != believed.shape[:1]:
        found, allowed = str(tuple(category.shape)), f"({believed.shape[0]},)"
        raise BadValue("category", "", found, allowed, "Give one category for each case.")
    ends = _torch().arange(len(circuit.answers), device=category.device)[:, None] == category[None]
    return _negative_log(_probability(circuit, believed, ends))


def semantic_loss(circuit: Circuit, believed: Tensor) -> Tensor:
    """Negative log probability, (batch,), that what is believed is allowed; ``circuit`` is of ``allowed_circuit``.

    Raises:
        BadValue: the beliefs are of another shape, or nothing is allowed.
    """
    if "yes" not in circuit.answers:
        raise BadValue("constraints", "", "nothing that is allowed", "some combination", "Leave out a constraint.")
    return _negative_log(_probability(circuit, believed, _ends(circuit, believed, "yes")))


def order_loss(small: Tensor, large: Tensor) -> Tensor:
    """Negative log probability, (batch,), that one measurement is at most another (a component and its whole).

    Both (batch, 2) as in ``beliefs``: mean, logarithm of the standard deviation; independent Gaussians.
    """
    torch = _torch()
    sd = torch.hypot(small[:, 1].exp(), large[:, 1].exp()).clamp(min=LEAST_SD)
    return -torch.special.log_ndtr((large[:, 0] - small[:, 0]) / sd)


def category_probabilities(circuit: Circuit, believed: Tensor) -> Tensor:
    """(batch, answers): the probability of each category, in the order of ``circuit.answers``; rows sum to 1.

    Raises:
        BadValue: the beliefs are of another shape.
    """
    each = (_probability(circuit, believed, _ends(circuit, believed, answer)) for answer in circuit.answers)
    return _torch().stack([*each], 1)


def _ends(circuit: Circuit, believed: Tensor, answer: str) -> Tensor:
    """(answers, 1): which of the ends has the answer."""
    return _torch().tensor([[a == answer] for a in circuit.answers], device=believed.device)


def _negative_log(probability: Tensor) -> Tensor:
    return -probability.clamp(_torch().finfo(probability.dtype).tiny, 1).log()


def _probability(circuit: Circuit, believed: Tensor, ends: Tensor) -> Tensor:
    """(batch,): the probability of reaching the ends marked, (answers, batch or 1)."""
    if believed.ndim != 2 or believed.shape[1] != sum(circuit.cells.values()):
        found, allowed = str(tuple(believed.shape)), f"(batch, {sum(circuit.cells.values())})"
        raise BadValue("beliefs", "", found, allowed, "Give what `beliefs` makes of the outputs.")
    return sum_over(_torch()).apply(circuit, ends.to(believed), believed.t().contiguous())


class _Layout:
    """Where the outputs stand in a row, put so that all of one kind are taken at once.

    ``classes``: the columns of logits, ``most`` for each output, the one after the last column where it
    has fewer; ``means``: the columns of means; ``edges``: (measurements, most edges); ``kept``: the
    columns of what they make, filled up, in the order of the circuit's cells.
    """

    def __init__(self, circuit: Circuit, device: Any, dtype: Any) -> None:
        torch, widths = _torch(), {n: 2 if n in circuit.edges else c for n, c in circuit.cells.items()}
        column = dict(zip(widths, accumulate([0, *widths.values()]), strict=False))
        classes, end = [n for n in circuit.cells if n not in circuit.edges], sum(widths.values())
        measured = [n for n in circuit.cells if n in circuit.edges]
        self.most = most = max((circuit.cells[n] for n in classes), default=0)
        pieces = max((circuit.cells[n] for n in measured), default=0)
        rows = [column[n] + i if i < circuit.cells[n] else end for n in classes for i in range(most)]
        edges = [[*circuit.edges[n], *[circuit.edges[n][-1]] * (pieces - circuit.cells[n])] for n in measured]
        place = {n: i * most for i, n in enumerate(classes)}
        place |= {n: len(classes) * most + i * pieces for i, n in enumerate(measured)}
        kept = [place[n] + i for n, cells in circuit.cells.items() for i in range(cells)]
        self.classes = torch.tensor(rows, device=device) if classes else None
        self.means = torch.tensor([column[n] for n in measured], device=device) if measured else None
        self.edges = torch.tensor(edges, device=device, dtype=dtype)
        self.kept = torch.tensor(kept, device=device)


@cache
def _layout(circuit: Circuit, device: Any, dtype: Any) -> _Layout:
    return _Layout(circuit, device, dtype)


@cache
def _torch() -> Any:
    try:
        return import_module("torch")
    except ModuleNotFoundError as error:
        cure = "Install it: pip install 'radlogic[train]'"
        raise MissingExtra("loss", "torch", "no such package", "the extra `train`", cure) from error
