"""The project's own store -> the audit's tables: what humans signed, as it stands.

An exam is a thread of decisions of which somebody signed one; unsigned ones are passed over and counted. Its findings
are those of the signed decision, as stated or measured; a net's class probabilities are no statement. Patients stand
as the store's tokens. What the store does not hold (follow-up elsewhere, procedures, deaths) is not there, so that
measures which need it are unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from ....engine.types import Belief, GuidelineDecision, Known, Measured, NotApplicable
from ...monitor.rows import signed_category
from ...monitor.signed import Signed, signed_exams
from ...store.cases import Outcome, Store
from ..layout import LAYOUT
from ..risks import highest, write_risks
from ..scope import scope
from . import aside, facts
from .facts import NA, Fact, Facts
from .settings import intake

SEX = {"M": "male", "F": "female", "male": "male", "female": "female", "other": "other", "O": "other"}
Row = dict[str, Any]


def read_store(database: Any, folder: Path, out: Path, say: Callable[[str], None] = lambda _: None) -> dict[str, Any]:
    """Read a store and write its tables; returns what is said of them.

    Raises:
        NotReadable: an entry is damaged. StoreUnavailable: the store cannot be read.
    """
    say("store")
    aside.make(database)
    kinds = facts.known()
    with Store.open(folder, make=False) as store:
        counts, found = signed_exams(store, lambda one: _rows(one, kinds))
    tables: dict[str, list[Row]] = {name: [] for name in ("patients", "exams", "findings", "statements", "risks")}
    for rows in found:
        for name, more in rows.items():
            tables[name] += more
    tables["patients"] = list({row["patient_id"]: row for row in tables["patients"]}.values())
    for number, row in enumerate(tables["exams"], 1):
        if row["exam_date"] is None:
            aside.put(database, [aside.Aside("store", number, "value", "no day of the exam", "exam_date")])
    unsigned = counts.arrived - counts.signed
    aside.pass_over(database, f"SELECT 'store', 'exams that nobody signed', {unsigned}")
    write_risks(out, tables.pop("risks"))
    for name, listed in tables.items():
        _write(out / f"{name}.parquet", _types(name, kinds), listed)
    return {
        "form": "store",
        "exams": {"arrived": counts.arrived, "signed": counts.signed},
        **aside.write(database, out),
    }


def _rows(one: Signed, kinds: Facts) -> dict[str, list[Row]]:
    """The rows of a signed exam, by table."""
    case, name = one.final.record.case, one.thread.decision_id
    exam: Row = _columns({**case.patient.facts, **case.exam.facts}, kinds["assessment"]) | {
        "exam_id": name, "patient_id": one.thread.patient, "exam_date": case.exam.date,
        "indication": str(case.exam.indication), "site_id": _said(case.exam.facts.get("site")),
        "reader_id": one.thread.signer, "scanner": _scanner(case.exam.facts), "assessed": bool(case.assessed),
        **_place(one),
    }  # fmt: skip
    findings = [
        {
            "exam_id": name,
            "finding_id": f"{name}/{f.tracking_id}",
            "kind": f.kind,
            **_columns(f.facts, kinds["finding"]),
        }
        for f in case.findings
    ]
    patient = {"patient_id": one.thread.patient, "sex": SEX.get(_said(case.patient.facts.get("sex")) or "")}
    return {
        "patients": [patient], "exams": [exam], "findings": findings, "statements": list(_statements(one, name)),
        "risks": _risks(one, name),
    }  # fmt: skip


def _risks(one: Signed, name: str) -> list[Row]:
    """The fused risk of a decision that stands; of one whose answer the signer set aside nobody vouches for it."""
    if one.thread.outcome is Outcome.OVERRIDDEN:
        return []
    return highest(name, [found.risk for decided in one.final.decision.guidelines for found in decided.findings])


def _place(one: Signed) -> Row:
    """Region: that of the guidelines which may apply. Modality: that of the only kind of exam which the one that does
    apply is for, else as the exam states it (of a CT for surveillance nobody says that it was a low-dose one)."""
    read = [(d.application.applies, scope().guidelines.get(d.application.guideline.split("@")[0]))
            for d in one.final.decision.guidelines]  # fmt: skip
    regions = {s.region for applies, s in read if s and applies != "no"}
    modalities = {m for applies, s in read if s and applies == "yes" for m in s.modality}
    said = _said(one.final.record.case.exam.facts.get("modality"))
    words = intake().words["modality"]
    stated = next((word for word, others in words.items() if word and (said == word or said in others)), None)
    only = next(iter(modalities)) if len(modalities) == 1 else None
    return {"region": next(iter(regions)) if len(regions) == 1 else None, "modality": only or stated}


def _statements(one: Signed, name: str) -> Iterator[Row]:
    """What the signed report states by each guideline that was read."""
    for decided in one.final.decision.guidelines:
        if decided.exam is None or decided.application.applies == "no":
            continue
        guideline, _, edition = decided.application.guideline.partition("@")
        low, high = _interval(decided) if one.thread.outcome is not Outcome.OVERRIDDEN else (None, None)
        modifier = decided.exam.facts.get("s_modifier")
        yield {
            "exam_id": name, "guideline": guideline, "edition": edition or None,
            "category": signed_category(one, decided.application.guideline),
            "s_modifier": modifier if isinstance(modifier, bool) else None,
            "interval_min_months": low, "interval_max_months": high, "source": "structured",
        }  # fmt: skip


def _interval(decided: GuidelineDecision) -> tuple[Decimal | None, Decimal | None]:
    held = decided.exam.facts.get("interval_months") if decided.exam else None
    if isinstance(held, list | tuple) and len(held) == 2 and decided.exam and decided.exam.category is not None:
        low, high = (Decimal(str(m)).quantize(Decimal("0.1")) for m in held)
        return low, high
    return None, None


def _said(belief: Belief | None) -> str | None:
    return belief.value if isinstance(belief, Known) and isinstance(belief.value, str) else None


def _scanner(held: Mapping[str, Belief]) -> str | None:
    return " ".join(filter(None, (_said(held.get(name)) for name in ("manufacturer", "model")))) or None


def _columns(held: Mapping[str, Belief], known: Mapping[str, Fact]) -> Row:
    """The facts as columns; what is not stated, or only probable, is NULL."""
    row: Row = {}
    for fact in known.values():
        for column in fact.columns:
            beside = column.removeprefix(fact.name).removeprefix(".")
            belief = held.get(column if fact.kind == "set" else fact.name)
            row[column] = _na(belief) if beside == "na" and fact.kind != "set" else _value(fact, belief)
    return row


def _na(belief: Belief | None) -> bool | None:
    return None if not isinstance(belief, Known | Measured | NotApplicable) else isinstance(belief, NotApplicable)


def _value(fact: Fact, belief: Belief | None) -> Any:
    """The value where it is of the fact's kind; a mean stands for a measurement."""
    if isinstance(belief, NotApplicable):
        return {"enum": NA, "history": []}.get(fact.kind)
    if isinstance(belief, Measured):
        return Decimal(str(round(belief.mean, 4))) if fact.kind == "number" else None
    value = belief.value if isinstance(belief, Known) else None
    if isinstance(value, tuple):
        return [{"months_ago": past.months_ago, "mean_mm": past.mean_mm} for past in value]
    kinds = {"number": Decimal, "bool": bool, "set": bool, "enum": str}
    return value if isinstance(value, kinds.get(fact.kind, tuple)) else None


