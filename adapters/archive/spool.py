"""The folder in which the receiver lays down what was sent to it, and the ``Archive`` that it is.

``<spool>/<study>/<series>/<object>.dcm``, each name a hash of the UID, so that nothing a sender writes names a file. An
object appears at once and whole. What it is stands in its own header alone: there is no index to lose.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any, Final

from ...engine.errors import InputError
from .answers import as_date
from .errors import ARCHIVE, ArchiveRefuses, NotInArchive
from .objects import Identity, header_of, identity_from, quiet
from .seam import Closing, InstanceEntry, Query, SeriesEntry, StudyEntry, Take, fitting
from .uids import file_name, hashed

_BLOCK: Final = 1 << 20


def place_of(spool: Path, what: Identity) -> Path:
    """Where an object lies."""
    return spool / hashed(what.study) / hashed(what.series) / file_name(what.instance)


class SpoolArchive(Closing):
    """The spool as an ``Archive`` that can be searched and fetched from, and not stored to."""

    def __init__(self, spool: Path) -> None:
        self._spool, self.unusable = spool, 0
        self._known: dict[Path, _Held | None] = {}

    def close(self) -> None:
        """There is nothing to give back."""

    def studies(self, wanted: Query) -> tuple[StudyEntry, ...]:
        """One for each study folder. See ``Archive``."""
        found: dict[str, list[_Held]] = {}
        for held in self._objects("*/*/*.dcm"):
            found.setdefault(held.what.study, []).append(held)
        return tuple(fitting((_study(of) for of in found.values()), wanted))

    def series(self, study: str) -> tuple[SeriesEntry, ...]:
        """One for each series folder of the study. See ``Archive``."""
        found: dict[str, list[_Held]] = {}
        for held in self._objects(f"{hashed(study)}/*/*.dcm"):
            found.setdefault(held.what.series, []).append(held)
        return tuple(_series(of) for of in found.values())

    def instances(self, study: str, series: str) -> tuple[InstanceEntry, ...]:
        """One for each file of the series. See ``Archive``."""
        held = self._objects(f"{hashed(study)}/{hashed(series)}/*.dcm")
        return tuple(InstanceEntry(h.what.instance, h.what.series, h.what.study, h.what.kind) for h in held)

    def retrieve(
        self, study: str, series: str, instances: tuple[InstanceEntry, ...], take: Take, *, all_of_it: bool
    ) -> None:
        """Copy the objects. See ``Archive``."""
        del all_of_it
        for one in instances:
            path = self._spool / hashed(study) / hashed(series) / file_name(one.uid)
            if not path.is_file():
                raise NotInArchive(ARCHIVE, "spool", "no such object", "one that was received", "Send it again.")
            take(_blocks(path))

    def send(self, file: Path) -> None:
        """A spool takes from the network only.

        Raises:
            ArchiveRefuses: always.
        """
        raise ArchiveRefuses(ARCHIVE, "spool", "an object to store", "fetching", "Store to the archive instead.")

    def _objects(self, pattern: str) -> Iterator[_Held]:
        """Each object once read: files never change after they have their names."""
        for path in sorted(self._spool.glob(pattern)):
            if path not in self._known:
                self._known[path] = _read(path)
            held = self._known[path]
            if held is not None:
                yield held


class _Held:
    """What is kept of one file's header."""

    __slots__ = ("body_part", "date", "description", "modality", "series_text", "what")

    def __init__(self, what: Identity, header: Any) -> None:
        self.what = what
        self.date: date | None = as_date(header.text("StudyDate"))
        self.modality, self.body_part = header.text("Modality"), header.text("BodyPartExamined")
        self.description, self.series_text = header.text("StudyDescription"), header.text("SeriesDescription")


def _read(path: Path) -> _Held | None:
    """None for a file that somebody else put there and that is none of ours; the receiver checked its own."""
    try:
        syntax, header = header_of(path)
        with quiet():
            return _Held(identity_from(syntax, header), header)
    except (InputError, OSError):
        return None


def _study(held: list[_Held]) -> StudyEntry:
    first = held[0]
    return StudyEntry(
        first.what.study,
        first.date,
        tuple(sorted({h.modality for h in held if h.modality})),
        first.description,
        first.what.subject,
        len(held),
    )


def _series(held: list[_Held]) -> SeriesEntry:
    h = held[0]
    return SeriesEntry(h.what.series, h.what.study, h.modality, h.series_text, h.body_part, len(held))


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            yield block
