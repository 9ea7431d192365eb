"""HTTP to one archive: within time and size limits, without redirects, cookies, proxies of the environment or logs.

httpx's transport is used and not its client: the client logs every URL, and a search for earlier exams has the
patient's id in its query (QIDO-RS knows no other place).
"""

from __future__ import annotations

import base64
import ssl
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, NoReturn
from urllib.parse import quote, urlencode

import httpx

from .errors import ARCHIVE, ArchiveRefuses, ArchiveUnavailable, BadAnswer, CutShort, NotInArchive
from .settings import ArchiveSettings, Credentials, DicomWeb

_OVERLOADED: Final = frozenset((408, 425, 429, 500, 502, 503, 504))
JSON_BYTES: Final = 64 << 20  # of an answer to a search


class Wire:
    """Requests below the archive's base URL."""

    def __init__(self, way: DicomWeb, settings: ArchiveSettings) -> None:
        """Raises: ArchiveRefuses: the file of certificate authorities cannot be used."""
        self._way, self._settings = way, settings
        self._transport = httpx.HTTPTransport(verify=_trusted(way), trust_env=False, retries=0)

    def close(self) -> None:
        """Give back the connections."""
        self._transport.close()

    @contextmanager
    def answer(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        content: tuple[int, Iterable[bytes]] | None = None,
    ) -> Iterator[Answer]:
        """Ask; the answer's status has not been looked at yet.

        Raises:
            ArchiveUnavailable: no connection, no answer in time, or it breaks off.
        """
        size, body = content or (0, ())
        sent = {"accept-encoding": "identity", **(headers or {}), **_authorization(self._way.credentials)}
        sent |= {"content-length": str(size)} if content else {}
        request = httpx.Request(
            method,
            f"{self._way.url}{path}{_in_url(query)}",
            headers=sent,
            content=body if content else None,
            extensions={"timeout": self._timeouts()},
        )
        began = time.monotonic()
        with _mapped():
            response = self._transport.handle_request(request)
            try:
                yield Answer(response, began + self._settings.request_s)
            finally:
                response.close()

    def _timeouts(self) -> dict[str, float]:
        s = self._settings
        return {"connect": s.connect_s, "read": s.silence_s, "write": s.silence_s, "pool": s.connect_s}


class Answer:
    """One answer: its status, its media type, and its bytes as they come."""

    def __init__(self, response: httpx.Response, until: float) -> None:
        self._response, self._until = response, until
        self.status = response.status_code
        self.media_type = response.headers.get("content-type", "")
        if response.headers.get("content-encoding", "identity") != "identity":
            _bad("an answer that is packed, which nobody asked for", "the identity encoding")

    def blocks(self) -> Iterator[bytes]:
        """The body in pieces.

        Raises:
            ArchiveUnavailable: it takes longer than the settings allow, or breaks off.
        """
        for block in self._response.iter_raw():
            if time.monotonic() > self._until:
                raise ArchiveUnavailable(ARCHIVE, "", "an answer that does not end", "request_s", "Try again later.")
            yield block

    def whole(self, limit: int = JSON_BYTES) -> bytes:
        """The body, where it is no larger than ``limit`` bytes.

        Raises:
            BadAnswer: it is.
        """
        found = bytearray()
        for block in self.blocks():
            found += block
            if len(found) > limit:
                _bad(f"an answer of more than {limit} bytes", f"{limit} bytes")
        return bytes(found)

    def check(self, what: str, good: tuple[int, ...] = (200,)) -> None:
        """Raise what the status says, unless it is good.

        Raises:
            ArchiveUnavailable, NotInArchive, ArchiveRefuses, BadAnswer: by the status.
        """
        if self.status in good:
            return
        found = f"status {self.status}"
        if self.status in _OVERLOADED:
            raise ArchiveUnavailable(ARCHIVE, what, found, "an answer", "Try again later.")
        if self.status in (404, 410):
            raise NotInArchive(ARCHIVE, what, found, "what was asked for", "Look whether it was moved or deleted.")
        if self.status in (401, 403, 407):
            raise ArchiveRefuses(ARCHIVE, what, found, "the right to do it", "Check credentials and rights.")
        if 400 <= self.status < 500:
            raise ArchiveRefuses(ARCHIVE, what, found, "an operation that it has", "Check URL and abilities.")
        _bad(found, "200")


def _in_url(query: Mapping[str, str] | None) -> str:
    return f"?{urlencode(query, quote_via=quote, safe='?,-')}" if query else ""


@contextmanager
def _mapped() -> Iterator[None]:
    """What httpx says of the connection, as our own; the texts of its errors name hosts and are left out."""
    try:
        yield
    except (httpx.RemoteProtocolError, httpx.ReadError) as error:
        raise CutShort(ARCHIVE, "", "an answer that broke off", "a whole answer", "Try again later.") from error
    except httpx.TimeoutException as error:
        raise ArchiveUnavailable(ARCHIVE, "", "no answer in time", "an answer", "Try again later.") from error
    except httpx.HTTPError as error:
        found = f"no connection ({type(error).__name__})"
        raise ArchiveUnavailable(ARCHIVE, "", found, "a connection", "Check host, port and network.") from error


def _authorization(credentials: Credentials | None) -> dict[str, str]:
    if credentials is None:
        return {}
    secret = credentials.secret()
    if credentials.scheme == "bearer":
        return {"authorization": f"Bearer {secret}"}
    pair = base64.b64encode(f"{credentials.user}:{secret}".encode()).decode()
    return {"authorization": f"Basic {pair}"}


def _trusted(way: DicomWeb) -> ssl.SSLContext | bool:
    if not way.url.startswith("https"):
        return False
    context: Any = httpx.create_ssl_context(trust_env=False)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if way.ca_file is not None:
        try:
            context.load_verify_locations(cafile=str(way.ca_file))
        except (OSError, ssl.SSLError) as error:
            field, cure = "archive.dicomweb.ca_file", "Give a PEM file of certificates."
            raise ArchiveRefuses("settings", field, "no certificates", "PEM", cure) from error
    return context  # type: ignore[no-any-return]


def _bad(found: str, allowed: str) -> NoReturn:
    raise BadAnswer(ARCHIVE, "", found, allowed, "Check the URL, and what stands between us and the archive.")
