"""Claim: a compiled network is at least 60 times as fast as pgmpy and twice as fast as pyAgrum, with the same answers.

One target (at least 60 times pgmpy, twice pyAgrum), all marginals (50 times pgmpy's queries, one for each unobserved
node), batches of 256 (1,000 times pgmpy an exam). Every network of the product and random ones of 22 nodes; each
exam has 4 hard and 6 virtual pieces of evidence. All engines are built once and were asked the same exam before. What
each library wants as evidence is made before the clock starts, ours from plain states and likelihoods. Hard evidence
alone stands beside it without a claim: pgmpy is much faster where nothing is virtual. Times are of the process, on a
shared machine: engines in turn, the median of the rounds, with the least; the ratios are of medians.

Before, the answers of all three are compared on random patterns of evidence (hard, virtual, one-of and missing;
pyAgrum's marginals of every node). At the end, how long a new process takes to its first risk, with a cold cache (each
network is compiled) and a warm one (as an installed package).

Needs the extras `author` and `judges`.
Run it with ``python benchmarks/networks.py [--rounds N] [--patterns N] [NETWORK ...]``.
"""

from __future__ import annotations

import argparse
import itertools
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy: process time counts every thread
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import numpy as np
from network_peers import Pgmpy, PyAgrum, differences
from random_networks import SHIPPED, network, patterns

from radlogic.engine.fusion.evidence import Evidence, Likelihood
from radlogic.engine.fusion.infer import CompiledNetwork
from radlogic.engine.fusion.network_errors import ImpossibleEvidence

RANDOM = ("tree-22-3", "diamonds-22-3", "web-22-3")
BATCH, HARD = 256, 4


def exams(net: CompiledNetwork, n: int) -> list[Evidence]:
    """Possible exams with 4 hard and 6 virtual pieces, never of the target."""
    chance = random.Random(11)  # noqa: S311  # draws, no secrets
    names = [n for n in net.network.nodes if n != net.network.target]
    found: list[Evidence] = []
    while len(found) < n:
        chosen = chance.sample(names, min(10, len(names)))
        states = {name: net.network.nodes[name].states for name in chosen}
        exam: dict[str, Any] = {name: chance.choice(states[name]) for name in chosen[:HARD]}
        exam |= {name: Likelihood([1 - 0.99 * chance.random() for _ in states[name]]) for name in chosen[HARD:]}
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


def measure(name: str, rounds: int, asked: int) -> None:
    net = network(name)
    pgmpy, agrum = Pgmpy(net.network), PyAgrum(net.network)
    print(f"\n{name}: {len(net.network.nodes)} nodes, {len(net.cliques)} cliques")
    agreed(net, {"pgmpy": pgmpy, "pyAgrum": agrum}, asked)
    many = exams(net, BATCH)
    exam, target = many[0], net.network.target
    certain = dict(itertools.islice(exam.items(), HARD))
    unobserved = [n for n in net.network.nodes if n not in exam]
    by_column = columns(net, many)
    runs: dict[str, tuple[Callable[[], object], int]] = {
        "one target": (lambda: net.query(exam), 200),
        "one target, pyAgrum": (asked_of_agrum(agrum, exam, {target}), 50),
        "one target, pgmpy": (asked_of_pgmpy(pgmpy, exam, [target]), 2),
        "hard evidence alone": (lambda: net.query(certain), 200),
        "hard evidence alone, pyAgrum": (asked_of_agrum(agrum, certain, {target}), 50),
        "hard evidence alone, pgmpy": (asked_of_pgmpy(pgmpy, certain, [target]), 5),
        "all marginals": (lambda: net.marginals(exam), 50),
        "all marginals, pyAgrum": (asked_of_agrum(agrum, exam, set(unobserved)), 20),
        "all marginals, pgmpy": (asked_of_pgmpy(pgmpy, exam, unobserved), 1),
        "256 exams, by columns": (lambda: net.query_columns(by_column, BATCH), 3),
        "256 exams, one by one given": (lambda: net.query_many(many), 2),
    }
    shown(raced(runs, rounds))


