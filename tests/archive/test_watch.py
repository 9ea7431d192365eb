"""The watch against a DICOMweb server in this process: every study once, and one that fails stops no other."""

import json
from dataclasses import replace

import lying_dicomweb_server
import pytest
import watch_world as world

from radlogic.adapters.archive.errors import WatchRunning
from radlogic.adapters.archive.watch.journal import Journal
from radlogic.adapters.archive.watch.seams import Seams
from radlogic.engine.types import Known, Source, SourceKind

NO_MATCH = 0xA900
SECRET = ("1.2.826", "Zoo", world.PATIENT, "20240229", "Chest")  # what nothing that is said may hold


@pytest.fixture
def server():
    with lying_dicomweb_server.serving() as running:
        yield running


@pytest.fixture
def start(server, tmp_path):
    """A world on the server; settings of the watch by name."""
    return lambda seams=None, **watch: world.World(tmp_path, {"dicomweb": {"url": server.url}}, seams, **watch)


def reading_reports(**more):
    rule = {"name": "chest", "described": "chest", "least_instances": 2, "region": "chest", "findings": True}
    return {"rules": [rule | more]}


def test_a_new_study_is_assessed_once_and_its_report_stored_once(server, start, tmp_path):
    server.put(*world.study(tmp_path, 1))
    watch = start()
    for _ in range(4):
        assert watch.look()

    assert (watch.steps(), len(watch.decisions()), len(server.sent)) == (["done"], 1, 1)
    assert server.uids("SR") == server.sent
    assert not list((tmp_path / "state" / "work").iterdir())
    assert [json.loads(line)["event"] for line in watch.said] == ["study taken", *["step done"] * 4]
    (made,) = watch.assessments()
    assert (made.record.case.exam.study_uid, made.record.as_of) == (world.STUDY.format(1), world.TODAY)
    assert made.record.image_sha256 is not None


def test_a_study_is_left_until_nothing_has_come_for_a_while(server, start, tmp_path):
    server.put(*world.study(tmp_path, 1, slices=3))
    watch = start(stable_s=10)
    watch.look()
    watch.now += 8
    server.put(*world.study(tmp_path, 1, first=3, slices=2))
    watch.look()
    watch.now += 8
    watch.look()
    early = watch.steps()
    watch.now += 3
    watch.look()

    assert (early, watch.steps()) == ([], ["done"])
    assert "5 slices" in " ".join(watch.assessments()[0].decision.notes)


@pytest.mark.slow
@pytest.mark.parametrize("counts", [True, False])
def test_images_that_come_late_make_one_new_assessment(server, start, tmp_path, counts):
    server.counts = counts
    server.put(*world.study(tmp_path, 1, slices=3))
    watch = start()
    watch.look()
    server.put(*world.study(tmp_path, 1, first=3, slices=2))
    for _ in range(3):
        watch.look()

    assert (watch.steps(), len(watch.decisions()), len(server.sent)) == (["done", "done"], 2, 2)


@pytest.mark.slow
def test_images_that_are_exchanged_are_found_by_the_next_full_look(server, start, tmp_path):
    server.put(*world.study(tmp_path, 1, slices=4))
    watch = start(relist_s=100)
    for _ in range(2):  # the second sees the report that the first one stored
        watch.look()
    del server.kept[min(server.uids("CT"))]
    server.put(world.study(tmp_path, 1, first=4, slices=1)[0])
    watch.look()
    before = watch.steps()
    watch.now += 100
    watch.look()

    assert (before, watch.steps()) == (["done"], ["done", "done"])


def test_what_is_not_wanted_is_not_fetched(server, start, tmp_path):
    server.put(*world.study(tmp_path, 1, StudyDescription="CT Abdomen"), *world.study(tmp_path, 2, Modality="MR"))
    server.put(*world.study(tmp_path, 3, slices=1), *world.study(tmp_path, 4, day="20240201"))
    watch = start()
    for _ in range(2):
        watch.look()

    assert watch.steps() == []
    assert not [path for _, path in server.asked if "?" not in path]


def test_a_study_that_fails_is_put_aside_with_its_reason_the_others_go_on_and_nobody_is_named(server, start, tmp_path):
    gap = world.study(tmp_path, 1, slices=6)
    del gap[2]
    server.put(*gap, *world.study(tmp_path, 2))
    watch = start()
    for _ in range(3):
        watch.look()
    said = "\n".join((*watch.said, *(why for _, why in watch.jobs())))

    assert watch.steps() == ["aside", "done"]
    assert "MissingSlices" in watch.jobs()[0][1]
    assert len(watch.decisions()) == 1
    assert said.count("\n") > 5
    assert not [word for word in SECRET if word in said]


