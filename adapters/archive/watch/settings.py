"""The whole settings file: the archive, the receiver, the watch."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal, NoReturn

from pydantic import Field, ValidationError, model_validator

from ..errors import BadArchiveSettings
from ..settings import VARIABLE, ArchiveSettings, Frozen, Receiver, read_yaml, refused
from .rules import Rule


class WatchSettings(Frozen):
    """What ``radlogic watch`` does; docs/archive.md explains each."""

    state: Path  # its own folder, kept between runs; for one watch only
    store: str  # as for `assess --store`
    images: Path | None = None
    source: Literal["archive", "spool"] = "archive"  # where new studies are looked for
    every_s: float = Field(default=60, ge=0.05, le=24 * 3600)
    stable_s: float = Field(default=120, ge=0, le=24 * 3600)  # a study is complete when nothing came for so long
    days: int = Field(default=3, ge=0, le=3650)  # how far back study dates are looked at
    relist_s: float = Field(default=3600, ge=0)  # a study whose count stands still is looked into anew after so long
    longest_wait_s: float = Field(default=900, gt=0)  # between tries of what does not work just now
    tries: int = Field(default=8, ge=1, le=1000)  # of what may be the study's own fault, before it is put aside
    rules: tuple[Rule, ...] = Field(min_length=1)
    guidelines: tuple[Path, ...] = ()  # folders of further guidelines
    write: Literal["nothing", "report", "report-and-outlines"] = "report"  # what is stored in the archive

    @model_validator(mode="after")
    def _names(self) -> WatchSettings:
        if len({rule.name for rule in self.rules}) != len(self.rules):
            raise ValueError("a name of its own for each rule")
        return self


class Settings(Frozen):
    """One file for all of it; each command reads the part that it needs."""

    archive: ArchiveSettings | None = None
    receive: Receiver | None = None
    watch: WatchSettings | None = None

    def the_archive(self) -> ArchiveSettings:
        """Raises: BadArchiveSettings: the file has no such part."""
        return self.archive or _lacks("archive")

    def the_receiver(self) -> Receiver:
        """Raises: BadArchiveSettings: the file has no such part."""
        return self.receive or _lacks("receive")

    def the_watch(self) -> WatchSettings:
        """Raises: BadArchiveSettings: the file has no such part."""
        return self.watch or _lacks("watch")


def _lacks(part: str) -> NoReturn:
    raise BadArchiveSettings("settings", part, "nothing", "this part", "Add it to the file (docs/archive.md).")


def read_settings(path: Path | None) -> Settings:
    """The settings at a path, else at the one that the environment names.

    Raises:
        BadArchiveSettings: no path, or a value that is not allowed. NotReadable: no YAML file there.
    """
    place = path or Path(os.environ.get(VARIABLE, ""))
    if place == Path():
        cure = f"Give --settings, or set {VARIABLE}."
        raise BadArchiveSettings("command line", "--settings", "no file", "a YAML file of settings", cure)
    try:
        return Settings.model_validate(read_yaml(place))
    except ValidationError as error:
        raise refused(error, place.name) from None
