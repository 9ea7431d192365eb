"""What a review page does with the store, on both databases."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from decisions_of_study import of_study
from sample_decisions import ALL, no_findings, screening, unknown_type

from radlogic.adapters.store.cases import Filter, Kind, Outcome, State, Store
from radlogic.adapters.store.errors import (
    AlreadySigned,
    ChangedMeanwhile,
    NoSuchDecision,
    NothingChanged,
    ReasonsNotOpened,
    Superseded,
)
from radlogic.adapters.store.states import Seen
from radlogic.adapters.store.verify import verify
from radlogic.engine.errors import BadValue
from radlogic.engine.types import Priority, Review, ReviewReason

NOW = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
DR_A, DR_B = {"actor": "dr-a"}, {"actor": "dr-b"}


@pytest.fixture
def store(place):
    with Store.open(place) as opened:
        yield opened
        assert verify(opened.journal).findings == ()  # whatever a test did, the record verifies


def later(minutes):
    return NOW + timedelta(minutes=minutes)


def named(name, made=unknown_type, priority=None, *, required=None):
    """A sample decision under another id, with another review."""
    a = made()
    review = a.decision.review
    if priority is not None or required is not None:
        required = review.required if required is None else required
        reasons = (ReviewReason("finding_unknown", "because", priority or review.priority),) if required else ()
        review = Review(required, priority or review.priority, reasons)
    return replace(a, decision=replace(a.decision, review=review), record=replace(a.record, decision_id=name))


def add(store, name, minute=0, priority=None, **more):
    return store.add(named(name, priority=priority, **more), later(minute), "radlogic")


@pytest.mark.parametrize("name", ALL)
def test_a_decision_comes_back_as_it_was_made(store, name):
    assessment = ALL[name]()
    store.add(assessment, NOW, "radlogic")

    found = store.case(assessment.record.decision_id)
    assert found.assessment == assessment
    assert found.row.state is State.WAITING
    assert [e.kind for e in found.history] == [Kind.DECIDED, *[Kind.QUEUED] * assessment.decision.review.required]


def test_adding_again_adds_nothing(store):
    add(store, "d1")
    add(store, "d1", minute=5, priority=Priority.URGENT)

    assert len(store.case("d1").history) == 2
    assert store.row("d1").arrived == NOW


def test_the_worklist_is_ordered_by_priority_then_due_time_then_arrival(store):
    for name, minute, priority in [("r", 0, "routine"), ("s2", 9, "soon"), ("u", 20, "urgent"), ("s1", 3, "soon")]:
        add(store, name, minute, Priority(priority))
    store.add(named("s0", priority=Priority.SOON), later(30), "radlogic", due=later(31))
    add(store, "s3", 9, Priority.SOON)

    assert [row.decision_id for row in store.worklist()] == ["u", "s0", "s1", "s2", "s3", "r"]


def test_pages_of_the_worklist_join_without_gap_or_overlap(store):
    names = [add(store, f"d{i:02}", i % 3, list(Priority)[i % 2]) for i in range(11)]
    seen, cursor = [], None
    while page := store.worklist(limit=3, after=cursor):
        seen += [row.decision_id for row in page]
        cursor = page[-1].cursor

    assert seen == [row.decision_id for row in store.worklist(limit=100)]
    assert sorted(seen) == sorted(names)


@pytest.mark.parametrize(
    "ask", [{"limit": 0}, {"limit": 1001}, {"after": "x"}, {"after": "1|2|3"}, {"after": "0|2026-01-01|1"}]
)
def test_a_page_that_cannot_be_is_refused(store, ask):
    with pytest.raises(BadValue):
        store.worklist(**ask)


@pytest.mark.parametrize("priority", list(Priority))
def test_pages_within_one_priority_join_too_from_any_place(store, priority):
    for i in range(9):
        add(store, f"d{i}", i, list(Priority)[i % 3])
    every = store.worklist(limit=100)
    for row in every:
        expected = [r for r in every[every.index(row) + 1 :] if r.priority is priority]
        assert list(store.worklist(Filter(priority=priority), 100, row.cursor)) == expected


def test_filters_pick_by_state_priority_review_person_patient_and_due_time(store):
    add(store, "soon", 0, Priority.SOON)
    add(store, "routine", 0, Priority.ROUTINE)
    add(store, "free", 0, required=False)
    store.assign("soon", "dr-b", NOW, **DR_A)
    store.commit_reading("routine", {"findings": []}, NOW, **DR_A)
    token = store.row("soon").patient

    def ids(**which):
        return {row.decision_id for row in store.worklist(Filter(**which))}

    assert ids() == ids(patient=token) == {"soon", "routine", "free"}
    assert ids(priority=Priority.ROUTINE) == {"routine"}
    assert ids(review_required=False) == {"free"}
    assert ids(assigned="dr-b") == ids(due_before=NOW + timedelta(hours=13), review_required=True) == {"soon"}
    assert ids(states=(State.READ,)) == {"routine"}
    assert ids(patient="nobody") == ids(states=(State.SIGNED,)) == set()


def test_a_case_goes_from_reading_to_signature_and_every_step_is_kept(store):
    add(store, "d1")
    store.open_case("d1", later(1), **DR_A)
    store.commit_reading("d1", {"nodules": [{"type": "solid", "mean_mm": "6.0"}]}, later(2), **DR_A)
    assert store.row("d1").state is State.READ
    store.open_reasons("d1", later(3), **DR_A)
    accepted = store.accept("d1", later(4), **DR_A)
    signed = store.sign("d1", later(5), seen=accepted.sequence, **DR_A)

    assert (signed.state, signed.outcome, signed.signed_by, signed.signed_at) == (
        State.SIGNED, Outcome.ACCEPTED, "dr-a", later(5),
    )  # fmt: skip
    assert store.worklist() == ()
    case = store.case("d1")
    assert [e.kind for e in case.history][2:] == ["opened", "read", "reasons_opened", "accepted", "signed"]
    assert case.of_kind(Kind.READ)[0].body == {"findings": {"nodules": [{"type": "solid", "mean_mm": "6.0"}]}}


@pytest.mark.parametrize("act", ["accept", "sign", "override"])
def test_where_review_is_required_nobody_decides_before_opening_the_reasons(store, act):
    add(store, "d1", priority=Priority.SOON)
    does = {
        "accept": lambda: store.accept("d1", NOW, **DR_A),
        "sign": lambda: store.sign("d1", NOW, **DR_A),
        "override": lambda: store.override("d1", "finding_missed", "", NOW, **DR_A),
    }[act]
    with pytest.raises(ReasonsNotOpened):
        does()
    store.open_reasons("d1", NOW, **DR_B)  # another person's reading does not count
    assert not store.reasons_opened("d1", "dr-a")
    with pytest.raises(ReasonsNotOpened):
        does()

    store.open_reasons("d1", NOW, **DR_A)
    does()


def test_where_no_review_is_required_a_signature_is_enough(store):
    add(store, "d1", required=False)

    assert store.sign("d1", NOW, **DR_A).outcome is Outcome.ACCEPTED


def test_the_second_signature_is_told_who_was_first_and_when(store):
    add(store, "d1", required=False)
    store.sign("d1", later(7), **DR_A)

    with pytest.raises(AlreadySigned) as refused:
        store.sign("d1", later(8), **DR_B)
    assert (refused.value.by, refused.value.at) == ("dr-a", "2026-03-01T08:07:00.000000Z")


@pytest.mark.parametrize("act", ["accept", "override", "commit_reading", "assign"])
def test_nothing_is_added_to_a_signed_decision(store, act):
    add(store, "d1", required=False)
    store.sign("d1", NOW, **DR_A)
    before = store.case("d1").history

    with pytest.raises(AlreadySigned):
        {
            "accept": lambda: store.accept("d1", NOW, **DR_B),
            "override": lambda: store.override("d1", "finding_missed", "", NOW, **DR_B),
            "commit_reading": lambda: store.commit_reading("d1", {}, NOW, **DR_B),
            "assign": lambda: store.assign("d1", "dr-c", NOW, **DR_B),
        }[act]()
    assert store.case("d1").history == before


def test_an_override_keeps_its_coded_reason_its_words_and_its_answer(store):
    add(store, "d1", required=False)
    given = store.override("d1", "clinical_context", "Frau Mustermann lehnt ab", NOW, answer={"category": "2"}, **DR_A)

    assert store.sign("d1", NOW, seen=given.sequence, **DR_A).outcome is Outcome.OVERRIDDEN
    assert store.case("d1").of_kind(Kind.OVERRIDDEN)[0].body == {
        "reason": "clinical_context", "comment": "Frau Mustermann lehnt ab", "answer": {"category": "2"},
    }  # fmt: skip


@pytest.mark.parametrize(("code", "comment", "field"), [("because", "", "reason"), ("other", "  ", "comment")])
def test_an_override_needs_a_code_of_the_list_and_words_where_the_code_asks_for_them(store, code, comment, field):
    add(store, "d1", required=False)

    with pytest.raises(BadValue) as refused:
        store.override("d1", code, comment, NOW, **DR_A)
    assert refused.value.field == field


def test_a_correction_is_a_new_decision_that_supersedes_and_waits_for_its_own_signature(store):
    add(store, "old", priority=Priority.SOON)
    new = store.correct("old", named("new", priority=Priority.ROUTINE), later(5), **DR_A)

    old, row = store.row("old"), store.row("new")
    assert (new, old.state, old.superseded_by) == ("new", State.SUPERSEDED, "new")
    assert (row.state, row.outcome, row.supersedes) == (State.CORRECTED, Outcome.CORRECTED, "old")
    assert [r.decision_id for r in store.worklist()] == ["new"]
    with pytest.raises(ReasonsNotOpened):
        store.sign("new", later(6), **DR_A)
    store.open_reasons("new", later(6), **DR_A)
    assert store.sign("new", later(7), **DR_A).outcome is Outcome.CORRECTED


def read(store):
    store.commit_reading("old", {}, later(3), **DR_B)


def accept(store):
    store.accept("old", later(3), **DR_B)


def override(store):
    store.override("old", "clinical_context", "known", later(3), **DR_B)


def sign(store):
    store.sign("old", later(3), **DR_B)


def erase(store):
    store.erase_patient(store.row("old").patient, later(3), "data protection", "asked for")


def correct(store):
    store.correct("old", of_study("corrected", "1.2.3", ""), later(3), **DR_B)


def ids(store):
    return sorted(row.decision_id for row in store.worklist(Filter(states=tuple(State))))


@pytest.mark.parametrize("act", [read, accept, override, sign, erase], ids=lambda act: act.__name__)
def test_a_correction_that_was_made_of_what_somebody_has_changed_since_is_refused(store, act):
    add(store, "old", required=False)
    seen = Seen((), (store.row("old"),), 1)
    act(store)
    with pytest.raises(ChangedMeanwhile):
        store.correct("old", named("new"), later(4), **DR_A, seen=seen)

    assert ids(store) == ["old"]


def test_a_correction_made_of_what_still_stands_is_taken_whoever_it_was_given_to(store):
    add(store, "old", required=False)
    seen = Seen((), (store.row("old"),), 1)
    store.assign("old", "dr-b", later(1), **DR_A)

    assert store.correct("old", named("new"), later(2), **DR_A, seen=seen) == "new"


def test_who_was_given_a_case_keeps_it_when_a_correction_takes_its_place(store):
    add(store, "old", required=False)
    store.assign("old", "dr-b", later(1), **DR_A)
    store.correct("old", named("new"), later(2), "radlogic")

    assert [row.decision_id for row in store.worklist(Filter(assigned="dr-b"))] == ["new"]


def test_the_correction_of_a_signed_decision_is_given_to_nobody(store):
    add(store, "old", required=False)
    store.assign("old", "dr-b", later(1), **DR_A)
    sign(store)
    store.correct("old", named("new"), later(4), "radlogic")

    assert (store.row("old").assigned, store.row("new").assigned) == ("dr-b", None)


def test_a_signature_that_came_with_the_correction_at_once_is_named(store):
    add(store, "old", required=False)
    seen = Seen((), (store.row("old"),), 1)
    sign(store)
    with pytest.raises(ChangedMeanwhile) as refused:
        store.correct("old", named("new"), later(4), **DR_A, seen=seen)

    assert (refused.value.by, refused.value.at) == ("dr-b", "2026-03-01T08:03:00.000000Z")


def test_decisions_are_found_by_their_study_newest_first_but_for_superseded_ones_and_of_erased_patients(store):
    for name, study, patient in (
        ("a", "1.2.3", "somebody-1"), ("b", "1.2.3", ""), ("c", "1.2.33", ""), ("d", "1.2.3", "somebody-2")
    ):  # fmt: skip
        store.add(of_study(name, study, patient), NOW, "radlogic")
    store.correct("b", of_study("e", "1.2.3", ""), NOW, **DR_A)
    store.erase_patient(store.row("d").patient, NOW, "data protection", "asked for")

    assert [row.decision_id for row in store.of_study("1.2.3")] == ["e", "a"]
    assert [store.of_study(none) for none in ("", "1.2", "%", '1.2.3"', "\n")] == [()] * 5


def test_a_first_decision_is_refused_where_another_came_since_none_was_seen(store):
    seen = store.seen("1.2.3")
    store.add(of_study("other", "1.2.33", ""), NOW, "radlogic", seen=seen)
    store.add(of_study("theirs", "1.2.3", ""), NOW, "radlogic")
    with pytest.raises(ChangedMeanwhile, match="theirs"):
        store.add(of_study("mine", "1.2.3", ""), NOW, "radlogic", seen=seen)

    assert ids(store) == ["other", "theirs"]


@pytest.mark.parametrize("act", [read, accept, override, sign, erase, correct], ids=lambda act: act.__name__)
def test_a_decision_beside_others_of_the_study_is_refused_where_one_of_them_has_changed_since(store, act):
    old = of_study("old", "1.2.3", "")
    store.add(replace(old, decision=named("old", required=False).decision), NOW, "radlogic")
    seen = store.seen("1.2.3")
    act(store)
    before = ids(store)
    with pytest.raises(ChangedMeanwhile):
        store.add(of_study("mine", "1.2.3", "somebody"), later(4), "radlogic", seen=seen)

    assert ids(store) == before


def test_a_decision_beside_others_that_were_seen_is_taken_whoever_they_were_given_to(store):
    store.add(of_study("old", "1.2.3", ""), NOW, "radlogic")
    seen = store.seen("1.2.3")
    store.assign("old", "dr-b", later(1), **DR_A)

    assert store.add(of_study("mine", "1.2.3", "somebody"), later(2), "radlogic", seen=seen) == "mine"


def test_a_decision_that_is_there_already_stays_whatever_was_seen(store):
    seen = store.seen("1.2.3")
    store.add(of_study("mine", "1.2.3", ""), NOW, "radlogic", seen=seen)

    assert store.add(of_study("mine", "1.2.3", ""), NOW, "radlogic", seen=seen) == "mine"
    assert ids(store) == ["mine"]


def test_a_correction_is_refused_where_another_decision_of_the_study_came_since(store):
    store.add(of_study("old", "1.2.3", ""), NOW, "radlogic")
    seen = store.seen("1.2.3")
    store.add(of_study("theirs", "1.2.3", "somebody"), NOW, "radlogic")
    with pytest.raises(ChangedMeanwhile, match="theirs"):
        store.correct("old", of_study("new", "1.2.3", ""), NOW, "radlogic", seen=seen)


def test_a_correction_of_what_was_not_seen_at_all_is_refused(store):
    add(store, "old", required=False)
    with pytest.raises(ChangedMeanwhile, match="old"):
        store.correct("old", named("new"), NOW, "radlogic", seen=store.seen("1.2.3"))


def test_what_is_superseded_cannot_be_worked_on_and_names_its_successor(store):
    add(store, "old", required=False)
    store.correct("old", named("new"), NOW, **DR_A)

    for act in (lambda: store.sign("old", NOW, **DR_A), lambda: store.correct("old", named("x"), NOW, **DR_A)):
        with pytest.raises(Superseded) as refused:
            act()
        assert refused.value.successor == "new"


def test_a_signed_decision_is_superseded_once_its_correction_is_signed_and_its_signature_stays(store):
    add(store, "old", required=False)
    store.sign("old", later(1), **DR_A)
    store.correct("old", named("new", required=False), later(2), **DR_B)
    assert (store.row("old").state, store.row("old").superseded_by) == (State.SIGNED, None)
    store.sign("new", later(3), **DR_B)

    old = store.row("old")
    assert (old.state, old.signed_by, old.superseded_by) == (State.SUPERSEDED, "dr-a", "new")


def test_a_correction_may_be_taken_back_and_is_then_signed_anew(store):
    add(store, "a", required=False)
    store.correct("a", named("b", required=False), later(1), **DR_A)
    store.correct("b", named("a", required=False), later(2), **DR_A)

    assert (store.row("a").state, store.row("b").superseded_by) == (State.CORRECTED, "a")
    assert store.sign("a", later(3), **DR_A).signed_by == "dr-a"


def test_a_correction_that_changes_nothing_or_another_patient_is_refused(store):
    add(store, "a")
    with pytest.raises(NothingChanged):
        store.correct("a", named("a"), NOW, **DR_A)
    other = named("b", made=no_findings)
    case = replace(other.record.case, patient=replace(other.record.case.patient, key="somebody-else"))
    with pytest.raises(BadValue, match="another patient"):
        store.correct("a", replace(other, record=replace(other.record, case=case)), NOW, **DR_A)
    assert store.row("a").state is State.WAITING


def test_what_nobody_kept_is_refused_by_name(store):
    for act in (
        lambda: store.row("x"),
        lambda: store.row("x\x00"),
        lambda: store.case("x\ud800"),
        lambda: store.case("x"),
        lambda: store.sign("x", NOW, **DR_A),
        lambda: store.feedback({}, NOW, "a", "x"),
        lambda: store.open_reasons("x", NOW, **DR_A),
    ):
        with pytest.raises(NoSuchDecision):
            act()


def test_events_are_kept_even_about_what_is_not_there(store):
    add(store, "d1")
    store.audit("dr-a", "login", NOW)
    store.audit("dr-x", "denied", NOW, "no-such-decision", {"role": "auditor"})
    store.feedback({"outcome": "overridden", "reason": "not-relevant"}, NOW, "ehr", "d1")
    store.feedback({"outcome": "accepted"}, NOW, "ehr")

    with store.journal.reading() as connection:
        from radlogic.adapters.store.journal import entries

        said = [(e.kind, e.actor, e.decision_id, e.body) for e in entries(connection)][2:]
    assert said == [
        ("audit", "dr-a", None, {"action": "login", "details": {}}),
        ("audit", "dr-x", "no-such-decision", {"action": "denied", "details": {"role": "auditor"}}),
        ("feedback", "ehr", "d1", {"outcome": "overridden", "reason": "not-relevant"}),
        ("feedback", "ehr", None, {"outcome": "accepted"}),
    ]


@pytest.mark.parametrize(
    "act",
    [
        lambda s: s.audit("dr-a", "dance", NOW),
        lambda s: s.audit("", "login", NOW),
        lambda s: s.audit("a" * 201, "login", NOW),
        lambda s: s.audit("dr\x00a", "login", NOW),
        lambda s: s.audit("dr-a", "denied", NOW, "d\ud800"),
        lambda s: s.worklist(Filter(assigned="\x00")),
        lambda s: s.audit("dr-a", "login", datetime(2026, 1, 1)),
        lambda s: s.feedback({"x": float("nan")}, NOW, "a"),
        lambda s: s.feedback({"x": object()}, NOW, "a"),
        lambda s: s.feedback({"x": "\ud800"}, NOW, "a"),
        lambda s: s.erase_patient("nobody", NOW, "a", "why"),
    ],
)
def test_what_cannot_be_kept_is_refused_and_leaves_nothing(store, act):
    with pytest.raises(BadValue):
        act(store)
    assert verify(store.journal).entries == 0


def test_zero_bytes_and_every_script_are_kept(store):
    words = "nul \x00, quote ' \" \\, ⟦1⟧, emoji 🫁, עברית"
    add(store, "d1", required=False)
    store.override("d1", "other", words, NOW, **DR_A)
    store.feedback({words: [words]}, NOW, "a", "d1")

    case = store.case("d1")
    assert case.of_kind(Kind.OVERRIDDEN)[0].body["comment"] == words
    assert case.of_kind(Kind.FEEDBACK)[0].body == {words: [words]}


def test_a_store_is_found_again_with_all_that_it_held(place):
    with Store.open(place) as first:
        first.add(screening(), NOW, "radlogic")
    with Store.open(place, make=False) as second:
        assert second.case("sample-screening").assessment == screening()
