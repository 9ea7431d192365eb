"""The templates, and the one place where a refusal becomes a page."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine, Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.routing import APIRoute
from jinja2 import Environment, FunctionLoader, StrictUndefined
from starlette.responses import HTMLResponse, JSONResponse, Response

from ...engine.errors import InputError, NotReadable, RadlogicError
from ..access.guard import actor_of, csrf_token, form_of
from ..access.permissions import Permission
from ..notice import INTENDED_USE, PRELIMINARY
from ..report.plain_names import in_words
from ..report.words import clean, label
from ..store.errors import (
    AlreadySigned,
    ChangedMeanwhile,
    IdTaken,
    NoSuchDecision,
    NotAnchored,
    NothingChanged,
    ReasonsNotOpened,
    StoreUnavailable,
    Superseded,
)
from .errors import NotYourPatient, NotYoursToTakeBack, ReadFirst

LOG = logging.getLogger("radlogic.review")
STATIC = {"review.css": "text/css", "report.css": "text/css", "review.js": "text/javascript"}
# the case stands otherwise: 409
TAKEN = (AlreadySigned, ChangedMeanwhile, IdTaken, Superseded, ReasonsNotOpened, NothingChanged, ReadFirst)
TITLES: dict[type[RadlogicError], str] = {
    AlreadySigned: "Somebody signed this case before you",
    ChangedMeanwhile: "Somebody judged this case since your page was loaded",
    Superseded: "This case has a newer decision",
    ReasonsNotOpened: "Open the reasons first",
    NothingChanged: "Nothing was changed",
    ReadFirst: "Your own findings come first",
    NoSuchDecision: "There is no such case",
    NotYoursToTakeBack: "A reviewer gave another answer",
    NotYourPatient: "Another patient's case",
}

UNCHANGED = "The store cannot be read or written just now; nothing was changed."
KEPT = "It may have been kept, but the record could not be anchored: look at the case again before you repeat it."


def template_text(name: str) -> str:
    """A template's source."""
    return (files("radlogic.adapters.review") / "templates" / name).read_text(encoding="utf-8")


@lru_cache(maxsize=len(STATIC))
def static_text(name: str) -> str:
    """A file that every page loads: our own, and the report's style sheet, which draws the plots."""
    room, folder = ("report", "templates") if name == "report.css" else ("review", "static")
    return (files(f"radlogic.adapters.{room}") / folder / name).read_text(encoding="utf-8")


@lru_cache(maxsize=1)
def environment() -> Environment:
    """Jinja with autoescape for every template; an unknown name is an error."""
    made = Environment(
        loader=FunctionLoader(template_text), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    made.globals.update(intended_use=INTENDED_USE, preliminary=PRELIMINARY, may=Permission)
    made.filters["plain"] = lambda text: clean(str(text))
    made.filters["in_words"] = in_words
    return made


def page(request: Request, name: str, status: int = 200, **values: Any) -> HTMLResponse:
    """A page for whoever is logged in."""
    known = {"csrf_token": csrf_token(request), "actor": actor_of(request)}
    return HTMLResponse(environment().get_template(name).render({**known, **values}), status)


async def fields_of(request: Request) -> Mapping[str, str]:
    """The fields of the form, kept with the request so that a refusal can give them back."""
    fields = await form_of(request)
    request.state.fields = fields
    return fields


Fields = Annotated[Mapping[str, str], Depends(fields_of)]


class Answered(APIRoute):
    """A route whose refusals are pages for people and JSON for scripts; what was typed comes back with them."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The route's own handler, its errors answered."""
        handle = super().get_route_handler()

        async def answered(request: Request) -> Response:
            try:
                return await handle(request)
            except RadlogicError as error:
                return refusal(request, error)

        return answered


def refusal(request: Request, error: RadlogicError) -> Response:
    """What is said of an error: a fault of ours is logged and not shown."""
    status = status_of(error)
    if status >= 500:
        LOG.error("%s: %s", type(error).__name__, error)
    said = sentence(error) if status < 500 else KEPT if isinstance(error, NotAnchored) else UNCHANGED
    if "text/html" not in request.headers.get("accept", ""):
        return JSONResponse({"error": said}, status)
    return page(
        request,
        "refused.html.j2",
        status,
        title=TITLES.get(type(error), "This cannot be done"),
        sentence=said,
        error=error.as_record() if status < 500 else {},
        typed=typed(getattr(request.state, "fields", {})),
        decision_id=request.path_params.get("decision_id", "") if status == 409 else "",
    )


def status_of(error: RadlogicError) -> int:
    """The answer's status code."""
    if isinstance(error, TAKEN):
        return 409
    if isinstance(error, StoreUnavailable):
        return 503
    if isinstance(error, NotReadable) or not isinstance(error, InputError):
        return 500
    return {NoSuchDecision: 404, NotYourPatient: 403, NotYoursToTakeBack: 403}.get(type(error), 422)


def sentence(error: RadlogicError) -> str:
    """An error in words for who reads the page."""
    if isinstance(error, AlreadySigned):
        return f"{error.by} signed it at {error.at}. What is signed stays as it is; a correction takes its place."
    if isinstance(error, ChangedMeanwhile):
        return f"{error.by} judged it at {error.at}, and your page did not show that. Look at the case, then decide."
    if isinstance(error, Superseded):
        return "Another decision took its place meanwhile. Nothing more can be done here: go to the newer one."
    where = f"{words(error.field)}: " if error.field else ""
    return f"{where}found {error.found}; allowed: {error.allowed}. {error.cure}"


def words(field: str) -> str:
    """A form field's name in words."""
    return label(field.partition(".")[2] or field)


def typed(fields: Mapping[str, str]) -> list[tuple[str, str]]:
    """What the reader typed, in words, so that nothing of it is lost."""
    silent = {"do", "csrf_token", "looked", "seen", "only"}
    shown = ((n, text) for n, text in fields.items() if n not in silent and not n.endswith(".shown"))
    return [(words(name), text) for name, text in shown if text.strip()]
