"""DIMSE against peers of pynetdicom's that are honest, or answer with other objects, failures and silence."""

import sys
from contextlib import contextmanager
from datetime import date

import orthanc_server
import pytest
import watch_world as world
from pydicom import dcmread
from pydicom.dataset import Dataset

from radlogic.adapters.archive.connect import archive_of
from radlogic.adapters.archive.dimse import FIND, GET, SYNTAXES, DimseArchive
from radlogic.adapters.archive.errors import (
    ArchiveRefuses,
    ArchiveUnavailable,
    BadUid,
    CutShort,
    NotAccepted,
    NotInArchive,
    NotKept,
    WrongInstance,
)
from radlogic.adapters.archive.fetching import fetch_series
from radlogic.adapters.archive.retry import Retrying
from radlogic.adapters.archive.seam import Query, Subject
from radlogic.adapters.archive.settings import ArchiveSettings, Dimse
from radlogic.adapters.archive.storing import Stored, store_file
from radlogic.adapters.archive.uids import file_name
from radlogic.engine.errors import MissingExtra

pynetdicom = pytest.importorskip("pynetdicom", reason="the extra `archive`")
NOW = Retrying(attempts=2, first_s=0, most_s=0)
STUDY, SERIES = world.STUDY.format(1), world.SERIES.format(1)
CT = "1.2.840.10008.5.1.4.1.1.2"
LEVELS = {"STUDY": "StudyInstanceUID", "SERIES": "SeriesInstanceUID", "IMAGE": "SOPInstanceUID"}


class Peer:
    """A PACS of a few lines: objects in a list, each call answered by a method that a test may replace."""

    def __init__(self, *files):
        self.kept = [dcmread(file) for file in files]
        self.sent, self.asked = [], []

    def matching(self, key):
        found = self.kept
        for keyword in LEVELS.values():
            wanted = key.get(keyword)
            if wanted:
                named = [wanted] if isinstance(wanted, str) else list(wanted)
                found = [one for one in found if one.get(keyword) in named]
        if key.get("PatientID"):
            found = [one for one in found if one.PatientID == key.PatientID]
        return found

    def find(self, event):
        key = event.identifier
        self.asked.append(key)
        level = LEVELS[key.QueryRetrieveLevel]
        for one in {x.get(level): x for x in self.matching(key)}.values():
            answer = Dataset()
            for element in key:
                if element.keyword in one:
                    answer[element.keyword] = one[element.keyword]
            answer.ModalitiesInStudy = one.Modality
            yield 0xFF00, answer

    def get(self, event):
        found = self.matching(event.identifier)
        yield len(found)
        for one in found:
            yield 0xFF00, one

    def store(self, event):
        data = event.dataset
        data.file_meta = event.file_meta
        self.sent.append(data.SOPInstanceUID)
        self.kept.append(data)
        return 0x0000


@contextmanager
def serving(peer, *, storage=(CT,), title="PEER", accept=True):
    """The peer, listening; gives the archive that it is to us."""
    evt, ae = pynetdicom.evt, pynetdicom.AE(ae_title=title)
    for kind in (FIND, GET):
        ae.add_supported_context(kind)
    for kind in storage:
        ae.add_supported_context(kind, list(SYNTAXES), scu_role=True, scp_role=True)
    ae.require_called_aet = not accept
    handlers = [  # looked up when they are called: a test may replace one
        (evt.EVT_C_FIND, lambda event: peer.find(event)),  # noqa: PLW0108
        (evt.EVT_C_GET, lambda event: peer.get(event)),  # noqa: PLW0108
        (evt.EVT_C_STORE, lambda event: peer.store(event)),  # noqa: PLW0108
    ]
    port = orthanc_server.free_port()
    server = ae.start_server(("127.0.0.1", port), block=False, evt_handlers=handlers)
    way = Dimse(host="127.0.0.1", port=port, called="PEER")
    try:
        yield DimseArchive(way, ArchiveSettings(dimse=way, connect_s=3, silence_s=2))
    finally:
        server.shutdown()


@pytest.fixture
def files(tmp_path):
    return world.study(tmp_path / "made", 1, slices=3)


def test_a_study_is_found_and_fetched(files, tmp_path):
    with serving(Peer(*files)) as archive:
        (study,) = archive.studies(Query(date(2024, 2, 1), date(2024, 3, 1), "CT", Subject(world.PATIENT)))
        (series,) = archive.series(study.uid)
        got = fetch_series(archive, study.uid, series.uid, tmp_path / "out", NOW)

    assert (study.uid, study.date, study.modalities) == (STUDY, date(2024, 2, 29), ("CT",))
    assert (series.body_part, len(got)) == ("CHEST", 3)
    assert len(list((tmp_path / "out").iterdir())) == 3


def test_an_object_is_sent_once_and_read_back(files):
    peer = Peer()
    with serving(peer) as archive:
        said = [store_file(archive, files[0], NOW) for _ in range(2)]

    assert (said, len(peer.sent)) == ([Stored.SENT, Stored.ALREADY], 1)