def _types(name: str, kinds: Facts) -> dict[str, str]:
    role = {"exams": "assessment", "findings": "finding"}.get(name)
    of_facts = {c: k for fact in (kinds[role].values() if role else ()) for c, k in fact.columns.items()}
    return {**{c: k for c, k in of_facts.items() if c not in LAYOUT["screening"] and c != "s_modifier"}, **LAYOUT[name]}


def _write(file: Path, types: Mapping[str, str], rows: list[Row]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([(name, _arrow(kind, pa)) for name, kind in types.items()])
    pq.write_table(pa.Table.from_pylist([{n: r.get(n) for n in types} for r in rows], schema), file, compression="zstd")


def _arrow(kind: str, pa: Any) -> Any:
    """The Arrow type of one of DuckDB's."""
    if kind.startswith("STRUCT"):
        size = pa.decimal128(8, 4)
        return pa.list_(pa.struct([("months_ago", size), ("mean_mm", size)]))
    if kind.startswith("DECIMAL"):
        places = kind.removeprefix("DECIMAL(").removesuffix(")").split(",")
        return pa.decimal128(int(places[0]) + 6, int(places[1]) + 4)
    return {"VARCHAR": pa.string(), "BOOLEAN": pa.bool_(), "DATE": pa.date32(), "DOUBLE": pa.float64()}[kind]
