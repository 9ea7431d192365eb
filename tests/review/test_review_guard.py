"""The OWASP list for the review pages: access, injection, forged requests, limits, headers, what leaks."""

import asyncio
import html
import re
from dataclasses import replace
from datetime import date
from urllib.parse import quote

import pytest
from access_world import BASE, PHRASE_HASH
from review_world import NODULE, NOW, SEEN, Reader, case_of, decided, review_world, small_volume

from radlogic.adapters.access import accounts
from radlogic.adapters.access.permissions import TABLE, Actor, Launch, Permission, Role
from radlogic.adapters.fhir.pseudonym import patient_key
from radlogic.adapters.review.desk import Desk
from radlogic.adapters.review.errors import NotYourPatient
from radlogic.adapters.store.cases import Filter, Kind
from radlogic.adapters.store.errors import StoreUnavailable
from radlogic.engine.record import Assessment
from radlogic.engine.types import Known, PriorExam, Source, SourceKind

CASE = case_of(NODULE)
ASKS = {  # every route of the pages, and what it asks for
    ("GET", "/review"): Permission.READ_CASE,
    ("GET", "/review/{decision_id}"): Permission.READ_CASE,
    ("GET", "/review/{decision_id}/correction"): Permission.CORRECT,
    ("GET", "/review/{decision_id}/viewer.json"): Permission.READ_CASE,
    ("GET", "/review/{decision_id}/slices/{number}"): Permission.READ_CASE,
    ("GET", "/review/{decision_id}/pictures/{number}"): Permission.READ_CASE,
    ("GET", "/review/{decision_id}/evidence/{number}"): Permission.READ_CASE,
    ("POST", "/review/{decision_id}/assignment"): Permission.COMMIT_READING,
    ("POST", "/review/{decision_id}/reading"): Permission.COMMIT_READING,
    ("POST", "/review/{decision_id}/reasons"): Permission.READ_CASE,
    ("POST", "/review/{decision_id}/acceptance"): Permission.COMMIT_READING,
    ("POST", "/review/{decision_id}/override"): Permission.OVERRIDE,
    ("POST", "/review/{decision_id}/signature"): Permission.SIGN,
    ("POST", "/review/{decision_id}/correction"): Permission.CORRECT,
    ("POST", "/review/{decision_id}/preview"): Permission.CORRECT,
}
PUBLIC = {("GET", "/review-static/{name}")}  # no patient in them
HOSTILE = "\"><script>alert(1)</script>'{{7*7}}<img src=x onerror=alert(2)>javascript:alert(3)"


@pytest.fixture
def kept(service):
    return service.add(CASE, small_volume())


@pytest.fixture(scope="module")
def calm(review_runner, tmp_path_factory):
    """One service for all tests that are refused everything: (service, a case's id)."""
    service = review_world(review_runner, tmp_path_factory.mktemp("calm") / "store")
    return service, service.add(CASE, small_volume())


@pytest.fixture(scope="module")
def looking(calm):
    """Somebody who may look and reads nothing."""
    return calm[0].enter(Role.AUDITOR)


@pytest.fixture(scope="module")
def signing(calm):
    return calm[0].enter(Role.REVIEWER)


def pages_of(app) -> set[tuple[str, str]]:
    """Every (method, path) under the pages' names."""
    found = {(method, route.path) for route in routes_of(app) for method in route.methods - {"HEAD"}}
    return {(m, p) for m, p in found if p.startswith("/review")}


def routes_of(app):
    for route in app.routes:
        inner = getattr(getattr(route, "original_router", None), "routes", None)
        yield from inner if inner is not None else [route] if hasattr(route, "methods") else []


def path(template: str, decision_id: str) -> str:
    return template.format(decision_id=decision_id, number=0, name="review.css")


# ---- who may ----


def test_every_route_is_in_the_table(calm):
    assert pages_of(calm[0].app) == {*ASKS, *PUBLIC}


@pytest.mark.parametrize("role", Role)
def test_each_role_reaches_what_its_permissions_allow_and_nothing_else(service, kept, role):
    visitor = service.enter(role)
    refused = {}
    for method, template in ASKS:
        where = path(template, kept)
        answer = visitor.get(where) if method == "GET" else visitor.post(where, visitor.token)
        refused[method, template] = answer.status_code == 403
    expected = {key: permission not in TABLE[role] for key, permission in ASKS.items()}

    assert refused == expected


