"""What humans do while the watch decides a late set anew: it is never passed over, and nothing untrue is said of it."""

from dataclasses import replace
from datetime import UTC, datetime

import lying_dicomweb_server
import pytest
import watch_world as world

from radlogic.adapters.archive.watch.seams import Seams, unmatched
from radlogic.adapters.store.cases import Filter, Store
from radlogic.adapters.store.states import State
from radlogic.engine.record import correction_name

pytestmark = pytest.mark.slow


@pytest.fixture
def watched(tmp_path):
    """A study that was decided; then images come late, and ``meanwhile`` happens while they are matched."""
    with lying_dicomweb_server.serving() as server:

        def late(meanwhile):
            to_do = []

            def match(case, priors):
                if to_do:
                    to_do.pop()()
                return unmatched(case, priors)

            server.put(*world.study(tmp_path, 1))
            watch = world.World(tmp_path, {"dicomweb": {"url": server.url}}, Seams(match=match, emit=world.text_report))
            watch.look()
            to_do.append(meanwhile)
            server.put(*world.study(tmp_path, 1, first=4, slices=2))
            watch.look()
            assert not to_do
            return watch

        yield late


def now():
    return datetime.now(UTC)


def rows(folder):
    """Every decision by the order in which it was made."""
    with Store.open(folder / "store") as store:
        return sorted(store.worklist(Filter(states=tuple(State)), limit=100), key=lambda row: row.sequence)


def sign(folder):
    with Store.open(folder / "store") as store:
        (first,) = store.worklist()
        store.open_reasons(first.decision_id, now(), "dr-a")
        store.sign(first.decision_id, now(), "dr-a", seen=store.case(first.decision_id).judged)


def told(folder, decision):
    """What is said of what it follows, and the reasons for review."""
    with Store.open(folder / "store") as store:
        decided = store.case(decision).assessment.decision
    return " ".join(decided.notes), " ".join(reason.text for reason in decided.review.reasons)


def test_a_decision_that_was_signed_meanwhile_is_not_said_to_be_unsigned(watched, tmp_path):
    watch = watched(lambda: sign(tmp_path))
    first, second = rows(tmp_path)
    notes, reasons = told(tmp_path, second.decision_id)

    assert (first.state, second.state, second.supersedes) == (State.SIGNED, State.WAITING, first.decision_id)
    assert "nobody signed" not in notes
    assert f"decision {first.decision_id} of this exam is signed and stands" in reasons
    assert "a signed decision of the exam stands" in watch.said[-2]


def test_what_somebody_said_meanwhile_is_a_reason_to_look(watched, tmp_path):
    def override():
        (first,) = rows(tmp_path)
        with Store.open(tmp_path / "store") as store:
            store.open_reasons(first.decision_id, now(), "dr-a")
            store.override(first.decision_id, "clinical_context", "known since long", now(), "dr-a", {"category": "2"})

    watched(override)
    first, second = rows(tmp_path)

    assert f"decision {first.decision_id}, on which somebody had worked" in told(tmp_path, second.decision_id)[1]


def test_what_was_corrected_meanwhile_does_not_have_the_late_images_put_aside(watched, tmp_path):
    def correct():
        with Store.open(tmp_path / "store") as store:
            (first,) = store.worklist()
            made = store.case(first.decision_id).assessment
            exam = replace(made.record.case.exam, notes=("corrected",))
            name = correction_name("0" * 32, first.decision_id)
            record = replace(made.record, case=replace(made.record.case, exam=exam), decision_id=name)
            store.correct(first.decision_id, replace(made, record=record), now(), "dr-a")

    watch = watched(correct)
    _, corrected, third = rows(tmp_path)

    assert watch.steps() == ["done", "done"]
    assert (third.supersedes, third.state) == (corrected.decision_id, State.WAITING)
    assert f"decision {corrected.decision_id}, on which somebody had worked" in told(tmp_path, third.decision_id)[1]


def test_the_decision_of_an_erased_patient_does_not_speak_as_an_earlier_exam(tmp_path):
    with lying_dicomweb_server.serving() as server:
        server.put(*world.study(tmp_path, 1, day="20230228"))
        watch = world.World(tmp_path, {"dicomweb": {"url": server.url}}, days=3650)
        watch.look()
        (first,) = rows(tmp_path)
        with Store.open(tmp_path / "store") as store:
            store.erase_patient(first.patient, now(), "data protection", "asked for")
        server.put(*world.study(tmp_path, 2))
        watch.look()
    _, second = rows(tmp_path)

    assert watch.steps() == ["done", "done"]
    assert first.decision_id not in " ".join(told(tmp_path, second.decision_id))


def test_a_patient_who_was_erased_meanwhile_is_decided_anew_and_not_traced_to_what_was(watched, tmp_path):
    def erase():
        with Store.open(tmp_path / "store") as store:
            (first,) = store.worklist()
            assert not store.is_erased(first.decision_id)
            store.erase_patient(first.patient, now(), "data protection", "asked for")
            assert store.is_erased(first.decision_id)

    watch = watched(erase)
    first, second = rows(tmp_path)

    assert watch.steps() == ["done", "done"]
    assert (first.superseded_by, second.supersedes) == (None, None)
    assert first.patient != second.patient
    assert first.decision_id not in " ".join(told(tmp_path, second.decision_id))
