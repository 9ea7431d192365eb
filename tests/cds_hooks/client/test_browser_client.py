"""The services in the hands of a browser: an EHR of another origin that signs, prefetches, shows cards and tells what
became of them, in Chromium, against the service as it is served. What is asserted is what its user sees.
"""

import contextlib
import json
import re
import shutil
import socket

import pytest
from browser_ehr import JANE, Watched, ehr_at_work, running
from cds_response_rules import broken, broken_in_discovery, broken_in_feedback, broken_in_request, resources_in
from peers import node
from verified_service import late_decision, store_of

from radlogic.adapters.serving import app_of
from radlogic.adapters.site_settings import settings_of
from radlogic.adapters.store.cases import Kind, Store
from radlogic.adapters.store.journal import entries
from radlogic.adapters.store.tables import ENTRY

pytestmark = pytest.mark.slow

NAMES = ("chromium", "chromium-browser", "google-chrome")
BROWSER = next((found for name in NAMES if (found := shutil.which(name))), "")


@pytest.fixture(scope="module")
def chromium():
    driver = pytest.importorskip("playwright.sync_api", reason="needs playwright, which is not installed")
    if not BROWSER:
        pytest.skip("needs Chromium, which is not installed")
    with (
        driver.sync_playwright() as playwright,
        contextlib.closing(
            playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox", "--disable-gpu"])
        ) as browser,
    ):
        yield browser


class Hospital:
    """The EHR, the service, what passed between them, and what the service keeps."""

    def __init__(self, ehr, service, address, folder):
        self.ehr, self.service, self.address, self.folder = ehr, service, address, folder

    def feedback(self):
        """What the service keeps of feedback."""
        with contextlib.closing(Store.open(self.folder)) as store, store.journal.reading() as connection:
            return [entry.body for entry in entries(connection, ENTRY.c.kind == Kind.FEEDBACK.value)]


@pytest.fixture
def hospital(tmp_path):
    """Both on ports of their own; the service trusts the EHR's origin, its key set and its FHIR server."""
    folder = tmp_path / "store"
    store_of(folder, late_decision()).close()
    with ehr_at_work() as ehr, socket.create_server(("127.0.0.1", 0)) as listener:
        ehr.cds = f"http://127.0.0.1:{listener.getsockname()[1]}"
        client = {
            "name": "ehr",
            "iss": ehr.origin,
            "keys": [{"jku": ehr.jku}],
            "fhir_servers": [{"base": ehr.fhir, "needs_token": False}],
            "networks": ["127.0.0.0/8"],
        }
        settings = settings_of(
            None,
            store=str(folder),
            access={"base_url": ehr.cds},
            trust={"base_url": ehr.cds, "clients": [client], "origins": [ehr.origin]},
            cds={"pama": True, "mirror_system_actions": True, "review_url": ehr.cds},
        )
        service = Watched(app_of(settings))
        with running(service, listener, lifespan="on"):
            yield Hospital(ehr, service, ehr.cds, folder)


@pytest.fixture
def screen(chromium, hospital):
    """The EHR's page, with its chart not open yet; every error of its script is noted."""
    with opened(chromium, hospital.ehr.origin) as page:
        status(page, "ready")
        yield page
        assert page.troubles == []


