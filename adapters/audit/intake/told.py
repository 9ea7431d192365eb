"""What the intake says of the tables that it made, for whoever audits them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FILE = "intake.json"
SAID = ("form", "files", "tables", "exams", "aside", "passed_over")


def told_of(tables: Path) -> dict[str, Any]:
    """``intake``: the form that was read, the lines or rows of each file, and the counts of what was put aside.

    Nothing where the tables were given as they are.
    """
    try:
        told = json.loads((tables / FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return {"intake": {name: told[name] for name in SAID if name in told}}
