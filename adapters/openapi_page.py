"""The document of the machine interface for people: ``/docs``, one page without script, and ``/openapi.json``.

Swagger UI and its like are a megabyte of script with inline styles; this page needs neither, loads nothing from
elsewhere and stands under the same strict policy as every other page.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response
from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup, escape

from .access.headers import ALWAYS
from .notice import INTENDED_USE
from .openapi import document, text
from .openapi_schemas import PLACE, Schema

LIMITS = {
    "minLength": "{} or more letters",
    "maxLength": "at most {} letters",
    "minItems": "{} or more",
    "maxItems": "at most {} of them",
    "pattern": "matches {}",
    "format": "{}",
}
SAYS_NO_MORE = {"type", "description", "properties", "required"}


def docs_routes() -> APIRouter:
    """``GET /docs``, its style, and ``GET /openapi.json``: the same for all callers, and nothing of any patient."""
    router = APIRouter(include_in_schema=False)

    @router.get("/docs")
    def docs() -> HTMLResponse:
        """The page."""
        return HTMLResponse(page(), headers=ALWAYS)

    @router.get("/docs/page.css")
    def style() -> Response:
        """Its style."""
        return Response(_template("openapi.css"), media_type="text/css", headers=ALWAYS)

    @router.get("/openapi.json")
    def openapi() -> Response:
        """The document itself."""
        return Response(text(), media_type="application/json", headers=ALWAYS)

    return router


@lru_cache(maxsize=1)
def page() -> str:
    """The whole page.

    Raises:
        MissingKnowledge: the services' data are absent or broken.
    """
    return _environment().get_template("openapi.html.j2").render(it=document(), intended_use=INTENDED_USE)


@lru_cache(maxsize=1)
def _environment() -> Environment:
    made = Environment(autoescape=True, undefined=StrictUndefined, loader=FunctionLoader(_template))
    made.filters |= {"words": words, "prose": prose, "spans": spans, "pretty": pretty, "rest": rest}
    made.globals |= {"resolved": resolved, "operations": operations}
    return made


def _template(name: str) -> str:
    return (files("radlogic.adapters") / "templates" / name).read_text(encoding="utf-8")


def operations(it: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Method, path and operation, in the document's order."""
    return ((method, path, said) for path, item in it["paths"].items() for method, said in item.items())


def resolved(it: Mapping[str, Any], part: Mapping[str, Any]) -> Mapping[str, Any]:
    """A part of the document, looked up where it is a reference."""
    found: Any = it
    if "$ref" not in part:
        return part
    for step in part["$ref"].removeprefix("#/").split("/"):
        found = found[step]
    return found  # type: ignore[no-any-return]


def words(schema: Schema) -> Markup:
    """What a value is, in few words: "list of Card", "text (1 or more letters, at most 139 letters)"."""
    if "$ref" in schema:
        name = schema["$ref"].removeprefix(PLACE)
        return Markup('<a href="#{0}">{0}</a>').format(name)
    kind = _kind(schema)
    limits = [LIMITS[name].format(schema[name]) for name in LIMITS if schema.get(name)]
    return Markup("{} ({})").format(kind, ", ".join(limits)) if limits else kind


def _kind(schema: Schema) -> Markup:
    if "const" in schema:
        return Markup("<code>{}</code>").format(json.dumps(schema["const"]))
    if "enum" in schema:
        return Markup(" or ").join(Markup("<code>{}</code>").format(json.dumps(one)) for one in schema["enum"])
    if "anyOf" in schema and "type" not in schema:
        return Markup(" or ").join(dict.fromkeys(words(one) for one in schema["anyOf"]))
    if schema.get("type") == "array":
        return Markup("list of {}").format(words(schema["items"]))
    named = {"string": "text", "boolean": "true or false", "null": "null", "object": "object", "number": "number"}
    kinds = schema.get("type", [])
    return escape(" or ".join(named[k] for k in ([kinds] if isinstance(kinds, str) else kinds)) or "anything")


def rest(schema: Schema) -> Schema:
    """What a schema says that the table of its fields does not."""
    return {name: value for name, value in schema.items() if name not in SAYS_NO_MORE}


def prose(said: str) -> Markup:
    """Paragraphs, with what stands between back ticks as code."""
    return Markup("").join(Markup("<p>{}</p>").format(spans(part)) for part in said.strip().split("\n\n"))


def spans(part: str) -> Markup:
    """A sentence, with what stands between back ticks as code."""
    pieces = enumerate(re.split(r"`([^`]*)`", part))
    return Markup("").join(Markup("<code>{}</code>").format(one) if i % 2 else escape(one) for i, one in pieces)


def pretty(value: Any) -> str:
    """JSON for people."""
    return json.dumps(value, indent=2, ensure_ascii=False)
