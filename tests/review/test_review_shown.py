"""What a person signs is what their page showed; what they left alone stays as it was."""

import gzip
import re
from datetime import date
from decimal import Decimal

import pytest
from access_world import PHRASE_HASH
from review_world import NODULE, NOW, believed, case_of, form_fields, knowledge, small_volume

from radlogic.adapters.access import accounts
from radlogic.adapters.access.permissions import Role
from radlogic.adapters.review import evidence
from radlogic.adapters.review.setup import pages_of
from radlogic.adapters.site_settings import settings_of
from radlogic.adapters.store.cases import Kind, State
from radlogic.adapters.store.images import keep_images
from radlogic.engine.assess import assess
from radlogic.engine.errors import BadValue
from radlogic.engine.types import Known, Unknown

CASE = case_of(NODULE)
OVERRIDE = {"reason": "clinical_context", "comment": "known metastatic disease", "answer": "lung-rads@2022|4X"}
SMALL = {"f0.long_mm": "5", "f0.short_mm": "4"}
BACK = {"f0.long_mm": "9.4", "f0.short_mm": "8.6"}


@pytest.fixture
def kept(service):
    return service.add(CASE)


def informed(service, kept, *roles):
    readers = [service.enter(role, f"192.0.2.{n}") for n, role in enumerate(roles, 10)]
    for reader in readers:
        reader.informed(kept)
    return readers


def another(service, name):
    accounts.add(service.store.journal.database.engine, name, (Role.REVIEWER,), password_hash=PHRASE_HASH, now=1)
    return service.enter(name, "192.0.2.99")


def corrected(reader, kept, change):
    """The id of what took its place."""
    answer = reader.do(kept, "correction", {**reader.shown(kept), **change, "do": "keep"})
    assert answer.status_code == 303, answer.text
    return answer.headers["location"].removeprefix("/review/")


def finding_of(service, decision_id):
    return service.store.case(decision_id).assessment.record.case.findings[0]


# ---- signing what was shown ----


def test_a_page_that_was_loaded_before_another_overrode_signs_nothing(service, kept):
    bob, other = another(service, "bob"), service.enter(Role.REVIEWER)
    bob.informed(kept)
    other.informed(kept)
    shown = bob.seen(kept)
    other.do(kept, "override", OVERRIDE)
    answer = bob.sign(kept, **shown)

    assert answer.status_code == 409
    assert "reviewer judged it at 2026-11-22T09:30:00" in answer.text
    assert service.store.row(kept).signed_by is None
    assert bob.sign(kept).status_code == 303  # what the page shows now
    assert service.store.row(kept).outcome == "overridden"


@pytest.mark.parametrize("seen", ["", "0", "-1", "x", "9" * 30, "\u0663"])
def test_a_signature_that_does_not_say_what_it_is_of_is_refused(service, kept, seen):
    (reviewer,) = informed(service, kept, Role.REVIEWER)

    assert reviewer.sign(kept, seen=seen).status_code == 409
    assert service.store.row(kept).signed_by is None


def test_who_may_not_override_takes_no_override_back(service, kept):
    reviewer, reader = informed(service, kept, Role.REVIEWER, Role.READER)
    before = reader.page(kept)
    reviewer.do(kept, "override", OVERRIDE)
    shown = re.search(r'name="seen" value="([0-9]+)"', reviewer.page(kept))[1]
    answers = [reader.do(kept, "acceptance", fields) for fields in ({}, {"seen": shown})]

    assert [a.status_code for a in answers] == [403, 403]
    assert ("Accept the answer" in before, "Accept the answer" in reader.page(kept)) == (True, False)
    assert service.store.row(kept).outcome == "overridden"
    denied = service.store.case(kept).of_kind(Kind.AUDIT)
    assert [e.body for e in denied] == [{"action": "denied", "details": {"permission": "override"}}] * 2


