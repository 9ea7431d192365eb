"""What the templates of a case are given: the case as one person may see it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ...engine.errors import BadValue, InputError, NotReadable
from ...engine.guideline.load import load_guideline
from ...engine.record import Assessment
from ...engine.types import Finding
from ..report.view import guideline_name, lesions, spoken_of
from ..report.words import clean
from ..store.cases import Entry, Kind
from ..store.vocabulary import override_reasons
from .compare import count, pairs
from .decide import changes, other_revisions
from .desk import Desk, Look
from .evidence import evidence_of
from .fields import Option
from .form import MOST_FINDINGS, Form, titles
from .pages import LOG, sentence
from .view import before_reading, page_of

Texts = Mapping[str, str]
KINDS: Final = {
    Kind.DECIDED: "decided",
    Kind.QUEUED: "put on the worklist",
    Kind.UNQUEUED: "taken off the worklist",
    Kind.OPENED: "opened the case",
    Kind.ASSIGNED: "gave or took the case",
    Kind.READ: "committed findings of their own",
    Kind.REASONS_OPENED: "opened the reasons",
    Kind.ACCEPTED: "accepted the answer",
    Kind.OVERRIDDEN: "gave another answer",
    Kind.SIGNED: "signed",
    Kind.SUPERSEDED: "put another decision in its place",
    Kind.FEEDBACK: "said something of the answer",
    Kind.AUDIT: "security event",
    Kind.ERASED: "erased the patient's identifiers",
}


def common(desk: Desk, look: Look) -> dict[str, Any]:
    """What every page of a case needs: where it stands, and its images."""
    return {
        "row": look.row,
        "look": look,
        "now": desk.clock(),
        "slices": desk.geometry(look),
        "pixels": look.assessment.record.image_sha256,
        "pending": desk.store.pending(look.row.decision_id),
        "problem": None,
        "wrong": "",
    }


def blind(desk: Desk, look: Look, texts: Texts | None = None, error: InputError | None = None) -> dict[str, Any]:
    """The page of who reads first: images, exam and patient, and an empty form. Nothing of the engine's is in it."""
    form = desk.form(look)
    return {
        **common(desk, look),
        **problem(error),
        "about": before_reading(look.assessment),
        **blocks(form, texts or {}, showing=False, typed=texts),
    }


def seeing(desk: Desk, look: Look) -> dict[str, Any]:
    """The page with the engine's answer, beside the reader's own findings where there are any."""
    shown = page_of(look.assessment)
    return {
        **common(desk, look),
        "page": shown,
        **beside(desk, look),
        "reasons": look.assessment.decision.review.reasons,
        "spoken_of": spoken_of(look.assessment.decision),
        "review": look.assessment.decision.review,
        "history": tuple(event(entry) for entry in look.file.history),
        "override_reasons": override_reasons().values(),
        "categories": categories(look.assessment, desk),
        "drawn": drawn(desk, look.assessment),
        "typed": {},
    }


def beside(desk: Desk, look: Look) -> dict[str, Any]:
    """The reader's own findings held against the engine's."""
    own, unreadable = None, ""
    try:
        own = desk.own(look)
    except InputError as error:  # kept under another form, or facts that exclude each other
        unreadable = sentence(error)
    found = pairs(own.record.case.findings, lesions(look.assessment)) if own else ()
    answers = changes(own, look.assessment) if own else ()
    exam = tuple(a for a in answers if not a.lesion)
    return {"own": own, "unreadable": unreadable, "pairs": found, "answers": exam, "differing": count(found)}


def correcting(
    desk: Desk,
    look: Look,
    texts: Texts | None = None,
    error: InputError | None = None,
    after: Assessment | None = None,
    only: int | None = None,
) -> dict[str, Any]:
    """The page on which findings are corrected; ``after``: the decision on what was typed, not kept yet."""
    form = desk.form(look)
    some = only if only is not None or form.fits() else 0
    return {
        **common(desk, look),
        **problem(error),
        "only": some,
        "seen": (texts or {}).get("seen", look.file.judged),  # what stood when the form was first shown
        "names": tuple(clean(f.tracking_id) for f in form.case.findings),
        **blocks(form, texts or {}, showing=True, typed=texts, only=some),
        **difference(look.assessment, after),
    }


def difference(before: Assessment, after: Assessment | None) -> dict[str, Any]:
    """What the correction would change."""
    if after is None:
        return {"changes": None, "revisions": ()}
    return {"changes": changes(before, after), "revisions": other_revisions(before, after), "after": after.decision}


