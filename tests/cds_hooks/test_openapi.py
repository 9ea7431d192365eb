"""The document of the machine interface: what it says, held against the service; and its page."""

import json
import re
from html.parser import HTMLParser

import openapi_document
import pytest
from cds_calls import CASES, answered
from cds_world import request
from verified_service import service

from radlogic.adapters import openapi_examples
from radlogic.adapters.access.headers import CONTENT_SECURITY_POLICY
from radlogic.adapters.cds_hooks.offers import offers
from radlogic.adapters.openapi import document, text
from radlogic.adapters.openapi_examples import examples
from radlogic.adapters.openapi_schemas import BEYOND, call_name, schemas
from radlogic.engine.errors import MissingKnowledge

jsonschema = pytest.importorskip("jsonschema", reason="needs jsonschema, which is not installed")
DOCUMENT = document()
JSON = "application/json"


@pytest.fixture(scope="module")
def caller(tmp_path_factory):
    made = service(tmp_path_factory.mktemp("service"))
    yield made
    made.close()


DEFS = json.loads(json.dumps(DOCUMENT["components"]["schemas"]).replace("#/components/schemas/", "#/$defs/"))


def faults(value, schema):
    """What a value breaks of a schema of the document."""
    whole = {"$ref": schema["$ref"].replace("#/components/schemas/", "#/$defs/")} if "$ref" in schema else schema
    judge = jsonschema.Draft202012Validator({**whole, "$defs": DEFS}, format_checker=jsonschema.FormatChecker())
    return [f"{error.json_path}: {error.message[:200]}" for error in judge.iter_errors(value)]


def body_schema(service_id, path=""):
    operation = DOCUMENT["paths"][f"/cds-services/{service_id}{path}"]["post"]
    return operation["requestBody"]["content"][JSON]["schema"]


def answer_schema(service_id, status):
    said = DOCUMENT["paths"][f"/cds-services/{service_id}"]["post"]["responses"][str(status)]
    while "$ref" in said:
        said = DOCUMENT["components"]["responses"][said["$ref"].rpartition("/")[2]]
    return said["content"][JSON]["schema"]


def leaves(routes):
    """The routes of an app, those of its routers too."""
    for one in routes:
        inside = getattr(one, "original_router", None)
        yield from leaves(inside.routes) if inside else (one,)


# ---- the document --------------------------------------------------------------------------------------------------


def test_the_committed_document_is_the_one_that_is_served():
    """If this fails: python tests/openapi_document.py"""
    assert openapi_document.DOCUMENT.read_text(encoding="utf-8") == text()


def test_it_is_valid_openapi_by_the_judgement_of_others():
    judge = pytest.importorskip("openapi_spec_validator", reason="needs openapi-spec-validator, which is not installed")

    assert list(judge.OpenAPIV31SpecValidator(DOCUMENT).iter_errors()) == []


def test_its_examples_are_what_the_service_answers_today():
    """If this fails: python tests/openapi_document.py"""
    assert [one.model_dump() for one in examples()] == openapi_document.recorded()


@pytest.mark.parametrize("content", [None, b"[", b'[{"service": "radlogic-order-sign"}]'])
def test_examples_that_cannot_be_read_are_refused_by_name(content, tmp_path, monkeypatch):
    (tmp_path / "cds").mkdir()
    if content is not None:
        (tmp_path / "cds" / "examples.json").write_bytes(content)
    monkeypatch.setattr(openapi_examples, "knowledge_folder", lambda: tmp_path)

    with pytest.raises(MissingKnowledge, match=r"knowledge/cds/examples\.json"):
        examples.__wrapped__()


def test_every_example_conforms_to_its_schema():
    shown = 0
    for path, item in DOCUMENT["paths"].items():
        for operation in item.values():
            parts = [*operation["responses"].values(), operation.get("requestBody", {})]
            for content in (c for part in parts for c in part.get("content", {}).values()):
                for example in content.get("examples", {}).values():
                    shown += 1
                    assert faults(example["value"], content["schema"]) == [], (path, example["summary"])
    assert shown >= 20


