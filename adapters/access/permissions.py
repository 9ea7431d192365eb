"""Who may do what: one table from roles to permissions, read by the guard and by the documents' test."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType


class Permission(StrEnum):
    """What a page or an action asks for."""

    READ_CASE = "read_case"
    COMMIT_READING = "commit_reading"
    CORRECT = "correct"
    OVERRIDE = "override"
    SIGN = "sign"
    READ_AUDIT = "read_audit"
    EXPORT = "export"
    MONITOR = "monitor"
    MANAGE_ACCOUNTS = "manage_accounts"


class Role(StrEnum):
    """What a person is to radlogic; one account may have several."""

    READER = "reader"
    REVIEWER = "reviewer"
    AUDITOR = "auditor"
    ADMIN = "admin"


_READS = frozenset({Permission.READ_CASE, Permission.COMMIT_READING, Permission.CORRECT})
# Who keeps accounts sees no patient, and who audits changes nothing: neither can cover for the other.
TABLE = MappingProxyType(
    {
        Role.READER: _READS,
        Role.REVIEWER: _READS | {Permission.OVERRIDE, Permission.SIGN, Permission.MONITOR},
        Role.AUDITOR: frozenset({Permission.READ_CASE, Permission.READ_AUDIT, Permission.EXPORT, Permission.MONITOR}),
        Role.ADMIN: frozenset({Permission.MANAGE_ACCOUNTS, Permission.MONITOR}),
    }
)


def permitted(roles: Iterable[Role], permission: Permission) -> bool:
    """Whether any of the roles has the permission; no role, no permission."""
    return any(permission in TABLE[role] for role in roles)


@dataclass(frozen=True, slots=True)
class Launch:
    """What the EHR said when it launched us (SMART App Launch 2.2, section 4.1): its own ids, never shown in a URL."""

    fhir_server: str
    patient: str | None = field(default=None, repr=False)
    encounter: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Actor:
    """Who makes a request: somebody logged in, whose account is not disabled.

    ``session_id`` names the session in records; it is not the cookie's value and opens nothing.
    ``launch`` is set where the session was begun from the EHR.
    """

    name: str
    display: str
    roles: frozenset[Role]
    session_id: str
    launch: Launch | None = field(default=None, repr=False)

    def may(self, permission: Permission) -> bool:
        """Whether one of the roles has the permission (for what a page offers; ``require`` is what decides)."""
        return permitted(self.roles, permission)
