"""Counters of a running service for Prometheus: no patient, no reader, no id in any label, and few values of each.

One ``Metrics`` a process, held by the service, which calls ``observe_...`` where things happen; what waits is counted
in the store when it is asked for, so that it is right after a restart and with several processes. Counters begin at 0
with each process, as Prometheus expects.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import func, select

from ...engine.errors import MissingExtra
from ...engine.knowledge import load_gates
from ...engine.record import URGENCY
from ...engine.types import Decision, Route
from ..operations.apart import Apart
from ..store.cases import Outcome, Store
from ..store.chain import of_moment
from ..store.errors import StoreUnavailable
from ..store.tables import DECISION, WAITING
from ..store.vocabulary import override_reasons

if TYPE_CHECKING:
    from fastapi import APIRouter

LOG = logging.getLogger("radlogic.monitor")
OTHER: Final = "other"  # the label of whatever is none of the values known
STATUSES: Final = frozenset(str(status.value) for status in HTTPStatus)
SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)  # CDS Hooks asks for half a second


class Metrics:
    """What a process has counted. ``services``: the ids of the CDS services that it offers.

    Raises:
        MissingExtra: prometheus_client is absent.
        MissingKnowledge: gates or override reasons are.
    """

    def __init__(self, services: Collection[str] = ()) -> None:
        client = _client()
        self.registry = client.CollectorRegistry(auto_describe=False)
        self.services = frozenset(services)
        self.signals = frozenset(load_gates().signals)
        self.overrides = frozenset(override_reasons())
        given = {"registry": self.registry, "namespace": "radlogic"}
        self._decisions = client.Counter("decisions", "Decisions made, by route.", ["route"], **given)
        self._reasons = client.Counter("review_reasons", "Reasons for which a human must look.", ["reason"], **given)
        self._signatures = client.Counter("signatures", "Signatures, by outcome.", ["outcome"], **given)
        self._overridden = client.Counter("overrides", "Overrides, by coded reason.", ["reason"], **given)
        seen = ["service", "status"]
        self._cds = client.Histogram(
            "cds_request_seconds", "CDS Hooks requests: how long they took.", seen, buckets=SECONDS, **given
        )

    def observe_decision(self, decision: Decision) -> None:
        """A decision was made and kept."""
        self._decisions.labels(_one_of(decision.route, Route)).inc()
        for code in sorted({reason.code for reason in decision.review.reasons}):
            self._reasons.labels(_one_of(code, self.signals)).inc()

    def observe_signature(self, outcome: Outcome) -> None:
        """A decision was signed."""
        self._signatures.labels(_one_of(outcome, Outcome)).inc()

    def observe_override(self, reason: str) -> None:
        """An answer was overridden, with that coded reason."""
        self._overridden.labels(_one_of(reason, self.overrides)).inc()

    def observe_cds(self, service: str, status: int, seconds: float) -> None:
        """A CDS Hooks request was answered. A service that is not offered is "other": its name is the caller's."""
        self._cds.labels(_one_of(service, self.services), _one_of(str(status), STATUSES)).observe(max(seconds, 0.0))

    def exposition(self, store: Store | None, now: datetime | None = None) -> bytes:
        """Everything in Prometheus' text format 0.0.4, what waits in the store among it. ``now``: aware; UTC now.

        Of a store that cannot be read this alone is told (``radlogic_store_readable`` 0); the counters are all here.
        """
        return self.counted() + (b"" if store is None else of_store(store, now))

    def counted(self) -> bytes:
        """What the process counted, and all that share its counters (``operations.together``); no store is asked."""
        client, folder = _client(), os.environ.get("PROMETHEUS_MULTIPROC_DIR")
        if folder is None:
            return bytes(client.generate_latest(self.registry))
        from prometheus_client.multiprocess import MultiProcessCollector

        together = client.CollectorRegistry(auto_describe=False)
        MultiProcessCollector(together, folder)  # type: ignore[no-untyped-call]
        return bytes(client.generate_latest(together))


def of_store(store: Store, now: datetime | None = None) -> bytes:
    """What waits in the store; of one that cannot be read, that it cannot."""
    try:
        waits = dict(_waiting(store, now or datetime.now(UTC)))
    except StoreUnavailable as error:
        LOG.error("%s", error)
        return unread()
    count = _gauge("reviews_waiting", "Decisions that wait for a human, by priority.", ["priority"])
    oldest = _gauge("oldest_review_seconds", "For how long the oldest of them has waited.", ["priority"])
    for priority, rank in URGENCY.items():
        many, age = waits.get(rank, (0, 0.0))
        count.add_metric([priority.value], many)
        oldest.add_metric([priority.value], age)
    return _written(_readable(1), count, oldest)


def unread() -> bytes:
    """That the store cannot be read."""
    return _written(_readable(0))


def _readable(value: int) -> Any:
    gauge = _gauge("store_readable", "Whether the store can be read: 1 or 0.")
    gauge.add_metric([], value)
    return gauge


def _gauge(name: str, told: str, labels: Sequence[str] = ()) -> Any:
    """Values for one answer: such of a store that are left out cannot stay as they were, and no process keeps them."""
    _client()
    from prometheus_client.core import GaugeMetricFamily

    return GaugeMetricFamily(f"radlogic_{name}", told, labels=labels)


class _Once:
    """What is collected for one answer."""

    def __init__(self, gauges: tuple[Any, ...]) -> None:
        self._gauges = gauges

    def collect(self) -> tuple[Any, ...]:
        """These values."""
        return self._gauges


def _written(*gauges: Any) -> bytes:
    """These in Prometheus' text format."""
    registry = _client().CollectorRegistry(auto_describe=False)
    registry.register(_Once(gauges))
    return bytes(_client().generate_latest(registry))


def _waiting(store: Store, now: datetime) -> Iterable[tuple[int, tuple[int, float]]]:
    """Rank of the priority -> how many wait, and the age of the oldest in seconds."""
    joined = WAITING.join(DECISION, WAITING.c.decision_id == DECISION.c.decision_id)
    query = select(WAITING.c.rank, func.count(), func.min(DECISION.c.arrived)).select_from(joined)
    with store.journal.reading() as connection:
        for rank, count, first in connection.execute(query.group_by(WAITING.c.rank)):
            yield rank, (count, max((now - of_moment(first)).total_seconds(), 0.0))


def metrics_routes(metrics: Metrics, store: Store) -> APIRouter:
    """``GET /metrics``. Who may ask is the service's to say: counts tell what a site does."""
    from fastapi import APIRouter, Response

    router = APIRouter(tags=["operations"])
    waits = Apart(lambda: of_store(store))

    @router.get("/metrics")
    async def exposed() -> Response:
        """The process's counters and, where the store can be read, what waits; for Prometheus."""
        try:
            told = await waits.answer()
        except TimeoutError:
            told = unread()
        content = metrics.counted() + told
        return Response(content, media_type=CONTENT_TYPE, headers={"Cache-Control": "no-store"})

    return router


CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


def _one_of(value: str, known: Collection[str] | type[Route] | type[Outcome]) -> str:
    return str(value) if value in known else OTHER


def _client() -> Any:
    try:
        import prometheus_client
    except ImportError as error:
        cure = "pip install prometheus_client"
        raise MissingExtra("metrics", "", "no prometheus_client", "the package prometheus_client", cure) from error
    return prometheus_client
