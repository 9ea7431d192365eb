"""What the watch says while it works: one JSON object a line, to the logger ``radlogic.watch``.

Studies and jobs are named by a hash of their UIDs, failures by the kind of error and its sentence, which names no
patient. No UID, accession number, patient id, name, date or description is said. A hash stands for a UID and hides
nothing from somebody who has the UID.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Protocol

LOGGER = logging.getLogger("radlogic.watch")


class Say(Protocol):
    """Says one thing."""

    def __call__(self, event: str, **facts: str | int) -> None:
        """``facts``: hashes, counts, names of rules, kinds and sentences of errors."""


def say(event: str, **facts: str | int) -> None:
    """Say it to the log."""
    at = datetime.now(UTC).isoformat(timespec="seconds")
    LOGGER.info(json.dumps({"at": at, "event": event, **facts}, ensure_ascii=False))


def to_standard_error() -> None:
    """Have what is said appear on standard error, and nowhere else."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    LOGGER.handlers[:] = [handler]
    LOGGER.setLevel(logging.INFO)
    LOGGER.propagate = False
