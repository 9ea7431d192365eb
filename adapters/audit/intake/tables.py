# ruff: noqa: S608  names and words are quoted; nothing of a record is ever SQL
"""The sifted rows of the views -> the audit's tables. Each is a query with ``file`` and ``line`` to order it by."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ....engine.guideline.columns import quoted, text
from ..layout import LAYOUT
from ..scope import listed, scope
from .facts import Facts
from .sifting import ALONE, DAYS, HIGH, IS_OUTCOME, LOW, OUTCOME, Sifter, unclear
from .words import day, word

OWN = "[:/]CodeSystem[:/]([a-z0-9-]+)$"  # a code system of the product, named as its guideline
# table -> the resources that it is made of; without them it is not there, and the audit says so
OF = {"patients": "Patient", "exams": "DiagnosticReport", "statements": "Observation", "screening": "Observation",
      "findings": "Observation", "procedures": "Procedure", "outcomes": "Condition",
      "communications": "Communication"}  # fmt: skip


def write_tables(sifted: Sifter, out: Path, kinds: Facts, resources: set[str]) -> None:
    """Write every table whose resources were read, whole or not at all, in the order of the lines.

    Where no Condition has a word, the site writes its diagnoses in others, and nobody knows who has a cancer: the
    table ``outcomes`` is not there then.
    """
    if "Condition" in resources and not _understood(sifted):
        resources = resources - {"Condition"}
    for name, query in _queries(sifted, kinds, asked="ServiceRequest" in resources).items():
        if resources & ({OF[name], "ServiceRequest"} if name == "statements" else {OF[name]}):
            _write(sifted.database, query, out, name)


def _understood(sifted: Sifter) -> bool:
    """Whether some Condition has a word, or there is none at all."""
    rows = sifted.rows("conditions")
    asked = (f"SELECT 1 FROM {rows} v{only} LIMIT 1" for only in ("", f" WHERE {IS_OUTCOME}"))
    there, known = (sifted.database.execute(query).fetchone() for query in asked)
    return known is not None or there is None


def _queries(sifted: Sifter, kinds: Facts, *, asked: bool) -> Mapping[str, str]:
    return {
        "patients": _patients(sifted),
        "exams": _exams(sifted, kinds),
        "statements": _statements(sifted, asked=asked),
        "screening": _screening(sifted),
        "findings": _findings(sifted, kinds),
        "procedures": _procedures(sifted),
        "outcomes": _outcomes(sifted),
        "communications": _communications(sifted),
    }


def _write(database: Any, query: str, out: Path, name: str) -> None:
    file, part = out / f"{name}.parquet", out / f".{name}.parquet.part"
    ordered = f"SELECT * EXCLUDE (file, line) FROM ({query}) ORDER BY file, line"
    database.execute(f"COPY ({ordered}) TO {text(str(part))} (FORMAT parquet, COMPRESSION zstd)")
    part.replace(file)


def _select(columns: Mapping[str, str], source: str) -> str:
    """A SELECT of named expressions over ``v``, with the line that each row came from."""
    listed = ", ".join(f"{sql} AS {quoted(name)}" for name, sql in columns.items())
    return f"SELECT {listed}, v.file, v.line FROM {source}"


def _patients(sifted: Sifter) -> str:
    columns = {
        "patient_id": "v.id", "sex": word("sex", ["v.gender"]), "birth_date": day("v.birth_date"),
        "death_date": day("v.deceased_on"), "left_date": day("v.left_on"),
        "deceased": "CASE WHEN v.deceased_on IS NOT NULL THEN TRUE ELSE v.deceased END",
        "left": "CASE WHEN v.left_on IS NOT NULL THEN TRUE END",
    }  # fmt: skip
    return _select(columns, f"{sifted.source('patients')} v")


def _exams(sifted: Sifter, kinds: Facts) -> str:
    facts = [c for fact in kinds["assessment"].values() for c in fact.columns]
    own = [c for c in facts if c not in LAYOUT["screening"] and c != "s_modifier" and c not in LAYOUT["exams"]]
    stated = "coalesce(a.value_code, a.value_text, a.method) IS NOT NULL"
    said = f"{word('modality', ['v.exam_text', 'v.exam_codes'])}, {word('modality', ['s.images'])}"
    modality = f"CASE WHEN NOT {unclear('reports')} THEN coalesce({_only_modality()}, {said}) END"
    columns = {
        "exam_id": "v.id", "patient_id": "v.patient_id", "exam_date": day(DAYS["reports"]), "modality": modality,
        "region": word("region", ["v.region_text", "v.region_codes", "v.exam_codes"]), "indication": "a.indication",
        "site_id": "coalesce(v.site, v.site_name)", "reader_id": "coalesce(v.reader, v.reader_name)",
        "scanner": "a.scanner", "report_text": "v.conclusion", "assessed": f"CASE WHEN {stated} THEN TRUE END",
        **{column: f"a.{quoted(column)}" for column in own},
    }  # fmt: skip
    seen = "coalesce(modality, series_modality)"
    images = f"CASE WHEN min({seen}) = max({seen}) THEN min({seen}) END AS images"
    whose = "CASE WHEN min(patient_id) = max(patient_id) THEN min(patient_id) WHEN count(patient_id) > 0 THEN '' END"
    studies = f"SELECT id AS study_id, {whose} AS whose, {images} FROM {sifted.source('studies')} GROUP BY id"
    mine = "s.study_id = v.study AND coalesce(s.whose = v.patient_id, TRUE)"
    joined = f"LEFT JOIN ({studies}) s ON {mine} LEFT JOIN {_first(sifted)} a ON a.exam_id = v.id"
    reported = _select(columns, f"{sifted.source('reports')} v {joined}")
    return f"{reported} UNION ALL BY NAME {_unreported(sifted)}"


def _unreported(sifted: Sifter) -> str:
    """The imaging studies that no report names: somebody was imaged. Of what region, their own words do not say."""
    images = word("modality", ["coalesce(v.modality, v.series_modality)"])
    columns = {
        "exam_id": "'ImagingStudy/' || v.id", "patient_id": "v.patient_id", "exam_date": day(DAYS["studies"]),
        "modality": f"CASE WHEN NOT {unclear('studies')} THEN {images} END",
    }  # fmt: skip
    return _select(columns, f"{sifted.source('studies')} v WHERE {ALONE}")


def _only_modality() -> str:
    """Of the product's own reports, the modality of the only kind of exam that their guideline is for.

    A code says CT of the chest; that it was a low-dose one, the guideline for screening says, where it applies by the
    exam's indication. Read from a store, it is the same (``kept``).
    """
    whens = [
        f"WHEN regexp_extract(a.value_system, {text(OWN)}, 1) = {text(name)} AND a.indication IN "
        f"{listed(tuple(word for word, says in a.applies.items() if says == 'yes'))} THEN {text(a.modality[0])}"
        for name, a in scope().guidelines.items()
        if len(a.modality) == 1
    ]
    return f"CASE {' '.join(whens)} END"


def _first(sifted: Sifter) -> str:
    """One assessment an exam, for its facts: the first. Hashes find the exams that have several."""
    rows = sifted.linked("assessments")
    several = sifted.several("assessments", "exam_id")
    if not several:
        return rows
    single = f"SELECT * FROM {rows} WHERE hash(exam_id) NOT IN ({several})"
    number = "row_number() OVER (PARTITION BY exam_id ORDER BY file, line)"
    first = f"SELECT * FROM {rows} WHERE hash(exam_id) IN ({several}) QUALIFY {number} = 1"
    return f"({single} UNION ALL {first})"


def _screening(sifted: Sifter) -> str:
    columns = {name: f"v.{name}" for name in LAYOUT["screening"]}
    documented = " OR ".join(f"{sql} IS NOT NULL" for name, sql in columns.items() if name != "exam_id")
    return _select(columns, f"{sifted.linked('assessments')} v WHERE {documented}")


def _findings(sifted: Sifter, kinds: Facts) -> str:
    facts = [c for fact in kinds["finding"].values() for c in fact.columns]
    columns = {"exam_id": "v.exam_id", "finding_id": "v.id", "kind": "v.what"} | {c: f"v.{quoted(c)}" for c in facts}
    lost = "SELECT exam_id, file, line FROM lost"  # a finding that may be anything
    return f"{_select(columns, sifted.linked('findings') + ' v')} UNION ALL BY NAME {lost}"


def _statements(sifted: Sifter, *, asked: bool) -> str:
    """What the report states: guideline and category of the assessment, and the recommendation of a request.

    ``asked``: whether there are requests at all; then a report without one does not say that no follow-up is needed.
    """
    none = "FALSE" if asked else "CAST(NULL AS BOOLEAN)"
    kind = LAYOUT["statements"]["interval_min_months"]
    columns = {
        "exam_id": "v.exam_id", "guideline": "v.guideline", "edition": "v.edition", "category": "v.category",
        "s_modifier": "v.s_modifier", "interval_min_months": f"CAST(coalesce(v.low, v.interval_low) AS {kind})",
        "interval_max_months": f"CAST(coalesce(v.high, v.interval_high) AS {kind})",
        "recommended_modality": "v.modality", "no_followup": f"coalesce(v.no_followup, {none})",
        "source": "'structured'",
    }  # fmt: skip
    line = "coalesce(s.file, q.file) AS file, coalesce(s.line, q.line) AS line"
    joined = f"{_stated(sifted)} s FULL JOIN {_recommended(sifted)} q USING (exam_id)"
    both = f"SELECT exam_id, s.* EXCLUDE (exam_id, file, line), q.* EXCLUDE (exam_id, file, line), {line} FROM {joined}"
    return _select(columns, f"({both}) v")


def _stated(sifted: Sifter) -> str:
    """Guideline, edition and category: by the product's own code system, else ``method`` and the category's text."""
    own = f"nullif(regexp_extract(v.value_system, {text(OWN)}, 1), '')"
    method = ("nullif(split_part(v.method, '@', 1), '')", "nullif(split_part(v.method, '@', 2), '')")
    columns = {
        "exam_id": "v.exam_id", "guideline": f"coalesce({own}, {method[0]})",
        "edition": f"CASE WHEN {own} IS NOT NULL THEN v.value_version ELSE {method[1]} END",
        "category": f"CASE WHEN {own} IS NOT NULL THEN v.value_code ELSE v.value_text END",
        "s_modifier": "v.s_modifier", "interval_low": "v.interval_low", "interval_high": "v.interval_high",
    }  # fmt: skip
    said = "coalesce(v.method, v.value_text, v.value_code) IS NOT NULL"
    return f"({_select(columns, sifted.linked('assessments') + ' v WHERE ' + said)})"


def _recommended(sifted: Sifter) -> str:
    """Interval, modality and no follow-up of the requests; an interval whose ends do not fit is unknown."""
    good = f"{LOW} BETWEEN 0 AND {HIGH}"
    columns = {
        "exam_id": "v.exam_id", "low": f"CASE WHEN {good} THEN {LOW} END", "high": f"CASE WHEN {good} THEN {HIGH} END",
        "modality": word("modality", ["v.what", "v.codes"]), "no_followup": "coalesce(v.no_followup, FALSE)",
    }  # fmt: skip
    return f"({_select(columns, sifted.source('requests') + ' v')})"


def _procedures(sifted: Sifter) -> str:
    columns = {
        "procedure_id": "v.id", "patient_id": "v.patient_id", "procedure_date": day(DAYS["procedures"]),
        "kind": _sure("procedures", word("procedure", ["v.what", "v.codes"])),
        "region": word("region", ["v.region_text", "v.region_codes"]),
    }  # fmt: skip
    return _select(columns, f"{sifted.source('procedures')} v")


def _outcomes(sifted: Sifter) -> str:
    """The diagnoses that the audit has a word for, if only that it may be one of them; others are passed over."""
    kind = _sure("conditions", OUTCOME)
    columns = {"patient_id": "v.patient_id", "diagnosis_date": day(DAYS["conditions"]), "kind": kind}
    return _select(columns, f"{sifted.source('conditions')} v")


def _sure(name: str, kind: str) -> str:
    """The kind of an event, unless nobody says that it was."""
    return f"CASE WHEN NOT {unclear(name)} THEN {kind} END"


def _communications(sifted: Sifter) -> str:
    kind = _sure("communications", word("communication", ["v.what", "v.codes"]))
    columns = {"exam_id": "v.exam_id", "communicated_at": day(DAYS["communications"]), "kind": kind}
    return _select(columns, f"{sifted.source('communications')} v")