def test_success_that_stored_nothing_is_no_success(files):
    peer = Peer()
    peer.store = lambda event: 0x0000
    with serving(peer) as archive, pytest.raises(NotKept):
        store_file(archive, files[0], NOW)


@pytest.mark.parametrize(("status", "error"), [(0xA900, NotAccepted), (0xC001, NotAccepted), (0xA700, ArchiveUnavailable), (0x0110, ArchiveUnavailable)])  # fmt: skip  # noqa: E501
def test_a_failure_of_storing_is_told_apart(files, status, error):
    peer = Peer()
    peer.store = lambda event: status
    with serving(peer) as archive, pytest.raises(error):
        archive.send(files[0])


def test_a_warning_of_storing_is_read_back_like_success(files):
    peer = Peer()
    keep = peer.store
    peer.store = lambda event: keep(event) or 0xB000
    with serving(peer) as archive:
        assert store_file(archive, files[0], NOW) is Stored.SENT


def test_a_peer_that_takes_no_such_objects_says_so(files):
    with serving(Peer(), storage=("1.2.840.10008.5.1.4.1.1.4",)) as archive, pytest.raises(NotAccepted):
        archive.send(files[0])


def test_objects_of_another_study_are_refused(files, tmp_path):
    peer = Peer(*files)
    others = [dcmread(path) for path in world.study(tmp_path, 2, slices=3)]

    def lies(event):
        yield len(others)
        for one in others:
            yield 0xFF00, one

    peer.get = lies
    with serving(peer) as archive, pytest.raises(WrongInstance):
        fetch_series(archive, STUDY, SERIES, tmp_path / "out", NOW)
    assert list((tmp_path / "out").iterdir()) == []


def test_an_object_that_does_not_come_is_missed_and_asked_for_again(files, tmp_path):
    peer = Peer(*files)
    honest, asked = peer.get, []

    def one_less(event):
        asked.append(event.identifier)
        if len(asked) > 1:
            yield from honest(event)
            return
        yield 2
        for one in peer.kept[:2]:
            yield 0xFF00, one

    peer.get = one_less
    with serving(peer) as archive:
        fetch_series(archive, STUDY, SERIES, tmp_path / "out", NOW)

    assert [key.QueryRetrieveLevel for key in asked] == ["SERIES", "IMAGE"]
    assert asked[1].SOPInstanceUID == peer.kept[2].SOPInstanceUID
    assert (tmp_path / "out" / file_name(peer.kept[2].SOPInstanceUID)).is_file()


def test_what_is_not_there_is_not_there(tmp_path):
    with serving(Peer()) as archive, pytest.raises(NotInArchive):
        fetch_series(archive, STUDY, SERIES, tmp_path / "out", NOW)


@pytest.mark.parametrize(("status", "error"), [(0xA700, ArchiveUnavailable), (0xC000, ArchiveUnavailable), (0xA900, ArchiveRefuses)])  # fmt: skip  # noqa: E501
def test_a_failure_of_a_search_is_told_apart(status, error):
    peer = Peer()

    def fails(event):
        yield status, None

    peer.find = fails
    with serving(peer) as archive, pytest.raises(error):
        archive.studies(Query())


def test_one_study_with_a_bad_uid_hides_no_other(files):
    peer = Peer(*files)
    honest = peer.find

    def and_a_bad_one(event):
        with world.as_it_is():
            bad = Dataset()
            bad.StudyInstanceUID = "1..2"
            yield 0xFF00, bad
        yield from honest(event)

    peer.find = and_a_bad_one
    with serving(peer) as archive, world.as_it_is():
        assert [one.uid for one in archive.studies(Query())] == [STUDY]
        assert archive.unusable == 1


def test_a_peer_that_ignores_the_patient_gives_nobody_elses_studies(files):
    peer = Peer(*files)
    peer.matching = lambda key: peer.kept
    with serving(peer) as archive:
        assert archive.studies(Query(subject=Subject("somebody else"))) == ()


@pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning")
def test_nobody_there_is_unavailable_and_a_stranger_is_refused():
    with serving(Peer(), title="OTHER", accept=False) as archive, pytest.raises(ArchiveRefuses):
        archive.studies(Query())
    with pytest.raises(ArchiveUnavailable):
        archive.studies(Query())


def test_a_peer_that_breaks_off_is_cut_short(files):
    peer = Peer(*files)

    def breaks(event):
        event.assoc.abort()
        yield 0xFF00, Dataset()

    peer.find = breaks
    with serving(peer) as archive, pytest.raises(CutShort):
        archive.studies(Query())


def test_nothing_is_asked_for_a_uid_that_is_none():
    peer = Peer()
    with serving(peer) as archive, pytest.raises(BadUid):
        archive.series("1/2")
    assert peer.asked == []


def test_without_pynetdicom_the_extra_is_named_and_dicomweb_still_works(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynetdicom", None)
    web, dimse = {"dicomweb": {"url": "https://pacs.example"}}, {"dimse": {"host": "h", "port": 1, "called": "A"}}
    archive_of(ArchiveSettings.model_validate(web)).close()

    with pytest.raises(MissingExtra) as refused:
        archive_of(ArchiveSettings.model_validate(dimse))
    assert "radlogic[archive]" in str(refused.value)
