"""A service with review pages over a store of decided cases, and browsers to visit it."""

import asyncio
import atexit
import html
import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from access_world import BASE, CHEAP, PHRASE_HASH, Browser
from fastapi import FastAPI
from open_services import open_app

from radlogic.adapters.access import accounts
from radlogic.adapters.access.permissions import Role
from radlogic.adapters.access.sessions import csrf_of
from radlogic.adapters.access.settings import AccessSettings, settings_from
from radlogic.adapters.access.tables import create_tables
from radlogic.adapters.review.decide import decided as decide_again
from radlogic.adapters.review.desk import Desk
from radlogic.adapters.review.settings import ReviewSettings
from radlogic.adapters.review.setup import Pages
from radlogic.adapters.stated import from_case
from radlogic.adapters.store.cases import Store
from radlogic.adapters.store.images import FOLDER, keep_images
from radlogic.adapters.store.log import FileLog
from radlogic.adapters.store.queue import FileQueue
from radlogic.engine.assess import assess
from radlogic.engine.guideline.load import load_guideline
from radlogic.engine.knowledge import load_knowledge
from radlogic.engine.perception.volume import Volume
from radlogic.engine.record import Assessment
from radlogic.engine.types import (
    FOUND_BY_PROGRAM,
    Case,
    Classes,
    Exam,
    Finding,
    Indication,
    Known,
    Measured,
    Patient,
    Source,
    SourceKind,
)

FORM = "lung-rads@2022"
DAY = date(2026, 10, 15)
NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
NET = Source(SourceKind.NET, "lung-nodule", DAY)
EXAM = {
    "round": "baseline", "prior_ct": "none", "lungs_fully_evaluable": True, "known_lung_cancer": False,
    "s_finding": "none", "indication": "screening", "date": DAY.isoformat(),
}  # fmt: skip
NODULE = {
    "tracking_id": "N1", "type": "solid", "status": "baseline", "long_mm": Decimal("9.4"), "short_mm": Decimal("8.6"),
    "location": "right upper lobe", "position_mm": [Decimal(4), Decimal(3), Decimal(2)],
}  # fmt: skip
AT_FRONT = {"N1": (4.0, 3.0, 2.0)}


def case_of(*nodules: Mapping[str, Any], key: str = "patient-a", **exam: Any) -> Case:
    """A case as ``assess`` would read it from a findings file."""
    form = {"exam": {**EXAM, **exam}, "nodules": [dict(n) for n in nodules]}
    stated = from_case(form, load_guideline(FORM), "findings.json")
    made = Exam(stated.date, stated.indication or Indication.UNKNOWN, stated.exam, notes=stated.notes)
    return Case(made, stated.findings, Patient(key), assessed=stated.assessed)


@cache
def knowledge(*, images: bool = False):
    return load_knowledge(DAY, images=images)


MADE: dict[tuple[str, str], Assessment] = {}


def decided(case: Case, volume: Volume | None = None) -> Assessment:
    """The engine's decision, as if it had been made on the volume; each made once."""
    name = repr(case), volume.sha256() if volume else ""
    if name not in MADE:
        MADE[name] = _decided(case, volume)
    return MADE[name]


def _decided(case: Case, volume: Volume | None) -> Assessment:
    first = assess(case, knowledge(), DAY)
    if volume is None:
        return first
    kept = replace(first, record=replace(first.record, image_sha256=volume.sha256()))
    return decide_again(kept, case, DAY)


def believed(case: Case) -> Case:
    """The case with its first nodule's type and size believed by a net instead of stated."""
    nodule = case.findings[0]
    facts = {n: b for n, b in nodule.facts.items() if n not in ("long_mm", "short_mm")}
    facts |= {
        "type": Classes({"solid": 0.9, "part_solid": 0.08, "non_solid": 0.02}, NET),
        "mean_mm": Measured(9.1, 0.6, "mm", NET),
        "spiculated": Classes({"yes": 0.2, "no": 0.8}, NET),
    }
    return replace(case, findings=(replace(nodule, facts=facts), *case.findings[1:]))


def candidate(case: Case) -> Case:
    """The case with its first nodule pointed at by a program only."""
    nodule = case.findings[0]
    by = Known(True, Source(SourceKind.NET, "finder"))
    return replace(case, findings=(replace(nodule, facts={**nodule.facts, FOUND_BY_PROGRAM: by}), *case.findings[1:]))


def small_volume(slices: int = 6) -> Volume:
    """A series of slices of 12 x 10 voxels; every voxel tells where it is."""
    k, r, c = np.meshgrid(np.arange(slices), np.arange(12), np.arange(10), indexing="ij")
    hu = (-1000 + 97 * k + 11 * r + 3 * c).astype(np.int16)
    return Volume(hu, (2.0, 0.75, 0.75), (0.0, 0.0, 0.0), np.array([[0.0, 0, 1], [0, 1, 0], [1, 0, 0]]))


@dataclass
class Review:
    """The service and its store; to a ``Browser`` it is a world."""

    app: FastAPI
    settings: AccessSettings
    runner: asyncio.Runner
    store: Store
    desk: Desk

    def add(self, case: Case, volume: Volume | None = None) -> str:
        """Keep a decision, with its slices."""
        if volume is not None and self.desk.images is not None:
            keep_images(self.desk.images, volume)
        return self.store.add(decided(case, volume), NOW, "radlogic")

    def enter(self, role: Role | str, address: str = "192.0.2.7") -> "Reader":
        """Somebody of that role, logged in."""
        name = str(role)
        reader = Reader(self, address, {})
        reader.name = name
        assert reader.log_in(name, to="/review").status_code == 303
        return reader

    def kinds(self, decision_id: str) -> list[tuple[str, str]]:
        """What the record holds of a decision: (kind, actor), oldest first."""
        return [(entry.kind, entry.actor) for entry in self.store.case(decision_id).history]


