"""Logging in by the hospital's OpenID provider: a real one on loopback, and what attackers do."""

import base64
import hashlib
import json
import time
from urllib.parse import parse_qs, urlsplit

import pytest
from access_world import BASE
from identity_server import (
    CLIENT,
    EcKey,
    RsaKey,
    b64,
    part,
    signed,
    signed_with_the_public_key,
    unsigned,
)
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse

from radlogic.adapters.access import accounts
from radlogic.adapters.access.permissions import Role

CALLBACK = "/login/oidc/callback"


def begin(browser, to="/cases/1"):
    """The provider's address to which the browser is sent."""
    answer = browser.get("/login/oidc", params={"next": to})
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


def log_in(browser, to="/cases/1"):
    return browser.get(browser.follow(begin(browser, to)))


def query(url):
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def refused(world, browser, answer, status=403):
    """Nobody was logged in, and that is recorded."""
    assert answer.status_code == status, answer.headers
    assert browser.get("/cases/1").status_code == 303
    assert world.audit.entries[-1][:2] == ("-", "login_failed")
    assert "login" not in world.audit.actions()


@pytest.fixture(autouse=True)
def _clock(request):
    """The provider's clock is the real one."""
    for name in ("known", "launched"):
        if name in request.fixturenames:
            request.getfixturevalue(name).clock.now = time.time()


def test_the_provider_logs_in_and_its_groups_give_the_roles(known):
    browser = known.browser()
    answer = log_in(browser)
    account = accounts.get(known.engine, "user-1@hospital")

    assert (answer.status_code, answer.headers["location"]) == (303, "/cases/1")
    assert browser.get("/cases/1").json()["who"] == "user-1@hospital"
    assert (account.display, account.roles, account.has_password) == ("Ada Reader", {Role.REVIEWER}, False)
    assert known.audit.entries[-1][:2] == ("user-1@hospital", "login")


def test_the_request_is_the_code_flow_with_pkce_state_and_nonce(known, provider):
    asked = query(begin(known.browser()))
    fixed = {k: asked[k] for k in ("response_type", "client_id", "redirect_uri", "scope", "code_challenge_method")}

    assert fixed == {
        "response_type": "code",
        "client_id": CLIENT,
        "redirect_uri": BASE + CALLBACK,
        "scope": "openid profile",
        "code_challenge_method": "S256",
    }
    assert all(len(asked[name]) >= 43 for name in ("state", "nonce", "code_challenge"))


def test_nothing_is_reused_from_one_login_to_the_next(known):
    first, second = query(begin(known.browser())), query(begin(known.browser()))

    assert all(first[name] != second[name] for name in ("state", "nonce", "code_challenge"))


def test_the_verifier_is_sent_only_to_the_token_endpoint_and_fits_the_challenge(known, provider):
    browser = known.browser()
    url = begin(browser)
    browser.get(browser.follow(url))
    at_token = next(fields for path, fields in provider.asked if path == "/token")
    hashed = base64.urlsafe_b64encode(hashlib.sha256(at_token["code_verifier"].encode()).digest()).rstrip(b"=").decode()

    assert query(url)["code_challenge"] == hashed
    assert 43 <= len(at_token["code_verifier"]) <= 128


def test_a_confidential_client_proves_itself_in_the_header(make_world, provider):
    provider.client_secret = "s3cret/with+signs"  # noqa: S105 - a test's
    secret = {"client_secret": provider.client_secret}
    oidc = {"issuer": provider.base, "client_id": CLIENT, "roles": {"rad": "reader"}, **secret}
    world = make_world(oidc=oidc)
    world.clock.now = time.time()
    provider.client_secret = "s3cret%2Fwith%2Bsigns"  # noqa: S105 - form-encoded before Basic, RFC 6749 2.3.1
    answer = log_in(world.browser())

    assert answer.headers["location"] == "/cases/1"
    assert "s3cret" not in repr(world.settings)


def test_an_elliptic_key_serves_too(known, provider):
    provider.key, before = EcKey(), provider.key
    answer = log_in(known.browser())
    provider.key = before

    assert answer.headers["location"] == "/cases/1"


def test_a_new_key_of_the_provider_is_taken_at_once(known, provider):
    before = provider.key
    log_in(known.browser())
    provider.key = RsaKey("rsa-2")
    answer = log_in(known.browser())
    provider.key = before

    assert answer.headers["location"] == "/cases/1"