def problem(error: InputError | None) -> dict[str, Any]:
    """What is wrong with the form, and in which field."""
    return {"problem": sentence(error), "wrong": error.field} if error else {"problem": None, "wrong": ""}


def blocks(
    form: Form, texts: Texts, *, showing: bool, typed: Texts | None, only: int | None = None
) -> dict[str, Any]:  # fmt: skip
    """The form's blocks: what is believed, or what was typed so far."""
    shown = None if typed is None else {**texts}
    listed = [
        (kind, form.finding_block(prefix, kind, title, finding, shown))
        for prefix, kind, title, finding in titles(form, texts, showing=showing)
        if finding is None or ((only is None or prefix == f"f{only}") and form.finding_inputs(kind))
    ]
    exam = form.exam_block(shown, form.case if showing else None)
    return {"exam": exam, "blocks": listed, "kinds": form.kinds, "typed": typed or {}}


def added(form: Form, texts: Texts, kind: str) -> dict[str, str]:
    """The texts with one more finding of that kind.

    Raises:
        BadValue: no such kind, or too many.
    """
    new = form.new_kinds(texts)
    if kind not in form.by_kind or len(new) >= MOST_FINDINGS:
        allowed = f"{', '.join(form.by_kind)}; at most {MOST_FINDINGS} new ones"
        raise BadValue("review form", "kind", "another kind, or too many", allowed, "Commit those that are there.")
    number = next(n for n in range(1, 100) if f"new{n}" not in new)
    return {**texts, f"new{number}.kind": kind}


def without(texts: Texts, prefix: str) -> dict[str, str]:
    """The texts without an added finding."""
    return {name: text for name, text in texts.items() if not name.startswith(f"{prefix}.")}


def categories(assessment: Assessment, desk: Desk) -> tuple[tuple[str, tuple[Option, ...]], ...]:
    """Each guideline that was read with the answers it has, for who gives another one."""
    read = [g.application.guideline for g in assessment.decision.guidelines if g.exam is not None]
    return tuple((guideline_name(name), _answers(name, desk)) for name in read)


def _answers(name: str, desk: Desk) -> tuple[Option, ...]:
    head = load_guideline(name, desk.settings.rules).head
    listed = ((c["id"], c.get("display", c["id"]), c.get("descriptor", "")) for c in head["categories"])
    return tuple(Option(f"{name}|{i}", f"{shown}{f', {said}' if said else ''}") for i, shown, said in listed)


def stated_answer(text: str, offered: tuple[tuple[str, tuple[Option, ...]], ...]) -> dict[str, str]:
    """The guideline and category that a reader chose; {} where none was.

    Raises:
        BadValue: it was not offered.
    """
    if not text:
        return {}
    if text not in {option.value for _, options in offered for option in options}:
        raise BadValue("override", "answer", "another answer", "one of those offered", "Choose one of the list.")
    guideline, _, category = text.partition("|")
    return {"guideline": guideline, "category": category}


def drawn(desk: Desk, assessment: Assessment) -> tuple[bool, ...]:
    """For each lesion whether an outline of a net's is kept, and can be read."""
    return tuple(_readable(desk, assessment, each.finding) for each in lesions(assessment))


def _readable(desk: Desk, assessment: Assessment, finding: Finding) -> bool:
    try:
        return evidence_of(desk.images, assessment, finding) is not None
    except NotReadable as error:
        LOG.error("%s", error)
        return False


def event(entry: Entry) -> dict[str, Any]:
    """One line of the history."""
    body, reasons = entry.body, override_reasons()
    said = ""
    if entry.kind == Kind.OVERRIDDEN:
        code = body["reason"]
        answer = body["answer"].get("category", "")
        words = reasons[code].words if code in reasons else code
        said = "; ".join(p for p in (words, answer and f"answer {answer}", body["comment"]) if p)
    elif entry.kind == Kind.SIGNED:
        said = f"as {body['outcome']}"
    elif entry.kind == Kind.ASSIGNED:
        said = f"to {body['to']}" if body["to"] else "given back"
    elif entry.kind == Kind.AUDIT:
        said = body["action"]
    return {
        "at": entry.at,
        "actor": entry.actor,
        "what": KINDS.get(Kind(entry.kind), entry.kind),
        "said": clean(said),
        "by": body.get("by", "") if entry.kind == Kind.SUPERSEDED else "",
        "sequence": entry.sequence,
    }