@pytest.mark.parametrize("key", ASKS, ids=" ".join)
def test_nothing_is_shown_or_done_without_a_login(calm, key):
    service, kept = calm
    method, template = key
    visitor = service_visitor(service)
    before = service.kinds(kept)
    answer = visitor.ask(method, path(template, kept), headers={"origin": BASE, "sec-fetch-site": "same-origin"})

    assert answer.status_code in ((303,) if method == "GET" else (403,))
    assert "4A" not in answer.text
    assert service.kinds(kept) == before


def service_visitor(service):
    return Reader(service, "192.0.2.8", {})


EHR = "https://ehr.example/fhir"


def launched(patient: str | None, server: str = EHR) -> Actor:
    return Actor("dr-a", "", frozenset({Role.REVIEWER}), "s", Launch(server, patient))


def test_who_was_launched_for_a_patient_sees_that_patients_cases_only(service):
    mine = service.add(case_of(NODULE, key=patient_key("mine")))
    other = service.add(case_of({**NODULE, "tracking_id": "N9"}, key=patient_key("other")))
    desk: Desk = replace(service.desk, ehr=EHR)
    listed = [row.decision_id for row, _ in desk.worklist(launched("mine"), Filter())]

    assert listed == [mine]
    assert desk.look(mine, launched("mine")).row.decision_id == mine
    for patient in ("mine", None, "", "Patient/other", "nobody"):
        with pytest.raises(NotYourPatient):
            desk.look(other, launched(patient))
        with pytest.raises(NotYourPatient):
            desk.slices(other, launched(patient))
    assert service.store.case(other).of_kind(Kind.AUDIT)[-1].body["details"] == {"why": "another patient"}
    assert desk.worklist(launched("nobody"), Filter()) == ()


@pytest.mark.parametrize("ours", ["", EHR])
def test_a_patient_of_another_ehr_with_the_same_number_is_another_patient(service, ours):
    mine, desk = service.add(case_of(NODULE, key=patient_key("7"))), replace(service.desk, ehr=ours)
    stranger = launched("7", "https://other-ehr.example/fhir")

    assert desk.worklist(stranger, Filter()) == ()
    with pytest.raises(NotYourPatient):
        desk.look(mine, stranger)


# ---- forged requests ----


@pytest.mark.parametrize("template", [template for method, template in ASKS if method == "POST"])
@pytest.mark.parametrize("how", ["no token", "a wrong token", "another origin", "another site"])
def test_no_form_is_taken_that_is_not_ours(calm, signing, template, how):
    (service, kept), reviewer = calm, signing
    token = {"no token": {}, "a wrong token": {"csrf_token": "0" * 64}}.get(how)
    fields = token if token is not None else {"csrf_token": reviewer.token["csrf_token"]}
    origin = {"another origin": {"origin": "https://evil.example"}, "another site": {"sec-fetch-site": "cross-site"}}
    before = service.kinds(kept)
    answer = reviewer.post(path(template, kept), {**fields, "do": "commit", "looked": "yes"}, **origin.get(how, {}))

    assert answer.status_code == 403
    assert [k for k in service.kinds(kept) if k[0] != "audit"] == [k for k in before if k[0] != "audit"]


def test_no_unsafe_method_but_post_is_served(calm, signing):
    (_, kept), reviewer = calm, signing
    token = reviewer.token
    headers = {"origin": BASE, "sec-fetch-site": "same-origin"}
    answers = [reviewer.ask(m, f"/review/{kept}", data=token, headers=headers) for m in ("PUT", "PATCH", "DELETE")]

    assert {a.status_code for a in answers} == {405}


# ---- injection ----


def hostile() -> Assessment:
    """A decision in which every foreign text is an attack."""
    case = case_of({**NODULE, "tracking_id": HOSTILE[:64], "location": HOSTILE, "description": HOSTILE})
    source = Source(SourceKind.REPORT, HOSTILE)
    finding = case.findings[0]
    facts = {**finding.facts, "margin": Known("smooth", source)}
    exam = replace(case.exam, notes=(HOSTILE,), facts={**case.exam.facts, "kernel": Known(HOSTILE, source)})
    patient = replace(case.patient, notes=(HOSTILE,), prior_exams=(PriorExam(date(2025, 1, 1), HOSTILE, "2", source),))
    return decided(replace(case, exam=exam, patient=patient, findings=(replace(finding, facts=facts),)))


