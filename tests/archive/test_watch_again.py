"""A study that is decided again: what takes the place of what, and what is never sent beside a signature."""

import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import lying_dicomweb_server
import pytest
import watch_world as world
from pydicom import dcmread
from pydicom.dataset import Dataset

from radlogic.adapters.archive.watch.journal import Journal
from radlogic.adapters.archive.watch.reports import speaking
from radlogic.adapters.archive.watch.seams import Assessed, Seams
from radlogic.adapters.archive.watch.succession import held_of
from radlogic.adapters.archive.watch.writing import report
from radlogic.adapters.dicom.series import read_series
from radlogic.adapters.earlier import of_archive
from radlogic.adapters.store.cases import Filter, Store
from radlogic.adapters.store.states import State
from radlogic.engine.errors import Contradiction

STUDY = world.STUDY.format(1)
READING = [{"name": "chest", "described": "chest", "least_instances": 2, "region": "chest", "findings": True}]


@pytest.fixture
def server():
    with lying_dicomweb_server.serving() as running:
        yield running


@pytest.fixture
def start(server, tmp_path):
    return lambda seams=None, **watch: world.World(tmp_path, {"dicomweb": {"url": server.url}}, seams, **watch)


@pytest.fixture(scope="module")
def first_look(tmp_path_factory):
    """A folder and an archive after a study was decided and told."""
    folder = tmp_path_factory.mktemp("first")
    with lying_dicomweb_server.serving() as server:
        server.put(*world.study(folder, 1))
        world.World(folder, {"dicomweb": {"url": server.url}}, rules=READING).look()
        return folder, dict(server.kept)


@pytest.fixture
def told(first_look, server, start, tmp_path):
    """A watch that goes on from there."""
    before, kept = first_look
    shutil.copytree(before, tmp_path, dirs_exist_ok=True)
    server.kept.update(kept)
    watch = start(rules=READING)
    watch.now += 100
    return watch


def now():
    return datetime.now(UTC)


def sign(folder: Path, decision: str, **override):
    with Store.open(folder / "store") as store:
        store.open_reasons(decision, now(), "dr-a")
        if override:
            store.override(decision, "clinical_context", "known since long", now(), "dr-a", override)
        return store.sign(decision, now(), "dr-a", seen=store.case(decision).judged)


def rows(folder: Path):
    """Every decision by the order in which it was made."""
    with Store.open(folder / "store") as store:
        return sorted(store.worklist(Filter(states=tuple(State)), limit=100), key=lambda row: row.sequence)


def case(folder: Path, decision: str):
    with Store.open(folder / "store") as store:
        return store.case(decision)


def text_of(folder: Path, manufacturer: str) -> Path:
    """A report of the study that states no findings, from elsewhere."""
    images, named = world.study(folder, 1)[0].parent, SimpleNamespace(record=SimpleNamespace(decision_id="another"))
    (made,) = world.text_report(SimpleNamespace(series=images, assessment=named))
    made.Manufacturer = manufacturer
    made.save_as(folder / "text.dcm", enforce_file_format=True)
    return folder / "text.dcm"


def late(server, folder, **tags):
    server.put(*world.study(folder, 1, first=4, slices=2, **tags))


def withheld(watch):
    return [line for line in watch.said if "withheld" in line]


# ---- our own reports -----------------------------------------------------------------------------


def test_a_signed_report_of_our_own_is_no_new_finding_whoever_sent_it(server, told, tmp_path):
    (row,) = rows(tmp_path)
    sign(tmp_path, row.decision_id)
    signed = text_of(tmp_path, "radlogic")
    server.put(signed)
    for _ in range(3):
        told.look()

    fetched = [path for _, path in server.asked if str(dcmread(signed).SOPInstanceUID) in path]
    assert (told.steps(), len(rows(tmp_path)), server.sent, len(fetched)) == (["done"], 1, [], 1)


