"""What becomes of cards: kept once, counted, heeded; and signatures, which need a store too."""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from uuid import UUID, uuid4

import pytest
from cds_world import JANE, NOW, ehr, of_jane, request
from hypothesis import given
from hypothesis import strategies as st
from sample_decisions import no_findings, screening

from radlogic.adapters.cds_hooks import terms
from radlogic.adapters.cds_hooks.counted import CdsCounts
from radlogic.adapters.cds_hooks.naming import card_name, sequence_in, suggestion_name, topic_in, topic_of
from radlogic.adapters.cds_hooks.seam import Client, Records
from radlogic.adapters.monitor.metrics import Metrics
from radlogic.adapters.store.anchor import Anchor
from radlogic.adapters.store.cases import Filter, Kind, State, Store

VIEW = "radlogic-patient-view"
HL7 = "http://terminology.hl7.org/CodeSystem/non-adherence-reason-codes"
AT = "2025-06-20T09:00:00Z"


def overridden(card, code="patient-ineligible", at=AT, **more):
    reason = {"reason": {"system": HL7, "code": code, "display": "..."}, **more}
    return {"card": card, "outcome": "overridden", "overrideReason": reason, "outcomeTimestamp": at}


def accepted(card, at=AT):
    return {"card": card, "outcome": "accepted", "acceptedSuggestions": [{"id": str(uuid4())}], "outcomeTimestamp": at}


def kept(client):
    with client.records.store.journal.reading() as connection:
        from radlogic.adapters.store.journal import entries
        from radlogic.adapters.store.tables import ENTRY

        return list(entries(connection, ENTRY.c.kind == Kind.FEEDBACK.value))


@pytest.fixture
def client(tmp_path):
    return ehr(of_jane(screening()), folder=tmp_path)


def test_feedback_is_kept_with_the_decision_and_without_the_patient(client):
    (card,) = client.cards(VIEW, request())
    answer = client.tell(VIEW, overridden(card["uuid"], userComment="Ms Doe moved away"))

    (entry,) = kept(client)
    assert (answer.status_code, answer.content) == (200, b"")
    assert (entry.decision_id, entry.actor, entry.at) == ("sample-screening", "cds-client", NOW)
    assert entry.body == {
        "card": card["uuid"], "service": VIEW, "outcome": "overridden", "at": "2025-06-20T09:00:00.000Z",
        "reason": {"system": HL7, "code": "patient-ineligible"}, "suggestions": [], "comment": "Ms Doe moved away",
    }  # fmt: skip
    assert "Ms Doe" not in row_of(client)  # the comment is sealed apart, so that it can be erased


def row_of(client):
    from sqlalchemy import select

    from radlogic.adapters.store.tables import ENTRY

    with client.records.store.journal.reading() as connection:
        return connection.execute(select(ENTRY.c.body).where(ENTRY.c.kind == Kind.FEEDBACK.value)).scalar()


def test_feedback_sent_again_is_kept_once(client):
    (card,) = client.cards(VIEW, request())
    for _ in range(3):
        assert client.tell(VIEW, overridden(card["uuid"])).status_code == 200
    client.tell(VIEW, overridden(card["uuid"]), overridden(card["uuid"]))
    assert len(kept(client)) == 1

    client.tell(VIEW, accepted(card["uuid"], at="2025-06-20T09:10:00Z"))  # another thing of the same card
    assert [e.body["outcome"] for e in kept(client)] == ["overridden", "accepted"]


def test_the_verified_client_is_the_actor(tmp_path):
    client = ehr(of_jane(screening()), folder=tmp_path, verify=lambda _: Client("https://ehr.example"))
    (card,) = client.cards(VIEW, request())
    client.tell(VIEW, overridden(card["uuid"]))

    assert kept(client)[0].actor == "https://ehr.example"