def is_harmless(page: str) -> bool:
    """No tag of the attack stands in the page as a tag, and no template was run on it."""
    return "<script>alert" not in page and "<img src=x" not in page and "49<img" not in page and "'49" not in page


def test_hostile_words_in_a_decision_are_shown_as_words(service):
    kept = service.store.add(hostile(), NOW, "radlogic")
    reviewer = service.enter(Role.REVIEWER)
    pages = [reviewer.get("/review").text, reviewer.page(kept)]
    reviewer.informed(kept)
    pages += [reviewer.get("/review").text, reviewer.page(kept), reviewer.page(kept, "/correction")]

    assert all(map(is_harmless, pages))
    assert html.escape(HOSTILE[:24], quote=False) in pages[3].replace("&#34;", '"').replace("&#39;", "'")


def test_hostile_words_that_a_reader_types_are_shown_as_words(service, kept):
    reviewer = service.enter(Role.REVIEWER)
    reviewer.read(kept, {**SEEN, "location": HOSTILE, "description": HOSTILE})
    reviewer.do(kept, "reasons")
    wrong = reviewer.do(kept, "override", {"reason": HOSTILE, "comment": HOSTILE, "answer": HOSTILE})
    reviewer.do(kept, "override", {"reason": "other", "comment": HOSTILE})
    form = reviewer.do(kept, "correction", {**reviewer.shown(kept), "f0.location": HOSTILE, "f0.type": HOSTILE})
    pages = [wrong.text, form.text, reviewer.page(kept), reviewer.page(kept, "/correction")]

    assert service.store.case(kept).of_kind(Kind.OVERRIDDEN)[0].body["comment"] == HOSTILE
    assert all(map(is_harmless, pages))
    assert HOSTILE in html.unescape(pages[2])


@pytest.mark.parametrize("query", ["state", "priority", "mine", "after"])
def test_hostile_filters_are_not_shown(looking, query):
    answer = looking.get("/review", params={query: HOSTILE})

    assert is_harmless(answer.text)


@pytest.mark.parametrize(
    "name", ["%2e%2e", "..%2f..%2fetc%2fpasswd", "a" * 65, "'; drop table entry; --", HOSTILE, "none"]
)
def test_an_id_that_is_none_is_a_page_that_says_so_and_quotes_nothing(looking, name):
    answer = looking.get(f"/review/{quote(name, safe='%')}")

    assert answer.status_code == 404
    assert is_harmless(answer.text) and "drop table" not in answer.text


@pytest.mark.parametrize("part", ["slices", "pictures", "evidence"])
@pytest.mark.parametrize("number", ["-1", "6", "999999999999", "0.hu.gz", "%2e%2e%2fgeometry.json", "1e1"])
def test_a_number_that_is_none_of_a_slice_or_lesion_is_refused(calm, looking, part, number):
    answer = looking.get(f"/review/{calm[1]}/{part}/{number}")

    assert answer.status_code in (404, 422)


@pytest.mark.parametrize("name", ["../templates/case.html.j2", "desk.py", "..%2f..%2fcli.py", "access.css"])
def test_only_the_three_files_are_served(looking, name):
    assert looking.get(f"/review-static/{name}").status_code == 404


def test_where_a_form_leads_is_never_taken_from_the_form(service, kept):
    reviewer = service.enter(Role.REVIEWER)
    answer = reviewer.do(kept, "reading", {"do": "commit", "next": "https://evil.example", "decision_id": "other"})

    assert answer.headers["location"] == f"/review/{kept}"


# ---- limits ----


def test_a_form_beyond_the_limit_is_not_read(service, kept):
    reviewer = service.enter(Role.REVIEWER)
    answer = reviewer.do(kept, "reading", {"do": "commit", "new1.location": "x" * (1 << 20)})

    assert answer.status_code == 413
    assert service.store.case(kept).of_kind(Kind.READ) == ()


def test_a_form_of_too_many_fields_or_findings_is_refused(service, kept):
    reader = service.enter(Role.READER)
    many = {f"new{i}.kind": "nodule" for i in range(1, 13)}
    fields = reader.do(kept, "reading", {f"x{i}": "1" for i in range(1001)})
    findings = reader.do(kept, "reading", {**many, "do": "add:nodule"})

    assert fields.status_code in (400, 403)  # the guard cannot find a token in what it does not read
    assert findings.status_code == 422


