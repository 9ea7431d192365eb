"""The generated population as the audit's tables (Arrow, Parquet), and its truth.

``<out>/tables/<table>/part-<chunk>.parquet`` is what is audited. Beside it, for the one who checks:
``truth.parquet`` (one row a planted exam), ``expected.parquet`` (what each exam calls for and what became of
it) and ``truth.json`` (counts, windows, seed).
"""

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import generated_plants as plants
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from generated_graph import Graph, graph
from generated_plants import CODE, FLEISCHNER, LONGER, LUNG, NAMES, ORDER, SHORTER, WRONG_EDITION, WRONG_MODALITY, due
from generated_population import NEVER, SCREENING, STATUS, Chunk, chunks
from generated_wordings import STYLES, report

CODES_IN_A_CHUNK = 10_000_000  # exam numbers set aside for each chunk
SITES, READERS, SCANNERS = 40, 300, ("Alpha 64", "Beta 128", "Gamma Force", "Delta Neo")
INDICATIONS = ("screening", "incidental", "surveillance")
REGION = ("chest", "chest", "liver", "liver", "chest")
MODALITY = ("ldct", "ct", "us", "mri", "pet_ct")
TABLES = ("patients", "exams", "findings", "statements", "procedures", "communications", "outcomes", "screening")


class Pool(NamedTuple):
    """The facts of every vector as tables, to be taken from by the number of the vector."""

    exam: pa.Table
    finding: pa.Table
    first: "np.ndarray[Any, Any]"  # of each vector's findings
    many: "np.ndarray[Any, Any]"
    modality: pa.Array


@lru_cache
def pool(*, beside: bool = True) -> Pool:
    """The facts of every vector."""
    g = graph(beside=beside)
    nodes = [dict(v.exam) for v in g.nodes] + [{}, {}]
    for exam in nodes:
        exam.pop("indication", None)
        exam["lungs_imaged"] = "whole" if "lungs_imaged" in exam else None
    many = np.array([len(v.findings) for v in g.nodes] + [0, 0])
    words = [_modality(v.guideline, v.exam) for v in g.nodes] + ["pet_ct", "ct"]
    return Pool(
        _table(nodes),
        _table([f for v in g.nodes for f in v.findings]),
        np.concatenate([[0], np.cumsum(many)[:-1]]),
        many,
        pa.array(words).dictionary_encode(),
    )


def _modality(guideline: str, exam: Mapping[str, Any]) -> str:
    if guideline == "li-rads-ct-mri":
        return "ct" if exam["ct_mri_modality"] == "CT" else "mri"
    return {LUNG: "ldct", FLEISCHNER: "ct", "li-rads-us": "us"}[guideline]


