"""UIDs that follow from what they name: the same report of the same decision always has the same ones.

All are UUID-derived below 2.25 (PS3.5 annex B.2), which needs no registered root.
"""

from __future__ import annotations

import uuid
from typing import Final

NAMESPACE: Final = uuid.uuid5(uuid.NAMESPACE_URL, "urn:radlogic:dicom")
SEPARATOR: Final = "\x1f"


def uid_of(*parts: str) -> str:
    """The UID of what the parts name; at most 44 characters.

    >>> uid_of("series", "1") == uid_of("series", "1"), uid_of("a", "b") == uid_of("ab")
    (True, False)
    """
    return f"2.25.{uuid.uuid5(NAMESPACE, SEPARATOR.join(parts)).int}"


def tracking_uid(study_uid: str, tracking_id: str) -> str:
    """A lesion's tracking UID: of its identifier within its study, for SR and SEG alike."""
    return uid_of("lesion", study_uid, tracking_id)


def device_uid(version: str) -> str:
    """The device observer's UID: this version of the program, wherever it runs."""
    return uid_of("device", "radlogic", version)