def test_feedback_on_a_card_of_nobodys_is_answered_and_neither_kept_nor_counted(client):
    counts = CdsCounts(Metrics([VIEW]))
    client = with_counts(client, counts)
    assert client.tell(VIEW, overridden(str(uuid4()), userComment="Ms Doe")).status_code == 200

    assert kept(client) == []
    assert b"radlogic_cds_feedback_total{" not in counts.metrics.exposition(None)


def test_feedback_that_is_sent_to_two_services_or_processes_is_kept_and_counted_once(client, tmp_path):
    (card,) = client.cards(VIEW, request())
    other = ehr(folder=tmp_path)
    for where, service in ((client, VIEW), (client, "radlogic-order-sign"), (other, VIEW)):
        assert where.tell(service, overridden(card["uuid"])).status_code == 200

    assert len(kept(client)) == 1


def test_two_processes_that_are_told_the_same_at_once_keep_it_once(client, tmp_path):
    cards = [client.cards(VIEW, request(instance=str(n)))[0]["uuid"] for n in range(8)]
    both = [client, ehr(folder=tmp_path)]

    def tell(where):
        return [where.tell(VIEW, overridden(card)).status_code for card in cards]

    with ThreadPoolExecutor(2) as threads:
        answers = list(threads.map(tell, both))

    assert {status for one in answers for status in one} == {200}
    assert len(kept(client)) == len(cards)


def test_a_request_is_one_transaction_however_much_it_says(client, monkeypatch):
    put, really = [], Anchor.put
    monkeypatch.setattr(Anchor, "put", lambda self, marks: put.append(really(self, marks)))
    names = [client.cards(VIEW, request(instance=str(n)))[0]["uuid"] for n in range(5)]

    assert client.tell(VIEW, *map(overridden, names)).status_code == 200
    assert (len(put), len(kept(client))) == (1, 5)


LASTING = {r.code: r.lasts for r in terms.reasons().reasons}


@pytest.mark.parametrize("code", LASTING)
def test_only_what_was_overridden_for_a_lasting_reason_is_not_repeated(client, code):
    (card,) = client.cards(VIEW, request())
    client.tell(VIEW, overridden(card["uuid"], code))

    again = client.cards(VIEW, request(instance="another call"))
    assert len(again) == (0 if LASTING[code] else 1)


def test_a_code_of_another_system_lasts_not(client):
    (card,) = client.cards(VIEW, request())
    told = overridden(card["uuid"])
    told["overrideReason"]["reason"]["system"] = "urn:the-ehrs-own"
    client.tell(VIEW, told)

    assert len(client.cards(VIEW, request())) == 1


def test_what_lasts_ends_and_a_new_decision_speaks_again(tmp_path):
    client = ehr(of_jane(screening()), folder=tmp_path)
    (card,) = client.cards(VIEW, request())
    client.tell(VIEW, overridden(card["uuid"]))
    assert client.cards(VIEW, request()) == []

    for day, many in ((date(2026, 6, 19), 0), (date(2026, 6, 20), 1)):  # twelve months later
        assert len(ehr(folder=tmp_path, today=day).cards(VIEW, request())) == many
    client.records.store.add(of_jane(no_findings(), date=date(2025, 6, 19)), NOW, "radlogic")
    assert [c["summary"][:40] for c in client.cards(VIEW, request())] == [
        "Preliminary lung-rads@2022: category 1; ",
        "An earlier decision waits for a radiolog",
    ][::-1]


def test_an_override_is_heeded_by_another_process_and_taken_back_by_a_later_acceptance(tmp_path):
    one, other = ehr(of_jane(screening()), folder=tmp_path), ehr(folder=tmp_path)
    (card,) = one.cards(VIEW, request())
    one.tell(VIEW, overridden(card["uuid"]))
    assert other.cards(VIEW, request()) == []

    other.tell(VIEW, accepted(card["uuid"], at="2025-06-20T10:00:00Z"))
    assert len(one.cards(VIEW, request())) == 1


