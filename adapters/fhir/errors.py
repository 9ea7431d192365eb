"""Every way a FHIR record is refused, each below the leaf of ``engine/errors.py`` that it refines.

* NotReadable
  x RecordNotFound         no file is at the path, or it may not be read
  x NotJson                the text is not JSON, not UTF-8, or cut short
  x NotANumber             NaN or Infinity, which JSON does not have
  x DuplicateKey           one object has the same key twice: readers disagree on which one counts
  x ServerRefused          an OperationOutcome: the server's error message in place of the record
* BadValue
  x NotABundle             JSON, but no FHIR Bundle
  x BadEntry               an entry, or what it holds, is not an object
  x BadBirthDate           Patient.birthDate is no FHIR date
* MissingField
  x NoPatient              the Bundle holds no Patient
  x EntryWithoutResource   an entry holds nothing
  x ResourceWithoutType    a resource does not say what it is
* TooLarge
  x RecordTooLarge         more bytes than a record has
  x NestedTooDeep          more levels than a record has
* Contradiction
  x SeveralPatients        the Bundle is of more than one patient
  x AnotherPatient         a resource is about a patient who is not the Bundle's
  x BornAfterExam          the birth date lies after the exam date
* Unsupported
  x WrongFhirVersion       the shape of DSTU2, STU3 or R5 where R4 is read
  x UnsupportedBundle      a kind of Bundle that is not one state of one record

Sentences name the file, the entry's number and the field. They never quote the record: no name, no
date, no identifier, no value. The class says what is wrong.
"""

from __future__ import annotations

from ...engine.errors import BadValue, Contradiction, MissingField, NotReadable, TooLarge, Unsupported


class RecordNotFound(NotReadable):
    """No file is at the path, or it may not be read."""


class NotJson(NotReadable):
    """The text is not JSON, not UTF-8, or cut short."""


class NotANumber(NotReadable):
    """NaN or Infinity, which JSON does not have."""


class DuplicateKey(NotReadable):
    """One object has the same key twice."""


class ServerRefused(NotReadable):
    """The server's error message (OperationOutcome) in place of the record."""


class NotABundle(BadValue):
    """JSON, but no FHIR Bundle."""


class BadEntry(BadValue):
    """An entry, or what it holds, is not an object."""


class BadBirthDate(BadValue):
    """Patient.birthDate is no FHIR date."""


class NoPatient(MissingField):
    """The Bundle holds no Patient."""


class EntryWithoutResource(MissingField):
    """An entry holds nothing."""


class ResourceWithoutType(MissingField):
    """A resource does not say what it is."""


class RecordTooLarge(TooLarge):
    """More bytes than a record has."""


class NestedTooDeep(TooLarge):
    """More levels than a record has."""


class SeveralPatients(Contradiction):
    """The Bundle is of more than one patient."""


class AnotherPatient(Contradiction):
    """A resource is about a patient who is not the Bundle's."""


class BornAfterExam(Contradiction):
    """The birth date lies after the exam date."""


class WrongFhirVersion(Unsupported):
    """The shape of DSTU2, STU3 or R5 where R4 is read."""


class UnsupportedBundle(Unsupported):
    """A kind of Bundle that is not one state of one record."""
