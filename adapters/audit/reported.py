"""The audit's results as files: summary, FHIR, the worklist, and on request one Parquet a measure.

Every file is written whole or not at all, holds no time of writing, and is the same from the same buckets.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ...engine.guideline.columns import quoted, text
from ..notice import INTENDED_USE
from . import aggregates, measure_reports, measure_resources
from .across_measures import keep_apart
from .at_scale import Done, opened
from .bucket import write
from .crossed import CONCORDANT, crossed
from .intake.told import told_of
from .measure_files import Measure
from .page import write_page
from .risks import risks_sql
from .scope import scope
from .tally import Tally, tallies

# the columns of the worklist; ``concern`` is the category's place in its guideline's order, ``risk`` a network's
WORKLIST = (
    "patient_id, exam_id, exam_date, guideline, edition, category, concern, measure, due_date, days_late, site_id, "
    "risk, risk_of, risk_by"
)


def write_all(done: Done, *, by_measure: bool = False, say: Callable[[str], None] = lambda _: None) -> dict[str, Path]:
    """Write everything that is made of the buckets; returns the files by what they are."""
    out = done.order.out
    with opened(done.order) as database:
        say("summary")
        found = tallies(database, done.files("counts"), done.measures)
        for tally in found:
            if tally.measure.id == CONCORDANT:
                tally.crossed = crossed(database, done.files("rows"), tally.measure)
        keep_apart(found, done.numbers["smallest_cell"])
        write(database, _outcomes(done.measures), out / "outcomes.parquet")
        worklist = _worklist(done)
        write(database, worklist, out / "worklist.parquet")
        _text(out / "summary.json", json.dumps(_summary(done, database, found), indent=2, ensure_ascii=False))
        counted = aggregates.aggregates(
            database, done.files("rows"), out / "worklist.parquet", found, done.numbers, done.order.as_of
        )
        _text(out / aggregates.FILE, json.dumps(counted, indent=2, ensure_ascii=False))
        write_page(out)
        say("FHIR")
        _fhir(done, database, found)
        for measure in done.measures if by_measure else ():
            say(f"rows of {measure.id}")
            (out / "measures").mkdir(exist_ok=True)
            write(database, rows_of(measure, done.files("rows")), out / "measures" / f"{measure.id}.parquet")
    names = ("page.html", "summary.json", aggregates.FILE, "worklist.parquet", "outcomes.parquet", "aside.parquet")
    return {**{name: out / name for name in names}, "rows": out / "rows", "fhir": out / "fhir"}


def rows_of(measure: Measure, files: Sequence[Path]) -> str:
    """A SELECT, one row an exam of a measure's population: exam_id, patient_id, exam_date, status, reason."""
    status, reason = (", ".join(text(outcome[n]) for outcome in measure.outcomes) for n in (0, 1))
    code = quoted(measure.id)
    return (
        f"SELECT exam_id, patient_id, exam_date, [{status}][{code}] AS status, [{reason}][{code}] AS reason "  # noqa: S608
        f"FROM {_read(files)} WHERE {code} IS NOT NULL ORDER BY patient_id, exam_date, exam_id"
    )


def _read(files: Sequence[Path]) -> str:
    return f"read_parquet([{', '.join(text(str(file)) for file in files)}])"


def _outcomes(measures: Sequence[Measure]) -> str:
    """(measure, code, status, reason): what the bytes of ``rows`` mean."""
    rows = ", ".join(
        f"({text(m.id)}, {n}::UTINYINT, {text(status)}, {text(reason)})"
        for m in measures
        for n, (status, reason) in enumerate(m.outcomes, start=1)
    )
    return f"SELECT * FROM (VALUES {rows}) v(measure, code, status, reason) ORDER BY measure, code"  # noqa: S608


def _worklist(done: Done) -> str:
    """Who is overdue: whom the guideline wanted soonest first, then by risk where it is known, then by days late.

    Work-up at once comes before three months, those before six: so far a guideline says how much it worries, and in
    words that every guideline has. The ranks of two guidelines' categories are not to be compared.
    """
    day = f"DATE {text(done.order.as_of.isoformat())}"
    late = f"SELECT *, {day} - due_date AS days_late FROM {_read(done.files('worklist'))}"  # noqa: S608
    wanted = f"CASE WHEN measure = {text(aggregates.WORK_UP)} THEN 0 ELSE datediff('month', exam_date, due_date) END"
    order = f"{wanted}, risk DESC NULLS LAST, days_late DESC, concern DESC, patient_id, exam_id, measure"
    known = f"({late}) LEFT JOIN ({risks_sql(done.order.folder)}) USING (exam_id)"
    return f"SELECT {WORKLIST} FROM {known} ORDER BY {order}"  # noqa: S608


def _summary(done: Done, database: Any, found: Sequence[Tally]) -> dict[str, Any]:
    least, said = done.numbers["smallest_cell"], done.manifest["said_of_the_input"]
    aside = f"SELECT reason, COUNT(*) FROM {_read([done.order.out / 'aside.parquet'])} GROUP BY 1 ORDER BY 1"  # noqa: S608
    work = f"SELECT measure, COUNT(*) FROM {_read([done.order.out / 'worklist.parquet'])} GROUP BY 1 ORDER BY 1"  # noqa: S608
    return {
        "intended_use": INTENDED_USE,
        "as_of": done.order.as_of.isoformat(),
        "counts": f"exams; a count of 1 to {least - 1}, and what would give it away, is not shown (null)",
        "settings": {n: {"value": v, "why": scope().settings[n].why} for n, v in done.numbers.items()},
        "input": {
            "rows": {name: table["rows"] for name, table in done.manifest["plan"]["input"].items()},
            **said,
            "unknown_words": _frequent(said["unknown_words"], least),
            **told_of(done.order.folder),
            "exams_put_aside": dict(database.execute(aside).fetchall()),
        },
        "guidelines": list(done.manifest["plan"]["guidelines"]),
        "overdue": {m: _overdue(n, m, found, least) for m, n in database.execute(work).fetchall()},
        "measures": [_told(tally, least) for tally in found],
    }


