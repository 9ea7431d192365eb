"""The watch dies at every point at which something becomes lasting, and is started again: nothing lost, nothing twice.

Dying is an exception that nothing in the product may catch, at each write to the journal, each sync to disk, each
renaming and each request to the archive, before and after it. The same by SIGKILL is in ``test_orthanc``.
"""

import os
import shutil
from pathlib import Path
from unittest import mock

import lying_dicomweb_server
import pytest
import watch_world as world

from radlogic.adapters.archive.watch.journal import Journal
from radlogic.adapters.archive.wire import Wire

PARTS = 4  # the points in turn, so that they run side by side
pytestmark = pytest.mark.slow


class Died(BaseException):
    """As if the process were gone."""


class Fate:
    """Counts the points that are reached, and ends it all at one of them."""

    def __init__(self, at: int) -> None:
        self.at, self.reached = at, 0

    def point(self):
        self.reached += 1
        if self.reached == self.at:
            raise Died

    def around(self, call):
        def fated(*args, **kwargs):
            self.point()
            found = call(*args, **kwargs)
            self.point()
            return found

        return fated

    def __enter__(self):
        places = (
            (Journal, "_change"),
            (Wire, "answer"),
            (os, "fsync"),
            (Path, "rename"),
            (Path, "replace"),
            (shutil, "rmtree"),
        )
        self._patches = [mock.patch.object(owner, name, self.around(getattr(owner, name))) for owner, name in places]
        for patch in self._patches:
            patch.start()

    def __exit__(self, *_):
        for patch in self._patches:
            patch.stop()


def lived_through(folder: Path, at: int) -> tuple[world.World, lying_dicomweb_server.DicomWebServer, Fate]:
    """A watch that dies at that point and is then started three times more."""
    with lying_dicomweb_server.serving() as server:
        server.put(*world.study(folder, 1, slices=2), *world.study(folder, 2, day="20230101", slices=2))
        watch, fate = world.World(folder, {"dicomweb": {"url": server.url}}), Fate(at)
        try:
            with fate:
                watch.look()
        except Died:
            pass
        for _ in range(3):
            watch.look()
        return watch, server, fate


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