def test_a_reviewer_takes_back_the_override_that_the_page_showed(service, kept):
    (reviewer,) = informed(service, kept, Role.REVIEWER)
    stale = reviewer.seen(kept)
    reviewer.do(kept, "override", OVERRIDE)

    assert reviewer.do(kept, "acceptance", stale).status_code == 409
    assert reviewer.do(kept, "acceptance", reviewer.seen(kept)).status_code == 303
    assert service.store.row(kept).outcome == "accepted"


@pytest.mark.parametrize("what", ["override", "correction"])
def test_a_page_that_was_loaded_before_another_overrode_takes_no_place_of_it(service, kept, what):
    bob, other = another(service, "bob"), service.enter(Role.REVIEWER)
    bob.informed(kept)
    other.informed(kept)
    form = {"do": "keep", **bob.shown(kept), "f0.mean_mm": "9"} if what == "correction" else OVERRIDE
    stale = bob.judged(kept, what)
    other.do(kept, "override", OVERRIDE)
    answer = bob.do(kept, what, {**form, **stale})

    assert answer.status_code == 409
    assert "reviewer judged it at 2026-11-22T09:30:00" in answer.text
    assert [e.actor for e in service.store.case(kept).of_kind(Kind.OVERRIDDEN)] == ["reviewer"]
    assert service.store.row(kept).superseded_by is None
    assert bob.do(kept, what, {**form, **bob.judged(kept, what)}).status_code == 303  # what the page shows now


# ---- corrections of what was signed ----


def test_a_correction_of_a_signed_decision_takes_its_place_once_it_is_signed(service, kept):
    reviewer, reader = informed(service, kept, Role.REVIEWER, Role.READER)
    reviewer.sign(kept)
    new = corrected(reader, kept, SMALL)

    assert (service.store.row(kept).state, service.store.row(new).state) == (State.SIGNED, State.CORRECTED)
    assert f"/review/{new}" in reviewer.get("/review").text
    assert "Until that is signed, this decision stands" in reader.page(kept)
    reviewer.do(new, "reasons")
    assert reviewer.sign(new).status_code == 303
    assert (service.store.row(kept).superseded_by, service.store.row(new).outcome) == (new, "corrected")


def test_findings_that_are_taken_back_and_corrected_again_leave_every_signature(service, kept):
    (reviewer,) = informed(service, kept, Role.REVIEWER)
    chain = [kept]
    for change in (SMALL, BACK, SMALL):
        chain.append(corrected(reviewer, chain[-1], change))
        reviewer.do(chain[-1], "reasons")
        assert reviewer.sign(chain[-1]).status_code == 303

    assert len(set(chain)) == 4
    assert [service.store.row(name).signed_by for name in chain] == [None, "reviewer", "reviewer", "reviewer"]


def test_a_correction_ends_in_a_decision_of_its_own_whatever_another_one_says(service, kept):
    (reviewer,) = informed(service, kept, Role.REVIEWER)
    signed = corrected(reviewer, kept, SMALL)
    reviewer.do(signed, "reasons")
    reviewer.sign(signed)
    again = service.store.add(assess(CASE, knowledge(), date(2026, 10, 16)), NOW, "radlogic")
    reviewer.informed(again)
    new = corrected(reviewer, again, SMALL)

    assert new != signed
    assert (service.store.row(new).open, service.store.row(again).superseded_by) == (True, new)


# ---- what was left alone ----


@pytest.mark.parametrize("sent", [{}, {"f0.type": "solid"}, {"exam.round": "baseline"}, {"f0.remove": ""}])
def test_fields_that_were_not_sent_erase_nothing(service, kept, sent):
    (reviewer,) = informed(service, kept, Role.REVIEWER)
    answer = reviewer.do(kept, "correction", {**sent, "do": "keep"})

    assert (answer.status_code, service.store.row(kept).superseded_by) == (409, None)
    assert "Nothing was changed" in answer.text


def test_a_field_that_was_not_sent_comes_back_as_it_was_shown(service, kept):
    (reviewer,) = informed(service, kept, Role.REVIEWER)
    fields = form_fields(reviewer.do(kept, "correction", {"f0.type": "part_solid", "do": "preview"}).text)

    assert {**reviewer.shown(kept), "f0.type": "part_solid"} == fields


