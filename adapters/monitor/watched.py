"""All that is known of a period, in one value: figures, groups, drift, tests. It is what the page and the JSON show."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import date
from enum import Enum
from pathlib import Path
from typing import Any

from ..notice import INTENDED_USE
from ..store.cases import Store
from .alarms import Test, tests
from .drift import Drift, drifts, unlike
from .figures import Figures, exams_of, figures, pairs
from .groups import DIMENSIONS, MONTH, Case, cases_by, cases_of, grouped, shown
from .rows import Reading, Row
from .signed import Counts, signed_exams
from .statistics import Share, share
from .thresholds import Reference, Thresholds, reference, thresholds

VERSION = "1"


@dataclass(frozen=True, slots=True)
class Cell:
    """How often one category was signed where the engine said another; ``exams`` is None where too few to show."""

    engine: str
    signed: str
    exams: int | None


@dataclass(frozen=True, slots=True)
class Watched:
    """A period of a store: all exams, its groups by dimension and name, its months, its tests.

    ``reasons``: override reasons, None where too few to show. ``tables``: by guideline. ``routes``, ``review``: exams
    by route and by reason for review.
    """

    since: date | None
    until: date | None
    counts: Counts
    whole: Figures
    groups: Mapping[str, Mapping[str, Figures]]
    months: Mapping[str, Figures]
    reasons: Mapping[str, int | None]
    tables: Mapping[str, tuple[Cell, ...]]
    routes: Mapping[str, int | None]
    review: Mapping[str, int | None]
    drifts: tuple[Drift, ...]
    unlike: Share
    tests: tuple[Test, ...]
    known: Thresholds
    trained: Reference

    @property
    def alarms(self) -> tuple[Test, ...]:
        """The tests that sound, the least probable by chance first."""
        return tuple(sorted((t for t in self.tests if t.sounds), key=lambda t: (t.adjusted, t.alarm, t.group)))


def watch(
    store: Store,
    since: date | None = None,
    until: date | None = None,
    by: Sequence[str] = DIMENSIONS,
    site: Path | None = None,
) -> Watched:
    """What the signatures of a period say (days in UTC, both included).

    ``by``: the dimensions to group by. ``site``: the folder of the site's own calibrations.

    Raises:
        NotReadable, StoreUnavailable: the store cannot be read. MissingKnowledge: a file of the knowledge is broken.
    """
    counts, rows = signed_exams(store, Reading(site).row, since, until)
    return watched(rows, counts, by, since=since, until=until)


def watched(
    rows: Sequence[Row],
    counts: Counts,
    by: Sequence[str] = DIMENSIONS,
    *,
    since: date | None = None,
    until: date | None = None,
) -> Watched:
    """The same from rows."""
    known, trained = thresholds(), reference()
    small, few = known.small_groups.fewer_than, known.small_counts.fewer_than
    cases = cases_of(rows)
    groups = {dimension: _figures(grouped(cases_by(rows, dimension), dimension, small), few) for dimension in by}
    return Watched(
        since=since,
        until=until,
        counts=counts,
        whole=_shown(figures(cases), few),
        groups=groups,
        months=_figures(grouped(cases, MONTH, small), few),
        reasons=shown(Counter(sorted(r.override_reason for r in rows if r.override_reason)), few),
        tables=_tables(rows, few),
        routes=shown(Counter(sorted(r.route for r in rows)), few),
        review=shown(Counter(sorted(code for r in rows for code in r.reasons)), few),
        drifts=tuple(drifts(exams_of(cases), trained, few)),
        unlike=share(*unlike(exams_of(cases))),
        tests=tuple(tests(rows, by, known, trained)),
        known=known,
        trained=trained,
    )


def _figures(groups: Mapping[str, Sequence[Case]], few: int) -> dict[str, Figures]:
    return {name: _shown(figures(cases), few) for name, cases in groups.items()}


def _shown(found: Figures, few: int) -> Figures:
    """Without the bins that hold only a few exams; the error was counted with them."""
    bins = tuple(b for b in found.calibrated.bins if b.of >= few)
    return replace(found, calibrated=replace(found.calibrated, bins=bins))


def _tables(rows: Sequence[Row], few: int) -> dict[str, tuple[Cell, ...]]:
    names = sorted({a.guideline for row in rows for a in row.answers})
    counted = {name: Counter(pairs(a for row in rows for a in row.answers if a.guideline == name)) for name in names}
    return {name: tuple(Cell(*pair, n) for pair, n in sorted(shown(counted[name], few).items())) for name in names}


def as_record(found: Watched) -> dict[str, Any]:
    """Plain JSON values: what has no number is null."""
    said = {f.name: plain(getattr(found, f.name)) for f in fields(found) if f.name not in ("known", "trained")}
    alarms = [plain(t) | {"text": found.known.alarms[t.alarm].text} for t in found.alarms]
    thresholds_ = found.known.model_dump(mode="json")
    trained = found.trained.model_dump(mode="json", include={"model", "model_sha256", "made", "exams"})
    head = {"version": VERSION, "intended_use": INTENDED_USE}
    return {**head, **said, "alarms": alarms, "thresholds": thresholds_, "training_data": trained}


def plain(value: Any) -> Any:
    """A value as JSON has it; a share with its value, and null for what is not a number."""
    if isinstance(value, float):
        return round(value, 6) if math.isfinite(value) else None
    if isinstance(value, date | Enum):
        return value.isoformat() if isinstance(value, date) else value.value
    if isinstance(value, Share):
        return {
            "hits": value.hits,
            "of": value.of,
            "share": plain(value.value),
            "interval": plain([value.low, value.high]),
        }
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(part) for key, part in value.items()}
    return [plain(part) for part in value] if isinstance(value, list | tuple) else value
