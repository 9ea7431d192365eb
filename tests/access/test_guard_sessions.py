"""Sessions: how they begin and end, and that nobody takes one over."""

from access_world import PHRASE

from radlogic.adapters.access import accounts


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
