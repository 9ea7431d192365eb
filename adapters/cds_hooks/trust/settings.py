"""Which CDS clients are trusted, and with what. Checked when it is set: no service runs on half a trust.

Lists are allow-lists: what is not named is refused. ``docs/cds-trust.md`` explains every name.
"""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from ...access.settings import Origin, checked_url
from .errors import BadTrustSetting
from .urls import canonical

MINUTE, HOUR = 60, 3600
KIB, MIB = 1 << 10, 1 << 20


def _base(url: str) -> str:
    """A base address in the one form in which addresses are compared.

    Raises:
        ValueError: no absolute https address (http on loopback only), or one with more in it than a base has.
    """
    return canonical(checked_url(url))


def _url(url: str) -> str:
    _base(url)
    return url


Base = Annotated[str, AfterValidator(_base)]
Url = Annotated[str, AfterValidator(_url)]  # as it stands: a token's ``aud`` is compared sign by sign
Network = Annotated[IPv4Network | IPv6Network, BeforeValidator(ip_network)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class KeySource(_Frozen):
    """One key set of a client: the ``jku`` as its tokens name it, and where it is really read.

    Read at ``url`` if that is given, from ``file`` if keys were handed over, else at ``jku`` itself.
    """

    jku: str = Field(min_length=1, max_length=2000)
    url: Url | None = None
    file: Path | None = None

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if self.url is not None and self.file is not None:
            raise ValueError("url or file, not both")
        if self.url is None and self.file is None:
            _url(self.jku)
        return self


class Backend(_Frozen):
    """Our own registration with a FHIR server (SMART Backend Services): used where a call brings no token."""

    client_id: str = Field(min_length=1, max_length=255)
    token_url: Url
    key_file: Path  # private key, PEM or JWK
    kid: str = Field(min_length=1, max_length=255)
    alg: Literal["ES384", "RS384"] = "ES384"  # the two that SMART App Launch 2.2 asks servers to know
    scope: str = Field(default="system/*.rs", min_length=1, max_length=2000)


class FhirServer(_Frozen):
    """A FHIR server that a client may name in ``fhirServer``."""

    base: Base
    subject: str | None = None  # our client id there: what fhirAuthorization.subject must be
    needs_token: bool = True  # False: a server that answers everybody, such as one for trials
    backend: Backend | None = None


class TrustedClient(_Frozen):
    """One issuer of tokens: its keys and, bound to it, its FHIR servers."""

    name: str = Field(pattern=r"^[a-z0-9-]{1,32}$")  # what logs and metrics call it
    iss: str = Field(min_length=1, max_length=2000)  # sign by sign as its tokens say
    keys: tuple[KeySource, ...] = Field(min_length=1)
    tenants: tuple[str, ...] = ()  # one of which its tokens must name; none where its tokens name none
    fhir_servers: tuple[FhirServer, ...] = ()
    networks: tuple[Network, ...] = ()  # private addresses at which its servers may lie
    ca_file: Path | None = None  # the hospital's own certificate authority, beside the public ones


class FetchLimits(_Frozen):
    """Bounds of what is fetched for one call."""

    budget_ms: int = Field(default=700, ge=50, le=5000)  # from the call's arrival; the answer is due within 1 s
    at_once: int = Field(default=6, ge=1, le=32)  # requests in flight for one call
    connections: int = Field(default=32, ge=1, le=256)  # and to one server, over all calls
    pages: int = Field(default=10, ge=1, le=100)  # of one search
    answer_bytes: int = Field(default=4 * MIB, ge=KIB, le=64 * MIB)  # of one answer, unpacked
    total_bytes: int = Field(default=12 * MIB, ge=KIB, le=256 * MIB)  # of all answers for one call
    depth: int = Field(default=64, ge=8, le=200)  # levels of JSON
    failures: int = Field(default=5, ge=1, le=100)  # in a row, after which a server is left alone
    pause_s: float = Field(default=10, ge=0.1, le=600)  # for so long


class CdsTrust(_Frozen):
    """All that the guard of the CDS services may be told."""

    verify: bool = True  # off only while bound to loopback
    base_url: Base = "http://127.0.0.1:8765"  # as clients call it: what ``aud`` is compared with
    clients: tuple[TrustedClient, ...] = ()
    open_discovery: bool = False  # whether the list of services needs no token
    origins: tuple[Origin, ...] = ()  # of browser clients (CORS)
    leeway_s: int = Field(default=30, ge=0, le=120)  # clocks that differ
    lifetime_s: int = Field(default=10 * MINUTE, ge=MINUTE, le=HOUR)  # longest from ``iat`` to ``exp``
    token_bytes: int = Field(default=8 * KIB, ge=KIB, le=32 * KIB)
    replays: int = Field(default=200_000, ge=100, le=10_000_000)  # unexpired tokens of one client in memory
    keys_fresh_s: int = Field(default=10 * MINUTE, ge=MINUTE, le=24 * HOUR)  # then looked for again
    keys_stale_s: int = Field(default=HOUR, ge=MINUTE, le=7 * 24 * HOUR)  # then believed no longer
    body_bytes: int = Field(default=4 * MIB, ge=KIB, le=64 * MIB)
    burst: int = Field(default=400, ge=1)  # calls of one address at once, before it is known who calls
    requests_per_s: float = Field(default=200, gt=0)  # and then each second
    client_burst: int = Field(default=400, ge=1)  # the same for one issuer, tenants apart
    client_requests_per_s: float = Field(default=200, gt=0)
    fetch: FetchLimits = FetchLimits()

    @field_validator("clients")
    @classmethod
    def _each_once(cls, clients: tuple[TrustedClient, ...]) -> tuple[TrustedClient, ...]:
        for field in ("name", "iss"):
            if len({getattr(client, field) for client in clients}) < len(clients):
                raise ValueError(f"each {field} once")
        return clients

    def client(self, iss: object) -> TrustedClient | None:
        """The client whose tokens name this issuer."""
        return next((client for client in self.clients if client.iss == iss), None)

    @property
    def bases(self) -> frozenset[str]:
        """The addresses of all FHIR servers that are listed: one, where the service may start."""
        return frozenset(server.base for client in self.clients for server in client.fhir_servers)

    def endpoint(self, path: str) -> str:
        """The absolute address of a path of ours, as a client calls it."""
        return f"{self.base_url}{path}"

    @property
    def path(self) -> str:
        """The path of ``base_url``: what a proxy takes off before a call reaches us; '' if none."""
        return urlsplit(self.base_url).path


def trust_from(values: dict[str, Any]) -> CdsTrust:
    """Settings from plain values.

    Raises:
        BadTrustSetting: a name that does not exist, or a value that is not allowed; values are not quoted.
    """
    try:
        return CdsTrust.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        field = ".".join(map(str, first["loc"]))
        raise BadTrustSetting("CDS trust", field, "a value that is refused", first["msg"], "Correct it.") from None
