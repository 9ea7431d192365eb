"""From a case to evidence: what is known of one finding and its patient, for a network.

Which fact feeds which node is data (``feeds`` of the network's file; ``docs/networks.md``). Each fact is used once, a
statement before what a form's convention fills in; what is missing, lies outside or contradicts is said by name. What
follows from two exams (``follow_up``) is added, in place of what it follows from.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from ..types import (
    FOUND_BY_PROGRAM,
    Belief,
    Case,
    Classes,
    Facts,
    Finding,
    Known,
    Measured,
    Source,
    SourceKind,
    Unknown,
)
from .as_evidence import as_piece, outside, piece_of, states_of
from .evidence import Likelihood, Piece
from .follow_up import follow_up
from .infer import CompiledNetwork
from .network import Feed, Node

Said = tuple[Feed, Belief]


@dataclass(frozen=True, slots=True)
class Used:
    """A fact that became evidence, for which node and who says it. ``note``: what a reader must know of it: it stands
    in for another fact, carries an error, is a convention."""

    node: str
    fact: str
    source: Source | None
    note: str = ""


@dataclass(frozen=True, slots=True)
class CaseEvidence:
    """What the network is told.

    ``missing``: each node that a fact could feed but none does, and why. ``outside``: what is known but lies outside
    of what the network was made for; with any of it there must be no answer. ``contradictions``: two statements of
    one fact that exclude each other; the one that the network's file names first was used. No text repeats a value.
    """

    evidence: Mapping[str, Piece]
    used: tuple[Used, ...]
    missing: Mapping[str, str]
    outside: tuple[str, ...]
    contradictions: tuple[str, ...]


def evidence_of(net: CompiledNetwork, case: Case, finding: Finding) -> CaseEvidence:
    """The evidence on one finding of a case. The target itself takes none.

    Raises:
        BadValue, Contradiction: facts of the finding that no guideline could read either.
    """
    whole = {**finding.facts, **follow_up(case, finding)}
    places: dict[str, Facts] = {"patient": case.patient.facts, "exam": case.exam.facts, "finding": whole}
    fed = (n for n in net.network.nodes.values() if n.feeds and n.name != net.network.target)
    told = {node.name: _told(net, node, [*_beliefs(node, case, places)]) for node in fed}
    return CaseEvidence(
        {name: t.piece for name, t in told.items() if t.piece is not None},
        tuple(t.used for t in told.values() if t.used),
        {name: t.missing for name, t in told.items() if t.missing},
        (*_not_for(net, places), *(f"{name}: {t.outside}" for name, t in told.items() if t.outside)),
        tuple(f"{name}: {text}" for name, t in told.items() for text in t.against),
    )


def _not_for(net: CompiledNetwork, places: Mapping[str, Facts]) -> Iterator[str]:
    """What is known that leaves the network no question to answer, in the words of its file."""
    for entry in net.network.not_for:
        belief = places[entry.place].get(entry.name)
        if isinstance(belief, Known) and entry.meets(_text(belief)):
            yield f"{entry.name}: {entry.says}"


def _text(belief: Known) -> str:
    return str(belief.value).lower() if isinstance(belief.value, bool) else str(belief.value)


@dataclass(frozen=True, slots=True)
class _Told:
    """What one node is told: a piece with where it came from, or why there is none."""

    piece: Piece | None = None
    used: Used | None = None
    missing: str = ""
    outside: str = ""
    against: tuple[str, ...] = ()


def _told(net: CompiledNetwork, node: Node, beliefs: Sequence[Said]) -> _Told:
    """The first feed that says something counts: of those that somebody stated, then of nets, then of conventions."""
    missing = ""
    said = sorted((one for one in beliefs if not isinstance(one[1], Unknown)), key=_rank)
    for feed, belief in said:
        if beyond := outside(node, feed, belief):
            return _Told(outside=beyond)
        piece = piece_of(net, node, feed, belief)
        if not isinstance(piece, Unknown):
            piece, against = _narrowed(node, piece, (feed, belief), said)
            return _Told(piece, Used(node.name, feed.name, belief.source, _note(node, feed, belief)), against=against)
        missing = missing or piece.why
    return _Told(missing=missing or next((b.why for _, b in beliefs if isinstance(b, Unknown)), "nobody stated it"))


def _rank(said: Said) -> tuple[int, bool]:
    """Who says so, and of these what is certain first."""
    return _speaker(said), not isinstance(said[1], Known)


def _speaker(said: Said) -> int:
    """0 what was stated or measured by a fixed procedure, 1 what a net says, 2 what a form's convention says."""
    kind = said[1].source.kind if said[1].source else None
    return {SourceKind.NET: 1, SourceKind.CONVENTION: 2}.get(kind, 0) if kind else 0


def _beliefs(node: Node, case: Case, facts: Mapping[str, Facts]) -> Iterator[Said]:
    for feed in node.feeds:
        belief = _count(feed.name, case) if feed.place == "count" else facts[feed.place].get(feed.name)
        if belief is not None:
            yield feed, belief


def _count(kind: str, case: Case) -> Belief:
    if kind not in case.assessed:
        return Unknown(f"nobody said whether there is any {kind}")
    n = counted(case, kind)
    return (
        Known(Decimal(n), Source(SourceKind.REPORT, f"number of findings of the kind {kind}")) if n else Unknown("none")
    )


def counted(case: Case, kind: str) -> int:
    """Findings of a kind that somebody stated and that are still there: not what only a program pointed at."""
    return sum(
        f.kind == kind and FOUND_BY_PROGRAM not in f.facts and not _is(f.facts.get("status"), "resolved")
        for f in case.findings
    )


def _is(belief: Belief | None, value: object) -> bool:
    return isinstance(belief, Known) and belief.value == value


def _narrowed(node: Node, piece: Piece, used: Said, said: Sequence[Said]) -> tuple[Piece, tuple[str, ...]]:
    """The states that the node's other statements leave, and those statements that exclude all of them.

    Several statements of one fact may narrow it, and never weigh a second time. Feeds of a quantity stand in for
    each other (a mean for a longest diameter) and are not compared.
    """
    if node.edges or isinstance(piece, Likelihood):
        return piece, ()
    states, against = (piece,) if isinstance(piece, str) else piece.states, []
    for feed, other in said:
        also = states_of(feed, other) if isinstance(other, Known) and _speaker((feed, other)) == 0 else ()
        both = tuple(s for s in states if s in also)
        if also and not both:
            where = f"{feed.name} ({other.source.reference})" if other.source else feed.name
            against.append(f"{where} says otherwise than {used[0].name}, which was used")
        states = both or states
    return as_piece(states), tuple(against)


def _note(node: Node, feed: Feed, belief: Belief) -> str:
    notes = {
        f"{feed.name} stands in for {node.feeds[0].name}": node.edges and feed is not node.feeds[0],
        "a measurement with an error": isinstance(belief, Measured),
        "class probabilities": isinstance(belief, Classes),
        "by the convention of the reader's form": _speaker((feed, belief)) == 2,
    }
    return "; ".join(text for text, holds in notes.items() if holds)