def _table(rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    names = list(dict.fromkeys(name for row in rows for name in row))
    return pa.table({name: _column([row.get(name) for row in rows]) for name in names})


def _column(values: Sequence[Any]) -> pa.Array:
    if any(isinstance(v, list) for v in values):
        entry = pa.struct([("months_ago", pa.float64()), ("mean_mm", pa.float64())])
        return pa.array(values, pa.list_(entry))
    if any(isinstance(v, str) for v in values):
        return pa.array(values, pa.string()).dictionary_encode()
    return pa.array(values, pa.bool_() if any(isinstance(v, bool) for v in values) else pa.float64())


class Written(NamedTuple):
    """What a chunk gives: the audit's tables, the truth, and what each exam calls for."""

    tables: Mapping[str, pa.Table]
    truth: pa.Table
    expected: pa.Table


def tables_of(chunk: Chunk, g: Graph, facts: Pool) -> Written:
    """A chunk as tables. Rows of exams lie in the order of patients and days."""
    n = len(chunk.patient)
    ids = _ids("E", chunk.number * CODES_IN_A_CHUNK + np.arange(n), 10)
    owner = _ids("P", chunk.number * CODES_IN_A_CHUNK + np.arange(len(chunk.born)), 10)
    said = statements(chunk, g)
    tables = {
        "patients": _patients(chunk, owner),
        "exams": _exams(chunk, facts, g, ids, owner, said),
        "findings": _findings(chunk, facts, ids),
        "statements": _stated(chunk, g, ids, said),
        "procedures": _procedures(chunk, g, owner),
        "communications": _communications(chunk, ids),
        "outcomes": _outcomes(chunk, owner),
        "screening": _screening(chunk, ids, g),
    }
    return Written(tables, _truth(chunk, ids), _expected(chunk, g, ids, said))


def _ids(letter: str, numbers: Any, width: int) -> pa.Array:
    digits = pc.utf8_lpad(pc.cast(pa.array(numbers), pa.string()), width, "0")
    return pc.binary_join_element_wise(letter, digits, "")


def _dates(days: Any) -> pa.Array:
    """Days as dates; NEVER is NULL."""
    return pa.array(days.astype(np.int32), pa.int32(), mask=days >= NEVER).cast(pa.date32())


def _words(words: Sequence[str | None], codes: Any) -> pa.Array:
    """Codes as words, as a dictionary; a code whose word is None is NULL.

    A word stands in the dictionary once. Where one stands twice, pyarrow (26.0.1) writes plain values, but before them
    a dictionary page that is as long as all entries and holds the distinct ones only: its rest is what memory held
    before, so that the same table gives other bytes.
    """
    known = list(dict.fromkeys(w for w in words if w is not None))
    at = np.array([known.index(w) if w is not None else -1 for w in words])[codes].astype(np.int32)
    return pa.DictionaryArray.from_arrays(pa.array(at, mask=at < 0), pa.array(known, pa.string()))


def _patients(c: Chunk, owner: pa.Array) -> pa.Table:
    sex = _words(("male", "female", "other", None), c.male)
    return pa.table({"patient_id": owner, "sex": sex, "birth_date": _dates(c.born),
                     "death_date": _dates(c.death), "left_date": _dates(c.left)})  # fmt: skip


def _exams(c: Chunk, facts: Pool, g: Graph, ids: pa.Array, owner: pa.Array, said: "Said") -> pa.Table:
    guideline = g.guideline[c.node]
    site = (c.patient * 7919 + c.number) % SITES
    reader = (site * 7 + (c.exam_day * 31 + c.patient) % 8) % READERS
    base = {
        "exam_id": ids,
        "patient_id": owner.take(pa.array(c.patient)),
        "exam_date": _dates(c.exam_day),
        "modality": facts.modality.take(pa.array(c.node)),
        "region": _words(REGION, guideline),
        "indication": _words(INDICATIONS, c.indication),
        "site_id": _words([f"S{i:02d}" for i in range(SITES)], site),
        "reader_id": _words([f"R{i:03d}" for i in range(READERS)], reader),
        "scanner": _words(SCANNERS, (site + c.exam_day % 2) % len(SCANNERS)),
        "report_text": _texts(g, c, said),
        "assessed": pa.array(np.ones(len(c.node), dtype=bool), mask=guideline == 4),
        "age": pa.array(_age(c).astype(np.float64)),
    }
    taken = facts.exam.take(pa.array(c.node))
    return pa.table(base | {name: taken[name] for name in taken.column_names})


def _age(c: Chunk) -> Any:
    """Completed years on the day of the exam."""
    born, when = c.born[c.patient].astype("datetime64[D]"), c.exam_day.astype("datetime64[D]")
    a, b = born.astype("datetime64[M]"), when.astype("datetime64[M]")
    before = (when - b.astype("datetime64[D]")) < (born - a.astype("datetime64[D]"))
    return ((b - a).astype(np.int64) - before) // 12


def _findings(c: Chunk, facts: Pool, ids: pa.Array) -> pa.Table:
    many = facts.many[c.node]
    exam = np.repeat(np.arange(len(c.node)), many)
    number = np.arange(len(exam)) - np.repeat(np.cumsum(many) - many, many)
    owner = ids.take(pa.array(exam))
    name = pc.binary_join_element_wise(owner, pc.cast(pa.array(number + 1), pa.string()), "-")
    taken = facts.finding.take(pa.array(np.repeat(facts.first[c.node], many) + number))
    return pa.table({"exam_id": owner, "finding_id": name} | {n: taken[n] for n in taken.column_names})


class Said(NamedTuple):
    """What each report states, as words to look up: one entry a pair of vector and kind, and the exams' codes."""

    rows: Sequence[Mapping[str, Any]]
    code: "np.ndarray[Any, Any]"  # exam -> row


def statements(c: Chunk, g: Graph) -> Said:
    """What each exam's report states, with what is planted in it."""
    variant = (c.patient + c.exam_day) % 5  # of the misstated categories
    # a kind that the statement does not show reads as none
    told = np.isin(c.kind, [CODE[k] for k in (*NAMES[:6], "edition_wrong")])
    shown = np.where(told, c.kind, -1)
    keys, code = np.unique(c.node * 1000 + (shown + 1) * 10 + np.where(told, variant, 0), return_inverse=True)
    rows = [_said(g, int(k) // 1000, int(k) % 1000 // 10 - 1, int(k) % 10) for k in keys]
    return Said(rows, code)


def _said(g: Graph, node: int, kind: int, variant: int) -> dict[str, Any]:
    """What the report of a vector states where a kind is planted in it."""
    if node >= len(g.nodes):
        return {}
    v = g.nodes[node]
    d = due(v.guideline, v.category, v.interval)
    low, high = d.interval or (None, None)
    said = {"guideline": v.guideline, "edition": v.edition.split("@")[1], "s_modifier": v.s_modifier, "low": low,
            "category": None if v.guideline == FLEISCHNER else v.category, "high": high, "modality": d.modality,
            "no_followup": d.ends, "calls_for": d}  # fmt: skip
    return said | _planted(v.guideline, v.edition, v.category, d.interval, NAMES[kind] if kind >= 0 else "", variant)


def _planted(guideline: str, edition: str, category: str, interval: Any, kind: str, variant: int) -> dict[str, Any]:  # noqa: PLR0911  one answer a kind
    order = ORDER.get(guideline, ())
    match kind:
        case "category_too_high":
            above = order[order.index(category) + 1 :]
            return {"category": above[variant % len(above)]}
        case "category_too_low":
            below = order[: order.index(category)]
            return {"category": below[variant % len(below)]}
        case "recommendation_missing":
            return {"low": None, "high": None, "modality": None}
        case "interval_too_short":
            return {"low": SHORTER[interval], "high": SHORTER[interval]}
        case "interval_too_long":
            return {"low": LONGER[interval], "high": LONGER[interval]}
        case "modality_wrong":
            return {"modality": WRONG_MODALITY[guideline]}
        case "edition_wrong":
            return {"edition": WRONG_EDITION[edition]}
    return {}


def _stated(c: Chunk, g: Graph, ids: pa.Array, said: Said) -> pa.Table:
    stated = np.flatnonzero(g.guideline[c.node] < 4)
    code = pa.array(said.code[stated])
    names = {"guideline": "guideline", "edition": "edition", "category": "category", "s_modifier": "s_modifier",
             "interval_min_months": "low", "interval_max_months": "high", "recommended_modality": "modality",
             "no_followup": "no_followup"}  # fmt: skip
    columns = {name: _taken([row.get(key) for row in said.rows], code, name) for name, key in names.items()}
    source = _words(("structured",), np.zeros(len(stated), dtype=np.int64))
    return pa.table({"exam_id": ids.take(pa.array(stated))} | columns | {"source": source})


def _taken(values: Sequence[Any], code: pa.Array, name: str) -> pa.Array:
    if name.endswith("_months"):
        return pa.array(values, pa.int32()).cast(pa.decimal128(12, 1)).cast(pa.decimal128(6, 1)).take(code)
    if name in ("s_modifier", "no_followup"):
        return pa.array(values, pa.bool_()).take(code)
    return pa.array(values, pa.string()).dictionary_encode().take(code)


def _texts(g: Graph, c: Chunk, said: Said) -> pa.Array:
    """The reports' texts; one in ten exams has none, and so has what comes without a statement."""
    style = (c.patient * 5 + c.exam_day) % STYLES
    keys, code = np.unique(np.stack([c.node, said.code, style]), axis=1, return_inverse=True)
    texts = [report(g.nodes[n], said.rows[s], int(f)) if n < len(g.nodes) else "" for n, s, f in keys.T]
    none = ((c.patient + 3 * c.exam_day) % 10 == 0) | (g.guideline[c.node] == 4)
    indices = pa.array(code.reshape(-1).astype(np.int32), mask=none)
    return pa.array(texts, pa.string()).take(indices)  # plain: some texts are the same, see `_words`


def _events(events: Sequence[tuple[Any, Any, Any]]) -> tuple[Any, Any, Any]:
    p, when, kind = (np.concatenate([e[i] for e in events]) for i in range(3))
    order = np.lexsort((kind, when, p))
    return p[order], when[order], kind[order]


def _procedures(c: Chunk, g: Graph, owner: pa.Array) -> pa.Table:
    p, when, kind = _events(c.procedures)
    names = _ids("T", c.number * CODES_IN_A_CHUNK + np.arange(len(p)), 10)
    liver = np.zeros(len(c.born), dtype=np.int64)
    liver[c.patient] = np.isin(g.guideline[c.node], (2, 3))
    return pa.table({"procedure_id": names, "patient_id": owner.take(pa.array(p)), "procedure_date": _dates(when),
                     "kind": _words(("biopsy", "resection", "ablation"), kind),
                     "region": _words(("chest", "liver"), liver[p])})  # fmt: skip


def _communications(c: Chunk, ids: pa.Array) -> pa.Table:
    told = np.flatnonzero(c.communicated < NEVER)
    kind = _words(("critical_result",), np.zeros(len(told), dtype=np.int64))
    return pa.table(
        {"exam_id": ids.take(pa.array(told)), "communicated_at": _dates(c.communicated[told]), "kind": kind}
    )


def _outcomes(c: Chunk, owner: pa.Array) -> pa.Table:
    p, when, kind = _events(c.outcomes)
    return pa.table({"patient_id": owner.take(pa.array(p)), "diagnosis_date": _dates(when),
                     "kind": _words(("lung_cancer", "hcc", "benign"), kind)})  # fmt: skip


def _screening(c: Chunk, ids: pa.Array, g: Graph) -> pa.Table:
    """What is documented; smoking as of the exam, shared decision-making before the first one."""
    at = np.flatnonzero((g.guideline[c.node] == 0) & (c.indication == SCREENING))
    p, kind = c.patient[at], c.kind[at]
    smokes = np.isnan(c.quit_years[p])
    missing = kind == CODE["eligibility_not_documented"]
    years = np.round(c.quit_years[p] + (c.exam_day[at] - c.start[p]) / 365.25, 1)
    shared = np.isin(kind, [CODE["shared_decision_not_documented"]])
    return pa.table({
        "exam_id": ids.take(pa.array(at)),
        "pack_years": pa.array(c.pack_years[p], mask=missing),
        "years_since_quit": pa.array(np.where(smokes, 0, years), mask=smokes | missing),
        "smoking_status": _words(("former", "current", None), np.where(missing, 2, smokes)),
        "shared_decision_documented": pa.array(np.ones(len(at), dtype=bool), mask=shared),
        "cessation_counselled": pa.array((p % 10) > 0),
        "asymptomatic": pa.array(kind != CODE["eligibility_symptomatic"]),
    })  # fmt: skip


def _truth(c: Chunk, ids: pa.Array) -> pa.Table:
    planted = np.flatnonzero(c.kind >= 0)
    original = pa.array(c.copy_of[planted], mask=c.copy_of[planted] < 0)
    return pa.table({"exam_id": ids.take(pa.array(planted)), "kind": _words(NAMES, c.kind[planted]),
                     "copy_of": ids.take(original)})  # fmt: skip


def _expected(c: Chunk, g: Graph, ids: pa.Array, said: Said) -> pa.Table:
    """What each exam with a guideline calls for, and what became of it."""
    at = np.flatnonzero(g.guideline[c.node] < 4)
    node, code = c.node[at], pa.array(said.code[at])
    nodes = pa.array(node)
    editions, categories = ([getattr(v, name) for v in g.nodes] for name in ("edition", "category"))
    calls = [row.get("calls_for") for row in said.rows]
    fixed = g.low[node] >= 0
    return pa.table({
        "exam_id": ids.take(pa.array(at)),
        "edition": pa.array(editions).dictionary_encode().take(nodes),
        "category": pa.array(categories).dictionary_encode().take(nodes),
        "s_modifier": pa.array([v.s_modifier for v in g.nodes]).take(nodes),
        "from_months": pa.array(g.low[node], mask=~fixed), "to_months": pa.array(g.high[node], mask=~fixed),
        "allowed": pa.array(["|".join(d.allowed) if d else None for d in calls]).dictionary_encode().take(code),
        "work_up": pa.array(g.work_up[node]),
        "first_day": _dates(c.first_due[at]), "last_day": _dates(c.last_due[at]),
        "follow_up": _words(STATUS, c.status[at]),
    })  # fmt: skip


def write(out: Path, exams: int, seed: int, *, beside: bool = True) -> dict[str, Any]:
    """Write the population as Parquet and return what ``truth.json`` says."""
    counts, rows, writers = dict.fromkeys(NAMES, 0), dict.fromkeys(TABLES, 0), {}
    for name in TABLES:
        (out / "tables" / name).mkdir(parents=True)
    try:
        for chunk in chunks(exams, seed, beside=beside):
            found = tables_of(chunk, graph(beside=beside), pool(beside=beside))
            for name, table in found.tables.items():
                rows[name] += table.num_rows
                pq.write_table(table, out / "tables" / name / f"part-{chunk.number:05d}.parquet", compression="zstd")
            for name, table in (("truth", found.truth), ("expected", found.expected)):
                _append(writers, out / f"{name}.parquet", name, table)
            for kind, n in zip(NAMES, np.bincount(chunk.kind[chunk.kind >= 0], minlength=len(NAMES)), strict=True):
                counts[kind] += int(n)
    finally:
        for writer in writers.values():
            writer.close()
    return _told(out, seed, rows, counts, beside=beside)


def _append(writers: dict[str, pq.ParquetWriter], path: Path, name: str, table: pa.Table) -> None:
    """Write a chunk's rows; words plain, for the chunks' dictionaries differ."""
    plain = pa.table({n: c.cast(c.type.value_type) if pa.types.is_dictionary(c.type) else c
                      for n, c in zip(table.column_names, table.columns, strict=True)})  # fmt: skip
    if name not in writers:
        writers[name] = pq.ParquetWriter(path, plain.schema, compression="zstd")
    writers[name].write_table(plain)


def _told(out: Path, seed: int, rows: Mapping[str, int], counts: Mapping[str, int], *, beside: bool) -> dict[str, Any]:
    told = truth_head(seed, beside=beside) | {"rows": dict(rows), "planted": dict(counts)}
    (out / "truth.json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    return told


def truth_head(seed: int, *, beside: bool) -> dict[str, Any]:
    """The parameters by which the population is right: windows, days, dates, kinds."""
    return {
        "seed": seed,
        "vectors": len(graph(beside=beside).nodes),
        "as_of": plants.AS_OF.isoformat(),
        "grace_days": {str(k): v for k, v in plants.GRACE_DAYS.items()},
        "work_up_days": plants.WORK_UP_DAYS,
        "critical_days": plants.CRITICAL_DAYS,
        "critical": list(plants.CRITICAL),
        "eligibility_planted_from": plants.ELIGIBLE_FROM.isoformat(),
        "editions": {"lung-rads@1.1": ["2019-01-01", plants.NEW_EDITION.isoformat()],
                     "lung-rads@2022": [plants.NEW_EDITION.isoformat(), None]},
        "follow_up_by": {"chest": ["ldct", "ct", "pet_ct"], "liver": ["us", "ct", "mri", "ceus"]},
        "work_up_by": {"chest": ["ct", "pet_ct", "procedure"], "liver": ["ct", "mri", "ceus", "procedure"]},
        "judged_against": "the category of the findings, in the edition in force on the day",
        "kinds": {name: says for name, (_, says) in plants.KINDS.items()},
    }  # fmt: skip
