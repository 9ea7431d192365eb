"""Every way radlogic refuses to answer.

* RadlogicError
  x InputError           what came in cannot be used; nothing is written, exit code 2
    + NotReadable        the bytes are not what they should be (no JSON, no DICOM, cut short)
    + UnknownField       a field that the format does not have
    + BadValue           a field holds a value that is not allowed
    + MissingField       a field that is needed is not there
    + TooLarge           declared or real size is beyond what we take, refused before memory is
    + Contradiction      two parts of the input cannot both be true
    + Unsupported        valid, but this version does not handle it
    + CalculationError   a number follows from the input that no patient can have
  x RuleError            a guideline's data are at fault; the guideline is withdrawn
    + RuleFileError      a rule file breaks the rule language
    + Incomplete         some combination of inputs reaches no row
    + Overlap            some combination of inputs reaches two rows that were not waived by name
  x SetupError           the installation lacks something
    + MissingExtra       an optional package is needed and absent
    + UnknownGuideline   no such guideline or edition
    + MissingKnowledge   a table, value set or model that an answer needs is absent or empty

Adapters add their own leaves below ``InputError`` (``adapters/dicom/errors.py`` and so on). All are
listed with their cures in ``docs/errors.md``, which a test keeps complete.

An error's sentence may reach a log: it names files, resources and fields, never what a patient's
record says. ``found`` therefore describes values from a record ("a date not in YYYY-MM-DD form")
and quotes only measurements and codes.
"""

from __future__ import annotations

from dataclasses import asdict, astuple, dataclass


@dataclass(eq=False)
class RadlogicError(Exception):
    """``str(error)`` is for people, ``as_record()`` for programs.

    Not frozen and with ``__reduce__``: exceptions travel through context managers and worker
    processes, and must arrive whole.
    """

    where: str  # a file, a resource such as ``Observation/7``, or a table id
    field: str  # the field or tag, '' where the whole of it is meant
    found: str
    allowed: str
    cure: str

    def __str__(self) -> str:
        place = f"{self.where}, {self.field}" if self.field else self.where
        return f"{place}: found {self.found}; allowed: {self.allowed}. {self.cure}"

    def as_record(self) -> dict[str, str]:
        """The error as flat text fields, ``error`` naming its kind."""
        return {"error": type(self).__name__, **asdict(self)}

    def __reduce__(self) -> tuple[type[RadlogicError], tuple[object, ...]]:
        return type(self), astuple(self)


class InputError(RadlogicError):
    """What came in cannot be used."""


class NotReadable(InputError):
    """The bytes are not what they should be."""


class UnknownField(InputError):
    """The format has no such field."""


class BadValue(InputError):
    """A field holds a value that is not allowed."""


class MissingField(InputError):
    """A field that is needed is not there."""


class TooLarge(InputError):
    """Declared or real size is beyond what is taken; refused before memory is taken."""


class Contradiction(InputError):
    """Two parts of the input cannot both be true."""


class Unsupported(InputError):
    """Valid, but not handled by this version."""


class CalculationError(InputError):
    """A number follows from the input that no patient can have."""


class RuleError(RadlogicError):
    """A guideline's data are at fault."""


class RuleFileError(RuleError):
    """A rule file breaks the rule language."""


class Incomplete(RuleError):
    """Some combination of inputs reaches no row."""


class Overlap(RuleError):
    """Some combination of inputs reaches two rows that were not waived by name."""


class SetupError(RadlogicError):
    """The installation lacks something."""


class MissingExtra(SetupError):
    """An optional package is needed and absent."""


class UnknownGuideline(SetupError):
    """No such guideline or edition."""


class MissingKnowledge(SetupError):
    """A table, value set or model that an answer needs is absent or empty."""