@pytest.mark.slow
def test_a_study_put_aside_is_taken_again_when_its_missing_images_come(server, start, tmp_path):
    files = world.study(tmp_path, 1, slices=6)
    server.put(*files[:2], *files[3:])
    watch = start()
    watch.look()
    server.put(files[2])
    watch.look()

    assert watch.steps() == ["overtaken", "done"]


def test_a_fault_of_the_program_is_put_aside_without_its_words(server, start, tmp_path):
    def broken(_case, _priors):
        raise ValueError(world.PATIENT)

    server.put(*world.study(tmp_path, 1))
    watch = start(Seams(match=broken))
    watch.look()

    ((step, why),) = watch.jobs()
    assert step == "aside"
    assert "ValueError" in why
    assert world.PATIENT not in why


def test_an_archive_that_mixes_studies_up_has_the_study_put_aside(server, start, tmp_path):
    server.put(*world.study(tmp_path, 1))
    others = [path.read_bytes() for path in world.study(tmp_path, 2)]
    server.behaviours[f"/series/{world.SERIES.format(1)}"] = lambda handler: (
        server.honest(handler) if "?" in handler.path else handler.objects(others)
    )
    watch = start()
    watch.look()

    ((step, why),) = watch.jobs()
    assert (step, why.split(":")[0]) == ("aside", "WrongInstance")


@pytest.mark.slow
def test_what_may_be_the_studys_fault_is_tried_a_bounded_number_of_times(server, start, tmp_path):
    server.put(*world.study(tmp_path, 1))
    server.behaviours[f"/series/{world.SERIES.format(1)}"] = lambda handler: (
        server.honest(handler) if "?" in handler.path else handler.reply(b"<html>", media="text/html")
    )
    watch = start(tries=3)
    for _ in range(5):
        watch.look()

    ((step, why),) = watch.jobs()
    assert (step, why.split(",")[0]) == ("aside", "3 tries")


@pytest.mark.slow
def test_an_archive_that_is_away_is_waited_for_without_end(server, start, tmp_path):
    server.put(*world.study(tmp_path, 1))
    server.behaviours["POST"] = lambda handler: handler.reply(b"", 503)
    watch = start(tries=2)
    for _ in range(10):
        watch.look()
    waiting = watch.steps()
    del server.behaviours["POST"]
    watch.look()

    assert (waiting, watch.steps(), len(server.uids("SR"))) == (["written"], ["done"], 1)


@pytest.mark.slow
def test_waiting_for_the_archive_does_not_count_against_the_study(server, start, tmp_path):
    server.put(*world.study(tmp_path, 1))
    answers = [503] * 6 + ["cut"]

    def behave(handler):
        how = answers.pop(0) if answers else None
        if how is None:
            server.honest(handler)
        elif how == "cut":
            handler.objects([], end=False)
        else:
            handler.reply(b"", how)

    server.behaviours[f"/series/{world.SERIES.format(1)}"] = lambda handler: (
        server.honest(handler) if "?" in handler.path else behave(handler)
    )
    watch = start(tries=2)
    for _ in range(8):
        watch.look()

    assert (answers, watch.steps()) == ([], ["done"])


def test_a_full_disk_is_not_the_studys_fault(server, start, tmp_path):
    def full(_case, _priors):
        raise OSError(28, "No space left on device")

    server.put(*world.study(tmp_path, 1))
    watch = start(Seams(match=full))
    watch.look()

    assert watch.jobs() == [("fetched", "No space left on device")]


@pytest.mark.slow
def test_the_folder_of_an_overtaken_job_is_taken_away(server, start, tmp_path):
    server.put(*world.study(tmp_path, 1, slices=3))

    def away(_case, _priors):
        raise WatchRunning("a test", "", "not now", "later", "")

    watch = start(Seams(match=away))
    watch.look()
    server.put(*world.study(tmp_path, 1, first=3, slices=1))
    watch.look()

    assert watch.steps() == ["overtaken", "fetched"]
    assert len(list((tmp_path / "state" / "work").iterdir())) == 1


def test_a_look_at_an_archive_that_is_away_says_so(server, start):
    server.behaviours["/studies?"] = lambda handler: handler.reply(b"", 503)

    assert not start().look()


