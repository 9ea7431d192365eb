"""While another program has the store: feedback waits a moment in few threads, and everything else goes on."""

import asyncio
import contextlib
import sqlite3
import time
from collections import Counter
from datetime import UTC, datetime
from threading import Event

import httpx
import pytest
from cds_world import of_jane, request
from sample_decisions import screening

from radlogic.adapters.cds_hooks.said import WRITERS
from radlogic.adapters.operations.apart import Apart
from radlogic.adapters.serving import app_of
from radlogic.adapters.site_settings import settings_of
from radlogic.adapters.store.cases import Store
from radlogic.adapters.store.database import Database, waiting_at_most
from radlogic.adapters.store.errors import StoreUnavailable

HERE = "http://127.0.0.1:8765"
SERVICE = "/cds-services/radlogic-patient-view"
FLOOD = 45  # more than a process has worker threads (anyio: 40)


@contextlib.contextmanager
def locked(folder):
    """Somebody else writes: ``record erase``, a backup."""
    with contextlib.closing(sqlite3.connect(folder / "radlogic.sqlite3", isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        yield


def told(card, number=0):
    override = {"reason": {"code": "limited-time", "system": "urn:own"}}
    outcome = {"card": card, "outcome": "overridden", "overrideReason": override}
    return {"feedback": [outcome | {"outcomeTimestamp": f"2025-06-20T09:{number:02}:00Z"}]}


@pytest.fixture
def flooded(tmp_path):
    """``flooded(meanwhile)``: while another has the store, much feedback is sent, and once all but those that may wait
    are refused, ``meanwhile`` is asked; its answers, then status, seconds and headers of all feedback, then the status
    of one that is sent when the store is free again."""
    with Store.open(tmp_path) as store:
        store.add(of_jane(screening()), at=datetime(2025, 1, 16, 9, tzinfo=UTC), actor="radlogic")
    app = app_of(settings_of(store=str(tmp_path), trust={"verify": False}))

    async def timed(http, method, path, **more):
        begun = time.monotonic()
        answer = await http.request(method, path, **more)
        return answer.status_code, time.monotonic() - begun, answer.headers

    async def all_of_them(meanwhile):
        http = httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=HERE)
        async with app.router.lifespan_context(app), http:
            card = (await http.post(SERVICE, json=request())).json()["cards"][0]["uuid"]

            def feedback(number=0):
                return asyncio.ensure_future(timed(http, "POST", f"{SERVICE}/feedback", json=told(card, number)))

            with locked(tmp_path):
                flood = [feedback(number) for number in range(FLOOD)]
                waiting = set(flood)
                while len(waiting) > WRITERS:
                    _, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                answers = {path: await timed(http, method, path, **more) for method, path, more in meanwhile}
                still = sum(not one.done() for one in flood)
                if not meanwhile:
                    await asyncio.gather(*flood)
            return answers, still, await asyncio.gather(*flood), (await feedback())[0]

    return lambda *meanwhile: asyncio.run(all_of_them(meanwhile))


def test_feedback_that_cannot_be_written_is_refused_soon(flooded):
    _, _, refused, afterwards = flooded()

    assert Counter(status for status, _, _ in refused) == {503: FLOOD}
    assert {headers["retry-after"] for _, _, headers in refused} == {"5"}
    assert max(seconds for _, seconds, _ in refused) < 5
    assert afterwards == 200


def test_feedback_that_waits_holds_up_nobody_and_is_written_in_the_end(flooded, monkeypatch):
    for patience in ("feedback.TURN_S", "router.LOCK_S"):  # as long as the others are asked, however long that takes
        monkeypatch.setattr(f"radlogic.adapters.cds_hooks.{patience}", 30.0)

    paths = ("/healthz", "/readyz", "/metrics")
    answers, still, feedback, _ = flooded(
        *(("GET", path, {}) for path in paths), ("POST", SERVICE, {"json": request()})
    )

    assert {path: status for path, (status, _, _) in answers.items()} == dict.fromkeys((*paths, SERVICE), 200)
    assert max(seconds for _, seconds, _ in answers.values()) < 2
    assert still == WRITERS
    assert Counter(status for status, _, _ in feedback) == {503: FLOOD - WRITERS, 200: WRITERS}


def test_who_says_so_waits_shortly_for_a_lock_and_nobody_else_does(tmp_path):
    with contextlib.closing(Database(tmp_path)) as database:
        with locked(tmp_path):
            begun = time.monotonic()
            with waiting_at_most(0.05), pytest.raises(StoreUnavailable), database.write():
                pass
            assert 0.04 < time.monotonic() - begun < 5
        with database.read() as connection:  # the same connection of the pool
            assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 30_000


def test_a_question_that_is_not_answered_in_time_is_asked_once_and_its_answer_shared():
    asked, may_go_on = [], Event()

    def question():
        asked.append(1)
        return may_go_on.wait(10)

    async def both():
        apart = Apart(question)
        for _ in range(3):
            with pytest.raises(TimeoutError):
                await apart.answer(within_s=0.02)
        waiting = [asyncio.ensure_future(apart.answer()) for _ in range(2)]
        await asyncio.sleep(0)  # both wait by now: who asks after the answer was given asks anew
        may_go_on.set()
        return await asyncio.gather(*waiting)

    assert asyncio.run(both()) == [True, True]
    assert len(asked) == 1
