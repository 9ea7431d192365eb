"""The cases beside a guideline's tables: what each states, what it expects, and what an answer misses of that."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from ...engine.errors import RuleFileError
from ...engine.guideline.editions import Folder
from ...engine.guideline.evaluate import Classification, classify
from ...engine.guideline.load import Guideline
from ...engine.resources import yaml_loader
from .. import cases
from ..answer import answer
from ..classify import plain

BESIDE = ("name", "finding", "expect", "cite", "silent", "alternatives", "possible", "why", "debatable")
SYNTAX = "a list of cases, each with a name and what to expect"


@dataclass(frozen=True)
class Example:
    """One case: its sentence, the file that it stands in (as ``cases/solid.yaml``), and all that it says."""

    name: str
    file: str
    said: Mapping[str, Any]

    @property
    def content(self) -> dict[str, Any]:
        """The case as a reader states it, without what is expected of the answer."""
        return {key: value for key, value in self.said.items() if key not in BESIDE}

    @cached_property
    def stated(self) -> str:
        """The case as the JSON that ``radlogic classify`` takes."""
        return json.dumps(self.content, default=str, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Run:
    """A case that was answered: its facts, what the guideline says, and the answer as it is printed."""

    facts: cases.StatedCase
    result: Classification
    answer: Mapping[str, Any]


def examples(folder: Folder) -> Iterator[Example]:
    """All cases beside a guideline, in file order. Case files may use YAML's anchors and aliases.

    Raises:
        RuleFileError: a file is no list of cases.
    """
    inside = (folder / "cases").iterdir() if (folder / "cases").is_dir() else ()
    for file in sorted((f for f in inside if f.name.endswith(".yaml")), key=lambda f: f.name):
        name = f"cases/{file.name}"
        where = f"{Path(str(folder)).parent.name}/{folder.name}/{name}"
        yield from (_example(case, number, name, where) for number, case in enumerate(_read(file, where), start=1))


def _read(file: Folder, path: str) -> list[Any]:
    try:
        content = _values(file.read_text(encoding="utf-8-sig"))
    except (yaml.YAMLError, ValueError, OSError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1 if mark else 1}"
        raise RuleFileError(path, where, "text that is no YAML", SYNTAX, "Correct the syntax.") from error
    if not isinstance(content, list):
        raise RuleFileError(path, "line 1", "no list", SYNTAX, "Begin each case with a hyphen.")
    return content


def _values(text: str) -> Any:
    try:
        return yaml.load(text, yaml_loader())  # noqa: S506  the safe one
    except yaml.YAMLError:
        return yaml.safe_load(text)  # refuses it too, and says more exactly where


def _example(case: Any, number: int, file: str, path: str) -> Example:
    if not isinstance(case, dict):
        raise RuleFileError(path, f"case {number}", "no mapping", SYNTAX, "Give it a name.")
    for key, kind in (("name", str), ("expect", dict)):
        if not isinstance(case.get(key), kind):
            found = "nothing" if key not in case else "another kind of value"
            raise RuleFileError(path, f"case {number}, {key}", found, SYNTAX, f"Give it {key}.")
    return Example(case["name"], file, case)


def run(guideline: Guideline, example: Example) -> Run:
    """Answer a case as ``radlogic classify`` does.

    Raises:
        InputError: the case is none of this guideline's form.
    """
    facts = cases.read(cases.parse(example.stated, example.file), guideline, f"{example.file}: {example.name}")
    assessed = facts.assessed or example.said.get("finding") == "none"
    result = classify(guideline, facts.exam, facts.findings, assessed=assessed)
    names = tuple(name for name, _ in facts.findings)
    return Run(facts, result, plain(answer(guideline, result, names, facts.exam_date)))


def misses(example: Example, found: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """What differs from what the case expects: field -> (expected, found).

    A case that names a category expects that nothing else is possible, and that the guideline is not
    silent; ``possible`` and ``silent`` say otherwise. Of the other readings of a silent spot one at
    least is to be among those answered.
    """
    said = example.said
    expect = {k: (str(v) if hasattr(v, "isoformat") else v) for k, v in said["expect"].items()}
    silent = bool(said.get("silent", expect.pop("silent", False)))
    alternatives = said.get("alternatives", expect.pop("alternatives", None))
    expect.pop("alternatives", None)
    possible = said.get("possible", expect.pop("possible", None))
    if "category" in expect:
        expect["silent"] = silent
        possible = [expect["category"]] if possible is None and not silent else possible
    wrong = {k: (v, found.get(k, "<absent>")) for k, v in expect.items() if found.get(k, "<absent>") != v}
    if possible is not None and sorted(possible) != sorted(found["possible"]):
        wrong["possible"] = (possible, found["possible"])
    if silent and alternatives and not set(alternatives) & set(found["alternatives"]):
        wrong["alternatives"] = (alternatives, found["alternatives"])
    return wrong