@pytest.mark.slow
@pytest.mark.parametrize("answer", [{"status": 503}, {"body": b"<html>", "media": "text/html"}], ids=["away", "a page"])
def test_a_report_that_cannot_be_had_hides_no_study(server, start, tmp_path, answer):
    server.put(*world.study(tmp_path, 1), *world.study(tmp_path, 2))
    broken = world.structured_report(tmp_path, 1)
    server.put(broken)
    series = str(dcmread(broken).SeriesInstanceUID)
    server.behaviours[f"/series/{series}"] = lambda handler: (
        server.honest(handler) if "?" in handler.path else handler.reply(**answer)
    )
    watch = start(rules=READING, tries=1)
    watch.look()
    before = watch.steps()
    server.behaviours.clear()
    with Journal(tmp_path / "state") as journal:
        journal.again()
    watch.look()

    assert before in (["aside", "done"], ["seen", "done"])
    assert watch.steps() == ["done", "done"]
    assert [f.tracking_id for f in by_study(tmp_path)[STUDY].record.case.findings] == ["nodule 7"]


# ---- what comes late -----------------------------------------------------------------------------


def test_late_images_make_a_decision_that_takes_the_place_of_the_unsigned_one(server, told, tmp_path):
    late(server, tmp_path)
    for _ in range(2):
        told.look()
    first, second = rows(tmp_path)

    assert (first.state, first.superseded_by) == (State.SUPERSEDED, second.decision_id)
    assert (second.state, second.supersedes, second.outcome) == (State.WAITING, first.decision_id, None)
    notes = case(tmp_path, second.decision_id).assessment.decision.notes
    assert any(f"takes the place of decision {first.decision_id}, which nobody signed" in note for note in notes)
    with Store.open(tmp_path / "store") as store:
        assert [row.decision_id for row in store.worklist()] == [second.decision_id]
    assert (told.steps(), len(server.sent)) == (["done", "done"], 1)


@pytest.mark.slow
def test_its_report_names_the_one_in_the_archive_whose_place_it_takes(server, start, tmp_path):
    server.put(*world.study(tmp_path, 1))
    watch = start(Seams(emit=report))
    watch.look()
    late(server, tmp_path)
    for _ in range(2):
        watch.look()
    sent = {uid: head for uid, head in server.headers().items() if head.Modality == "SR"}
    (new,) = [head for head in sent.values() if "PredecessorDocumentsSequence" in head]
    before = new.PredecessorDocumentsSequence[0].ReferencedSeriesSequence[0].ReferencedSOPSequence[0]
    assert {before.ReferencedSOPInstanceUID, new.SOPInstanceUID} == set(sent) == set(server.sent)
    assert len(server.sent) == 2


def test_late_images_of_a_signed_exam_wait_as_its_possible_correction_and_nothing_is_sent(server, told, tmp_path):
    (first,) = rows(tmp_path)
    sign(tmp_path, first.decision_id)
    late(server, tmp_path)
    for _ in range(2):
        told.look()
    first, second = rows(tmp_path)

    assert (first.state, first.superseded_by) == (State.SIGNED, None)
    assert (second.state, second.supersedes, second.review_required) == (State.WAITING, first.decision_id, True)
    reasons = [reason.text for reason in case(tmp_path, second.decision_id).assessment.decision.review.reasons]
    assert any(f"decision {first.decision_id} of this exam is signed and stands" in reason for reason in reasons)
    assert (told.steps(), server.sent) == (["done", "done"], [])
    assert "a signed decision of the exam stands" in withheld(told)[0]

    sign(tmp_path, second.decision_id)
    assert [row.state for row in rows(tmp_path)] == [State.SUPERSEDED, State.SIGNED]


