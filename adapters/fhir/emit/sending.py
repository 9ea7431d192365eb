"""A decision on its way out: its names and states, from which every resource is made.

Identity: a report keeps one name from its first draft through every correction, the name of the decision that began
it (``began``). All that a later version may change in place is named after it; what belongs to one decision alone (a
proposed order) after that decision. Names are UUIDv5, so that the same decision always gives the same Bundle.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, time
from typing import Final
from urllib.parse import quote
from uuid import NAMESPACE_URL, uuid5

from ....engine.record import Assessment
from ...report.signed import Signed
from . import terms
from .context import WHERE, Context
from .errors import SignedReportStands
from .parts import URI, Json, coding, concept, fixed, standard, uid_identifier

NAMESPACE: Final = uuid5(NAMESPACE_URL, "urn:radlogic:fhir")


@dataclass(frozen=True, slots=True)
class Sending:
    """One decision on its way out, with everything that names and states follow from."""

    assessment: Assessment
    context: Context
    signed: Signed | None = None
    life: str = field(init=False)

    def __post_init__(self) -> None:
        own = self.assessment.record.decision_id
        replaced = self.signed.replaces if self.signed else ""
        object.__setattr__(self, "life", self.context.began or replaced or own)
        if self.signed is None and self.context.was_final and not self.superseded:
            cure = "Sign the correction, or send it as a report of its own."
            raise SignedReportStands(WHERE, "status", "an unsigned correction of a signed report", "a signed one", cure)

    @property
    def superseded(self) -> bool:
        """Whether another decision took this one's place."""
        return self.context.superseded or bool(self.signed and self.signed.replaced_by)

    @property
    def was_final(self) -> bool:
        """Whether a signed version stood before this one."""
        said = self.context.was_final
        return bool(self.signed and self.signed.replaces) if said is None else said

    @property
    def unvouched(self) -> bool:
        """Whether it is unsigned, and nobody says that no signed version of it stands elsewhere."""
        return self.signed is None and self.context.was_final is None

    @property
    def status(self) -> str:
        """DiagnosticReport.status and that of its Observations (R4: diagnostic-report-status)."""
        if self.superseded:
            return "entered-in-error"
        if self.signed is None:
            return "preliminary"
        if not self.was_final:
            return "final"
        mended = terms.codes().errors_mended
        error = self.signed.outcome in mended.outcomes or self.signed.reason in mended.reasons
        return "corrected" if error else "amended"

    @property
    def unverified(self) -> bool:
        """Whether nobody vouches for what the program says of the findings: unsigned, or set aside by the signer."""
        return self.signed is None or self.signed.outcome == "overridden"

    @property
    def finding_status(self) -> str:
        """The status of what the program says of the findings: preliminary until somebody vouches for it."""
        return "preliminary" if self.unverified and not self.superseded else self.status

    @property
    def moment(self) -> datetime:
        """When this version came to be."""
        if self.signed is not None:
            return self.signed.at
        return self.context.at or datetime.combine(self.assessment.record.as_of, time(), UTC)

    def urn(self, kind: str, *name: str) -> str:
        """The name of what this report holds through all its versions: a ``urn:uuid:``."""
        return urn_of("report", self.life, kind, *name)

    def own_urn(self, kind: str, *name: str) -> str:
        """The name of what belongs to this decision alone."""
        return urn_of("decision", self.assessment.record.decision_id, kind, *name)

    def system(self, name: str) -> str:
        """A code system of the product."""
        return own_url(self.context.base, "CodeSystem", name)

    def naming(self, name: str) -> str:
        """A system of identifiers of the product."""
        return own_url(self.context.base, "identifier", name)

    def own(self, code: str, text: str = "") -> Json:
        """A concept of the product's ``observable``, in its words where no others are given."""
        return concept([self.observable(code)], text or terms.codes().observables.get(code, code))

    def observable(self, code: str) -> Json:
        """A Coding of the product's ``observable``."""
        return coding(self.system("observable"), code)

    @property
    def signer(self) -> Json | None:
        """Who signed; by the account's name where nothing better is given."""
        if self.signed is None:
            return None
        account = {"system": self.naming("account"), "value": self.signed.by}
        return dict(self.context.signer) if self.context.signer else {"identifier": account}

    @property
    def study(self) -> Json | None:
        """The exam's ImagingStudy; None where neither a UID nor a reference is known."""
        if self.context.study is not None:
            return dict(self.context.study)
        found = uid_identifier(self.assessment.record.case.exam.study_uid)
        return {"type": "ImagingStudy", "identifier": found} if found else None

    def about(self, kind: str, urn: str, *, ai: bool = True) -> Json:
        """The head of a resource: type, label and identifier."""
        label = {"meta": {"security": standard(terms.codes().codes["ai_asserted"])}} if ai else {}
        return {"resourceType": kind, **label, "identifier": [{"use": "official", "system": URI, "value": urn}]}

    def conditional(self, guideline: str) -> bool:
        """Whether a guideline applies only under a condition that nobody confirmed."""
        said = (d.application for d in self.assessment.decision.guidelines)
        return any(a.guideline == guideline and a.applies == "conditional" for a in said)

    @property
    def subject(self) -> Json:
        """The patient."""
        return dict(self.context.patient)


@dataclass(frozen=True, slots=True)
class Entry:
    """A resource with its name. ``once``: made where it is not there yet, and never put in the place of another."""

    urn: str
    resource: Json
    once: bool = False


def urn_of(*parts: str) -> str:
    """A ``urn:uuid:`` that follows from the parts."""
    return f"urn:uuid:{uuid5(NAMESPACE, chr(31).join(parts))}"


def own_url(base: str, kind: str, name: str) -> str:
    """The canonical URL of something of the product's own.

    >>> own_url("https://hospital.example/fhir", "CodeSystem", "lung-rads")
    'https://hospital.example/fhir/CodeSystem/lung-rads'
    >>> own_url("", "CodeSystem", "lung-rads")
    'urn:radlogic:CodeSystem:lung-rads'
    """
    root = base or terms.codes().canonical
    return (":" if root.startswith("urn:") else "/").join((root, kind, quote(name, safe="@.")))


def unknown(text: str = "") -> Json:
    """Why a value is absent: it is not known."""
    return fixed("unknown", text)
