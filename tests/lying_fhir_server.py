"""A FHIR server on loopback, in threads, that is honest until it is told how to misbehave.

Written from FHIR R4 (RESTful API, paging) and plain ``http.server``; shares no code with the product. A behaviour is a
function that is given the handler and answers in its way; it holds for the paths that begin with its key.
"""

import gzip
import json
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

FHIR_JSON = "application/fhir+json; charset=utf-8"


class Handler(BaseHTTPRequestHandler):
    """Keeps what was asked, then behaves."""

    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16  # one packet for head and body

    def do_GET(self):
        server = self.server.owner
        server.asked.append((self.path, dict(self.headers)))
        behave = max(
            ((len(key), how) for key, how in server.behaviours.items() if self.path.startswith(key)),
            key=lambda pair: pair[0],
        )[1]
        try:
            behave(self)
            self.wfile.flush()
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
            self.close_connection = True  # the product hung up, as it should on most of these

    def do_POST(self):
        length = int(self.headers.get("content-length", 0))
        self.body = self.rfile.read(length).decode()
        self.do_GET()

    def log_message(self, *_):
        pass

    def reply(self, content, status=200, **headers):
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        named = {k.replace("_", "-"): v for k, v in headers.items()}
        for name, value in ({"content-type": FHIR_JSON, "content-length": str(len(body))} | named).items():
            if value is not None:
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


Behaviour = Callable[[Handler], None]


@dataclass
class FhirServer:
    """What it was asked, and how it behaves for which paths below ``/fhir``."""

    origin: str
    behaviours: dict[str, Behaviour]
    asked: list = field(default_factory=list)

    @property
    def base(self):
        return f"{self.origin}/fhir"

    def on(self, path, behaviour):
        self.behaviours[f"/fhir/{path}"] = behaviour

    def paths(self):
        return [path.removeprefix("/fhir/") for path, _ in self.asked]

    def tokens(self):
        return [headers.get("Authorization") for _, headers in self.asked]


def resource(kind, number, **more):
    return {"resourceType": kind, "id": str(number)} | more


def page(*resources, following=None, own=None, **more):
    links = [{"relation": "self", "url": own}] if own else []
    links += [{"relation": "next", "url": following}] if following else []
    return {
        "resourceType": "Bundle",
        "type": "searchset",
        "link": links,
        "entry": [{"resource": one, "search": {"mode": "match"}} for one in resources],
    } | more


def honest(handler):
    """Every read finds its resource, every search one resource."""
    path, _, query = handler.path.removeprefix("/fhir/").partition("?")
    kind, _, number = path.partition("/")
    handler.reply(resource(kind, number) if not query else page(resource(kind, "found")))


def says(content, status=200, **headers):
    return lambda handler: handler.reply(content, status, **headers)


def after(seconds, then=honest):
    def slow(handler):
        time.sleep(seconds)
        then(handler)

    return slow


def once_open(gate: threading.Event, then=honest):
    """Nothing is answered before the gate is open: as slow as the test wants, however busy the machine is."""

    def held(handler):
        gate.wait(60)
        then(handler)

    return held


def dripping(seconds):
    """The head at once, then a byte at a time."""

    def drip(handler):
        handler.send_response(200)
        handler.send_header("content-type", FHIR_JSON)
        handler.send_header("content-length", "1000")
        handler.end_headers()
        for _ in range(1000):
            handler.wfile.write(b" ")
            handler.wfile.flush()
            time.sleep(seconds)

    return drip


def hangs_up(handler):
    """Not a byte."""
    handler.close_connection = True


def breaks_off(handler):
    """Half of what was promised."""
    handler.send_response(200)
    handler.send_header("content-type", FHIR_JSON)
    handler.send_header("content-length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"resourceType":')
    handler.close_connection = True


def zipped(content):
    return says(
        gzip.compress(content if isinstance(content, bytes) else json.dumps(content).encode()), content_encoding="gzip"
    )


@lru_cache(maxsize=1)
def _packed() -> bytes:
    """64 KiB that unfold to 64 MiB, and may be repeated."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    megabyte = b" " * (1 << 20)
    return b"".join(packer.compress(megabyte) for _ in range(64)) + packer.flush(zlib.Z_SYNC_FLUSH)


def bomb(handler):
    """About a megabyte, packed."""
    body = _packed()
    handler.send_response(200)
    for name, value in {"content-type": FHIR_JSON, "content-encoding": "gzip", "transfer-encoding": "chunked"}.items():
        handler.send_header(name, value)
    handler.end_headers()
    for _ in range(16):
        handler.wfile.write(f"{len(body):x}\r\n".encode() + body + b"\r\n")
    handler.wfile.write(b"0\r\n\r\n")


def endless(handler):
    """Chunks without end."""
    handler.send_response(200)
    handler.send_header("content-type", FHIR_JSON)
    handler.send_header("transfer-encoding", "chunked")
    handler.end_headers()
    while True:
        handler.wfile.write(b"10000\r\n" + b" " * 65536 + b"\r\n")


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def handle_error(self, *_):
        pass


@contextmanager
def serving(context: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> Iterator[FhirServer]:
    """The server, answering until the block ends."""
    server = _Server((host, 0), Handler)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    scheme = "http" if context is None else "https"
    server.owner = FhirServer(f"{scheme}://{host}:{server.server_address[1]}", {"/": honest})
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server.owner
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
