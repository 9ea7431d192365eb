"""The receiver: whole objects of known senders, on disk before they are acknowledged, under names nobody chose."""

import orthanc_server
import pytest
import watch_world as world
from pydicom import dcmread

from radlogic.adapters.archive.errors import ArchiveRefuses, ArchiveUnavailable, NotAccepted
from radlogic.adapters.archive.receive import Reception
from radlogic.adapters.archive.retry import Retrying
from radlogic.adapters.archive.same import same_content
from radlogic.adapters.archive.seam import Query
from radlogic.adapters.archive.settings import ArchiveSettings, Dimse, Receiver
from radlogic.adapters.archive.spool import SpoolArchive
from radlogic.adapters.archive.watch.gathering import Gather
from radlogic.adapters.archive.watch.journal import Journal

pynetdicom = pytest.importorskip("pynetdicom", reason="the extra `archive`")
NOW = Retrying(attempts=1)


@pytest.fixture
def settings(tmp_path):
    return Receiver(spool=tmp_path / "spool", port=orthanc_server.free_port(), callers=("SCANNER",), free_bytes=0)


@pytest.fixture
def reception(settings):
    with Reception(settings) as running:
        yield running


def sender(settings, calling="SCANNER"):
    from radlogic.adapters.archive.dimse import DimseArchive

    way = Dimse(host="127.0.0.1", port=settings.port, called=settings.title, calling=calling)
    return DimseArchive(way, ArchiveSettings(dimse=way, connect_s=3, silence_s=5))


def kept(settings):
    return sorted(settings.spool.rglob("*.dcm"))


def test_what_is_sent_is_in_the_spool_as_it_was_and_can_be_searched(settings, reception, tmp_path):
    files = world.study(tmp_path, 1, slices=2)
    for file in (*files, *files):
        sender(settings).send(file)
    spool = SpoolArchive(settings.spool)
    (study,) = spool.studies(Query(modality="CT"))
    (series,) = spool.series(study.uid)

    assert (study.uid, study.instances, series.instances) == (world.STUDY.format(1), 2, 2)
    assert (len(kept(settings)), reception.taken) == (2, 4)
    assert {same_content(mine, held) for mine in files for held in kept(settings) if instance(mine) == instance(held)} == {True}  # fmt: skip  # noqa: E501
    assert not [part for path in kept(settings) for part in path.relative_to(settings.spool).parts if "1.2" in part]


def instance(file):
    return str(dcmread(file, stop_before_pixels=True).SOPInstanceUID)


def test_other_content_under_a_uid_that_is_there_is_refused_and_the_first_stays(settings, reception, tmp_path):
    first = world.study(tmp_path / "a", 1, slices=1)[0]
    sender(settings).send(first)
    with pytest.raises(NotAccepted) as refused:
        sender(settings).send(world.study(tmp_path / "b", 1, slices=1, PatientID="another")[0])

    assert "0111" in str(refused.value)
    assert same_content(first, kept(settings)[0])


def test_who_is_not_named_may_not_send(settings, reception, tmp_path):
    with pytest.raises(ArchiveRefuses):
        sender(settings, "STRANGER").send(world.study(tmp_path, 1, slices=1)[0])
    assert kept(settings) == []


@pytest.mark.slow
def test_an_object_that_is_too_large_or_finds_no_room_may_be_sent_again(tmp_path, settings):
    file = world.study(tmp_path, 1, slices=1, ImageComments="x" * 8000)[0]
    for change in ({"free_bytes": 1 << 60}, {"object_bytes": 1 << 16}):
        image = dcmread(file)
        image.PixelData = bytes(1 << 17)
        image.Rows, image.Columns = 256, 256
        image.save_as(file, enforce_file_format=True)
        small = settings.model_copy(update=change | {"port": orthanc_server.free_port()})
        with Reception(small) as reception, pytest.raises(ArchiveUnavailable):
            sender(small).send(file)
        assert (reception.refused, kept(small)) == (1, [])


@pytest.mark.parametrize(
    "tags", [{"StudyInstanceUID": "../../x"}, {"StudyInstanceUID": None}, {"SeriesInstanceUID": "a"}]
)
def test_an_object_whose_uids_are_none_is_not_taken(settings, reception, tmp_path, tags):
    file = world.study(tmp_path, 1, slices=1)[0]
    with world.as_it_is():
        image = dcmread(file)
        for keyword, value in tags.items():
            setattr(image, keyword, value or "")
        association = pynetdicom.AE(ae_title="SCANNER")
        association.add_requested_context(image.SOPClassUID)
        peer = association.associate("127.0.0.1", settings.port, ae_title=settings.title)
        status = peer.send_c_store(image).Status
        peer.release()

    assert (status, kept(settings)) == (0xC000, [])


def test_a_port_that_is_taken_is_refused(settings, reception):
    with pytest.raises(ArchiveRefuses), Reception(settings):
        pass


def test_what_a_receiver_that_died_left_is_removed(settings):
    beside = settings.spool / ".arriving"
    beside.mkdir(parents=True)
    (beside / "half").write_bytes(b"x")
    with Reception(settings):
        assert list(beside.iterdir()) == []


def test_a_file_that_somebody_else_put_there_is_passed_over(settings, tmp_path):
    place = settings.spool / "a" / "b"
    place.mkdir(parents=True)
    (place / "c.dcm").write_bytes(b"no DICOM")

    assert SpoolArchive(settings.spool).studies(Query()) == ()


def test_the_spool_takes_nothing_to_store(settings, tmp_path):
    with pytest.raises(ArchiveRefuses):
        SpoolArchive(settings.spool).send(tmp_path / "x.dcm")


@pytest.mark.slow
def test_the_watch_fetches_from_the_spool(settings, reception, tmp_path):
    for file in world.study(tmp_path, 1):
        sender(settings).send(file)
    spool = SpoolArchive(settings.spool)
    entries = spool.instances(world.STUDY.format(1), world.SERIES.format(1))
    with Journal(tmp_path / "state"):
        Gather(NOW, 1 << 20).fetch(spool, entries, tmp_path / "job")

    assert len(list((tmp_path / "job" / "current").rglob("*.dcm"))) == 4
