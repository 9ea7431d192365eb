"""Compiled guidelines as JSON: node tables and leaves beside the document they came from."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from ..resources import keep, rules_folder, user_cache
from .build import Builder
from .compile import Compiler, Diagram, Leaf
from .tables import Stage

APART = "apart."
Compiled = tuple[Mapping[str, Any], dict[str, Diagram]]


def load(sha256: str, read: Callable[[], dict[str, Any]]) -> Compiled:
    """The compiled guideline with that hash, from the package, the cache, or ``read()`` and the compiler."""
    for folder in (rules_folder() / "compiled", user_cache("rules")):
        file = folder / f"{sha256}.json"
        if file.is_file():
            return unpack(json.loads(file.read_text(encoding="utf-8")))
    packed = pack(read())
    keep(user_cache("rules") / f"{sha256}.json", json.dumps(packed, separators=(",", ":")))
    return unpack(packed)


def pack(document: dict[str, Any]) -> dict[str, Any]:
    """Compile a document and put it beside its diagrams.

    Raises:
        RuleError: the tables are incomplete, overlap, or refer to what is not there.
    """
    diagrams = {name: Compiler(stage).compile() for name, stage in stages(document).items()}
    return {"document": document, "diagrams": {name: _pack(d) for name, d in diagrams.items()}}


def unpack(packed: Mapping[str, Any]) -> Compiled:
    """The inverse of ``pack``."""
    built = stages(packed["document"])
    return packed["document"], {name: _unpack(d, built[name]) for name, d in packed["diagrams"].items()}


def stages(document: Mapping[str, Any]) -> dict[str, Stage]:
    """The stages of a document: "finding", "exam", where there is a table for it "applies", and answers apart."""
    builder, head = Builder(document), document["guideline"]
    answers = head.get("finding_answers", {})
    apart = {a["table"] for a in answers.values() if a.get("apart")}
    finding = [head["category"], *(a["table"] for a in answers.values() if not a.get("apart"))]
    exam = [head["exam_category"], *(a["table"] for a in head.get("exam_answers", {}).values())]
    exam += [head["management"]] if "management" in head else []
    built = {"finding": builder.stage("finding", finding), "exam": builder.stage("exam", exam)}
    built |= {APART + table: builder.stage("finding", [table]) for table in sorted(apart)}
    return built | ({"applies": builder.stage("exam", [head["applies"]])} if "applies" in head else {})


def _pack(diagram: Diagram) -> dict[str, Any]:
    leaves = [[leaf.rows, {str(t): r for t, r in leaf.results.items()}] for leaf in diagram.leaves]
    return {"variable": diagram.variable, "children": diagram.children, "leaves": leaves, "root": diagram.root}


def _unpack(packed: Mapping[str, Any], stage: Stage) -> Diagram:
    leaves = tuple(
        Leaf(tuple((t, r) for t, r in rows), {int(t): r for t, r in results.items()})
        for rows, results in packed["leaves"]
    )
    children = tuple(tuple(c) for c in packed["children"])
    return Diagram(stage, tuple(packed["variable"]), children, leaves, packed["root"])
