"""Whether what came under a key of the prefetch is all of it, and of the type that was asked for.

hl7.org/fhir/R4/bundle.html: ``total`` counts the matches on all pages, ``search.mode`` tells matches from what was
included with them and from messages on the search.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..fhir.coding import objects

ERRORS = ("error", "fatal")
OUTCOME = "OperationOutcome"
Resource = Mapping[str, Any]


def resources(value: Resource) -> Iterator[Resource]:
    """The resources of a Bundle, or the resource itself."""
    if value.get("resourceType") != "Bundle":
        yield value
        return
    for entry in objects(value.get("entry")):
        resource = _resource(entry)
        if resource is not None:
            yield resource


def _resource(entry: Resource) -> Resource | None:
    """The resource of an entry; None where it holds none that says its type."""
    resource = entry.get("resource")
    return resource if isinstance(resource, dict) and isinstance(resource.get("resourceType"), str) else None


def matches(value: Resource) -> list[Resource]:
    """What the search found: without what was included with it, and without messages."""
    if value.get("resourceType") != "Bundle":
        return [value]
    return [
        found
        for entry in objects(value.get("entry"))
        if _mode(entry) != "include" and (found := _resource(entry)) is not None and found["resourceType"] != OUTCOME
    ]


def _mode(entry: Resource) -> Any:
    search = entry.get("search")
    return search.get("mode") if isinstance(search, dict) else None


def says_error(value: Resource) -> bool:
    """Whether an error message stands in it."""
    for found in resources(value):
        if found.get("resourceType") == OUTCOME and any(
            i.get("severity") in ERRORS for i in objects(found.get("issue"))
        ):
            return True
    return False


def is_error(value: Resource) -> bool:
    """Whether it is an OperationOutcome, or a Bundle that holds nothing but messages, one of them of an error."""
    if value.get("resourceType") == OUTCOME:
        return True
    return all(found.get("resourceType") == OUTCOME for found in resources(value)) and says_error(value)


def is_part(value: Resource) -> bool:
    """Whether more was found than it holds: another page, a larger total, or an error beside what was found."""
    more = any(link.get("relation") == "next" for link in objects(value.get("link")))
    return more or says_error(value) or is_short(value, value.get("total"))


def is_short(value: Resource, total: Any) -> bool:
    """Whether a Bundle holds fewer matches than the server counted."""
    counted = isinstance(total, int) and not isinstance(total, bool) and value.get("resourceType") == "Bundle"
    return counted and total > len(matches(value))


def of_type(value: Resource, kind: str) -> bool | None:
    """Whether its matches are of a type: None where some are and some are not. Of no match at all, True."""
    found = {one["resourceType"] == kind for one in matches(value)}
    return None if len(found) == 2 else found != {False}
