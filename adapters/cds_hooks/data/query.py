"""A question to a FHIR server: a read or a search, relative to its base."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl

from .outcomes import Unanswered, Why

ID = r"[A-Za-z0-9.-]{1,64}"  # R4 datatype id
# The path below the base is Type or Type/id; neither "\" nor "#" is let through, and nothing climbs out of the base.
_QUERY = re.compile(rf"(?P<type>[A-Z][A-Za-z]{{1,63}})(?:/(?P<id>{ID})|\?(?P<search>[!$-\[\]-~]+))")
_OF_A_PATIENT = ("patient", "subject")


@dataclass(frozen=True, slots=True)
class Query:
    """A read where there is an ``id``, else a search."""

    text: str
    type: str
    id: str | None
    search: str

    @property
    def patients(self) -> frozenset[str]:
        """The ids of the patients that it is about, as far as it says."""
        if self.type == "Patient" and self.id:
            return frozenset({self.id})
        named = _OF_A_PATIENT if self.type != "Patient" else ("_id",)
        values = (value for name, value in parse_qsl(self.search) if name.partition(":")[0] in named)
        return frozenset(one.removeprefix("Patient/") for value in values for one in value.split(","))


def query_of(text: str) -> Query:
    """Read one.

    Raises:
        Unanswered: it is neither a read nor a search by some parameter.
    """
    found = _QUERY.fullmatch(text)
    if found is None or found["id"] in (".", "..") or len(text) > 4000:
        raise Unanswered(Why.BAD_QUERY)
    return Query(text, found["type"], found["id"], found["search"] or "")
