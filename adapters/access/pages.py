"""The few pages of this room; every value is escaped, nothing is loaded from elsewhere."""

from __future__ import annotations

import re
from functools import lru_cache
from importlib.resources import files

from jinja2 import Environment, FunctionLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from ..notice import INTENDED_USE

STYLE = "/access.css"
# A path of ours: one slash, then no second one and no backslash, either of which browsers take for a host.
LOCAL = re.compile(r"/(?:[A-Za-z0-9\-._~%?=&,+@:](?:[A-Za-z0-9\-._~%/?=&,+@:])*)?")


def template_text(name: str) -> str:
    """A template's source."""
    return (files("radlogic.adapters.access") / "templates" / name).read_text(encoding="utf-8")


@lru_cache(maxsize=1)
def environment() -> Environment:
    """Jinja with autoescape; an unknown name is an error."""
    made = Environment(loader=FunctionLoader(template_text), autoescape=True, undefined=StrictUndefined)
    made.globals.update(intended_use=INTENDED_USE, style=STYLE)
    return made


def page(name: str, status: int = 200, **values: object) -> HTMLResponse:
    """A page of this room."""
    return HTMLResponse(environment().get_template(name).render(values), status)


def refused(request: Request, status: int, sentence: str) -> Response:
    """A refusal: a page for people, JSON for scripts."""
    if "text/html" in request.headers.get("accept", ""):
        return page("refused.html.j2", status, sentence=sentence)
    return JSONResponse({"error": sentence}, status)


def local(path: str | None, home: str) -> str:
    """Where to go after a login: a path on this site, else home (no open redirect)."""
    return path if path and len(path) <= 1000 and LOCAL.fullmatch(path) else home
