"""Cross-site request forgery: what changes something comes from our own page, with the session's token."""

import pytest
from access_world import BASE, OURS, PHRASE, sign

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