def asked_of_agrum(agrum: PyAgrum, exam: Evidence, names: set[str]) -> Callable[[], object]:
    given = agrum.given(exam)

    def ask() -> None:
        agrum.engine.setEvidence(given)
        agrum.engine.setTargets(names)
        agrum.engine.makeInference()
        for n in names:
            agrum.engine.posterior(n)

    return ask


def asked_of_pgmpy(pgmpy: Pgmpy, exam: Evidence, names: list[str]) -> Callable[[], object]:
    """On an engine that was asked the same before: with virtual evidence it then holds the nodes that it adds."""
    hard, virtual = pgmpy.split(exam)
    engine = pgmpy.engine()
    pgmpy.one(hard, virtual, names[0], engine)
    return lambda: [pgmpy.one(hard, virtual, n, engine) for n in names]


def agreed(net: CompiledNetwork, peers: dict[str, Pgmpy | PyAgrum], asked: int) -> None:
    for name, peer in peers.items():
        nodes = [*net.network.nodes] if name == "pyAgrum" else [net.network.target]
        found = differences(net, peer, patterns(net.network, asked), lambda _, nodes=nodes: nodes)
        apart = ", ".join(f"{what} {difference:.1e}" for what, difference in found.items())
        print(f"greatest difference from {name} on {asked} patterns: {apart}")
        if max(found.values()) > 1e-9:
            sys.exit("the answers differ: times mean nothing")


def shown(found: dict[str, list[float]]) -> None:
    print(f"{'microseconds':<32}{'median':>12}{'least':>12}")
    for what, times in found.items():
        print(f"{what:<32}{statistics.median(times):>12.1f}{min(times):>12.1f}")
    at = {what: statistics.median(times) for what, times in found.items()}
    each = at["256 exams, by columns"] / BATCH
    alone = at["256 exams, one by one given"] / BATCH
    print(f"one target: {at['one target, pgmpy'] / at['one target']:.0f} times pgmpy (claim 60), ", end="")
    print(f"{at['one target, pyAgrum'] / at['one target']:.1f} times pyAgrum (claim 2)")
    print(
        f"hard evidence alone: {at['hard evidence alone, pgmpy'] / at['hard evidence alone']:.0f} times pgmpy, ", end=""
    )
    print(f"{at['hard evidence alone, pyAgrum'] / at['hard evidence alone']:.1f} times pyAgrum")
    print(f"all marginals: {at['all marginals, pgmpy'] / at['all marginals']:.0f} times pgmpy (claim 50), ", end="")
    print(f"{at['all marginals, pyAgrum'] / at['all marginals']:.1f} times pyAgrum")
    print(f"an exam of 256: {each:.2f} us by columns, {alone:.2f} us from evidence, ", end="")
    print(f"{at['one target, pgmpy'] / each:.0f} and {at['one target, pgmpy'] / alone:.0f} times pgmpy (claim 1000)")


FIRST_RISK = """
import sys, time
import numpy
start = time.process_time()
from radlogic.engine.fusion.compile_network import load_network
imported = time.process_time()
for name in sys.argv[1:]:
    load_network(name).query({})
print(imported - start, time.process_time() - imported)
"""


def first_risk(rounds: int) -> None:
    """What a process pays before its first risk: imports beyond numpy's, then the networks of the product."""
    command = [sys.executable, "-c", FIRST_RISK, *SHIPPED]
    print(f"\nfirst risk of a process with {', '.join(SHIPPED)}, milliseconds")
    with tempfile.TemporaryDirectory() as cache:
        for what, times in (("cold", 1), ("warm", rounds)):
            environment = os.environ | {"XDG_CACHE_HOME": cache}
            lines = [subprocess.check_output(command, env=environment, text=True).split() for _ in range(times)]
            imports, loads = ([1000 * float(x) for x in column] for column in zip(*lines, strict=True))
            print(f"{what}: imports {statistics.median(imports):.1f}, load and answer {statistics.median(loads):.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--patterns", type=int, default=200)
    parser.add_argument("networks", nargs="*", default=[*SHIPPED, *RANDOM])
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    for name in arguments.networks:
        measure(name, arguments.rounds, arguments.patterns)
    first_risk(arguments.rounds)


if __name__ == "__main__":
    main()
