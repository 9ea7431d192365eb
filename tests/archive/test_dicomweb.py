"""DICOMweb against a server that lies, breaks off and mixes things up; nothing wrong may end up in a folder."""

import logging
from datetime import date

import lying_dicomweb_server
import pytest
import watch_world as world

from radlogic.adapters.archive.dicomweb import DicomWebArchive
from radlogic.adapters.archive.errors import (
    ArchiveRefuses,
    ArchiveUnavailable,
    BadAnswer,
    BadUid,
    CutShort,
    NotInArchive,
    WrongInstance,
)
from radlogic.adapters.archive.fetching import fetch_series
from radlogic.adapters.archive.retry import Retrying
from radlogic.adapters.archive.seam import Query, Subject
from radlogic.adapters.archive.settings import ArchiveSettings, DicomWeb
from radlogic.adapters.archive.uids import file_name
from radlogic.engine.errors import TooLarge

NOW = Retrying(attempts=2, first_s=0, most_s=0)
STUDY, SERIES = world.STUDY.format(1), world.SERIES.format(1)


@pytest.fixture
def server(tmp_path):
    with lying_dicomweb_server.serving() as running:
        running.put(*world.study(tmp_path / "made", 1))
        yield running


@pytest.fixture
def archive(server):
    with opened(server) as found:
        yield found


def opened(server, **settings):
    made = ArchiveSettings(dicomweb=DicomWeb(url=server.url), **{"silence_s": 1, "connect_s": 2} | settings)
    return DicomWebArchive(made.dicomweb, made)


def names(folder):
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


# ---- honest --------------------------------------------------------------------------------------


def test_a_series_is_fetched_whole_under_names_that_nobody_chose(server, archive, tmp_path):
    got = fetch_series(archive, STUDY, SERIES, tmp_path / "out", NOW)

    assert sorted(one.uid for one in got) == server.uids()
    assert names(tmp_path / "out") == sorted(map(file_name, server.uids()))
    assert {(tmp_path / "out" / file_name(uid)).read_bytes() for uid in server.kept} == set(server.kept.values())


def test_what_is_there_is_not_asked_for_again(server, archive, tmp_path):
    fetch_series(archive, STUDY, SERIES, tmp_path / "out", NOW)
    (tmp_path / "out" / file_name(server.uids()[0])).unlink()
    server.asked.clear()

    fetch_series(archive, STUDY, SERIES, tmp_path / "out", NOW)

    wado = [path for _, path in server.asked if "?" not in path]
    assert wado == [f"/dicom-web/studies/{STUDY}/series/{SERIES}/instances/{server.uids()[0]}"]
    assert len(names(tmp_path / "out")) == 4


def test_studies_are_found_by_day_modality_and_patient(server, archive, tmp_path):
    server.put(*world.study(tmp_path, 2, day="20240101"), *world.study(tmp_path, 3, PatientID="other"))

    def uids(**query):
        return sorted(one.uid for one in archive.studies(Query(**query)))

    assert uids(first=date(2024, 2, 1), modality="CT") == [STUDY, world.STUDY.format(3)]
    assert uids(subject=Subject(world.PATIENT)) == [STUDY, world.STUDY.format(2)]
    assert uids(modality="MR") == []


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_all_pages_are_asked_for_however_short_the_server_cuts_them(server, archive, tmp_path, size):
    for number in range(2, 9):
        server.put(*world.study(tmp_path, number, slices=1))
    server.page = size

    assert len(archive.studies(Query())) == 8


def test_a_server_that_knows_no_pages_ends_the_search(server, archive):
    everything = server.search("studies", {}, {})
    server.behaviours["/studies?"] = lambda handler: handler.reply(everything)

    assert len(archive.studies(Query())) == 1


@pytest.mark.parametrize("patient", ["", "*", "P?", "A\\B", "1,2"])
def test_an_id_that_may_match_others_is_not_searched_for(server, archive, patient):
    server.asked.clear()

    assert archive.studies(Query(subject=Subject(patient))) == ()
    assert server.asked == []


def test_a_server_that_ignores_the_patient_gives_nobody_elses_studies(server, archive):
    everything = server.search("studies", {}, {})
    server.behaviours["/studies?"] = lambda handler: handler.reply(everything)

    assert archive.studies(Query(subject=Subject("somebody else"))) == ()


