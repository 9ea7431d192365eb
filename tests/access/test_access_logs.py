"""Logs and the audit log hold no password, token or patient, whatever is done."""

import logging
import re
import time

import pytest
from access_world import PHRASE

WRONG = "a-wrong-password-typed"
IN_THE_WRONG_FIELD = "password-in-the-field-of-the-name"


@pytest.fixture
def lines(caplog):
    """Everything that any library logs, at the lowest level."""
    caplog.set_level(logging.DEBUG)
    for name in ("httpx", "httpcore", "radlogic", "joserfc"):
        caplog.set_level(logging.DEBUG, logger=name)
    caplog.set_level(logging.INFO, logger="sqlalchemy.engine")  # at DEBUG it prints every row, by its nature
    return caplog


def everything_by_password(world):
    """Log in wrongly, rightly, forge, be denied, log out; the secrets that were there."""
    browser = world.browser()
    browser.log_in("reader", WRONG)
    browser.log_in(IN_THE_WRONG_FIELD, "reader")
    secrets = [browser.cookie]
    browser.log_in("reader")
    token = browser.token_in("/")
    secrets += [browser.cookie, token]
    browser.get("/cases/pat-4711")
    browser.get("/accounts")
    browser.post("/cases/1/signature", {"csrf_token": "forged"})
    browser.get("/nowhere/pat-4711")
    browser.post("/logout", {"csrf_token": token})
    return [*secrets, PHRASE, WRONG, IN_THE_WRONG_FIELD, "pat-4711"]


def everything_by_launch(world, provider):
    """Launch rightly, with a bad token, with a bad state; the secrets that were there."""
    browser = world.browser()
    begun = [browser.get("/launch", params={"iss": provider.fhir, "launch": "opaque-123"}) for _ in range(3)]
    back = [browser.follow(answer.headers["location"]) for answer in begun]
    secrets = [browser.cookie]
    browser.get(back[0])
    secrets.append(browser.cookie)
    browser.get("/cases/1")
    provider.claims = {"nonce": "x"}
    browser.get(back[1])
    browser.get(back[2] + "x")
    browser.get("/launch", params={"iss": "https://evil.test", "launch": "opaque-123"})
    sent = [fields for path, fields in provider.asked if path == "/token"]
    parts = {p for url in back for p in re.findall(r"(?:code|state)=([^&]+)", url)}
    verifiers = {f["code_verifier"] for f in sent}
    return [*secrets, *parts, *verifiers, *provider.tokens, "pat-4711", "enc-12", "opaque-123"]


def found_in(text, secrets):
    assert all(secrets)
    return [secret for secret in secrets if secret in text]


def ours(caplog):
    """Lines of the product and of the libraries that it calls, without those of the test's own browser."""
    browser = ("radlogic.test", "/authorize?")
    return "\n".join(
        text for text in map(logging.LogRecord.getMessage, caplog.records) if not any(b in text for b in browser)
    )


def test_passwords_tokens_and_patients_are_in_no_log_of_a_day_at_the_page(here, lines):
    secrets = everything_by_password(here)

    assert "refused with 403" in lines.text  # something was logged
    assert found_in(ours(lines) + str(here.audit.entries), secrets) == []
    assert {"login", "login_failed", "denied", "logout"} == set(here.audit.actions())


def test_nor_of_a_launch(launched, provider, lines):
    launched.clock.now = time.time()
    secrets = everything_by_launch(launched, provider)

    assert "LoginRefused" in ours(lines) and "HTTP Request" in ours(lines)  # ours, and of the client that we use
    assert found_in(ours(lines) + str(launched.audit.entries), secrets) == []
    assert {"launched", "login_failed"} == set(launched.audit.actions())


def test_no_address_of_ours_carries_a_token_or_a_patient(launched, provider):
    """Redirects within the page: what the browser keeps in its history."""
    launched.clock.now = time.time()
    browser = launched.browser()
    first = browser.get("/launch", params={"iss": provider.fhir, "launch": "opaque-123"})
    arrived = browser.get(browser.follow(first.headers["location"])).headers["location"]
    browser.post("/logout", {"csrf_token": browser.token_in("/")})
    asked = browser.get("/cases/1").headers["location"]

    assert (arrived, asked) == ("/", "/login?next=/cases/1")
