"""A process that dies at one of the points at which something becomes lasting, or somebody outside is asked."""

import os
import shutil
from pathlib import Path
from unittest import mock

from radlogic.adapters.archive.dimse import DimseArchive
from radlogic.adapters.archive.watch.journal import Journal
from radlogic.adapters.archive.wire import Wire
from radlogic.adapters.store.cases import Store

PLACES = (
    (Journal, "_change"),
    (Wire, "answer"),
    (DimseArchive, "studies"),
    (DimseArchive, "series"),
    (DimseArchive, "instances"),
    (DimseArchive, "retrieve"),
    (DimseArchive, "send"),
    (Store, "add"),
    (Store, "correct"),
    (os, "fsync"),
    (Path, "rename"),
    (Path, "replace"),
    (shutil, "rmtree"),
)


class Died(BaseException):
    """As if the process were gone: nothing in the product may catch it."""


def raised():
    raise Died


class Fate:
    """Counts the points that are reached, before and after each call, and ends it all at one of them."""

    def __init__(self, at: int, end=raised) -> None:
        self.at, self.reached, self._end = at, 0, end

    def point(self):
        self.reached += 1
        if self.reached == self.at:
            self._end()

    def around(self, call):
        def fated(*args, **kwargs):
            self.point()
            found = call(*args, **kwargs)
            self.point()
            return found

        return fated

    def __enter__(self):
        self._patches = [mock.patch.object(owner, name, self.around(getattr(owner, name))) for owner, name in PLACES]
        for patch in self._patches:
            patch.start()
        return self

    def __exit__(self, *_):
        for patch in self._patches:
            patch.stop()
