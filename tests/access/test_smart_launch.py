"""Launched from the EHR (SMART App Launch 2.2, EHR launch), against a real server on loopback."""

import time
from urllib.parse import parse_qs, urlsplit

import pytest
from access_world import BASE
from identity_server import CLIENT, signed_with_the_public_key, unsigned

from radlogic.adapters.access import accounts


@pytest.fixture(autouse=True)
def _clock(launched):
    launched.clock.now = time.time()


def launch(browser, iss):
    return browser.get("/launch", params={"iss": iss, "launch": "opaque-123"})


def arrive(browser, iss):
    answer = launch(browser, iss)
    assert answer.status_code == 303, answer.text
    return browser.get(browser.follow(answer.headers["location"]))


def refused(world, browser, answer, status=403):
    assert answer.status_code == status
    assert browser.get("/cases/1").status_code == 303
    assert world.audit.entries[-1][:2] == ("-", "login_failed")
    assert "launched" not in world.audit.actions()


def test_the_ehrs_user_arrives_as_the_linked_account_with_the_open_patient(launched, provider):
    browser = launched.browser()
    answer = arrive(browser, provider.fhir)

    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert browser.get("/cases/1").json() == {"case": "1", "who": "reader", "patient": "pat-4711"}
    actor, action, detail = launched.audit.entries[-1]
    assert (actor, action, detail["method"], detail["ehr"]) == ("reader", "launched", "smart", provider.fhir)
    assert "pat-4711" not in str(launched.audit.entries)


def test_the_request_says_what_smart_asks_for(launched, provider):
    url = launch(launched.browser(), provider.fhir).headers["location"]
    asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}

    assert asked["aud"] == provider.fhir
    assert asked["launch"] == "opaque-123"
    assert set(asked["scope"].split()) == {"launch", "openid", "fhirUser"}
    assert asked["redirect_uri"] == f"{BASE}/launch/callback"
    assert asked["code_challenge_method"] == "S256"


def test_the_cards_app_context_opens_its_decision(launched, provider):
    provider.context = {"patient": "pat-4711", "appContext": '{"decision":"dec-0a1"}'}

    assert arrive(launched.browser(), provider.fhir).headers["location"] == "/dec-0a1"


@pytest.mark.parametrize(
    "context",
    [
        '{"decision":"/evil.test"}',
        '{"decision":"../x"}',
        '{"decision":""}',
        '{"decision":7}',
        "[",
        "[]",
        7,
        {"decision": "d"},
        '{"decision":"' + "x" * 1000,
    ],
)
def test_an_app_context_that_is_none_of_ours_opens_the_worklist(launched, provider, context):
    provider.context = {"patient": "pat-4711", "appContext": context}

    assert arrive(launched.browser(), provider.fhir).headers["location"] == "/"


def test_a_slash_at_the_end_of_iss_makes_no_other_ehr(launched, provider):
    assert arrive(launched.browser(), provider.fhir + "/").status_code == 303


@pytest.mark.parametrize(
    "iss",
    [
        "https://evil.test/fhir",
        "BASE",
        "FHIR/../evil",
        "FHIR@evil.test",
        "FHIR.evil.test",
        "",
        "javascript:1",
        "FHIR#x",
    ],
)
def test_an_ehr_that_is_not_on_the_list_is_refused_before_it_is_asked(launched, provider, iss):
    browser = launched.browser()
    answer = launch(browser, iss.replace("BASE", provider.base).replace("FHIR", provider.fhir))

    refused(launched, browser, answer)
    assert provider.asked == []


@pytest.mark.parametrize("parameters", [{}, {"iss": "x"}, {"launch": "x"}, {"iss": "x" * 3000, "launch": "x"}])
def test_a_launch_that_lacks_something_is_refused(launched, parameters):
    assert launched.browser().get("/launch", params=parameters).status_code == 422


@pytest.mark.parametrize(
    "user",
    [
        "FHIR/Practitioner/8",
        "FHIR/Patient/7",
        "FHIR/RelatedPerson/7",
        "https://evil.test/fhir/Practitioner/7",
        "FHIR/Practitioner/7/_history/1",
        "FHIR/Practitioner/7?x=1",
        "Practitioner/../Practitioner/7",
        "",
        None,
        7,
    ],
)
def test_a_user_who_is_not_linked_staff_of_this_ehr_is_refused(launched, provider, user):
    provider.user["fhirUser"] = user.replace("FHIR", provider.fhir) if isinstance(user, str) else user
    browser = launched.browser()

    refused(launched, browser, arrive(browser, provider.fhir))


