"""The headers that guard every answer."""

import pytest

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


def test_only_the_style_sheet_may_be_cached(here):
    assert "max-age" in here.browser().get("/access.css").headers["cache-control"]