@contextlib.contextmanager
def opened(chromium, origin):
    context = chromium.new_context(viewport={"width": 1280, "height": 1000})
    page, troubles = context.new_page(), []
    page.on("console", lambda said: troubles.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.set_default_timeout(20_000)
    page.troubles = troubles
    page.goto(origin)
    yield page
    context.close()


def status(page, words):
    page.wait_for_function("(words) => document.getElementById('status').textContent === words", arg=words)


def shown(page, selector):
    return [one.inner_text() for one in page.query_selector_all(selector)]


def answered(page, act):
    """Do something that makes the EHR call; the cards of its answer are shown when this returns."""
    before = int(page.get_attribute("body", "data-answers") or 0)
    act()
    page.wait_for_function("(n) => Number(document.body.dataset.answers ?? 0) > n", arg=before)


def opens(page):
    answered(page, lambda: page.click("#chart"))


def choose(page, study):
    answered(page, lambda: page.select_option("#study", study))


def signs(page):
    answered(page, lambda: page.click("#sign"))


# ---- what the user sees --------------------------------------------------------------------------------------------


def test_the_services_are_listed_to_a_client_that_signed_for_it(screen, hospital):
    assert shown(screen, "#patient") == ["Jane Q. Doe, born 1960-05-04"]
    assert len(shown(screen, "#services li")) == 5
    assert any(line.startswith("patient-view: Imaging follow-up") for line in shown(screen, "#services li"))
    assert hospital.ehr.keys[0]["crv"] == "P-384"
    (asked,) = hospital.service.of("GET", "/cds-services")
    assert (asked.status, asked.asked["authorization"][:7]) == (200, "Bearer ")


def test_opening_a_chart_shows_what_is_overdue_with_reasons_citation_and_link(screen, hospital):
    opens(screen)

    assert shown(screen, ".card h3")[0].startswith("Preliminary lung-rads@2022: category 4A; overdue since")
    detail = screen.query_selector(".card .detail")
    assert any("lung-rads@2022" in said.inner_text() for said in detail.query_selector_all("strong"))  # GFM
    assert [said for said in detail.query_selector_all("li") if said.inner_text().startswith("Management: ")]
    assert "Decision support for qualified clinicians" in detail.inner_text()
    assert "*" not in detail.inner_text()  # no mark of Markdown is left standing
    assert "lung-rads@2022" in shown(screen, ".card .source")[0]
    assert screen.query_selector(".card a").get_attribute("href").startswith(f"{hospital.address}/review/")
    assert "warning" in screen.query_selector(".card").get_attribute("class")


def test_prefetch_is_filled_from_the_fhir_server_by_reads_and_both_kinds_of_search(screen, hospital):
    opens(screen)
    asked = [(method, path) for method, path, browser in hospital.ehr.asked if browser]

    assert {
        ("GET", f"/fhir/Patient/{JANE}"),
        ("GET", "/fhir/Condition"),
        ("POST", "/fhir/Observation/_search"),
    } <= set(asked)
    assert not [path for _, path, browser in hospital.ehr.asked if not browser]  # nothing was lacking


def test_what_the_client_did_not_send_the_service_reads_from_the_clients_server(screen, hospital):
    hospital.ehr.withheld = ("observations", "conditions")
    opens(screen)
    asked = [(method, path) for method, path, browser in hospital.ehr.asked if not browser]

    assert {("GET", "/fhir/Observation"), ("GET", "/fhir/Condition")} <= set(asked)
    assert shown(screen, ".card h3")[0].startswith("Preliminary lung-rads@2022")


def test_selecting_another_exam_offers_the_recommended_one_and_taking_it_changes_the_order(screen, hospital):
    choose(screen, "ct")
    assert shown(screen, "#orders li") == ["CT Chest"]
    assert "is recommended, not CT of the chest" in shown(screen, ".card h3")[0]
    offered = shown(screen, ".card .suggestion")
    assert [words for words in offered if words.startswith("Replace")]

    screen.click(".card .suggestion >> nth=0")
    screen.wait_for_selector(".card .done")

    assert shown(screen, ".card .done") == ["accepted"]
    assert shown(screen, "#told li") == ["accepted: 200"]
    assert shown(screen, "#orders li")[0].startswith("low-dose CT of the chest")
    (kept,) = hospital.feedback()
    assert (kept["outcome"], kept["service"], len(kept["suggestions"])) == ("accepted", "radlogic-order-select", 1)


def test_the_rating_is_read_where_the_sandbox_looks_for_it(screen):
    choose(screen, "ldct")
    assert shown(screen, "#rating") == ["appropriate"]

    choose(screen, "spine")
    answered(screen, lambda: screen.select_option("#reason", "back"))
    assert shown(screen, "#rating") == ["no-guidelines-apply"]
    assert shown(screen, "#cards") == ["nothing to say"]


def test_signing_what_was_corrected_raises_nothing_more(screen):
    choose(screen, "ct")
    signs(screen)
    assert len(shown(screen, ".card")) == 1

    screen.click(".card .suggestion >> nth=0")
    screen.wait_for_selector(".card .done")
    signs(screen)

    assert shown(screen, "#cards") == ["nothing to say"]
    assert shown(screen, "#rating") == ["appropriate"]


def test_an_override_with_a_lasting_reason_is_told_and_the_card_does_not_come_again(screen, hospital):
    opens(screen)
    before = shown(screen, ".card h3")
    screen.select_option(".card .reasons >> nth=0", label="Patient does not meet eligibility for recommended action")
    screen.click(".card .override >> nth=0")
    screen.wait_for_selector(".card .done")

    assert shown(screen, "#told li") == ["overridden: 200"]
    (kept,) = hospital.feedback()
    assert kept["reason"]["code"] == "patient-ineligible"
    opens(screen)
    assert before[0] not in shown(screen, ".card h3")


def test_a_refusal_is_shown_with_what_is_lacking(screen, hospital):
    hospital.ehr.patient, hospital.ehr.withheld = "nobody", ("patient", "conditions", "observations")
    screen.click("#chart")
    status(screen, "patient-view was refused: 412")

    assert shown(screen, ".refusal")[0].startswith("412: prefetch: ")
    screen.troubles.clear()  # a browser writes every 412 to its console


# ---- between the two origins ---------------------------------------------------------------------------------------


def test_a_browser_asks_first_and_is_told_what_this_origin_may(screen, hospital):
    opens(screen)
    asked = hospital.service.of("OPTIONS", r"/cds-services(/radlogic-patient-view)?")

    assert len(asked) == 2
    for one in asked:
        assert one.status == 200
        assert one.said["access-control-allow-origin"] == hospital.ehr.origin
        assert "authorization" in one.asked["access-control-request-headers"]
        assert {"authorization", "content-type"} <= set(
            re.split(r",\s*", one.said["access-control-allow-headers"].lower())
        )
    assert "access-control-allow-credentials" not in asked[0].said


def test_a_page_of_another_origin_gets_nothing(chromium, hospital):
    with ehr_at_work() as stranger:
        stranger.cds = hospital.address
        with opened(chromium, stranger.origin) as page:
            status(page, "failed: Failed to fetch")

            assert shown(page, "#services li") == []
            assert page.get_attribute("#chart", "disabled") is not None
            assert any("CORS" in trouble for trouble in page.troubles)
    asked = hospital.service.seen

    assert [one.method for one in asked] == ["OPTIONS"]
    assert "access-control-allow-origin" not in asked[0].said


def test_no_exchange_breaks_a_rule_on_either_side(screen, hospital):
    opens(screen)
    for study in ("ct", "ldct", "spine"):
        choose(screen, study)
    choose(screen, "ct")
    signs(screen)
    screen.click(".card .suggestion >> nth=0")
    screen.wait_for_selector(".card .done")
    service = hospital.service

    for one in service.of("GET", "/cds-services"):
        assert broken_in_discovery(one.json) == []
    calls, told = service.of("POST", "/cds-services/[^/]+"), service.of("POST", ".*/feedback")
    assert (len(calls), len(told)) == (6, 1)
    for one in calls:
        assert broken_in_request(json.loads(one.sent)) == []
        assert broken(one.json, hook=json.loads(one.sent)["hook"]) == []
    assert broken_in_feedback(json.loads(told[0].sent)) == []
    assert {one.status for one in [*calls, *told]} == {200}
    tokens = [one.asked["authorization"] for one in service.seen if one.method != "OPTIONS"]
    assert len(set(tokens)) == len(tokens)
    for resource in {json.dumps(found) for one in calls for found in resources_in(one.json)}:
        judged = node("validate.js", resource)
        assert [said for said in judged["messages"] if said["severity"] == "error"] == []


@pytest.mark.parametrize("width", [1280, 400])
def test_the_page_of_the_interface_is_shown_under_its_own_policy(chromium, hospital, width):
    with opened(chromium, f"{hospital.address}/docs") as page:
        page.set_viewport_size({"width": width, "height": 900})
        colour = page.evaluate("getComputedStyle(document.querySelector('.banner')).backgroundColor")
        page.click("a[href='#orderSign']")
        page.click("#orderSign details >> nth=0")

        assert colour == "rgb(255, 244, 222)"  # its style was let in
        assert page.inner_text("#orderSign h3") == "POST /cds-services/radlogic-order-sign"
        assert '"hook": "order-sign"' in page.inner_text("#orderSign details[open] pre")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.troubles == []
    loaded = {(one.method, one.path) for one in hospital.service.seen}
    assert loaded == {("GET", "/docs"), ("GET", "/docs/page.css")}


def test_the_whole_screen_can_be_looked_at(screen, tmp_path_factory):
    """A picture for people; that it shows a card is checked, not how it looks."""
    choose(screen, "ct")
    file = tmp_path_factory.mktemp("pictures") / "ehr.png"
    screen.screenshot(path=file, full_page=True)

    assert file.stat().st_size > 20_000
