"""``radlogic rules export``: a guideline for other engines, and what of it they cannot hold."""

from __future__ import annotations

import json
from dataclasses import dataclass

from ...engine.guideline.load import Guideline
from ..notice import INTENDED_USE


@dataclass(frozen=True, slots=True)
class Export:
    """The text, and what the form cannot say."""

    text: str
    left_out: tuple[str, ...] = ()


def exported(guideline: Guideline, form: str, dialect: str = "duckdb", level: str = "findings") -> Export:
    """A guideline as "dmn", "plan-definition" or "sql" (in a dialect, for findings or exams).

    Raises:
        MissingExtra: SQL needs the extra ``audit``. Unsupported: the form cannot hold the guideline.
    """
    if form == "dmn":
        from .dmn import dmn

        made = dmn(guideline)
        return Export(made.text, made.left_out)
    if form == "plan-definition":
        from .plan_definition import plan_definition

        return Export(json.dumps(plan_definition(guideline), ensure_ascii=False, indent=2, default=str) + "\n")
    from ...engine.guideline.sql import exams_select, findings_select

    query = (findings_select if level == "findings" else exams_select)(guideline, dialect)
    head = guideline.head
    comment = (f"{guideline.name}: {head['title']}. {head['owner']}", f"sha256 {guideline.sha256}", INTENDED_USE)
    return Export("".join(f"-- {line}\n" for line in comment) + query + "\n")
