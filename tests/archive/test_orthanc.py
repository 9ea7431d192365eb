"""The archive as it is met in hospitals: Orthanc with its DICOMweb plugin, killed in the middle, started again."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from io import BytesIO
from pathlib import Path

import httpx
import orthanc_server
import pytest
import watch_world as world
from fated import Fate
from pydicom import dcmread

from radlogic.adapters.archive.connect import archive_of
from radlogic.adapters.archive.errors import ArchiveUnavailable, NotKept
from radlogic.adapters.archive.fetching import fetch_instances, fetch_series
from radlogic.adapters.archive.objects import identity_of
from radlogic.adapters.archive.receive import Reception
from radlogic.adapters.archive.retry import Retrying
from radlogic.adapters.archive.same import same_content
from radlogic.adapters.archive.seam import Query, Subject
from radlogic.adapters.archive.settings import ArchiveSettings, Receiver
from radlogic.adapters.archive.spool import SpoolArchive
from radlogic.adapters.archive.storing import Stored, store_file
from radlogic.adapters.archive.uids import file_name
from radlogic.adapters.archive.watch.seams import Seams
from radlogic.adapters.archive.watch.writing import report

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(orthanc_server.lacking()), reason=orthanc_server.lacking() or "there"),
]
NOW = Retrying(attempts=3, first_s=0.05, most_s=0.2)
STUDY, SERIES = world.STUDY.format(1), world.SERIES.format(1)
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def port():
    return orthanc_server.free_port()


@pytest.fixture
def orthanc(tmp_path, port):
    known = {"radlogic": ["RADLOGIC", "127.0.0.1", port]}
    with orthanc_server.running(tmp_path / "orthanc", DicomModalities=known) as server:
        yield server


def way(server, kind, port=None):
    dimse = {"host": "127.0.0.1", "port": server.dicom, "called": "ORTHANC"}
    return {
        "dicomweb": {"dicomweb": {"url": server.url}},
        "c-get": {"dimse": dimse},
        "c-move": {"dimse": {**dimse, "retrieve": "c-move", "own_port": port}},
    }[kind]


def opened(server, kind, port=None):
    return archive_of(ArchiveSettings.model_validate({**way(server, kind, port), "connect_s": 3, "silence_s": 10}))


# pynetdicom 3.0.4 leaves the socket of a refused connection to the garbage collector
DIES = pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning")
WAYS = pytest.mark.parametrize("kind", ["dicomweb", "c-get", "c-move"])


@WAYS
def test_objects_are_stored_found_and_fetched_as_they_were(orthanc, port, tmp_path, kind):
    files = world.study(tmp_path, 1)
    with opened(orthanc, kind, port) as archive:
        said = [store_file(archive, file, NOW) for file in (*files, *files)]
        (study,) = archive.studies(Query(first=world.TODAY.replace(month=2), modality="CT", subject=Subject(world.PATIENT)))  # fmt: skip  # noqa: E501
        (series,) = archive.series(study.uid)
        fetch_series(archive, study.uid, series.uid, tmp_path / "out", NOW)

    assert said == [Stored.SENT] * 4 + [Stored.ALREADY] * 4
    assert (study.uid, study.instances, series.uid, series.modality) == (STUDY, 4, SERIES, "CT")
    assert len(orthanc.stored()) == 4
    for uid in orthanc.uids():
        assert (tmp_path / "out" / file_name(uid)).stat().st_size > 0
    assert len(list((tmp_path / "out").iterdir())) == 4


@WAYS
def test_another_object_under_the_same_uid_is_never_taken_for_stored(orthanc, port, tmp_path, kind):
    orthanc.put(world.study(tmp_path / "held", 1, slices=1, PatientID="another")[0])
    with opened(orthanc, kind, port) as archive, pytest.raises(NotKept):
        store_file(archive, world.study(tmp_path, 1, slices=1)[0], NOW)


def test_orthanc_sends_to_our_receiver_and_the_spool_is_an_archive(orthanc, port, tmp_path):
    files = world.study(tmp_path, 1)
    orthanc.put(*files)
    settings = Receiver(spool=tmp_path / "spool", port=port, callers=("ORTHANC",), free_bytes=0)
    with Reception(settings) as reception:
        for _ in range(2):  # sent twice, kept once
            found = httpx.post(
                f"{orthanc.rest}/modalities/radlogic/store", content=orthanc.get("studies")[0], timeout=60
            )
            assert found.json()["FailedInstancesCount"] == 0
    spool = SpoolArchive(tmp_path / "spool")
    fetch_series(spool, STUDY, SERIES, tmp_path / "out", NOW)

    assert (reception.taken, reception.refused) == (8, 0)
    assert len(list((tmp_path / "spool").rglob("*.dcm"))) == 4
    assert len(list((tmp_path / "out").iterdir())) == 4


@DIES
@pytest.mark.parametrize("kind", ["dicomweb", "c-get"])
def test_orthanc_killed_while_objects_are_stored_loses_none_and_has_none_twice(orthanc, tmp_path, kind):
    files = world.study(tmp_path, 1, slices=40)
    patient = Retrying(attempts=60, first_s=0.2, most_s=0.5, draw=lambda: 1.0)

    def kill():
        while len(orthanc.instances()) < 12:
            time.sleep(0.01)
        orthanc.kill()
        time.sleep(0.5)
        orthanc.start()

    killer = threading.Thread(target=kill)
    killer.start()
    with opened(orthanc, kind) as archive:
        for file in files:
            store_file(archive, file, patient)
    killer.join()

    assert len(orthanc.uids()) == 40
    with opened(orthanc, kind) as archive:
        fetch_series(archive, STUDY, SERIES, tmp_path / "out", NOW)
    assert all(same_content(file, tmp_path / "out" / file_name(identity_of(file).instance)) for file in files)


@DIES
@WAYS
def test_an_object_that_orthanc_died_with_before_it_was_read_back_does_not_count_and_is_there_once_in_the_end(
    orthanc, port, tmp_path, kind
):
    (file,) = world.study(tmp_path, 1, slices=1)
    with opened(orthanc, kind, port) as archive:
        send, sent = archive.send, []

        def sent_and_gone(path):
            send(path)
            sent.append(path)
            orthanc.kill()

        archive.send = sent_and_gone
        with pytest.raises(ArchiveUnavailable):  # it was taken, and nobody has seen it there
            store_file(archive, file, NOW)
        archive.send = send
        orthanc.start()
        store_file(archive, file, NOW)  # sends again what was lost with it, and nothing else

    assert len(sent) == 1
    assert (len(orthanc.stored()), orthanc.uids()) == (1, [identity_of(file).instance])
    with opened(orthanc, kind, port) as archive:
        fetch_series(archive, STUDY, SERIES, tmp_path / "out", NOW)
    assert same_content(file, tmp_path / "out" / file_name(identity_of(file).instance))


@DIES
@WAYS
def test_a_fetch_that_orthanc_died_in_goes_on_where_it_was(orthanc, port, tmp_path, kind):
    orthanc.put(*world.study(tmp_path, 1, slices=6))
    with opened(orthanc, kind, port) as archive:
        entries = archive.instances(STUDY, SERIES)
        fetch_instances(archive, entries[:3], tmp_path / "out", NOW, all_of_it=False)
        orthanc.kill()
        with pytest.raises(ArchiveUnavailable):
            fetch_series(archive, STUDY, SERIES, tmp_path / "out", NOW)
        kept = sorted(tmp_path.joinpath("out").iterdir())
        orthanc.start()
        fetch_series(archive, STUDY, SERIES, tmp_path / "out", NOW)

    assert (len(kept), len(list((tmp_path / "out").iterdir()))) == (3, 6)


# ---- the watch -----------------------------------------------------------------------------------


@DIES
@pytest.mark.parametrize("kind", ["dicomweb", "c-get"])
def test_studies_are_watched_and_reports_stored_while_orthanc_dies_twice(orthanc, tmp_path, kind):
    for number in range(1, 4):
        orthanc.put(*world.study(tmp_path, number))
    watch = world.World(tmp_path, way(orthanc, kind))

    def dies_after(steps):
        def change(watching):
            left = [steps]
            say = watching.say

            def said(event, **facts):
                say(event, **facts)
                left[0] -= event == "step done"
                if left[0] == 0:
                    left[0] = -1
                    orthanc.kill()

            watching.say = said

        return change

    watch.look(dies_after(2))  # the first study is assessed and nothing written
    assert not watch.look()
    orthanc.start()
    watch.look(dies_after(3))  # the archive is gone before the last report is stored
    orthanc.start()
    for _ in range(3):
        watch.now += 60
        watch.look()

    assert watch.steps() == ["done"] * 3
    assert (len(watch.decisions()), len(orthanc.uids("SR"))) == (3, 3)
    assert len(orthanc.uids("CT")) == 12


RUN = """
import sys
sys.path.insert(0, {tests!r})
import watch_world as world
from pathlib import Path
from threading import Event
from radlogic.adapters.archive.commands import run_watch
from radlogic.adapters.archive.watch.saying import to_standard_error
from radlogic.adapters.archive.watch.seams import Seams
to_standard_error()
seams = Seams(emit=world.text_report)
run_watch(Path({settings!r}), Event(), once=True, again=False, seams=seams, today=lambda: world.TODAY)
"""


def test_the_watch_itself_killed_again_and_again_finishes_everything_once(orthanc, tmp_path):
    for number in range(1, 3):
        orthanc.put(*world.study(tmp_path, number))
    settings = world.settings(tmp_path, way(orthanc, "dicomweb"))
    code = RUN.format(tests=str(ROOT / "tests"), settings=str(settings))
    events, kills = [], 0
    for kill_at in ("study taken", "fetched", "assessed", "written", "done", None):
        with subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True) as process:
            for line in process.stderr:
                if not line.startswith("{"):
                    continue
                said = json.loads(line)
                events.append(said.get("step", said["event"]))
                if kill_at in (said["event"], said.get("step")):
                    os.kill(process.pid, signal.SIGKILL)
                    kills += 1
                    break
        if kill_at is None:
            assert process.returncode == 0

    watch = world.World(tmp_path, way(orthanc, "dicomweb"))
    assert kills == 5
    assert events.count("assessed") == 2
    assert watch.steps() == ["done", "done"]
    assert (len(watch.decisions()), len(orthanc.uids("SR"))) == (2, 2)
    assert len(orthanc.stored()) == 8 + 2


DYING = """
import os, signal, sys
sys.path.insert(0, {tests!r})
import watch_world as world
from fated import Fate
from pathlib import Path
from threading import Event
from radlogic.adapters.archive.commands import run_watch
from radlogic.adapters.archive.watch.seams import Seams
seams = Seams(emit=world.text_report)
with Fate({at}, lambda: os.kill(os.getpid(), signal.SIGKILL)):
    run_watch(Path({settings!r}), Event(), once=True, again=False, seams=seams, today=lambda: world.TODAY)
