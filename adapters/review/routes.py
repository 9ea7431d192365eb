"""The routes of the review pages. Every one asks for a permission; every change is a POST with the session's token.

URLs hold decision ids and numbers only. What a person may not see is not sent to the browser at all: it is not in
the page that hides it, nor in what the viewer asks for.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import RedirectResponse, Response

from ...engine.errors import BadValue, InputError
from ...engine.record import Assessment
from ...engine.types import Priority
from ..access.guard import require
from ..access.permissions import Actor, Permission
from ..report.view import lesions
from ..store.cases import Filter, State
from ..store.errors import NoSuchDecision
from ..store.images import KeptImages
from . import casepage
from .desk import Desk, Look
from .evidence import evidence_of
from .pages import STATIC, Answered, Fields, page, static_text

ID = re.compile(r"[A-Za-z0-9-]{1,64}")
STATES = {"open": None, **{s.value: (s,) for s in State}, "all": tuple(State)}
LONGEST_COMMENT = 4000
Text = Annotated[str, Query(max_length=200)]


def decision(decision_id: str) -> str:
    """The id in the path, if it can be one; another is not quoted.

    Raises:
        NoSuchDecision: it cannot.
    """
    if not ID.fullmatch(decision_id):
        cure = "Choose one in the list."
        raise NoSuchDecision("the record", "decision_id", "a text that is no id", "a decision of the record", cure)
    return decision_id


Id = Annotated[str, Depends(decision)]
Sees = Annotated[Actor, Depends(require(Permission.READ_CASE))]
Reads = Annotated[Actor, Depends(require(Permission.COMMIT_READING))]
Corrects = Annotated[Actor, Depends(require(Permission.CORRECT))]
Overrides = Annotated[Actor, Depends(require(Permission.OVERRIDE))]
Signs = Annotated[Actor, Depends(require(Permission.SIGN))]


def review_routes(desk: Desk) -> APIRouter:
    """The worklist, the case page, what is done on it, and the slices, over one desk."""
    router = APIRouter(route_class=Answered, include_in_schema=False)
    _files(router)
    _looking(router, desk)
    _reading(router, desk)
    _judging(router, desk)
    _correcting(router, desk)
    _pixels(router, desk)
    return router


def _files(router: APIRouter) -> None:
    @router.get("/review-static/{name}")
    def static(name: str) -> Response:
        """Style sheets and the script: no patient in them, so a browser may keep them for an hour."""
        if name not in STATIC:
            raise NoSuchDecision("review", "name", "another file", ", ".join(STATIC), "Ask for one of these.")
        return Response(static_text(name), media_type=STATIC[name], headers={"Cache-Control": "max-age=3600"})

    @router.get("/favicon.ico")
    def icon() -> Response:
        """None: browsers ask for one on pages that name none."""
        return Response(status_code=204, headers={"Cache-Control": "max-age=86400"})


def _looking(router: APIRouter, desk: Desk) -> None:
    @router.get("/review")
    def worklist(
        request: Request, actor: Sees, state: Text = "open", priority: Text = "", mine: Text = "", after: Text = ""
    ) -> Response:
        """What waits, most urgent first."""
        if state not in STATES or priority not in ("", *Priority):
            raise BadValue("worklist", "filter", "another word", ", ".join((*STATES, *Priority)), "Choose one.")
        urgency = Priority(priority) if priority else None
        which = Filter(STATES[state], urgency, assigned=actor.name if mine else None)
        rows = desk.worklist(actor, which, after or None)
        chosen = {"state": state, "priority": priority, "mine": mine}
        full = len(rows) == desk.settings.page_size
        return page(
            request, "worklist.html.j2", rows=rows, chosen=chosen, states=tuple(STATES), priorities=tuple(Priority),
            now=desk.clock(), following=rows[-1][0].cursor if full else "", paged=bool(after),
        )  # fmt: skip

    @router.get("/review/{decision_id}")
    def case(request: Request, decision_id: Id, actor: Sees) -> Response:
        """A case: the form of who reads first, or the engine's answer."""
        look = desk.open(decision_id, actor)
        return _case(request, desk, look)

    @router.post("/review/{decision_id}/assignment")
    def assign(decision_id: Id, fields: Fields, actor: Reads) -> Response:
        """Take the case, or give it back."""
        desk.assign(decision_id, actor.name if fields.get("do") == "take" else "", actor)
        return _to(decision_id)


