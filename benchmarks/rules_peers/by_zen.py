"""Lung-RADS v2022 in zen-engine: a decision graph of decision tables, made from the guideline's own document."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from rows import ABSENT, LEAST, MOST, Plain, Row, Table, Test, tables

from radlogic.engine.guideline.load import Guideline

WORST, LEADING = "worst", "leading_pet"


class Zen:
    """The graph, ready to be asked.

    Raises:
        ModuleNotFoundError: zen-engine is not installed.
    """

    def __init__(self, guideline: Guideline) -> None:
        import zen

        self.graph = graph(guideline)
        self.decision = zen.ZenEngine().create_decision(zen.ZenDecisionContent(json.dumps(self.graph)))

    def read(self, exam: Plain, *, trace: bool) -> Mapping[str, Any]:
        """The results of all tables; with ``trace`` the rows too, as zen-engine tells them."""
        found: Mapping[str, Any] = self.decision.evaluate(exam, {"trace": trace})
        return found


def rows_of(found: Mapping[str, Any]) -> list[str]:
    """The rows that a traced answer names."""
    nodes = sorted(found["trace"].values(), key=lambda node: node["order"])
    return [node["traceData"]["rule"]["_id"] for node in nodes if node.get("traceData")]


def graph(guideline: Guideline) -> dict[str, Any]:
    """One decision table node a table, one after the other."""
    nodes: list[dict[str, Any]] = [{"id": "in", "type": "inputNode", "name": "in"}]
    listed = tables(guideline)
    nodes += [_node(t, listed, guideline) for t in listed]
    nodes.append({"id": "out", "type": "outputNode", "name": "out"})
    edges = [
        {"id": f"e{n}", "type": "edge", "sourceId": a["id"], "targetId": b["id"]}
        for n, (a, b) in enumerate(pairwise(nodes))
    ]
    return {"contentType": "application/vnd.gorules.decision", "nodes": nodes, "edges": edges}


def _node(table: Table, listed: list[Table], guideline: Guideline) -> dict[str, Any]:
    names = list(dict.fromkeys(n for row in table.rows for n in row.tests))
    content = {
        "hitPolicy": "first",
        "passThrough": True,
        "inputField": None,
        "outputPath": None,
        "executionMode": "single",
        "inputs": [{"id": n, "name": n, "field": SAME.get(n, n)} for n in names],
        "outputs": [{"id": "then", "name": table.name, "field": table.name}],
        "rules": [_rule(row, names) for row in table.rows],
    }
    return {"id": table.id, "type": "decisionTableNode", "name": table.id, "content": content}


SAME = {WORST: "nodule", LEADING: "pet"}  # of one nodule the worst is itself


def _rule(row: Row, names: list[str]) -> dict[str, str]:
    cells = {n: _cell(row.tests[n]) if n in row.tests else "" for n in names}
    then = row.then.removeprefix("=") if row.then.startswith("=") else json.dumps(row.then)
    return {"_id": row.id, **cells, "then": then}


def _cell(test: Test) -> str:
    """A test as a unary expression."""
    if test.symbols:
        words = ", ".join(f"'{s}'" for s in test.symbols)
        if test.symbols == ("n/a",):
            return f"'n/a', {ABSENT}"
        return words if test.among else f"not($ in [{words}])"
    return f"{ABSENT}, {_interval(test)}" if test.or_absent else _interval(test)


def _interval(test: Test) -> str:
    low = next((f"{'[' if sign == '>=' else '('}{bound}" for sign, bound in test.bounds if sign[0] == ">"), f"[{LEAST}")
    high = next((f"{bound}{']' if sign == '<=' else ')'}" for sign, bound in test.bounds if sign[0] == "<"), f"{MOST}]")
    return f"{low}..{high}"
