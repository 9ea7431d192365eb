"""``knowledge/audit``: the views by resource, and what becomes of their columns. Read once and checked whole."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from ....engine.errors import MissingKnowledge, RadlogicError
from ....engine.resources import knowledge_folder
from ..views.definition import View, read_view

Words = tuple[str, ...]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Marks(_Strict):
    """How an Observation shows what it is: its ``code.text``, its codes, the end of the product's own code."""

    text: Words
    codes: Words
    own: str


class Intake(_Strict):
    """``intake.yaml``."""

    withdrawn: Words
    left_out: Mapping[str, Words]
    unclear: Mapping[str, Words]
    not_imaging: Words
    words: Mapping[str, Mapping[str | None, Words]]
    assessment: Marks
    findings: Words
    systems: Mapping[str, Words]
    units: Mapping[str, Words]
    months: Words

    def units_of(self, name: str) -> Words:
        """What the unit of a fact may be called; the longest end of its name decides."""
        end = max((e for e in self.units if name.endswith(e)), key=len, default="else")
        return self.units[end]


@lru_cache(maxsize=1)
def intake() -> Intake:
    """The shipped file. Raises: MissingKnowledge."""
    where = "knowledge/audit/intake.yaml"
    try:
        found: Any = yaml.safe_load((knowledge_folder() / "audit" / "intake.yaml").read_text(encoding="utf-8"))
        return Intake.model_validate(found)
    except (OSError, yaml.YAMLError, ValidationError) as error:
        raise _missing(where, type(error).__name__) from error


@lru_cache(maxsize=1)
def views() -> Mapping[str, View]:
    """The shipped views by name. Raises: MissingKnowledge."""
    folder = knowledge_folder() / "audit" / "views"
    found = {}
    try:
        for file in sorted(folder.iterdir(), key=lambda f: f.name):
            if file.name.endswith(".json"):
                name = file.name.removesuffix(".json")
                found[name] = read_view(file.read_bytes(), f"knowledge/audit/views/{file.name}")
    except (OSError, RadlogicError) as error:
        raise _missing("knowledge/audit/views", str(error)) from error
    if not found:
        raise _missing("knowledge/audit/views", "no view")
    return found


def _missing(where: str, found: str) -> MissingKnowledge:
    return MissingKnowledge(where, "", found, "the views of the audit", "Restore the file, or reinstall radlogic.")
