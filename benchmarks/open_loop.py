"""The client of the load: a process of its own that sends calls at a constant rate, whatever comes back.

    python benchmarks/open_loop.py JOB.json RESULT.json

Calls are sent when they are due, not when earlier ones were answered, and a call's time counts from the moment at
which it was due: where the server stalls, the calls behind it are late, and count as late (no coordinated omission).
Connections are kept alive; a call takes one that is idle, else a new one, up to a bound, beyond which it waits for
one, its time running. A call's token is signed before the run begins: the client's work in the run is to write and
read bytes. Percentiles are those of all calls, none left out and none binned.

Shares no code with the product.
"""

from __future__ import annotations

import asyncio
import base64
import gc
import json
import secrets
import sys
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from hook_calls import Call, calls

MOST_CONNECTIONS = 256
PATIENCE_S = 10.0  # after the last call was due, until what is unanswered counts as failed
SHOWN = (50.0, 90.0, 99.0, 99.9, 100.0)
CARD = b'"uuid":"'


@dataclass
class Job:
    """What is asked of the client.

    Attributes:
        port: of the server, on loopback.
        rate: calls a second.
        seconds: for how long.
        seed: of the calls.
        fhir: base of the FHIR server that calls name; "" for none.
        peer: the path of a peer that knows patient-view only; "" for radlogic.
        issuer: {"iss", "jku", "kid", "key" (PEM file), "base"} where calls carry tokens; {} where they do not.
    """

    port: int
    rate: float
    seconds: float
    seed: int = 1
    fhir: str = ""
    peer: str = ""
    issuer: dict[str, str] = field(default_factory=dict)


@dataclass
class Seen:
    """What came back. Times in seconds, each from the moment at which the call was due."""

    took: list[tuple[str, str, float]] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    lag: list[float] = field(default_factory=list)
    card: bytes = b""


class Connection(asyncio.Protocol):
    """One kept-alive connection with at most one call on its way."""

    def __init__(self, load: Load) -> None:
        self.load, self.buffer, self.due = load, bytearray(), 0.0
        self.transport: asyncio.Transport
        self.call: Call | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ready."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  # of TCP
        self.transport = transport

    def send(self, content: bytes, call: Call, due: float) -> None:
        """Put a call on its way."""
        self.call, self.due = call, due
        self.transport.write(content)

    def data_received(self, data: bytes) -> None:
        """Bytes of an answer; whole once its Content-Length is there."""
        self.buffer += data
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = bytes(self.buffer[:end]).lower()
        place = head.find(b"content-length:")
        length = int(head[place + 15 :].split(b"\r\n", 1)[0]) if place >= 0 else 0
        if len(self.buffer) < end + 4 + length:
            return
        call, self.call = self.call, None
        if call is not None:
            self.load.answered(call, self.due, int(head[9:12]), bytes(self.buffer[end + 4 :]))
        self.buffer.clear()
        if b"connection: close" in head:
            self.transport.close()
        else:
            self.load.idle_again(self)

    def connection_lost(self, _: Exception | None) -> None:
        """The server hung up; a call on its way has failed."""
        self.load.lost(self)


class Load:
    """One run."""

    def __init__(self, job: Job, made: list[tuple[bytes, bytes, Call]]) -> None:
        self.job, self.made, self.seen = job, made, Seen()
        self.idle: deque[Connection] = deque()
        self.waiting: deque[tuple[int, float]] = deque()
        self.connecting: set[asyncio.Task[None]] = set()
        self.open, self.left = 0, len(made)
        self.over = asyncio.Event()

    async def run(self) -> None:
        """Send everything when it is due, then wait for what is on its way."""
        loop = asyncio.get_running_loop()
        begin = loop.time() + 0.2
        for index in range(len(self.made)):
            due = begin + index / self.job.rate
            if (wait := due - loop.time()) > 0:
                await asyncio.sleep(wait)
            self.seen.lag.append(loop.time() - due)
            self.dispatch(index, due)
        try:
            await asyncio.wait_for(self.over.wait(), PATIENCE_S)
        except TimeoutError:
            self.seen.failed["unanswered"] += self.left

    def dispatch(self, index: int, due: float) -> None:
        """Send a call now, over an idle or a new connection; else it waits for one."""
        while self.idle:
            connection = self.idle.pop()
            if not connection.transport.is_closing():
                self.write(connection, index, due)
                return
        if self.open < MOST_CONNECTIONS:
            self.open += 1
            task = asyncio.ensure_future(self.connect(index, due))
            self.connecting.add(task)
            task.add_done_callback(self.connecting.discard)
        else:
            self.waiting.append((index, due))

    async def connect(self, index: int, due: float) -> None:
        """A new connection, and the call on it."""
        try:
            loop = asyncio.get_running_loop()
            _, connection = await loop.create_connection(lambda: Connection(self), "127.0.0.1", self.job.port)
        except OSError as error:
            self.open -= 1
            self.failure(type(error).__name__)
            return
        self.write(connection, index, due)

    def write(self, connection: Connection, index: int, due: float) -> None:
        """Put the call on the connection; feedback names a card that was shown."""
        head, body, call = self.made[index]
        if call.service == "feedback":
            body = body.replace(b'"CARD"', b'"' + (self.seen.card or b"00000000-0000-8000-8000-000000000000") + b'"')
        connection.send(head % len(body) + body, call, due)

    def answered(self, call: Call, due: float, status: int, body: bytes) -> None:
        """Count an answer."""
        took = asyncio.get_running_loop().time() - due
        self.seen.took.append((call.service, call.state, took))
        self.seen.statuses[f"{call.service} {status}"] += 1
        if status != 200:
            self.seen.failed[f"{call.service} {call.state} {status}"] += 1
        elif self.job.peer and b'"summary"' not in body:  # HealthChain hides what fails and answers without a card
            self.seen.failed["an answer of the peer without its card"] += 1
        elif call.service == "radlogic-patient-view" and (at := body.find(CARD)) >= 0:
            self.seen.card = body[at + len(CARD) : at + len(CARD) + 36]
        self.done()

    def idle_again(self, connection: Connection) -> None:
        """The next call that waits, or the pool."""
        if self.waiting:
            self.write(connection, *self.waiting.popleft())
        else:
            self.idle.append(connection)

    def lost(self, connection: Connection) -> None:
        """A connection is gone."""
        self.open -= 1
        if connection.call is not None:
            connection.call = None
            self.failure("hung up")

    def failure(self, what: str) -> None:
        """A call without an answer."""
        self.seen.failed[what] += 1
        self.done()

    def done(self) -> None:
        """One less."""
        self.left -= 1
        if self.left == 0:
            self.over.set()


