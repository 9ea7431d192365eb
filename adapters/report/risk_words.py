"""The risk of each lesion in words: how great, how sure, what speaks for and against, what would change it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

from ...engine.grounds import Gap, Grounds, Push, Turn
from ...engine.record import Assessment
from ...engine.types import Risk
from .network_words import (
    by_name,
    entry_words,
    factor_words,
    named,
    node_words,
    odds_words,
    push_words,
    shown,
    signed,
    state_words,
)
from .phrases import heading, phrase, say
from .scales import fine, risk_of
from .sentence import Sentence
from .view import Group, Item, Lesion, Section, lesions, sentence
from .words import Row, called, percent, plain_words, stop, term, terms

LITTLE: Final = 0.05  # of log-odds: what changes the odds by less than a twentieth is not called for or against
LEAST_BITS: Final = 0.01  # of the at most one bit, or two, that a target holds
NEXT: Final = 3  # of what would change the answer, and of what is worth asking


def risk(assessment: Assessment) -> Section:
    """The network's risk of each lesion and what published models say beside it, then what each model is made for."""
    found = lesions(assessment)
    groups = tuple(lesion_risk(each) for each in found if each.risks)
    if not groups:
        return Section("risk", heading("risk"), (Group(sentences=(say("risk.none"),)),))
    networks = any(answer.grounds for each in found for answer in each.risks)
    head = Group(sentences=(say("risk.never"), say("risk.ranges")) if networks else (say("risk.never"),))
    return Section("risk", heading("risk"), (head, *groups, *models(found)))


def lesion_risk(found: Lesion) -> Group:
    """All models' answers for one lesion, the network's first with what it rests on."""
    of = next((risk_noun(answer) for answer in found.risks if answer.grounds), "")
    rows = [row for answer in found.risks for row in answer_rows(answer)]
    name = called(found.finding.tracking_id)
    said = phrase("risk.heading", finding=name, what=of) if of else phrase("risk.heading_plain", finding=name)
    return Group(said, rows=tuple(rows), lesion=found.finding.tracking_id)


def risk_noun(answer: Risk) -> str:
    """What a network's risk is of."""
    return str(terms()["risks"].get(answer.model.partition("@")[0]) or phrase("risk.of_unnamed"))


def model_name(answer: Risk) -> str:
    """A model's name for people."""
    return term("models", answer.model)


def answer_rows(answer: Risk) -> tuple[Row, ...]:
    """A model's number, or that it gives none, and what that rests on."""
    result = phrase("risk.no_probability") if answer.probability is None else risk_words(answer)
    reasons = because(answer.grounds, answer) if answer.grounds else used(answer)
    rows = ((model_name(answer), result), *reasons)
    return tuple(Row(name, stop(text)) for name, text in rows if text)


def used(answer: Risk) -> tuple[tuple[str, str], ...]:
    """What an answer without grounds rests on."""
    held = ((node_words(name), plain_words(name, value)) for name, value in answer.inputs.items())
    inputs = ", ".join(phrase("risk.input", quantity=name, value=value) for name, value in held)
    missing = ", ".join(map(node_words, answer.missing))
    why = phrase("risk.why" if answer.probability is None else "risk.beware")
    whole = inputs or phrase("risk.no_inputs")
    return (phrase("risk.inputs"), whole), (phrase("risk.missing"), missing), (why, named(answer.why))


def risk_words(answer: Risk) -> str:
    """A risk with its interval, where it has one."""
    if answer.probability is None:
        return phrase("risk.no_number")
    if answer.grounds is None:
        return fine(answer.probability)
    why = answer.grounds
    level, within = f"{100 * why.level:.3g}", span(*why.interval)
    return phrase("risk.interval", risk=fine(answer.probability), level=level, span=within)


def span(low: float, high: float) -> str:
    """Two risks.

    >>> span(0.043, 0.249)
    '4.3 to 24.9 %'
    """
    return phrase("risk.span", low=fine(low).removesuffix(" %"), high=fine(high))


def because(why: Grounds, answer: Risk) -> tuple[tuple[str, str], ...]:
    """Why a network says so, each with what it is called; '' where there is nothing to say."""
    said = (
        ("prior", fine(risk_of(why.prior))),
        ("for", pieces(p for p in why.pushes if shown(p) > LITTLE)),
        ("against", pieces(p for p in why.pushes if shown(p) < -LITTLE)),
        ("small", small(why)),
        ("together", together(why)),
        ("turns", turns(why)),
        ("thresholds", "; ".join(map(named, why.thresholds))),
        ("gaps", gaps(why)),
        ("unknown", ", ".join(map(node_words, answer.missing)) or phrase("risk.unknown_none")),
        ("contradictions", contradictions(answer, why)),
        ("sways", sways(why)),
        ("beware", beware(answer)),
    )
    return tuple((phrase(f"risk.{name}"), text) for name, text in said)


def pieces(pushes: Iterable[Push]) -> str:
    """Pieces of evidence, each with what it does to the odds."""
    return "; ".join(piece(push) for push in pushes) or phrase("risk.nothing")


def piece(push: Push) -> str:
    """One of them; where it interacts, what it would do by itself as well."""
    here = odds_words(shown(push))
    differs = push.interacts and odds_words(push.alone) != here
    alone = factor_words(push.alone) if differs else ""
    return phrase("risk.piece", evidence=push_words(push), odds=here, alone=alone)


