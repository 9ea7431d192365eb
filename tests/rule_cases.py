"""The cases beside the rules, and those of ../shared: what a case expects, and what of it an answer misses."""

import json
from functools import lru_cache
from typing import Any

import yaml

from radlogic.adapters import cases
from radlogic.adapters.answer import answer
from radlogic.adapters.classify import plain
from radlogic.engine.guideline.editions import editions
from radlogic.engine.guideline.evaluate import Classification, classify
from radlogic.engine.guideline.load import Guideline, load_guideline
from radlogic.engine.resources import rules_folder, yaml_loader
from radlogic.engine.types import Facts

BESIDE = ("name", "finding", "expect", "cite", "silent", "alternatives", "possible", "why", "debatable")


def guidelines() -> list[str]:
    """All shipped guidelines."""
    return [name for name, _ in editions(rules_folder())]


@lru_cache
def of(name: str) -> tuple[dict[str, Any], ...]:
    """The cases beside a guideline's tables. Nobody changes them."""
    folder = dict(editions(rules_folder()))[name] / "cases"
    files = sorted(folder.iterdir(), key=lambda f: f.name) if folder.is_dir() else ()
    texts = (file.read_text(encoding="utf-8") for file in files if file.name.endswith(".yaml"))
    return tuple(case for text in texts for case in yaml.load(text, yaml_loader()))  # noqa: S506  the safe one


def stated(guideline: Guideline, case: dict[str, Any]) -> cases.StatedCase:
    """The case as a reader states it."""
    content = {key: value for key, value in case.items() if key not in BESIDE}
    return cases.read(cases.parse(json.dumps(content, default=str)), guideline)


def facts(guideline: Guideline, case: dict[str, Any]) -> tuple[Facts, list[Facts]]:
    """The facts of the exam and of each finding."""
    found = stated(guideline, case)
    return found.exam, [facts for _, facts in found.findings]


def read(guideline: Guideline, case: dict[str, Any]) -> tuple[Classification, dict[str, Any]]:
    """The classification and the answer for a case."""
    found = stated(guideline, case)
    result = classify(guideline, found.exam, found.findings, assessed=found.assessed or case.get("finding") == "none")
    return result, plain(answer(guideline, result, tuple(n for n, _ in found.findings), found.exam_date))


def misses(case: dict[str, Any], found: dict[str, Any]) -> dict[str, Any]:
    """What differs from what the case expects: field -> (expected, found)."""
    expect = {k: (str(v) if hasattr(v, "isoformat") else v) for k, v in case["expect"].items()}
    silent = bool(case.get("silent", expect.pop("silent", False)))
    expect.pop("alternatives", None)
    possible = case.get("possible", expect.pop("possible", None))
    if "category" in expect and possible is None and not silent:
        possible = [expect["category"]]
    if "category" in expect:
        expect["silent"] = silent
    if possible is not None:
        expect["possible"] = possible
    wrong = {k: (v, found.get(k, "<absent>")) for k, v in expect.items() if found.get(k, "<absent>") != v}
    if "possible" in wrong and sorted(possible) == sorted(found["possible"]):
        del wrong["possible"]
    alternatives = case.get("alternatives", case["expect"].get("alternatives"))
    if silent and alternatives and not set(alternatives) & set(found["alternatives"]):
        wrong["alternatives"] = (alternatives, found["alternatives"])
    return wrong


def guideline(name: str) -> Guideline:
    """A shipped guideline."""
    return load_guideline(name)
