"""``radlogic audit`` over a file."""

from __future__ import annotations

from pathlib import Path

from ...engine.errors import NotReadable
from ...engine.guideline.editions import editions
from ...engine.guideline.load import load_guideline
from ...engine.resources import rules_folder
from .population import AuditResult, audit


def audit_file(path: Path) -> AuditResult:
    """Audit the lines of a file, read as bytes so that one broken line stays one bad line.

    Raises:
        NotReadable: no such file.
    """
    guidelines = [load_guideline(name) for name, _ in editions(rules_folder())]
    known = {g.name: [*(c["id"] for c in g.head["categories"]), *g.head.get("outside", ())] for g in guidelines}
    try:
        with path.open("rb") as lines:
            return audit(lines, known)
    except OSError as error:
        found = error.strerror or "an unreadable file"
        raise NotReadable(path.name, "", found, "a readable NDJSON file", "Check the path.") from error
