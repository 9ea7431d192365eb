"""`radlogic archive ...` and `radlogic watch` as they are typed."""

import json
import os
import signal
import subprocess
import sys
from threading import Event

import lying_dicomweb_server
import pytest
import typer
import watch_world as world
from typer.testing import CliRunner

from radlogic.adapters.archive import commands
from radlogic.adapters.archive.errors import ArchiveUnavailable, NotInArchive
from radlogic.adapters.archive.watch.journal import Journal
from radlogic.engine.errors import InputError

app = typer.Typer()
app.add_typer(commands.archive, name="archive")
app.command()(commands.watch)
STUDY = world.STUDY.format(1)


@pytest.fixture
def server():
    with lying_dicomweb_server.serving() as running:
        yield running


@pytest.fixture
def file(server, tmp_path):
    return world.settings(tmp_path, {"dicomweb": {"url": server.url}})


def run(*arguments, stdin=None):
    found = CliRunner().invoke(app, [str(a) for a in arguments], input=stdin)
    if isinstance(found.exception, BaseException) and not isinstance(found.exception, SystemExit):
        raise found.exception
    return found


def lines(found):
    return [json.loads(line) for line in found.stdout.splitlines()]


def test_studies_are_listed_without_anything_that_names_a_patient(server, file, tmp_path):
    server.put(*world.study(tmp_path, 1))
    found = run("archive", "find", "--settings", file, "--since", "2024-02-01", "--modality", "CT", "--json")

    assert lines(found) == [{"study": STUDY, "date": "2024-02-29", "modalities": "CT", "objects": 4}]


def test_a_patients_studies_are_found_by_an_id_that_is_not_on_the_command_line(server, file, tmp_path):
    server.put(*world.study(tmp_path, 1), *world.study(tmp_path, 2, PatientID="other"))
    found = run("archive", "find", "--settings", file, "--patient", "-", "--json", stdin=f"{world.PATIENT}\n")

    assert [one["study"] for one in lines(found)] == [STUDY]


def test_the_series_of_a_study_are_listed(server, file, tmp_path):
    server.put(*world.study(tmp_path, 1))
    (series,) = lines(run("archive", "find", "--settings", file, "--study", STUDY, "--json"))

    assert series == {"series": world.SERIES.format(1), "modality": "CT", "body_part": "CHEST", "objects": 4}


def test_a_study_is_fetched_and_stored_in_another_archive(server, file, tmp_path):
    server.put(*world.study(tmp_path, 1))
    (got,) = lines(run("archive", "fetch", STUDY, "--out", tmp_path / "out", "--settings", file, "--json"))
    server.kept.clear()
    said = [run("archive", "store", tmp_path / "out", "--settings", file).stdout for _ in range(2)]

    assert got["objects"] == 4
    assert [text.strip() for text in said] == [
        "stored: 4 sent and read back, 0 already there",
        "stored: 0 sent and read back, 4 already there",
    ]


def test_what_is_not_there_is_refused(server, file, tmp_path):
    with pytest.raises(NotInArchive):
        run("archive", "fetch", STUDY, "--out", tmp_path / "out", "--settings", file)
    for wrong in (tmp_path / "none", tmp_path / "empty"):
        (tmp_path / "empty").mkdir(exist_ok=True)
        with pytest.raises(InputError):
            run("archive", "store", wrong, "--settings", file)


@pytest.mark.slow
def test_watch_once_does_what_is_due_and_says_what_waits_and_what_was_put_aside(server, file, tmp_path):
    server.put(*world.study(tmp_path, 1, FrameOfReferenceUID="1.2.3"))
    shown = commands.run_watch(file, Event(), once=True, again=False, today=lambda: world.TODAY)

    assert shown == {"waiting": 0, "aside": []}
    with Journal(tmp_path / "state") as journal:
        assert len(journal.decisions_of(STUDY)) == 1
    (report,) = [head for head in server.headers().values() if head.Modality == "SR"]
    assert (report.VerificationFlag, report.Manufacturer) == ("UNVERIFIED", "radlogic")


def test_watch_once_on_an_archive_that_is_away_is_refused(server, file):
    server.behaviours["/studies?"] = lambda handler: handler.reply(b"", 503)

    with pytest.raises(ArchiveUnavailable):
        commands.run_watch(file, Event(), once=True, again=False)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_watch_stops_when_it_is_told_to(server, file, number):
    code = "import typer\nfrom radlogic.adapters.archive.commands import watch\ntyper.run(watch)\n"
    command = [sys.executable, "-c", code, "--settings", str(file), "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        while len(server.asked) < 3:
            assert process.poll() is None
        os.kill(process.pid, number)
        out, err = process.communicate(timeout=60)

    assert (process.returncode, json.loads(out)["waiting"]) == (0, 0)
    assert json.loads(err.splitlines()[-1])["event"] == "stopped"


def test_the_commands_load_nothing_heavy_before_they_are_used():
    code = (
        "import sys\nimport radlogic.adapters.archive.commands\nprint(sorted({m.split('.')[0] for m in sys.modules}))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)

    assert not {"httpx", "pydicom", "pynetdicom", "numpy", "sqlite3", "pydantic"} & set(found.stdout.split())
    assert "typer" in found.stdout
