"""Counters of the CDS services for Prometheus: requests by ``Metrics``, feedback by service, outcome and reason.

Acceptance and override rates are ratios of ``radlogic_cds_feedback_total``. No label is a caller's own word.
"""

from __future__ import annotations

from typing import Final

from ..monitor.metrics import OTHER, Metrics
from . import terms

OUTCOMES: Final = ("accepted", "overridden")
NONE: Final = "none"  # the label where no reason was given


class CdsCounts:
    """What a process counts of its CDS services, in the registry of its ``Metrics``; made once for each."""

    def __init__(self, metrics: Metrics) -> None:
        import prometheus_client  # Metrics has refused where it is absent

        self.metrics = metrics
        self._services = frozenset(service.id for service in terms.services().services)
        self._reasons = frozenset(reason.code for reason in terms.reasons().reasons)
        labels = ["service", "outcome", "reason"]
        self._feedback = prometheus_client.Counter(
            "cds_feedback", "What became of cards.", labels, registry=metrics.registry, namespace="radlogic"
        )

    def observe_cds(self, service: str, status: int, seconds: float) -> None:
        """A call was answered."""
        self.metrics.observe_cds(service, status, seconds)

    def observe_feedback(self, service: str, outcome: str, reason: str) -> None:
        """A client told what became of a card."""
        self._feedback.labels(
            service if service in self._services else OTHER,
            outcome if outcome in OUTCOMES else OTHER,
            (reason if reason in self._reasons else OTHER) if reason else NONE,
        ).inc()