def test_what_is_said_of_a_card_that_was_never_shown_is_not_heeded(client):
    """Its topic can be worked out by anybody; its seal cannot."""
    for key in (b"", bytes(32), b"guessed"):
        made_up = str(card_name(topic_of(1, "", "follow-up lung-rads"), "never shown", key))
        assert client.tell(VIEW, overridden(made_up, userComment="Ms Doe")).status_code == 200

    assert len(client.cards(VIEW, request())) == 1
    assert kept(client) == []


def test_another_stores_cards_are_not_heeded_in_this_one(tmp_path):
    (tmp_path / "one").mkdir()
    (tmp_path / "other").mkdir()
    one, other = (ehr(of_jane(screening()), folder=tmp_path / name) for name in ("one", "other"))
    (card,) = other.cards(VIEW, request())
    one.tell(VIEW, overridden(card["uuid"]))

    assert len(one.cards(VIEW, request())) == 1


def _copied(source, target):
    """As a backup is put back: files of their own, moved over those that are there."""
    for file in source.iterdir():
        shutil.copy(file, target / f"{file.name}.new")
        (target / f"{file.name}.new").replace(target / file.name)


def test_a_store_that_is_put_back_under_a_running_service_is_heard_anew(tmp_path):
    live, backup = tmp_path / "live", tmp_path / "backup"
    live.mkdir()
    backup.mkdir()
    client = ehr(of_jane(screening()), folder=live)
    (card,) = client.cards(VIEW, request())
    _copied(live, backup)
    for minute in range(4):
        client.tell(VIEW, overridden(card["uuid"], at=f"2025-06-20T09:0{minute}:00Z"))
    assert client.cards(VIEW, request()) == []

    _copied(backup, live)
    assert len(client.cards(VIEW, request())) == 1  # what the lost entries said is forgotten
    client.tell(VIEW, overridden(card["uuid"]))
    assert client.cards(VIEW, request()) == []  # and what is said now is heeded, though its number was read before
    assert len(kept(client)) == 1


REFUSED = {
    "no feedback": ({}, "feedback"),
    "feedback that is no list": ({"feedback": "x"}, "feedback"),
    "no card": ({"feedback": [{"outcome": "accepted", "outcomeTimestamp": AT}]}, "feedback.0.card"),
    "a card that is no UUID": ({"feedback": [accepted("seven")]}, "feedback.0.card"),
    "another outcome (cds-fb-1)": (
        {"feedback": [accepted(str(uuid4())) | {"outcome": "ignored"}]}, "feedback.0.outcome"),
    "accepted without suggestions (cds-fb-2)": (
        {"feedback": [accepted(str(uuid4())) | {"acceptedSuggestions": []}]}, "feedback.0"),
    "an override reason that says nothing (cds-fb-3)": (
        {"feedback": [overridden(str(uuid4())) | {"overrideReason": {"more": 1}}]}, "feedback.0.overrideReason"),
    "no time": ({"feedback": [{"card": str(uuid4()), "outcome": "overridden"}]}, "feedback.0.outcomeTimestamp"),
    "a time that is none": ({"feedback": [accepted(str(uuid4()), at="yesterday")]}, "feedback.0.outcomeTimestamp"),
    "a time in the future": (
        {"feedback": [accepted(str(uuid4()), at="9999-12-31T00:00:00Z")]}, "feedback.outcomeTimestamp"),
    "too much at once": ({"feedback": [accepted(str(uuid4()))] * 101}, "feedback"),
}  # fmt: skip


@pytest.mark.parametrize(("body", "field"), REFUSED.values(), ids=REFUSED)
def test_feedback_that_breaks_the_specification_gets_400_and_none_of_it_is_kept(client, body, field):
    answer = client.ask("POST", f"/cds-services/{VIEW}/feedback", json=body)

    assert answer.status_code == 400
    assert answer.json()["issue"][0]["expression"] == [field]
    assert kept(client) == []


