# ruff: noqa: S608  paths of our own temporary files
"""Claim: on the same patients fqm-execution puts every exam into the same populations of a measure as the audit does.

Compared is ``recommendation-present`` on a generated population, written once as Bulk FHIR and once as Parquet: the
audit from either form, the per-patient evaluation in plain Python (``tests/audited_by_hand.py``, which judges all
measures at once), and fqm-execution (npm, Apache-2.0), for which the measure and what it needs of ``scope.yaml`` are
said in CQL (``fqm_peer/recommendation_present.cql``, translated by the npm package ``@cqframework/cql``) with a
DiagnosticReport as an episode. Of every exam: whether it is in the initial population, excluded (what is unknown among
it, as in the MeasureReport) or in the numerator; and the same counted by patient. An exam that differs ends it with 1.

Times are the processor's, of whole processes, for all patients and for the first quarter of them, so that what each
takes to start is told from what a patient costs. ``--tables`` has the audit of a larger folder beside them.

``cd FOLDER && npm install fqm-execution@1.8.6 @cqframework/cql@5.3.0``, then
``python benchmarks/audit_fqm.py --peers FOLDER [--exams N] [--seed N] [--tables FOLDER]``
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
PEER = HERE / "fqm_peer"
AS_OF = date(2026, 6, 30)
MEASURE = "recommendation-present"
OUT, DENOMINATOR_EXCLUSION, NUMERATOR, NEITHER = "not in it", "excluded", "numerator", "denominator only"
Judged = dict[tuple[str, str], str]  # (patient, exam) -> where it is
PLACES = {"met": NUMERATOR, "not_met": NEITHER, "excluded": DENOMINATOR_EXCLUSION, "unknown": DENOMINATOR_EXCLUSION}


@dataclass(frozen=True)
class Size:
    """A population in both forms."""

    patients: int
    ndjson: Path
    tables: Path


# ---- each way, in a process of its own -------------------------------------------------------


def audited(folder: Path, out: Path) -> Judged:
    """The audit: of NDJSON by way of the tables that are made of it."""
    import duckdb

    from radlogic.adapters.audit.at_scale import Order, run
    from radlogic.adapters.audit.intake.incoming import tables_folder
    from radlogic.adapters.audit.reported import rows_of

    done = run(Order(tables_folder(folder, out), out, AS_OF, (MEASURE,)))
    rows = duckdb.execute(rows_of(done.measures[0], done.files("rows"))).fetchall()
    return {(patient, exam): PLACES[status] for exam, patient, _, status, _ in rows}


def by_hand(folder: Path, _: Path) -> Judged:
    """All measures in plain Python, of which this one is taken."""
    sys.path.insert(0, str(HERE.parent / "tests"))
    import audited_by_hand

    owner = {row["exam_id"]: row["patient_id"] for row in audited_by_hand.rows(folder)["exams"]}
    found = audited_by_hand.judge(folder, AS_OF)
    return {(owner[e], e): PLACES[status] for (name, e), (status, _) in found.items() if name == MEASURE}


WAYS: dict[str, Callable[[Path, Path], Judged]] = {"audit": audited, "by-hand": by_hand}


def alone(way: str, folder: Path) -> tuple[Judged, float]:
    """What a way finds, and the processor seconds of its process."""
    with tempfile.TemporaryDirectory() as scratch:
        told = Path(scratch) / "told.json"
        took = _seconds([sys.executable, __file__, "--child", way, str(folder), str(told)])
        return {(patient, exam): place for patient, exam, place in json.loads(told.read_text())}, took


def child(way: str, folder: Path, told: Path) -> None:
    """Be that process."""
    found = WAYS[way](folder, told.parent / "out")
    told.write_text(json.dumps([[*key, place] for key, place in found.items()]))


def fqm(elm: Path, folder: Path, patients: int, peers: Path) -> tuple[Judged, float, dict[str, Any]]:
    """What fqm-execution finds, the processor seconds of its process, and what it says of itself."""
    words = ["node", PEER / "calculate.js", elm, folder, str(patients), "2010-01-01", f"{AS_OF}T23:59:59.999Z"]
    with tempfile.TemporaryFile("w+") as stream:
        took = _seconds(words, cwd=peers, stdout=stream)
        stream.seek(0)
        said = json.load(stream)
    found = {(p, e): where for p, e, names in said.pop("episodes") if (where := _place(names)) != OUT}
    return found, took, said


def _place(names: list[str]) -> str:
    """Where an episode is, by the populations that it is in."""
    if "initial-population" not in names:
        return OUT
    if "denominator-exclusion" in names:
        return DENOMINATOR_EXCLUSION
    return NUMERATOR if "numerator" in names else NEITHER


def _seconds(words: list[Any], **how: Any) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([str(word) for word in words], check=True, **how)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


# ---- the population --------------------------------------------------------------------------


def population(exams: int, seed: int, scratch: Path) -> list[Size]:
    """The first quarter of the patients of a population, and all of them."""
    for form in ("ndjson", "parquet"):
        words = [sys.executable, str(HERE / "audit_population.py"), "--exams", str(exams), "--seed", str(seed)]
        subprocess.run([*words, "--form", form, "--out", str(scratch / form)], check=True, stdout=sys.stderr)
    whole = Size(0, scratch / "ndjson" / "ndjson", scratch / "parquet" / "tables")
    names = [json.loads(line)["id"] for line in (whole.ndjson / "Patient.ndjson").read_text().splitlines()]
    chosen = names[: len(names) // 4]
    part = Size(len(chosen), scratch / "quarter" / "ndjson", scratch / "quarter" / "tables")
    _part(whole, part, frozenset(chosen))
    return [part, Size(len(names), whole.ndjson, whole.tables)]


def _part(whole: Size, part: Size, chosen: frozenset[str]) -> None:
    """Write what belongs to the chosen patients."""
    import duckdb

    part.ndjson.mkdir(parents=True)
    for file in sorted(whole.ndjson.glob("*.ndjson")):
        with file.open() as lines, (part.ndjson / file.name).open("w") as kept:
            kept.writelines(line for line in lines if _whose(json.loads(line)) in chosen)
    duckdb.execute("CREATE OR REPLACE TABLE chosen AS SELECT UNNEST(?) AS patient_id", [sorted(chosen)])
    exams = f"SELECT exam_id FROM '{whole.tables}/exams/*.parquet' JOIN chosen USING (patient_id)"
    for folder in sorted(path for path in whole.tables.iterdir() if path.is_dir()):
        source = f"'{folder}/*.parquet'"
        held = {name for name, *_ in duckdb.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()}
        mine = "patient_id IN (FROM chosen)" if "patient_id" in held else f"exam_id IN ({exams})"
        (part.tables / folder.name).mkdir(parents=True)
        target = part.tables / folder.name / "part-0.parquet"
        duckdb.execute(f"COPY (SELECT * FROM {source} WHERE {mine}) TO '{target}' (FORMAT parquet)")


def _whose(resource_: Mapping[str, Any]) -> str:
    subject = resource_.get("subject", {}).get("reference", "")
    return str(resource_["id"]) if resource_["resourceType"] == "Patient" else str(subject).rpartition("/")[2]


# ---- the comparison --------------------------------------------------------------------------


def differing(ours: Judged, theirs: Judged) -> list[tuple[str, str]]:
    """Exams that stand elsewhere."""
    return sorted(key for key in ours.keys() | theirs.keys() if ours.get(key, OUT) != theirs.get(key, OUT))


def by_patient(judged: Judged) -> Counter[tuple[str, str]]:
    """Exams by patient and place."""
    return Counter((patient, place) for (patient, _), place in judged.items())


def compare(asked: argparse.Namespace, scratch: Path) -> bool:
    """Print the table; whether all is the same."""
    elm = scratch / "elm.json"
    with (PEER / "recommendation_present.cql").open() as cql, elm.open("w") as stream:
        subprocess.run(["node", PEER / "translate.mjs"], cwd=asked.peers, stdin=cql, stdout=stream, check=True)
    took: dict[str, list[float]] = {}
    same, sizes = True, population(asked.exams, asked.seed, scratch)
    for size in sizes:
        ours, parquet_s = alone("audit", size.tables)
        read, ndjson_s = alone("audit", size.ndjson)
        hand, hand_s = alone("by-hand", size.tables)
        theirs, fqm_s, said = fqm(elm, size.ndjson, size.patients, asked.peers)
        told = {"audit, from Parquet": parquet_s, "audit, from Bulk FHIR": ndjson_s,
                "plain Python, from Parquet, all measures": hand_s, "fqm-execution, from Bulk FHIR": fqm_s,
                "  of it within Calculator.calculate": said["cpu_s"]}  # fmt: skip
        for name, seconds in told.items():
            took.setdefault(name, []).append(seconds)
        print(f"\n{size.patients} patients, {len(ours)} exams in the population: {dict(Counter(ours.values()))}")
        for name, found in {"audit of Bulk FHIR": read, "plain Python": hand, "fqm-execution": theirs}.items():
            wrong, patients = differing(ours, found), by_patient(ours) == by_patient(found)
            same = same and not wrong and patients
            told_by = "the same" if patients else "not the same"
            print(f"  {name:<20} {len(wrong)} exams stand elsewhere; by patient {told_by}")
            for key in wrong[:10]:
                print(f"    {key[1]}: {ours.get(key, OUT)} | {found.get(key, OUT)}")
    _costs(took, [size.patients for size in sizes], said["peak_mb"])
    if asked.tables:
        _larger(asked.tables)
    return same


def _costs(took: Mapping[str, list[float]], patients: list[int], peak_mb: float) -> None:
    few, many = patients
    print(f"\n{'processor seconds':<44}{few:>9}{many:>9}  ms a patient at {many}, and each further one")
    for name, (part, whole) in took.items():
        further = (whole - part) / (many - few) * 1000
        print(f"{name:<44}{part:>9.2f}{whole:>9.2f}{whole / many * 1000:>12.2f}{further:>12.2f}")
    print(f"fqm-execution held {peak_mb:.0f} MB at most")


def _larger(tables: Path) -> None:
    import duckdb

    found, seconds = alone("audit", tables)
    (patients,) = duckdb.execute(f"SELECT COUNT(DISTINCT patient_id) FROM '{tables}/exams/*.parquet'").fetchone() or (
        1,
    )
    print(f"audit, from Parquet, {patients} patients, {len(found)} exams: {seconds:.1f} s", end=", ")
    print(f"{seconds / patients * 1000:.3f} ms a patient (with the list of all exams, made for the comparison)")


def main() -> None:
    """Compare, or be one of the processes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peers", type=Path, help="a folder with node_modules/fqm-execution and @cqframework/cql")
    parser.add_argument("--exams", type=int, default=3000, help="three exams a patient or so")
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--tables", type=Path, help="a larger folder for the audit alone")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child:
        way, folder, told = asked.child
        child(way, Path(folder), Path(told))
        return
    if asked.peers is None or not (asked.peers / "node_modules" / "fqm-execution").is_dir():
        parser.error("--peers: a folder with node_modules/fqm-execution (see the docstring)")
    if shutil.which("node") is None:
        parser.error("node is not installed")
    with tempfile.TemporaryDirectory() as folder:
        sys.exit(not compare(asked, Path(folder)))


if __name__ == "__main__":
    main()