def test_the_groups_are_read_anew_at_each_login(known, provider):
    log_in(known.browser())
    provider.user["groups"] = ["audit", "something else"]
    log_in(known.browser())

    assert accounts.get(known.engine, "user-1@hospital").roles == {Role.AUDITOR}


def test_an_account_that_was_disabled_here_stays_out_whatever_the_provider_says(known):
    log_in(known.browser())
    accounts.disable(known.engine, "user-1@hospital", 1)
    browser = known.browser()

    assert log_in(browser).status_code == 403
    assert browser.get("/cases/1").status_code == 303


def test_somebody_with_the_same_user_name_does_not_get_a_local_account(known, provider):
    known.account("reader", Role.ADMIN)
    provider.user |= {"sub": "reader", "preferred_username": "reader", "name": "reader"}
    browser = known.browser()
    log_in(browser)

    assert browser.get("/cases/1").json()["who"] == "reader@hospital"
    assert browser.get("/accounts").status_code == 403


@pytest.mark.parametrize("groups", [[], ["visitors"], None, 7, {"rad": True}, [["rad"]], "radiology"])
def test_who_has_no_group_with_a_role_is_not_let_in(known, provider, groups):
    provider.user["groups"] = groups
    browser = known.browser()

    refused(known, browser, log_in(browser))
    assert accounts.every(known.engine) == []


def test_logging_in_changes_the_cookie(known):
    browser = known.browser()
    url = begin(browser)
    planted = browser.cookie
    browser.get(browser.follow(url))

    assert browser.cookie != planted
    assert known.browser(cookie=f"__Host-radlogic={planted}").get("/cases/1").status_code == 303


@pytest.mark.parametrize("target", ["https://evil.test", "//evil.test", "/\\evil.test"])
def test_the_provider_leads_back_to_no_other_site(known, target):
    assert log_in(known.browser(), to=target).headers["location"] == "/"


# ---- attacks on the answer ----


def test_a_state_that_was_never_given_is_refused(known):
    browser = known.browser()
    back = browser.follow(begin(browser))

    refused(known, browser, browser.get(back.replace("state=", "state=x")))


@pytest.mark.parametrize("lacking", ["state", "code"])
def test_an_answer_without_state_or_code_is_refused(known, lacking):
    browser = known.browser()
    parts = urlsplit(browser.follow(begin(browser)))
    rest = "&".join(p for p in parts.query.split("&") if not p.startswith(f"{lacking}="))

    refused(known, browser, browser.get(f"{parts.path}?{rest}"))


def test_an_answer_serves_once(known):
    browser, again = known.browser(), known.browser()
    back = browser.follow(begin(browser))
    browser.get(back)
    kept = browser.cookie
    replayed = again.get(back)

    assert replayed.status_code == 403
    assert again.get("/cases/1").status_code == 303
    assert browser.get(back).status_code == 403  # nor for the browser itself
    assert browser.cookie == kept


def test_an_answer_in_another_browser_is_refused(known):
    """Login CSRF: the attacker's own answer, planted in the victim's browser."""
    mallory, victim = known.browser(), known.browser()
    victim.get("/login")
    back = mallory.follow(begin(mallory))

    refused(known, victim, victim.get(back))


def test_a_stolen_code_in_the_attackers_own_login_is_refused_by_pkce(known, provider):
    victim, mallory = known.browser(), known.browser()
    stolen = query(victim.follow(begin(victim)))["code"]
    own = mallory.follow(begin(mallory))
    answer = mallory.get(own.replace(query(own)["code"], stolen))

    refused(known, mallory, answer)


def test_and_by_the_nonce_where_the_provider_does_not_check_pkce(known, provider):
    provider.checks_pkce = False
    victim, mallory = known.browser(), known.browser()
    stolen = query(victim.follow(begin(victim)))["code"]
    own = mallory.follow(begin(mallory))
    answer = mallory.get(own.replace(query(own)["code"], stolen))

    refused(known, mallory, answer)


def test_a_code_that_was_used_is_refused(known, provider):
    browser = known.browser()
    back = browser.follow(begin(browser))
    provider.codes.clear()

    refused(known, browser, browser.get(back))


def test_an_answer_that_took_too_long_is_refused(known):
    browser = known.browser()
    back = browser.follow(begin(browser))
    known.clock.now += 601

    refused(known, browser, browser.get(back))


def test_an_answer_of_another_provider_is_refused(known, provider):
    """Mix-up, RFC 9207."""
    browser = known.browser()
    back = browser.follow(begin(browser))
    parts = urlsplit(back)
    swapped = "&".join("iss=https://evil.test" if p.startswith("iss=") else p for p in parts.query.split("&"))

    refused(known, browser, browser.get(f"{parts.path}?{swapped}"))


