"""The tables of the audit for tests: a few rows written by hand, or a generated population made untidy."""

import random
from datetime import date, timedelta

import audited_by_hand
import pyarrow as pa
import pyarrow.parquet as pq

TYPES = {
    "patients": {
        "patient_id": pa.string(),
        "sex": pa.string(),
        "birth_date": pa.date32(),
        "death_date": pa.date32(),
        "left_date": pa.date32(),
    },
    "exams": {
        "exam_id": pa.string(),
        "patient_id": pa.string(),
        "exam_date": pa.date32(),
        "modality": pa.string(),
        "region": pa.string(),
        "indication": pa.string(),
        "report_text": pa.string(),
        "site_id": pa.string(),
        "assessed": pa.bool_(),
        "known_lung_cancer": pa.bool_(),
        "prior_ct": pa.string(),
        "round": pa.string(),
        "lungs_fully_evaluable": pa.bool_(),
        "s_finding": pa.string(),
        "nodule_more_concerning_for_malignancy": pa.bool_(),
        **{
            f"infectious_pattern.{f}": pa.bool_()
            for f in (
                "segmental_or_lobar_consolidation",
                "more_than_six_new_nodules",
                "large_solid_nodule_ge8mm_short_interval",
                "new_nodules_immunocompromised",
                "tree_in_bud",
                "new_ggn_lt_3cm",
            )
        },
    },
    "statements": {
        "exam_id": pa.string(),
        "guideline": pa.string(),
        "edition": pa.string(),
        "category": pa.string(),
        "s_modifier": pa.bool_(),
        "interval_min_months": pa.decimal128(6, 1),
        "interval_max_months": pa.decimal128(6, 1),
        "recommended_modality": pa.string(),
        "no_followup": pa.bool_(),
        "source": pa.string(),
    },
    "procedures": {
        "procedure_id": pa.string(),
        "patient_id": pa.string(),
        "procedure_date": pa.date32(),
        "kind": pa.string(),
        "region": pa.string(),
    },
    "communications": {"exam_id": pa.string(), "communicated_at": pa.date32(), "kind": pa.string()},
    "outcomes": {"patient_id": pa.string(), "diagnosis_date": pa.date32(), "kind": pa.string()},
}
CLEAR = {
    "assessed": True,
    "known_lung_cancer": False,
    "prior_ct": "none",
    "round": "baseline",
    "s_finding": "none",
    "lungs_fully_evaluable": True,
    "nodule_more_concerning_for_malignancy": False,
    **{name: False for name in TYPES["exams"] if name.startswith("infectious_pattern.")},
}


def exam(exam_id, patient_id, day, **said):
    """A screening exam without a nodule: category 1, LDCT in 12 months."""
    base = {"modality": "ldct", "region": "chest", "indication": "screening", **CLEAR}
    return {"exam_id": exam_id, "patient_id": patient_id, "exam_date": day, **base, **said}


def statement(exam_id, **said):
    """What a right report of such an exam states."""
    base = {
        "guideline": "lung-rads",
        "edition": "2022",
        "category": "1",
        "interval_min_months": 12,
        "interval_max_months": 12,
        "recommended_modality": "ldct",
        "no_followup": False,
        "source": "structured",
    }
    return {"exam_id": exam_id, **base, **said}