LENIENT = {
    "no reason": {"overrideReason": None},
    "an empty reason": {"overrideReason": {}},
    "a comment alone": {"overrideReason": {"userComment": "no"}},
    "a time without zone": {"outcomeTimestamp": "2025-06-20T09:00:00"},
    "a time in another zone": {"outcomeTimestamp": "2025-06-20T11:00:00+02:00"},
    "fields of the client's own": {"extension": {"a": 1}, "com.example": []},
}


@pytest.mark.parametrize("change", LENIENT.values(), ids=LENIENT)
def test_what_real_clients_send_is_taken(client, change):
    (card,) = client.cards(VIEW, request())

    assert client.tell(VIEW, overridden(card["uuid"], "limited-time") | change).status_code == 200
    assert kept(client)[0].body["at"] == "2025-06-20T09:00:00.000Z"


def test_feedback_to_no_service_and_without_a_store_is_not_offered(client):
    assert client.tell("other", accepted(str(uuid4()))).status_code == 404
    assert ehr().tell(VIEW, accepted(str(uuid4()))).status_code == 404


def test_acceptance_and_overrides_are_counted_once_by_service_outcome_and_reason(client, tmp_path):
    metrics = Metrics([s.id for s in terms.services().services])
    counts = CdsCounts(metrics)
    client = with_counts(client, counts)
    (card,) = client.cards(VIEW, request())
    for told in (overridden(card["uuid"]), overridden(card["uuid"]), accepted(card["uuid"])):
        client.tell(VIEW, told)
    client.tell(VIEW, overridden(card["uuid"], "a-code-of-their-own", at="2025-06-20T09:01:00Z"))
    client.tell(VIEW, {"card": card["uuid"], "outcome": "overridden", "outcomeTimestamp": "2025-06-20T09:02:00Z"})

    said = metrics.exposition(None).decode()
    for labels in (
        'outcome="overridden",reason="patient-ineligible"', 'outcome="accepted",reason="none"',
        'outcome="overridden",reason="other"', 'outcome="overridden",reason="none"',
    ):  # fmt: skip
        assert f'radlogic_cds_feedback_total{{{labels},service="{VIEW}"}} 1.0' in said
    assert f'radlogic_cds_request_seconds_count{{service="{VIEW}",status="200"}} 1.0' in said
    assert 'radlogic_cds_request_seconds_count{service="other",status="200"} 5.0' in said  # feedback is no call
    assert card["uuid"] not in said


def with_counts(client, counts):
    from dataclasses import replace

    from cds_world import Ehr, app_of

    records = replace(client.records, counts=counts)
    assert isinstance(records, Records)
    return Ehr(app_of(records), records)


# ---- signatures ----------------------------------------------------------------------------------------------------


def sign(store: Store, answer=None):
    (row,) = store.worklist(Filter(tuple(State)))
    at = datetime(2025, 4, 2, 12, tzinfo=UTC)
    store.open_reasons(row.decision_id, at, "dr-a")
    if answer is not None:
        store.override(row.decision_id, "image_quality", "as Ms Doe said", at, "dr-a", answer)
    store.sign(row.decision_id, at, "dr-a", seen=store.case(row.decision_id).judged)


def test_a_signed_decision_is_shown_as_signed(client):
    sign(client.records.store)

    (card,) = client.cards(VIEW, request())
    assert card["summary"] == "Signed lung-rads@2022: category 4A; overdue since 2025-06-14."


def test_an_override_speaks_once_it_is_signed_and_not_before(client):
    store = client.records.store
    (row,) = store.worklist()
    store.open_reasons(row.decision_id, NOW, "dr-a")
    store.override(row.decision_id, "image_quality", "", NOW, "dr-a", {"guideline": "lung-rads@2022", "category": "2"})
    assert "category 4A;" in client.cards(VIEW, request())[0]["summary"]

    store.sign(row.decision_id, NOW, "dr-a", seen=store.case(row.decision_id).judged)
    (card,) = client.cards(VIEW, request())
    said = "Signed lung-rads@2022: category 2 signed in place of the engine's 4A; due 2026-03-14."
    assert (card["summary"], card["indicator"]) == (said, "info")


