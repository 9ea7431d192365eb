"""What stands before every page, tried as a browser and as an attacker would."""

import asyncio

import pytest
from access_world import BASE, PHRASE, Browser

from radlogic.adapters.access import accounts
from radlogic.adapters.access.permissions import TABLE, Permission, Role
from radlogic.adapters.store.errors import StoreUnavailable

OURS = {"origin": BASE, "sec-fetch-site": "same-origin"}


def sign(browser: Browser, token: str, **headers: str):
    return browser.post("/cases/1/signature", {"csrf_token": token, "note": "seen"}, **headers)


# ---- authentication ----


def test_a_page_sends_people_who_are_not_logged_in_to_the_login_page(here):
    answer = here.browser().get("/cases/1")

    assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=/cases/1")


def test_a_script_that_is_not_logged_in_gets_401(here):
    answer = here.browser(accept="application/json").get("/cases/1")

    assert (answer.status_code, answer.json()) == (401, {"error": "log in first"})
    assert answer.headers["www-authenticate"]


def test_the_right_password_opens_the_page_that_was_asked_for(here):
    browser = here.browser()
    answer = browser.log_in("reader", to="/cases/1")

    assert (answer.status_code, answer.headers["location"]) == (303, "/cases/1")
    assert browser.get("/cases/1").json() == {"case": "1", "who": "reader", "patient": None}
    assert here.audit.entries[-1][:2] == ("reader", "login")


@pytest.mark.parametrize("role", Role)
def test_each_role_may_what_the_table_says(here, role):
    browser = here.browser()
    browser.log_in(role.value)
    pages = {Permission.READ_CASE: "/cases/1", Permission.MANAGE_ACCOUNTS: "/accounts"}
    allowed = {p: browser.get(path).status_code == 200 for p, path in pages.items()}
    allowed[Permission.SIGN] = sign(browser, browser.token_in("/")).status_code == 200

    assert allowed == {p: p in TABLE[role] for p in allowed}


def test_what_a_role_may_not_is_refused_and_recorded_without_the_case(here):
    browser = here.browser()
    browser.log_in("admin")
    answer = browser.get("/cases/4711")

    assert answer.status_code == 403
    assert here.audit.entries[-1] == ("admin", "denied", {"permission": "read_case", "route": "/cases/{case_id}"})


def test_a_form_reaches_the_route_whole_and_without_the_token(here):
    browser = here.browser()
    browser.log_in("reviewer")

    assert sign(browser, browser.token_in("/")).json() == {"signed": "1", "by": "reviewer", "fields": {"note": "seen"}}


def test_logging_out_kills_the_session_even_for_who_kept_the_cookie(here):
    browser = here.browser()
    browser.log_in("reader")
    kept = browser.cookie
    answer = browser.post("/logout", {"csrf_token": browser.token_in("/")})
    thief = here.browser(cookie=f"__Host-radlogic={kept}")

    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert browser.cookie is None
    assert thief.get("/cases/1").status_code == 303
    assert here.audit.entries[-1][:2] == ("reader", "logout")


def test_a_disabled_account_loses_its_sessions_at_once(here):
    browser = here.browser()
    browser.log_in("reader")
    accounts.disable(here.engine, "reader", 1)
    answer = browser.get("/cases/1")
    accounts.enable(here.engine, "reader")

    assert answer.status_code == 303
    assert browser.get("/cases/1").status_code == 303  # enabling does not bring them back


def test_a_session_begun_while_its_account_was_being_disabled_opens_nothing(here):
    browser = here.browser()
    browser.log_in("reader")
    with here.engine.begin() as db:
        db.exec_driver_sql("UPDATE account SET disabled_at = 1 WHERE name = 'reader'")

    assert browser.get("/cases/1").status_code == 303


def test_other_roles_hold_from_the_next_request_on(here):
    browser = here.browser()
    browser.log_in("reader")
    accounts.set_roles(here.engine, "reader", [Role.ADMIN])

    assert (browser.get("/cases/1").status_code, browser.get("/accounts").status_code) == (403, 200)


