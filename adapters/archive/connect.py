"""From settings to an archive."""

from __future__ import annotations

from .dicomweb import DicomWebArchive
from .dimse import DimseArchive
from .settings import ArchiveSettings


def archive_of(settings: ArchiveSettings) -> DicomWebArchive | DimseArchive:
    """The archive that the settings name; nothing is asked of it yet.

    Raises:
        MissingExtra: it is reached by DIMSE, and pynetdicom is not installed.
        ArchiveRefuses: its certificate authorities cannot be read.
    """
    if settings.dicomweb is not None:
        return DicomWebArchive(settings.dicomweb, settings)
    assert settings.dimse is not None  # noqa: S101  the settings hold one of the two
    return DimseArchive(settings.dimse, settings)
