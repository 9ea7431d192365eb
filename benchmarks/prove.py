"""Claim: all proofs of all guidelines take less than 60 s, on the compiled structures, in one process.

The peer, where it is installed (extra ``prove``): z3, which shows each statement from the YAML tables themselves.
Seconds are CPU seconds of this process. Run it with ``python benchmarks/prove.py [--no-peer]``.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from radlogic.engine.guideline.editions import editions
from radlogic.engine.guideline.load import Guideline, load_guideline
from radlogic.engine.guideline.proofs_file import statements_of
from radlogic.engine.guideline.prove import Statement, prove
from radlogic.engine.resources import rules_folder

MOST = 60.0


def by_z3(guideline: Guideline, statements: Sequence[Statement]) -> tuple[int, float]:
    """How many of the statements z3 shows too, and the seconds that it takes."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
    import z3_statements

    begun = time.process_time()
    shown = [z3_statements.holds(guideline.document, s) is True for s in statements if s.kind != "unreached"]
    return sum(shown), time.process_time() - begun


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--no-peer", action="store_true", help="do not run z3")
    peer = not options.parse_args().no_peer and importlib.util.find_spec("z3") is not None
    print(f"{'guideline':32}{'proofs':>8}{'hold':>6}{'s':>8}{'z3 shows':>10}{'z3 s':>8}")
    total = false = 0.0
    for name, folder in editions(rules_folder()):
        guideline, statements = load_guideline(name), statements_of(folder)
        begun = time.process_time()
        proofs = prove(guideline, statements)
        spent = time.process_time() - begun
        total, false = total + spent, false + sum(not p.holds for p in proofs)
        shown, slow = by_z3(guideline, statements) if peer else (0, 0.0)
        beside = f"{shown:10}{slow:8.2f}" if peer else f"{'-':>10}{'-':>8}"
        print(f"{name:32}{len(proofs):8}{sum(p.holds for p in proofs):6}{spent:8.2f}{beside}")
    print(f"all in {total:.1f} s of CPU; at most {MOST:.0f} s allowed; {false:.0f} do not hold")
    sys.exit(total > MOST or false > 0)


if __name__ == "__main__":
    main()
