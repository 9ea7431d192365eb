"""What a hospital sets. Every value is checked when it is set, so that no page runs on half a configuration."""

from __future__ import annotations

import ipaddress
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError

from .errors import BadAccessSetting
from .permissions import Role

MINUTE, HOUR = 60, 3600
MACHINE_PATHS = ("/cds-services", "/healthz", "/readyz", "/metrics", "/docs", "/openapi.json")


def is_loopback(host: str | None) -> bool:
    """Whether a host name can only be this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


def checked_url(url: str) -> str:
    """An absolute http(s) URL without credentials, query or fragment; https unless it stays on this machine.

    Raises:
        ValueError: it is not that.
    """
    parts = urlsplit(url)
    if parts.username or parts.password or parts.query or parts.fragment or not parts.hostname:
        raise ValueError("an absolute URL without credentials, query and fragment")
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname)):
        raise ValueError("https, or http on loopback")
    return url


def _origin(url: str) -> str:
    if urlsplit(checked_url(url)).path not in {"", "/"}:
        raise ValueError("scheme, host and port without a path")
    return url.rstrip("/")


Url = Annotated[str, AfterValidator(checked_url)]
MachinePath = Annotated[str, Field(pattern=r"^(/[A-Za-z0-9_.-]+)+$")]  # never "/", which would be all
Origin = Annotated[str, AfterValidator(_origin)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Client(_Frozen):
    """How radlogic is registered with another system."""

    client_id: str = Field(min_length=1)
    client_secret: SecretStr | None = None  # none: a public client, which PKCE alone protects


class OidcProvider(Client):
    """The hospital's own login (OpenID Connect Core 1.0, authorization code flow with PKCE)."""

    issuer: Url
    label: str = Field(default="hospital", pattern=r"^[a-z0-9-]{1,32}$")  # ends the names of its accounts
    button: str = Field(default="Log in with the hospital's account", max_length=80)
    scope: str = "openid profile"
    role_claim: str = "groups"
    roles: dict[str, Role] = Field(min_length=1)  # value of the claim -> role


class SmartServer(Client):
    """An EHR that may launch us (SMART App Launch 2, EHR launch)."""

    iss: Url  # the FHIR server's base URL, exactly as the EHR sends it
    scope: str = "launch openid fhirUser"


class AccessSettings(_Frozen):
    """All that the guard may be told; docs/access.md explains each."""

    base_url: Origin = "http://127.0.0.1:8765"
    home: str = Field(default="/", pattern=r"^/[A-Za-z0-9/_-]*$")
    idle_s: int = Field(default=30 * MINUTE, ge=MINUTE, le=HOUR)
    absolute_s: int = Field(default=12 * HOUR, ge=MINUTE, le=24 * HOUR)
    max_sessions: int = Field(default=5, ge=1, le=100)
    password_min: int = Field(default=15, ge=12, le=64)
    argon2_memory_kib: int = Field(default=65536, ge=19456, le=1 << 20)
    argon2_passes: int = Field(default=3, ge=2, le=20)
    body_bytes: int = Field(default=1 << 20, ge=1024)
    burst: int = Field(default=600, ge=10)
    requests_per_s: float = Field(default=50, gt=0)
    machine_paths: tuple[MachinePath, ...] = MACHINE_PATHS
    oidc: OidcProvider | None = None
    smart: tuple[SmartServer, ...] = ()

    @property
    def secure(self) -> bool:
        """Whether cookies travel over TLS only; not so on loopback, where there is none."""
        return self.base_url.startswith("https:")

    @property
    def host(self) -> str:
        """What the Host header must be."""
        return urlsplit(self.base_url).netloc


def settings_from(values: dict[str, Any]) -> AccessSettings:
    """Settings from plain values.

    Raises:
        BadAccessSetting: a name that does not exist, or a value that is not allowed; values are not quoted.
    """
    try:
        return AccessSettings.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        field, found = ".".join(map(str, first["loc"])), "a value that is refused"
        raise BadAccessSetting("access settings", field, found, first["msg"], "Correct it.") from None
