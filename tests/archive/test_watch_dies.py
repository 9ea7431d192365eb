"""The watch dies at every point at which something becomes lasting, and is started again: nothing lost, nothing twice.

Dying is an exception that nothing in the product may catch, at each write to the journal and the store, each sync to
disk, each renaming and each request to the archive, before and after it. By SIGKILL it is in ``test_orthanc``.
"""

import shutil
from pathlib import Path

import lying_dicomweb_server
import pytest
import watch_world as world
from fated import Died, Fate

from radlogic.adapters.store.cases import Filter, Store
from radlogic.adapters.store.states import State

PARTS = 4  # the points in turn, so that they run side by side
pytestmark = pytest.mark.slow


def dies_and_goes_on(watch: world.World, at: int) -> Fate:
    """A look that ends at that point, and three more."""
    fate = Fate(at)
    try:
        with fate:
            watch.look()
    except Died:
        pass
    for _ in range(3):
        watch.look()
    return fate


def lived_through(folder: Path, at: int) -> tuple[world.World, lying_dicomweb_server.DicomWebServer, Fate]:
    """A watch that dies at that point and is then started three times more."""
    with lying_dicomweb_server.serving() as server:
        server.put(*world.study(folder, 1, slices=2), *world.study(folder, 2, day="20230101", slices=2))
        watch = world.World(folder, {"dicomweb": {"url": server.url}})
        return watch, server, dies_and_goes_on(watch, at)


@pytest.fixture(scope="module")
def points(tmp_path_factory):
    """How many points a watch passes that does not die."""
    return lived_through(tmp_path_factory.mktemp("alive"), 0)[2].reached


@pytest.mark.parametrize("part", range(PARTS))
def test_wherever_it_dies_nothing_is_lost_and_nothing_is_there_twice(points, tmp_path, part):
    assert points > 40
    for at in range(1 + part, points + 1, PARTS):
        watch, server, _ = lived_through(tmp_path / str(at), at)

        assert watch.steps() == ["done"], at
        assert (len(watch.decisions()), len(server.uids("SR"))) == (1, 1), at
        assert len(server.sent) == len(set(server.sent)) == 1, at
        assert not list((watch.folder / "state" / "work").iterdir()), at


# ---- while a study is decided anew ---------------------------------------------------------------


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """A watch that has told a study, as its folder and what the archive holds; two images are to come late."""
    folder = tmp_path_factory.mktemp("told")
    with lying_dicomweb_server.serving() as server:
        server.put(*world.study(folder, 1, slices=2))
        world.World(folder, {"dicomweb": {"url": server.url}}).look()
        return folder, dict(server.kept)


def lived_through_late_images(told, folder: Path, at: int):
    before, kept = told
    shutil.copytree(before, folder)
    with lying_dicomweb_server.serving() as server:
        server.kept.update(kept)
        server.put(*world.study(folder, 1, first=2, slices=2))
        watch = world.World(folder, {"dicomweb": {"url": server.url}})
        watch.now += 100
        return watch, server, dies_and_goes_on(watch, at)


@pytest.mark.parametrize("part", range(PARTS))
def test_wherever_it_dies_the_new_decision_takes_the_place_of_the_old_one_once(told, tmp_path, part):
    points = lived_through_late_images(told, tmp_path / "alive", 0)[2].reached
    assert points > 40
    for at in range(1 + part, points + 1, PARTS):
        watch, server, _ = lived_through_late_images(told, tmp_path / str(at), at)
        with Store.open(watch.folder / "store") as store:
            rows = sorted(store.worklist(Filter(states=tuple(State)), limit=100), key=lambda row: row.sequence)

        assert watch.steps() == ["done", "done"], at
        assert [row.state for row in rows] == [State.SUPERSEDED, State.WAITING], at
        assert rows[1].supersedes == rows[0].decision_id, at
        assert (len(server.uids("SR")), len(server.sent)) == (2, 1), at
        assert not list((watch.folder / "state" / "work").iterdir()), at
