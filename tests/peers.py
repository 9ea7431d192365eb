"""Programs of others that read what radlogic exports: node packages of tests/rules/engines, where they are installed.

``make peers`` installs them; ``TESTS_PEERS`` names another folder with a ``node_modules``.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from radlogic.adapters.rules import feel
from radlogic.adapters.rules.dmn import dmn
from radlogic.engine.types import Known, NotApplicable

ENGINES = Path(__file__).resolve().parent / "rules" / "engines"
RECOMMENDATION = "recommendation"


def node(script: str, text: str) -> dict:
    """What a script of tests/rules/engines writes for a text; the test is skipped where it cannot run."""
    folder = Path(os.environ.get("TESTS_PEERS", ENGINES))
    program = shutil.which("node")
    if program is None:
        pytest.skip("needs node, which is not installed")
    if not (folder / "node_modules").is_dir():
        pytest.skip("needs the packages of tests/rules/engines: run `make peers`, or set TESTS_PEERS")
    command = [program, ENGINES / script]
    done = subprocess.run(command, input=text, capture_output=True, text=True, cwd=folder, check=False)
    assert done.returncode == 0, done.stderr[:2000]
    return json.loads(done.stdout)


def inputs(guideline, facts) -> dict:
    """Facts as the inputs of the exported model; what is not known is null."""
    found = {}
    for name, belief in facts.items():
        kind = guideline.inputs[name.split(".")[0]][1]["type"]
        if kind not in ("text", "date"):
            found |= _input(feel.name(name), kind, belief)
    return found


def _input(name, kind, belief) -> dict:
    if isinstance(belief, NotApplicable):
        return {f"{name}_na": True} if kind == "number" else {name: [] if kind == "history" else "n/a"}
    if not isinstance(belief, Known):
        return {name: None}
    value = belief.value
    if isinstance(value, bool):
        return {name: "yes" if value else "no"}
    if kind == "history":
        return {name: [{"months_ago": float(p.months_ago), "mean_mm": float(p.mean_mm)} for p in value]}
    return {name: float(value) if kind == "number" else value}


def decided(guideline, cases) -> list[dict]:
    """For (exam facts, facts of each finding): the foreign engine's exam category, finding categories, management."""
    head = guideline.head
    category, exam = feel.name(head["category"]), feel.name(head["exam_category"])
    asked = {
        "xml": dmn(guideline).text,
        "cases": [{"exam": inputs(guideline, e), "findings": [inputs(guideline, f) for f in ff]} for e, ff in cases],
        "category": category,
        "leading": {feel.name(n): feel.name(head["finding_answers"][n]["table"]) for n in head.get("leading", ())},
        "exam": [exam, RECOMMENDATION],
        "finding": [category],
    }
    answers = node("decide.js", json.dumps(asked))
    return [
        {
            "category": _answer(a["exam"][exam]),
            "management": _answer(a["exam"][RECOMMENDATION]),
            "findings": [_answer(f[category]) for f in a["findings"]],
        }
        for a in answers
    ]


def _answer(result):
    return None if result == feel.UNKNOWN else result