def test_a_relative_reference_to_the_user_serves(launched, provider):
    provider.user["fhirUser"] = "Practitioner/7"

    assert arrive(launched.browser(), provider.fhir).status_code == 303


def test_a_linked_account_that_was_disabled_is_refused(launched, provider):
    accounts.disable(launched.engine, "reader", 1)
    browser = launched.browser()

    refused(launched, browser, arrive(browser, provider.fhir))


def test_a_launch_without_a_patient_has_none(launched, provider):
    provider.context = {}
    browser = launched.browser()
    arrive(browser, provider.fhir)

    assert browser.get("/cases/1").json()["patient"] is None


@pytest.mark.parametrize("patient", ["a/b", "x" * 65, "", 7, ["a"], "a b", "<script>"])
def test_a_patient_that_is_no_fhir_id_is_refused_and_not_quoted(launched, provider, patient):
    provider.context = {"patient": patient}
    browser = launched.browser()
    answer = arrive(browser, provider.fhir)

    refused(launched, browser, answer)
    assert "<script>" not in answer.text


def test_a_launch_takes_the_place_of_the_session_before(launched, provider):
    browser = launched.browser()
    browser.log_in("reader")
    before = browser.cookie
    arrive(browser, provider.fhir)

    assert browser.cookie != before
    assert launched.browser(cookie=f"__Host-radlogic={before}").get("/cases/1").status_code == 303


def test_the_next_launch_shows_the_next_patient(launched, provider):
    browser = launched.browser()
    arrive(browser, provider.fhir)
    provider.context = {"patient": "pat-2"}
    arrive(browser, provider.fhir)

    assert browser.get("/cases/1").json()["patient"] == "pat-2"


def test_the_answer_serves_once_and_only_in_its_browser(launched, provider):
    browser, other = launched.browser(), launched.browser()
    back = browser.follow(launch(browser, provider.fhir).headers["location"])
    other.get("/login")

    refused(launched, other, other.get(back))
    assert browser.get(back).status_code == 403  # the state is spent, whoever spent it


def test_a_stolen_code_does_not_serve_another_launch(launched, provider):
    victim, mallory = launched.browser(), launched.browser()
    code = parse_qs(urlsplit(victim.follow(launch(victim, provider.fhir).headers["location"])).query)["code"][0]
    own = mallory.follow(launch(mallory, provider.fhir).headers["location"])
    answer = mallory.get(own.replace(parse_qs(urlsplit(own).query)["code"][0], code))

    refused(launched, mallory, answer)


@pytest.mark.parametrize("metadata", [{"code_challenge_methods_supported": m} for m in (None, [], ["plain"], "S256x")])
def test_an_ehr_without_pkce_is_refused(launched, provider, metadata):
    provider.metadata = metadata
    browser = launched.browser()

    refused(launched, browser, launch(browser, provider.fhir), 503)


@pytest.mark.parametrize("forge", [lambda s, c: unsigned(c), lambda s, c: signed_with_the_public_key(s.key, c)])
def test_a_forged_token_is_refused(launched, provider, forge):
    provider.token_of = lambda claims: forge(provider, claims)
    browser = launched.browser()

    refused(launched, browser, arrive(browser, provider.fhir))


@pytest.mark.parametrize(
    "claims", [{"aud": "another"}, {"iss": "https://evil.test"}, {"nonce": "x"}, {"exp": 1_500_000_000}]
)
def test_a_token_for_somebody_or_something_else_is_refused(launched, provider, claims):
    provider.claims = claims
    browser = launched.browser()

    refused(launched, browser, arrive(browser, provider.fhir))


def test_an_ehr_elsewhere_cannot_point_at_this_machine(make_world, monkeypatch, provider):
    """Server-side request forgery by metadata: loopback is for providers that are there themselves."""
    from radlogic.adapters.access import provider as module

    here = make_world(smart=[{"iss": "https://ehr.test/fhir", "client_id": CLIENT}])
    said = {n: f"{provider.base}/{n}" for n in ("authorization_endpoint", "token_endpoint", "jwks_uri")}

    async def answered(*_):
        return said | {"issuer": "https://ehr.test", "code_challenge_methods_supported": ["S256"]}

    monkeypatch.setattr(module, "fetched", answered)

    assert launch(here.browser(), "https://ehr.test/fhir").status_code == 503
    assert provider.asked == []
