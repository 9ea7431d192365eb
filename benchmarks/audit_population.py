"""Write a population with planted violations, for the audit to be tried on.

    python benchmarks/audit_population.py --exams 1000000 --seed 1 --out FOLDER --form parquet

``--form parquet`` writes ``tables/``, ``truth.parquet``, ``expected.parquet`` and ``truth.json``;
``--form ndjson`` the same population as Bulk FHIR R4 files beside the same truth. See docs/audit-population.md.
"""

import argparse
import resource
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))


def main() -> None:
    """Write it, and say how long it took."""
    parser = argparse.ArgumentParser(description="A population with planted violations.")
    parser.add_argument("--exams", type=int, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--form", choices=("parquet", "ndjson"), default="parquet")
    parser.add_argument("--without-shared", action="store_true", help="use the repository's own vectors only")
    parser.add_argument("--dirt", type=int, default=0, metavar="N", help="ndjson: add each kind of dirty line N times")
    asked = parser.parse_args()
    if asked.exams < 1:
        parser.error("--exams: at least 1")
    if asked.out.exists() and any(asked.out.iterdir()):
        parser.error(f"--out: {asked.out} is not empty")
    if asked.dirt and asked.form != "ndjson":
        parser.error("--dirt: goes with --form ndjson")
    started = time.process_time()
    if asked.form == "parquet":
        from generated_tables import write
    else:
        from generated_ndjson import write
    told = write(asked.out, asked.exams, asked.seed, beside=not asked.without_shared)
    if asked.dirt:
        from generated_dirt import add_dirt

        add_dirt(asked.out / "ndjson", asked.dirt)
    size = sum(file.stat().st_size for file in asked.out.rglob("*") if file.is_file())
    print(f"exams {told['rows']['exams']:,}  patients {told['rows']['patients']:,}", end="  ")
    print(f"planted {sum(told['planted'].values()):,}")
    print(f"{time.process_time() - started:.1f} s of CPU, {size / 1e6:.0f} MB,", end=" ")
    print(f"at most {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB of memory")


if __name__ == "__main__":
    main()