def test_a_provider_that_names_itself_must_do_so_each_time(known, provider):
    browser = known.browser()
    back = browser.follow(begin(browser))
    without = "&".join(p for p in back.split("&") if not p.startswith("iss="))

    refused(known, browser, browser.get(without))


def test_a_provider_that_never_names_itself_serves(known, provider):
    provider.names_itself = False

    assert log_in(known.browser()).headers["location"] == "/cases/1"


def test_the_answer_to_a_launch_does_not_serve_here(known):
    browser = known.browser()
    back = browser.follow(begin(browser))

    refused(known, browser, browser.get(back.replace(CALLBACK, "/launch/callback")))


def test_the_providers_own_refusal_is_said_without_its_words(known):
    browser = known.browser()
    state = query(begin(browser))["state"]
    said = {"error": "access_denied", "error_description": "<b>call 555-0100</b>", "state": state, "iss": ""}
    answer = browser.get(CALLBACK, params=said)

    refused(known, browser, answer)
    assert "555" not in answer.text


# ---- attacks on the ID token ----

MINUTES = 60
WRONG_CLAIMS = {
    "another nonce": {"nonce": "of-another-login"},
    "no nonce": {"nonce": None},
    "another issuer": {"iss": "https://evil.test"},
    "the issuer with a slash": {"iss": "BASE/"},
    "no issuer": {"iss": None},
    "another audience": {"aud": "another-client"},
    "an audience beside ours": {"aud": [CLIENT, "another-client"]},
    "an audience that begins as ours": {"aud": CLIENT + "-2"},
    "no audience": {"aud": None},
    "another authorized party": {"azp": "another-client"},
    "over": {"exp": int(time.time()) - 5 * MINUTES},
    "without an end": {"exp": None},
    "an end that is text": {"exp": "2099"},
    "an end that is infinite": {"exp": float("inf")},
    "of tomorrow": {"iat": int(time.time()) + 1440 * MINUTES},
    "not yet valid": {"nbf": int(time.time()) + 60 * MINUTES},
    "nobody": {"sub": None},
    "an empty subject": {"sub": ""},
    "a subject that is a list": {"sub": ["user-1"]},
}


@pytest.mark.parametrize("name", WRONG_CLAIMS)
def test_a_token_with_a_wrong_claim_is_refused(known, provider, name):
    provider.claims = {
        k: v.replace("BASE", provider.base) if k == "iss" and v else v for k, v in WRONG_CLAIMS[name].items()
    }
    browser = known.browser()

    refused(known, browser, log_in(browser))


def test_one_audience_in_a_list_is_ours(known, provider):
    provider.claims = {"aud": [CLIENT], "azp": CLIENT}

    assert log_in(known.browser()).headers["location"] == "/cases/1"


MALLORY = RsaKey("rsa-1")  # the same key id


def with_its_own_key(claims):
    return signed(MALLORY, claims, jwk=MALLORY.jwk())


def tampered(server, claims):
    header, _, signature = signed(server.key, claims).split(".")
    return f"{header}.{part(claims | {'sub': 'admin'})}.{signature}"


WRONG_TOKENS = {
    "none": lambda server, claims: unsigned(claims),
    "None in capitals": lambda server, claims: f"{part({'alg': 'NONE'})}.{part(claims)}.",
    "hs256 with the public key": lambda server, claims: signed_with_the_public_key(server.key, claims),
    "another's key": lambda server, claims: signed(MALLORY, claims),
    "a key in the token itself": lambda server, claims: with_its_own_key(claims),
    "a key at an address in the token": lambda server, claims: signed(MALLORY, claims, jku="https://evil.test/jwks"),
    "a key that the provider does not list": lambda server, claims: signed(server.key, claims, kid="gone"),
    "changed after it was signed": tampered,
    "no signature": lambda server, claims: signed(server.key, claims).rsplit(".", 1)[0] + ".",
    "two parts": lambda server, claims: ".".join(signed(server.key, claims).split(".")[:2]),
    "a critical extension": lambda server, claims: signed(server.key, claims, crit=["exp2"], exp2=1),
    "claims that are a list": lambda server, claims: signed(server.key, [claims]),
    "empty": lambda server, claims: "",
    "not a token": lambda server, claims: "a.b.c",
    "not text": lambda server, claims: {"token": 1},
    "missing": lambda server, claims: None,
    "huge": lambda server, claims: signed(server.key, claims | {"x": "y" * 500_000}),
    "deep": lambda server, claims: f"{part({'alg': 'RS256'})}.{b64(b'[' * 30_000)}.x",
}


