"""The CDS services of one process, put together: what they look up, whom they believe, where missing data come from."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool

from ...engine.record import DecisionLog, MemoryLog, MemoryQueue, ReviewQueue
from ..access.limits import Buckets
from ..monitor.metrics import Metrics
from ..operations.together import SharedBuckets
from ..operations.tracing import traced
from ..store.cases import Store
from . import offers, terms
from .counted import CdsCounts
from .data.fetch import FhirFetching
from .router import cds_routes
from .seam import Records
from .settings import CdsSettings
from .trust.guard import CdsGuard, MakeBuckets, verified
from .trust.replay import InMemory, Replays
from .trust.settings import CdsTrust
from .trust.verify import Verifier

if TYPE_CHECKING:
    from fastapi import FastAPI


@dataclass(frozen=True, slots=True)
class CdsServices:
    """What ``add_to`` puts into an app, and what ends with it."""

    records: Records
    trust: CdsTrust
    verifier: Verifier
    fetching: FhirFetching
    replays: Replays

    buckets: MakeBuckets = Buckets

    def add_to(self, app: FastAPI) -> None:
        """Add the routes, and the guard before them. Layers that are added later lie around it."""
        app.include_router(cds_routes(self.records, verified, self.trust.body_bytes))
        app.add_middleware(
            CdsGuard,
            trust=self.trust,
            verifier=self.verifier,
            addresses=self.buckets(self.trust.burst, self.trust.requests_per_s, time.monotonic),
            clients=self.buckets(self.trust.client_burst, self.trust.client_requests_per_s, time.monotonic),
        )

    def warm(self) -> None:
        """Load what the first call would load: see ``offers.warm``."""
        offers.warm(self.records)

    def check(self) -> None:
        """That calls can be answered now: the store's version is known, each of its tables can be read, and it can
        be told which tokens were used. For a thread that may wait a second.

        Raises:
            StoreUnavailable, ReplaysUnknown: they cannot.
        """
        if self.records.store is not None:
            self.records.store.journal.database.check()
        self.replays.check()

    async def close(self) -> None:
        """Close all connections to key and FHIR servers."""
        await self.verifier.close()
        await run_in_threadpool(self.fetching.close)


def services_of(
    log: DecisionLog | None = None,
    queue: ReviewQueue | None = None,
    clock: Callable[[], date] = date.today,
    *,
    store: Store | None = None,
    settings: CdsSettings | None = None,
    trust: CdsTrust | None = None,
    metrics: Metrics | None = None,
    shared_replays: bool = False,
    shared_limits: bool = False,
) -> CdsServices:
    """The services over these records. Without ``trust`` they verify, and trust nobody.

    Args:
        log: where decisions are looked up, where there is no store; an empty one if None.
        queue: what waits for review, likewise.
        clock: the day by which follow-up counts as due or overdue.
        store: decisions with their signatures; feedback is kept there. None: feedback is refused.
        settings: what the services may say and do.
        trust: whom they believe, and which FHIR servers they ask.
        metrics: of the process; its own if None.
        shared_replays: whether used tokens are remembered with the store, for several processes and restarts.
        shared_limits: whether processes that are forked from this one count a client's calls together.

    Raises:
        ReplaysUnknown: they are to be, and the store cannot be written.
    """
    trust, metrics = trust or CdsTrust(), metrics or Metrics(services=counted())
    fetching = FhirFetching(trust)
    records = Records(
        MemoryLog() if log is None else log,
        MemoryQueue() if queue is None else queue,
        clock,
        store=store,
        settings=settings or CdsSettings(),
        fetching=traced(fetching),
        counts=CdsCounts(metrics),
        bases=trust.bases if trust.verify or trust.bases else None,
    )
    replays = _replays(trust, store if shared_replays else None)
    buckets: MakeBuckets = SharedBuckets if shared_limits else Buckets
    return CdsServices(records, trust, Verifier(trust, replays), fetching, replays, buckets)


def counted() -> frozenset[str]:
    """The names by which calls and feedback are counted, for ``Metrics``."""
    names = [service.id for service in terms.services().services]
    return frozenset([*names, *(f"{name}/feedback" for name in names)])


def _replays(trust: CdsTrust, store: Store | None) -> Replays:
    if store is None:
        return InMemory(trust.replays, time.time)
    database = store.journal.database
    if database.file is not None:
        from .trust.replay_file import FILE_NAME, InFile

        return InFile(database.file.with_name(FILE_NAME), time.time)
    from .trust.replay_table import InDatabase

    return InDatabase(database.engine, time.time)
