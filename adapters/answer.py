"""A classification as the JSON object that ``radlogic classify`` prints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import date
from typing import Any

from ..engine.calendar import due_date
from ..engine.guideline.evaluate import Classification, display
from ..engine.guideline.load import Guideline
from ..engine.signals import reasons_of
from ..engine.types import Reading


def answer(
    guideline: Guideline, result: Classification, names: tuple[str, ...], exam_date: date | None
) -> dict[str, Any]:
    """The exam's answer, with one entry a finding beside it."""
    one = result.findings[0] if len(result.findings) == 1 else None
    extra = dict(one.facts) if one else {}
    exam = _reading(guideline, result.exam, extra)
    due = due_date(exam_date, exam["interval_months"])
    exam["due_date"] = due.isoformat() if due else None
    if one is not None:
        exam["trace"] = [asdict(step) for step in (*one.trace, *result.exam.trace)]
    reasons = list(reasons_of([result.exam, *result.findings]))
    exam["review"] = {"required": bool(reasons), "reasons": reasons}
    exam["findings"] = [
        {"tracking_id": name, **_reading(guideline, reading, {})}
        for name, reading in zip(names, result.findings, strict=True)
    ]
    return exam


def _asked(guideline: Guideline, ask: str | None) -> dict[str, str | None]:
    """What to assess next, as the form names it, and the question to put to a human."""
    parts = (ask or "").split(".")
    for at in range(len(parts)):  # the finding's own name may stand before the input
        name = next((n for n in (".".join(parts[at:]), parts[at]) if n in guideline.inputs), None)
        if name is not None:
            scope, i = guideline.inputs[name]
            who = ".".join(parts[:at]) if scope == "finding" else ""
            return {"ask": ".".join(filter(None, (who, i.get("at", name)))), "question": i.get("ask") or i["doc"]}
    return {"ask": ask, "question": None}


def _reading(guideline: Guideline, reading: Reading, extra: Mapping[str, Any]) -> dict[str, Any]:
    facts = {**extra, **reading.facts}
    reasons = list(reasons_of([reading]))
    return {
        "guideline": guideline.name,
        "category": reading.category,
        "display": display(guideline, reading),
        "possible": list(reading.possible),
        "management": facts.pop("management", None),
        "interval_months": facts.pop("interval_months", None),
        **{k: v for k, v in facts.items() if k != "display"},
        **_asked(guideline, reading.ask),
        "silent": reading.silent,
        "alternatives": list(reading.alternatives),
        "review": {"required": bool(reasons), "reasons": reasons},
        "trace": [asdict(step) for step in reading.trace],
    }