def test_a_flag_is_taken_out_only_by_a_form_that_showed_it(service):
    spiculated = case_of({**NODULE, "suspicious_features": ["spiculation"]})
    kept, flag = service.add(spiculated), "suspicious_features.spiculation"
    (reviewer,) = informed(service, kept, Role.REVIEWER)
    shown = reviewer.shown(kept)
    alone = corrected(reviewer, kept, {**SMALL, f"f0.{flag}": "on"})
    partly = reviewer.do(alone, "correction", {"f0.long_mm": "7", "do": "keep"}).headers["location"].rpartition("/")[2]
    without = {n: t for n, t in reviewer.shown(partly).items() if n != f"f0.{flag}"}
    out = reviewer.do(partly, "correction", {**without, "do": "keep"}).headers["location"].rpartition("/")[2]

    assert (shown[f"f0.{flag}"], shown["f0.shown"]) == ("on", "yes")
    assert [finding_of(service, i).facts[flag].value for i in (alone, partly, out)] == [True, True, False]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("location", "right upper lobe " + "x" * 280),
        ("location", " right\nupper lobe "),
        ("long_mm", Decimal("9.3333333333")),
    ],
)
def test_what_a_form_cannot_say_keeps_its_value_and_its_source_when_another_field_is_corrected(service, name, value):
    kept = service.add(case_of({**NODULE, name: value}))
    (reviewer,) = informed(service, kept, Role.REVIEWER)
    new = corrected(reviewer, kept, {"f0.short_mm": "8.0"})
    before, after = finding_of(service, kept), finding_of(service, new)

    assert after.facts[name] == before.facts[name]
    assert after.location == before.location
    assert after.facts["short_mm"].value == Decimal("8.0")


def test_a_text_that_is_too_long_for_its_field_is_refused_and_not_cut(service, kept):
    (reviewer,) = informed(service, kept, Role.REVIEWER)
    words = "left lower lobe " + "y" * 300
    answer = reviewer.do(kept, "correction", {**reviewer.shown(kept), "f0.location": words, "do": "keep"})

    assert answer.status_code == 422
    assert "at most 200 characters" in answer.text and words in answer.text


def test_what_the_reader_empties_is_unknown(service, kept):
    (reviewer,) = informed(service, kept, Role.REVIEWER)
    new = corrected(reviewer, kept, {"f0.short_mm": ""})

    assert isinstance(finding_of(service, new).facts["short_mm"], Unknown)
    assert isinstance(finding_of(service, new).facts["long_mm"], Known)


# ---- evidence, EHRs ----


def test_an_outline_is_shown_where_the_rules_were_not_given_what_the_net_said(service):
    keep_images(service.desk.images, small_volume())
    kept = service.add(believed(CASE), small_volume())
    record = service.store.case(kept).assessment.record
    place = evidence._place(
        service.desk.images, record.image_sha256, record.knowledge[evidence.NET], record.case.findings[0]
    )
    place.parent.mkdir(parents=True)
    place.write_bytes(gzip.compress(b'{"version":1,"mask":{},"maps":[]}'))
    auditor = service.enter(Role.AUDITOR)

    assert record.masked  # rule based: what the net said is withheld from the rules, and left out of what is shown
    assert auditor.get(f"/review/{kept}/evidence/0").status_code == 200
    assert "No outline and no saliency" not in auditor.page(kept)


CLIENT = "{iss: 'https://%s.example/fhir', client_id: radlogic}"


def test_a_store_is_served_to_one_ehr(tmp_path):
    def served(*names):
        clients = ", ".join(CLIENT % name for name in names)
        (tmp_path / "site.yaml").write_text(f"access: {{base_url: 'https://radlogic.example', smart: [{clients}]}}\n")
        made = pages_of(settings_of(tmp_path / "site.yaml", store=str(tmp_path / "store")))
        made.desk.store.close()
        return made.desk.ehr

    assert served("one") == "https://one.example/fhir"
    assert served() == ""
    with pytest.raises(BadValue, match="one EHR"):
        served("one", "two")