def test_a_watch_that_has_forgotten_all_leaves_a_correction_of_the_same_images_alone(told, tmp_path):
    """The pictures and reports are those on which somebody corrected the decision: nothing came that they had not."""
    (first,) = rows(tmp_path)
    with Store.open(tmp_path / "store") as store:
        made = store.case(first.decision_id).assessment
        exam = replace(made.record.case.exam, notes=("corrected",))
        named = replace(made.record, case=replace(made.record.case, exam=exam), decision_id="c" * 32)
        store.correct(first.decision_id, replace(made, record=named), now(), "dr-a")
    shutil.rmtree(tmp_path / "state")
    told.look()
    _, corrected = rows(tmp_path)

    assert (corrected.state, told.steps()) == (State.CORRECTED, ["done"])
    assert "another decision took its place" in withheld(told)[-1]


@pytest.mark.slow
def test_a_third_decision_takes_the_place_of_the_correction_that_waits_and_not_of_the_signed_one(
    server, start, tmp_path
):
    server.put(*world.study(tmp_path, 1))
    watch = start()
    watch.look()
    sign(tmp_path, rows(tmp_path)[0].decision_id)
    late(server, tmp_path)
    watch.look()
    server.put(*world.study(tmp_path, 1, first=6, slices=1))
    watch.look()
    first, second, third = rows(tmp_path)

    assert [row.state for row in (first, second, third)] == [State.SIGNED, State.SUPERSEDED, State.WAITING]
    assert (third.supersedes, third.review_required, len(server.sent)) == (second.decision_id, True, 1)


@pytest.mark.slow
def test_where_somebody_had_worked_on_the_unsigned_one_a_human_must_look(server, start, tmp_path):
    server.put(*world.study(tmp_path, 1))
    watch = start()
    watch.look()
    (first,) = rows(tmp_path)
    with Store.open(tmp_path / "store") as store:
        store.commit_reading(first.decision_id, {"fields": {}}, now(), "dr-a")
    late(server, tmp_path)
    watch.look()
    second = rows(tmp_path)[-1]
    reasons = [reason.text for reason in case(tmp_path, second.decision_id).assessment.decision.review.reasons]

    assert any(f"decision {first.decision_id}, on which somebody had worked" in reason for reason in reasons)


@pytest.mark.slow
def test_what_says_nothing_of_the_exam_makes_no_new_decision_and_no_second_report(server, start, tmp_path):
    server.put(*world.study(tmp_path, 1))
    watch = start(rules=READING)
    watch.look()
    server.put(text_of(tmp_path, "a scanner"))
    watch.look()

    assert (watch.steps(), len(rows(tmp_path)), len(server.sent)) == (["done", "done"], 1, 1)
    assert "it was told before" in withheld(watch)[0]


@pytest.mark.slow
def test_a_report_is_not_sent_any_more_once_its_decision_is_signed(server, start, tmp_path):
    server.put(*world.study(tmp_path, 1))
    server.behaviours["POST"] = lambda handler: handler.reply(b"", 503)
    watch = start()
    watch.look()
    waiting = watch.steps()
    sign(tmp_path, rows(tmp_path)[0].decision_id)
    del server.behaviours["POST"]
    watch.look()

    assert (waiting, watch.steps(), server.sent) == (["written"], ["done"], [])
    assert "it is signed" in withheld(watch)[0]


@pytest.mark.slow
def test_the_report_of_a_decision_that_was_superseded_while_the_archive_was_away_is_not_sent(server, start, tmp_path):
    server.put(*world.study(tmp_path, 1))
    server.behaviours["POST"] = lambda handler: handler.reply(b"", 503)
    watch = start(Seams(emit=report), longest_wait_s=50)
    watch.look()
    late(server, tmp_path)
    watch.look()
    waiting = watch.steps()
    del server.behaviours["POST"]
    for _ in range(3):
        watch.now += 60
        watch.look()

    assert (waiting, watch.steps()) == (["written", "written"], ["done", "done"])
    (sent,) = [server.headers()[uid] for uid in server.sent]
    assert "another decision took its place" in withheld(watch)[0]
    assert "PredecessorDocumentsSequence" not in sent


