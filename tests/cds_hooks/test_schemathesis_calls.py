"""Schemathesis on the document of the machine interface: whatever it makes of it, no fault of ours, and every answer
is a documented one. With a client's token, made anew for each call, and without.

Data that conform, data that do not, and calls followed by the feedback that the document links to them; fixed seeds.
"""

import sys
from datetime import timedelta
from uuid import UUID

import hypothesis
import pytest
from cds_world import JANE
from hypothesis import HealthCheck, Phase
from verified_service import BASE, service

from radlogic.adapters.openapi import document

requests = pytest.importorskip("requests", reason="needs requests, which comes with schemathesis")
schemathesis = pytest.importorskip("schemathesis", reason="needs schemathesis, which is not installed")

from schemathesis import GenerationMode  # noqa: E402
from schemathesis.checks import not_a_server_error  # noqa: E402
from schemathesis.core.transport import Response  # noqa: E402
from schemathesis.specs.openapi.checks import (  # noqa: E402
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

PLUGIN = "schemathesis.pytest.plugin"
pytest_plugins = [] if PLUGIN in sys.modules else [PLUGIN]  # `-p no:schemathesis` keeps it from every other start
pytestmark = pytest.mark.slow

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
# What no schema can say: a time that has passed, the report of the context's patient, a guideline's own form.
BEYOND_A_SCHEMA = {
    "fhirServer",  # one that is not listed: 403
    "feedback.outcomeTimestamp",
    "context.report.subject",
    "context.findings",
    "context.findings.guideline",
}
EXAMPLES = 60  # of each operation and kind
SETTINGS = {
    "derandomize": True,
    "deadline": timedelta(seconds=10),  # nothing may hang
    "database": None,
    "suppress_health_check": list(HealthCheck),
    "phases": [Phase.explicit, Phase.generate, Phase.shrink],
}


def schema_of(*modes):
    schema = schemathesis.openapi.from_dict(document())
    schema.config.generation.update(modes=list(modes), with_security_parameters=False)
    return schema


GOOD, BAD = schema_of(GenerationMode.POSITIVE), schema_of(GenerationMode.NEGATIVE)


@pytest.fixture(scope="module")
def caller(tmp_path_factory):
    made = service(tmp_path_factory.mktemp("service"), pama=True)
    yield made
    made.close()


def sent(caller, case, *, verified=True):
    """The answer to a case, by ASGI, as ``requests`` would have sent it."""
    made = requests.Request(
        **{k: v for k, v in case.as_transport_kwargs(base_url=BASE).items() if k in KNOWN}
    ).prepare()
    content = made.body.encode() if isinstance(made.body, str) else made.body or b""
    headers = {k: v for k, v in made.headers.items() if k.lower() not in ("authorization", "host")}
    return caller.send(made.method, made.path_url, verified=verified, headers=headers, content=content)


KNOWN = {"method", "url", "headers", "params", "cookies", "data", "json", "files"}


@GOOD.parametrize()
@hypothesis.settings(max_examples=EXAMPLES, **SETTINGS)
def test_what_conforms_is_answered_as_documented(case, caller):
    answer = sent(caller, case)
    case.validate_response(answer, checks=CHECKS)

    assert answer.status_code in {200, 412} or said_of(answer) <= BEYOND_A_SCHEMA, answer.text


def said_of(answer):
    """The fields that a refusal names."""
    return {field for issue in answer.json()["issue"] for field in issue.get("expression", ["?"])}


@BAD.parametrize()
@hypothesis.settings(max_examples=EXAMPLES, **SETTINGS)
def test_what_does_not_conform_is_refused_as_documented(case, caller):
    case.validate_response(sent(caller, case), checks=[*CHECKS, negative_data_rejection])


@GOOD.parametrize()
@hypothesis.settings(max_examples=10, **SETTINGS)
def test_without_a_token_nothing_is_answered_but_health_and_counters(case, caller):
    answer = sent(caller, case, verified=False)
    case.validate_response(answer, checks=CHECKS)

    assert answer.status_code == (200 if case.path in {"/healthz", "/readyz", "/metrics"} else 401)


def test_a_card_that_was_answered_takes_the_feedback_that_the_document_links_to_it(caller):
    told = []

    class Machine(GOOD.as_state_machine()):
        """Calls about Jane, whose follow-up is overdue, and what the document says may follow."""

        def before_call(self, case):
            if isinstance(case.body, dict) and "context" in case.body:
                case.body["context"]["patientId"] = JANE

        def call(self, case, **_):
            answer = sent(caller, case)
            if case.path.endswith("/feedback"):
                told.extend((one["card"], answer.status_code) for one in case.body["feedback"])
            return Response.from_any(answer)

        def validate_response(self, response, case, *_, **__):
            case.validate_response(response, checks=CHECKS)

    Machine.run(settings=hypothesis.settings(max_examples=25, stateful_step_count=6, **SETTINGS))
    ours = {card for card, status in told if status == 200 and UUID(card).version == 8}

    assert ours, "no state was reached in which a card of ours got its feedback"
    counted = (caller.send("GET", "/metrics", verified=False).text for _ in range(20))
    # what the store does not say in time is left out of an answer, and this machine may be busy
    assert any('radlogic_cds_feedback_total{outcome="overridden"' in one for one in counted)