def write(folder, **tables):
    """Tables given as lists of rows."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in tables.items():
        schema = pa.schema(list(TYPES[name].items()))
        pq.write_table(pa.Table.from_pylist(rows, schema=schema), folder / f"{name}.parquet")
    return folder


def untidy(tables, folder, seed):
    """Write generated tables as a hospital might: values missing, twice, contradictory, exams on one day, texts."""
    chance = random.Random(seed)  # noqa: S311  nothing secret is drawn
    read = audited_by_hand.rows(tables)
    spoil = {
        "exams": ("indication", "assessed", "report_text", "prior_ct", "age", "round", "known_lung_cancer"),
        "findings": ("type", "status", "mean_mm", "solid_mean_mm", "margin"),
        "statements": (
            "category",
            "interval_min_months",
            "interval_max_months",
            "recommended_modality",
            "edition",
            "guideline",
            "no_followup",
        ),
        "patients": ("birth_date", "death_date"),
        "screening": ("pack_years", "smoking_status", "years_since_quit", "asymptomatic", "shared_decision_documented"),
    }
    for name, columns in spoil.items():
        for row in read[name]:
            for column in columns:
                if column in row and chance.random() < 0.04:
                    row[column] = None
    read["statements"] = [s for row in read["statements"] for s in _said(row, chance)]
    for row in read["exams"]:
        if chance.random() < 0.05:
            row["indication"] = chance.choice(["surveillance", "known_cancer", "incidental", "unknown"])
    read["procedures"] += [
        {
            "procedure_id": f"X{n}",
            "patient_id": row["patient_id"],
            "kind": chance.choice(["biopsy", "other"]),
            "procedure_date": row["exam_date"] + timedelta(chance.randint(-5, 200)),
            "region": row["region"],
        }
        for n, row in enumerate(read["exams"])
        if chance.random() < 0.05
    ]
    read["outcomes"] += [
        {
            "patient_id": row["patient_id"],
            "kind": chance.choice(["lung_cancer", "hcc", "benign"]),
            "diagnosis_date": row["exam_date"] + timedelta(chance.randint(-5, 500)),
        }
        for row in read["exams"]
        if chance.random() < 0.04
    ]
    for name, rows in read.items():
        files = sorted((tables / name).glob("*.parquet"))
        folder.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_pylist(rows, schema=pq.read_schema(files[0])), folder / f"{name}.parquet")
    return folder


def _said(row, chance):
    """A statement as it is, left out, contradicted, or said again in the text."""
    draw = chance.random()
    if draw < 0.05:
        return []
    if draw < 0.08:
        return [row, {**row, "category": chance.choice(["2", "4B", "US-2"])}]
    if draw < 0.12:
        return [{**row, "source": "text"}]
    if draw < 0.16:
        return [{**row, "interval_min_months": None, "interval_max_months": None}, {**row, "source": "text"}]
    return [row]


DAY = date(2023, 3, 15)


ASKED = ("1", "3", "4A", "4B", "optional-12", "ct-3-pet-tissue", "US-2", "US-3", "LR-2", "LR-5")
AFTER = (0, 1, 14, 30, 67, 68, 90, 91, 112, 113, 135, 180, 225, 226, 300, 455, 456)  # days, of windows the edges
EVENTFUL = {
    "exams": {"modality": ("ldct", "ct", "pet_ct", "us", "mri", None), "region": (1, 1, 1, None), "exam_date": AFTER},
    "procedures": {"kind": ("biopsy", "biopsy", "other", None), "region": (1, 1, None), "procedure_date": AFTER},
    "outcomes": {"kind": ("lung_cancer", "hcc", "benign", None), "diagnosis_date": (-40, -1, *AFTER)},
}
LONG_AGO = date(2025, 1, 1)  # what is asked for is due by the as-of date of the test
ENDED = (-100, -1, 0, 60, 200, 600)
SAID = {
    "interval_min_months": (0, 1, 2, 3, 6, 12, 24),
    "recommended_modality": ("pet_ct", "ct", "ldct", "us", "mri", "other", "scan", None),
    "no_followup": (False, False, False, True),
}


def kinds(population):
    """The rows of a generated population; and of each kind of exam that asks for something one that is long ago.

    A kind: edition, category, round, and whether there is a large new finding.
    """
    read = audited_by_hand.rows(population / "tables")
    expected = {row["exam_id"]: row for row in pq.read_table(population / "expected.parquet").to_pylist()}
    new = {row["exam_id"] for row in read["findings"] if row.get("status") == "new" and (row["mean_mm"] or 0) >= 8}
    found = {}
    for row in read["exams"]:
        of = expected.get(row["exam_id"], {"category": None})
        if of["category"] in ASKED and row["exam_date"] < LONG_AGO:
            row["indication"] = "screening" if row["modality"] == "ldct" else row["indication"]
            found.setdefault((of["edition"], of["category"], row.get("round"), row["exam_id"] in new), row)
    return read, found


def copied(read, row, ids):
    """Table -> the rows of an exam under other ids."""
    of_exam = ("exams", "findings", "statements", "communications", "screening")
    mine = {name: [r for r in read[name] if r["exam_id"] == row["exam_id"]] for name in of_exam}
    return {
        name: [r | {key: word for key, word in ids.items() if key in r} for r in rows] for name, rows in mine.items()
    } | {"patients": [dict.fromkeys(read["patients"][0]) | {"patient_id": ids["patient_id"]}]}


def write_as(population, folder, made):
    """Tables with the types of a generated population, and what patients may say beside."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in made.items():
        schema = pq.read_schema(min((population / "tables" / name).glob("*.parquet")))
        for flag in ("deceased", "left") if name == "patients" else ():
            schema = schema.append(pa.field(flag, pa.bool_()))
        pq.write_table(pa.Table.from_pylist(rows, schema=schema), folder / f"{name}.parquet")
    return folder


def eventful(population, folder, seed, copies=150):
    """Exams of a generated population after which anything may happen, some of it so that nobody can read it.

    One of each kind, each of so many patients.
    """
    chance = random.Random(seed)  # noqa: S311  nothing secret is drawn
    read, found = kinds(population)
    made = {name: [] for name in read}
    for n, row in enumerate(row for row in found.values() for _ in range(copies)):
        for name, rows in copied(read, row, {"exam_id": f"M{n}", "patient_id": f"P{n}"}).items():
            made[name] += rows
        made["patients"][-1] |= _ended(row["exam_date"], chance)
        for name, drawn in EVENTFUL.items():
            empty = dict.fromkeys(read[name][0]) | {"patient_id": f"P{n}"}
            keys = {key: f"{chance.choice('AX')}{n}-{{}}" for key in ("exam_id", "procedure_id") if key in empty}
            for k in range(chance.choice((0, 0, 1, 2))):
                said = {c: _drawn(chance, c, values, row) for c, values in drawn.items()}
                made[name].append(empty | {key: word.format(k) for key, word in keys.items()} | said)
    _recommended(made["statements"], chance)
    return write_as(population, folder, made)


def _ended(day, chance):
    """Whether somebody died or left: before the exam, on its day, later, or on a day that nobody knows."""
    said = {}
    for when, flag in (("death_date", "deceased"), ("left_date", "left")):
        said[when] = day + timedelta(chance.choice(ENDED)) if chance.random() < 0.1 else None
        said[flag] = chance.choice((*[None] * 8, False, True))
    return said


def _recommended(statements, chance):
    """Most reports recommend anything, by any modality or none, or that nothing is needed."""
    for said in statements:
        if chance.random() < 0.7:
            said |= {c: chance.choice(values) for c, values in SAID.items()}
            said["interval_max_months"] = said["interval_min_months"]
            if said["no_followup"] or chance.random() < 0.1:
                said |= {"interval_min_months": None, "interval_max_months": None}


def _drawn(chance, column, values, row):
    value = chance.choice(values)
    if column == "region":
        return row["region"] if value else None
    if column.endswith("_date"):
        return None if chance.random() < 0.1 else row["exam_date"] + timedelta(value)
    return value