@pytest.mark.parametrize("field", ["location", "history"])
def test_words_longer_than_a_field_are_refused_and_none_of_them_is_kept(service, kept, field):
    reader, words = service.enter(Role.READER), "; ".join(f"{i}: {7 + i / 100:.2f}" for i in range(3, 40))
    answer = reader.read(kept, {**SEEN, "status": "existing", field: words})

    assert (answer.status_code, len(words) > 200) == (422, True)
    assert "at most 200 characters" in answer.text and words in answer.text
    assert service.store.case(kept).of_kind(Kind.READ) == ()


# ---- headers, and what leaks ----


def test_every_page_has_the_headers_and_keeps_to_its_own_policy(service, kept):
    reviewer = service.enter(Role.REVIEWER)
    reviewer.informed(kept)
    for where in (
        "/review",
        f"/review/{kept}",
        f"/review/{kept}/correction",
        f"/review/{kept}/slices/0",
        "/review/none",
    ):
        answer = reviewer.get(where)
        policy = answer.headers["content-security-policy"]

        assert "frame-ancestors 'none'" in policy and answer.headers["x-frame-options"] == "DENY"
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        if "html" in answer.headers.get("content-type", ""):
            plain = answer.text.replace("http://www.w3.org/2000/svg", "")  # a name, nothing is loaded from there
            assert not re.search(r"\son[a-z]+=|\sstyle=|<style|<script(?! src=\"/)|javascript:|https?://", plain)


def test_nothing_of_a_patient_is_in_titles_links_or_logs(service, caplog):
    kept = service.add(case_of({**NODULE, "location": "Mr Miller's apex"}, key="miller-1954"), small_volume())
    reviewer = service.enter(Role.REVIEWER)
    caplog.set_level("DEBUG")
    reviewer.informed(kept)
    reviewer.do(kept, "override", {"reason": "other", "comment": "Mr Miller asked", "answer": ""})
    pages = [reviewer.get("/review").text, reviewer.page(kept), reviewer.page(kept, "/correction")]
    links = [found for page in pages for found in re.findall(r'(?:href|action|src)="([^"]*)"', page)]
    titles = [found for page in pages for found in re.findall(r"<title>(.*?)</title>", page)]
    logged = " ".join(record.getMessage() for record in caplog.records if record.name.startswith("radlogic"))

    assert not [t for t in (*links, *titles, logged) if re.search("iller|1954", t)]
    assert kept not in logged  # the route's template stands there, not the id


def test_a_fault_of_the_store_is_a_page_without_its_words(service, kept, monkeypatch):
    reviewer = service.enter(Role.REVIEWER)

    def gone(*_):
        raise StoreUnavailable("the store", "", "disk secret", "a disk", "Mend it.")

    monkeypatch.setattr(type(service.store), "case", gone)
    answer = reviewer.get(f"/review/{kept}")

    assert answer.status_code == 503
    assert "secret" not in answer.text and "nothing was changed" in answer.text


def test_of_ten_reviewers_at_once_one_signs_and_the_others_are_told_who(service, kept):
    names = [f"reviewer-{i}" for i in range(10)]
    readers = []
    for name in names:
        accounts.add(service.store.journal.database.engine, name, (Role.REVIEWER,), password_hash=PHRASE_HASH, now=1)
        readers.append(service.enter(name))
        service.store.commit_reading(kept, {"fields": {}}, NOW, name)
        service.store.open_reasons(kept, NOW, name)
    pages = [r.seen(kept) for r in readers]
    where, headers = f"/review/{kept}/signature", {"origin": BASE, "sec-fetch-site": "same-origin"}

    async def all_at_once():
        sent = ({**r.token, "looked": "yes", **shown} for r, shown in zip(readers, pages, strict=True))
        asked = (r.http.post(where, data=d, headers=headers) for r, d in zip(readers, sent, strict=True))
        return await asyncio.gather(*asked)

    answers = service.runner.run(all_at_once())
    signer = service.store.row(kept).signed_by

    assert sorted(a.status_code for a in answers) == [303] + 9 * [409]
    assert all(f"{signer} signed it at 2026-11-22T09:30" in a.text for a in answers if a.status_code == 409)
    assert len(service.store.case(kept).of_kind(Kind.SIGNED)) == 1
