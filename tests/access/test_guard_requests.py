"""Requests that no page of ours makes: another name, too many, too large, too slow."""

import asyncio

from access_world import OURS


def test_a_name_of_another_site_is_refused(here):
    """DNS rebinding: the browser believes that our page is the attacker's."""
    assert here.browser(host="evil.test").get("/login").status_code == 421


def test_too_many_requests_of_one_client_wait_and_others_do_not(make_world):
    here = make_world(burst=10, requests_per_s=0.5)
    statuses = [here.browser().get("/").status_code for _ in range(11)]

    assert statuses == [200] * 10 + [429]
    assert here.browser("203.0.113.9").get("/").status_code == 200
    here.ticks.now += 2
    assert [here.browser().get("/").status_code for _ in range(2)] == [200, 429]


def test_a_body_that_is_too_large_is_refused_whether_it_says_so_or_not(here):
    browser = here.browser()

    async def drops():
        for _ in range(40):
            yield b"x" * 65536

    assert browser.ask("POST", "/login", content=b"x" * (2 << 20), headers=OURS).status_code == 413
    assert browser.ask("POST", "/login", content=drops(), headers=OURS).status_code == 413


def test_a_body_that_is_cut_short_is_refused(here):
    sent, body = [], [{"type": "http.request", "body": b"a=", "more_body": True}, {"type": "http.disconnect"}]

    async def receive():
        return body.pop(0)

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http", "method": "POST", "path": "/login", "raw_path": b"/login", "query_string": b"", "root_path": "",
        "scheme": "https", "http_version": "1.1", "headers": [(b"host", b"radlogic.test")], "client": None,
        "server": ("radlogic.test", 443),
    }  # fmt: skip
    here.runner.run(here.app(scope, receive, send))

    assert sent[0]["status"] == 400


def test_a_body_that_drips_is_given_up(here, monkeypatch):
    monkeypatch.setattr("radlogic.adapters.access.middleware.BODY_WAIT_S", 0.05)

    async def drips():
        yield b"a="
        await asyncio.sleep(5)
        yield b"b"

    assert here.browser().ask("POST", "/login", content=drips(), headers=OURS).status_code == 408


def test_websockets_are_closed(here):
    sent = []

    async def receive():
        return {"type": "websocket.connect"}

    async def send(message):
        sent.append(message)

    scope = {"type": "websocket", "path": "/", "headers": [], "query_string": b""}
    here.runner.run(here.app(scope, receive, send))

    assert sent == [{"type": "websocket.close", "code": 1008}]
