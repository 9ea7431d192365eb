"""The one table of who may what."""

import re
from pathlib import Path

import pytest

from radlogic.adapters.access.permissions import TABLE, Actor, Launch, Permission, Role, permitted

PAGE = Path(__file__).resolve().parents[2] / "docs" / "access.md"


def test_every_role_is_in_the_table_and_every_permission_is_somebodys():
    assert set(TABLE) == set(Role)
    assert set().union(*TABLE.values()) == set(Permission)


def test_who_keeps_accounts_sees_no_case_and_who_audits_changes_none():
    changes = {Permission.COMMIT_READING, Permission.CORRECT, Permission.OVERRIDE, Permission.SIGN}

    assert not TABLE[Role.ADMIN] & {*changes, Permission.READ_CASE, Permission.READ_AUDIT, Permission.EXPORT}
    assert not TABLE[Role.AUDITOR] & {*changes, Permission.MANAGE_ACCOUNTS}
    assert [role for role in Role if Permission.SIGN in TABLE[role]] == [Role.REVIEWER]


def test_roles_add_up_and_no_role_may_nothing():
    assert permitted([Role.READER, Role.ADMIN], Permission.MANAGE_ACCOUNTS)
    assert not any(permitted([], permission) for permission in Permission)


def test_the_table_cannot_be_changed_by_accident():
    with pytest.raises(TypeError):
        TABLE[Role.READER] = frozenset(Permission)


def test_an_actor_that_is_printed_shows_no_patient():
    actor = Actor("a", "A", frozenset(), "1", Launch("https://ehr.test/fhir", "pat-4711", "enc-12"))

    assert "pat-4711" not in repr(actor) + repr(actor.launch) + str(actor.launch)
    assert "enc-12" not in repr(actor.launch)


def test_the_page_has_the_table_as_it_is():
    rows = re.findall(r"^\| `(\w+)` \|(.*)\|$", PAGE.read_text("utf-8").split("## Ways")[0], re.M)
    told = {p: {role for role, cell in zip(Role, cells.split("|"), strict=True) if cell.strip()} for p, cells in rows}

    assert told == {p.value: {role for role in Role if p in TABLE[role]} for p in Permission}
