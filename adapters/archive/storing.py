"""Into the archive: sent once, read back, and only then stored."""

from __future__ import annotations

import tempfile
from enum import StrEnum
from pathlib import Path

from .basket import Basket
from .errors import ARCHIVE, ArchiveUnavailable, NotInArchive, NotKept
from .objects import Identity, identity_of
from .retry import Retrying
from .same import same_content
from .seam import Archive, InstanceEntry
from .uids import file_name


class Stored(StrEnum):
    """How an object came to be in the archive."""

    SENT = "sent"
    ALREADY = "already there"


def store_file(archive: Archive, file: Path, retrying: Retrying, object_bytes: int = 4 << 30) -> Stored:
    """Have one object in the archive, and see it there.

    What the archive says of storing is not believed (answers of success were met with nothing stored): the object is
    read back, and its UIDs and every element of its data set are compared. It is looked for before it is sent, too, so
    that a process that died after sending, or a caller that asks twice, sends nothing twice.

    Raises:
        NotAccepted: the archive refuses it. NotKept: it is not there after it was sent, or another object is.
        ArchiveUnavailable, ArchiveRefuses, BadAnswer, WrongInstance: of the archive.
        InputError: the file is no DICOM object.
    """
    what = identity_of(file)

    def once() -> Stored:
        if _held(archive, file, what, object_bytes):
            return Stored.ALREADY
        archive.send(file)
        return Stored.SENT

    said = retrying(once)
    if said is Stored.SENT:
        _confirm(archive, file, what, retrying, object_bytes)
    return said


def _confirm(archive: Archive, file: Path, what: Identity, retrying: Retrying, object_bytes: int) -> None:
    """Read back; an archive may need a moment before it finds what it took."""

    def once() -> None:
        if not _held(archive, file, what, object_bytes):
            raise ArchiveUnavailable(ARCHIVE, "read back", "nothing there yet", "the object", "Try again later.")

    try:
        retrying(once)
    except ArchiveUnavailable as error:
        if error.field != "read back":
            raise
        found, allowed = "no such object after it was stored", "the object that was sent"
        cure = "Look at the archive's rules for incoming objects."
        raise NotKept(ARCHIVE, "read back", found, allowed, cure) from error


def _held(archive: Archive, file: Path, what: Identity, object_bytes: int) -> bool:
    """Whether the archive has the very object.

    Raises:
        NotKept: it has another one under its UID.
    """
    entry = InstanceEntry(what.instance, what.series, what.study, what.kind)
    with tempfile.TemporaryDirectory(prefix="radlogic-") as beside:
        basket = Basket(Path(beside), what.study, what.series, (what.instance,), object_bytes)
        try:
            archive.retrieve(what.study, what.series, (entry,), basket.take, all_of_it=False)
        except NotInArchive:
            return False
        if basket.missing():
            return False
        if not same_content(file, Path(beside) / file_name(what.instance)):
            found, allowed = "another content under the same SOP Instance UID", "the object that was sent"
            cure = "Make the object again under a new UID, or have the archive's one removed."
            raise NotKept(ARCHIVE, "read back", found, allowed, cure)
    return True
