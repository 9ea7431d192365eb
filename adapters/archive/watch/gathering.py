"""Objects of a study into a job's folder: images below ``current``, structured reports below ``reports``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..fetching import fetch_instances
from ..retry import Retrying
from ..seam import Archive, InstanceEntry
from ..uids import hashed

IMAGES, STATED, REPORTS_BEFORE = "current", "reports", "reports-before"


@dataclass(frozen=True, slots=True)
class Gather:
    """How objects are fetched: with how many tries, and up to what size."""

    retrying: Retrying
    object_bytes: int

    def fetch(
        self, archive: Archive, entries: tuple[InstanceEntry, ...], place: Path, *, all_of_it: bool = True
    ) -> None:
        """Have these objects of one series below ``place``; ``all_of_it``: the series has no others."""
        if entries:
            kind = STATED if entries[0].is_report else IMAGES
            self.into(archive, entries, place / kind / hashed(entries[0].series), all_of_it=all_of_it)

    def into(self, archive: Archive, entries: tuple[InstanceEntry, ...], folder: Path, *, all_of_it: bool) -> None:
        """Have these objects of one series in the folder."""
        if entries:
            fetch_instances(archive, entries, folder, self.retrying, self.object_bytes, all_of_it=all_of_it)


def files_below(folder: Path) -> tuple[Path, ...]:
    """The objects in a folder and below it."""
    return tuple(sorted(folder.rglob("*.dcm")))
