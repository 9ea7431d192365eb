"""How long a report takes to draft from a decision: process time, text, page and PDF, on the shared cases.

    PYTHONPATH=.links:tests python benchmarks/report_speed.py

The guide is 100 ms a draft without PDF. The first draft of a process also reads the sentences and tables; it is
given apart. Process time, the best of five for each case, so that other work on the machine counts little.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

from report_cases import MAKE, decided, of_shared

from radlogic.adapters.report.html import report_html
from radlogic.adapters.report.pdf import report_pdf
from radlogic.adapters.report.text import report_text
from radlogic.engine.record import Assessment

ROUNDS = 5
GUIDE_MS = 100.0


def took(draft: Callable[[Assessment], object], made: Assessment, rounds: int = ROUNDS) -> float:
    """Milliseconds of process time, the best of several rounds."""
    times = []
    for _ in range(rounds):
        start = time.process_time()
        draft(made)
        times.append(1000 * (time.process_time() - start))
    return min(times)


def main() -> None:
    made = [decided(name, case) for name, case in of_shared()] + [make() for make, _ in MAKE.values()]
    first = took(report_text, made[0], 1)
    print(f"{len(made)} decisions; the first draft of the process, sentences and tables read: {first:.0f} ms")
    print(f"{'form':8}{'median':>10}{'p95':>10}{'worst':>10}   ms of process time; guide {GUIDE_MS:.0f} without PDF")
    for name, draft in (("text", report_text), ("page", report_html), ("PDF", report_pdf)):
        times = sorted(took(draft, each) for each in (made if name != "PDF" else made[::10]))
        p95 = times[int(0.95 * (len(times) - 1))]
        print(f"{name:8}{statistics.median(times):10.1f}{p95:10.1f}{times[-1]:10.1f}")


if __name__ == "__main__":
    main()
