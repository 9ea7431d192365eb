"""The audit's worklist, kept in a store so that the cards of the patients show it (``cds_hooks/overdue_list``)."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from ...engine.errors import BadValue, NotReadable
from ...engine.guideline.columns import text
from .at_scale import Order, opened

COLUMNS = "patient_id, exam_date, edition, category, measure, due_date"


@dataclass(frozen=True, slots=True)
class Whose:
    """Whose ids ``patient_id`` are: ``Patient.id`` of a FHIR server (its base address), or values of an identifier
    system (a URI). One of the two."""

    server: str = ""
    system: str = ""

    def as_system(self) -> str:
        """The system under which patients are kept.

        Raises:
            BadValue: both or none are given, or an address is none.
        """
        from ..cds_hooks.overdue_list import server_system

        allowed = "the address of the FHIR server (--patients-of), or the identifier's system (--patient-system)"
        if bool(self.server) == bool(self.system):
            found = "both" if self.server else "neither"
            raise BadValue("command line", "--store", found, allowed, "Say whose ids patient_id has.")
        if self.system and not re.fullmatch(r"[a-zA-Z][a-zA-Z0-9+.-]*:\S+", self.system):
            allowed = "a URI, such as urn:oid:2.16.840.1.113883.19.5"
            raise BadValue("command line", "--patient-system", "no URI", allowed, "Give Identifier.system.")
        try:
            return server_system(self.server) if self.server else self.system
        except ValueError as error:
            allowed = "an http(s) address"
            raise BadValue("command line", "--patients-of", "no address", allowed, "Correct it.") from error


def keep_worklist(out: Path, store: str, whose: Whose, say: Callable[[str], None] = lambda _: None) -> str:
    """Keep the worklist of an audit's folder in a store; says what was done. Given again it changes nothing.

    Args:
        out: the folder that the audit has written.
        store: a folder, or postgresql://...; it has to be there.
        whose: what ``patient_id`` is.
        say: is told what is done.

    Raises:
        BadValue: see ``Whose``; or the store has a list of a later day. NotReadable: no audit's folder.
        StoreUnavailable: the store. MissingExtra: the extra ``audit`` is absent.
    """
    from ..cds_hooks.overdue_list import keep
    from ..store.cases import Store

    system, worklist, as_of = whose.as_system(), out / "worklist.parquet", _as_of(out)
    say("worklist into the store")
    with Store.open(store, make=False) as opened_store, opened(Order(out, out, as_of)) as database:
        entries = _entries(database, worklist, as_of)
        many = keep(opened_store.journal.database, system, as_of, _sha256(worklist), entries)
    return "the worklist is in the store already" if many is None else f"{many} overdue exams are in the store"


def _as_of(out: Path) -> date:
    try:
        return date.fromisoformat(json.loads((out / "manifest.json").read_text(encoding="utf-8"))["plan"]["as_of"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        cure = "Give the folder that `radlogic audit` wrote."
        raise NotReadable("manifest.json", "plan.as_of", type(error).__name__, "an audit's plan", cure) from error


def _sha256(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        cure = "Run the audit again."
        raise NotReadable(file.name, "", type(error).__name__, "the worklist of an audit", cure) from error


def _entries(database: Any, worklist: Path, as_of: date) -> Iterator[tuple[str, Any]]:
    """(patient, entry) in the worklist's order, in bounded memory."""
    from ..cds_hooks.overdue_list import Overdue

    cursor = database.execute(f"SELECT {COLUMNS} FROM read_parquet({text(str(worklist))})")  # noqa: S608
    line = 0
    while rows := cursor.fetchmany(10_000):
        for patient, exam_date, edition, category, measure, due in rows:
            line += 1
            yield patient, Overdue(line, exam_date, edition, category, measure, due, as_of)
