"""Claim: stated category and interval are read from report families that were never seen while developing.

    python benchmarks/report_reading.py             families that were never seen
    python benchmarks/report_reading.py --seen      families that the grammar was fitted to, and its speed

``tests/audit/wordings_unseen`` holds families by authors who saw no grammar. Whoever works on the grammar must not
read them: they are for this count alone. Once read for that, a family belongs into ``tests/audit/wordings``.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator
from math import sqrt
from pathlib import Path
from time import process_time
from typing import Any

import yaml

from radlogic.adapters.audit.reading.reader import read_report

WORDINGS = Path(__file__).resolve().parents[1] / "tests" / "audit"
BAR = {"category": (0.98, 0.95), "interval": (0.98, 0.95)}  # precision, recall
REPEATS = 5


def pairs(report: dict[str, Any]) -> Iterator[tuple[str, set[Any], set[Any]]]:
    """What is wanted and what was read, of each kind."""
    truth, got = report["truth"], read_report(report["text"])
    stated = {(s["guideline"], str(s["category"])) for s in truth["stated"] or () if s["category"] is not None}
    yield "category", stated, {(s.guideline, s.category) for s in got.stated if s.category is not None}
    wanted = (truth["recommended"] or {}).get("interval_months")
    read = got.recommended.interval_months if got.recommended else None
    yield "interval", *({tuple(map(float, v))} if v is not None else set() for v in (wanted, read))


def counted(reports: list[dict[str, Any]]) -> Counter[tuple[str, str]]:
    """Right, wrong and missed of one family."""
    found: Counter[tuple[str, str]] = Counter()
    for report in reports:
        for kind, wanted, read in pairs(report):
            for name, many in (("right", wanted & read), ("wrong", read - wanted), ("missed", wanted - read)):
                found[kind, name] += len(many)
    return found


def wilson(right: int, of: int) -> tuple[float, float]:
    """95 % interval of a proportion by Wilson's score."""
    if not of:
        return 0.0, 1.0
    z, p = 1.959964, right / of
    middle, half = p + z * z / (2 * of), z * sqrt(p * (1 - p) / of + z * z / (4 * of * of))
    return (middle - half) / (1 + z * z / of), (middle + half) / (1 + z * z / of)


def shown(name: str, found: Counter[tuple[str, str]]) -> str:
    """One line of the table."""
    cells = []
    for kind in BAR:
        right = found[kind, "right"]
        for of in (right + found[kind, "wrong"], right + found[kind, "missed"]):
            low, high = wilson(right, of)
            cells.append(f"{right:4d}/{of:<4d} {right / of if of else 1:.3f} [{low:.3f}, {high:.3f}]")
    return f"{name:26s}" + "  ".join(cells)


def speed(texts: list[str]) -> float:
    """Reports a second of one processor's time, the best of several readings."""
    best = 1e9
    for _ in range(REPEATS):
        start = process_time()
        for text in texts:
            read_report(text)
        best = min(best, process_time() - start)
    return len(texts) / best


def main() -> None:
    """Print the table."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--seen", action="store_true", help="the families that the grammar was fitted to")
    seen = asked.parse_args().seen
    heads = [f"{kind} {what}" for kind in BAR for what in ("precision", "recall")]
    print(f"{'family':26s}" + "  ".join(f"{head:30s}" for head in heads))
    total: Counter[tuple[str, str]] = Counter()
    texts: list[str] = []
    for path in sorted((WORDINGS / ("wordings" if seen else "wordings_unseen")).glob("*.yaml")):
        reports = yaml.safe_load(path.read_text(encoding="utf-8"))["reports"]
        found = counted(reports)
        total += found
        texts += [report["text"] for report in reports]
        print(shown(path.stem, found))
    print(shown("together", total), f"(bar: {BAR['category'][0]}, {BAR['category'][1]})")
    length = sum(map(len, texts)) / len(texts)
    print(f"{speed(texts):.0f} reports of {length:.0f} characters on average a second of one processor")


if __name__ == "__main__":
    main()