def test_another_password_logs_everybody_out(here):
    browser = here.browser()
    browser.log_in("reader")
    accounts.set_password(here.engine, "reader", "$argon2id$unreadable")

    assert browser.get("/cases/1").status_code == 303
    assert browser.log_in("reader").status_code == 403


def test_a_session_ends_when_it_is_not_used(here):
    browser = here.browser()
    browser.log_in("reader")
    here.clock.now += here.settings.idle_s - 1
    alive = browser.get("/cases/1").status_code
    here.clock.now += here.settings.idle_s - 1
    still = browser.get("/cases/1").status_code
    here.clock.now += here.settings.idle_s
    over = browser.get("/cases/1").status_code

    assert (alive, still, over) == (200, 200, 303)


def test_a_session_ends_however_much_it_is_used(here):
    browser = here.browser()
    browser.log_in("reader")
    seen = []
    for _ in range(here.settings.absolute_s // 1200):
        here.clock.now += 1200
        seen.append(browser.get("/cases/1").status_code)

    assert seen == [200] * (len(seen) - 1) + [303]


def test_the_oldest_session_gives_way_when_an_account_has_too_many(make_world):
    here = make_world(max_sessions=2)
    here.account("reader")
    browsers = [here.browser() for _ in range(3)]
    for browser in browsers:
        browser.log_in("reader")
        here.clock.now += 1

    assert [b.get("/cases/1").status_code for b in browsers] == [303, 200, 200]


def test_nobody_is_logged_in_where_the_login_cannot_be_recorded(here):
    here.audit.broken = StoreUnavailable("the store", "", "no room", "room", "Make room.")
    browser = here.browser()
    status = browser.log_in("reader").status_code
    here.audit.broken = None

    assert status == 503
    assert browser.get("/cases/1").status_code == 303


def test_nobody_passes_while_the_accounts_cannot_be_read(here):
    browser = here.browser()
    browser.log_in("reader")
    with here.engine.begin() as db:
        db.exec_driver_sql("ALTER TABLE session RENAME TO elsewhere")

    status = browser.get("/cases/1").status_code
    with here.engine.begin() as db:
        db.exec_driver_sql("ALTER TABLE elsewhere RENAME TO session")

    assert status == 503


# ---- session fixation ----


def test_logging_in_changes_the_cookie_and_the_old_one_opens_nothing(here):
    browser = here.browser()
    browser.get("/login")
    planted = browser.cookie
    browser.log_in("reader")
    attacker = here.browser(cookie=f"__Host-radlogic={planted}")

    assert browser.cookie != planted
    assert attacker.get("/cases/1").status_code == 303


def test_logging_in_again_ends_the_session_before(here):
    browser = here.browser()
    browser.log_in("reader")
    first = browser.cookie
    token = browser.token_in("/")
    browser.post("/login", {"csrf_token": token, "name": "reviewer", "password": PHRASE})

    assert here.browser(cookie=f"__Host-radlogic={first}").get("/cases/1").status_code == 303
    assert browser.get("/cases/1").json()["who"] == "reviewer"


def test_the_cookie_is_out_of_reach_of_scripts_other_sites_and_plain_http(here):
    browser = here.browser()
    sent = browser.log_in("reader").headers["set-cookie"]

    assert sent.startswith("__Host-radlogic=")
    assert {p.strip() for p in sent.split(";")[1:]} == {"HttpOnly", "Path=/", "SameSite=Lax", "Secure"}


def test_on_loopback_without_tls_the_cookie_is_not_secure_only(make_world):
    here = make_world(base_url="http://127.0.0.1:8765")
    here.account("reader")
    browser = here.browser()
    answer = browser.log_in("reader")

    assert "Secure" not in answer.headers["set-cookie"]
    assert "strict-transport-security" not in answer.headers
    assert browser.get("/cases/1").status_code == 200


def test_what_is_kept_of_a_session_does_not_open_it(here):
    browser = here.browser()
    browser.log_in("reader")
    with here.engine.begin() as db:
        kept = [str(value) for value in db.exec_driver_sql("SELECT * FROM session").one()]

    assert browser.cookie not in kept
    for value in kept:
        assert here.browser(cookie=f"__Host-radlogic={value}").get("/cases/1").status_code == 303


# ---- cross-site request forgery ----

FORGERIES = {
    "without a token": ({}, OURS),
    "with an empty token": ({"csrf_token": ""}, OURS),
    "with a guessed token": ({"csrf_token": "0" * 64}, OURS),
    "with signs that no token has": ({"csrf_token": "\u00e9"}, OURS),
    "from another site": ({"csrf_token": None}, {"origin": "https://evil.test", "sec-fetch-site": "cross-site"}),
    "from a site beside ours": ({"csrf_token": None}, {"origin": "https://x.radlogic.test"}),
    "from a site that says so": ({"csrf_token": None}, {"sec-fetch-site": "same-site"}),
    "from another port": ({"csrf_token": None}, {"origin": f"{BASE}:8443"}),
    "without TLS": ({"csrf_token": None}, {"origin": "http://radlogic.test"}),
    "from a sandboxed frame": ({"csrf_token": None}, {"origin": "null"}),
    "from nowhere": ({"csrf_token": None}, {}),
    "typed into the address bar": ({"csrf_token": None}, {"sec-fetch-site": "none"}),
}  # fmt: skip


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forged_form_is_refused_and_recorded(here, name):
    fields, headers = FORGERIES[name]
    browser = here.browser()
    browser.log_in("reviewer")
    token = browser.token_in("/")
    right = {k: v if v is not None else token for k, v in fields.items()}
    answer = browser.ask("POST", "/cases/1/signature", data=right, headers=headers)

    assert answer.status_code == 403
    assert here.audit.entries[-1][:2] == ("reviewer", "denied")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "PROPFIND"])