"""
KILLS = 5


@pytest.mark.parametrize("kind", ["dicomweb", "c-get"])
def test_the_watch_killed_within_its_steps_tells_every_study_once(orthanc, tmp_path, kind):
    orthanc.put(*world.study(tmp_path, 1, slices=2))
    watch = world.World(tmp_path, way(orthanc, kind))
    watch.look()
    orthanc.put(*world.study(tmp_path, 2, slices=2, PatientID="2"))
    with Fate(0) as alive:
        watch.look()
    killed = 0
    for number in range(3, 3 + KILLS):  # each study dies at another part of its way
        orthanc.put(*world.study(tmp_path, number, slices=2, PatientID=str(number)))
        at = alive.reached * (number - 2) // (KILLS + 1)
        code = DYING.format(tests=str(ROOT / "tests"), at=at, settings=str(watch.file))
        ended = subprocess.run([sys.executable, "-c", code], check=False, stderr=subprocess.DEVNULL, timeout=120)
        killed += ended.returncode == -signal.SIGKILL
        watch.look()

    assert killed == KILLS
    assert watch.steps() == ["done"] * (2 + KILLS)
    assert (len(watch.decisions()), len(orthanc.uids("SR"))) == (2 + KILLS, 2 + KILLS)
    assert len(orthanc.stored()) == 3 * (2 + KILLS)


@pytest.mark.parametrize("kind", ["dicomweb", "c-get"])
def test_late_images_make_a_report_that_names_the_one_whose_place_it_takes(orthanc, tmp_path, kind):
    orthanc.put(*world.study(tmp_path, 1))
    watch = world.World(tmp_path, way(orthanc, kind), Seams(emit=report))
    watch.look()
    orthanc.put(*world.study(tmp_path, 1, first=4, slices=2))
    for _ in range(2):
        watch.look()
    heads = [dcmread(BytesIO(orthanc.file_of(uid))) for uid in orthanc.uids("SR")]
    before, after = sorted(heads, key=lambda head: "PredecessorDocumentsSequence" in head)
    named = after.PredecessorDocumentsSequence[0].ReferencedSeriesSequence[0].ReferencedSOPSequence[0]

    assert (watch.steps(), len(heads)) == (["done", "done"], 2)
    assert named.ReferencedSOPInstanceUID == before.SOPInstanceUID
