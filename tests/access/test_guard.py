"""What stands before every page, tried as a browser: who is let in, and what each role may."""

import pytest
from access_world import sign

from radlogic.adapters.access import accounts
from radlogic.adapters.access.permissions import TABLE, Permission, Role
from radlogic.adapters.store.errors import StoreUnavailable


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


def test_other_roles_hold_from_the_next_request_on(here):
    browser = here.browser()
    browser.log_in("reader")
    accounts.set_roles(here.engine, "reader", [Role.ADMIN])

    assert (browser.get("/cases/1").status_code, browser.get("/accounts").status_code) == (403, 200)


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


def test_machines_are_not_asked_for_a_token_and_the_cookie_gives_them_nothing(here):
    browser = here.browser()
    browser.log_in("reader")

    assert browser.ask("POST", "/cds-services/x", content=b"{}").json() == {"bytes": 2}
    with pytest.raises(RuntimeError, match="machines"):
        browser.ask("POST", "/cds-services/y")
