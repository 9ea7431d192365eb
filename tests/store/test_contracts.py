"""One contract for the seams of ``engine.record``: the forms in memory and on disk both keep it."""

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_decisions import ALL, no_findings, unknown_type

from radlogic.adapters.store.log import FileLog
from radlogic.adapters.store.queue import FileQueue
from radlogic.engine.errors import BadValue
from radlogic.engine.record import MemoryLog, MemoryQueue, QueueItem
from radlogic.engine.types import Patient, Priority, Review, ReviewReason

LOGS = {"memory": lambda folder: MemoryLog(), "file": FileLog}
QUEUES = {"memory": lambda folder: MemoryQueue(), "file": FileQueue}


@pytest.fixture(params=LOGS)
def log(request, tmp_path):
    return LOGS[request.param](tmp_path / "store")


@pytest.fixture(params=QUEUES)
def queue(request, tmp_path):
    return QUEUES[request.param](tmp_path / "store")


def decided(name, exam_date=None, patient="p-1"):
    """A decision of that id, for an exam of that date."""
    a = no_findings()
    case = replace(a.record.case, exam=replace(a.record.case.exam, date=exam_date), patient=Patient(patient))
    return replace(a, record=replace(a.record, decision_id=name, case=case))


def review(priority=Priority.SOON, *codes):
    return Review(True, priority, tuple(ReviewReason(code, "because", priority) for code in codes))


@pytest.mark.parametrize("name", ALL)
def test_what_is_appended_comes_back_equal(log, name):
    assessment = ALL[name]()

    assert log.append(assessment) == assessment.record.decision_id
    assert log.get(assessment.record.decision_id) == assessment


def test_an_unknown_id_gives_none_and_an_unknown_patient_nothing(log):
    log.append(no_findings())

    assert log.get("nobody") is None
    assert log.of_patient("nobody") == ()


def test_appending_again_adds_nothing_and_changes_nothing(log):
    first = no_findings()
    other = replace(unknown_type(), record=replace(unknown_type().record, decision_id=first.record.decision_id))

    assert log.append(first) == log.append(first) == log.append(other)
    assert log.get(first.record.decision_id) == first
    assert log.of_patient(first.record.case.patient.key) == (first,)


def test_a_patients_decisions_come_oldest_exam_first_undated_before_all(log):
    names = {"c": date(2025, 1, 2), "b": date(2024, 12, 31), "a": None, "e": date(2025, 1, 2), "d": date(2025, 1, 2)}
    for name, day in names.items():
        log.append(decided(name, day))
    log.append(decided("other", date(2020, 1, 1), patient="p-2"))

    assert [a.record.decision_id for a in log.of_patient("p-1")] == ["a", "b", "c", "d", "e"]


def test_what_is_put_waits_with_its_priority_and_reasons(queue):
    queue.put("d1", review(Priority.SOON, "guideline_silent", "not_calibrated_here"))

    assert queue.waiting() == (QueueItem("d1", Priority.SOON, ("guideline_silent", "not_calibrated_here")),)


def test_the_most_urgent_waits_first_then_who_came_first(queue):
    for name, priority in [("d1", "routine"), ("d2", "soon"), ("d3", "urgent"), ("d4", "soon"), ("d0", "urgent")]:
        queue.put(name, review(Priority(priority)))

    assert [item.decision_id for item in queue.waiting()] == ["d3", "d0", "d2", "d4", "d1"]


def test_putting_again_keeps_place_priority_and_reasons(queue):
    queue.put("d1", review(Priority.ROUTINE, "first"))
    queue.put("d2", review(Priority.ROUTINE))
    queue.put("d1", review(Priority.URGENT, "second"))

    assert queue.waiting() == (
        QueueItem("d1", Priority.ROUTINE, ("first",)),
        QueueItem("d2", Priority.ROUTINE, ()),
    )


def test_what_is_done_waits_no_more_and_may_come_again_at_the_end(queue):
    queue.put("d1", review())
    queue.put("d2", review())
    queue.done("d1")
    assert [item.decision_id for item in queue.waiting()] == ["d2"]

    queue.put("d1", review())
    assert [item.decision_id for item in queue.waiting()] == ["d2", "d1"]


@pytest.mark.parametrize("put_before", [False, True], ids=["never queued", "done before"])
def test_what_does_not_wait_cannot_be_done(queue, put_before):
    if put_before:
        queue.put("d1", review())
        queue.done("d1")

    with pytest.raises(BadValue, match="does not wait"):
        queue.done("d1")


STEPS = st.lists(
    st.tuples(st.sampled_from(["put", "done"]), st.sampled_from("abcd"), st.sampled_from(list(Priority))), max_size=12
)


@settings(max_examples=15, deadline=None)
@given(steps=STEPS)
@pytest.mark.slow
def test_any_history_leaves_both_queues_alike(tmp_path_factory, steps):
    memory, file = MemoryQueue(), FileQueue(tmp_path_factory.mktemp("history"))
    for step, name, priority in steps:
        assert acted(memory, step, name, priority) == acted(file, step, name, priority)
    assert memory.waiting() == file.waiting()


def acted(queue, step, name, priority):
    """Do it; return what was refused."""
    try:
        return queue.put(name, review(priority, name)) if step == "put" else queue.done(name)
    except BadValue as error:
        return error.as_record()
