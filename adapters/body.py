"""The body of a request: whole, in time and within its bound, before a route sees any of it."""

from __future__ import annotations

import asyncio

from starlette.types import Message, Receive

WAIT_S = 10.0  # a body that comes drop by drop holds nothing but its own connection, and that not for long
Refusal = tuple[int, str, str]  # HTTP status, issue type, words


def too_long(limit: int) -> Refusal:
    """413."""
    return 413, "too-long", f"the body is larger than {limit} bytes"


async def whole(receive: Receive, limit: int, wait_s: float = WAIT_S) -> bytes | Refusal:
    """The body, or how to refuse it. Never more than ``limit`` bytes and one chunk are held."""
    body = bytearray()
    try:
        async with asyncio.timeout(wait_s):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return 400, "incomplete", "the body was cut short"
                body += message.get("body", b"")
                if len(body) > limit:
                    return too_long(limit)
                if not message.get("more_body", False):
                    return bytes(body)
    except TimeoutError:
        return 408, "timeout", "the body did not come in time"


def replayed(body: bytes, receive: Receive) -> Receive:
    """The body once more, for the route; then what the client does."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return waiting.pop() if waiting else await receive()

    return again
