"""Patient -> age on the exam date and sex."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from ...engine.types import Belief, Known, Source, SourceKind, Unknown
from .bundle import Record
from .coding import objects
from .errors import BadBirthDate, BornAfterExam
from .ledger import Ledger, Standing
from .when import Place, When, place, read, years_from

SEXES = {"male": "M", "female": "F"}  # hl7.org/fhir/R4/valueset-administrative-gender.html
BIRTH_SEX = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-birthsex"  # seen in Synthea R4 sample data
PATIENT = Source(SourceKind.RECORD, "Patient")  # without the id, which would identify


def demographics(record: Record, exam_date: date | None, ledger: Ledger) -> dict[str, Belief]:
    """The facts ``age_years`` and ``sex``; what is stated and cannot be used goes into the ledger.

    Raises:
        BadBirthDate: the birth date is no FHIR date.
        BornAfterExam: it lies after the exam.
    """
    found = {"age_years": _age(record, exam_date), "sex": _sex(record, ledger)}
    for fact, belief in found.items():
        if isinstance(belief, Unknown) and belief.source and not ledger.of(fact):
            ledger.add(fact, PATIENT.reference, Standing.UNUSABLE, None, why=belief.why)
    return found


def _age(record: Record, exam_date: date | None) -> Belief:
    if "birthDate" not in record.patient:
        return Unknown("the record states no birth date")
    born = read(record.patient["birthDate"])
    if born is None or "T" in record.patient["birthDate"]:
        raise BadBirthDate(
            record.where, "Patient.birthDate", "something that is no date", "YYYY, YYYY-MM or YYYY-MM-DD", "Correct it."
        )
    if exam_date is None:
        return Unknown("no exam date to count the age to", PATIENT)
    return _age_on(record, born, exam_date)


def _age_on(record: Record, born: When, exam_date: date) -> Belief:
    if place(born, exam_date) is Place.AFTER:
        raise BornAfterExam(
            record.where,
            "Patient.birthDate",
            "a birth date after the exam date",
            "a birth date on or before the exam date",
            "Check that record and exam are of the same patient, and the exam date.",
        )
    age = years_from(born, exam_date)
    if age is None:
        return Unknown("the birth date is too coarse to tell the age on the exam date", PATIENT)
    return Known(Decimal(age), Source(SourceKind.RECORD, "Patient", exam_date))


def _sex(record: Record, ledger: Ledger) -> Belief:
    gender = record.patient.get("gender")
    sex = SEXES.get(gender) if isinstance(gender, str) else None
    if sex is None:
        why = "the record states no sex that the published models know"
        return Unknown(why, PATIENT if "gender" in record.patient else None)
    birth_sex = next(
        (e.get("valueCode") for e in objects(record.patient.get("extension")) if _is_birth_sex(e.get("url"))), sex
    )
    if birth_sex in SEXES.values() and birth_sex != sex:
        for reference, value in (("Patient.gender", sex), ("Patient birth sex", birth_sex)):
            ledger.add("sex", reference, Standing.STATED, None, value)
        return Unknown("administrative gender and birth sex differ; the published models know one sex", PATIENT)
    return Known(sex, PATIENT)


def _is_birth_sex(url: object) -> bool:
    return url == BIRTH_SEX


def notes(record: Record, exam_date: date | None) -> Iterator[str]:
    """What about the patient must be shown beside a decision."""
    died = read(record.patient.get("deceasedDateTime"))
    if died and exam_date and died.last < exam_date:
        yield "The record says that the patient died before the exam date: check that record and exam belong together."