@pytest.mark.slow
def test_a_report_that_the_archive_refuses_is_put_aside_and_can_be_tried_again(server, start, tmp_path):
    server.put(*world.study(tmp_path, 1))
    server.behaviours["POST"] = server.refuses(NO_MATCH)
    watch = start()
    watch.look()
    refused = watch.jobs()
    del server.behaviours["POST"]
    with Journal(tmp_path / "state") as journal:
        assert journal.again() == 1
    watch.look()

    assert (refused[0][0], "A900" in refused[0][1]) == ("aside", True)
    assert not [word for word in SECRET if word in refused[0][1]]
    assert (watch.steps(), len(watch.decisions()), len(server.uids("SR"))) == (["done"], 1, 1)


def test_two_watches_do_not_work_on_one_folder(server, start, tmp_path):
    watch = start()
    with Journal(tmp_path / "state"), pytest.raises(WatchRunning):
        watch.look()


# ---- reports of others, and our own --------------------------------------------------------------


@pytest.mark.slow
def test_the_studys_structured_report_is_read_as_its_findings(server, start, tmp_path):
    server.put(*world.study(tmp_path, 1), world.structured_report(tmp_path, 1))
    watch = start(**reading_reports())
    watch.look()

    assert [f.tracking_id for f in watch.assessments()[0].record.case.findings] == ["nodule 7"]


@pytest.mark.slow
def test_an_archive_that_names_no_sop_classes_has_its_reports_read_as_reports_and_ours_left_out(
    server, start, tmp_path
):
    server.names_kinds = False
    seen = Seen()
    server.put(*world.study(tmp_path, 2, day="20230101"), world.structured_report(tmp_path, 2, day="20230101"))
    server.put(*world.study(tmp_path, 1), world.structured_report(tmp_path, 1))
    watch = start(Seams(match=seen, emit=world.text_report), **reading_reports())
    for _ in range(3):
        watch.look()

    assert (watch.steps(), watch.decisions()) == (["done"], watch.decisions()[:1])
    assert [f.tracking_id for f in watch.assessments()[0].record.case.findings] == ["nodule 7"]
    assert [(p.said_by, len(p.findings)) for p in seen.priors] == [("structured report", 1)]


@pytest.mark.slow
def test_a_report_that_comes_late_makes_a_new_assessment_and_our_own_does_not(server, start, tmp_path):
    server.put(*world.study(tmp_path, 1))
    watch = start(**reading_reports())
    for _ in range(3):
        watch.look()
    alone = watch.steps()
    server.put(world.structured_report(tmp_path, 1))
    for _ in range(3):
        watch.look()

    assert (alone, watch.steps()) == (["done"], ["done", "done"])


@pytest.mark.slow
def test_of_two_reports_none_speaks_unless_one_is_verified(server, start, tmp_path):
    first = world.structured_report(tmp_path, 1, name="a")
    server.put(*world.study(tmp_path, 1), first, world.structured_report(tmp_path, 1, name="b"))
    server.put(*world.study(tmp_path, 2), world.structured_report(tmp_path, 2, name="a"))
    server.put(world.structured_report(tmp_path, 2, name="b", VerificationFlag="VERIFIED"))
    watch = start(**reading_reports())
    watch.look()
    found = {a.record.case.exam.study_uid: a for a in watch.assessments()}
    one, two = (found[world.STUDY.format(number)] for number in (1, 2))

    assert (one.record.case.findings, len(two.record.case.findings)) == ((), 1)
    assert "2 structured reports, of which none speaks for the exam: none is read" in one.decision.notes


# ---- earlier exams -------------------------------------------------------------------------------


class Seen:
    """A matching that says what it was given, and gives the first finding a prior size."""

    def __init__(self):
        self.priors, self.slices = (), ()

    def __call__(self, case, priors):
        self.priors, self.slices = tuple(priors), tuple(len(p.volume().hu) for p in priors)
        source = Source(SourceKind.IMAGE, "a test")
        told = (replace(f, facts={**f.facts, "status": Known("stable", source)}) for f in case.findings)
        exam = replace(case.exam, notes=(*case.exam.notes, "matched by a test"))
        return replace(case, exam=exam, findings=tuple(told))