def test_one_study_with_a_bad_uid_hides_no_other(server, archive):
    everything = [*server.search("studies", {}, {}), {"0020000D": {"vr": "UI", "Value": ["../../x"]}}]
    server.behaviours["/studies?"] = lambda handler: handler.reply(everything)

    assert ([one.uid for one in archive.studies(Query())], archive.unusable) == ([STUDY], 1)


def test_objects_that_joined_the_series_since_it_was_listed_are_passed_over(server, archive, tmp_path):
    listed = archive.instances(STUDY, SERIES)
    server.put(*world.study(tmp_path, 1, first=4, slices=2))
    server.behaviours["/instances?"] = lambda handler: handler.reply(
        [{"00080018": {"Value": [one.uid]}, "00080016": {"Value": [one.kind]}} for one in listed]
    )

    fetch_series(archive, STUDY, SERIES, tmp_path / "out", NOW)

    assert len(names(tmp_path / "out")) == 4


def test_nothing_that_names_a_patient_is_logged(server, archive, caplog):
    caplog.set_level(logging.DEBUG)

    archive.studies(Query(subject=Subject(world.PATIENT)))

    assert "PatientID" not in caplog.text
    assert world.PATIENT not in caplog.text


# ---- lying ---------------------------------------------------------------------------------------


def files(server, count=4):
    return [server.kept[uid] for uid in server.uids()][:count]


def other(tmp_path, number=2, **tags):
    return [path.read_bytes() for path in world.study(tmp_path, number, **tags)]


def lie(server, how):
    server.behaviours[f"/series/{SERIES}"] = lambda handler: (
        server.honest(handler) if "?" in handler.path else how(handler)
    )


LIES = {
    "no last boundary": (lambda s, t, h: h.objects(files(s), end=False), CutShort),
    "an object too few": (lambda s, t, h: h.objects(files(s, 3)), None),  # the fourth is asked for by name, and lied of
    "another study's objects": (lambda s, t, h: h.objects(other(t)), WrongInstance),
    "one object of another study": (lambda s, t, h: h.objects([*files(s), other(t)[0]]), WrongInstance),
    "another series' objects": (lambda s, t, h: h.objects(other(t, 1, SeriesInstanceUID="1.2.3")), WrongInstance),
    "no DICOM": (lambda s, t, h: h.objects([b"<html>" * 100]), BadAnswer),
    "a path for a UID": (lambda s, t, h: h.objects(other(t, 1, SOPInstanceUID="../../x")), BadAnswer),
    "an object that is cut": (lambda s, t, h: h.objects([files(s)[0][:-50]]), CutShort),
    "a part of another type": (lambda s, t, h: h.objects(files(s), part=b"Content-Type: text/html"), BadAnswer),
    "a page": (lambda s, t, h: h.reply(b"<html>", media="text/html"), BadAnswer),
    "packed": (
        lambda s, t, h: h.reply(b"x", media=lying_dicomweb_server.MULTIPART % "x", content_encoding="gzip"),
        BadAnswer,
    ),
    "gone": (lambda s, t, h: h.reply(b"", 404), NotInArchive),
    "forbidden": (lambda s, t, h: h.reply(b"", 403), ArchiveRefuses),
    "elsewhere": (lambda s, t, h: h.reply(b"", 302, location="http://127.0.0.1:9/"), BadAnswer),
    "overloaded": (lambda s, t, h: h.reply(b"", 503), ArchiveUnavailable),
    "hangs up": (lambda s, t, h: setattr(h, "close_connection", True), ArchiveUnavailable),
}


@pytest.mark.parametrize("name", [name for name, (_, error) in LIES.items() if error])
def test_a_lie_is_refused_and_leaves_no_part_and_nothing_of_others(server, archive, tmp_path, name):
    how, error = LIES[name]
    lie(server, lambda handler: how(server, tmp_path / "other", handler))

    with pytest.raises(error) as refused:
        fetch_series(archive, STUDY, SERIES, tmp_path / "out", NOW)

    assert set(names(tmp_path / "out")) <= set(map(file_name, server.uids()))
    assert not any(text in str(refused.value) for text in (world.PATIENT, STUDY, "../", "127.0.0.1"))


