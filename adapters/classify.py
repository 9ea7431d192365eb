"""``radlogic classify``: cases in, answers out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from ..engine.errors import InputError, NotReadable
from ..engine.guideline.editions import editions
from ..engine.guideline.evaluate import classify
from ..engine.guideline.load import Guideline, in_force, load_guideline
from ..engine.resources import rules_folder
from ..engine.types import Step
from . import cases
from .answer import answer
from .notice import INTENDED_USE


def answers(name: str, text: str, where: str, folders: tuple[Path, ...] = ()) -> Iterator[dict[str, Any]]:
    """One answer a case. A single JSON value is one case; otherwise each line is one (NDJSON).

    In NDJSON a bad line is answered in its place by {"error": ...}.

    Raises:
        InputError: the single case is bad. UnknownGuideline, RuleError.
    """
    where = "standard input" if where == "-" else where
    lines = [(number, line) for number, line in enumerate(text.split("\n"), start=1) if line.strip()]
    if not lines:
        raise NotReadable(where, "", "nothing", "a JSON case, or one a line", "Give a case.")
    if len(lines) == 1 or _is_one_value(text, where):
        yield _one(name, cases.parse(text, where), where, folders)
        return
    for number, line in lines:
        place = f"{where} line {number}"
        try:
            yield _one(name, cases.parse(line, place), place, folders)
        except InputError as error:
            record = error.as_record()
            yield {"error": {key: record[key] for key in ("error", "where", "field", "found", "allowed", "cure")}}


def _is_one_value(text: str, where: str) -> bool:
    """Whether the whole text is one JSON value, over several lines; otherwise each line is a case."""
    try:
        cases.parse(text, where)
    except InputError:
        return False
    return True


def _one(name: str, case: Any, where: str, folders: tuple[Path, ...]) -> dict[str, Any]:
    guideline, chosen = _guideline(name, case, where, folders)
    stated = cases.read(case, guideline, where)
    result = classify(guideline, stated.exam, stated.findings, assessed=stated.assessed)
    steps = (
        [Step("Edition", guideline.name, guideline.name, (chosen,), "effective dates of the editions")]
        if chosen
        else []
    )
    steps += _own(guideline, folders)
    result = replace(result, exam=replace(result.exam, trace=(*steps, *result.exam.trace)))
    found: dict[str, Any] = plain(answer(guideline, result, tuple(n for n, _ in stated.findings), stated.exam_date))
    return {**found, "status": "preliminary", "intended_use": INTENDED_USE}


def _own(guideline: Guideline, folders: tuple[Path, ...]) -> list[Step]:
    """That the tables are those of a folder of the user's own, and whether they stand in the place of ours."""
    if not any(name == guideline.name for folder in folders for name, _ in editions(folder)):
        return []
    instead = any(name == guideline.name for name, _ in editions(rules_folder()))
    says = "a hospital's own rules" + (", in place of the shipped ones" if instead else "")
    return [Step("Rules", guideline.name, says, (f"sha256 {guideline.sha256}",), "the folder given by --rules")]


def _guideline(name: str, case: Any, where: str, folders: tuple[Path, ...]) -> tuple[Guideline, str]:
    if "@" in name:
        return load_guideline(name, folders), ""
    exam = case.get("exam") if isinstance(case, dict) else None
    text = exam.get("date") if isinstance(exam, dict) else None
    edition, chosen = in_force(name, cases.read_date(text, where, "exam.date") if text is not None else None, folders)
    return load_guideline(edition, folders), chosen


def plain(value: Any) -> Any:
    """Values as JSON has them: decimals as numbers, tuples as lists."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value


SHOWN = ("guideline", "category", "display", "possible", "management", "interval_months", "due_date", "ask",
         "question", "silent", "alternatives", "trace", "status", "intended_use")  # fmt: skip


def _says(value: Any) -> bool:
    """Whether an answer beside the category is one that a person reads: words, not a flag or nothing."""
    return isinstance(value, str) and value != "n/a"


def shown(answer: dict[str, Any]) -> str:
    """An answer for a person: category, management, what is missing, reasons."""
    if "error" in answer:
        e = answer["error"]
        return f"{e['where']}, {e['field']}: found {e['found']}; allowed: {e['allowed']}. {e['cure']}"
    head = answer["display"] or "not decided; still possible: " + ", ".join(answer["possible"])
    lines = [f"{answer['guideline']}: {head}"]
    if answer["management"]:
        lines.append(f"  {answer['management']}" + (f" (due {answer['due_date']})" if answer.get("due_date") else ""))
    lines += [
        f"  {key.replace('_', ' ')}: {value}" for key, value in answer.items() if key not in SHOWN and _says(value)
    ]
    if answer["ask"]:
        question = f" ({answer['question']})" if answer["question"] else ""
        lines.append(f"  assess next: {answer['ask']}{question}")
    if answer["silent"]:
        lines.append(f"  the guideline is silent here; other readings: {', '.join(answer['alternatives'])}")
    for step in answer["trace"]:
        because = f" because {', '.join(step['because'])}" if step["because"] else ""
        lines.append(f"  - {step['table']}: {step['says']}{because} [{step['citation']}]")
    return "\n".join((*lines, f"  {INTENDED_USE}"))
