"""Claim: an audit that is killed at any moment, and started again, ends with the same bytes in every file.

The tables of a folder are audited once undisturbed, in small buckets, with every form of output (rows, counts, the
worklist, each measure in words, summary, aggregates, page, MeasureReports and Lists). Then again into new folders: each
start gets SIGKILL after a random part of the undisturbed run's time, until one ends by itself. The sha256 of every
file, by its name, has to be that of the undisturbed run; what is left over is a difference too. Printed is at which
step each was killed. Moments are drawn from ``--seed``; the machine's load moves what they hit.

``python benchmarks/audit_resume.py [--tables FOLDER | --exams N] [--rounds N] [--per-bucket N] [--seed N]``
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path

AS_OF = date(2026, 6, 30)
HERE = Path(__file__).resolve().parent
SHORTEST, STARTS = 0.02, 12  # of the undisturbed run's time; starts that are killed in a round, at most
FORMS = {"rows": "rows/", "counts": "counts/", "worklist": "worklist", "measures in words": "measures/",
         "FHIR": "fhir/", "summary": "summary.json", "aggregates": "aggregates.json", "page": "page.html"}  # fmt: skip


def audit(tables: Path, out: Path, per_bucket: int) -> None:
    """The whole audit, in this process; says its steps."""
    from radlogic.adapters.audit import reported
    from radlogic.adapters.audit.at_scale import Order, run

    def say(what: str) -> None:
        print(what, flush=True)

    say("start")
    done = run(Order(tables, out, AS_OF, per_bucket=per_bucket), say)
    reported.write_all(done, by_measure=True, say=say)


def started(tables: Path, out: Path, per_bucket: int, scratch: Path, kill_after: float | None) -> tuple[bool, str]:
    """Start the audit, and kill it after so many seconds; whether it ended by itself, and the last step it said."""
    words = [sys.executable, __file__, "--child", str(out), "--tables", str(tables), "--per-bucket", str(per_bucket)]
    said = scratch / "said"
    with said.open("w") as stream, subprocess.Popen(words, stdout=stream) as one:
        try:
            code = one.wait(kill_after)
        except subprocess.TimeoutExpired:
            one.send_signal(signal.SIGKILL)
            code = one.wait()
    if code not in (0, -signal.SIGKILL):
        raise SystemExit(f"the audit ended with {code}")
    lines = said.read_text().splitlines()
    return code == 0, lines[-1] if lines else "before its first word"


def files(out: Path) -> dict[str, str]:
    """Name -> sha256 of all files of a folder."""
    return {str(f.relative_to(out)): _sha256(f) for f in sorted(out.rglob("*")) if f.is_file()}


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def disturbed(tables: Path, out: Path, asked: argparse.Namespace, whole_s: float, scratch: Path) -> Iterator[str]:
    """Kill and start again until a start ends by itself; yields the steps at which it was killed."""
    dice = random.Random(f"{asked.seed} {out.name}")  # noqa: S311  moments, no secrets
    for number in range(STARTS + 1):
        moment = whole_s * dice.uniform(SHORTEST, 1.0) if number < STARTS else None
        ended, step = started(tables, out, asked.per_bucket, scratch, moment)
        if ended:
            return
        yield step


def differences(whole: dict[str, str], found: dict[str, str]) -> list[str]:
    """Names that are missing, too many or of other bytes."""
    return [name for name in sorted(whole.keys() | found.keys()) if whole.get(name) != found.get(name)]


def compare(asked: argparse.Namespace, scratch: Path) -> int:
    """All rounds; returns how many files differ."""
    begun = time.monotonic()
    started(asked.tables, scratch / "whole", asked.per_bucket, scratch, None)
    whole_s, whole = time.monotonic() - begun, files(scratch / "whole")
    buckets = len(json.loads((scratch / "whole" / "manifest.json").read_text())["plan"]["buckets"])
    print(f"undisturbed: {whole_s:.1f} s, {buckets} buckets, {len(whole)} files", flush=True)
    for form, start in FORMS.items():
        print(f"  {form:<18}{sum(name.startswith(start) for name in whole):>6} files")
    differ, kills = 0, 0
    for number in range(1, asked.rounds + 1):
        out = scratch / f"round-{number}"
        steps = list(disturbed(asked.tables, out, asked, whole_s, scratch))
        kills += len(steps)
        wrong = differences(whole, files(out))
        differ += len(wrong)
        print(f"round {number}: killed {len(steps)} times; {len(whole) - len(wrong)} of {len(whole)} files the same")
        for step, times in Counter(steps).items():
            print(f"  {times} x after '{step}'")
        for name in wrong[:20]:
            print(f"  differs: {name}", flush=True)
    print(f"{kills} kills, {differ} files differ")
    return differ + (kills == 0)


def main() -> None:
    """Compare, or be the process that is killed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tables", type=Path)
    parser.add_argument("--exams", type=int, default=100_000, help="made where no tables are given")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--per-bucket", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child is not None:
        audit(asked.tables, asked.child, asked.per_bucket)
        return
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        if asked.tables is None:
            words = [sys.executable, str(HERE / "audit_population.py"), "--exams", str(asked.exams)]
            subprocess.run([*words, "--out", str(scratch / "population")], check=True)
            asked.tables = scratch / "population" / "tables"
        sys.exit(compare(asked, scratch) > 0)


if __name__ == "__main__":
    main()
