"""Claim: one nodule, from crop to calibrated beliefs, takes at most 10 ms on one core with ONNX Runtime.

Beside it the same architecture in eager torch (weights do not change the time), forward pass alone.
Processor time, median of the rounds. Run it with ``python benchmarks/nodule_speed.py [--rounds N]``;
without the extra [train] the peer's line is left out.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np

from radlogic.engine.perception.grid import around_centre
from radlogic.engine.perception.lung_nodule import LungNodule


def milliseconds(call: Callable[[], object], rounds: int) -> float:
    """Median processor time of one call, after five that do not count."""
    taken = []
    for _ in range(rounds + 5):
        start = time.process_time()
        call()
        taken.append((time.process_time() - start) * 1e3)
    return statistics.median(taken[5:])


def eager(hu: np.ndarray, rounds: int) -> float | None:
    """Eager torch on one thread; None where it is not installed."""
    try:
        import torch

        from radlogic.engine.perception.training.distance import Distance, appearance
        from radlogic.engine.perception.training.ensemble import SHIPPED, Ensemble
        from radlogic.engine.perception.training.net import NoduleNet
    except ImportError:
        return None
    torch.set_num_threads(1)
    grid = torch.from_numpy(around_centre(hu, 0.7)[None, None])
    many = grid + 30 * torch.randn(80, 1, *grid.shape[2:])
    nets = [NoduleNet().eval() for _ in range(SHIPPED)]
    with torch.no_grad():
        seen = [net(many) for net in nets]
        model = Ensemble(nets, [Distance(s.features, appearance(many, s.mask.sigmoid())) for s in seen]).eval()
        return milliseconds(lambda: model(grid), rounds)


def main() -> None:
    """Print the table."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--rounds", type=int, default=100)
    rounds = asked.parse_args().rounds
    random = np.random.default_rng(0)
    hu = np.clip(random.normal(-800, 60, (71, 71)), -1024, 3071).astype(np.int16)
    y, x = np.mgrid[-35:36, -35:36]
    hu[np.hypot(y, x) < 8] = 30
    model = LungNodule(threads=1)
    grid = around_centre(hu, 0.7)[None]
    ours, net = (milliseconds(f, rounds) for f in (lambda: model.read(hu, 0.7, 1.25), lambda: model.see(grid)))
    peer = eager(hu, rounds)
    print("| one nodule, one core | ms | ratio |\n|---|---|---|")
    print(f"| crop to calibrated beliefs, ONNX Runtime | {ours:.2f} | 1 |")
    print(f"| of it the net | {net:.2f} | {net / ours:.2f} |")
    beside = "not installed | |" if peer is None else f"{peer:.2f} | {peer / ours:.2f} |"
    print(f"| the net in eager torch | {beside}")


if __name__ == "__main__":
    main()
