"""A series out of the archive into a folder: whole or refused, and resumed where it was left."""

from __future__ import annotations

from pathlib import Path

from .basket import Basket
from .errors import ARCHIVE, CutShort, NotInArchive
from .retry import Retrying
from .seam import Archive, InstanceEntry
from .uids import file_name


def fetch_series(
    archive: Archive, study: str, series: str, folder: Path, retrying: Retrying, object_bytes: int = 4 << 30
) -> tuple[InstanceEntry, ...]:
    """Have every object of the series in ``folder``, under names made by ``file_name``; what is there is not fetched.

    Objects that arrived while a try failed stay, so the next try, in this process or another, asks for the rest.

    Raises:
        NotInArchive: the archive has no such series.
        ArchiveUnavailable: it could not be had whole within the tries.
        WrongInstance, BadAnswer, BadUid, ArchiveRefuses: the archive's answer.
    """
    entries = retrying(lambda: archive.instances(study, series))
    if not entries:
        raise NotInArchive(ARCHIVE, "series", "no object", "a series with objects", "Check the UIDs.")
    fetch_instances(archive, entries, folder, retrying, object_bytes)
    return entries


def fetch_instances(
    archive: Archive,
    entries: tuple[InstanceEntry, ...],
    folder: Path,
    retrying: Retrying,
    object_bytes: int = 4 << 30,
    *,
    all_of_it: bool = True,
) -> None:
    """The same for objects of one series that are known by name; ``all_of_it``: the series has no others."""

    def once() -> None:
        names = tuple(one.uid for one in entries)
        basket = Basket(folder, entries[0].study, entries[0].series, names, object_bytes, surplus=all_of_it)
        missing = basket.missing()
        if not missing:
            return
        rest = tuple(one for one in entries if one.uid in missing)
        whole = all_of_it and len(rest) == len(entries)  # what is left of a series is asked for object by object
        archive.retrieve(entries[0].study, entries[0].series, rest, basket.take, all_of_it=whole)
        if left := basket.missing():
            found = f"{len(left)} of {len(entries)} objects missing from an answer"
            raise CutShort(ARCHIVE, "", found, "all that were asked for", "Try again later.")

    retrying(once)


def fetched(entries: tuple[InstanceEntry, ...], folder: Path) -> tuple[Path, ...]:
    """The files of those objects."""
    return tuple(folder / file_name(one.uid) for one in entries)
