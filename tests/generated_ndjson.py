"""The generated population as Bulk FHIR R4: one NDJSON file a resource type, the same ids and the same truth.

What has no code in a standard terminology that this project has confirmed is named by its text. A fact of an
exam or finding is a component of one Observation; a set of features is one component whose codings are those
present, ``false`` where none is; what is not applicable is absent with that reason; what is not stated has no
component.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from generated_graph import graph
from generated_plants import NAMES
from generated_population import chunks
from generated_tables import Written, pool, tables_of, truth_head

Resource = dict[str, Any]
WORD, SNOMED, LOINC = "urn:radlogic:word", "http://snomed.info/sct", "http://loinc.org"
ABSENT = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
CODED = {
    "pack_years": {"coding": [{"system": SNOMED, "code": "401201003"}], "text": "pack_years"},
    "smoking_status": {"coding": [{"system": LOINC, "code": "72166-2"}], "text": "smoking_status"},
}
UNITS = {"_mm": "mm", "_mm3": "mm3", "_months": "mo", "_years": "a", "_ng_ml": "ng/mL"}
BASE = {"exam_id", "patient_id", "exam_date", "modality", "region", "indication", "site_id", "reader_id", "scanner",
        "report_text", "assessed", "finding_id", "kind", "age"}  # fmt: skip
CATEGORY = {"lung-rads": [{"system": SNOMED, "code": "1362105002"}]}
TYPES = ("Patient", "DiagnosticReport", "Observation", "ServiceRequest", "Procedure", "Condition",
         "Communication")  # fmt: skip


def write(out: Path, exams: int, seed: int, *, beside: bool = True) -> dict[str, Any]:
    """Write the population as NDJSON and return what ``truth.json`` says."""
    (out / "ndjson").mkdir(parents=True)
    rows: dict[str, int] = defaultdict(int)
    counts = dict.fromkeys(NAMES, 0)
    truth, expected = [], []
    with ExitStack() as stack:
        files = {t: stack.enter_context((out / "ndjson" / f"{t}.ndjson").open("w", encoding="utf-8")) for t in TYPES}
        for chunk in chunks(exams, seed, beside=beside):
            found = tables_of(chunk, graph(beside=beside), pool(beside=beside))
            for resource in resources(found):
                rows[resource["resourceType"]] += 1
                files[resource["resourceType"]].write(json.dumps(resource, separators=(",", ":")) + "\n")
            rows["exams"] += found.tables["exams"].num_rows
            rows["patients"] += found.tables["patients"].num_rows
            truth.append(found.truth)
            expected.append(found.expected)
            for kind in found.truth["kind"].to_pylist():
                counts[kind] += 1
    for name, parts in (("truth", truth), ("expected", expected)):
        pq.write_table(pa.concat_tables(parts).unify_dictionaries(), out / f"{name}.parquet", compression="zstd")
    told = truth_head(seed, beside=beside) | {"rows": dict(rows), "planted": counts}
    (out / "truth.json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    return told


def resources(found: Written) -> Iterator[Resource]:
    """All resources of a chunk."""
    tables = {name: table.to_pylist() for name, table in found.tables.items()}
    owner = {row["exam_id"]: row for row in tables["exams"]}
    stated = {row["exam_id"]: row for row in tables["statements"]}
    screened = {row["exam_id"]: row for row in tables["screening"]}
    yield from map(patient, tables["patients"])
    for row in tables["exams"]:
        yield report(row)
        yield assessment(row, stated.get(row["exam_id"]), screened.get(row["exam_id"], {}))
    for row in tables["findings"]:
        yield finding(row, owner[row["exam_id"]])
    for row in tables["statements"]:
        yield from request(row, owner[row["exam_id"]])
    yield from map(procedure, tables["procedures"])
    for i, row in enumerate(tables["outcomes"]):
        yield condition(i, row)
    for row in tables["communications"]:
        yield communication(row, owner[row["exam_id"]])


def patient(row: Mapping[str, Any]) -> Resource:
    """Patient; who left has an end of the period in which the site's number was in use."""
    resource: Resource = {"resourceType": "Patient", "id": row["patient_id"], "birthDate": str(row["birth_date"])}
    if row["left_date"]:
        resource["identifier"] = [{"value": row["patient_id"], "period": {"end": str(row["left_date"])}}]
    if row["sex"]:
        resource["gender"] = row["sex"]
    if row["death_date"]:
        resource["deceasedDateTime"] = str(row["death_date"])
    return resource


def report(row: Mapping[str, Any]) -> Resource:
    """DiagnosticReport: ``code`` is the exam, ``category`` the region, ``performer`` the site."""
    resource: Resource = {
        "resourceType": "DiagnosticReport", "id": row["exam_id"], "status": "final", "subject": _subject(row),
        "category": [_text(row["region"])], "code": _text(row["modality"]), "effectiveDateTime": str(row["exam_date"]),
        "performer": [{"identifier": {"value": row["site_id"]}}],
        "resultsInterpreter": [{"identifier": {"value": row["reader_id"]}}],
        "result": [{"reference": f"Observation/{row['exam_id']}-0"}],
    }  # fmt: skip
    return resource | ({"conclusion": row["report_text"]} if row["report_text"] else {})


