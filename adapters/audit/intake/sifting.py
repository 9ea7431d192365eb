# ruff: noqa: S608  names and words are quoted; nothing of a record is ever SQL
"""The rows of the views, sifted: what is withdrawn, twice or hangs in the air goes aside."""

from __future__ import annotations

from typing import Any

from ....engine.guideline.columns import quoted, text
from . import aside
from .settings import intake
from .stage import Stage
from .words import day, known, months, one_of, word

OBSERVATIONS = ("assessments", "findings")
STATUS = {"conditions": "verification", **dict.fromkeys(OBSERVATIONS, "resource_status")}  # else ``status``
LOW, HIGH = months("v.low", "v.low_code", "v.low_unit"), months("v.high", "v.high_code", "v.high_unit")
DAYS = {"reports": "coalesce(v.day, v.began)", "procedures": "coalesce(v.day, v.began)",
        "conditions": "coalesce(v.day, v.recorded)", "communications": "v.sent", "studies": "v.started"}  # fmt: skip
OUTCOME, IS_OUTCOME = (meant("outcome", ["v.what", "v.codes"]) for meant in (word, known))


def unclear(name: str) -> str:
    """Whether nobody says that an event was, or of what kind: by its status."""
    return one_of(f"v.{STATUS.get(name, 'status')}", intake().unclear.get(name, ()))


ALONE = "(v.id IS NULL OR NOT EXISTS (FROM reported r WHERE r.id = v.id))"  # a study that no report names
# (rows, element, what must not be): the line stays, the value is unknown and counted
VALUES = (
    ("patients", "birthDate", f"v.birth_date IS NOT NULL AND {day('v.birth_date')} IS NULL"),
    ("patients", "gender", f"v.gender IS NOT NULL AND NOT {known('sex', ['v.gender'])}"),
    ("patients", "deceased", f"v.deceased_on IS NOT NULL AND {day('v.deceased_on')} IS NULL"),
    ("patients", "deceased", "v.deceased AND v.deceased_on IS NULL"),
    ("patients", "identifier.period", f"v.left_on IS NOT NULL AND {day('v.left_on')} IS NULL"),
    ("reports", "code", f"v.study IS NULL AND NOT {known('modality', ['v.exam_text', 'v.exam_codes'])}"),
    ("reports", "category", f"NOT {known('region', ['v.region_text', 'v.region_codes', 'v.exam_codes'])}"),
    ("requests", "occurrence", f"coalesce(v.low, v.high) IS NOT NULL AND ({LOW} BETWEEN 0 AND {HIGH}) IS NOT TRUE"),
    # an event that nobody can place stays one: it may be the follow-up of an earlier exam
    *((name, "day", f"{day(DAYS[name])} IS NULL") for name in ("reports", "procedures", "communications")),
    ("conditions", "day", f"{day(DAYS['conditions'])} IS NULL"),
    ("conditions", "code", f"({OUTCOME}) IS NULL"),
    *((name, "status", unclear(name)) for name in ("reports", "procedures", "communications", "conditions")),
    ("procedures", "code", f"NOT {known('procedure', ['v.what', 'v.codes'])}"),
)  # fmt: skip