@pytest.mark.slow
def test_an_older_set_that_was_put_aside_is_not_decided_after_the_newer_one(server, start, tmp_path):
    files = world.study(tmp_path, 1, slices=6)
    server.put(*files[:2], *files[3:])
    watch = start()
    watch.look()
    server.put(files[2])
    watch.look()
    with Journal(tmp_path / "state") as journal:
        again = journal.again()
    watch.look()

    assert (again, watch.steps(), len(rows(tmp_path))) == (0, ["overtaken", "done"], 1)


# ---- earlier exams -------------------------------------------------------------------------------


class Given:
    """A matching that keeps what it was given."""

    def __call__(self, case, priors):
        self.priors = tuple(priors)
        return case


def of_the_prior(server, start, tmp_path, change):
    """The earlier exam, decided by the watch and then changed by ``change(decision id)``, as matching gets it."""
    given = Given()
    server.put(*world.study(tmp_path, 2, day="20240227"), world.structured_report(tmp_path, 2, day="20240227"))
    watch = start(Seams(match=given, emit=world.text_report), rules=[READING[0] | {"indication": "screening"}])
    watch.look()
    change(rows(tmp_path)[0].decision_id)
    server.put(*world.study(tmp_path, 1))
    watch.look()
    return given.priors[0], by_study(tmp_path)[STUDY]


def by_study(folder):
    kept = [case(folder, row.decision_id).assessment for row in rows(folder)]
    return {one.record.case.exam.study_uid: one for one in kept}


@pytest.mark.slow
def test_what_the_signer_said_of_an_earlier_exam_goes_before_the_engine(server, start, tmp_path):
    answer = {"guideline": "lung-rads@2022", "category": "2", "management": "LDCT_in_12_months"}
    prior, made = of_the_prior(server, start, tmp_path, lambda name: sign(tmp_path, name, **answer))

    assert prior.said_by.startswith("decision ")
    assert dict(prior.categories) == {}  # not the engine's; nor the signer's: whether the guideline applied is open
    assert "its signer overrode the category of the exam" in prior.unsure[0]
    assert not [note for note in made.decision.notes if "preliminary" in note]


@pytest.mark.slow
def test_an_earlier_exams_decision_that_nobody_signed_is_said_to_be_preliminary(server, start, tmp_path):
    prior, made = of_the_prior(server, start, tmp_path, lambda _: None)

    assert prior.said_by.startswith("decision ")
    assert [note for note in made.decision.notes if f"{prior.said_by} is preliminary" in note]


@pytest.mark.slow
def test_an_earlier_exam_whose_correction_waits_is_taken_as_it_was_signed(server, start, tmp_path):
    def corrected(name):
        sign(tmp_path, name)
        server.put(*world.study(tmp_path, 2, day="20240227", first=4, slices=1))
        world.World(tmp_path, {"dicomweb": {"url": server.url}}, rules=READING).look()

    prior, _ = of_the_prior(server, start, tmp_path, corrected)
    signed, waiting, _ = rows(tmp_path)

    assert (signed.state, waiting.supersedes) == (State.SIGNED, signed.decision_id)
    assert prior.said_by == f"decision {signed.decision_id}"


@pytest.mark.slow
def test_an_earlier_exam_that_cannot_be_compared_leads_to_review(server, start, tmp_path):
    gone = world.study(tmp_path, 2, day="20230101")
    server.put(*world.study(tmp_path, 1), *gone)
    server.behaviours[f"/series/{world.SERIES.format(2)}"] = lambda handler: (
        server.honest(handler) if "?" in handler.path else handler.reply(b"<html>", media="text/html")
    )
    watch = start(Seams(match=of_archive))
    watch.look()
    reasons = [reason.text for reason in watch.assessments()[0].decision.review.reasons]

    assert any("an earlier exam of 2023-01-01 could not be used" in reason for reason in reasons)


