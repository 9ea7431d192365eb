"""Claim: a compiled network is at least 60 times as fast as pgmpy and twice as fast as pyAgrum, with the same answers.

One target (at least 60 times pgmpy, twice pyAgrum), all marginals (50 times pgmpy's queries, one for each unobserved
node), batches of 256 (1,000 times pgmpy an exam). Every network of the product and random ones of 22 nodes; each
exam has 4 hard and 6 virtual pieces of evidence. All engines are built once; pgmpy's gets its model again for each
question, because a question with virtual evidence replaces it. What each library wants as evidence is made before
the clock starts, ours from plain states and likelihoods. Times are of the process, on a shared machine: engines in
turn, the median of the rounds, with the least; the ratios are of medians.

Needs the extra `author` and pyAgrum (``pip install pyagrum``).
Run it with ``python benchmarks/networks.py [--rounds N] [NETWORK ...]``.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy: process time counts every thread
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import numpy as np
from network_peers import Pgmpy, PyAgrum
from random_networks import SHIPPED, network

from radlogic.engine.fusion.evidence import Evidence, Likelihood
from radlogic.engine.fusion.infer import CompiledNetwork
from radlogic.engine.fusion.network_errors import ImpossibleEvidence

RANDOM = ("tree-22-3", "diamonds-22-3", "web-22-3")
BATCH = 256


def exams(net: CompiledNetwork, n: int) -> list[Evidence]:
    """Possible exams with 4 hard and 6 virtual pieces, never of the target."""
    chance = random.Random(11)  # noqa: S311  # draws, no secrets
    names = [n for n in net.network.nodes if n != net.network.target]
    found: list[Evidence] = []
    while len(found) < n:
        chosen = chance.sample(names, min(10, len(names)))
        states = {name: net.network.nodes[name].states for name in chosen}
        exam: dict[str, Any] = {name: chance.choice(states[name]) for name in chosen[:4]}
        exam |= {name: Likelihood([1 - 0.99 * chance.random() for _ in states[name]]) for name in chosen[4:]}
        if possible(net, exam):
            found.append(exam)
    return found


def possible(net: CompiledNetwork, exam: Evidence) -> bool:
    try:
        net.query(exam)
    except ImpossibleEvidence:
        return False
    return True


def timed(run: Callable[[], object], times: int) -> float:
    """Microseconds of one run."""
    start = time.process_time()
    for _ in range(times):
        run()
    return (time.process_time() - start) / times * 1e6


def raced(runs: dict[str, tuple[Callable[[], object], int]], rounds: int) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, (run, times) in runs.items():
            found[name].append(timed(run, times))
    return found


def columns(net: CompiledNetwork, many: list[Evidence]) -> dict[str, Any]:
    rows = [net.weights(exam)[0] for exam in many]
    return {name: np.array([row[i] for row in rows]) for name, i in net.plan.index.items()}


def measure(name: str, rounds: int) -> None:
    net = network(name)
    pgmpy, agrum = Pgmpy(net.network), PyAgrum(net.network)
    many = exams(net, BATCH)
    exam, target = many[0], net.network.target
    hard, virtual = pgmpy.split(exam)
    unobserved = [n for n in net.network.nodes if n not in exam]
    agreed(net, pgmpy, agrum, many[:5])
    given = agrum.given(exam)
    by_column = columns(net, many)

    def ask_agrum(names: set[str]) -> None:
        agrum.engine.setEvidence(given)
        agrum.engine.setTargets(names)
        agrum.engine.makeInference()
        for n in names:
            agrum.engine.posterior(n)

    runs: dict[str, tuple[Callable[[], object], int]] = {
        "one target": (lambda: net.query(exam), 200),
        "one target, pyAgrum": (lambda: ask_agrum({target}), 50),
        "one target, pgmpy": (lambda: pgmpy.one(hard, virtual, target), 2),
        "all marginals": (lambda: net.marginals(exam), 50),
        "all marginals, pyAgrum": (lambda: ask_agrum(set(unobserved)), 20),
        "all marginals, pgmpy": (lambda: [pgmpy.one(hard, virtual, n) for n in unobserved], 1),
        "256 exams, by columns": (lambda: net.query_columns(by_column, BATCH), 3),
        "256 exams, one by one given": (lambda: net.query_many(many), 2),
    }
    shown(name, net, raced(runs, rounds))


def agreed(net: CompiledNetwork, pgmpy: Pgmpy, agrum: PyAgrum, many: list[Evidence]) -> None:
    target = net.network.target
    for exam in many:
        ours = list(net.query(exam).posterior.values())
        for peer in (pgmpy, agrum):
            np.testing.assert_allclose(ours, peer.posteriors(exam, [target])[target], atol=1e-9)


def shown(name: str, net: CompiledNetwork, found: dict[str, list[float]]) -> None:
    print(f"\n{name}: {len(net.network.nodes)} nodes, {len(net.cliques)} cliques")
    print(f"{'microseconds':<32}{'median':>12}{'least':>12}")
    for what, times in found.items():
        print(f"{what:<32}{statistics.median(times):>12.1f}{min(times):>12.1f}")
    at = {what: statistics.median(times) for what, times in found.items()}
    each = at["256 exams, by columns"] / BATCH
    alone = at["256 exams, one by one given"] / BATCH
    print(f"one target: {at['one target, pgmpy'] / at['one target']:.0f} times pgmpy (claim 60), ", end="")
    print(f"{at['one target, pyAgrum'] / at['one target']:.1f} times pyAgrum (claim 2)")
    print(f"all marginals: {at['all marginals, pgmpy'] / at['all marginals']:.0f} times pgmpy (claim 50), ", end="")
    print(f"{at['all marginals, pyAgrum'] / at['all marginals']:.1f} times pyAgrum")
    print(f"an exam of 256: {each:.2f} us by columns, {alone:.2f} us from evidence, ", end="")
    print(f"{at['one target, pgmpy'] / each:.0f} and {at['one target, pgmpy'] / alone:.0f} times pgmpy (claim 1000)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("networks", nargs="*", default=[*SHIPPED, *RANDOM])
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    for name in arguments.networks:
        measure(name, arguments.rounds)


if __name__ == "__main__":
    main()
