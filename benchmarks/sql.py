"""Claim: the SELECT of Lung-RADS v2022 reads at least 100 times as many findings a second as the scalar loop.

One-nodule exams with every column that the tables read, made up by DuckDB with a fixed seed. The
SELECT runs over them in memory (words as ENUM and as VARCHAR) and from a Parquet file; the best of
the rounds, the parsing of the query among it. The scalar loop is ``evaluate.read_finding`` on the
same rows, already facts. Both are timed by the processor's time, so that what else the machine does
matters little; two cores: what the threads used, halved. Both must agree on all of the sample:
category, alternatives, and the leaf that holds the rows. ``python benchmarks/sql.py [--exams N]``.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from radlogic.engine.errors import InputError
from radlogic.engine.guideline import possible, sql
from radlogic.engine.guideline.evaluate import read_finding
from radlogic.engine.guideline.load import Guideline, load_guideline
from radlogic.engine.guideline.situation import Situation
from radlogic.engine.types import Belief, Known, NotApplicable, PastSize, Source, SourceKind

GUIDELINE = "lung-rads@2022"
SAID = Source(SourceKind.RECORD, "benchmark")
CLAIM, CORES = 100, 2
USUAL = {"mean_mm": (2, 20), "solid_mean_mm": (0.1, 2), "prior_mean_mm": (2, 20), "interval_months": (1, 24)}
UNUSED = ("long_mm", "short_mm", "volume_mm3", "solid_volume_mm3", "count_new")
UNLIKE = 0.1  # how often a feature is present
Said = tuple[str | None, tuple[str, ...], int | None]  # category, alternatives, leaf


def made_up(guideline: Guideline, words: str) -> str:
    """A SELECT over range() that makes up a row: words as ENUM or VARCHAR."""
    kinds = sql.columns(guideline).items()
    made = ["range AS finding_id", *(f'{_value(guideline, name, kind, words)} AS "{name}"' for name, kind in kinds)]
    return f"SELECT {', '.join(made)} FROM range(?)"  # noqa: S608  our own names


def _value(guideline: Guideline, name: str, kind: str, words: str) -> str:
    if name.endswith(".na"):
        return "random() < 0.5" if name == "prior_mean_mm.na" else "FALSE"
    if kind == "BOOLEAN":
        return f"random() < {UNLIKE}"
    if kind.endswith("[]"):
        entry = "{'months_ago': 24::DECIMAL(8, 4), 'mean_mm': round(2 + random() * 10, 1)::DECIMAL(8, 4)}"
        return f"CASE WHEN random() < {UNLIKE} THEN [{entry}] ELSE [] END::{kind}"
    i = guideline.inputs[name][1]
    if kind == "VARCHAR":
        values = [*i["values"], *(["n/a"] if i.get("absent") == "n/a" else [])]
        listed = ", ".join(f"'{v}'" for v in values)
        chosen = f"[{listed}][1 + floor(random() * {len(values)})::INT]"
        return f"{chosen}::ENUM({listed})" if words == "ENUM" else chosen
    if name in UNUSED:
        return f"NULL::{kind}"
    low, high = USUAL.get(name, (float(i["range"][0]), min(float(i["range"][1]), 30)))
    return f"round({low} + random() * {high - low}, 1)::{kind}"


def facts_of(row: dict[str, Any]) -> dict[str, Belief]:
    """A row as facts."""
    found: dict[str, Belief] = {}
    for name, value in row.items():
        if name == "finding_id" or value is None or name.endswith(".na"):
            continue
        stated = tuple(PastSize(p["months_ago"], p["mean_mm"]) for p in value) if isinstance(value, list) else value
        found[name] = NotApplicable(SAID) if value == "n/a" or row.get(f"{name}.na") else Known(stated, SAID)
    return found


def best(work: Callable[[], object], rounds: int) -> float:
    """The least seconds of processor that some work takes."""
    times = []
    for _ in range(rounds):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def loop(guideline: Guideline, facts: list[dict[str, Belief]]) -> None:
    """The scalar loop: category, alternatives and trace of each."""
    for item in facts:
        try:
            read_finding(guideline, item)
        except InputError:
            continue


def said(guideline: Guideline, facts: dict[str, Belief]) -> Said:
    """What the engine says of a finding."""
    try:
        reading = read_finding(guideline, facts).reading
        (leaf,) = possible.outcomes(guideline.finding, Situation(guideline, guideline.finding.stage, facts))
    except InputError:
        return None, (), None
    return reading.category, reading.alternatives, guideline.finding.leaves.index(leaf)


def timed(database: Any, queries: dict[str, str], chosen: argparse.Namespace, label: str) -> dict[str, float]:
    """Findings a second of each query, its answers counted in the database and not fetched."""
    rates = {}
    for name, query in queries.items():
        counted = f"SELECT category, status, alternatives, count(leaf) FROM ({query}) GROUP BY ALL"  # noqa: S608
        spent = best(lambda text=counted: database.execute(text).fetchall(), chosen.rounds)  # type: ignore[misc]
        rates[f"{name}, {label}"] = chosen.exams * CORES / spent
    return rates


def sample(database: Any, query: str, many: int) -> tuple[list[dict[str, Any]], list[Said]]:
    """The first rows, and what the SELECT says of them."""
    found = database.execute("SELECT * FROM findings ORDER BY finding_id LIMIT ?", [many])
    names = [column[0] for column in found.description]
    rows = [dict(zip(names, values, strict=True)) for values in found.fetchall()]
    limited = f"{query} WHERE walked.finding_id < {many} ORDER BY walked.finding_id"
    told = database.execute(limited).fetchall()
    return rows, [(category, tuple(filter(None, others.split("|"))), leaf) for _, category, _, others, leaf in told]


def measured(chosen: argparse.Namespace, guideline: Guideline) -> tuple[dict[str, float], list[Any], list[Said]]:
    """Rates by what is asked, the rows of the sample, and what the SELECT says of them."""
    import duckdb

    queries = {
        "category": sql.findings_select(guideline, rows=False),
        "category and rows": sql.findings_select(guideline),
    }
    rates: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as database:
        database.execute(f"SET threads = {CORES}; SELECT setseed(0.5)")
        for words in ("VARCHAR", "ENUM"):
            database.execute(f"CREATE OR REPLACE TABLE findings AS {made_up(guideline, words)}", [chosen.exams])
            rates |= timed(database, queries, chosen, f"words as {words}")
        rows, told = sample(database, queries["category and rows"], chosen.sample)
        file = Path(folder) / "findings.parquet"
        database.execute(f"COPY findings TO '{file}'; DROP TABLE findings")
        database.execute(f"CREATE VIEW findings AS SELECT * FROM '{file}'")  # noqa: S608  our own file
        return rates | timed(database, queries, chosen, "from Parquet"), rows, told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--exams", type=int, default=5_000_000)
    parser.add_argument("--sample", type=int, default=5_000)
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    guideline = load_guideline(GUIDELINE)
    rates, rows, told = measured(chosen, guideline)
    facts = [facts_of(row) for row in rows]
    alone = len(facts) / best(lambda: loop(guideline, facts), chosen.rounds)
    print(f"{f'SQL on {CORES} cores, {chosen.exams:,} findings':<38}{'findings/s':>12}{'times the loop':>16}")
    print(f"{'scalar loop with trace, one core':<38}{alone:>12,.0f}{1:>16}")
    for label, rate in rates.items():
        print(f"{label:<38}{rate:>12,.0f}{rate / alone:>16,.0f}   claim {CLAIM}")
    wrong = sum(said(guideline, f) != answer for f, answer in zip(facts, told, strict=True))
    decided = sum(category is not None for category, _, _ in told)
    print(f"sample of {len(told)}, {decided} decided: {wrong} mismatches in category, alternatives or rows")


if __name__ == "__main__":
    main()
