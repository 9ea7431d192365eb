"""Objects to files: written beside their place, read back, and only then moved there."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ....engine.errors import BadValue, NotReadable
from ..objects import opened_object
from .stamp import content_hash

if TYPE_CHECKING:
    from pydicom.dataset import Dataset


def write_object(made: Dataset, path: Path) -> None:
    """Write a DICOM file, whole or not at all; it counts once it has been read back the same.

    Raises:
        BadValue: it cannot be written there. NotReadable: what was read back is not what was written.
    """
    write_objects({path: made})


def write_objects(made: dict[Path, Dataset]) -> None:
    """Write several DICOM files, all or none; as ``write_object``."""
    beside = {path: path.with_name(f".{secrets.token_hex(6)}.part") for path in made}
    try:
        for path, one in made.items():
            _write(one, beside[path], path)
        for path, fresh in beside.items():
            fresh.replace(path)
    except OSError as error:
        found = error.strerror or "an error of the file system"
        name = next(iter(made)).name
        raise BadValue(name, "", found, "a path in a folder that can be written", "Choose another one.") from error
    finally:
        for fresh in beside.values():
            with suppress(OSError):  # moved already, or it never came to be
                fresh.unlink()


def _write(one: Dataset, fresh: Path, path: Path) -> None:
    with fresh.open("xb") as file:
        one.save_as(file, enforce_file_format=True)
        file.flush()
        os.fsync(file.fileno())
    if not _same(one, fresh):
        found = "another content than what was written"
        raise NotReadable(path.name, "", found, "the same", "Check the disk, then write it again.")


def _same(one: Dataset, fresh: Path) -> bool:
    """Whether the file holds the object: by our own guarded reader, then in every byte of its data set."""
    import pydicom

    with opened_object(fresh) as found:
        if found.uid != str(one.SOPInstanceUID):
            return False
    return content_hash(pydicom.dcmread(fresh)) == content_hash(one)