class Reader(Browser):
    """A browser at the review pages, and who is logged in."""

    name = ""

    def page(self, decision_id: str, part: str = "") -> str:
        answer = self.get(f"/review/{decision_id}{part}")
        assert answer.status_code == 200, answer.text
        return answer.text

    def do(self, decision_id: str, what: str, fields: Mapping[str, str] | None = None, **headers: str):
        """Send a form of the page, with the judgement that the page shows now where it overrides or corrects."""
        fields = dict(fields or {})
        if what in ("override", "correction") and "seen" not in fields:
            fields |= self.judged(decision_id, what)
        return self.post(f"/review/{decision_id}/{what}", {**self.token, **fields}, **headers)

    def judged(self, decision_id: str, what: str) -> dict[str, str]:
        """The field of a form that says what this person's page shows; nothing where they have no such form."""
        where = "/correction" if what == "correction" else ""
        form = self.get(f"/review/{decision_id}{where}").text.partition(f'action="/review/{decision_id}/{what}"')[2]
        found = re.search(r'name="seen" value="([0-9]+)"', form.partition("</form>")[0])
        return {"seen": found[1]} if found else {}

    def seen(self, decision_id: str) -> dict[str, str]:
        """The field of the form for signing that says what this person's page shows now."""
        form = self.page(decision_id).partition('id="sign"')[2]
        return {"seen": re.search(r'name="seen" value="([0-9]+)"', form)[1]}

    def sign(self, decision_id: str, **seen: str):
        """Look at the case, and sign what its page shows; ``seen``: what an earlier page showed."""
        return self.do(decision_id, "signature", {"looked": "yes", **(seen or self.seen(decision_id))})

    @property
    def token(self) -> dict[str, str]:
        """The field that every form of this session has."""
        return {"csrf_token": csrf_of(self.cookie or "")}

    def read(self, decision_id: str, *nodules: Mapping[str, str], **exam: str):
        """Commit findings of one's own."""
        fields = {f"exam.{n}": v for n, v in exam.items()}
        for i, nodule in enumerate(nodules, 1):
            fields |= {f"new{i}.kind": "nodule", **{f"new{i}.{n}": v for n, v in nodule.items()}}
        return self.do(decision_id, "reading", {**fields, "do": "commit"})

    def informed(self, decision_id: str) -> None:
        """Has read, and opened the reasons: straight into the store, as the forms' own tests show that they do."""
        fields = {"new1.kind": "nodule", **{f"new1.{name}": text for name, text in SEEN.items()}}
        store, name = self.world.store, self.name
        store.commit_reading(decision_id, {"fields": fields}, NOW, name)
        store.open_reasons(decision_id, NOW, name)

    def shown(self, decision_id: str) -> dict[str, str]:
        """The fields of the correction form as the page shows them."""
        return form_fields(self.page(decision_id, "/correction"))


SEEN = {"type": "solid", "status": "baseline", "long_mm": "9.0", "short_mm": "8.0", "position": "4.0, 3.0, 2.0"}
CONTROL = re.compile(
    r"<(input|select|textarea)\b([^>]*)>(.*?)(?=<(?:input|select|textarea|label|button|/form)\b|$)", re.S
)


def form_fields(page: str) -> dict[str, str]:
    """What a browser would send of a page's main form, by name, buttons left out."""
    body = page[page.index("<form", page.index("data-form") - 300) :]
    found: dict[str, str] = {}
    for tag, attributes, inner in CONTROL.findall(body[: body.index("</form>")]):
        name = re.search(r'name="([^"]+)"', attributes)
        if name is None or name[1] == "do":
            continue
        if tag == "select":
            chosen = re.search(r'<option value="([^"]*)" selected', inner)
            found[name[1]] = html.unescape(chosen[1]) if chosen else ""
        elif 'type="checkbox"' in attributes:
            if " checked" in attributes:
                found[name[1]] = "on"
        else:
            value = re.search(r'value="([^"]*)"', attributes)
            found[name[1]] = html.unescape(value[1]) if value else ""
    return found


@cache
def _laid_out() -> Path:
    """An empty store with one account of each role, named after it."""
    folder = Path(tempfile.mkdtemp(prefix="radlogic-review-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with Store.open(folder) as store:
        create_tables(store.journal.database.engine)
        for role in Role:
            accounts.add(store.journal.database.engine, role.value, (role,), password_hash=PHRASE_HASH, now=1)
    return folder


def review_world(runner: asyncio.Runner, folder: Path, **review: Any) -> Review:
    """A service over a new store, with one account of each role, named after it."""
    shutil.copytree(_laid_out(), folder)  # the migrations and the hashing of passwords once, not for each test
    store = Store.open(folder)
    access = settings_from({"base_url": BASE, "home": "/review"}).model_copy(update=CHEAP)
    desk = Desk(store, ReviewSettings(**review), folder / FOLDER, lambda: NOW)
    app = open_app(FileLog(folder), FileQueue(folder), pages=Pages(desk, access))
    return Review(app, access, runner, store, desk)


def finding(name: str, position: tuple[float, float, float] | None, **facts: Any) -> Finding:
    """A stated nodule."""
    source = Source(SourceKind.HUMAN, "test")
    return Finding(name, "nodule", {n: Known(v, source) for n, v in facts.items()}, position)