def test_every_method_that_may_change_something_needs_the_token(here, method):
    browser = here.browser()
    browser.log_in("reviewer")

    assert browser.ask(method, "/cases/1/signature", headers=OURS).status_code == 403


def test_the_token_of_another_session_does_not_serve(here):
    mallory, victim = here.browser(), here.browser()
    mallory.log_in("reader")
    victim.log_in("reviewer")

    assert sign(victim, mallory.token_in("/")).status_code == 403


def test_the_token_before_login_does_not_serve_after_it(here):
    browser = here.browser()
    before = browser.token_in("/login")
    browser.log_in("reviewer")

    assert sign(browser, before).status_code == 403


def test_two_tokens_in_one_form_are_refused(here):
    browser = here.browser()
    browser.log_in("reviewer")
    token = browser.token_in("/")
    body = f"csrf_token={token}&csrf_token={token}"
    headers = {**OURS, "content-type": "application/x-www-form-urlencoded"}

    assert browser.ask("POST", "/cases/1/signature", content=body, headers=headers).status_code == 403


def test_the_token_may_come_in_the_header(here):
    browser = here.browser()
    browser.log_in("reviewer")
    token = browser.token_in("/")

    assert browser.post("/cases/1/signature", {"a": "b"}, **{"x-csrf-token": token}).status_code == 200


def test_a_browser_that_hides_the_origin_but_says_same_origin_is_believed(here):
    """As browsers do where the referrer policy is no-referrer."""
    browser = here.browser()
    browser.log_in("reviewer")

    assert sign(browser, browser.token_in("/"), origin="null").status_code == 200


def test_an_old_browser_is_believed_by_its_origin(here):
    browser = here.browser()
    browser.log_in("reviewer")
    fields = {"csrf_token": browser.token_in("/")}

    assert browser.ask("POST", "/cases/1/signature", data=fields, headers={"origin": BASE}).status_code == 200


def test_nobody_can_be_logged_in_from_another_site(here):
    """Login CSRF: the victim would work in the attacker's account."""
    browser = here.browser()
    fields = {"name": "reader", "password": PHRASE}
    answers = [
        browser.ask("POST", "/login", data=fields, headers=headers)
        for headers in (OURS, {"origin": "https://evil.test", "sec-fetch-site": "cross-site"})
    ]

    assert [a.status_code for a in answers] == [403, 403]
    assert browser.get("/cases/1").status_code == 303