def test_orders_are_held_against_the_override_that_was_signed(client):
    sign(client.records.store, {"guideline": "lung-rads@2022", "category": "2"})
    code = {"coding": [{"system": "http://snomed.info/sct", "code": "16334891000119106"}]}
    draft = {"resourceType": "ServiceRequest", "id": "o1", "status": "draft", "intent": "order", "code": code,
             "subject": {"reference": f"Patient/{JANE}"}}  # fmt: skip
    orders = {"draftOrders": {"resourceType": "Bundle", "entry": [{"resource": draft}]}}

    (card,) = client.cards("radlogic-order-sign", request("order-sign", context=orders))
    assert card["summary"].startswith("Too early: Low-dose CT of the chest is recommended for 2026-03-14 (signed ")


def test_a_correction_takes_the_place_of_the_decision(client):
    store = client.records.store
    corrected = of_jane(no_findings())
    store.correct("sample-screening", corrected, NOW, "dr-a")

    assert [c["summary"] for c in client.cards(VIEW, request())] == [
        "Preliminary lung-rads@2022: category 1; due 2026-03-14."
    ]


def test_what_was_signed_stands_until_its_correction_is_signed_too(client):
    store, corrected = client.records.store, of_jane(no_findings())
    sign(store)
    store.correct("sample-screening", corrected, NOW, "dr-a")
    (card,) = client.cards(VIEW, request())
    said = "Signed lung-rads@2022: category 4A; overdue since 2025-06-14; a correction waits."
    assert (card["summary"], card["indicator"]) == (said, "warning")
    assert "A correction of this decision waits for its signature" in card["detail"]

    store.open_reasons("sample-no-findings", NOW, "dr-a")
    store.sign("sample-no-findings", NOW, "dr-a")
    assert [c["summary"] for c in client.cards(VIEW, request())] == [
        "Signed lung-rads@2022: category 1; due 2026-03-14."
    ]


def test_an_erased_patient_has_no_cards(client):
    assert len(client.cards(VIEW, request())) == 1
    store = client.records.store
    store.erase_patient(store.worklist()[0].patient, NOW, "officer", "asked for")

    assert client.call(VIEW, request()).status_code == 412  # nothing is stored, and no data were sent


KEY = bytes(range(32))


# ---- names of cards ------------------------------------------------------------------------------------------------


@given(st.integers(0, 2**40), st.text(), st.text(), st.text())
def test_a_cards_name_is_a_uuid_of_version_8_that_tells_topic_and_decision(sequence, key, words, call):
    topic = topic_of(sequence, key, words)
    name = card_name(topic, call, KEY)

    assert (name.version, name.variant) == (8, "specified in RFC 4122")
    assert topic_in(name, KEY) == topic
    assert sequence_in(topic) == (sequence if 0 < sequence < 2**36 else None)
    assert len({name, suggestion_name(name, 0), suggestion_name(name, 1)}) == 3


def test_names_differ_by_patient_matter_and_call():
    names = {card_name(topic_of(0, k, w), c, KEY) for k in "ab" for w in "xy" for c in "12"}

    assert len(names) == 8
    assert topic_in(UUID("d1577c69-dfbe-44ad-ba6d-3e05e953b2ea"), KEY) is None


@given(st.integers(0, 121), st.binary(min_size=1, max_size=32))
def test_a_name_that_was_changed_or_sealed_with_another_key_is_none_of_ours(bit, other):
    name = card_name(topic_of(7, "k", "w"), "call", KEY)
    place = bit if bit < 62 else bit + 2 if bit < 74 else bit + 6  # around variant and version

    assert topic_in(UUID(int=name.int ^ 1 << place), KEY) is None
    assert topic_in(name, other) is None


def test_a_retry_of_a_call_gives_the_same_names(client):
    assert json.dumps(client.cards(VIEW, request())) == json.dumps(client.cards(VIEW, request()))
