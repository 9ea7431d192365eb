"""Claim: a 5 MB Bundle is read to facts in at most twice the time of ``json.loads`` alone.

The Bundle is made up: one patient with 14 years of results, of which most bear on no fact, as in real records.
Process time, the best of several runs, in turns, because the machine is shared.

    python benchmarks/fhir_reading.py
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

SIZE = 5_000_000
ROUNDS = 15
KINDS = [("8302-2", "cm"), ("29463-7", "kg"), ("2339-0", "mg/dL"), ("6299-2", "mg/dL"), ("38483-4", "mg/dL"),
         ("2947-0", "mmol/L"), ("6298-4", "mmol/L"), ("1742-6", "U/L"), ("1920-8", "U/L"), ("777-3", "10*3/uL"),
         ("1975-2", "mg/dL"), ("1751-7", "g/dL")]  # fmt: skip


def main() -> None:
    """Measure and print."""
    from fhir.resources.R4B.bundle import Bundle

    from radlogic.adapters.fhir.history import read_history

    with TemporaryDirectory() as folder:
        path = Path(folder) / "record.json"
        text = json.dumps(made_up())
        path.write_text(text)
        content = path.read_bytes()
        exam = date(2021, 6, 1)
        read_history(path, exam_date=exam)  # the value sets are loaded once a process
        times = best(
            {
                "json.loads alone": lambda: json.loads(content),
                "radlogic: file to facts, ledger and imaging": lambda: read_history(path, exam_date=exam),
            }
        )
        started = time.process_time()
        Bundle.model_validate_json(content)
        times["fhir.resources R4B: the whole Bundle validated (once)"] = time.process_time() - started
    alone = times["json.loads alone"]
    print(f"{len(content) / 1e6:.1f} MB, {text.count('resourceType') - 1} resources; best of {ROUNDS}, process time")
    for name, seconds in times.items():
        print(f"{name:55} {seconds * 1000:8.0f} ms  {seconds / alone:6.2f} x json.loads")


def made_up() -> dict[str, Any]:
    """A Bundle of SIZE bytes or a little more."""
    entries: list[dict[str, Any]] = [{"fullUrl": "urn:uuid:p", "resource": PATIENT}]
    size, number = 0, 0
    while size < SIZE:
        entry = {"fullUrl": f"urn:uuid:o{number}", "resource": result(number)}
        entries.append(entry)
        size += len(json.dumps(entry)) + 2
        number += 1
    return {"resourceType": "Bundle", "type": "collection", "entry": entries}


PATIENT = {"resourceType": "Patient", "id": "p", "gender": "female", "birthDate": "1950-02-03"}


def result(number: int) -> dict[str, Any]:
    """One laboratory result."""
    code, unit = KINDS[number % len(KINDS)]
    day = date(2007, 1, 1) + timedelta(days=number // len(KINDS) * 14)
    coding = {"system": "http://loinc.org", "code": code, "display": f"Result {code} in Serum or Plasma"}
    category = {"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "laboratory"}
    return {
        "resourceType": "Observation",
        "id": f"o{number}",
        "meta": {"profile": ["http://hl7.org/fhir/us/core/StructureDefinition/us-core-observation-lab"]},
        "status": "final",
        "category": [{"coding": [{**category, "display": "laboratory"}]}],
        "code": {"coding": [coding], "text": coding["display"]},
        "subject": {"reference": "urn:uuid:p"},
        "encounter": {"reference": f"urn:uuid:e{number // len(KINDS)}"},
        "effectiveDateTime": f"{min(day, date(2021, 5, 1))}T08:{number % 60:02}:00+00:00",
        "issued": f"{min(day, date(2021, 5, 1))}T09:00:00.000+00:00",
        "valueQuantity": {
            "value": 20 + number % 17 / 8,
            "unit": unit,
            "system": "http://unitsofmeasure.org",
            "code": unit,
        },
    }


def best(tasks: dict[str, Callable[[], object]]) -> dict[str, float]:
    """The least process time of each task over ROUNDS, the tasks in turns."""
    times: dict[str, float] = {}
    for _ in range(ROUNDS):
        for name, task in tasks.items():
            started = time.process_time()
            task()
            times[name] = min(times.get(name, float("inf")), time.process_time() - started)
    return times


if __name__ == "__main__":
    main()
