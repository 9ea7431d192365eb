"""Claim: of a population of a million exams the audit finds every planted violation, and invents none.

The population is that of ``audit_population.py``; which measure must find which kind, with which reasons, stands in
``tests/audit/test_measures_agree.py``. ``python benchmarks/audit_planted.py [--exams N]``
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import duckdb

HERE = Path(__file__).resolve().parent
TESTS = HERE.parent / "tests"
INVENTED = """
SELECT COUNT(*) FROM read_parquet(?) WHERE status = 'not_met' AND exam_id NOT IN (SELECT exam_id FROM truth)
"""


def expectations() -> Any:
    """The module that says which measure finds which kind."""
    sys.path.insert(0, str(TESTS))
    spec = spec_from_file_location("test_measures_agree", TESTS / "audit" / "test_measures_agree.py")
    if spec is None or spec.loader is None:
        raise FileNotFoundError(TESTS)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--exams", type=int, default=1_000_000)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        population, out = Path(scratch) / "population", Path(scratch) / "out"
        words = [sys.executable, str(HERE / "audit_population.py"), "--exams", str(chosen.exams), "--out", population]
        subprocess.run(words, check=True)
        audit = [Path(sys.executable).with_name("radlogic"), "audit", population / "tables", "--out", out]
        subprocess.run([*audit, "--as-of", "2026-06-30", "--by-measure"], check=True, stdout=subprocess.DEVNULL)
        compare(population, out / "measures")


def compare(population: Path, measures: Path) -> None:
    """Print per kind how many were planted, found, and could not be judged; then what was invented."""
    expected, invented = expectations(), 0
    with duckdb.connect() as database:
        truth = [str(population / "truth.parquet")]
        database.execute("CREATE TABLE truth AS SELECT exam_id, kind FROM read_parquet(?)", truth)
        print(f"{'planted kind':34}{'planted':>9}{'found':>9}{'unusable':>9}")
        for kind, (measure, reasons) in expected.FOUND_BY.items():
            counted = database.execute(
                "SELECT COUNT(*), COUNT(*) FILTER (list_contains(?, reason)), "
                "COUNT(*) FILTER (reason = 'findings_not_usable') "
                "FROM truth LEFT JOIN read_parquet(?) USING (exam_id) WHERE kind = ?",
                [sorted(reasons), str(measures / f"{measure}.parquet"), kind],
            ).fetchone()
            print(f"{kind:34}" + "".join(f"{n:>9,}" for n in counted or ()))
        for file in sorted(measures.glob("*.parquet")):
            if file.stem not in expected.RATES:
                (more,) = database.execute(INVENTED, [str(file)]).fetchone() or (0,)
                invented += more
    print(f"invented: {invented}")


if __name__ == "__main__":
    main()