def test_what_is_missing_from_an_answer_is_asked_for_by_name(server, archive, tmp_path):
    server.behaviours[f"/series/{SERIES}"] = lambda handler: (
        handler.objects(files(server, 3)) if handler.path.endswith(SERIES) else server.honest(handler)
    )

    fetch_series(archive, STUDY, SERIES, tmp_path / "out", NOW)

    assert len(names(tmp_path / "out")) == 4


def test_an_object_beyond_the_limit_is_refused(server, archive, tmp_path):
    with pytest.raises(TooLarge):
        fetch_series(archive, STUDY, SERIES, tmp_path / "out", NOW, object_bytes=1000)
    assert names(tmp_path / "out") == []


def test_an_answer_that_does_not_end_is_ended(server, tmp_path):
    def drip(handler):
        handler.send_response(200)
        handler.send_header("content-type", lying_dicomweb_server.MULTIPART % "x")
        handler.end_headers()
        for _ in range(100):
            handler.wfile.write(b"--")
            handler.wfile.flush()
            server.wait(0.05)

    import time

    server.wait = time.sleep
    lie(server, drip)
    with opened(server, request_s=0.3) as archive, pytest.raises(ArchiveUnavailable):
        fetch_series(archive, STUDY, SERIES, tmp_path / "out", NOW)


@pytest.mark.parametrize(
    ("body", "media"),
    [(b"<html>", "text/html"), (b"{", "application/dicom+json"), (b"{}", "application/dicom+json"),
     (b"[1]", "application/dicom+json"), (b"[" * 100_000, "application/dicom+json")],
)  # fmt: skip
def test_a_search_that_answers_with_something_else_is_refused(server, archive, body, media):
    server.behaviours["/studies?"] = lambda handler: handler.reply(body, media=media)

    with pytest.raises(BadAnswer):
        archive.studies(Query())


@pytest.mark.parametrize("value", [None, [], [None], [{}], [[]], ["20241399x"], 7, ["\u0661" * 8]])
def test_odd_values_of_a_search_are_not_stated(server, archive, value):
    found = {"0020000D": {"vr": "UI", "Value": [STUDY]}}
    found |= {tag: {"vr": "LO", "Value": value} for tag in ("00080020", "00081030", "00201208", "00100020")}
    server.behaviours["/studies?"] = lambda handler: handler.reply([found])
    one = archive.studies(Query(first=date(2024, 1, 1)))[0]

    assert (one.date, one.instances) == (None, None)


@pytest.mark.parametrize("uid", ["..", "1/2", "1?x=y", "1.2.3 ", ""])
def test_nothing_is_asked_for_a_uid_that_is_none(server, archive, uid):
    server.asked.clear()

    with pytest.raises(BadUid):
        archive.series(uid)
    with pytest.raises(BadUid):
        archive.instances(STUDY, uid)
    assert server.asked == []


def test_an_archive_that_is_not_there_is_unavailable(tmp_path):
    with lying_dicomweb_server.serving() as server:
        pass
    with opened(server) as archive, pytest.raises(ArchiveUnavailable) as refused:
        archive.studies(Query())
    assert "127.0.0.1" not in str(refused.value)


@pytest.mark.parametrize("scheme", ["basic", "bearer"])
def test_credentials_are_read_anew_for_each_request(server, tmp_path, scheme):
    secret = tmp_path / "secret"
    way = {"scheme": scheme, "secret_file": str(secret), **({"user": "u"} if scheme == "basic" else {})}
    made = ArchiveSettings.model_validate({"dicomweb": {"url": server.url, "credentials": way}})
    seen = []
    server.behaviours["/studies?"] = lambda handler: (seen.append(handler.headers["authorization"]), handler.reply([]))
    with DicomWebArchive(made.dicomweb, made) as archive:
        for text in ("first", "second"):
            secret.write_text(f"{text}\n")
            archive.studies(Query())

    assert seen == {"basic": ["Basic dTpmaXJzdA==", "Basic dTpzZWNvbmQ="], "bearer": ["Bearer first", "Bearer second"]}[scheme]  # fmt: skip  # noqa: E501
