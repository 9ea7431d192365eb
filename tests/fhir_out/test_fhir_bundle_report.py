"""The report within a Bundle: its narrative and its documents."""

import base64
import hashlib
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from bundle_cases import PATIENT, SIGNATURES
from bundle_parts import OVER, bundle, resources, unsigned
from sample_decisions import ALL

from radlogic.adapters.fhir.emit.bundle import dumps
from radlogic.adapters.fhir.emit.context import Context
from radlogic.engine.errors import BadValue

ALLOWED = {"div", "p", "table", "tr", "th", "td", "ul", "li"}


def narrative(made):
    return ElementTree.fromstring(resources(made, "DiagnosticReport")[0]["text"]["div"])  # noqa: S314


@OVER
def test_the_narrative_is_xhtml_that_says_the_conclusion(name, assessment):
    made = unsigned(name, assessment)
    tree = narrative(made)
    space = "{http://www.w3.org/1999/xhtml}"
    assert tree.tag == f"{space}div"
    assert {e.tag.removeprefix(space) for e in tree.iter()} <= ALLOWED
    assert not [e for e in tree.iter() if e.attrib]
    text = " ".join(tree.itertext())
    (report,) = resources(made, "DiagnosticReport")
    assert all(line in text for line in report["conclusion"].splitlines())
    assert "PRELIMINARY - NOT SIGNED" in text and "not a medical device" in text


def test_markup_and_control_characters_in_a_finding_stay_text():
    held = ALL["unknown_type"]()
    bad = "</td><script>alert(1)</script>\x00\u202e & <b>"
    finding = replace(held.record.case.findings[0], location=bad, tracking_id="<i>&\x07")
    (lung,) = held.decision.guidelines
    lung = replace(lung, findings=(replace(lung.findings[0], finding=finding),))
    decision = replace(held.decision, guidelines=(lung,))
    made = bundle(
        replace(
            held, decision=decision, record=replace(held.record, case=replace(held.record.case, findings=(finding,)))
        )
    )
    assert {e.tag.rpartition("}")[2] for e in narrative(made).iter()} <= ALLOWED
    assert "<script>" in " ".join(narrative(made).itertext())
    assert "\x00" not in dumps(made) and "\\u0000" not in dumps(made)


def test_the_documents_carry_their_size_and_hash():
    made = bundle(ALL["fused"](), None, Context(PATIENT))
    forms = resources(made, "DiagnosticReport")[0]["presentedForm"]
    assert [f["contentType"] for f in forms] == ["text/html", "text/plain"]
    for form in forms:
        content = base64.b64decode(form["data"])
        assert form["size"] == len(content)
        assert base64.b64decode(form["hash"]) == hashlib.sha1(content).digest()  # noqa: S324
    assert b"4A" in base64.b64decode(forms[1]["data"])
    given = bundle(ALL["fused"](), None, Context(PATIENT, forms={"text/plain": b"as dictated"}))
    assert base64.b64decode(resources(given, "DiagnosticReport")[0]["presentedForm"][0]["data"]) == b"as dictated"


def test_a_signed_report_is_not_handed_on_as_a_preliminary_document():
    made = bundle(ALL["fused"](), SIGNATURES["accepted"], Context(PATIENT))
    for form in resources(made, "DiagnosticReport")[0]["presentedForm"]:
        assert b"PRELIMINARY - NOT SIGNED" not in base64.b64decode(form["data"])


@pytest.mark.parametrize("forms", [{"application/pdf": b"%PDF"}, {"text/html": b""}])
def test_documents_of_another_kind_or_empty_are_refused(forms):
    with pytest.raises(BadValue, match="forms"):
        bundle(ALL["fused"](), None, Context(PATIENT, forms=forms))
