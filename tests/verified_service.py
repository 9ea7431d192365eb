"""The whole service as it is served, verification on, over a store of its own; and a client with a key of its own.

Tokens are made by ``identity_server``, which shares no code with the product; each is for the path that is called, and
used once.
"""

import asyncio
import itertools
import json
import time
from datetime import UTC, date, datetime, timedelta

import httpx
from cds_world import of_jane
from identity_server import EcKey, signed
from sample_decisions import screening

from radlogic.adapters.cds_hooks.settings import CdsSettings
from radlogic.adapters.cds_hooks.setup import counted, services_of
from radlogic.adapters.cds_hooks.trust.settings import trust_from
from radlogic.adapters.monitor.metrics import Metrics, metrics_routes
from radlogic.adapters.service import create_app
from radlogic.adapters.store.cases import Store
from radlogic.adapters.store.log import FileLog
from radlogic.adapters.store.queue import FileQueue

BASE = "http://127.0.0.1:8765"
ISS = "https://ehr.hospital.example"
MANY = {"burst": 10**6, "requests_per_s": 10**6, "client_burst": 10**6, "client_requests_per_s": 10**6}
LATE = date.today() - timedelta(days=200)  # an exam whose follow-up of three months is overdue


class Caller:
    """A client of the app: with tokens, or without."""

    def __init__(self, app, key, base=BASE):
        self.app, self._key, self._base = app, key, base
        self._numbers, self._runner = itertools.count(), asyncio.Runner()

    def token(self, path, **claims):
        now = int(time.time())
        said = {
            "iss": ISS,
            "aud": self._base + path,
            "exp": now + 300,
            "iat": now,
            "jti": f"call-{next(self._numbers)}",
        }
        return signed(self._key, said | claims)

    def send(self, method, path, *, verified=True, headers=None, content=b""):
        """The answer, by ASGI; the path may have a query."""
        named = {"authorization": f"Bearer {self.token(path.partition('?')[0])}"} if verified else {}
        return self._runner.run(self._send(method, path, dict(headers or {}) | named, content))

    async def _send(self, method, path, headers, content):
        transport = httpx.ASGITransport(app=self.app)
        async with httpx.AsyncClient(transport=transport, base_url=self._base) as http:
            return await http.request(method, path, headers=headers, content=content)

    def post(self, path, body, **more):
        headers = {"content-type": "application/json"}
        return self.send("POST", path, headers=headers, content=json.dumps(body).encode(), **more)

    def meet(self):
        """The service reads the client's keys; on a busy machine it may give up waiting for them at first."""
        tries = (self.send("GET", "/cds-services").status_code for _ in range(20) if not time.sleep(0.05))
        assert 200 in tries

    def close(self):
        self._runner.close()


def service(folder, key=None, **settings):
    """The app and a client that it trusts; Jane's follow-up is overdue."""
    key = key or EcKey()
    jwks = folder / "jwks.json"
    jwks.write_text(json.dumps({"keys": [key.jwk()]}), encoding="utf-8")
    client = {"name": "ehr", "iss": ISS, "keys": [{"jku": f"{ISS}/jwks", "file": str(jwks)}]}
    return Caller(
        app_of(folder / "store", trust_from({"base_url": BASE, "clients": [client], **MANY}), **settings), key
    )


def late_decision():
    """Jane's: Lung-RADS 4A, its follow-up of three months overdue."""
    return of_jane(screening(), date=LATE)


def store_of(folder, *decisions):
    """A new store with these decisions."""
    store = Store.open(folder)
    for one in decisions:
        store.add(one, datetime.now(UTC), "radlogic")
    return store


def app_of(folder, trust, **settings):
    """The app over a new store; Jane's follow-up is overdue."""
    store = store_of(folder, late_decision())
    metrics = Metrics(services=counted())
    services = services_of(
        FileLog(folder), FileQueue(folder), store=store, trust=trust, metrics=metrics, settings=CdsSettings(**settings)
    )
    app = create_app(services)
    app.include_router(metrics_routes(metrics, store))
    return app
