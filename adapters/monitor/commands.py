"""``radlogic monitor``: a period of a store as text, JSON and a page."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

from ...engine.errors import BadValue
from ..assess import write_files
from ..notice import INTENDED_USE
from ..site import site_folder
from ..store.cases import Store
from .groups import DIMENSIONS
from .page import by_kind, interval, number, page
from .watched import Watched, as_record, watch


def run(
    place: str,
    since: date | None,
    until: date | None,
    by: tuple[str, ...],
    out: Path | None,
    calibration: Path | None,
    *,
    as_json: bool,
) -> tuple[str, bool]:
    """What is to be printed, and whether an alarm sounds; ``out`` gets the page and the JSON.

    Raises:
        BadValue: days in the wrong order, or no such dimension. StoreUnavailable, AnchorAhead, NotReadable: the store.
        MissingKnowledge: a file of thresholds or of a calibration is broken.
    """
    _check(since, until, by)
    with Store.open(place, make=False) as store:
        found = watch(store, since, until, by or DIMENSIONS, calibration or site_folder())
    record = json.dumps(as_record(found), ensure_ascii=False, indent=2, allow_nan=False) + "\n"
    written = write_files({"monitor.json": record, "monitor.html": page(found)}, out) if out else {}
    paths = "".join(f"\nwrote {path}" for path in written.values())
    return record.rstrip("\n") if as_json else shown(found) + paths, bool(found.alarms)


def _check(since: date | None, until: date | None, by: tuple[str, ...]) -> None:
    if since and until and until < since:
        allowed = "a last day not before the first"
        raise BadValue("command line", "--until", until.isoformat(), allowed, "Exchange the days.")
    for dimension in by:
        if dimension not in DIMENSIONS:
            raise BadValue("command line", "--by", "another dimension", ", ".join(DIMENSIONS), "Use one of these.")


def shown(found: Watched) -> str:
    """The period in a few lines."""
    whole = found.whole
    lines = [
        INTENDED_USE,
        f"exams that arrived {found.counts.arrived}, of these signed {found.counts.signed}; signed in the period "
        f"{whole.exams}: accepted {whole.accepted}, corrected {whole.corrected}, overridden {whole.overridden.hits}",
        f"signed as the engine said: {interval(whole.agree)}; kappa {number(whole.kappa.value)}",
        f"read first and as the engine said: {interval(whole.read_first)}",
        f"calibrated sets that hold: {interval(whole.covered)}; calibration error {number(whole.calibrated.ece, 3)}",
        f"hours to signature: {number(whole.hours[0], 1)} (half), {number(whole.hours[1], 1)} (nine in ten)",
    ]
    for name, tests in by_kind(found.alarms).items():
        lines.append(f"ALARM: {found.known.alarms[name].text}")
        lines += [f"  {t.group}: {t.found:.3f}, bar {t.bar:.3f} ({t.detail}; {t.exams} exams)" for t in tests]
    if not found.alarms:
        lines.append(f"no alarm sounds in {len(found.tests)} tests")
    return "\n".join(lines)