def small(why: Grounds) -> str:
    """Pieces that hardly matter here."""
    return "; ".join(push_words(p) for p in why.pushes if not abs(shown(p)) > LITTLE)


def together(why: Grounds) -> str:
    """What the pieces do beyond their sum, where that is worth a word."""
    return odds_words(why.together) if abs(why.together) > LITTLE else ""


def turns(why: Grounds) -> str:
    """Single facts that would move the risk over a threshold: first those not known, then those that were told."""
    told = {push.node for push in why.pushes}
    open_, known = ([t for t in why.turns if (t.node in told) is there][:NEXT] for there in (False, True))
    found = "; ".join(turn_words(turn) for turn in open_)
    other = "; ".join(turn_words(turn, told=True) for turn in known)
    said = [phrase("risk.turns_open", turns=found)] if found else []
    said += [phrase("risk.turns_told", turns=other)] if other else []
    if not said:
        return phrase("risk.turns_none" if why.thresholds else "risk.thresholds_none")
    return said[0] if len(said) == 1 else phrase("risk.turns_both", open=said[0], told=said[1])


def turn_words(turn: Turn, told: bool = False) -> str:
    """What would be, and then; how likely it is, where it was not ``told`` otherwise."""
    then = {"quantity": node_words(turn.node), "state": state_words(turn.node, turn.state), "risk": fine(turn.risk)}
    if told:
        return phrase("risk.turn_told", **then)
    return phrase("risk.turn", likely=percent(turn.probability), **then)


def gaps(why: Grounds) -> str:
    """The missing facts that tell most, and where they tell little, that they do."""
    worth = [g for g in why.gaps if g.bits >= LEAST_BITS or g.decides > 0][:NEXT]
    most = next((g for g in why.gaps if g.bits > 0), None)
    none = phrase("risk.gaps_none", gap=gap_words(most) if most else "")
    return "; ".join(map(gap_words, worth)) or none


def gap_words(gap: Gap) -> str:
    """A missing fact and what it is worth."""
    decides = percent(gap.decides) if gap.decides > 0 else ""
    return phrase("risk.gap", quantity=node_words(gap.node), bits=f"{gap.bits:.2g}", decides=decides)


def contradictions(answer: Risk, why: Grounds) -> str:
    """Statements that exclude each other, and how well the evidence fits together."""
    badly = (
        phrase("risk.tension", one=node_words(t.one), other=node_words(t.other), fit=fit(t.measure))
        for t in answer.tensions
    )
    against = "; ".join((*map(named, answer.contradictions), *badly)) or phrase("risk.tensions_none")
    return phrase("risk.fit", contradictions=against, conflict=signed(why.conflict), fit=fit(why.conflict))


def fit(conflict: float) -> str:
    """How much less probable, or more, the evidence is together than apart.

    >>> fit(6.0), fit(-1.0), fit(0.0)
    ('403 times less probable together than apart', '2.7 times more probable together than apart', 'as probable \
together as apart')
    """
    if not math.isfinite(conflict):
        return phrase("fit.impossible" if conflict > 0 else "fit.undefined")
    size, times = abs(conflict), math.exp(min(abs(conflict), 50.0))
    if size < LITTLE:
        return phrase("fit.even")
    much = f"{times:.1f}" if times < 10 else f"{times:.0f}" if times < 10_000 else phrase("fit.most")
    return phrase("fit.less" if conflict > 0 else "fit.more", times=much)


def sways(why: Grounds) -> str:
    """The quantity whose numbers move the risk most, and how far."""
    if not why.sways:
        return phrase("risk.sways_none")
    first = why.sways[0]
    number = entry_words(first.entry, first.node, by_name(why))
    return phrase("risk.sway", number=number, span=span(first.low, first.high))


def beware(answer: Risk) -> str:
    """What a reader must know of the evidence: notes of the same kind together."""
    notes: dict[str, list[str]] = {}
    for text in answer.why.split("; "):
        name, colon, note = text.partition(": ")
        key, of = (note, [node_words(name)]) if colon and name in answer.inputs else (text, [])
        notes.setdefault(named(key), []).extend(of)
    held = ((note, ", ".join(of)) for note, of in notes.items() if note)
    return "; ".join(phrase("risk.beware_of", note=note, quantities=of) if of else note for note, of in held)


def models(found: Iterable[Lesion]) -> tuple[Group, ...]:
    """What each model is made for and where it is published, once."""
    answers = {answer.model: answer for each in found for answer in each.risks}
    items = tuple(Item(model_sentence(answer), cite=sentence(answer.citation)) for answer in answers.values())
    return (Group(heading("models"), items=items),)


def model_sentence(answer: Risk) -> Sentence:
    """What a model is made for."""
    return say("risk.model", model=model_name(answer), domain=sentence(answer.domain))


def in_short(found: Lesion) -> str:
    """All models' numbers for one lesion in one sentence; '' without any."""
    return phrase("lesion.risk", models=numbers_in_short(found)) if found.risks else ""


def numbers_in_short(found: Lesion) -> str:
    """All models' numbers for one lesion; '' without any."""
    return "; ".join(f"{model_name(answer)}: {risk_words(answer)}" for answer in found.risks)
