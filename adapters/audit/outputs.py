"""The audit's files as texts, by name; whoever calls decides where they go."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from .compare import Outcome
from .measure_report import measure_report
from .population import AuditResult


def as_files(result: AuditResult) -> dict[str, str]:
    """Name -> text: the summary, what disagrees, what could not be read, and the MeasureReport."""
    return {
        "audit.json": _pretty(summary(result)),
        "disagreements.ndjson": _lines(asdict(comparison) for comparison in result.disagreements),
        "bad_lines.ndjson": _lines(asdict(bad) for bad in result.bad),
        "measure_report.json": _pretty(measure_report(result)),
    }


def summary(result: AuditResult) -> dict[str, Any]:
    """Totals by group, and per guideline the count of every outcome."""
    return {
        "totals": result.totals,
        "outcomes": {
            name: {outcome.value: counts.get(outcome, 0) for outcome in Outcome}
            for name, counts in result.counts.items()
        },
        "exam_dates": {"first": result.first, "last": result.last, "undated": result.undated},
    }


def _pretty(value: object) -> str:
    return json.dumps(value, indent=2, default=str) + "\n"


def _lines(values: Iterable[object]) -> str:
    return "".join(json.dumps(value, default=str) + "\n" for value in values)
