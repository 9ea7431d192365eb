"""A CDS service with its guard, a client that signs with its own code, and the client's key server; for tests.

Tokens are made by ``identity_server``, which shares no code with the product. The app behind the guard says who the
product believes to call, and nothing else.
"""

import asyncio
import itertools
import json
import time
from dataclasses import dataclass, field
from typing import Annotated

import httpx
from fastapi import Depends, FastAPI, Request
from identity_server import EcKey, signed

from radlogic.adapters.cds_hooks.seam import Client
from radlogic.adapters.cds_hooks.trust.guard import CdsGuard, verified
from radlogic.adapters.cds_hooks.trust.replay import InMemory
from radlogic.adapters.cds_hooks.trust.settings import trust_from
from radlogic.adapters.cds_hooks.trust.verify import Verifier

BASE = "https://cds.hospital.example"
SERVICE = "/cds-services/radlogic-patient-view"
ISS = "https://ehr.hospital.example"
JKU = "https://ehr.hospital.example/.well-known/jwks.json"
NOW = 1_790_000_000
KEY = EcKey("key-1")
Who = Annotated[Client, Depends(verified)]
_NUMBERS = itertools.count()


def claims(**changes):
    """Those of an honest token for the service; a change to None takes a claim out."""
    honest = {
        "iss": ISS,
        "aud": BASE + SERVICE,
        "exp": NOW + 300,
        "iat": NOW,
        "jti": f"jti-{next(_NUMBERS)}",
    }
    return {name: value for name, value in (honest | changes).items() if value is not None}


def token(key=KEY, header=None, **changes):
    return signed(key, claims(**changes), **({"jku": JKU} | (header or {})))


@dataclass
class World:
    """One guarded app; ``reached`` counts the calls that came through."""

    app: object
    runner: asyncio.Runner
    verifier: Verifier
    reached: list = field(default_factory=list)

    def call(self, *tokens, path=SERVICE, method="POST", headers=(), content=b"{}", client=("127.0.0.1", 1)):
        """One request; each token in a header of its own."""
        sent = [(b"authorization", b"Bearer " + one.encode("latin-1")) for one in tokens] + [
            (n.encode(), v.encode()) for n, v in headers
        ]
        return self.runner.run(self._call(method, path, sent, content, client))

    async def _call(self, method, path, headers, content, client):
        transport = httpx.ASGITransport(app=self.app, client=client)
        async with httpx.AsyncClient(transport=transport, base_url=BASE) as http:
            return await http.request(method, path, headers=headers, content=content if method == "POST" else None)


def make(runner, folder, *, keys=(KEY,), tenants=(), now=lambda: NOW, ticks=time.monotonic, replays=None, **settings):
    """A world whose only client has its keys in a file."""
    jwks = folder / "jwks.json"
    jwks.write_text(json.dumps({"keys": [key.jwk() for key in keys]}), encoding="utf-8")
    client = {"name": "ehr", "iss": ISS, "keys": [{"jku": JKU, "file": str(jwks)}], "tenants": tenants}
    trust = trust_from({"base_url": BASE, "clients": [client]} | settings)
    verifier = Verifier(trust, replays or InMemory(trust.replays, now), clock=now)
    inner = FastAPI()
    world = World(CdsGuard(inner, trust, verifier, ticks), runner, verifier)
    _routes(inner, world)
    return world


def _routes(inner, world):
    @inner.get("/cds-services")
    def discover(_: Who):
        return {"services": []}

    @inner.get("/healthz")
    def alive():
        return {"status": "ok"}

    @inner.get("/unguarded")
    def unguarded(_: Who):
        return {}

    @inner.post("/cds-services/{service}")
    async def call(request: Request, client: Who):
        world.reached.append(client)
        return {"issuer": client.issuer, "tenant": client.tenant, "bytes": len(await request.body())}
