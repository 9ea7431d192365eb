"""One question and its answer: by a deadline, within so many bytes, and JSON or nothing."""

from __future__ import annotations

import asyncio
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from ....engine.errors import InputError
from ...fhir.jsonfile import parse
from .depth import depth_of
from .outcomes import Unanswered, Why

OK = 200
STATUS = {
    401: Why.UNAUTHORIZED,
    403: Why.FORBIDDEN,
    404: Why.NOT_FOUND,
    410: Why.NOT_FOUND,
    429: Why.RATE_LIMITED,
}
JSON_TYPES = ("application/fhir+json", "application/json+fhir", "application/json", "text/json")
IN_A_THREAD = 1 << 18  # bytes; longer ones are read beside the event loop


@dataclass(frozen=True, slots=True)
class Bounds:
    """What an answer may be.

    Attributes:
        until: when it must be here, in the event loop's time.
        size: its bytes, packed and unpacked.
        depth: its levels.
        types: media types that it may have; empty, any.
    """

    until: float
    size: int
    depth: int = 64
    types: tuple[str, ...] = JSON_TYPES


@dataclass(frozen=True, slots=True)
class Answer:
    """A JSON value and how many bytes it had."""

    value: Any
    size: int


async def ask(transport: httpx.AsyncBaseTransport, request: httpx.Request, bounds: Bounds) -> Answer:
    """The answer to a request.

    Raises:
        Unanswered: whatever goes wrong, on the way or in the answer.
    """
    loop = asyncio.get_running_loop()
    left = bounds.until - loop.time()
    if left <= 0:
        raise Unanswered(Why.TIMEOUT)
    request.extensions["timeout"] = dict.fromkeys(("connect", "read", "write", "pool"), left)
    request.headers.update({"Accept-Encoding": "gzip, identity", "User-Agent": "radlogic"})
    try:
        async with asyncio.timeout_at(bounds.until):
            content = await _exchange(transport, request, bounds)
            if len(content) < IN_A_THREAD:
                return Answer(_value(content, bounds.depth), len(content))
            return Answer(await asyncio.to_thread(_value, content, bounds.depth), len(content))
    except TimeoutError:
        raise Unanswered(Why.TIMEOUT) from None
    except httpx.PoolTimeout:
        raise Unanswered(Why.BUSY) from None
    except httpx.TimeoutException:
        raise Unanswered(Why.TIMEOUT) from None
    except httpx.ConnectError:
        raise Unanswered(Why.UNREACHABLE) from None
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, zlib.error):
        raise Unanswered(Why.BROKEN) from None


async def _exchange(transport: httpx.AsyncBaseTransport, request: httpx.Request, bounds: Bounds) -> bytes:
    response = await transport.handle_async_request(request)
    try:
        _check_head(response, bounds)
        return await _body(response, bounds.size)
    finally:
        await response.aclose()


def _check_head(response: httpx.Response, bounds: Bounds) -> None:
    status, headers = response.status_code, response.headers
    if status != OK:
        raise Unanswered(_why(status), _wait(headers, time.time))
    media = headers.get("content-type", "").partition(";")[0].strip().lower()
    if bounds.types and media not in bounds.types:
        raise Unanswered(Why.NOT_FHIR)
    declared = headers.get("content-length", "")
    if declared.isdecimal() and int(declared[:20]) > bounds.size:
        raise Unanswered(Why.TOO_LARGE)


def _why(status: int) -> Why:
    if 300 <= status < 400:
        return Why.REDIRECTED
    return STATUS.get(status, Why.SERVER_FAULT if status >= 500 else Why.UNEXPECTED_STATUS)


def _wait(headers: Mapping[str, str], now: Callable[[], float]) -> float | None:
    """Retry-After (RFC 9110, 10.2.3): seconds, or a date."""
    said = headers.get("retry-after", "").strip()
    if said.isascii() and said.isdecimal():
        return float(said[:9])
    try:
        return max(0.0, parsedate_to_datetime(said).timestamp() - now())
    except (ValueError, TypeError, OverflowError):
        return None


async def _body(response: httpx.Response, limit: int) -> bytes:
    """The content, unpacked here: httpx would unpack a bomb before it shows the first byte."""
    packing = response.headers.get("content-encoding", "identity").strip().lower()
    if packing not in ("identity", "", "gzip", "x-gzip"):
        raise Unanswered(Why.NOT_FHIR)
    unpack = zlib.decompressobj(zlib.MAX_WBITS | 16) if packing.endswith("gzip") else None
    content, received = bytearray(), 0
    async for chunk in response.aiter_raw():
        received += len(chunk)
        content += chunk if unpack is None else unpack.decompress(chunk, limit + 1 - len(content))
        if len(content) > limit or received > limit:
            raise Unanswered(Why.TOO_LARGE)
    if unpack is not None and not unpack.eof:
        raise Unanswered(Why.BROKEN)
    return bytes(content)


def _value(content: bytes, depth: int) -> Any:
    if depth_of(content) > depth:
        raise Unanswered(Why.TOO_LARGE)
    try:
        return parse(content, where="answer")
    except InputError:
        raise Unanswered(Why.NOT_FHIR) from None
