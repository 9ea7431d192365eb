"""How the archive's side refuses. No sentence names a patient, a UID or a URL.

* SetupError
  x ArchiveUnavailable   not reached, overloaded, or its answer broke off: worth another try
    + CutShort           of these: an answer that ended before it was whole
  x ArchiveRefuses       it answers and will not: credentials, rights, an operation it does not have
  x WatchRunning         another ``radlogic watch`` works on this folder
* InputError
  x BadArchiveSettings   the settings of archive and watch
  x BadUid               a UID that is none, so nothing is asked for it and no file named by it
  x NotInArchive         the archive does not have what was asked for
  x BadAnswer            the archive's answer is not what DICOMweb or DIMSE say it is
  x WrongInstance        an answer holds objects of another study, series or instance
  x NotAccepted          the archive refuses to store an object, and says why
  x NotKept              it said that an object is stored; it is not there, or is not the same
"""

from __future__ import annotations

from ...engine.errors import BadValue, Contradiction, InputError, MissingField, NotReadable, SetupError

ARCHIVE = "the archive"


class ArchiveUnavailable(SetupError):
    """The archive cannot be reached or is overloaded just now: try again later."""


class CutShort(ArchiveUnavailable):
    """An answer ended before it was whole; nothing of the cut part was kept."""


class ArchiveRefuses(SetupError):
    """The archive answers and will not do it: credentials, rights, or an operation that it does not have."""


class WatchRunning(SetupError):
    """Another ``radlogic watch`` works on the same folder."""


class BadArchiveSettings(BadValue):
    """A setting of the archive or of the watch is not allowed; values are not quoted."""


class BadUid(BadValue):
    """A UID that is none (PS3.5 section 9.1)."""


class NotInArchive(MissingField):
    """The archive does not have what was asked for."""


class BadAnswer(NotReadable):
    """The archive's answer is not what the standard says it is."""


class WrongInstance(Contradiction):
    """An answer holds objects that nobody asked for; nothing of it is used."""


class NotAccepted(InputError):
    """The archive refuses to store an object; the code is that of PS3.4 or PS3.18."""


class NotKept(Contradiction):
    """An object is not in the archive after it was stored there, or is there with another content."""
