"""What must hold of everything that is emitted, beyond what the model library checks.

Required bindings, the types that references may point to, references within the Bundle, names given once, elements
that R4 demands, and no null or empty value anywhere. The demands are data: ``knowledge/fhir_out/bindings.yaml``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from . import terms
from .errors import BrokenReference, MissingElement, NotAllowedCode, NotR4

CURE = "This is a fault of radlogic, or of what the caller gave: nothing was written."
LOCAL = ("urn:uuid:", "urn:oid:")
Found = tuple[str, str, Any, Mapping[str, Any]]  # path with and without numbers, the value, what it stands in


def check_bundle(bundle: Mapping[str, Any]) -> None:
    """Hold a Bundle against R4.

    Raises:
        NotAllowedCode, NotR4, MissingElement, BrokenReference: as named; the error says which resource and element.
    """
    check_resource(bundle, "Bundle")
    named: dict[str, str] = {}
    for at, entry in enumerate(bundle.get("entry", [])):
        url, kind = entry.get("fullUrl"), entry["resource"]["resourceType"]
        if url in named:
            where = f"Bundle.entry[{at}]"
            raise BrokenReference(where, "fullUrl", "a name given twice", "one name for each resource", CURE)
        named[url] = kind
    for at, entry in enumerate(bundle.get("entry", [])):
        where = f"Bundle.entry[{at}] {entry['resource']['resourceType']}"
        check_resource(entry["resource"], where)
        check_references(entry["resource"], where, named)


def check_resource(resource: Mapping[str, Any], where: str) -> None:
    """Codes, elements that must be there, and emptiness, of one resource."""
    kind = str(resource.get("resourceType"))
    demands = terms.bindings()
    if kind not in demands.needed:
        raise NotR4(where, "resourceType", "a resource that is not emitted", ", ".join(demands.needed), CURE)
    for element in demands.needed[kind]:
        if element not in resource:
            raise MissingElement(where, element, "nothing", "a value", CURE)
    for path, plain, value, holder in _walk(resource, skip=kind == "Bundle"):
        if value is None or value in ("", [], {}):
            raise NotR4(where, path, "null or an empty value", "an element with content, or none", CURE)
        allowed = _allowed(kind, plain, holder)
        if allowed is not None and value not in allowed:
            raise NotAllowedCode(where, path, "a code that is not in the value set", ", ".join(allowed), CURE)


def _allowed(kind: str, plain: str, holder: Mapping[str, Any]) -> tuple[str, ...] | None:
    """The codes that a required binding allows at a path; None where there is none."""
    demands = terms.bindings()
    if (own := demands.codes.get(kind, {}).get(plain)) is not None:
        return own
    above, _, name = plain.rpartition(".")
    if name == "contentType":
        return demands.media_types
    held = above.rpartition(".")[2]
    for datatype, bound in demands.datatypes.items():
        if name in bound and held in demands.held_as[datatype] and (datatype != "Narrative" or "div" in holder):
            return bound[name]
    return None


def check_references(resource: Mapping[str, Any], where: str, named: Mapping[str, str]) -> None:
    """Every reference to this Bundle is answered in it, and points to a type that may stand there."""
    targets = terms.bindings().targets.get(str(resource["resourceType"]), {})
    for path, plain, value, _ in _walk(resource):
        if not isinstance(value, Mapping) or not {"reference", "identifier", "display"} & value.keys():
            continue
        url, kind = value.get("reference"), value.get("type")
        if isinstance(url, str):
            if url.startswith(LOCAL) and url not in named:
                raise BrokenReference(where, path, "a name that is not in the Bundle", "a fullUrl of it", CURE)
            kind = named.get(url) or _type_of(url) or kind
        allowed = targets.get(plain)
        if allowed is not None and kind is not None and kind not in allowed:
            raise BrokenReference(where, path, f"a reference to {kind}", ", ".join(allowed), CURE)


def _type_of(url: str) -> str | None:
    """The type that a literal reference names: "Patient/7", "https://server/fhir/Patient/7"."""
    parts = url.split("/_history/", maxsplit=1)[0].split("/")
    return parts[-2] if len(parts) > 1 and parts[-2].isalpha() and parts[-2][0].isupper() else None


def _walk(value: Mapping[str, Any], path: str = "", plain: str = "", *, skip: bool = False) -> Iterator[Found]:
    """Every element below a resource, entries of a Bundle as such but not the resources in them."""
    for name, part in value.items():
        if skip and name == "resource":
            continue
        here, bare = f"{path}.{name}".lstrip("."), f"{plain}.{name}".lstrip(".")
        yield here, bare, part, value
        several = part if isinstance(part, list) else [part]
        for at, one in enumerate(several):
            there = f"{here}[{at}]" if isinstance(part, list) else here
            if isinstance(part, list):
                yield there, bare, one, value
            if isinstance(one, Mapping):
                yield from _walk(one, there, bare, skip=skip)
