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


def override(folder):
    (first,) = rows(folder)
    with Store.open(folder / "store") as store:
        store.open_reasons(first.decision_id, now(), "dr-a")
        store.override(first.decision_id, "clinical_context", "known since long", now(), "dr-a", {"category": "2"})


def correct(folder):
    with Store.open(folder / "store") as store:
        (first,) = store.worklist()
        made = store.case(first.decision_id).assessment
        exam = replace(made.record.case.exam, notes=("corrected",))
        name = correction_name("0" * 32, first.decision_id)
        record = replace(made.record, case=replace(made.record.case, exam=exam), decision_id=name)
        store.correct(first.decision_id, replace(made, record=record), now(), "dr-a")


def erase(folder):
    with Store.open(folder / "store") as store:
        (first,) = store.worklist()
        assert not store.is_erased(first.decision_id)
        store.erase_patient(first.patient, now(), "data protection", "asked for")
        assert store.is_erased(first.decision_id)


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
    watched(lambda: override(tmp_path))
    first, second = rows(tmp_path)

    assert f"decision {first.decision_id}, on which somebody had worked" in told(tmp_path, second.decision_id)[1]


def test_what_was_corrected_meanwhile_does_not_have_the_late_images_put_aside(watched, tmp_path):
    watch = watched(lambda: correct(tmp_path))
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
    watch = watched(lambda: erase(tmp_path))
    first, second = rows(tmp_path)

    assert watch.steps() == ["done", "done"]
    assert (first.superseded_by, second.supersedes) == (None, None)
    assert first.patient != second.patient
    assert first.decision_id not in " ".join(told(tmp_path, second.decision_id))


# --- in the last moment: after the watch has looked for the last time, while pictures are kept


@pytest.fixture
def last_moment(monkeypatch):
    """What is put in here happens once, when the pictures of a study are kept, right before its decision."""
    from radlogic.adapters.store import images

    keeping, to_do = images.keep_images, []

    def keep_images(*args):
        kept = keeping(*args)
        if to_do:
            to_do.pop()()
        return kept

    monkeypatch.setattr(images, "keep_images", keep_images)
    return to_do


@pytest.fixture
def at_last(watched, last_moment):
    """As ``watched``; ``meanwhile`` happens in the last moment."""

    def late(meanwhile):
        watch = watched(lambda: last_moment.append(meanwhile))
        assert not last_moment
        return watch

    return late


@pytest.mark.parametrize("act", [sign, override], ids=lambda act: act.__name__)
def test_what_somebody_said_in_the_last_moment_is_told(at_last, tmp_path, act):
    at_last(lambda: act(tmp_path))
    first, second = rows(tmp_path)
    notes, reasons = told(tmp_path, second.decision_id)

    assert "nobody signed" not in notes
    assert f"decision {first.decision_id}" in reasons
    assert second.supersedes == first.decision_id


def test_a_correction_in_the_last_moment_does_not_leave_the_late_images_decided_by_nobody(at_last, tmp_path):
    watch = at_last(lambda: correct(tmp_path))
    _, corrected, third = rows(tmp_path)

    assert watch.steps() == ["done", "done"]
    assert third.supersedes == corrected.decision_id
    assert f"decision {corrected.decision_id}, on which somebody had worked" in told(tmp_path, third.decision_id)[1]


def test_a_patient_erased_in_the_last_moment_does_not_have_the_late_images_put_aside(at_last, tmp_path):
    watch = at_last(lambda: erase(tmp_path))
    first, second = rows(tmp_path)

    assert watch.steps() == ["done", "done"]
    assert second.supersedes is None
    assert first.decision_id not in " ".join(told(tmp_path, second.decision_id))


# --- decisions of the study that others have put into the store


def by_hand(folder, number, key="", *, sign_it=False, all_of_it=False):
    """A decision of that study, made elsewhere and kept in the watch's store; of its first images, or ``all_of_it``."""
    from radlogic.adapters.assemble import Sources
    from radlogic.adapters.assess import run

    series = folder / f"study-{number}-0"
    if all_of_it:
        for image in (folder / f"study-{number}-4").iterdir():
            image.rename(series / f"late-{image.name}")
    made, _ = run(Sources(series=series), None, world.TODAY)
    case = made.record.case
    case = replace(case, patient=replace(case.patient, key=key))
    made = replace(made, record=replace(made.record, case=case, decision_id=f"{number:032d}"))
    with Store.open(folder / "store") as store:
        store.add(made, now(), "radlogic")
        if sign_it:
            store.open_reasons(made.record.decision_id, now(), "dr-a")
            store.sign(made.record.decision_id, now(), "dr-a")
    return made.record.decision_id


@pytest.fixture
def beside(tmp_path):
    """A watch on an archive that has a study of which a decision was made elsewhere."""
    with lying_dicomweb_server.serving() as server:

        def look(meanwhile, **more):
            server.put(*world.study(tmp_path, 1))
            name = meanwhile()
            server.put(*world.study(tmp_path, 1, first=4, slices=2))
            watch = world.World(tmp_path, {"dicomweb": {"url": server.url}}, days=3650, **more)
            watch.look()
            return watch, name

        yield look, server


def test_a_decision_that_somebody_else_kept_of_the_study_is_followed(beside, tmp_path):
    watch, first = beside[0](lambda: by_hand(tmp_path, 1))
    _, second = rows(tmp_path)

    assert watch.steps() == ["done"]
    assert second.supersedes == first
    assert "decided_before" not in second.reasons


