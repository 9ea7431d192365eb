"""Sent once, read back, and only then stored."""

import lying_dicomweb_server
import pytest
import watch_world as world

from radlogic.adapters.archive.dicomweb import DicomWebArchive
from radlogic.adapters.archive.errors import ArchiveUnavailable, BadAnswer, NotAccepted, NotKept
from radlogic.adapters.archive.retry import Retrying
from radlogic.adapters.archive.settings import ArchiveSettings, DicomWeb
from radlogic.adapters.archive.storing import Stored, store_file

NOW = Retrying(attempts=3, first_s=0, most_s=0)


@pytest.fixture
def server():
    with lying_dicomweb_server.serving() as running:
        yield running


@pytest.fixture
def archive(server):
    made = ArchiveSettings(dicomweb=DicomWeb(url=server.url), silence_s=2, connect_s=2)
    with DicomWebArchive(made.dicomweb, made) as found:
        yield found


@pytest.fixture
def file(tmp_path):
    return world.study(tmp_path, 1, slices=1)[0]


def test_an_object_is_sent_once_and_is_then_there(server, archive, file):
    said = [store_file(archive, file, NOW) for _ in range(3)]

    assert said == [Stored.SENT, Stored.ALREADY, Stored.ALREADY]
    assert (len(server.sent), list(server.kept.values())) == (1, [file.read_bytes()])


def test_success_that_stored_nothing_is_no_success(server, archive, file):
    server.behaviours["POST"] = lambda handler: server.store(handler, keep=False)

    with pytest.raises(NotKept):
        store_file(archive, file, NOW)
    assert len(server.sent) == 1


def test_an_archive_that_needs_a_moment_is_given_one(server, archive, file):
    asked = []

    def late(handler):
        asked.append(handler.path)
        return server.honest(handler) if len(asked) > 3 else handler.reply(b"", 404)

    server.behaviours["/instances/"] = late

    assert store_file(archive, file, NOW) is Stored.SENT
    assert len(server.sent) == 1


def test_another_content_under_the_same_uid_is_found_out(server, archive, file, tmp_path):
    server.put(world.study(tmp_path / "other", 1, slices=1, PatientID="another")[0])

    with pytest.raises(NotKept):
        store_file(archive, file, NOW)
    assert server.sent == []


def test_a_store_that_changes_the_object_is_found_out(server, archive, file, tmp_path):
    changed = world.study(tmp_path / "other", 1, slices=1, RescaleSlope="2")[0]

    def alters(handler):
        server.store(handler)
        server.put(changed)

    server.behaviours["POST"] = alters
    with pytest.raises(NotKept):
        store_file(archive, file, NOW)


@pytest.mark.parametrize("status", [200, 202, 409])
def test_a_failure_that_the_answer_names_is_one_whatever_its_status(server, archive, file, status):
    server.behaviours["POST"] = server.refuses(0xA900, status)

    with pytest.raises(NotAccepted) as refused:
        store_file(archive, file, NOW)
    assert "A900" in str(refused.value)
    assert len(server.sent) == 1


def test_an_archive_without_room_is_tried_again(server, archive, file):
    server.behaviours["POST"] = server.refuses(0xA700, then=server.store)

    assert store_file(archive, file, NOW) is Stored.SENT
    assert (len(server.sent), len(server.kept)) == (2, 1)


def test_a_connection_that_breaks_after_storing_sends_nothing_twice(server, archive, file):
    def breaks(handler):
        uid, _, data = server.arrived(handler)
        server.kept[uid] = data
        handler.close_connection = True

    server.behaviours["POST"] = breaks

    assert store_file(archive, file, NOW) is Stored.ALREADY
    assert len(server.sent) == 1


def test_an_archive_that_stays_away_is_said_to_be(server, archive, file):
    server.behaviours["POST"] = lambda handler: handler.reply(b"", 503)

    with pytest.raises(ArchiveUnavailable):
        store_file(archive, file, NOW)


@pytest.mark.parametrize("status", [400, 413, 415])
def test_an_object_that_the_archive_cannot_take_is_not_accepted(server, archive, file, status):
    server.behaviours["POST"] = lambda handler: handler.reply(b"", status)

    with pytest.raises(NotAccepted):
        store_file(archive, file, NOW)


@pytest.mark.parametrize("body", [b"[]", b"<html>", b"\xff"])
def test_an_answer_to_storing_that_is_none_is_refused(server, archive, file, body):
    server.behaviours["POST"] = lambda handler: handler.reply(body)

    with pytest.raises(BadAnswer):
        store_file(archive, file, NOW)


def test_success_without_a_body_is_read_back_like_any_other(server, archive, file):
    def silent(handler):
        uid, _, data = server.arrived(handler)
        server.kept[uid] = data
        handler.reply(b"")

    server.behaviours["POST"] = silent

    assert store_file(archive, file, NOW) is Stored.SENT
