"""FHIR R4 OperationOutcome: how the service says that it cannot answer.

Texts name fields and what is allowed there, never what was sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi.responses import JSONResponse
from pydantic import ValidationError

# HTTP status -> code of http://hl7.org/fhir/issue-type (required binding of OperationOutcome.issue.code)
ISSUE_TYPES = {400: "invalid", 404: "not-found", 405: "not-supported", 413: "too-long", 503: "transient"}


def issue(code: str, diagnostics: str, expression: str = "") -> dict[str, Any]:
    """One issue of severity error; ``expression`` is the path of the field, where there is one."""
    place = {"expression": [expression]} if expression else {}
    return {"severity": "error", "code": code, "diagnostics": diagnostics, **place}


def outcome(status: int, issues: Sequence[dict[str, Any]]) -> JSONResponse:
    """The response with that HTTP status."""
    return JSONResponse({"resourceType": "OperationOutcome", "issue": list(issues)}, status_code=status)


def refusal(status: int, diagnostics: str) -> JSONResponse:
    """The response with one issue that concerns the request as a whole."""
    return outcome(status, [issue(ISSUE_TYPES.get(status, "exception"), diagnostics)])


def malformed(error: ValidationError) -> JSONResponse:
    """400 with one issue per field at fault; the values that were sent are left out."""
    found = error.errors(include_input=False, include_context=False, include_url=False)
    return outcome(400, [_of_field(".".join(map(str, e["loc"])), e["type"], e["msg"]) for e in found])


def _of_field(path: str, kind: str, text: str) -> dict[str, Any]:
    code = {"json_invalid": "structure", "missing": "required"}.get(kind, "value")
    return issue(code, f"{path or 'the request body'}: {text}", path)
