"""UIDs at the border: what may be asked for, what a file is called, and what a log may say."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable
from typing import Final, TypeVar

from .errors import ARCHIVE, BadUid

_UID: Final = re.compile(r"[0-9]+(\.[0-9]+)*")  # PS3.5 section 9.1, but for zeros that lead: archives hold such
_LONGEST: Final = 64
D = TypeVar("D")
T = TypeVar("T")


def checked(uid: str, field: str) -> str:
    """The UID, where it is one: so it can stand in a URL.

    Raises:
        BadUid: it is none, and is not quoted.

    >>> checked("1.2.840", "StudyInstanceUID")
    '1.2.840'
    """
    if len(uid) > _LONGEST or not _UID.fullmatch(uid):
        cure = "Correct it, or ask who sent the object to."
        raise BadUid(ARCHIVE, field, "a text that is no UID", "digits and dots, 1 to 64 (PS3.5 9.1)", cure)
    return uid


def hashed(*uids: str) -> str:
    """What stands for UIDs in logs and in names of files and folders: 24 hexadecimal digits of their sha256.

    >>> hashed("1.2.840")
    'a664433065199647d2c86e4e'
    """
    return hashlib.sha256("\0".join(uids).encode()).hexdigest()[:24]


def file_name(sop_uid: str) -> str:
    """The name of an object's file: never made of the UID itself, which a stranger chose."""
    return f"{hashed(sop_uid)}.dcm"


def usable(found: Iterable[D], read: Callable[[D], T]) -> tuple[list[T], int]:
    """What can be read, and how many cannot for a UID that is none: one bad study hides no other."""
    good, bad = [], 0
    for one in found:
        try:
            good.append(read(one))
        except BadUid:
            bad += 1
    return good, bad
