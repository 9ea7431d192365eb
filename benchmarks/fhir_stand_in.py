"""The FHIR server of the load: the charts of ``hook_calls``, in a process of its own, as fast as may be.

    python benchmarks/fhir_stand_in.py PORT [MILLISECONDS]

Answers reads and searches with Content-Length and keep-alive, each after so many milliseconds. It reads the request
line and nothing else: it is there to cost little, not to be a FHIR server.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from datetime import date
from functools import lru_cache

from hook_calls import chart, searchset

KEY = {
    "Patient": "patient", "Condition": "conditions", "Observation": "observations", "DiagnosticReport": "reports",
    "ImagingStudy": "studies", "ServiceRequest": "orders",
}  # fmt: skip


@lru_cache(maxsize=20_000)
def answer(path: str, base: str) -> bytes:
    """The whole response to a request for ``/fhir/Patient/load-00001`` or ``/fhir/Condition?patient=load-00001``."""
    kind, _, rest = path.removeprefix("/fhir/").replace("?", "/", 1).partition("/")
    if kind == "Patient":
        body = json.dumps(chart(number_in(rest), date.today())["patient"][0])
    elif kind == "ServiceRequest" and "=" not in rest:
        held = chart(number_in(rest), date.today())["orders"]
        body = json.dumps(held[0] if held else {"resourceType": "OperationOutcome", "issue": []})
    else:
        name = next(part.split("=")[1] for part in rest.split("&") if part.startswith("patient="))
        body = json.dumps(searchset(chart(number_in(name), date.today())[KEY[kind]], base))
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/fhir+json\r\nContent-Length: {len(body)}\r\n\r\n"
    return (head + body).encode()


def number_in(name: str) -> int:
    """The number in ``load-00012`` and ``ser-12-0``."""
    return int(name.split("-")[1])


class Connection(asyncio.Protocol):
    """One kept-alive connection; the client sends one request at a time, without a body."""

    def __init__(self, port: int, seconds: float) -> None:
        self.base, self.seconds = f"http://127.0.0.1:{port}/fhir", seconds
        self.buffer = b""
        self.write: Callable[[bytes], None] = lambda _: None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ready."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  # of TCP
        self.write = transport.write

    def data_received(self, data: bytes) -> None:
        """Answer once the head is whole."""
        self.buffer += data
        if not self.buffer.endswith(b"\r\n\r\n"):
            return
        path, self.buffer = self.buffer.split(b" ", 2)[1].decode(), b""
        found = answer(path, self.base)
        if self.seconds:
            asyncio.get_running_loop().call_later(self.seconds, self.write, found)
        else:
            self.write(found)


async def serve(port: int, seconds: float) -> None:
    """Until the process is ended."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(port, seconds), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), float(sys.argv[2]) / 1000 if len(sys.argv) > 2 else 0.0))
