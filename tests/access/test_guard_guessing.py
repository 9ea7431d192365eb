"""Who guesses passwords or accounts is slowed, learns nothing, and locks nobody out."""

import pytest
from access_world import PHRASE

from radlogic.adapters.access import accounts
from radlogic.adapters.access.permissions import Role


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
