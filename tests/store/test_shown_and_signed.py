"""Who signs, signs what they were shown; what was signed stands until its correction is signed too."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sample_decisions import unknown_type
from store_cases import decided, exam

from radlogic.adapters.review.decide import correcting
from radlogic.adapters.store.cases import Kind, Outcome, State, Store
from radlogic.adapters.store.errors import ChangedMeanwhile, IdTaken, Superseded
from radlogic.adapters.store.log import FileLog
from radlogic.adapters.store.replay import replay
from radlogic.adapters.store.verify import verify
from radlogic.engine.errors import BadValue
from radlogic.engine.types import Review

NOW = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
A, B = {"at": NOW, "actor": "dr-a"}, {"at": NOW, "actor": "dr-b"}


@pytest.fixture
def store(tmp_path):
    with Store.open(tmp_path / "store") as opened:
        yield opened
        assert verify(opened.journal).findings == ()


def named(name):
    made = unknown_type()
    decision = replace(made.decision, review=Review(False, made.decision.review.priority, ()))
    return replace(made, decision=decision, record=replace(made.record, decision_id=name))


def add(store, *names):
    for name in names:
        store.add(named(name), NOW, "radlogic")


def standing(store, tmp_path):
    """What the patient's history gives, by id."""
    key = unknown_type().record.case.patient.key
    return [a.record.decision_id for a in FileLog(tmp_path / "store").of_patient(key)]


JUDGE = {
    "overrides": lambda store, seen: store.override("d", "finding_missed", "", seen=seen, **B),
    "accepts": lambda store, seen: store.accept("d", **B),
    "takes an override back": lambda store, seen: store.accept("d", over=seen, **B),
}


AFTER = [("overrides", False), ("overrides", True), ("accepts", False), ("takes an override back", True)]


@pytest.mark.parametrize(("act", "overridden"), AFTER)
def test_nobody_signs_what_another_judged_after_they_looked(store, act, overridden):
    add(store, "d")
    if overridden:
        store.override("d", "image_quality", "", **A)
    seen = store.case("d").judged
    judged = JUDGE[act](store, seen)

    with pytest.raises(ChangedMeanwhile) as refused:
        store.sign("d", seen=seen, **A)
    assert (refused.value.by, store.row("d").signed_by) == ("dr-b", None)
    assert store.sign("d", seen=judged.sequence, **A).signed_by == "dr-a"


def test_who_says_nothing_of_what_they_saw_signs_only_what_nobody_judged(store):
    add(store, "d")
    store.override("d", "image_quality", "", **B)
    for seen in (None, 0, store.row("d").sequence, 10**9):
        with pytest.raises(ChangedMeanwhile):
            store.sign("d", seen=seen, **A)


def test_an_override_is_taken_back_only_by_who_was_shown_it(store):
    add(store, "d")
    first = store.override("d", "image_quality", "", **A)
    second = store.override("d", "finding_missed", "", seen=first.sequence, **B)
    for over in (None, first.sequence):
        with pytest.raises(ChangedMeanwhile):
            store.accept("d", over=over, **A)
    assert store.row("d").outcome is Outcome.OVERRIDDEN

    assert store.accept("d", over=second.sequence, **A).body == {"over": second.sequence}
    assert store.row("d").outcome is Outcome.ACCEPTED


def test_an_override_takes_the_place_only_of_a_judgement_that_was_shown(store):
    add(store, "d")
    seen = store.case("d").judged
    first = store.override("d", "image_quality", "", seen=seen, **A)
    for shown in (None, seen, 0, 10**9):
        with pytest.raises(ChangedMeanwhile) as refused:
            store.override("d", "finding_missed", "", seen=shown, **B)
        assert refused.value.by == "dr-a"

    store.override("d", "finding_missed", "", seen=first.sequence, **B)
    assert [e.actor for e in store.case("d").of_kind(Kind.OVERRIDDEN)] == ["dr-a", "dr-b"]


def test_who_corrects_was_shown_the_last_judgement(store):
    add(store, "d")
    seen = store.case("d").judged
    store.override("d", "image_quality", "", **A)
    with pytest.raises(ChangedMeanwhile):
        store.correct("d", named("new"), shown=seen, **B)
    assert store.row("d").superseded_by is None

    store.correct("d", named("new"), shown=store.case("d").judged, **B)
    assert store.row("d").superseded_by == "new"


def test_an_accepted_correction_is_a_correction_also_after_an_override(store):
    add(store, "d")
    store.correct("d", named("new"), **A)
    given = store.override("new", "image_quality", "", **A)
    accepted = store.accept("new", over=given.sequence, **A)

    assert store.sign("new", seen=accepted.sequence, **A).outcome is Outcome.CORRECTED


def test_a_signed_decision_stands_until_its_correction_is_signed(store, tmp_path):
    add(store, "d")
    store.sign("d", **A)
    store.correct("d", named("c1"), **B)

    assert standing(store, tmp_path) == ["d"]
    assert store.pending("d").decision_id == "c1"
    assert [row.decision_id for row in store.worklist()] == ["c1"]
    store.correct("c1", named("c2"), **B)
    assert (standing(store, tmp_path), store.pending("d").decision_id) == (["d"], "c2")
    store.sign("c2", **A)

    assert (standing(store, tmp_path), store.pending("d")) == (["c2"], None)
    assert (store.row("d").state, store.row("d").superseded_by, store.row("d").signed_by) == (
        State.SUPERSEDED, "c2", "dr-a",
    )  # fmt: skip
    assert [e.kind for e in store.case("d").of_kind(Kind.SUPERSEDED)] == ["superseded"]


def test_a_signed_decision_has_one_correction_at_a_time(store):
    add(store, "d")
    store.sign("d", **A)
    store.correct("d", named("c1"), **B)

    with pytest.raises(Superseded) as refused:
        store.correct("d", named("c2"), **A)
    assert refused.value.successor == "c1"


def test_no_correction_takes_the_id_of_what_stands_or_was_signed(store):
    add(store, "y", "z", "open")
    store.sign("y", **A)
    store.correct("y", named("y2"), **A)
    store.sign("y2", **A)
    before = verify(store.journal).entries
    for taken in ("y", "y2", "open"):  # signed and superseded, signed, not signed
        with pytest.raises(IdTaken):
            store.correct("z", named(taken), **B)

    assert verify(store.journal).entries == before
    assert (store.row("z").open, store.row("y").signed_by, store.row("y2").signed_by) == (True, "dr-a", "dr-a")


@pytest.mark.slow
def test_a_correction_under_its_own_name_is_replayed_from_the_record(store):
    first = decided()
    store.add(first, NOW, "radlogic")
    made = correcting(decided(exam(mean_mm=first.record.case.findings[0].facts["mean_mm"].value + 9)),
                      first.record.decision_id)  # fmt: skip
    back = correcting(decided(), made.record.decision_id)
    store.correct(first.record.decision_id, made, **A)
    store.correct(made.record.decision_id, back, **A)

    assert len({a.record.decision_id for a in (first, made, back)}) == 3
    with store.journal.reading() as connection:
        assert all(replay(connection, a.record.decision_id).equal for a in (first, made, back))


@pytest.mark.parametrize("words", ["\u200b\u2060", "\u00a0", "...", "\u3164", "\ufeff\u00ad", "\u0301"])
def test_words_that_nobody_can_see_are_none(store, words):
    add(store, "d")
    with pytest.raises(BadValue, match="comment"):
        store.override("d", "other", words, **A)
    store.override("d", "other", f"{words}\u06f3", **A)
