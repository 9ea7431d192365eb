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


def test_feedback_that_cannot_be_written_is_refused_soon_and_holds_up_nobody(tmp_path):
    with Store.open(tmp_path) as store:
        store.add(of_jane(screening()), at=datetime(2025, 1, 16, 9, tzinfo=UTC), actor="radlogic")
    app = app_of(settings_of(store=str(tmp_path), trust={"verify": False}))
    took = {}

    async def timed(http, name, method, path, **more):
        begun = time.monotonic()
        answer = await http.request(method, path, **more)
        took.setdefault(name, []).append((answer.status_code, time.monotonic() - begun, answer.headers))

    async def all_of_them():
        http = httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=HERE)
        async with app.router.lifespan_context(app), http:
            card = (await http.post(SERVICE, json=request())).json()["cards"][0]["uuid"]
            with locked(tmp_path):
                told_of = [told(card, number) for number in range(FLOOD)]
                flood = [timed(http, "feedback", "POST", f"{SERVICE}/feedback", json=one) for one in told_of]
                begun = [asyncio.ensure_future(one) for one in flood]
                await asyncio.sleep(0.1)
                for path in ("/healthz", "/readyz", "/metrics"):
                    await timed(http, path, "GET", path)
                await timed(http, "call", "POST", SERVICE, json=request())
                still = sum(not one.done() for one in begun)
                await asyncio.gather(*begun)
            await timed(http, "after", "POST", f"{SERVICE}/feedback", json=told(card))
            return still

    still = asyncio.run(all_of_them())

    assert still > 0  # else nothing was asked while feedback waited
    assert Counter(status for status, _, _ in took["feedback"]) == {503: FLOOD}
    assert {headers["retry-after"] for _, _, headers in took["feedback"]} == {"5"}
    assert max(seconds for _, seconds, _ in took["feedback"]) < 5
    for name in ("/healthz", "/readyz", "/metrics", "call"):
        ((status, seconds, _),) = took[name]
        assert (name, status) == (name, 200)
        assert seconds < 2
    assert took["after"][0][0] == 200


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