def assessment(row: Mapping[str, Any], stated: Mapping[str, Any] | None, screened: Mapping[str, Any]) -> Resource:
    """The Observation of an exam: its stated category, its facts, and what is documented for a screening exam."""
    parts = [{"code": _text("indication")} | _value(row["indication"]), *components(row)]
    parts += [{"code": CODED.get(name, _text(name))} | _value(value, "a" if name == "years_since_quit" else "1")
              for name, value in screened.items() if name != "exam_id" and value is not None]  # fmt: skip
    resource = _observation(f"{row['exam_id']}-0", row, "assessment", parts)
    resource["device"] = {"display": row["scanner"]}
    if stated:
        resource["method"] = _text(f"{stated['guideline']}@{stated['edition']}")
        parts.append({"code": _text("s_modifier"), "valueBoolean": stated["s_modifier"]})
        if stated["category"] is not None:
            coding = CATEGORY.get(stated["guideline"], [])
            resource["code"] = {"coding": coding, "text": "assessment"} if coding else _text("assessment")
            resource["valueCodeableConcept"] = _text(stated["category"])
    return resource


def finding(row: Mapping[str, Any], of: Mapping[str, Any]) -> Resource:
    """An Observation of one finding."""
    return _observation(row["finding_id"], of, row["kind"], list(components(row)))


def components(row: Mapping[str, Any]) -> Iterator[Resource]:
    """The facts of a row as components."""
    sets: dict[str, list[str]] = {}
    for name, value in row.items():
        stem, dot, word = name.partition(".")
        if name in BASE or value is None or (name == "history" and not value):
            continue
        if dot and word != "na":
            sets.setdefault(stem, []).extend([word] if value else [])
        elif dot and value:
            yield {"code": _text(stem), "dataAbsentReason": {"coding": [{"system": ABSENT, "code": "not-applicable"}]}}
        elif not dot:
            yield {"code": _text(name)} | _value(value, _unit(name))
    for stem, words in sets.items():
        present = {"valueCodeableConcept": {"coding": [{"system": WORD, "code": w} for w in words]}}
        yield {"code": _text(stem)} | (present if words else {"valueBoolean": False})


def _unit(name: str) -> str:
    """The unit of a number, from its name; other numbers are counts."""
    return next((unit for end, unit in UNITS.items() if name.endswith(end)), "1")


def _value(value: Any, unit: str = "1") -> Resource:
    match value:
        case bool():
            return {"valueBoolean": value}
        case float() | int():
            return {"valueQuantity": {"value": value, "unit": unit}}
        case str():
            return {"valueString": value}
    sizes = [f"{entry['mean_mm']:g} mm {entry['months_ago']:g} months ago" for entry in value]
    return {"valueString": "; ".join(sizes)}


def request(row: Mapping[str, Any], of: Mapping[str, Any]) -> Iterator[Resource]:
    """The recommendation as a proposed ServiceRequest; none where the report recommends nothing."""
    low, high, modality = row["interval_min_months"], row["interval_max_months"], row["recommended_modality"]
    if low is None and modality is None and not row["no_followup"]:
        return
    resource: Resource = {
        "resourceType": "ServiceRequest", "id": f"{row['exam_id']}-next", "status": "active", "intent": "proposal",
        "subject": _subject(of), "code": _text(modality or "follow-up"),
        "supportingInfo": [{"reference": f"DiagnosticReport/{row['exam_id']}"}],
    }  # fmt: skip
    if row["no_followup"]:
        resource["doNotPerform"] = True
    if low is not None:
        bounds = {"low": {"value": float(low), "unit": "mo"}, "high": {"value": float(high), "unit": "mo"}}
        resource["occurrenceTiming"] = {"repeat": {"boundsRange": bounds}}
    yield resource


def procedure(row: Mapping[str, Any]) -> Resource:
    """Procedure."""
    return {"resourceType": "Procedure", "id": row["procedure_id"], "status": "completed", "subject": _subject(row),
            "code": _text(row["kind"]), "performedDateTime": str(row["procedure_date"]),
            "bodySite": [_text(row["region"])]}  # fmt: skip


def condition(number: int, row: Mapping[str, Any]) -> Resource:
    """A diagnosis."""
    return {"resourceType": "Condition", "id": f"{row['patient_id']}-dx{number}", "subject": _subject(row),
            "code": _text(row["kind"]), "onsetDateTime": str(row["diagnosis_date"])}  # fmt: skip


def communication(row: Mapping[str, Any], of: Mapping[str, Any]) -> Resource:
    """The call about a critical result."""
    return {"resourceType": "Communication", "id": f"{row['exam_id']}-call", "status": "completed",
            "subject": _subject(of), "category": [_text(row["kind"])],
            "sent": str(row["communicated_at"]) + "T12:00:00Z",
            "about": [{"reference": f"DiagnosticReport/{row['exam_id']}"}]}  # fmt: skip


def _observation(name: str, of: Mapping[str, Any], what: str, parts: list[Resource]) -> Resource:
    return {"resourceType": "Observation", "id": name, "status": "final", "code": _text(what), "subject": _subject(of),
            "focus": [{"reference": f"DiagnosticReport/{of['exam_id']}"}], "effectiveDateTime": str(of["exam_date"]),
            "component": parts}  # fmt: skip


def _subject(row: Mapping[str, Any]) -> Resource:
    return {"reference": f"Patient/{row['patient_id']}"}


def _text(word: str) -> Resource:
    return {"text": word}
