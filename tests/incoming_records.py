# ruff: noqa: S608  the SQL is of this file
"""Records as they come in, a few rows or resources each, and what the intake and the audit made of them."""

import json

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

HEADS = {
    "patients": "patient_id,sex,birth_date,death_date,left_date",
    "exams": "exam_id,patient_id,exam_date,modality,region,indication,assessed",
    "findings": "exam_id,finding_id,kind,type,mean_mm",
    "statements": "exam_id,guideline,edition,category,source",
    "procedures": "procedure_id,patient_id,procedure_date,kind,region",
}
LOW_DOSE = "ldct,chest,screening,true"


def tables(folder, form="csv", **rows):
    """Rows as CSV, or the same words in Parquet."""
    folder.mkdir(parents=True)
    for name, listed in rows.items():
        if form == "csv":
            (folder / f"{name}.csv").write_text("\n".join([HEADS[name], *listed]) + "\n", encoding="utf-8")
            continue
        values = zip(*(row.split(",") for row in listed), strict=True)
        columns = {
            c: pa.array([v or None for v in held], pa.string())
            for c, held in zip(HEADS[name].split(","), values, strict=True)
        }
        pq.write_table(pa.table(columns), folder / f"{name}.parquet")
    return folder


def export(folder, *resources):
    """Resources as Bulk FHIR."""
    folder.mkdir(parents=True)
    for resource in resources:
        with (folder / f"{resource['resourceType']}.ndjson").open("a", encoding="utf-8") as file:
            file.write(json.dumps(resource) + "\n")
    return folder


def of(patient):
    return {"subject": {"reference": f"Patient/{patient}"}}


def patient(name, **more):
    return {"resourceType": "Patient", "id": name, "birthDate": "1960-01-01", **more}


def report(name, whose, day, **more):
    return {"resourceType": "DiagnosticReport", "status": "final", "category": [{"text": "chest"}],
            "code": {"text": "ldct"}, "effectiveDateTime": day, **of(whose), **({"id": name} if name else {}),
            **more}  # fmt: skip


def assessment(name, exam, whose, category="1"):
    return {"resourceType": "Observation", "id": name, "status": "final", "code": {"text": "assessment"}, **of(whose),
            "focus": [{"reference": f"DiagnosticReport/{exam}"}], "method": {"text": "lung-rads@2022"},
            "component": [{"code": {"text": "indication"}, "valueString": "screening"}],
            "valueCodeableConcept": {"text": category}}  # fmt: skip


def nodule(name, exam, whose):
    return {"resourceType": "Observation", "id": name, "status": "final", "code": {"text": "nodule"}, **of(whose),
            "focus": [{"reference": f"DiagnosticReport/{exam}"}]}  # fmt: skip


def procedure(name, whose, day, **more):
    return {"resourceType": "Procedure", "status": "completed", "code": {"text": "biopsy"}, **of(whose),
            "performedDateTime": day, "bodySite": [{"text": "chest"}], **({"id": name} if name else {}),
            **more}  # fmt: skip


def rows(made, table, columns):
    return duckdb.sql(f"SELECT {columns} FROM '{made}/{table}.parquet' ORDER BY ALL").fetchall()


def came(out, column):
    """The exams that are judged, and what came after each."""
    return rows(out / "rows", "part-00000", f"exam_id, {column}")


def told(made):
    return json.loads((made / "intake.json").read_text(encoding="utf-8"))


def counted(made, what):
    """Counts of what was put aside for a kind of reason."""
    return sum(told(made)["aside"].get(what, {}).values())