@pytest.mark.parametrize("name", WRONG_TOKENS)
def test_a_token_that_the_provider_did_not_sign_is_refused(known, provider, name):
    provider.token_of = lambda claims: WRONG_TOKENS[name](provider, claims)
    browser = known.browser()

    refused(known, browser, log_in(browser))


def test_a_shared_secret_among_the_providers_keys_is_not_used(known, provider):
    secret = {"kty": "oct", "kid": provider.key.kid, "k": b64(provider.key.pem())}
    provider.keys = [secret]
    provider.token_of = lambda claims: signed_with_the_public_key(provider.key, claims)
    browser = known.browser()

    refused(known, browser, log_in(browser))


@pytest.mark.parametrize("keys", [[], [{}], [{"kty": "RSA"}], [{"kty": "RSA", "n": "!", "e": "!"}], [7], "rsa", None])
def test_keys_that_are_none_refuse_the_login(known, provider, keys):
    provider.answer = lambda path: JSONResponse({"keys": keys}) if path == "/jwks" else None
    browser = known.browser()

    refused(known, browser, log_in(browser))


# ---- a provider that does not answer as it should ----

BROKEN = {
    "an error": lambda: PlainTextResponse("no", 500),
    "not JSON": lambda: PlainTextResponse("<html>"),
    "a list": lambda: JSONResponse([1]),
    "a redirect": lambda: RedirectResponse("https://evil.test/x", 302),
    "too long": lambda: PlainTextResponse(json.dumps({"a": "b" * (2 << 20)})),
    "too deep": lambda: PlainTextResponse("[" * 200_000),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_broken_metadata_are_said_and_send_the_browser_nowhere(known, provider, broken):
    provider.answer = lambda path: BROKEN[broken]() if "well-known" in path else None
    browser = known.browser()

    refused(known, browser, browser.get("/login/oidc"), 503)


@pytest.mark.parametrize("where", ["/token", "/jwks"])
@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_answer_on_the_way_back_logs_nobody_in(known, provider, where, broken):
    browser = known.browser()
    back = browser.follow(begin(browser))
    provider.answer = lambda path: BROKEN[broken]() if path == where else None

    refused(known, browser, browser.get(back), 503)


def test_a_redirect_is_not_followed_even_to_what_would_be_right(known, provider):
    right = f"{provider.fhir}/.well-known/smart-configuration"  # the same metadata
    provider.answer = lambda path: RedirectResponse(right, 302) if "openid" in path else None
    browser = known.browser()

    refused(known, browser, browser.get("/login/oidc"), 503)
    assert [path for path, _ in provider.asked] == ["/.well-known/openid-configuration"]


UNSAFE = {
    "plain http elsewhere": {"token_endpoint": "http://idp.test/token"},
    "no URL": {"token_endpoint": "token"},
    "a password in it": {"jwks_uri": "https://u:p@idp.test/jwks"},
    "a script": {"authorization_endpoint": "javascript:alert(1)"},
    "missing": {"jwks_uri": None},
    "another issuer": {"issuer": "https://evil.test"},
    "plain PKCE only": {"code_challenge_methods_supported": ["plain"]},
}


@pytest.mark.parametrize("name", UNSAFE)
def test_metadata_that_would_open_a_hole_are_refused(known, provider, name):
    provider.metadata = UNSAFE[name]
    browser = known.browser()

    refused(known, browser, browser.get("/login/oidc"), 503)


def test_a_provider_that_is_not_there_is_said_so(make_world):
    oidc = {"issuer": "http://127.0.0.1:9", "client_id": CLIENT, "roles": {"rad": "reader"}}
    browser = make_world(oidc=oidc).browser()

    assert browser.get("/login/oidc").status_code == 503


def test_without_a_provider_there_is_no_such_login(make_world):
    browser = make_world().browser()

    assert "/login/oidc" not in browser.get("/login").text
    assert browser.get("/login/oidc").status_code == 403


def test_beginning_logins_is_limited_for_one_address(known, provider):
    provider.answer = lambda path: PlainTextResponse("no", 500)  # even those that come to nothing
    browser = known.browser()
    statuses = [browser.get("/login/oidc").status_code for _ in range(61)]
    known.ticks.now += 1

    assert statuses == [503] * 60 + [429]
    assert browser.get("/login/oidc").status_code == 503
