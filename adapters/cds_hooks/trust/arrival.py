"""When the call arrived: from then on its time runs, wherever in the service it is."""

from __future__ import annotations

from contextvars import ContextVar

_ARRIVED: ContextVar[float | None] = ContextVar("radlogic_cds_arrived", default=None)


def arrives(now: float) -> None:
    """The call of this context arrived (``time.monotonic``); threads that work for it see it, too."""
    _ARRIVED.set(now)


def arrived_at(otherwise: float) -> float:
    """When it did; ``otherwise`` where no guard said."""
    found = _ARRIVED.get()
    return otherwise if found is None else found
