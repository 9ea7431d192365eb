"""An EHR on loopback: the pages of ``cds_hooks/client``, their key set, and an open FHIR R4 server; for tests.

Written from CDS Hooks 2.0 and FHIR R4 (RESTful API, search); shares no code with the product. ``watched`` notes what
passes between browsers and an app.
"""

import json
import re
import socket
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs

import uvicorn
from markdown_it import MarkdownIt
from starlette.applications import Starlette
from starlette.responses import FileResponse, HTMLResponse, JSONResponse
from starlette.routing import Route

PAGES = Path(__file__).parent / "cds_hooks" / "client"
MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])  # GFM, without HTML
FHIR_JSON = "application/fhir+json"
JANE = "jane-doe-1960"
CHART = [
    {
        "resourceType": "Patient",
        "id": JANE,
        "name": [{"family": "Doe", "given": ["Jane", "Q."]}],
        "gender": "female",
        "birthDate": "1960-05-04",
    }
]
SNOMED, LOINC, CPT = "http://snomed.info/sct", "http://loinc.org", "http://www.ama-assn.org/go/cpt"
STUDIES = {
    "ct": {"system": LOINC, "code": "24627-2", "display": "CT Chest"},
    "ldct": {"system": SNOMED, "code": "16334891000119106", "display": "Low dose CT of thorax"},
    "spine": {"system": CPT, "code": "72133", "display": "Lumbar spine CT"},
}
REASONS = {
    "nodule": {"system": SNOMED, "code": "427359005", "display": "Solitary nodule of lung"},
    "back": {"system": SNOMED, "code": "279039007", "display": "Low back pain"},
}


@dataclass
class Ehr:
    """Its state, which tests read and change. ``asked``: method, path, and whether a browser asked."""

    origin: str
    cds: str = ""
    patient: str = JANE
    withheld: tuple[str, ...] = ()
    chart: list = field(default_factory=lambda: list(CHART))
    keys: list = field(default_factory=list)
    asked: list = field(default_factory=list)

    @property
    def fhir(self):
        return f"{self.origin}/fhir"

    @property
    def jku(self):
        return f"{self.origin}/.well-known/jwks.json"

    def setup(self):
        """What the page is told."""
        places = {"cds": self.cds, "fhir": self.fhir, "iss": self.origin, "patient": self.patient}
        return places | {"withheld": list(self.withheld), "studies": STUDIES, "reasons": REASONS}

    def found(self, kind, parameters):
        """The resources that a search finds, as a Bundle."""
        wanted = {name: values[0].split(",") for name, values in parameters.items()}
        hits = [one for one in self.chart if one["resourceType"] == kind and _fits(one, wanted)]
        entry = [{"fullUrl": f"{self.fhir}/{kind}/{one['id']}", "resource": one} for one in hits]
        return {"resourceType": "Bundle", "type": "searchset", "total": len(hits)} | ({"entry": entry} if entry else {})


def _fits(resource, wanted):
    codings = [f"{c.get('system')}|{c.get('code')}" for c in resource.get("code", {}).get("coding", ())]
    said = {
        "patient": [resource.get("subject", {}).get("reference", "").removeprefix("Patient/")],
        "status": [resource.get("status")],
        "code": codings,
        "_id": [resource.get("id")],
    }
    return all(set(said.get(name, ())) & set(values) for name, values in wanted.items() if name in said)


def _app(ehr):
    def noted(request):
        ehr.asked.append((request.method, request.url.path, "sec-fetch-mode" in request.headers))

    def fhir(value, status=200):
        return JSONResponse(value, status, media_type=FHIR_JSON)

    def metadata(request):
        noted(request)
        return fhir({"resourceType": "CapabilityStatement", "status": "active", "fhirVersion": "4.0.1"})

    def read(request):
        noted(request)
        kind, number = request.path_params["kind"], request.path_params["number"]
        hits = [one for one in ehr.chart if (one["resourceType"], one["id"]) == (kind, number)]
        return fhir(hits[0]) if hits else fhir({"resourceType": "OperationOutcome"}, 404)

    def search(request):
        noted(request)
        return fhir(ehr.found(request.path_params["kind"], parse_qs(request.url.query)))

    async def post_search(request):
        noted(request)
        return fhir(ehr.found(request.path_params["kind"], parse_qs((await request.body()).decode())))

    async def key(request):
        ehr.keys.append(json.loads(await request.body()))
        return JSONResponse({})

    async def markdown(request):
        return HTMLResponse(MARKDOWN.render((await request.body()).decode()))

    def file(name):
        return lambda _: FileResponse(PAGES / name)

    return Starlette(
        routes=[
            Route("/", file("ehr.html")),
            Route("/ehr.js", file("ehr.js")),
            Route("/ehr.css", file("ehr.css")),
            Route("/setup", lambda _: JSONResponse(ehr.setup())),
            Route("/keys", key, methods=["POST"]),
            Route("/.well-known/jwks.json", lambda _: JSONResponse({"keys": ehr.keys})),
            Route("/markdown", markdown, methods=["POST"]),
            Route("/fhir/metadata", metadata),
            Route("/fhir/{kind}/_search", post_search, methods=["POST"]),
            Route("/fhir/{kind}/{number}", read),
            Route("/fhir/{kind}", search),
        ]
    )


@contextmanager
def running(app, listener, *, lifespan="off"):
    """An app, answering on a socket until the block ends."""
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, lifespan=lifespan, ws="none"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(20)


@contextmanager
def ehr_at_work():
    """The EHR, on a port of its own."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ehr = Ehr(f"http://127.0.0.1:{listener.getsockname()[1]}")
        with running(_app(ehr), listener):
            yield ehr


@dataclass
class Exchange:
    """One request of a browser and its answer."""

    method: str
    path: str
    asked: dict
    sent: bytes
    status: int = 0
    said: dict = field(default_factory=dict)
    body: bytes = b""

    @property
    def json(self):
        return json.loads(self.body)


class Watched:
    """A layer around an app that notes every exchange in ``seen``."""

    def __init__(self, app):
        self.app, self.seen = app, []

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        one = Exchange(scope["method"], scope["path"], _headers(scope["headers"]), b"")
        self.seen.append(one)

        async def heard():
            message = await receive()
            one.sent += message.get("body", b"")
            return message

        async def told(message):
            if message["type"] == "http.response.start":
                one.status, one.said = message["status"], _headers(message["headers"])
            one.body += message.get("body", b"")
            await send(message)

        await self.app(scope, heard, told)

    def of(self, method, pattern):
        return [one for one in self.seen if one.method == method and re.fullmatch(pattern, one.path)]


def _headers(raw):
    return {name.decode().lower(): value.decode("latin-1") for name, value in raw}
