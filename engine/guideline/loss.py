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

from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from typing import Any

from ..errors import BadValue, MissingExtra, MissingField
from .circuit import Circuit
from .layers import LEAST_SD, negative_log, probabilities, sum_over

Tensor = Any  # torch.Tensor: torch is imported only where a loss is computed


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
    if not found:
        return _torch().zeros(1, 0)
    made: Tensor = probabilities(_torch()).apply(circuit, *found)
    return made.t()


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
    return _summed(negative_log, circuit, believed, ends)


def semantic_loss(circuit: Circuit, believed: Tensor) -> Tensor:
    """Negative log probability, (batch,), that what is believed is allowed; ``circuit`` is of ``allowed_circuit``.

    Raises:
        BadValue: the beliefs are of another shape, or nothing is allowed.
    """
    if "yes" not in circuit.answers:
        raise BadValue("constraints", "", "nothing that is allowed", "some combination", "Leave out a constraint.")
    return _summed(negative_log, circuit, believed, _ends(circuit, believed, "yes"))


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
    each = (_summed(sum_over, circuit, believed, _ends(circuit, believed, answer)) for answer in circuit.answers)
    return _torch().stack([*each], 1)


def _ends(circuit: Circuit, believed: Tensor, answer: str) -> Tensor:
    """(answers, 1): which of the ends has the answer."""
    return _torch().tensor([[a == answer] for a in circuit.answers], device=believed.device)


def _summed(operation: Callable[[Any], Any], circuit: Circuit, believed: Tensor, ends: Tensor) -> Tensor:
    """(batch,): an operation on the probability of reaching the ends marked, (answers, batch or 1)."""
    if believed.ndim != 2 or believed.shape[1] != sum(circuit.cells.values()):
        found, allowed = str(tuple(believed.shape)), f"(batch, {sum(circuit.cells.values())})"
        raise BadValue("beliefs", "", found, allowed, "Give what `beliefs` makes of the outputs.")
    return operation(_torch()).apply(circuit, ends, believed.t().contiguous())


@cache
def _torch() -> Any:
    try:
        return import_module("torch")
    except ModuleNotFoundError as error:
        cure = "Install it: pip install 'radlogic[train]'"
        raise MissingExtra("loss", "torch", "no such package", "the extra `train`", cure) from error
