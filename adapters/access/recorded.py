"""The audit log of a store, as the guard and the commands write it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from ..store.cases import Store
from .visit import Audit


def audit_in(store: Store) -> Audit:
    """A callable for ``install`` that appends to the store's log, stamped with this machine's clock."""

    def audit(actor: str, action: str, detail: Mapping[str, str]) -> None:
        store.audit(actor, action, datetime.now(UTC), details=detail)

    return audit
