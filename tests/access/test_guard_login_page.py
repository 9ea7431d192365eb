"""The login page: what it says, to whom, and that it leads to no other site."""

import pytest


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
