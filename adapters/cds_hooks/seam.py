"""The seams of CDS Hooks: what a service is given, and where trust and data plug in.

A service is a function ``answer(asked: Asked) -> CdsResponse``. It reads the call, what is stored, and what the
client prefetched; it never does HTTP. What it needs beyond that it asks ``asked.data`` for, which takes prefetched
values first and hands the rest, all at once, to a ``Fetch``.

* trust: a FastAPI dependency ``Verify`` that returns the ``Client`` of a request, or raises ``HTTPException(401)``
* data: ``Fetching``, called once a request with the verified client and what the body says of its FHIR server
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Any, Generic, Protocol, TypeVar

from fastapi import Request

from ...engine.record import DecisionLog, ReviewQueue
from ..store.cases import Store
from .bundles import of_type
from .card_key import NO_STORE
from .request import Authorization, Call, Context
from .said import Memory
from .settings import CdsSettings

Resource = Mapping[str, Any]
C_co = TypeVar("C_co", bound=Context, covariant=True)


@dataclass(frozen=True, slots=True)
class Client:
    """Who calls. ``issuer``: the token's iss, verified; '' where verification is off."""

    issuer: str = ""
    tenant: str = ""


UNVERIFIED = Client()
Verify = Callable[[Request], Client]


@dataclass(frozen=True, slots=True)
class Datum:
    """What is had under one key of the prefetch.

    ``value``: a resource or a Bundle; None where there is none, or where it could not be had: then ``lacking``
    says why, in words without anything that was sent. ``whole`` is False for a part of what there is.
    """

    value: Resource | None
    lacking: str = ""
    whole: bool = True


class Fetch(Protocol):
    """Gets what the client did not send. One call gets all, at the same time where it can."""

    def __call__(self, needs: Mapping[str, str]) -> Mapping[str, Datum]:
        """Key -> query relative to the FHIR base, tokens filled in ("Patient/7", "Condition?patient=7").

        Every key is answered, failures by ``Datum.lacking``; nothing is raised, and the whole takes a bounded
        time. The pages of a search come joined (``adapters/fhir/pages.joined``).
        """


@dataclass(frozen=True, slots=True)
class Server:
    """What the request says of its FHIR server; None where it names none. Neither is ever logged."""

    url: str | None = None
    authorization: Authorization | None = None


Fetching = Callable[[Client, Server], Fetch]


def fetches_nothing(client: Client, server: Server) -> Fetch:
    """The ``Fetching`` of a service that asks no FHIR server."""
    return lambda needs: {key: Datum(None, "it was not sent, and no FHIR server is asked") for key in needs}


class Counts(Protocol):
    """Counters of a running service: see ``counted.CdsCounts``."""

    def observe_cds(self, service: str, status: int, seconds: float) -> None:
        """A call, or feedback ("<service>/feedback"), was answered."""

    def observe_feedback(self, service: str, outcome: str, reason: str) -> None:
        """A client told what became of a card; ``reason`` is a code, '' where none was given."""


class _CountsNothing:
    def observe_cds(self, service: str, status: int, seconds: float) -> None:
        """Nobody counts."""

    def observe_feedback(self, service: str, outcome: str, reason: str) -> None:
        """Nobody counts."""


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Records:
    """What all calls share: stored decisions, the day, the site's settings, and what plugs in.

    Attributes:
        log: where decisions are looked up, where there is no ``store``.
        queue: what waits for review, likewise.
        clock: the day by which follow-up counts as due or overdue.
        store: decisions with their signatures and overrides; feedback is kept there. None: feedback is refused.
        settings: what the site set.
        fetching: gets data that were not prefetched.
        counts: counts feedback.
        now: the moment at which feedback arrives, aware.
        memory: what the process remembers of its store.
        bases: the FHIR server whose patients the store holds, canonical: a call that names another is refused; empty:
            no server is listed, and each that is named is another. None: it is not compared.
    """

    log: DecisionLog
    queue: ReviewQueue
    clock: Callable[[], date]
    store: Store | None = None
    settings: CdsSettings = field(default_factory=CdsSettings)
    fetching: Fetching = fetches_nothing
    counts: Counts = field(default_factory=_CountsNothing)
    now: Callable[[], datetime] = _now
    memory: Memory = field(default_factory=Memory)
    bases: frozenset[str] | None = None

    @property
    def card_key(self) -> bytes:
        """What seals the names of cards.

        Raises:
            StoreUnavailable: the store cannot be read.
        """
        return NO_STORE if self.store is None else self.memory.key(self.store)


@dataclass(frozen=True, slots=True)
class Data:
    """The data of one call: prefetched, else fetched, each asked for once.

    ``queries``: key -> FHIR query with its tokens filled in, of the service's prefetch.
    """

    prefetched: Mapping[str, Datum]
    queries: Mapping[str, str]
    fetch: Fetch
    _got: dict[str, Datum] = field(default_factory=dict, init=False, repr=False)

    def have(self, *keys: str) -> Mapping[str, Datum]:
        """These keys; what is neither at hand nor could be fetched has ``lacking``."""
        self._get(key for key in keys if key not in self._got)
        return {key: self._got[key] for key in keys}

    def _get(self, keys: Iterable[str]) -> None:
        wanted = tuple(keys)
        sent = {key: _of_type(self.prefetched[key], self.queries.get(key)) for key in wanted if key in self.prefetched}
        needs = {key: self.queries[key] for key in wanted if not _complete(sent.get(key)) and key in self.queries}
        fetched = self.fetch(needs) if needs else {}
        for key in wanted:
            self._got[key] = _better(sent.get(key), fetched.get(key))

    def read(self, *queries: str) -> Mapping[str, Datum]:
        """More queries, such as "ServiceRequest/7", fetched together; each at most once a call."""
        needs = {query: query for query in queries if query not in self._got}
        fetched = self.fetch(needs) if needs else {}
        self._got.update({query: fetched.get(query) or _NOT_SENT for query in needs})
        return {query: self._got[query] for query in queries}


_NOT_SENT = Datum(None, "it was not sent, and could not be fetched")


def _of_type(sent: Datum, query: str | None) -> Datum:
    """What was sent, if it is what the query asks for: of another type it is lacking, of several types a part."""
    if sent.value is None or query is None:
        return sent
    kind = query.partition("?")[0].partition("/")[0]
    fits = of_type(sent.value, kind)
    if fits is False:
        return Datum(None, f"what was sent is no {kind}")
    return sent if fits else replace(sent, whole=False)


def _complete(datum: Datum | None) -> bool:
    return datum is not None and not datum.lacking and datum.whole


def _better(sent: Datum | None, fetched: Datum | None) -> Datum:
    """What was fetched, unless that failed and something was sent."""
    if fetched is not None and (not fetched.lacking or sent is None):
        return fetched
    return sent or fetched or _NOT_SENT


@dataclass(frozen=True, slots=True)
class Asked(Generic[C_co]):
    """One call as a service sees it."""

    call: Call[C_co]
    data: Data
    records: Records
    client: Client = UNVERIFIED

    @property
    def context(self) -> C_co:
        """The hook's context."""
        return self.call.context

    @property
    def settings(self) -> CdsSettings:
        """What the site set."""
        return self.records.settings

    @property
    def today(self) -> date:
        """The day of the question."""
        return self.records.clock()