@pytest.mark.slow
def test_a_lesion_of_an_earlier_exam_that_is_not_found_again_leads_to_review(server, start, tmp_path):
    server.put(*world.study(tmp_path, 2, day="20230101"), world.structured_report(tmp_path, 2, day="20230101"))
    server.put(*world.study(tmp_path, 1))
    watch = start(Seams(match=of_archive), rules=READING)
    watch.look()
    reasons = [reason.text for reason in watch.assessments()[0].decision.review.reasons]

    assert any("the comparison with an earlier exam is open: nodule 7" in reason for reason in reasons)


def naming(folder: Path, name: str, before: Path, **tags) -> Path:
    """A report that says that it takes the place of another."""
    old, made = dcmread(before), world.structured_report(folder, 1, name=name, **tags)
    one, series, study = Dataset(), Dataset(), Dataset()
    one.ReferencedSOPClassUID, one.ReferencedSOPInstanceUID = old.SOPClassUID, old.SOPInstanceUID
    series.SeriesInstanceUID, series.ReferencedSOPSequence = old.SeriesInstanceUID, [one]
    study.StudyInstanceUID, study.ReferencedSeriesSequence = old.StudyInstanceUID, [series]
    new = dcmread(made)
    new.PredecessorDocumentsSequence = [study]
    new.save_as(made, enforce_file_format=True)
    return made


@pytest.mark.slow
def test_a_report_whose_place_another_took_does_not_speak_unless_it_alone_is_verified(tmp_path):
    first = world.structured_report(tmp_path, 1, name="a")
    second = naming(tmp_path, "b", first)
    signed = world.structured_report(tmp_path, 1, name="c", VerificationFlag="VERIFIED")
    addendum = naming(tmp_path, "d", signed)
    corrected = naming(tmp_path, "e", signed, VerificationFlag="VERIFIED")

    assert speaking([first, second], own=False)[0] == second
    assert speaking([signed, addendum], own=False)[0] == signed
    assert speaking([signed, corrected], own=False)[0] == corrected


# ---- writing -------------------------------------------------------------------------------------


@pytest.mark.slow
def test_no_report_is_written_on_images_other_than_those_that_were_assessed(server, start, tmp_path):
    server.put(*world.study(tmp_path, 1))
    watch = start()
    watch.look()
    (made,) = watch.assessments()
    others = world.study(tmp_path / "others", 1, first=1, slices=4)[0].parent

    with pytest.raises(Contradiction):
        report(Assessed(made, read_series(others), others, ()))


# ---- the journal ---------------------------------------------------------------------------------


def test_a_journal_of_the_first_version_goes_on(tmp_path):
    import sqlite3

    from radlogic.adapters.archive.watch import journal as module

    (tmp_path / "state").mkdir()
    with sqlite3.connect(tmp_path / "state" / "journal.sqlite") as db:
        db.executescript(module._FIRST)
        db.execute("PRAGMA user_version = 1")
        names = "key, study, rule, listing, as_of, step, decision, number"
        job = f"INSERT INTO job ({names}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
        db.execute(job, ("a", "1.2", "r", "[]", "2024-03-01", "aside", "", 1))
        db.execute(job, ("b", "1.2", "r", "[]", "2024-03-01", "done", "older", 2))
        db.execute(job, ("c", "1.2", "r", "[]", "2024-03-01", "done", "newer", 3))
    db.close()
    with Journal(tmp_path / "state") as opened:
        assert opened.decisions_of("1.2") == ("newer", "older")
        assert opened.aside() == []
        assert opened.own_report("1.2.3") is None


def test_of_a_store_that_was_exchanged_nothing_is_held(tmp_path):
    with Store.open(tmp_path / "store") as store:
        assert held_of(store, "1.2", ("a", "b")) is None