def test_every_service_has_a_path_for_calls_and_one_for_feedback_and_nothing_is_beside_them():
    services = {f"/cds-services/{name}{more}" for name in offers() for more in ("", "/feedback")}

    assert set(DOCUMENT["paths"]) == services | {"/cds-services", "/healthz", "/readyz", "/metrics"}


def test_it_leaves_out_no_route_that_machines_call(caller):
    said = {
        (method, re.sub(r"^/cds-services/[^/]+", "/cds-services/{service_id}", path))
        for path, item in DOCUMENT["paths"].items()
        for method in item
    }

    assert {(m.lower(), r.path) for r in leaves(caller.app.routes) if r.include_in_schema for m in r.methods} == said


def test_operations_have_names_of_their_own():
    names = [operation["operationId"] for item in DOCUMENT["paths"].values() for operation in item.values()]

    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z][A-Za-z]+", name) for name in names)


def test_only_health_and_counters_need_no_token():
    opened = {path for path, item in DOCUMENT["paths"].items() for op in item.values() if op.get("security") == []}

    assert opened == {"/healthz", "/readyz", "/metrics"}
    assert DOCUMENT["security"] == [{"client": []}]


def test_what_is_said_beyond_the_models_is_said_of_fields_that_there_are():
    made = schemas()
    named = [path.partition(".") for path in BEYOND]

    assert [n for n, _, field in named if field and field not in made[n]["properties"]] == []


def test_names_in_its_words_are_those_that_are_sent():
    described = [schema.get("description", "") for schema in schemas().values()]

    assert [said for said in described if re.search(r"``|`[a-z]+_[a-z_]+`", said)] == []


# ---- the recorded calls against it ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("file", "case"), CASES)
def test_a_recorded_call_and_its_answer_conform(file, case):
    sent = json.loads(json.dumps(request(file["hook"], **case.get("request", {})), default=str))
    answer = answered(file, case)

    assert faults(answer.json(), answer_schema(file["service"], answer.status_code)) == []
    if answer.status_code != 400:
        assert faults(sent, body_schema(file["service"])) == []


def acting(**action):
    return {"selectionBehavior": "any", "suggestions": [{"label": "l", "actions": [action]}]}


CARD = {"summary": "s", "indicator": "info", "source": {"label": "l"}}
TAKEN = {"label": "s", "isRecommended": True}
REASON = {"code": "c", "system": "s", "display": "d"}
WRONG_ANSWERS = {
    "a summary of 140 characters": CARD | {"summary": "x" * 140},
    "a detail that is null": CARD | {"detail": None},
    "suggestions without selectionBehavior": CARD | {"suggestions": [TAKEN]},
    "two recommended of at most one": CARD | {"suggestions": [TAKEN, TAKEN], "selectionBehavior": "at-most-one"},
    "no suggestions, as a list": CARD | {"suggestions": [], "selectionBehavior": "any"},
    "an override reason without display": CARD | {"overrideReasons": [{"code": "c", "system": "s"}]},
    "app context of an absolute link": CARD
    | {"links": [{"label": "l", "url": "https://x", "type": "absolute", "appContext": "c"}]},
    "a delete without resourceId": CARD | acting(type="delete", description="d"),
    "a create of nothing": CARD | acting(type="create", description="d"),
}


@pytest.mark.parametrize("card", WRONG_ANSWERS.values(), ids=WRONG_ANSWERS)
def test_a_card_that_breaks_an_invariant_breaks_the_schema(card):
    assert faults({"cards": [card]}, answer_schema("radlogic-order-sign", 200))


def test_a_card_that_breaks_none_does_not():
    links = [{"label": "l", "url": "https://x", "type": "smart", "appContext": "c"}]
    more = {"suggestions": [TAKEN, TAKEN], "selectionBehavior": "any", "overrideReasons": [REASON], "links": links}

    assert faults({"cards": [CARD | more, CARD]}, answer_schema("radlogic-order-sign", 200)) == []


