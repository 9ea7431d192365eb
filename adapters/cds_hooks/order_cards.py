"""What is said of an order that does not fit, with what may be done about it in one click; and its rating."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from ..report.words import capital, label
from . import terms
from .card import category, state
from .chart import Made
from .eligibility import criteria
from .orders import Order, Recommended, days_of
from .response import Action, Indicator, SystemAction
from .saying import Offer, Saying, either, plain
from .seam import Asked
from .suggest import changeable, create, delete, rated, update
from .verdict import FITTING, UNFIT, Fit, Verdict

INDICATORS = {
    Fit.TWICE: Indicator.WARNING,
    Fit.EARLY: Indicator.WARNING,
    Fit.LATE: Indicator.INFO,
    Fit.OTHER_EXAM: Indicator.INFO,  # it may be for another question, which nobody told us
    Fit.NOT_ELIGIBLE: Indicator.WARNING,
    Fit.NOT_KNOWN: Indicator.INFO,
}


def saying_of_order(found: Verdict, patient_id: str, today: date, *, placed: bool) -> Saying | None:
    """What to say of an order; None where it fits, or where nothing is known that it could be held against.

    ``placed``: it is no draft any more (order-dispatch): it is not changed or removed here, an order may be added.
    """
    if found.fit not in INDICATORS:
        return None
    stood = found.recommended.stood if found.recommended else None
    return Saying(
        about=f"order {found.fit} {found.order.exam} {found.order.first or ''}",
        topic=f"order-{found.fit}",
        summary=tuple(SUMMARIES[found.fit](found)),
        detail=tuple(_detail(found)),
        indicator=INDICATORS[found.fit],
        source=_source(found),
        citations=_citations(found),
        decision_id=stood.decision_id if stood else "",
        sequence=stood.sequence if stood else 0,
        by=found.order.first or today,
        offers=_offers(found, patient_id, today, placed=placed),
    )


# ---- summaries: the fullest first ----------------------------------------------------------------------------------


def _twice(found: Verdict) -> Iterator[str]:
    words, twin = capital(found.order.words), found.twin
    if isinstance(twin, Made):
        yield f"{words} was made on {twin.when.first if twin.when else 'a day not stated'}: one exam too many."
    else:
        wanted = f", wanted {days_of(twin)}" if twin and days_of(twin) else ""
        yield f"{words} is ordered already{wanted}."
    yield f"{words}: one order too many."


def _early(found: Verdict) -> Iterator[str]:
    r = _of(found)
    yield f"Too early: {capital(r.words)} is recommended for {r.due} ({_named(r)})."
    yield f"Too early: follow-up is recommended for {r.due}."


def _late(found: Verdict) -> Iterator[str]:
    r = _of(found)
    yield f"Later than recommended: {r.words} is due {r.due} ({_named(r)})."
    yield f"Later than recommended: follow-up is due {r.due}."


def _other(found: Verdict) -> Iterator[str]:
    r = _of(found)
    yield f"{capital(_exams(r))} is recommended, not {found.order.words} ({_named(r)})."
    yield f"{capital(r.words)} is recommended, not {found.order.words}."


def _not_eligible(found: Verdict) -> Iterator[str]:
    because = found.screened.answer.because if found.screened else ()
    yield f"{terms.exams().screening.says}: criteria not met ({'; '.join(because)})."
    yield f"{terms.exams().screening.says}: criteria not met."


def _not_known(found: Verdict) -> Iterator[str]:
    missing = [label(name) for name in found.screened.answer.missing] if found.screened else []
    yield f"{terms.exams().screening.says}: eligibility is not known: {either(missing)}."
    yield f"{terms.exams().screening.says}: eligibility is not known, {len(missing)} facts are missing."


SUMMARIES: dict[Fit, Callable[[Verdict], Iterator[str]]] = {
    Fit.TWICE: _twice,
    Fit.EARLY: _early,
    Fit.LATE: _late,
    Fit.OTHER_EXAM: _other,
    Fit.NOT_ELIGIBLE: _not_eligible,
    Fit.NOT_KNOWN: _not_known,
}


def _of(found: Verdict) -> Recommended:
    if found.recommended is None:
        raise ValueError(f"a verdict {found.fit} without a recommendation")
    return found.recommended


def _named(r: Recommended) -> str:
    return f"{state(r.stood).lower()} {r.answer.guideline}: {category(r.answer)}"


def _exams(r: Recommended) -> str:
    return either([terms.exams().exams[name].words for name in r.exams])


# ---- detail --------------------------------------------------------------------------------------------------------


def _detail(found: Verdict) -> Iterator[str]:
    wanted = days_of(found.order) or "no day named"
    yield f"Ordered: {plain(found.order.words)}, {wanted}."
    if found.recommended is not None:
        yield from _recommendation(found.recommended)
    if isinstance(found.twin, Order):
        yield from ("", f"The other order: {plain(found.twin.reference or 'a draft beside it')}.")
    if found.screened is not None:
        yield from ("", f"**{plain(found.screened.answer.programme)}**", "")
        yield from criteria(found.screened.answer)
    window = _window(found.fit)
    if window:
        yield from ("", f"The bar: {plain(window)}.")
    if found.fit is Fit.OTHER_EXAM:
        yield from ("", "The order may be for another question; the recommendation then stands beside it.")


def _recommendation(r: Recommended) -> Iterator[str]:
    signed = f"signed on {r.stood.signed}" if r.stood.signed else "preliminary, nobody has signed it"
    yield from ("", f"**{plain(r.answer.guideline)}: {plain(category(r.answer))}** ({signed})", "")
    if r.answer.applies == "conditional":
        yield f"- Conditional: {' '.join(map(plain, r.answer.reasons)) or 'its application is not confirmed.'}"
    yield f"- Management: {plain(r.answer.management or 'none stated')}"
    yield f"- Exam that was read: {r.stood.exam_date or 'of an unknown date'}"
    yield f"- Recommended: {plain(_exams(r))}" + (f", {r.earliest} to {r.due}" if r.due else "")


def _window(fit: Fit) -> str:
    windows = terms.exams().windows
    return {Fit.EARLY: windows.early.why, Fit.LATE: windows.late.why, Fit.TWICE: windows.twice.why}.get(fit, "")


def _source(found: Verdict) -> str:
    if found.recommended is not None:
        return found.recommended.answer.guideline
    return found.screened.answer.programme if found.screened else ""


def _citations(found: Verdict) -> tuple[str, ...]:
    decision = found.recommended.stood.assessment.decision.citations if found.recommended else ()
    return (*decision, *([found.screened.answer.citation] if found.screened else []))


# ---- suggestions ---------------------------------------------------------------------------------------------------


def _offers(found: Verdict, patient_id: str, today: date, *, placed: bool) -> tuple[Offer, ...]:
    if found.fit in (Fit.TWICE, Fit.NOT_ELIGIBLE):
        return (Offer("Remove this order", (delete(found.order),)),) if _removable(found.order, placed) else ()
    if found.fit is Fit.NOT_KNOWN or found.recommended is None:
        return ()
    r = found.recommended
    adds = Offer(f"Add: {r.words}", (create(r, patient_id, today),))
    if placed or not found.order.reference or not changeable(found.order.resource):
        return (adds,)
    changed: Action = update(found.order, r, patient_id, today)
    label = "Change to the recommended time" if found.order.exam in r.exams else f"Replace by {r.words}"
    sure = found.fit is not Fit.OTHER_EXAM and not r.stood.review_required
    replaces = Offer(label, (changed,), recommended=sure)
    return (replaces, adds) if found.fit is Fit.OTHER_EXAM else (replaces,)


def _removable(order: Order, placed: bool) -> bool:
    return bool(order.reference) and not placed


# ---- the PAMA rating -----------------------------------------------------------------------------------------------


def rating(found: Verdict, asked: Asked[Any]) -> SystemAction | None:
    """The draft with its rating; None where it has no id, cannot be sent back, or cannot be rated for want of data.

    Argonaut's guidance: what cannot be determined is left out, and the rating changes nothing else of the order.
    """
    code = _code(found)
    if code is None or not found.order.reference or not changeable(found.order.resource):
        return None
    pama, gcode = terms.exams().pama, asked.settings.pama_gcode
    coding = {"system": pama.system, "code": code}
    consult = uuid5(NAMESPACE_URL, f"urn:radlogic:consult:{asked.call.hook_instance}:{found.order.reference}")
    extensions: list[dict[str, Any]] = [{"url": pama.rating, "valueCodeableConcept": {"coding": [coding]}}]
    if gcode:
        extensions.append({"url": pama.consulted, "valueString": gcode})
    extensions.append({"url": pama.consult_id, "valueUri": f"urn:uuid:{consult}"})
    description = f"Rate the order by appropriate use criteria: {code}"
    return SystemAction(type="update", description=description, resource=rated(found.order.resource, extensions))


def _code(found: Verdict) -> str | None:
    codes = terms.exams().pama.codes
    if found.lacking or found.fit in (Fit.NOT_KNOWN, Fit.GOVERNED):
        return None
    return codes["fits"] if found.fit in FITTING else codes["unfit"] if found.fit in UNFIT else codes["none"]