class Sifter:
    """Sifts the rows of one export, which lie in a stage."""

    def __init__(self, database: Any, stage: Stage) -> None:
        self.database, self.stage, self.patients, self.named = database, stage, True, False

    def sift(self, *, patients: bool = True) -> None:
        """Put aside what cannot be used, and count the values that cannot.

        ``patients``: whether there is a file of them; without it nobody can say that one is missing.
        """
        self.patients = patients
        self.database.execute("CREATE OR REPLACE TEMP TABLE gone (file BIGINT, line BIGINT)")
        aside.put_from(self.database, f"SELECT * FROM {self.rows('aside')}")
        self._bad_facts()
        self._again("patients")
        self._keys("patients", "patient_key", "id")
        self._statuses("reports", "reports")
        self._of_no_imaging()
        self._several_exams()
        self._patients_of("reports", stays="v.id IN (FROM twice)")
        self._keys("reports", "exam_key", "id, patient_id")
        self._unreported()
        self._named_results()
        for name in OBSERVATIONS:
            self._statuses(name, "observations")
            if name == "findings":
                self._duplicates(name)
            else:
                self._again(name)
            self._exams_of(name)
        self._statuses("requests", "requests")
        self._again("requests")
        self._exams_of("requests", "a request that no report makes")
        self._events()
        self._lost()
        for name, element, condition in VALUES:
            self._count(name, element, condition)

    def rows(self, name: str) -> str:
        """All rows of a view."""
        return self.stage.rows(name)

    def source(self, name: str) -> str:
        """The rows of a view, but for those that were put aside."""
        gone = "FROM gone g WHERE g.file = v.file AND g.line = v.line"
        return f"(SELECT * FROM {self.rows(name)} v WHERE NOT EXISTS ({gone}))"

    def linked(self, name: str) -> str:
        """The same for Observations, with the exam that they name, or whose report names them."""
        if not self.named:
            return self.source(name)
        exam = "coalesce(v.exam_id, n.exam_id) AS exam_id"
        return f"(SELECT v.* REPLACE ({exam}) FROM {self.source(name)} v LEFT JOIN named n ON n.id = v.id)"

    def _lost(self) -> None:
        """Make ``lost``: exams of which a finding went aside that nobody withdrew, nor says another line the same."""
        every = self.rows("findings")
        described = self.database.execute(f"DESCRIBE SELECT * EXCLUDE (file, line) FROM {every}").fetchall()
        says = ", ".join(f"v.{quoted(row[0])}" for row in described)
        withdrawn = ", ".join(map(text, intake().withdrawn))
        self.database.execute(
            f"CREATE OR REPLACE TEMP TABLE away AS SELECT v.* FROM {every} v SEMI JOIN gone USING (file, line) "
            f"WHERE coalesce(v.resource_status, '') NOT IN ({withdrawn})"
        )
        again = f"SELECT v.file, v.line FROM {self.source('findings')} v SEMI JOIN away a ON a.id = v.id"
        self.database.execute(f"CREATE OR REPLACE TEMP TABLE again AS {again}")
        # all columns are read only where some line says an id again: they are many
        several = self.database.execute("SELECT 1 FROM again LIMIT 1").fetchone()
        kept = (
            f"SELECT hash({says}) FROM {every} v SEMI JOIN again USING (file, line)"
            if several
            else "SELECT 0 WHERE FALSE"
        )
        self.database.execute(
            "CREATE OR REPLACE TEMP TABLE lost AS SELECT exam_id, min(file) AS file, min(line) AS line FROM ("
            "SELECT coalesce(v.exam_id, n.exam_id) AS exam_id, file, line FROM away v LEFT JOIN named n ON n.id = v.id "
            f"WHERE hash({says}) NOT IN ({kept})) SEMI JOIN exam_key k ON k.id = exam_id GROUP BY exam_id"
        )

    def _events(self) -> None:
        for name in ("procedures", "conditions", "communications"):
            self._statuses(name, name)
            if name == "conditions":
                self._pass(name, "conditions: of something else", f"NOT {IS_OUTCOME}")
                self._pass(name, "conditions: not finished", f"{unclear(name)} AND ({OUTCOME}) = 'benign'")
            self._again(name, told=False)
            if name == "communications":
                self._exams_of(name, "a message about no report")
            else:
                self._patients_of(name)

    def _bad_facts(self) -> None:
        bad = self.rows("bad_facts")
        named = f"SELECT f.name, b.line, b.what, b.reason, b.field FROM {bad} b JOIN files f USING (file)"
        aside.put_from(self.database, named)
        self.database.execute(f"INSERT INTO gone SELECT file, line FROM {bad} WHERE what = 'line'")
        others = f"{self.rows('other_observations')} o JOIN files f USING (file)"
        aside.pass_over(self.database, f"SELECT f.name, 'an Observation of something else', o.lines FROM {others}")

    def _find(self, name: str, condition: str, stays: str = "FALSE") -> None:
        """Take out the rows that meet a condition, as the relation ``found``; those stay in that ``stays`` holds of."""
        rows = self.linked(name) if name in OBSERVATIONS else self.source(name)
        found = f"SELECT v.file, v.line, coalesce({stays}, FALSE) AS stays FROM {rows} v WHERE {condition}"
        self.database.execute(f"CREATE OR REPLACE TEMP TABLE found AS {found}")
        self.database.execute("INSERT INTO gone SELECT file, line FROM found WHERE NOT stays")

    def _put(self, name: str, what: str, reason: str, condition: str, field: str, stays: str = "FALSE") -> None:
        """Put aside the rows that meet a condition; those that ``stays`` holds of are told, and stay."""
        self._find(name, condition, stays)
        said = ", ".join(map(text, (what, reason, field)))
        aside.put_from(self.database, f"SELECT f.name, v.line, {said} FROM found v JOIN files f USING (file)")

    def _pass(self, name: str, reason: str, condition: str) -> None:
        """Pass over the rows that meet a condition: in order, but not of use."""
        self._find(name, condition)
        counted = f"SELECT f.name, {text(reason)}, count(*) FROM found JOIN files f USING (file) GROUP BY ALL"
        aside.pass_over(self.database, counted)

    def _count(self, name: str, element: str, condition: str) -> None:
        said = ", ".join(map(text, ("value", "a value that cannot be used", element)))
        found = f"{self.source(name)} v JOIN files f USING (file) WHERE coalesce({condition}, FALSE)"
        aside.put_from(self.database, f"SELECT f.name, v.line, {said} FROM {found}")

    def _several_exams(self) -> None:
        """Make ``twice``: ids of reports that say otherwise in several lines. These stay, and nothing hangs on them.

        So the audit sees that nobody knows whose exam it is, judges none of them, and counts each as imaging.
        """
        self._again("reports")
        self.database.execute(
            f"CREATE OR REPLACE TEMP TABLE twice AS SELECT DISTINCT v.id FROM {self.source('reports')} v "
            "SEMI JOIN again a USING (file, line)"
        )

    def _again(self, name: str, *, told: bool = True) -> None:
        """Further lines of an id: one that says the same goes aside; one that says otherwise stays, and is ``told``.

        Two statements of one exam so contradict each other; two sites may number alike what belongs to two exams.
        """
        several = self.several(name, "id")
        columns = self.database.execute(f"DESCRIBE FROM {self.rows(name)}").fetchall()
        left = ("file", "line", STATUS.get(name, "status"))
        says = f"hash({', '.join(f'v.{quoted(row[0])}' for row in columns if row[0] not in left)})"
        self.database.execute(
            "CREATE OR REPLACE TEMP TABLE again AS SELECT v.file, v.line, row_number() OVER "
            f"(PARTITION BY v.id, {says} ORDER BY v.file, v.line) = 1 AS otherwise FROM {self.source(name)} v "
            f"WHERE {f'v.id IS NOT NULL AND hash(v.id) IN ({several})' if several else 'FALSE'} "
            "QUALIFY row_number() OVER (PARTITION BY v.id ORDER BY v.file, v.line) > 1"
        )
        if self.database.execute("SELECT 1 FROM again LIMIT 1").fetchone():
            these = "(v.file, v.line) IN (SELECT (file, line) FROM again WHERE {})"
            self._put(name, "duplicate", "its id stands in an earlier line", these.format("NOT otherwise"), "id")
            if told:
                reason = "its id stands in an earlier line that says otherwise"
                self._put(name, "duplicate", reason, these.format("otherwise"), "id", stays="TRUE")

    def _duplicates(self, name: str) -> None:
        """A second line of an id of one exam: the first counts."""
        number = "row_number() OVER (PARTITION BY id, exam_id ORDER BY file, line)"
        several = self.several(name, "id")
        later = (
            f"SELECT file, line FROM {self.linked(name)} WHERE id IS NOT NULL AND hash(id) IN ({several}) "
            f"QUALIFY {number} > 1"
        )
        if several:
            self._put(name, "duplicate", "its id stands in an earlier line", f"(v.file, v.line) IN ({later})", "id")

    def several(self, name: str, column: str) -> str:
        """SQL of the hashes of what stands in several rows, nothing where each stands in one; few are candidates."""
        rows = self.linked(name) if column != "id" else self.source(name)
        hashes = f"SELECT hash({column}) AS h FROM {rows} WHERE {column} IS NOT NULL"
        self.database.execute(
            f"CREATE OR REPLACE TEMP TABLE several AS SELECT h FROM ({hashes}) GROUP BY h HAVING count(*) > 1"
        )
        return "FROM several" if self.database.execute("SELECT 1 FROM several LIMIT 1").fetchone() else ""

    def _statuses(self, name: str, stage: str) -> None:
        column, withdrawn = STATUS.get(name, "status"), ", ".join(map(text, intake().withdrawn))
        self._put(name, "line", "withdrawn by its author", f"{column} IN ({withdrawn})", "status")
        left = ", ".join(map(text, intake().left_out[stage]))
        self._pass(name, f"{stage}: not finished", f"{column} IN ({left})")
        if self.database.execute(f"SELECT 1 FROM {self.source(name)} v WHERE {unclear(name)} LIMIT 1").fetchone():
            clear = f"SELECT v.id FROM {self.source(name)} v WHERE v.id IS NOT NULL AND NOT {unclear(name)}"
            self._pass(name, f"{stage}: not finished", f"{unclear(name)} AND v.id IN ({clear})")

    def _of_no_imaging(self) -> None:
        """Reports of laboratories and the like: unread they would be exams of unknown kind, and follow up anything."""
        categories = ", ".join(map(text, intake().not_imaging))
        modality = known("modality", ["v.exam_text", "v.exam_codes"])
        elsewhere = f"list_has_any(v.region_codes, [{categories}])"
        self._pass("reports", "reports: of no imaging", f"{elsewhere} AND v.study IS NULL AND NOT {modality}")

    def _keys(self, name: str, relation: str, columns: str) -> None:
        """The ids that others may name."""
        once = "AND v.id NOT IN (FROM twice)" if name == "reports" else ""
        held = f"SELECT DISTINCT {columns} FROM {self.source(name)} v WHERE v.id IS NOT NULL {once}"
        self.database.execute(f"CREATE OR REPLACE TEMP TABLE {relation} AS {held}")

    def _patients_of(self, name: str, only: str = "TRUE", stays: str = "FALSE") -> None:
        nobody = f"v.patient_id IS NULL AND {only}"
        self._put(name, "reference", "names no patient", nobody, "subject", stays)
        known = f"v.patient_id IS NULL OR NOT {only} OR EXISTS (FROM patient_key k WHERE k.id = v.patient_id)"
        gone = f"NOT ({known})" if self.patients else "FALSE"
        self._put(name, "reference", "names a patient who is not there", gone, "subject", stays)

    def _unreported(self) -> None:
        """Imaging studies that no report names: an exam each, unless a report of that day names no study at all."""
        self.database.execute(
            f"CREATE OR REPLACE TEMP TABLE reported AS SELECT DISTINCT unnest(v.studies) AS id "
            f"FROM {self.rows('reports')} v"  # also where the report was withdrawn: it was one of the study
        )
        self._statuses("studies", "studies")
        self._again("studies")
        self._patients_of("studies", only=ALONE)
        self._pass("studies", "studies: without a day", f"{ALONE} AND {day(DAYS['studies'])} IS NULL")
        told = f"SELECT (v.patient_id, {day(DAYS['reports'])}) FROM {self.source('reports')} v WHERE v.study IS NULL"
        of = f"(v.patient_id, {day(DAYS['studies'])}) IN ({told})"
        self._pass("studies", "studies: of a report of the same day", f"{ALONE} AND {of}")

    def _named_results(self) -> None:
        """Observation -> exam, where a report names it among its results; of several reports, none.

        Asked only where some Observation names no exam itself.
        """
        alone = " UNION ALL ".join(f"SELECT 1 FROM {self.rows(name)} WHERE exam_id IS NULL" for name in OBSERVATIONS)
        self.named = self.database.execute(f"{alone} LIMIT 1").fetchone() is not None
        listed = f"SELECT unnest(results) AS id, id AS exam_id FROM {self.source('reports')} WHERE {self.named}"
        found = f"SELECT id, min(exam_id) AS exam_id FROM ({listed}) GROUP BY id HAVING count(DISTINCT exam_id) = 1"
        self.database.execute(f"CREATE OR REPLACE TEMP TABLE named AS {found}")

    def _exams_of(self, name: str, unlinked: str = "") -> None:
        """Put aside what names no exam that is there, or one of another patient."""
        if unlinked:
            self._pass(name, unlinked, "v.exam_id IS NULL")
        else:
            self._put(name, "reference", "names no exam", "v.exam_id IS NULL", "focus")
        several = "names an exam whose id stands in several lines that say otherwise"
        self._put(name, "reference", several, "v.exam_id IN (FROM twice)", "exam")
        gone = "NOT EXISTS (FROM exam_key k WHERE k.id = v.exam_id)"
        self._put(name, "reference", "names an exam that is not there, or was put aside", gone, "exam")
        other = "EXISTS (FROM exam_key k WHERE k.id = v.exam_id AND k.patient_id <> v.patient_id)"
        self._put(name, "reference", "names an exam of another patient", other, "subject")