AT = "2025-06-20T09:30:00Z"
UUID = "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea"
OUTCOMES = {
    "accepted, and what": ({"outcome": "accepted", "acceptedSuggestions": [{"id": UUID}]}, 200),
    "accepted, and not what": ({"outcome": "accepted"}, 400),
    "overridden without a word": ({"outcome": "overridden"}, 200),
    "overridden, null reason": ({"outcome": "overridden", "overrideReason": None}, 200),
    "overridden, empty reason": ({"outcome": "overridden", "overrideReason": {}}, 200),
    "overridden, a reason of nothing": ({"outcome": "overridden", "overrideReason": {"reason": {}}}, 400),
    "overridden, commented": ({"outcome": "overridden", "overrideReason": {"userComment": "no"}}, 200),
    "overridden, an empty comment": ({"outcome": "overridden", "overrideReason": {"userComment": ""}}, 400),
    "ignored": ({"outcome": "ignored"}, 400),
}


@pytest.mark.parametrize(("outcome", "status"), OUTCOMES.values(), ids=OUTCOMES)
def test_feedback_conforms_where_the_service_takes_it_and_only_there(caller, outcome, status):
    body = {"feedback": [{"card": UUID, "outcomeTimestamp": AT} | outcome]}
    answer = caller.post("/cds-services/radlogic-order-sign/feedback", body)

    assert answer.status_code == status
    assert (faults(body, body_schema("radlogic-order-sign", "/feedback")) == []) is (status == 200)


IDS = {"a": 200, "A.b-c_9": 200, "..": 400, "a b": 400, "": 400, "x" * 65: 400, 7: 400, None: 400}


@pytest.mark.parametrize(("patient", "status"), IDS.items(), ids=map(repr, IDS))
def test_a_patients_id_conforms_where_the_service_takes_it_and_only_there(caller, patient, status):
    context = {"patientId": patient, "draftOrders": {}}
    body = request("order-sign", context=context)
    answer = caller.post("/cds-services/radlogic-order-sign", body)

    assert answer.status_code == status, answer.text
    assert (faults(body, body_schema("radlogic-order-sign")) == []) is (status == 200)


def test_the_schemas_of_calls_are_told_apart_by_their_hook():
    hooks = {one.service.hook: schemas()[call_name(one.service.hook)] for one in offers().values()}

    assert {hook: schema["properties"]["hook"]["const"] for hook, schema in hooks.items()} == {h: h for h in hooks}


# ---- the page ------------------------------------------------------------------------------------------------------


class Page(HTMLParser):
    """What a page loads, where it leads, and what it names."""

    def __init__(self, content):
        super().__init__()
        self.tags, self.loads, self.leads, self.ids, self.styled = set(), [], [], [], []
        self.feed(content)

    def handle_starttag(self, tag, attrs):
        said = dict(attrs)
        self.tags.add(tag)
        self.loads += [said[name] for name in ("src", "data") if name in said] + [said.get("href")] * (tag == "link")
        self.leads += [said.get("href")] * (tag == "a")
        self.ids += [said["id"]] if "id" in said else []
        self.styled += [name for name in said if name == "style" or name.startswith("on")]


@pytest.fixture(scope="module")
def shown(caller):
    answer = caller.send("GET", "/docs", verified=False)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    return Page(answer.text), answer.text


def test_the_page_has_no_script_and_loads_its_own_style_alone(shown, caller):
    page, _ = shown

    assert page.tags.isdisjoint({"script", "style", "iframe", "img", "object", "form"})
    assert (page.loads, page.styled) == (["data:,", "docs/page.css"], [])
    style = caller.send("GET", "/docs/page.css", verified=False)
    assert (style.status_code, style.headers["content-type"]) == (200, "text/css; charset=utf-8")
    assert "url(" not in style.text
    assert "@import" not in style.text


def test_every_link_of_the_page_leads_somewhere(shown, caller):
    page, _ = shown

    assert len(set(page.ids)) == len(page.ids)
    assert [to for to in page.leads if to.startswith("#") and to[1:] not in page.ids] == []
    assert {to for to in page.leads if not to.startswith("#")} == {"openapi.json"}
    assert caller.send("GET", "/openapi.json", verified=False).json() == DOCUMENT


def test_the_page_shows_every_operation_schema_and_example(shown):
    page, content = shown
    operations = [operation["operationId"] for item in DOCUMENT["paths"].values() for operation in item.values()]

    assert set(operations) | set(DOCUMENT["components"]["schemas"]) <= set(page.ids)
    assert all(example.name in content for example in examples())
    assert "Decision support for qualified clinicians" in content