def _case(request: Request, desk: Desk, look: Look, status: int = 200, **more: Any) -> Response:
    if look.blind:
        return page(request, "read.html.j2", status, **{**casepage.blind(desk, look), **more})
    return page(request, "case.html.j2", status, **{**casepage.seeing(desk, look), **more})


def _reading(router: APIRouter, desk: Desk) -> None:
    @router.post("/review/{decision_id}/reading")
    def read(request: Request, decision_id: Id, fields: Fields, actor: Reads) -> Response:
        """Add a finding to the form, take one out, or commit: then the engine's are shown."""
        verb, _, what = fields.get("do", "").partition(":")
        look = desk.look(decision_id, actor)
        if not look.blind:
            return _to(decision_id)
        try:
            if verb == "commit":
                desk.commit(decision_id, fields, actor)
                return _to(decision_id)
            texts = _with(desk, look, fields, verb, what)
        except BadValue as error:
            return page(request, "read.html.j2", 422, **casepage.blind(desk, look, fields, error))
        except InputError as error:
            return _refused_form(request, desk, look, fields, error)
        return page(request, "read.html.j2", **casepage.blind(desk, look, texts))


def _refused_form(request: Request, desk: Desk, look: Look, fields: Fields, error: InputError) -> Response:
    """Facts that exclude each other come back with the form; what the store refuses is a page of its own."""
    from ..store.errors import AlreadySigned, Superseded

    if isinstance(error, AlreadySigned | Superseded):
        raise error
    return page(request, "read.html.j2", 422, **casepage.blind(desk, look, fields, error))


def _with(desk: Desk, look: Look, fields: Fields, verb: str, what: str) -> dict[str, str]:
    if verb == "add":
        return casepage.added(desk.form(look), fields, what)
    return casepage.without(fields, what) if verb == "without" else dict(fields)


def _judging(router: APIRouter, desk: Desk) -> None:
    @router.post("/review/{decision_id}/reasons")
    def reasons(decision_id: Id, fields: Fields, actor: Sees) -> Response:
        """Open the reasons: a step of its own, kept with the person's name."""
        desk.open_reasons(decision_id, actor)
        return _to(decision_id, "reasons")

    @router.post("/review/{decision_id}/acceptance")
    def accept(decision_id: Id, fields: Fields, actor: Reads) -> Response:
        """The engine's answer stands, in this person's judgement."""
        desk.accept(decision_id, actor, _seen(fields))
        return _to(decision_id, "sign")

    @router.post("/review/{decision_id}/override")
    def override(request: Request, decision_id: Id, fields: Fields, actor: Overrides) -> Response:
        """Another answer, with a coded reason and words."""
        look = desk.seeing(decision_id, actor)
        try:
            _override(desk, look, fields)
        except BadValue as error:
            more = {**casepage.problem(error), "typed": fields}
            return _case(request, desk, look, 422, **more)
        return _to(decision_id, "sign")

    @router.post("/review/{decision_id}/signature")
    def sign(request: Request, decision_id: Id, fields: Fields, actor: Signs) -> Response:
        """Make it final."""
        look = desk.seeing(decision_id, actor)
        if fields.get("looked") != "yes":
            allowed = "the box ticked"
            error = BadValue("signature", "looked", "no confirmation", allowed, "Confirm that you read the case.")
            return _case(request, desk, look, 422, **casepage.problem(error))
        desk.sign(decision_id, actor, _seen(fields))
        return _to(decision_id, "signed")


def _seen(fields: Fields) -> int:
    """The entry of the judgement that the page showed; 0, which no entry is, where the form does not say."""
    text = fields.get("seen", "")
    return int(text) if text.isdecimal() and text.isascii() and len(text) < 16 else 0


def _override(desk: Desk, look: Look, fields: Fields) -> None:
    comment, decision_id = fields.get("comment", "").strip(), look.row.decision_id
    if len(comment) > LONGEST_COMMENT:
        allowed = f"at most {LONGEST_COMMENT} characters"
        raise BadValue("override", "comment", f"{len(comment)} characters", allowed, "Shorten it.")
    offered = casepage.categories(look.assessment, desk)
    answer = casepage.stated_answer(fields.get("answer", ""), offered)
    desk.override(decision_id, fields.get("reason", ""), comment, answer, look.actor, _seen(fields))


