"""Claim: ``radlogic --help`` starts in under 0.3 s, and ``radlogic classify`` answers one case in under 0.5 s.

Each command runs in a fresh process, in turn with its peers (an empty Python, and one that imports
pydantic, which every answer needs), so that a busy moment of the machine falls on all of them. Files
are in the page cache and the guideline is compiled, as they are after the first answer; what the very
first answer after an editable installation costs is the last row. Medians of the rounds; a loaded
machine shows in the spread. Run it with ``python benchmarks/start_up.py [--rounds N]``.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

RADLOGIC = str(Path(sys.executable).with_name("radlogic"))
GUIDELINE = "lung-rads@2022"
CASE = {
    "exam": {"round": "baseline", "prior_ct": "none", "lungs_fully_evaluable": True, "s_finding": "none"},
    "nodules": [{"type": "solid", "status": "baseline", "mean_mm": 7}],
}


def commands(case: Path) -> dict[str, tuple[Sequence[str], float | None]]:
    """Label -> command and the bound that is claimed for it, in seconds."""
    return {
        "python -c pass": ([sys.executable, "-c", "pass"], None),
        'python -c "import pydantic"': ([sys.executable, "-c", "import pydantic"], None),
        "radlogic --help": ([RADLOGIC, "--help"], 0.3),
        "radlogic classify (one case)": ([RADLOGIC, "classify", GUIDELINE, str(case), "--json"], 0.5),
    }


def seconds(command: Sequence[str], environment: Mapping[str, str] | None = None) -> float:
    """Wall time of one run in a fresh process."""
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env=environment)
    return time.perf_counter() - start


def row(label: str, times: Sequence[float], bound: float | None) -> str:
    """One line of the table."""
    claim = f"{bound:.1f}" if bound is not None else "-"
    middle = statistics.median(times)
    return f"{label:<42}{middle:>8.3f}{min(times):>8.3f}{max(times):>8.3f}{claim:>8}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        case = Path(folder) / "case.json"
        case.write_text(json.dumps(CASE), encoding="utf-8")
        measured = commands(case)
        for command, _ in measured.values():
            seconds(command)  # page cache, byte code and the compiled guideline
        times: dict[str, list[float]] = {label: [] for label in measured}
        for _ in range(rounds):
            for label, (command, _) in measured.items():
                times[label].append(seconds(command))
        first = seconds(measured["radlogic classify (one case)"][0], {**os.environ, "XDG_CACHE_HOME": folder})
    print(f"{'seconds, wall':<42}{'median':>8}{'least':>8}{'most':>8}{'claim':>8}   ({rounds} rounds)")
    for label, (_, bound) in measured.items():
        print(row(label, times[label], bound))
    print(row("the same, nothing compiled yet (once)", [first], None))


if __name__ == "__main__":
    main()
