"""What a site sets for its archive, its receiver and its watch: one YAML file; secrets stand in other files.

Every value is checked when it is read, and no value is quoted in a refusal: a password that slipped into the wrong
field must not reach a log.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from ...engine.errors import NotReadable
from .errors import BadArchiveSettings
from .retry import Retrying

VARIABLE = "RADLOGIC_ARCHIVE"  # names the settings file where --settings does not
_LOOPBACK = frozenset(("localhost", "127.0.0.1", "::1"))


def _checked_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.username or parts.password or parts.query or parts.fragment or not parts.hostname:
        raise ValueError("an absolute URL without credentials, query and fragment")
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise ValueError("https, or http on loopback")
    return url.rstrip("/")


def _checked_title(title: str) -> str:
    """PS3.5 6.2: AE, up to 16 characters, no backslash, not blank."""
    if not (title.isascii() and title.isprintable() and title.strip() == title and "\\" not in title):
        raise ValueError("printable ASCII without a backslash or blanks around it")
    return title


Url = Annotated[str, AfterValidator(_checked_url)]
Title = Annotated[str, Field(min_length=1, max_length=16), AfterValidator(_checked_title)]
Port = Annotated[int, Field(ge=1, le=65535)]


class Frozen(BaseModel):
    """A part of the settings: no other names, no changes, no values in refusals."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Credentials(Frozen):
    """How radlogic proves who it is. The secret is read anew for each request, so it can be changed meanwhile."""

    scheme: Literal["basic", "bearer"]
    user: str = ""
    secret_file: Path | None = None
    secret_env: str | None = None

    @model_validator(mode="after")
    def _one_place(self) -> Credentials:
        if (self.secret_file is None) == (self.secret_env is None):
            raise ValueError("one of secret_file and secret_env")
        if (self.scheme == "basic") != bool(self.user):
            raise ValueError("a user for basic, and none for bearer")
        return self

    def secret(self) -> str:
        """The password or token.

        Raises:
            BadArchiveSettings: it is not where the settings say.
        """
        if self.secret_env is not None:
            found = os.environ.get(self.secret_env, "")
        else:
            try:
                found = (self.secret_file or Path()).read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError):
                found = ""
        if not found or not found.isascii() or not found.isprintable():
            field = "archive.dicomweb.credentials"
            raise BadArchiveSettings("settings", field, "no secret there", "a line of ASCII", "Put it there.")
        return found


class DicomWeb(Frozen):
    """An archive by DICOMweb (PS3.18): QIDO-RS, WADO-RS and STOW-RS below one URL."""

    url: Url
    credentials: Credentials | None = None
    ca_file: Path | None = None  # certificate authorities (PEM) that are believed beside the public ones


class Dimse(Frozen):
    """An archive by DIMSE (PS3.4): C-FIND, C-GET or C-MOVE, C-STORE."""

    host: str = Field(min_length=1)
    port: Port
    called: Title  # the archive's AE title
    calling: Title = "RADLOGIC"
    retrieve: Literal["c-get", "c-move"] = "c-get"
    own_host: str = "127.0.0.1"  # where the archive's C-MOVE finds us
    own_port: Port | None = None
    tls_ca_file: Path | None = None

    @model_validator(mode="after")
    def _reachable(self) -> Dimse:
        if self.retrieve == "c-move" and self.own_port is None:
            raise ValueError("own_port, to which the archive sends what C-MOVE asks for")
        return self


class ArchiveSettings(Frozen):
    """The archive by one of two ways, and how long anything may take (seconds)."""

    dicomweb: DicomWeb | None = None
    dimse: Dimse | None = None
    connect_s: float = Field(default=10, gt=0, le=300)
    silence_s: float = Field(default=60, gt=0, le=3600)  # without a byte
    request_s: float = Field(default=1800, gt=0, le=24 * 3600)  # one whole answer
    attempts: int = Field(default=4, ge=1, le=20)
    first_wait_s: float = Field(default=0.5, ge=0, le=60)
    longest_wait_s: float = Field(default=20, ge=0, le=600)
    object_bytes: int = Field(default=4 << 30, ge=1 << 16)  # the largest object that is taken

    @model_validator(mode="after")
    def _one_way(self) -> ArchiveSettings:
        if (self.dicomweb is None) == (self.dimse is None):
            raise ValueError("one of dicomweb and dimse")
        return self

    def retrying(self) -> Retrying:
        """How calls are tried again."""
        return Retrying(self.attempts, self.first_wait_s, self.longest_wait_s)


class Receiver(Frozen):
    """The C-STORE provider: who may send, and how much."""

    spool: Path
    host: str = "127.0.0.1"
    port: Port
    title: Title = "RADLOGIC"
    callers: tuple[Title, ...] = Field(min_length=1)  # AE titles that may send
    associations: int = Field(default=10, ge=1, le=100)
    silence_s: float = Field(default=60, gt=0, le=3600)
    object_bytes: int = Field(default=4 << 30, ge=1 << 16)
    free_bytes: int = Field(default=2 << 30, ge=0)  # of the disk, below which nothing is taken


def read_yaml(path: Path) -> dict[str, Any]:
    """A settings file as plain values.

    Raises:
        NotReadable: no such file, no YAML. BadArchiveSettings: no mapping.
    """
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        found = getattr(error, "strerror", None) or "a file that is no YAML"
        raise NotReadable(path.name, "", found, "a YAML file of settings", "Check the path and the file.") from None
    if not isinstance(values, dict):
        raise BadArchiveSettings(path.name, "", "no mapping", "names and values", "See docs/archive.md.")
    return values


def refused(error: ValidationError, where: str) -> BadArchiveSettings:
    """The first thing that is wrong, without its value."""
    first = error.errors(include_input=False, include_url=False)[0]
    field = ".".join(map(str, first["loc"]))
    return BadArchiveSettings(where, field, "a value that is refused", first["msg"], "Correct it (docs/archive.md).")