def _correcting(router: APIRouter, desk: Desk) -> None:
    @router.get("/review/{decision_id}/correction")
    def form(request: Request, decision_id: Id, actor: Corrects, finding: Annotated[int | None, Query()] = None) -> Any:
        """The form with what is believed."""
        look = desk.seeing(decision_id, actor)
        return page(request, "correct.html.j2", **casepage.correcting(desk, look, only=finding))

    @router.post("/review/{decision_id}/correction")
    def correct(request: Request, decision_id: Id, fields: Fields, actor: Corrects) -> Response:
        """Add a finding to the form, recompute and show the change, or keep the decision on corrected findings."""
        verb, _, what = fields.get("do", "").partition(":")
        look, only = desk.seeing(decision_id, actor), _only(fields)
        try:
            texts = _with(desk, look, fields, verb, what)
            after = _corrected(desk, look, texts, only)
        except InputError as error:
            return page(request, "correct.html.j2", 422, **casepage.correcting(desk, look, fields, error, only=only))
        if verb == "keep":
            return _to(desk.correct(decision_id, after, actor, _seen(fields)))
        return page(request, "correct.html.j2", **casepage.correcting(desk, look, texts, None, after, only))

    @router.post("/review/{decision_id}/preview")
    def preview(request: Request, decision_id: Id, fields: Fields, actor: Corrects) -> Response:
        """What the correction would change, for the script: computed, not kept."""
        look = desk.seeing(decision_id, actor)
        try:
            after = _corrected(desk, look, fields, _only(fields))
        except InputError as error:
            values = {**casepage.difference(look.assessment, None), **casepage.problem(error)}
        else:
            values = {**casepage.difference(look.assessment, after), **casepage.problem(None)}
        return page(request, "changes.html.j2", **values)


def _only(fields: Fields) -> int | None:
    text = fields.get("only", "")
    return int(text) if text.isdecimal() and len(text) < 4 else None


def _corrected(desk: Desk, look: Look, texts: Fields, only: int | None) -> Assessment:
    shown = None if only is None else frozenset({f"f{only}"})
    return desk.decided(look, desk.form(look).correction(texts, shown))


def _pixels(router: APIRouter, desk: Desk) -> None:
    @router.get("/review/{decision_id}/viewer.json")
    def about(decision_id: Id, actor: Sees) -> Any:
        """The series' geometry, and where findings lie: none for who reads first."""
        look = desk.look(decision_id, actor)
        found = () if look.blind else lesions(look.assessment)
        drawn = () if look.blind else casepage.drawn(desk, look.assessment)
        window = "lung" if "nodule" in desk.form(look).by_kind else "soft"
        from .slices import viewer  # numpy and Pillow: when slices are looked at, not when the service starts

        return viewer(_images(desk, decision_id, actor), [each.finding for each in found], drawn, window)

    @router.get("/review/{decision_id}/slices/{number}")
    def slice_(request: Request, decision_id: Id, number: int, actor: Sees) -> Response:
        """A slice as it was assessed: int16 Hounsfield units, little-endian, row after row."""
        packed = _images(desk, decision_id, actor).packed(number)
        if "gzip" not in request.headers.get("accept-encoding", ""):
            import gzip

            return Response(gzip.decompress(packed), media_type="application/octet-stream")
        return Response(packed, media_type="application/octet-stream", headers={"Content-Encoding": "gzip"})

    @router.get("/review/{decision_id}/pictures/{number}")
    def picture_(decision_id: Id, number: int, actor: Sees, window: Text = "lung") -> Response:
        """A slice as PNG, for who has no script."""
        from .slices import WINDOWS, picture

        chosen = window if window in WINDOWS else "lung"
        return Response(picture(_images(desk, decision_id, actor), number, chosen), media_type="image/png")

    @router.get("/review/{decision_id}/evidence/{number}")
    def evidence(decision_id: Id, number: int, actor: Sees) -> Response:
        """What a net drew at a lesion, and what carried its answer."""
        seen = desk.seeing(decision_id, actor).assessment
        found = lesions(seen)
        there = 0 <= number < len(found)
        held = evidence_of(desk.images, seen, found[number].finding) if there else None
        if held is None:
            cure = "Look at the slices."
            raise NoSuchDecision("evidence", "number", "no evidence", "a lesion of which it is kept", cure)
        return Response(held, media_type="application/json")


def _images(desk: Desk, decision_id: str, actor: Actor) -> KeptImages:
    found = desk.slices(decision_id, actor)
    if found is None:
        cure = "Assess with `--series` and `--store`, so that slices are kept."
        raise NoSuchDecision("images", "", "no slices", "a case whose slices are kept", cure)
    return found


def _to(decision_id: str, anchor: str = "") -> RedirectResponse:
    """To the case's page, so that loading it again repeats nothing."""
    return RedirectResponse(f"/review/{decision_id}{f'#{anchor}' if anchor else ''}", 303)