def test_a_signed_decision_of_another_record_of_the_patient_stands_beside_and_nothing_is_sent(beside, tmp_path):
    watch, first = beside[0](lambda: by_hand(tmp_path, 1, "somebody-else", sign_it=True))
    old, second = rows(tmp_path)

    assert (watch.steps(), old.state, second.supersedes) == (["done"], State.SIGNED, None)
    assert "decided_before" in second.reasons
    assert f"decision {first} of this exam stands under another record" in told(tmp_path, second.decision_id)[1]
    assert "a signed decision of the exam stands" in " ".join(watch.said)
    assert beside[1].uids("SR") == []


# --- and in the last moment


@pytest.fixture
def first(tmp_path, last_moment):
    """A watch whose first decision of a study is about to be kept when ``meanwhile`` happens."""
    with lying_dicomweb_server.serving() as server:

        def look(meanwhile, before=lambda: None):
            server.put(*world.study(tmp_path, 1))
            before()
            server.put(*world.study(tmp_path, 1, first=4, slices=2))
            watch = world.World(tmp_path, {"dicomweb": {"url": server.url}})
            last_moment.append(meanwhile)
            watch.look()
            assert not last_moment
            return watch, server

        yield look


@pytest.mark.parametrize("sign_it", [True, False], ids=["signed", "unsigned"])
def test_a_first_decision_that_somebody_else_kept_in_the_last_moment_is_followed(first, tmp_path, sign_it):
    watch, server = first(lambda: by_hand(tmp_path, 1, sign_it=sign_it))
    theirs, mine = rows(tmp_path)
    notes, reasons = told(tmp_path, mine.decision_id)

    assert (watch.steps(), mine.supersedes) == (["done"], theirs.decision_id)
    assert theirs.decision_id in (reasons if sign_it else notes)
    assert (theirs.state, len(server.uids("SR"))) == ((State.SIGNED, 0) if sign_it else (State.SUPERSEDED, 1))


def test_the_same_decision_that_somebody_else_kept_in_the_last_moment_is_not_made_twice(first, tmp_path):
    watch, _ = first(lambda: by_hand(tmp_path, 1, all_of_it=True))
    (theirs,) = rows(tmp_path)

    assert (watch.steps(), theirs.state) == (["done"], State.WAITING)


def test_what_becomes_of_a_decision_under_another_record_in_the_last_moment_is_told(first, tmp_path):
    first(lambda: correct(tmp_path), before=lambda: by_hand(tmp_path, 1, "somebody-else"))
    theirs, corrected, mine = rows(tmp_path)

    assert (theirs.superseded_by, mine.supersedes) == (corrected.decision_id, None)
    assert f"decision {corrected.decision_id} of this exam stands" in told(tmp_path, mine.decision_id)[1]


def test_another_decision_that_was_signed_in_the_last_moment_is_not_passed_over(at_last, tmp_path):
    at_last(lambda: by_hand(tmp_path, 1, sign_it=True))
    _, theirs, third = rows(tmp_path)

    assert (theirs.state, third.supersedes) == (State.SIGNED, theirs.decision_id)
    assert f"decision {theirs.decision_id} of this exam is signed and stands" in told(tmp_path, third.decision_id)[1]


@pytest.fixture
def after_an_earlier_one(tmp_path, last_moment):
    """A watch that has told an earlier exam, and is about to keep its decision of the next when ``meanwhile`` happens.

    Gives the decisions of both, and who spoke for the earlier exam.
    """
    with lying_dicomweb_server.serving() as server:

        def look(meanwhile):
            seen = []

            def match(case, priors):
                seen[:] = [one.said_by for one in priors]
                return unmatched(case, priors)

            server.put(*world.study(tmp_path, 2, day="20230228"))
            watch = world.World(tmp_path, {"dicomweb": {"url": server.url}}, Seams(match=match), days=3650)
            watch.look()
            (earlier,) = rows(tmp_path)
            server.put(*world.study(tmp_path, 1))
            last_moment.append(meanwhile)
            watch.look()
            assert (watch.steps(), last_moment) == (["done", "done"], [])
            return earlier.decision_id, rows(tmp_path)[-1].decision_id, seen

        yield look


def test_the_signature_on_an_earlier_exam_in_the_last_moment_is_not_passed_over(after_an_earlier_one, tmp_path):
    earlier, last, seen = after_an_earlier_one(lambda: sign(tmp_path))

    assert seen == [f"decision {earlier}"]
    assert f"decision {earlier} is preliminary, nobody signed it" not in told(tmp_path, last)[0]


def test_an_earlier_exam_whose_patient_was_erased_in_the_last_moment_is_not_spoken_of(after_an_earlier_one, tmp_path):
    earlier, last, seen = after_an_earlier_one(lambda: erase(tmp_path))

    assert seen == [""]
    assert earlier not in " ".join(told(tmp_path, last))


def test_a_decision_that_somebody_else_kept_of_an_earlier_exam_speaks(beside, tmp_path):
    def earlier():
        beside[1].put(*world.study(tmp_path, 2, day="20230228"))
        return by_hand(tmp_path, 2)

    seen = []

    def match(case, priors):
        seen.extend(one.said_by for one in priors)
        return unmatched(case, priors)

    _, name = beside[0](earlier, seams=Seams(match=match, emit=world.text_report))

    assert f"decision {name}" in seen
