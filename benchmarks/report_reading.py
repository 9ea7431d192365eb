"""Claim: stated category and interval are read from report families that were never seen while developing.

    python benchmarks/report_reading.py

``tests/audit/wordings_unseen`` holds families by three authors who saw no grammar. Whoever works on the grammar must
not read them: they are for this count alone. Once read for that, a family belongs into ``tests/audit/wordings``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from radlogic.adapters.audit.reading.reader import read_report

UNSEEN = Path(__file__).resolve().parents[1] / "tests" / "audit" / "wordings_unseen"
BAR = {"category": (0.98, 0.95), "interval": (0.98, 0.95)}  # precision, recall


def pairs(report: dict[str, Any]) -> Iterator[tuple[str, set[Any], set[Any]]]:
    """What is wanted and what was read, of each kind."""
    truth, got = report["truth"], read_report(report["text"])
    stated = {(s["guideline"], str(s["category"])) for s in truth["stated"] or () if s["category"] is not None}
    yield "category", stated, {(s.guideline, s.category) for s in got.stated if s.category is not None}
    wanted = (truth["recommended"] or {}).get("interval_months")
    read = got.recommended.interval_months if got.recommended else None
    yield "interval", *({tuple(map(float, v))} if v is not None else set() for v in (wanted, read))


def counted(path: Path) -> Counter[tuple[str, str]]:
    """Right, wrong and missed of one family."""
    found: Counter[tuple[str, str]] = Counter()
    for report in yaml.safe_load(path.read_text(encoding="utf-8"))["reports"]:
        for kind, wanted, read in pairs(report):
            for name, many in (("right", wanted & read), ("wrong", read - wanted), ("missed", wanted - read)):
                found[kind, name] += len(many)
    return found


def shown(name: str, found: Counter[tuple[str, str]]) -> str:
    """One line of the table."""
    cells = []
    for kind in BAR:
        right, read = found[kind, "right"], found[kind, "right"] + found[kind, "wrong"]
        wanted = right + found[kind, "missed"]
        cells.append(f"{right}/{read} {right / max(read, 1):.3f}   {right}/{wanted} {right / max(wanted, 1):.3f}")
    return f"{name:34s}" + "   ".join(f"{cell:30s}" for cell in cells)


def main() -> None:
    """Print the table."""
    print(f"{'family':34s}{'category: precision, recall':33s}interval: precision, recall")
    total: Counter[tuple[str, str]] = Counter()
    for path in sorted(UNSEEN.glob("*.yaml")):
        found = counted(path)
        total += found
        print(shown(path.stem, found))
    print(shown("together", total), f"(bar: {BAR['category'][0]}, {BAR['category'][1]})")


if __name__ == "__main__":
    main()
