"""One Observation for each finding: what is believed of it as the route lets it count, and what guidelines say of it.

Never a value that nobody stated: an unknown is a ``dataAbsentReason``, and so is a belief that is uncertain, with its
probabilities beside it. What only a reader's form implies, and free words, are left out.
"""

from __future__ import annotations

from collections.abc import Iterator

from ....engine.types import Belief, Classes, FindingDecision, Known, Measured, NotApplicable, PastSize, Unknown, Value
from ...report.view import Lesion, conventional, lesions
from ...report.words import belief_words, clean, label, plain_words
from . import terms
from .growth import growth_parts
from .parts import Json, coding, concept, fixed, note, quantity, some, standard, uid_identifier
from .reading import category_parts, fact_parts, possible_parts
from .sending import Entry, Sending, unknown

PROSE = frozenset({"location", "description", "enhancement", "comorbidity"})  # free words: they never decide


def observations(sending: Sending) -> list[Entry]:
    """The lesions, in the case's order."""
    return [Entry(lesion_urn(sending, found), _observation(sending, found)) for found in lesions(sending.assessment)]


def lesion_urn(sending: Sending, found: Lesion | FindingDecision) -> str:
    """The name of a lesion's Observation."""
    return sending.urn("lesion", found.finding.tracking_id)


def _observation(sending: Sending, found: Lesion) -> Json:
    codes, kind = terms.codes(), found.finding.kind
    head = sending.about("Observation", lesion_urn(sending, found))
    head["identifier"] += _tracking(sending, found.finding.tracking_id)
    exam = sending.assessment.record.case.exam
    where = concept(standard(codes.sites.get(kind, ())), found.finding.location)
    return some(
        **head,
        status=sending.finding_status,
        category=[fixed("observation_category")],
        code=concept([*standard(codes.kinds.get(kind, ())), sending.observable("lesion")], kind or "finding"),
        subject=sending.subject,
        effectiveDateTime=exam.date.isoformat() if exam.date else None,
        issued=sending.moment.isoformat() if not sending.unverified else None,
        performer=[dict(sending.context.performer)] if sending.context.performer else None,
        bodySite=where,
        derivedFrom=[sending.study] if sending.study else None,
        note=note(*_notes(sending, found)),
        component=[
            *_places(sending, found),
            *_features(sending, found),
            *growth_parts(sending, found),
            *_answers(sending, found),
        ],
    )


def _tracking(sending: Sending, name: str) -> list[Json]:
    """The tracking identifier: a UID as such, any other as a name that is unique within one patient only."""
    if uid := uid_identifier(name):
        return [{"use": "secondary", "type": {"text": "tracking UID"}, **uid}]
    words = {"text": "tracking identifier, unique within the patient"}
    named = {"use": "secondary", "type": words, "system": sending.naming("tracking"), "value": clean(name)}
    return [named] if clean(name) else []


def _notes(sending: Sending, found: Lesion) -> Iterator[str]:
    if sending.signed and sending.unverified:
        yield "The signer set the program's answer aside; nobody verified this."
    if found.unconfirmed:
        names = ", ".join(map(label, found.unconfirmed))
        yield f"A net's beliefs are withheld on this route and need confirmation: {names}."


def _places(sending: Sending, found: Lesion) -> Iterator[Json]:
    for axis, value in zip("xyz", found.finding.position_mm or (), strict=False):
        yield {"code": sending.own(f"position-{axis}"), "valueQuantity": quantity(value, "position_mm")}


def _features(sending: Sending, found: Lesion) -> Iterator[Json]:
    for name, belief in found.shown.items():
        if not conventional(belief) and name.rpartition(".")[2] not in PROSE:
            yield from feature_parts(sending, name, belief)
    for name in (name for name in found.unconfirmed if name not in found.shown):
        yield {"code": feature(sending, name), "dataAbsentReason": unknown("a net's belief, withheld on this route")}


def feature(sending: Sending, name: str, part: str = "") -> Json:
    """A feature's code; ``part``: of what is said beside its value."""
    codings = standard(terms.codes().features.get(name, ())) if not part else []
    own = coding(sending.system("feature"), f"{name}{part}")
    return concept([*codings, own], f"{label(name)}{part.replace('.', ' ').replace('_', ' ')}")


def feature_parts(sending: Sending, name: str, belief: Belief) -> Iterator[Json]:
    """One belief as components."""
    code = feature(sending, name)
    match belief:
        case Known(value):
            yield from _stated(sending, name, code, value)
        case Measured(mean, sd, _):
            yield {"code": code, "valueQuantity": quantity(mean, name)}
            yield {"code": feature(sending, name, ".sd"), "valueQuantity": quantity(sd, name)}
        case Classes(probabilities):
            yield {"code": code, "dataAbsentReason": unknown(f"uncertain: {belief_words(name, belief)}")}
            for word, p in probabilities.items():
                yield {"code": feature(sending, name, f".probability.{word}"), "valueQuantity": quantity(p)}
        case NotApplicable():
            yield {"code": code, "dataAbsentReason": fixed("not_applicable")}
        case Unknown(why):
            yield {"code": code, "dataAbsentReason": unknown(why)}


def _stated(sending: Sending, name: str, code: Json, value: Value) -> Iterator[Json]:
    match value:
        case bool():
            yield {"code": code, "valueBoolean": value}
        case str():
            yield {"code": code, "valueCodeableConcept": _value(sending, name, value)}
        case tuple():
            yield from (part for past in value for part in _past(sending, past))
        case _:
            yield {"code": code, "valueQuantity": quantity(value, name)}


def _value(sending: Sending, name: str, value: str) -> Json:
    if not value.replace("_", "").replace("-", "").isalnum():  # a code has no spaces; words are words
        return concept(text=clean(value) or "not stated")
    codings = standard(terms.codes().feature_values.get(f"{name}.{value}", ()))
    return concept([*codings, coding(sending.system("feature-value"), f"{name}.{value}")], plain_words(name, value))


def _past(sending: Sending, past: PastSize) -> Iterator[Json]:
    yield {"code": sending.own("past-size"), "valueQuantity": quantity(past.mean_mm, "_mm")}
    yield {"code": sending.own("past-size-age"), "valueQuantity": quantity(past.months_ago, "_months")}


def _answers(sending: Sending, found: Lesion) -> Iterator[Json]:
    for answer in found.decided:
        yield from category_parts(sending, answer.reading)
        yield from possible_parts(sending, answer.reading)
        yield from fact_parts(sending, answer.reading)
