"""A CDS service over stored decisions, and an EHR that calls it without a network."""

import asyncio
import atexit
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI
from starlette.exceptions import HTTPException

from radlogic.adapters import service
from radlogic.adapters.cds_hooks.router import cds_routes, unverified
from radlogic.adapters.cds_hooks.seam import Datum, Records, fetches_nothing
from radlogic.adapters.cds_hooks.settings import CdsSettings
from radlogic.adapters.fhir.pseudonym import patient_key
from radlogic.adapters.operations.logged import Logged
from radlogic.adapters.store.cases import Store
from radlogic.engine.calendar import due_date
from radlogic.engine.errors import RadlogicError
from radlogic.engine.record import Assessment, MemoryLog, MemoryQueue
from radlogic.engine.types import GuidelineDecision

JANE = "jane-doe-1960"
TODAY = date(2025, 6, 20)
NOW = datetime(2025, 6, 20, 9, 30, tzinfo=UTC)
INSTANCE = "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea"


def of_jane(assessment: Assessment, **changes: Any) -> Assessment:
    """The assessment as one of Jane's; ``changes`` to the exam (date, study_uid) give it an id of its own."""
    case, decision = assessment.record.case, assessment.decision
    case = replace(case, patient=replace(case.patient, key=patient_key(JANE)), exam=replace(case.exam, **changes))
    name = "-".join([assessment.record.decision_id, *(str(v).replace(".", "") for v in changes.values())])
    if "date" in changes:
        decision = replace(decision, guidelines=tuple(_due_from(changes["date"], g) for g in decision.guidelines))
    record = replace(assessment.record, case=case, decision_id=name)
    return replace(assessment, decision=decision, record=record)


def _due_from(day: date | None, given: GuidelineDecision) -> GuidelineDecision:
    months = given.exam.facts.get("interval_months") if given.exam else None
    return replace(given, due_date=due_date(day, months))


@dataclass
class Ehr:
    """A client of the service."""

    app: FastAPI
    records: Records

    def ask(self, method: str, path: str, host: str = "127.0.0.1", **more: Any) -> httpx.Response:
        async def once() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.app)
            async with httpx.AsyncClient(transport=transport, base_url=f"http://{host}") as client:
                return await client.request(method, path, **more)

        return asyncio.run(once())

    def call(self, service_id: str, request: Mapping[str, Any]) -> httpx.Response:
        return self.ask("POST", f"/cds-services/{service_id}", json=request)

    def cards(self, service_id: str, request: Mapping[str, Any]) -> list[dict[str, Any]]:
        answer = self.call(service_id, request)
        assert answer.status_code == 200, answer.text
        return answer.json()["cards"]

    def tell(self, service_id: str, *outcomes: Mapping[str, Any]) -> httpx.Response:
        return self.ask("POST", f"/cds-services/{service_id}/feedback", json={"feedback": list(outcomes)})


@dataclass
class Server:
    """A FHIR server by its answers: query -> resource, or words for why it fails. ``asked``: what was asked."""

    answers: Mapping[str, Any]
    asked: list[dict[str, str]] = field(default_factory=list)

    def fetching(self, client: Any, server: Any) -> Any:
        def fetch(needs: Mapping[str, str]) -> dict[str, Datum]:
            self.asked.append(dict(needs))
            return {key: self._datum(self.answers.get(query, "not found")) for key, query in needs.items()}

        return fetch

    @staticmethod
    def _datum(found: Any) -> Datum:
        return Datum(None, found) if isinstance(found, str) else Datum(found)


@cache
def _laid_out() -> Path:
    """An empty store: its migrations run once, not for each test."""
    folder = Path(tempfile.mkdtemp(prefix="radlogic-cds-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    Store.open(folder).close()
    return folder


def _store(folder: Path) -> Store:
    """The store in a folder; where that is empty, a new one."""
    if not any(folder.iterdir()):
        shutil.copytree(_laid_out(), folder, dirs_exist_ok=True)
    return Store.open(folder)


def ehr(
    *assessments: Assessment,
    folder: Path | None = None,
    today: date = TODAY,
    fetching: Any = fetches_nothing,
    verify: Any = unverified,
    **settings: Any,
) -> Ehr:
    """A service over these decisions: in memory, or in a store where a folder is given."""
    log, queue = MemoryLog(), MemoryQueue()
    store = _store(folder) if folder else None
    for one in assessments:
        if store is not None:
            store.add(one, NOW, "radlogic")
        elif one.decision.review.required:
            queue.put(log.append(one), one.decision.review)
        else:
            log.append(one)
    records = Records(
        log, queue, lambda: today, store, CdsSettings(**settings), fetching, now=lambda: NOW
    )  # fmt: skip
    return Ehr(app_of(records, verify), records)


def app_of(records: Records, verify: Any = unverified) -> FastAPI:
    app = FastAPI()
    app.add_middleware(Logged)
    app.add_exception_handler(HTTPException, service._http_refusal)
    app.add_exception_handler(RadlogicError, service._own_refusal)
    app.include_router(cds_routes(records, verify))
    return app


def request(hook: str = "patient-view", instance: str = INSTANCE, **more: Any) -> dict[str, Any]:
    """A call; ``more`` overrides or adds fields, ``context`` adds to its context."""
    context = {"userId": "Practitioner/1", "patientId": JANE, **more.pop("context", {})}
    return {"hook": hook, "hookInstance": instance, "context": context, **more}


def without_value(message: Any) -> list[str]:
    """Every null, empty text, list or object in a message, CDS Hooks' prohibited forms; ``cards`` may be empty."""
    if isinstance(message, dict):
        found = [n for n, v in message.items() if v in (None, "", [], {}) and (n, v) != ("cards", [])]
        return found + [name for value in message.values() for name in without_value(value)]
    return [name for value in message for name in without_value(value)] if isinstance(message, list) else []


def on_liver(assessment: Assessment, category: str, interval: list[int] | None, management: str) -> Assessment:
    """The first guideline's answer as one of ultrasound surveillance of the liver."""
    first = assessment.decision.guidelines[0]
    name = "li-rads-us@2024"
    assert first.exam is not None
    facts = {"display": category, "management": management, "interval_months": interval}
    reading = replace(first.exam, guideline=name, category=category, possible=(category,), facts=facts)
    due = due_date(assessment.record.case.exam.date, interval)
    answer = replace(first, application=replace(first.application, guideline=name), exam=reading, due_date=due)
    record = replace(assessment.record, decision_id=f"sample-liver-{category.lower()}")
    return replace(assessment, decision=replace(assessment.decision, guidelines=(answer,)), record=record)
