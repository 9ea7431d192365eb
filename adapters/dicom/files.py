"""Where the bytes are: a folder (with its subfolders), a zip or a single file, all seen as a list of entries.

Nothing is unpacked to disk by name, so no name in an archive can lead anywhere. What an archive
promises is held against ``limits`` before any of it is unfolded, and a member never yields more than
it promised.
"""

from __future__ import annotations

import io
import lzma
import os
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, NoReturn, cast

from .errors import EmptyFolder, OversizedArchive, PathNotFound, TooManyFiles, UnreadableArchive
from .limits import MAX_DIRECTORY_BYTES, MAX_FILES, MIB, SPOOL_BYTES, unfolded_limit

_DAMAGED: Final = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError)
_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)


@dataclass(frozen=True, slots=True)
class Entry:
    """One file: its name relative to what was given, its size in bytes, and how to open it."""

    name: str
    size: int
    open: Callable[[], BinaryIO]
    packed: bool = False  # a member of an archive, whose stream cannot go back cheaply

    @contextmanager
    def forward(self) -> Iterator[BinaryIO]:
        """A stream to be read once from its start."""
        with self._guarded(), self.open() as stream:
            yield stream

    @contextmanager
    def seekable(self) -> Iterator[BinaryIO]:
        """A stream to move about in; an archive's member is unfolded first, to memory or an unnamed file."""
        with self._guarded(), ExitStack() as stack:
            stream = stack.enter_context(self.open())
            yield stack.enter_context(_unfolded(stream)) if self.packed else stream

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except _DAMAGED as error:
            _archive_damaged(self.name, error)
        except OSError as error:
            if self.packed:
                _archive_damaged(self.name, error)
            raise PathNotFound(
                self.name, "", _words(error), "a file that can be read", "Check the disk and permissions."
            ) from error


@contextmanager
def opened(path: Path) -> Iterator[tuple[Entry, ...]]:
    """The entries below ``path``, sorted by name, open for as long as the context lasts.

    Raises:
        PathNotFound, EmptyFolder, TooManyFiles: of the path itself.
        UnreadableArchive, OversizedArchive: of a zip; before any member is unfolded.
    """
    with ExitStack() as stack:
        if path.is_dir():
            entries = _of_folder(path)
        elif not _is_plain(path):
            raise PathNotFound(path.name, "", "no file", "a folder, a zip or a DICOM file", "Give a file with an end.")
        elif _is_zip(path):
            entries = _of_archive(path, stack)
        else:
            entries = [_of_file(path, path.name)]
        if not entries:
            raise EmptyFolder(path.name, "", "no file", "a DICOM series", "Give the folder that holds the images.")
        yield tuple(sorted(entries, key=lambda entry: entry.name))


def _of_folder(path: Path) -> list[Entry]:
    entries: list[Entry] = []
    for folder, _, names in os.walk(path, onerror=_unreadable):
        if len(entries) + len(names) > MAX_FILES:
            raise TooManyFiles(
                path.name, "", f"more than {MAX_FILES} files", f"{MAX_FILES}", "Give the folder of one exam."
            )
        files = (Path(folder) / name for name in names)
        entries += [_of_file(file, file.relative_to(path).as_posix()) for file in files if _is_plain(file)]
    return entries


def _of_file(file: Path, name: str) -> Entry:
    return Entry(name, _status(file).st_size, lambda: file.open("rb"))


def _is_plain(file: Path) -> bool:
    return stat.S_ISREG(_status(file).st_mode)  # a pipe or a device would hang or never end


def _status(file: Path) -> os.stat_result:
    try:
        return file.stat()
    except OSError as error:
        _unreadable(error)


def _is_zip(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            return path.suffix.lower() == ".zip" or stream.read(4) == b"PK\x03\x04"
    except OSError as error:
        _unreadable(error)


class _Modest(io.BufferedReader):
    """Refuses the one big read that ``zipfile`` does: that of the directory, whose size the archive declares."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > MAX_DIRECTORY_BYTES:
            raise OversizedArchive(
                Path(self.name).name,
                "directory",
                f"a table of contents of {size // MIB} MiB",
                f"{MAX_DIRECTORY_BYTES // MIB} MiB",
                "Pack one exam per archive.",
            )
        return super().read(size)


def _of_archive(path: Path, stack: ExitStack) -> list[Entry]:
    try:
        raw = stack.enter_context(_Modest(cast(io.RawIOBase, path.open("rb", buffering=0))))
        archive = stack.enter_context(zipfile.ZipFile(raw))
    except (*_DAMAGED, NotImplementedError, ValueError, OSError) as error:
        _archive_damaged(path.name, error)
    members = [info for info in archive.infolist() if not info.filename.endswith("/")]
    _check_members(path, members)
    return [_of_member(archive, info) for info in members]


def _of_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Entry:
    name = info.filename or "a member without name"
    return Entry(name, info.file_size, lambda: _opened_member(archive, info), packed=True)


def _opened_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> BinaryIO:
    try:
        return cast(BinaryIO, archive.open(info))
    except (NotImplementedError, RuntimeError, ValueError) as error:  # what zipfile says of odd members, in this order
        _archive_damaged(info.filename, error)  # a later version, a password, an offset before the file


def _check_members(path: Path, members: list[zipfile.ZipInfo]) -> None:
    if len(members) > MAX_FILES:
        raise TooManyFiles(path.name, "", f"{len(members)} files", f"{MAX_FILES}", "Pack one exam per archive.")
    for info in members:
        if info.flag_bits & 1 or info.compress_type not in _METHODS:
            found = "an encrypted member" if info.flag_bits & 1 else f"packing method {info.compress_type}"
            raise UnreadableArchive(
                path.name, info.filename, found, "plain zip, stored or deflated", "Pack it again without."
            )
    unfolded, packed = sum(info.file_size for info in members), path.stat().st_size
    if unfolded > unfolded_limit(packed):
        raise OversizedArchive(
            path.name,
            "",
            f"{unfolded // MIB} MiB packed in {packed // 1024} KiB",
            f"at most {unfolded_limit(packed) // MIB} MiB",
            "Give the unpacked folder if the archive is what it should be.",
        )


@contextmanager
def _unfolded(stream: BinaryIO) -> Iterator[BinaryIO]:
    with tempfile.SpooledTemporaryFile(max_size=SPOOL_BYTES) as spool:
        while block := stream.read(MIB):
            spool.write(block)
        spool.seek(0)
        yield cast(BinaryIO, spool)


def _archive_damaged(where: str, error: Exception) -> NoReturn:
    raise UnreadableArchive(
        where, "", f"a damaged zip ({_words(error)})", "a whole zip archive", "Copy or export it again."
    ) from error


def _unreadable(error: OSError) -> NoReturn:
    name = Path(str(error.filename)).name
    raise PathNotFound(
        name, "", _words(error), "a folder, a zip or a DICOM file", "Check the path and permissions."
    ) from error


def _words(error: Exception) -> str:
    """What the system says, without the full path that it adds."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
