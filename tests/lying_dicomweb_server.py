"""A DICOMweb server on loopback, in threads, that is honest until it is told how to misbehave.

Written from PS3.18 section 10 (QIDO-RS, WADO-RS, STOW-RS) and plain ``http.server`` and pydicom; shares no code with
the product. It keeps objects in memory and counts what it was sent.
"""

import io
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from pydicom import dcmread

JSON = "application/dicom+json"
MULTIPART = 'multipart/related; type="application/dicom"; boundary=%s'
BOUNDARY = "a-boundary-of-the-server"
PAGE = 1000


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else each answer, sent in two parts, waits 40 ms for an ACK

    def do_GET(self):
        self._do("GET")

    def do_POST(self):
        self.body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self._do("POST")

    def _do(self, method):
        owner = self.server.owner
        owner.asked.append((method, self.path))
        behave = owner.behaviours.get(method) or next(
            (how for key, how in owner.behaviours.items() if key in self.path and key != method), None
        )
        try:
            (behave or owner.honest)(self)
            self.wfile.flush()
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def log_message(self, *_):
        pass

    def reply(self, body=b"", status=200, media=JSON, **headers):
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"content-type": media, "content-length": str(len(body)), **headers}.items():
            if value is not None:
                self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def objects(self, files, *, end=True, part=b"Content-Type: application/dicom"):
        """The multipart answer that holds these files; without ``end`` it lacks its last boundary."""
        parts = [f"--{BOUNDARY}\r\n".encode() + part + b"\r\n\r\n" + data + b"\r\n" for data in files]
        self.reply(b"".join(parts) + (f"--{BOUNDARY}--\r\n".encode() if end else b""), media=MULTIPART % BOUNDARY)


@dataclass
class DicomWebServer:
    """What it keeps (SOP Instance UID -> file), what it was asked and sent, and how it behaves."""

    origin: str
    kept: dict[str, bytes] = field(default_factory=dict)
    asked: list = field(default_factory=list)
    sent: list = field(default_factory=list)
    behaviours: dict = field(default_factory=dict)
    page: int = PAGE
    counts: bool = True
    names_kinds: bool = True

    @property
    def url(self):
        return f"{self.origin}/dicom-web"

    def put(self, *files: Path):
        for file in files:
            data = file.read_bytes()
            self.kept[str(dcmread(io.BytesIO(data), stop_before_pixels=True).SOPInstanceUID)] = data

    def headers(self):
        return {uid: dcmread(io.BytesIO(data), stop_before_pixels=True) for uid, data in self.kept.items()}

    def uids(self, modality=None):
        return sorted(u for u, d in self.headers().items() if modality in (None, d.get("Modality")))

    # ---- honest --------------------------------------------------------------------------------

    def honest(self, handler):
        if handler.command == "POST":
            return self.store(handler)
        parts = urlsplit(handler.path)
        path, query = parts.path.removeprefix("/dicom-web/"), dict(parse_qsl(parts.query))
        named = dict(re.findall(r"(studies|series|instances)/([^/]+)", path))
        if handler.headers.get("accept", "").startswith("multipart"):
            return self.retrieve(handler, named)
        level = path.rstrip("/").rsplit("/", 1)[-1]
        return handler.reply(self.search(level, named, query))

    def of(self, named):
        keys = {"studies": "StudyInstanceUID", "series": "SeriesInstanceUID", "instances": "SOPInstanceUID"}
        heads = self.headers()
        return {u: h for u, h in heads.items() if all(str(h.get(keys[k])) == v for k, v in named.items())}

    def search(self, level, named, query):
        key = {"studies": "StudyInstanceUID", "series": "SeriesInstanceUID", "instances": "SOPInstanceUID"}[level]
        groups = {}
        for head in self.of(named).values():
            groups.setdefault(str(head.get(key)), []).append(head)
        found = [self.entry(level, heads) for heads in groups.values() if self.fits(heads, query)]
        at, limit = int(query.get("offset", 0)), min(int(query.get("limit", self.page)), self.page)
        return found[at : at + limit]

    def fits(self, heads, query):
        first, _, last = query.get("StudyDate", "").partition("-")
        day = str(heads[0].get("StudyDate", ""))
        modalities = {str(h.get("Modality", "")) for h in heads}
        wanted = re.escape(query.get("PatientID", "*")).replace(r"\?", ".").replace(r"\*", ".*")
        return (
            (not first or first <= day)
            and (not last or day <= last)
            and query.get("ModalitiesInStudy", next(iter(modalities))) in modalities
            and re.fullmatch(wanted, str(heads[0].get("PatientID", "")))
        )

    def entry(self, level, heads):
        h = heads[0]
        values = {
            "studies": {
                "00080020": ("DA", h.get("StudyDate")),
                "00081030": ("LO", h.get("StudyDescription")),
                "00100020": ("LO", h.get("PatientID")),
                "0020000D": ("UI", h.get("StudyInstanceUID")),
                **({"00201208": ("IS", len(heads))} if self.counts else {}),
            },
            "series": {
                "00080060": ("CS", h.get("Modality")),
                "0008103E": ("LO", h.get("SeriesDescription")),
                "00180015": ("CS", h.get("BodyPartExamined")),
                "0020000E": ("UI", h.get("SeriesInstanceUID")),
                **({"00201209": ("IS", len(heads))} if self.counts else {}),
            },
            "instances": {
                "00080016": ("UI", self.names_kinds and h.get("SOPClassUID")),
                "00080018": ("UI", h.get("SOPInstanceUID")),
            },
        }[level]
        said = {tag: {"vr": vr, "Value": [v if isinstance(v, int) else str(v)]} for tag, (vr, v) in values.items() if v}
        if level == "studies":
            said["00080061"] = {"vr": "CS", "Value": sorted({str(x.get("Modality", "")) for x in heads})}
        return said

    def retrieve(self, handler, named):
        found = [self.kept[uid] for uid in self.of(named)]
        return handler.objects(found) if found else handler.reply({}, 404)

    def store(self, handler, *, keep=True):
        uid, kind, data = self.arrived(handler)
        if keep:
            self.kept[uid] = data
        said = {"00081150": {"vr": "UI", "Value": [kind]}, "00081155": {"vr": "UI", "Value": [uid]}}
        handler.reply({"00081199": {"vr": "SQ", "Value": [said]}})

    def arrived(self, handler):
        """The one object of a STOW-RS request."""
        boundary = re.search(r"boundary=(\S+)", handler.headers["content-type"])[1].encode()
        data = handler.body.split(b"--" + boundary)[1].split(b"\r\n\r\n", 1)[1][:-2]
        head = dcmread(io.BytesIO(data), stop_before_pixels=True)
        self.sent.append(str(head.SOPInstanceUID))
        return str(head.SOPInstanceUID), str(head.SOPClassUID), data

    def refuses(self, reason, status=409, *, then=None):
        """Behaviour: store nothing and give this failure reason; ``then`` stands from the next request on."""

        def behave(handler):
            uid, kind, _ = self.arrived(handler)
            failed = {
                "00081150": {"vr": "UI", "Value": [kind]},
                "00081155": {"vr": "UI", "Value": [uid]},
                "00081197": {"vr": "US", "Value": [reason]},
            }
            if then is not None:
                self.behaviours["POST"] = then
            handler.reply({"00081198": {"vr": "SQ", "Value": [failed]}}, status)

        return behave


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, *_):
        pass


@contextmanager
def serving(port: int = 0) -> Iterator[DicomWebServer]:
    """The server, answering until the block ends."""
    server = _Server(("127.0.0.1", port), Handler)
    server.owner = DicomWebServer(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server.owner
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
