"""What a site sets for ``radlogic serve``: one tree of settings, by file, by environment and by command line.

A variable of the environment is ``RADLOGIC_`` and the setting's path, its parts joined by two underscores:
``RADLOGIC_TRUST__VERIFY=true``; lists and objects are JSON. The command line comes before the environment, the
environment before the file, the file before the defaults. ``docs/settings.md`` is the table of them all.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

import yaml
from pydantic import BaseModel, Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from ..engine.errors import BadValue, NotReadable
from .access.settings import AccessSettings
from .cds_hooks.settings import CdsSettings
from .cds_hooks.trust.settings import CdsTrust
from .operations.processes import MOST
from .review.settings import ReviewSettings
from .site import VARIABLE as CALIBRATION

PREFIX, NESTED = "RADLOGIC_", "__"
HOME = "/review"
WHERE = "settings of the service"
READ_ELSEWHERE: Final = (CALIBRATION, "RADLOGIC_SETTINGS", "RADLOGIC_ARCHIVE")  # by `assess`, by the commands
CURE = "See docs/settings.md."
Part = TypeVar("Part", bound=BaseModel)


class SiteSettings(BaseSettings):
    """All that the service may be told.

    Attributes:
        store: a folder or a ``postgresql://`` URL.
        anchor: the file with the head of the record's log; None: beside the store.
        host: the address that it listens on; another than loopback needs verified clients and pages behind TLS.
        port: 0 takes any free one.
        logs: one JSON object a line, or lines for people.
        processes: how many answer on the one socket.
        replays: where used tokens are remembered: in the process, or in the store for restarts; several processes
            remember them in the store in any case.
        shutdown_s: how long calls in flight may take after the process is asked to stop.
        access: who may use the pages (docs/access.md).
        review: the pages (docs/review.md).
        cds: the CDS services (docs/cds-hooks.md).
        trust: whom they trust (docs/cds-trust.md).
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter=NESTED, extra="forbid", frozen=True, hide_input_in_errors=True
    )

    store: str = ""
    anchor: Path | None = None
    host: str = "127.0.0.1"
    port: int = Field(default=8765, ge=0, le=65535)
    logs: Literal["lines", "json"] = "lines"
    processes: int = Field(default=1, ge=1, le=MOST)
    replays: Literal["memory", "store"] = "memory"
    shutdown_s: int = Field(default=10, ge=1, le=300)
    access: AccessSettings = Field(default_factory=AccessSettings)
    review: ReviewSettings = Field(default_factory=ReviewSettings)
    cds: CdsSettings = Field(default_factory=CdsSettings)
    trust: CdsTrust = Field(default_factory=CdsTrust)


def settings_of(file: Path | None = None, **given: Any) -> SiteSettings:
    """The settings of this process.

    Args:
        file: the site's file (YAML); None: none.
        given: what the command line says, None where it says nothing; before all else.

    Raises:
        NotReadable: the file cannot be read.
        BadValue: a name that is no setting, or a value that is not allowed; values are not quoted.
    """
    below = _file(file)

    class Here(SiteSettings):
        """The settings with this file below the environment."""

        @classmethod
        def settings_customise_sources(
            cls, settings_cls: type[BaseSettings], *sources: PydanticBaseSettingsSource, **named: Any
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return named["init_settings"], named["env_settings"], InitSettingsSource(settings_cls, below)

    try:
        _check_names()
        return _filled(Here(**{name: value for name, value in given.items() if value is not None}))
    except (ValidationError, SettingsError) as error:
        raise _refused(error) from None


def _check_names() -> None:
    """A variable that is no setting would be a setting that nobody set.

    Raises:
        BadValue: there is one.
    """
    known = {f"{PREFIX}{name.upper()}" for name in SiteSettings.model_fields} | set(READ_ELSEWHERE)
    for name in os.environ:
        if name.upper().startswith(PREFIX) and name.upper().partition(NESTED)[0] not in known:
            raise BadValue("the environment", name, "no setting", ", ".join(sorted(known)), CURE)


def _file(file: Path | None) -> dict[str, Any]:
    if file is None:
        return {}
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        cure = "Check the path and the syntax."
        raise NotReadable(file.name, "", type(error).__name__, "a YAML file", cure) from None
    content = {} if content is None else content  # an empty file sets nothing
    if not isinstance(content, dict) or not set(content) <= set(SiteSettings.model_fields):
        raise BadValue(file.name, "", "other settings", ", ".join(SiteSettings.model_fields), CURE)
    return content


def _filled(told: SiteSettings) -> SiteSettings:
    """What follows from other settings, unless it was set: addresses of the pages and of the services."""
    host = f"[{told.host}]" if ":" in told.host else told.host
    access = _more(told.access, base_url=f"http://{host}:{told.port}", home=HOME)
    trust = _more(told.trust, base_url=access.base_url)
    launch = {"launch_url": f"{access.base_url}/launch"} if access.smart else {}
    cds = _more(told.cds, review_url=access.base_url, **launch)
    return told.model_copy(update={"access": access, "trust": trust, "cds": cds})


def _more(part: Part, **defaults: Any) -> Part:
    """The part with these where nothing was set, checked like everything that is set."""
    return type(part).model_validate({**defaults, **{name: getattr(part, name) for name in part.model_fields_set}})


def _refused(error: ValidationError | SettingsError) -> BadValue:
    if isinstance(error, SettingsError):  # a variable that should be JSON
        field = re.search(r'field "(\w+)"', str(error))
        return BadValue("the environment", field[1] if field else "", "no JSON", "JSON for lists and objects", CURE)
    first = error.errors(include_input=False, include_url=False)[0]
    return BadValue(WHERE, ".".join(map(str, first["loc"])), "a value that is refused", first["msg"], CURE)