@pytest.mark.slow
def test_earlier_exams_of_the_same_patient_are_fetched_newest_first(server, start, tmp_path):
    seen = Seen()
    server.put(*world.study(tmp_path, 1), *world.study(tmp_path, 2, day="20230101", slices=3))
    server.put(*world.study(tmp_path, 3, day="20220101", slices=5), *world.study(tmp_path, 4, day="20210101"))
    server.put(*world.study(tmp_path, 5, day="20230201", PatientID="another"))
    server.put(*world.study(tmp_path, 6, day="20230301", StudyDescription="CT Abdomen"))
    watch = start(Seams(match=seen))
    watch.look()
    (made,) = watch.assessments()

    assert [p.study_uid for p in seen.priors] == [world.STUDY.format(2), world.STUDY.format(3)]
    assert seen.slices == (3, 5)
    assert "matched by a test" in made.decision.notes
    assert [(p.date.year, p.region) for p in made.record.case.patient.prior_exams] == [(2022, "chest"), (2023, "chest")]


@pytest.mark.slow
def test_without_a_matching_the_reader_is_told_what_was_not_compared(server, start, tmp_path):
    server.put(*world.study(tmp_path, 1), *world.study(tmp_path, 2, day="20230101"))
    watch = start()
    watch.look()
    told = " ".join(watch.assessments()[0].decision.notes)

    assert "were not compared, for no matching is set up: 2023-01-01" in told


@pytest.mark.slow
def test_what_the_matching_says_of_a_finding_is_decided_on(server, start, tmp_path):
    server.put(*world.study(tmp_path, 1), world.structured_report(tmp_path, 1))
    watch = start(Seams(match=Seen()), **reading_reports())
    watch.look()
    (finding,) = watch.assessments()[0].record.case.findings

    assert finding.facts["status"].value == "stable"


@pytest.mark.slow
@pytest.mark.parametrize(
    "tags", [{"IssuerOfPatientID": "another"}, {"PatientBirthDate": "19500101"}], ids=["issuer", "birth date"]
)
def test_an_earlier_exam_of_a_namesake_is_not_used_and_said(server, start, tmp_path, tags):
    seen = Seen()
    server.put(*world.study(tmp_path, 1, PatientBirthDate="19600101", IssuerOfPatientID="one"))
    told = {"PatientBirthDate": "19600101", "IssuerOfPatientID": "one"} | tags
    server.put(*world.study(tmp_path, 2, day="20230101", **told))
    watch = start(Seams(match=seen))
    watch.look()

    assert (watch.steps(), seen.priors) == (["done"], ())
    assert "an earlier exam of 2023-01-01 could not be used" in " ".join(watch.assessments()[0].decision.notes)


@pytest.mark.slow
@pytest.mark.parametrize("patient", ["", "*"])
def test_a_study_without_a_usable_patient_id_has_no_earlier_exams_and_says_so(server, start, tmp_path, patient):
    server.put(*world.study(tmp_path, 1, PatientID=patient), *world.study(tmp_path, 2, day="20230101"))
    seen = Seen()
    watch = start(Seams(match=seen))
    watch.look()

    assert seen.priors == ()
    assert "earlier exams were not looked for" in " ".join(watch.assessments()[0].decision.notes)


@pytest.mark.slow
def test_an_earlier_exam_that_cannot_be_fetched_is_left_out_and_said(server, start, tmp_path):
    seen = Seen()
    server.put(*world.study(tmp_path, 1), *world.study(tmp_path, 2, day="20230101"))
    server.behaviours[f"/series/{world.SERIES.format(2)}"] = lambda handler: (
        server.honest(handler) if "?" in handler.path else handler.reply(b"<html>", media="text/html")
    )
    watch = start(Seams(match=seen))
    watch.look()

    assert (watch.steps(), seen.priors) == (["done"], ())
    assert "could not be used (BadAnswer)" in " ".join(watch.assessments()[0].decision.notes)


@pytest.mark.slow
def test_what_was_decided_of_an_earlier_exam_comes_with_it(server, start, tmp_path):
    seen = Seen()
    server.put(*world.study(tmp_path, 2, day="20240227"), world.structured_report(tmp_path, 2, day="20240227"))
    watch = start(Seams(match=seen), **reading_reports())
    watch.look()
    (first,) = watch.decisions()
    server.put(*world.study(tmp_path, 1))
    watch.look()

    assert [(p.said_by, len(p.findings)) for p in seen.priors] == [(f"decision {first}", 1)]


@pytest.mark.slow
def test_an_earlier_exams_report_speaks_where_no_decision_does(server, start, tmp_path):
    seen = Seen()
    server.put(*world.study(tmp_path, 2, day="20230101"), world.structured_report(tmp_path, 2, day="20230101"))
    server.put(*world.study(tmp_path, 1))
    watch = start(Seams(match=seen))
    watch.look()

    assert [(p.said_by, [f.tracking_id for f in p.findings]) for p in seen.priors] == [
        ("structured report", ["nodule 7"])
    ]