def _frequent(found: Mapping[str, Mapping[str, int]], least: int) -> dict[str, dict[str, int]]:
    """The words by column that stand often enough to be shown."""
    shown = {column: {word: n for word, n in words.items() if n >= least} for column, words in found.items()}
    return {column: words for column, words in shown.items() if words}


def _overdue(many: int, measure: str, found: Sequence[Tally], least: int) -> int | None:
    """How many exams are overdue; None where few, or where few of those never followed have died or left since.

    Neither where it is not shown how many were never followed: mostly it is the same number.
    """
    tally = next(t for t in found if t.measure.id == measure)
    never = tally.reasons["not_met"].get("never", 0)
    return None if many < least or 0 < never - many < least or tally.hides_reason("not_met", "never", least) else many


def _told(tally: Tally, least: int) -> dict[str, Any]:
    file = tally.measure.file
    bands = {"printed_percent": {c: list(b) for c, b in file.bands.items()}} if file.bands else {}
    return {
        "id": file.id, "title": file.title, "guidelines": list(file.guideline), "improvement": file.improvement,
        "source": file.source.model_dump(), "as_of": file.as_of, **bands, **tally.shown(least),
    }  # fmt: skip


def _fhir(done: Done, database: Any, found: Sequence[Tally]) -> None:
    folder = done.order.out / "fhir"
    folder.mkdir(exist_ok=True)
    first = database.execute(f"SELECT MIN(exam_date) FROM {_read(done.files('rows'))}").fetchone()[0]  # noqa: S608
    period = {"start": str(first or done.order.as_of), "end": done.order.as_of.isoformat()}
    database.execute(_missed(done))
    for place, tally in enumerate(found):
        name = tally.measure.id
        report = measure_reports.summary(tally, period, done.numbers["smallest_cell"])
        _text(folder / f"{name}.json", json.dumps(report, indent=2))
        resource = measure_resources.measure_resource(tally.measure, done.numbers)
        _text(folder / f"{name}.measure.json", json.dumps(resource, indent=2))
        if tally.measure.file.improvement is None:
            continue  # a rate without a better and a worse: nobody failed it
        listed = measure_reports.subject_list(tally, period, f"List/{name}-not-met")
        _text(folder / f"{name}.subject-list.json", json.dumps(listed, indent=2))
        part = folder / f".{name}.list.part"
        with part.open("w", encoding="utf-8") as stream:
            title = f"Patients of exams that did not meet {name}"
            patients = map(measure_reports.Subject, _not_met(database, place))
            measure_reports.write_list(stream, f"{name}-not-met", title, patients)
        part.replace(folder / f"{name}.list.json")
    part = folder / ".overdue.list.part"
    with part.open("w", encoding="utf-8") as stream:
        title = f"Overdue as of {done.order.as_of}, whom the guideline wanted soonest first"
        measure_reports.write_list(stream, "overdue", title, _late(database, done.order.out / "worklist.parquet"))
    part.replace(folder / "overdue.list.json")


def _late(database: Any, worklist: Path) -> Iterator[measure_reports.Subject]:
    """The worklist in its order: whom, and what was due when."""
    query = f"SELECT patient_id, edition, category, measure, due_date, risk, risk_of FROM {_read([worklist])}"  # noqa: S608
    cursor = database.execute(query)
    while rows := cursor.fetchmany(10_000):
        for patient, edition, category, measure, due, risk, of in rows:
            known = f"; fused risk, {of}: {100 * risk:.1f} %" if risk is not None else ""
            yield measure_reports.Subject(patient, said=f"{edition} {category}, due {due} ({measure}){known}")


def _missed(done: Done) -> str:
    """Make ``missed``: each patient's measures with an exam not met, a bit each in the order of the measures."""
    bits = " | ".join(
        f"CASE WHEN {quoted(m.id)} IN ({', '.join(codes) or 'NULL'}) THEN {1 << place} ELSE 0 END"
        for place, m in enumerate(done.measures)
        for codes in [[str(n) for n, (status, _) in enumerate(m.outcomes, start=1) if status == "not_met"]]
    )
    return (
        f"CREATE TEMP TABLE missed AS SELECT patient_id, BIT_OR({bits}) AS bits "  # noqa: S608
        f"FROM {_read(done.files('rows'))} GROUP BY patient_id HAVING BIT_OR({bits}) <> 0"
    )


def _not_met(database: Any, place: int) -> Iterator[str]:
    """The patients of exams that did not meet the measure at this place, in order."""
    query = f"SELECT patient_id FROM missed WHERE (bits & {1 << place}) <> 0 ORDER BY 1"  # noqa: S608
    cursor = database.execute(query)
    while rows := cursor.fetchmany(10_000):
        yield from (row[0] for row in rows)


def _text(path: Path, content: str) -> None:
    part = path.with_name(f".{path.name}.part")
    part.write_text(content + "\n", encoding="utf-8")
    part.replace(path)
