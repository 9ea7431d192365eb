"""What is wrong with Spark, where the audit was to run on it."""

from __future__ import annotations

from ....engine.errors import SetupError


class SparkUnavailable(SetupError):
    """There is no Java, no master, or nobody who works for it."""


class SparkFailed(SetupError):
    """Spark did not run a statement; the error names its kind, for its own words quote values."""
