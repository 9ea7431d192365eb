"""An app behind the guard, with pages that do nothing but say who came, and a browser to visit it."""

import asyncio
import html
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any
from urllib.parse import urlsplit

import httpx
from fastapi import Depends, FastAPI, Request, Response
from sqlalchemy import Engine, create_engine, delete
from sqlalchemy.pool import StaticPool

from radlogic.adapters.access import accounts
from radlogic.adapters.access.guard import (
    AccessSettings,
    Actor,
    Audit,
    Permission,
    actor_of,
    csrf_token,
    form_of,
    install,
    require,
)
from radlogic.adapters.access.passwords import Passwords
from radlogic.adapters.access.permissions import Role
from radlogic.adapters.access.settings import settings_from
from radlogic.adapters.access.tables import METADATA

BASE = "https://radlogic.test"
OURS = {"origin": BASE, "sec-fetch-site": "same-origin"}  # what a browser says of a form of our own page
PHRASE = "correct horse battery staple"
CHEAP = {"argon2_memory_kib": 32, "argon2_passes": 1}  # far less than the settings allow, so that tests are fast
PASSWORDS = Passwords(32, 1)
PHRASE_HASH = PASSWORDS.hashed(PHRASE)


@dataclass
class Clock:
    """Seconds that tests move."""

    now: float = 1_790_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Recorder:
    """The audit log of a test."""

    entries: list[tuple[str, str, Mapping[str, str]]] = field(default_factory=list)
    broken: Exception | None = None

    def __call__(self, actor: str, action: str, detail: Mapping[str, str]) -> None:
        if self.broken:
            raise self.broken
        self.entries.append((actor, action, dict(detail)))

    def actions(self) -> list[str]:
        return [action for _, action, _ in self.entries]


def memory() -> Engine:
    return create_engine(
        "sqlite://", poolclass=StaticPool, hide_parameters=True, connect_args={"check_same_thread": False}
    )


@dataclass
class World:
    """The app, its database, clock and audit log."""

    app: FastAPI
    engine: Engine
    clock: Clock  # of sessions
    ticks: Clock  # of limits
    audit: Recorder
    settings: AccessSettings
    runner: asyncio.Runner

    def account(self, name: str, *roles: Role) -> None:
        accounts.add(self.engine, name, roles or (Role.READER,), password_hash=PHRASE_HASH, now=int(self.clock()))

    def browser(self, address: str = "192.0.2.7", **headers: str) -> "Browser":
        return Browser(self, address, headers)


class Browser:
    """A client with cookies that says of itself what a browser says, and follows no redirect."""

    def __init__(self, world: World, address: str, headers: Mapping[str, str]) -> None:
        transport = httpx.ASGITransport(app=world.app, client=(address, 4711), raise_app_exceptions=True)
        shown = {"accept": "text/html", **headers}
        self.world, self.http = (
            world,
            httpx.AsyncClient(transport=transport, base_url=world.settings.base_url, headers=shown),
        )

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        return self.world.runner.run(self.http.request(method, path, **more))

    def get(self, path: str, **more: Any) -> httpx.Response:
        return self.ask("GET", path, **more)

    def post(self, path: str, fields: Mapping[str, str] | None = None, **headers: str) -> httpx.Response:
        """As a form of our own page would."""
        sent = {"origin": self.world.settings.base_url, "sec-fetch-site": "same-origin"} | headers
        return self.ask("POST", path, data=dict(fields or {}), headers=sent)

    def token_in(self, path: str) -> str:
        """The CSRF token of the form on a page."""
        found = re.search(r'name="csrf_token" value="([^"]+)"', self.get(path).text)
        assert found, path
        return html.unescape(found[1])

    def log_in(self, name: str, password: str = PHRASE, to: str = "", **headers: str) -> httpx.Response:
        fields = {"csrf_token": self.token_in("/login"), "name": name, "password": password, "next": to}
        return self.post("/login", fields, **headers)

    @property
    def cookie(self) -> str | None:
        values = [c.value for c in self.http.cookies.jar]
        return values[0] if values else None

    def follow(self, url: str) -> str:
        """Through another system's pages until it sends the browser back to us: path and query."""
        with httpx.Client(follow_redirects=False, trust_env=False, verify=False) as elsewhere:  # noqa: S501 - loopback
            back = elsewhere.get(url).headers["location"]
        assert back.startswith(self.world.settings.base_url)
        parts = urlsplit(back)
        return f"{parts.path}?{parts.query}"


def sign(browser: Browser, token: str, **headers: str) -> httpx.Response:
    """Send the form that signs a case."""
    return browser.post("/cases/1/signature", {"csrf_token": token, "note": "seen"}, **headers)


BUILT: dict[str, World] = {}


def build(runner: asyncio.Runner, engine: Engine, audit: Audit, recorder: Recorder, **settings: Any) -> World:
    """A world on a database of its own."""
    made = settings_from({"base_url": BASE, **settings}).model_copy(update=CHEAP)
    built = World(_app(), engine, Clock(), Clock(), recorder, made, runner)
    install(built.app, made, engine, audit, clock=built.clock, ticks=built.ticks)
    return built


def world(runner: asyncio.Runner, **settings: Any) -> World:
    """A world; ``settings`` over those of a test. Built once for each, and empty again each time it is asked for."""
    key = repr(sorted(settings.items()))
    if key not in BUILT:
        recorder = Recorder()
        BUILT[key] = build(runner, memory(), recorder, recorder, **settings)
    found = BUILT[key]
    with found.engine.begin() as db:
        for table in reversed(METADATA.sorted_tables):
            db.execute(delete(table))
    found.audit.entries, found.audit.broken, found.clock.now = [], None, Clock().now
    found.ticks.now += 86_400  # all buckets are full again
    return found


def _app() -> FastAPI:
    app = FastAPI(docs_url=None, openapi_url=None, redoc_url=None)

    @app.get("/")
    def home(request: Request) -> Response:
        actor = actor_of(request)
        token = f'<form><input name="csrf_token" value="{csrf_token(request)}"></form>'
        return Response(f"{actor.name if actor else 'nobody'} {token}", media_type="text/html")

    @app.get("/cases/{case_id}")
    def case(case_id: str, actor: Annotated[Actor, Depends(require(Permission.READ_CASE))]) -> dict[str, object]:
        launch = actor.launch
        return {"case": case_id, "who": actor.name, "patient": launch.patient if launch else None}

    @app.post("/cases/{case_id}/signature")
    async def sign(
        case_id: str, request: Request, actor: Annotated[Actor, Depends(require(Permission.SIGN))]
    ) -> dict[str, object]:
        return {"signed": case_id, "by": actor.name, "fields": await form_of(request)}

    @app.get("/accounts")
    def accounts_page(actor: Annotated[Actor, Depends(require(Permission.MANAGE_ACCOUNTS))]) -> dict[str, str]:
        return {"who": actor.name}

    @app.post("/cds-services/x")
    async def machine(request: Request) -> dict[str, int]:
        return {"bytes": len(await request.body())}

    @app.post("/cds-services/y")
    def machine_asks(actor: Annotated[Actor, Depends(require(Permission.READ_CASE))]) -> dict[str, str]:
        return {"who": actor.name}

    return app
