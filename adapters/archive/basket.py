"""Objects that arrive, one by one: written aside, looked at, and only then put into the folder under their name."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from ...engine.errors import BadValue, InputError, TooLarge
from .errors import ARCHIVE, BadAnswer, CutShort, WrongInstance
from .objects import Identity, check_asked, identity_of
from .uids import file_name

_JOINED = 1000  # objects that may join a series while it is fetched


class Basket:
    """A folder that takes the objects of one series that were asked for, and no others.

    A file in it is whole and on disk: a process that dies leaves at most hidden ``.part`` files, which the next basket
    of the folder removes.
    """

    def __init__(
        self, folder: Path, study: str, series: str, wanted: Iterable[str], object_bytes: int, *, surplus: bool = False
    ) -> None:
        """Make the folder.

        Args:
            folder: where the objects go.
            study: of all of them. series: likewise.
            wanted: their SOP Instance UIDs.
            object_bytes: the largest object that is taken.
            surplus: the whole series is asked for: objects that joined it since it was listed are passed over.
        """
        self.folder, self._study, self._series = folder, study, series
        self._wanted, self._limit, self._taken = frozenset(wanted), object_bytes, 0
        self._surplus, self._most = surplus, (2 * len(self._wanted) + _JOINED) if surplus else len(self._wanted)
        made(folder)
        for left in folder.glob(".*.part"):
            left.unlink(missing_ok=True)

    def missing(self) -> frozenset[str]:
        """What was asked for and is not in the folder."""
        return frozenset(uid for uid in self._wanted if not (self.folder / file_name(uid)).is_file())

    def take(self, blocks: Iterable[bytes]) -> None:
        """Put one object into the folder; one that is there already stays as it is.

        Raises:
            WrongInstance: nobody asked for it, or more come than were asked for.
            BadAnswer, CutShort: it is no whole DICOM file. TooLarge: it is beyond ``object_bytes``.
        """
        self._taken += 1
        if self._taken > self._most:
            cure = "The exam is refused: ask who runs the archive."
            raise WrongInstance(ARCHIVE, "", "more objects than were asked for", f"{len(self._wanted)}", cure)
        with tempfile.NamedTemporaryFile(dir=self.folder, prefix=".", suffix=".part", delete=False) as part:
            path = Path(part.name)
            try:
                copied(blocks, part, self._limit)
                synced(part.fileno())
                found = self._asked_for(path)
                if found.instance in self._wanted:
                    path.replace(self.folder / file_name(found.instance))
            finally:
                path.unlink(missing_ok=True)
        sync_folder(self.folder)

    def _asked_for(self, path: Path) -> Identity:
        from ..dicom.errors import TruncatedFile

        try:
            found = identity_of(path)
        except TruncatedFile as error:
            raise CutShort(
                ARCHIVE, "", "an object that ends too early", "a whole object", "Try again later."
            ) from error
        except WrongInstance:
            raise
        except InputError as error:
            cure = "Ask who runs the archive."
            raise BadAnswer(
                ARCHIVE, "", f"no object that can be read ({type(error).__name__})", "DICOM", cure
            ) from error
        check_asked(found, self._study, self._series)
        if found.instance not in self._wanted and not self._surplus:
            cure = "The exam is refused: ask who runs the archive."
            field = "SOPInstanceUID (0008,0018)"
            raise WrongInstance(ARCHIVE, field, "an object of another one", "what was asked for", cure)
        return found


def copied(blocks: Iterable[bytes], out: object, limit: int) -> None:
    """Write the blocks.

    Raises:
        TooLarge: they are more than ``limit`` bytes.
    """
    size = 0
    for block in blocks:
        size += len(block)
        if size > limit:
            cure = "Raise object_bytes if such objects are expected."
            raise TooLarge(ARCHIVE, "", f"an object of more than {limit} bytes", f"{limit} bytes", cure)
        out.write(block)  # type: ignore[attr-defined]
    out.flush()  # type: ignore[attr-defined]


def synced(number: int) -> None:
    """On disk, not only with the system."""
    os.fsync(number)


def sync_folder(folder: Path) -> None:
    """The folder's names on disk."""
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def made(folder: Path) -> Path:
    """The folder, made if need be, for its owner only: it holds images of patients.

    Raises:
        BadValue: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        found = error.strerror or "a folder that cannot be made"
        raise BadValue("folder", "", found, "a folder that can be written", "Choose another.") from error
    return folder