def test_logging_out_needs_the_token_too(here):
    browser = here.browser()
    browser.log_in("reader")

    assert browser.post("/logout").status_code == 403
    assert browser.get("/cases/1").status_code == 200


def test_a_field_that_is_there_twice_is_refused(here):
    browser = here.browser()
    browser.log_in("reviewer")
    headers = {**OURS, "content-type": "application/x-www-form-urlencoded", "x-csrf-token": browser.token_in("/")}

    assert browser.ask("POST", "/cases/1/signature", content="a=1&a=2", headers=headers).status_code == 400
    assert browser.ask("POST", "/cases/1/signature", content=b"a=\xff", headers=headers).status_code == 400
    assert browser.ask("POST", "/login", content=b"name=\xff", headers=headers).status_code == 400
    assert browser.ask("POST", "/login", content=b"&".join([b"a=1"] * 1001), headers=headers).status_code == 400


# ---- headers ----

EVERYWHERE = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
    "strict-transport-security": "max-age=31536000",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


@pytest.mark.parametrize("path", ["/", "/login", "/cases/1", "/nowhere", "/launch", "/login/oidc/callback"])
def test_every_answer_carries_the_headers_that_guard_it(here, path):
    headers = here.browser().get(path).headers

    assert {name: headers.get(name) for name in EVERYWHERE} == EVERYWHERE
    assert "camera=()" in headers["permissions-policy"]


def test_answers_that_the_guard_gives_itself_carry_them_too(here):
    answers = [
        here.browser().post("/login"),
        here.browser(host="evil.test").get("/"),
        here.browser().ask("POST", "/", headers={"content-length": "99999999"}),
    ]

    assert [a.status_code for a in answers] == [403, 421, 413]
    assert all(a.headers[name] == value for a in answers for name, value in EVERYWHERE.items())


def test_the_pages_hold_no_inline_script_or_style_and_load_nothing_from_elsewhere(here):
    page = here.browser().get("/login").text

    assert not any(sign in page for sign in ("<script", "style=", "onload", "onclick", "http:", "https:", "<style"))


def test_the_login_page_is_labelled_and_says_what_radlogic_is_for(here):
    page = here.browser().get("/login").text

    assert '<html lang="en">' in page
    assert 'for="name"' in page and 'for="password"' in page
    assert "not a medical device" in page


def test_a_wrong_login_says_so_to_who_cannot_see_it(here):
    page = here.browser().log_in("reader", "wrong").text

    assert 'role="alert"' in page and 'aria-describedby="problem"' in page


def test_only_the_style_sheet_may_be_cached(here):
    assert "max-age" in here.browser().get("/access.css").headers["cache-control"]


# ---- guessing, enumeration, redirects, limits ----


def test_after_five_wrong_passwords_even_the_right_one_waits(here):
    browser = here.browser()
    statuses = [browser.log_in("reader", f"wrong {i}").status_code for i in range(5)]
    answer = browser.log_in("reader")

    assert statuses == [403] * 5
    assert answer.status_code == 429
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    assert here.audit.actions().count("rate_limited") == 1


def test_a_throttle_is_recorded_once_not_at_each_try(here):
    browser = here.browser()
    for i in range(9):
        browser.log_in("reader", f"wrong {i}")

    assert here.audit.actions() == ["login_failed"] * 5 + ["rate_limited"]


def test_who_guesses_from_elsewhere_does_not_lock_the_owner_out(here):
    for i in range(40):
        here.browser("203.0.113.9").log_in("reader", f"wrong {i}")

    assert here.browser("192.0.2.7").log_in("reader").status_code == 303


def test_guessing_one_account_from_many_addresses_is_slowed(here):
    statuses = [here.browser(f"198.51.100.{i}").log_in("reader", f"wrong {i}").status_code for i in range(32)]

    assert statuses == [403] * 30 + [429] * 2