def prepared(job: Job) -> list[tuple[bytes, bytes, Call]]:
    """Head (with a place for the length), body and call of each request, tokens signed."""
    sign = signer(job.issuer) if job.issuer else None
    found = []
    for call in calls(round(job.rate * job.seconds), date.today(), job.fhir, job.seed):
        path, body = (job.peer, as_peer_reads(call)) if job.peer else (call.path, call.body)
        method = "POST" if job.peer else call.method
        lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{job.port}", "Accept: application/json"]
        lines += ["Content-Type: application/json", "Connection: keep-alive"]
        if sign is not None:
            lines.append(f"Authorization: Bearer {sign(path)}")
        head = "\r\n".join(lines).replace("%", "%%") + "\r\nContent-Length: %d\r\n\r\n"
        found.append((head.encode(), body, call))
    return found


def as_peer_reads(call: Call) -> bytes:
    """The call as one of patient-view that HealthChain reads: no server to fetch from, and nothing null.

    Feedback and discovery, which are next to nothing, become a call without data.
    """
    message = json.loads(call.body) if call.service not in {"feedback", "discovery"} else {}
    sent = {key: value for key, value in (message.get("prefetch") or {}).items() if value is not None}
    context = message.get("context") or {"userId": "Practitioner/load", "patientId": "load-00001"}
    instance = message.get("hookInstance", "00000000-0000-4000-8000-000000000000")
    read = {"hook": "patient-view", "hookInstance": instance, "context": context, "prefetch": sent}
    return json.dumps(read).encode()


def signer(issuer: dict[str, str]) -> Any:
    """A function from path to a fresh token: ES384 (CDS Hooks 2.0, Trusting CDS Clients), signed with the key."""
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
    from cryptography.hazmat.primitives.hashes import SHA384
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    key = load_pem_private_key(Path(issuer["key"]).read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)  # noqa: S101  # made so by the caller
    head = _part({"alg": "ES384", "typ": "JWT", "kid": issuer["kid"], "jku": issuer["jku"]})

    def sign(path: str) -> str:
        now = int(time.time())
        claims = {"iss": issuer["iss"], "aud": issuer["base"] + path, "iat": now, "exp": now + 300}
        content = f"{head}.{_part(claims | {'jti': secrets.token_urlsafe(16)})}"
        r, s = decode_dss_signature(key.sign(content.encode(), ec.ECDSA(SHA384())))
        return f"{content}.{_b64(r.to_bytes(48, 'big') + s.to_bytes(48, 'big'))}"

    return sign


def _part(content: object) -> str:
    return _b64(json.dumps(content).encode())


def _b64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def percentile(ordered: list[float], share: float) -> float:
    """The smallest value that at least ``share`` percent of all do not exceed."""
    place = max(0, -(-len(ordered) * share // 100) - 1)
    return ordered[int(place)]


def told(seen: Seen, wall_s: float, cpu_s: float) -> dict[str, Any]:
    """The result as JSON: percentiles in ms over all calls and by service, statuses, failures, the client's share."""
    by: dict[str, list[float]] = {}
    for service, state, took in seen.took:
        for name in ("all", service, f"prefetch {state}" if state else service + " calls"):
            by.setdefault(name, []).append(1000 * took)
    late = sorted(1000 * lag for lag in seen.lag)
    return {
        "calls": len(seen.lag),
        "ms": {name: {str(p): percentile(sorted(t), p) for p in SHOWN} for name, t in by.items() if t},
        "count": {name: len(times) for name, times in by.items()},
        "statuses": dict(seen.statuses),
        "failed": dict(seen.failed),
        "client_cpu": cpu_s / wall_s,
        "client_late_p99_ms": percentile(late, 99.0) if late else 0.0,
    }


def main() -> int:
    job = Job(**json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    made = prepared(job)
    gc.collect()
    gc.freeze()
    gc.disable()  # a pause of the client would count as the server's
    wall, cpu = time.perf_counter(), time.process_time()
    seen = asyncio.run(_run(job, made))
    result = told(seen, time.perf_counter() - wall, time.process_time() - cpu)
    Path(sys.argv[2]).write_text(json.dumps(result), encoding="utf-8")
    return 0


async def _run(job: Job, made: list[tuple[bytes, bytes, Call]]) -> Seen:
    load = Load(job, made)
    await load.run()
    return load.seen


if __name__ == "__main__":
    sys.exit(main())
