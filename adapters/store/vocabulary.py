"""The words that kept entries may use: override reasons, audit actions, and the hours until a case is due."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from ...engine.errors import BadValue, MissingKnowledge
from ...engine.resources import knowledge_folder
from ...engine.types import Priority

AUDIT_ACTIONS = {
    "login": "somebody logged in",
    "login_failed": "somebody tried to, and was refused",
    "logout": "somebody logged out",
    "launched": "the page was launched from the EHR",
    "denied": "an action was refused: not their role, not their case",
    "rate_limited": "too many attempts",
    "viewed": "patient data was shown",
    "searched": "the worklist was asked for",
    "exported": "entries left the store",
    "verified": "the record was verified",
    "replayed": "a decision was recomputed",
    "account_created": "an account was made",
    "account_changed": "an account's role or password was changed",
    "account_disabled": "an account was closed",
    "settings_changed": "the configuration was changed",
    "unlisted": "somebody whom the record does not know was taken off the lists of overdue exams",
}


@dataclass(frozen=True, slots=True)
class OverrideReason:
    """Why a human gives another answer: its code, words for people, whether a comment is needed."""

    code: str
    words: str
    comment_needed: bool = False


@cache
def override_reasons() -> Mapping[str, OverrideReason]:
    """All of them by code, in the order of ``knowledge/review/override_reasons.yaml``.

    Raises:
        MissingKnowledge: the file is not there or not what it should be.
    """
    listed = _read("override_reasons.yaml", "override_reasons")
    try:
        return {code: OverrideReason(code, r["words"], r.get("comment", False)) for code, r in listed.items()}
    except (KeyError, TypeError, AttributeError) as error:
        raise _missing("override_reasons.yaml") from error


def override_reason(code: str) -> OverrideReason:
    """The reason of that code.

    Raises:
        BadValue: there is none.
    """
    known = override_reasons()
    if code not in known:
        raise BadValue("override", "reason", "another code", ", ".join(known), "Choose one of these.")
    return known[code]


def audit_actions() -> Mapping[str, str]:
    """What ``Store.audit`` takes, each with its meaning."""
    return AUDIT_ACTIONS


def audit_action(action: str) -> str:
    """The action, if it is one.

    Raises:
        BadValue: it is none.
    """
    if action not in AUDIT_ACTIONS:
        raise BadValue("audit", "action", "another action", ", ".join(AUDIT_ACTIONS), "Use one of these.")
    return action


def due(arrived: datetime, priority: Priority) -> datetime:
    """When a human should have looked at a case of that priority.

    Raises:
        MissingKnowledge: ``knowledge/review/worklist.yaml`` does not say.
    """
    return arrived + timedelta(hours=_due_hours()[priority])


@cache
def _due_hours() -> Mapping[Priority, float]:
    hours = _read("worklist.yaml", "due_hours")
    try:
        return {priority: float(hours[priority.value]) for priority in Priority}
    except (KeyError, TypeError, ValueError) as error:
        raise _missing("worklist.yaml") from error


def _read(name: str, key: str) -> Mapping[str, Any]:
    import yaml

    file = knowledge_folder() / "review" / name
    try:
        found = yaml.safe_load(file.read_bytes())[key]
    except (OSError, KeyError, TypeError, yaml.YAMLError) as error:
        raise _missing(name) from error
    if not isinstance(found, dict):
        raise _missing(name)
    return found


def _missing(name: str) -> MissingKnowledge:
    return MissingKnowledge(f"knowledge/review/{name}", "", "not what it should be", "the shipped file", "Restore it.")