def test_one_password_on_many_accounts_is_slowed(make_world):
    here = make_world()
    browser = here.browser()
    token = browser.token_in("/login")
    tries = [browser.post("/login", {"csrf_token": token, "name": f"user{i}", "password": "Winter"}) for i in range(64)]

    assert [t.status_code for t in tries] == [403] * 60 + [429] * 4


def test_logging_in_rightly_is_not_counted(here):
    statuses = [here.browser().log_in("reader").status_code for _ in range(12)]

    assert statuses == [303] * 12


@pytest.mark.parametrize("case", ["unknown", "wrong", "disabled", "no password"])
def test_every_failed_login_looks_the_same_and_costs_one_hash(here, case, monkeypatch):
    from argon2 import PasswordHasher

    accounts.disable(here.engine, "auditor", 1)
    accounts.add(here.engine, "ehr-only", [Role.READER], password_hash=None, now=1)
    name = {"unknown": "nobody", "wrong": "reader", "disabled": "auditor", "no password": "ehr-only"}[case]
    verified = []
    real = PasswordHasher.verify
    monkeypatch.setattr(PasswordHasher, "verify", lambda self, *a: verified.append(1) or real(self, *a))
    browser = here.browser()
    answer = browser.log_in(name, PHRASE if case == "disabled" else "wrong")
    text = answer.text.replace(browser.token_in("/login"), "")

    assert (answer.status_code, verified) == (403, [1])
    other = here.browser()
    assert text == other.log_in("somebody-else", "wrong").text.replace(other.token_in("/login"), "")


def test_the_throttle_tells_nothing_about_which_accounts_exist(here):
    answers = {}
    for name in ("reader", "nobody"):
        browser = here.browser()
        answers[name] = [browser.log_in(name, f"wrong {i}").status_code for i in range(7)]

    assert answers["reader"] == answers["nobody"]


def test_a_failed_login_is_recorded_by_account_only_where_there_is_one(here):
    """Who types the password into the wrong field must not find it in the audit log."""
    here.browser().log_in("reader", "wrong")
    here.browser().log_in(PHRASE, "reader")
    recorded = [detail["account"] for _, action, detail in here.audit.entries if action == "login_failed"]

    assert recorded == ["reader", "-"]


ELSEWHERE = [
    "https://evil.test", "//evil.test", "///evil.test", "/\\evil.test", "\\\\evil.test", "/\t/evil.test",
    "/\n/evil.test", "javascript:alert(1)", "data:text/html,x", "evil.test", "https:evil.test", " //evil.test",
    "/%0d%0aSet-Cookie:x=1\r\n", "/\u2215evil.test", "?next=//evil.test", "",
]  # fmt: skip


@pytest.mark.parametrize("target", ELSEWHERE)
def test_a_login_leads_to_no_other_site(here, target):
    answer = here.browser().log_in("reader", to=target)

    assert (answer.status_code, answer.headers["location"]) == (303, "/")


@pytest.mark.parametrize("target", ["//evil.test", "/\\evil.test", "https://evil.test"])
def test_nor_does_the_login_page_for_who_is_logged_in(here, target):
    browser = here.browser()
    browser.log_in("reader")
    answer = browser.get("/login", params={"next": target})

    assert (answer.status_code, answer.headers["location"]) == (303, "/")


def test_what_is_typed_comes_back_escaped(here):
    page = here.browser().get("/login", params={"next": '/"><script>alert(1)</script>'}).text

    assert "<script" not in page


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


def test_machines_are_not_asked_for_a_token_and_the_cookie_gives_them_nothing(here):
    browser = here.browser()
    browser.log_in("reader")

    assert browser.ask("POST", "/cds-services/x", content=b"{}").json() == {"bytes": 2}
    with pytest.raises(RuntimeError, match="machines"):
        browser.ask("POST", "/cds-services/y")


def test_websockets_are_closed(here):
    sent = []

    async def receive():
        return {"type": "websocket.connect"}

    async def send(message):
        sent.append(message)

    scope = {"type": "websocket", "path": "/", "headers": [], "query_string": b""}
    here.runner.run(here.app(scope, receive, send))

    assert sent == [{"type": "websocket.close", "code": 1008}]
