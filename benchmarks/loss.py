"""Claim: the exact loss of a guideline costs at most three times a cross-entropy head of equal batch.

Forward and backward, batch 256, on the CPU. Every head is one linear layer on the same features: the
peers end in the categories with cross-entropy, or in the same outputs as ours with one cross-entropy (or
squared error) each; ours ends in the outputs of a nodule (six with classes, two diameters) or of an
observation (five and a size), and in the guideline's exact loss. The claim is against the peer with the same
outputs. Times are of the process, for the machine is shared. Needs the extra ``train``.

Run it with ``python benchmarks/loss.py [--batch N] [--rounds N] [--features N] [--threads N]``.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

from radlogic.engine.guideline.circuit import Circuit, category_circuit
from radlogic.engine.guideline.load import Guideline, load_guideline
from radlogic.engine.guideline.loss import beliefs, category_loss
from radlogic.engine.types import Belief, Known, NotApplicable, Source, SourceKind

HUMAN = Source(SourceKind.HUMAN, "reader")
YES_NO = ("yes", "no")
LEARNED: Mapping[str, Mapping[str, tuple[str, ...] | None]] = {
    "lung-rads@2022": {
        "type": ("solid", "part_solid", "non_solid"),
        "benign_feature": ("none", "calc_central", "calc_eccentric"),
        "suspicious_features.spiculation": YES_NO,
        "juxtapleural": YES_NO,
        "margin": ("smooth", "lobulated", "spiculated"),
        "shape": ("oval", "round"),
        "mean_mm": None,
        "solid_mean_mm": None,
    },
    "li-rads-ct-mri@2018": {
        "aphe": ("none", "nonrim", "rim"),
        "washout": ("none", "nonperipheral_pvp", "nonperipheral_delayed", "peripheral"),
        "capsule": ("none", "enhancing", "nonenhancing"),
        "af.hbp_hypointensity": YES_NO,
        "lrm.targetoid_restriction": YES_NO,
        "size_mm": None,
    },
}
STATED: Mapping[str, Any] = {
    "status": "baseline", "modality": "MRI_ECA", "multiphase": True, "risk_factors.cirrhosis": True,
    "risk_factors.chronic_hbv": False, "risk_factors.current_or_prior_hcc": False, "cirrhosis_cause": "other",
}  # fmt: skip


def stated(guideline: Guideline) -> dict[str, Belief]:
    """What is common to the batch: what a reader's form leaves out, and the exam."""
    from decimal import Decimal

    found: dict[str, Belief] = {"age": Known(Decimal(60), HUMAN)}
    for name, (_, i) in guideline.inputs.items():
        if "absent" in i:
            absent: Belief = NotApplicable(HUMAN) if i["absent"] == "n/a" else Known(i["absent"], HUMAN)
            found |= {f"{name}.{v}": absent for v in i["values"]} if i["type"] == "set" else {name: absent}
    return found | {name: Known(value, HUMAN) for name, value in STATED.items()}


def heads(torch: Any, name: str, batch: int, features: int) -> tuple[Circuit, dict[str, Callable[[], None]]]:
    """The circuit, and a forward and backward step of each head."""
    guideline = load_guideline(name)
    learned = LEARNED[name]
    circuit = category_circuit(guideline, stated(guideline), learned)
    widths = [2 if classes is None else len(classes) for classes in learned.values()]
    x, answer = torch.randn(batch, features), torch.arange(batch) % len(circuit.answers)
    ours, plain = torch.nn.Linear(features, sum(widths)), torch.nn.Linear(features, len(circuit.answers))
    mean = torch.tensor([v for c in learned.values() for v in ([8.0, 0.0] if c is None else [0.0] * len(c))])
    labels = [torch.arange(batch) % width for width in widths]

    def outputs() -> dict[str, Any]:
        return dict(zip(learned, (ours(x) + mean).split(widths, 1), strict=True))

    def category() -> None:
        torch.nn.functional.cross_entropy(plain(x), answer).backward()

    def findings() -> None:
        parts = zip(outputs().items(), labels, strict=True)
        losses = [
            (o[:, 0] - 8).square().mean() if learned[n] is None else torch.nn.functional.cross_entropy(o, label)
            for (n, o), label in parts
        ]
        sum(losses[1:], losses[0]).backward()

    def exact() -> None:
        category_loss(circuit, beliefs(circuit, outputs()), answer).mean().backward()

    return circuit, {
        "cross-entropy, categories": category,
        "cross-entropy, each finding": findings,
        "exact loss": exact,
    }


def timed(steps: Mapping[str, Callable[[], None]], rounds: int) -> dict[str, list[float]]:
    """Seconds of the process for each step, taken in turn."""
    found: dict[str, list[float]] = {label: [] for label in steps}
    for turn in range(rounds + 5):
        for label, step in steps.items():
            start = time.process_time()
            step()
            if turn >= 5:
                found[label].append(time.process_time() - start)
    return found


def main() -> None:
    try:
        import torch
    except ModuleNotFoundError:
        print("torch, the extra `train`, is not installed: nothing was measured")
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--features", type=int, default=512)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(7)
    for name in LEARNED:
        circuit, steps = heads(torch, name, arguments.batch, arguments.features)
        nodes = len(circuit.answers) + sum(len(level.children) for level in circuit.levels)
        times = timed(steps, arguments.rounds)
        middle = {label: statistics.median(t) for label, t in times.items()}
        print(f"\n{name}: {nodes} nodes, {len(circuit.levels)} levels, batch {arguments.batch}")
        print(f"{'ms, forward and backward':<32}{'median':>10}{'least':>10}{'most':>10}{'us a case':>12}")
        for label, t in times.items():
            numbers = "".join(f"{1000 * v:>10.3f}" for v in (middle[label], min(t), max(t)))
            print(f"{label:<32}{numbers}{1e6 * middle[label] / arguments.batch:>12.2f}")
        for label in [*steps][:-1]:
            print(f"exact loss: {middle['exact loss'] / middle[label]:.1f} times {label}")
    print("\nclaim: at most 3 times cross-entropy, each finding")


if __name__ == "__main__":
    main()
