"""The pages of FHIR searches -> one Bundle; a page that is missing stays said.

hl7.org/fhir/R4/http.html#paging: each page links to itself (`self`) and to the following one (`next`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .coding import objects
from .errors import NotABundle, UnsupportedBundle


def joined(pages: Sequence[Mapping[str, Any]], *, where: str = "search results") -> dict[str, Any]:
    """One searchset of all entries. Pages may be of one search or of several, in any order.

    A ``next`` link whose page is among them is done; any other stays in the answer, and ``read_patient`` notes
    that the record is not whole.

    Raises:
        NotABundle: one of them is no Bundle, or there is none.
        UnsupportedBundle: one of them is a Bundle of another type.
    """
    if not pages:
        raise NotABundle(where, "", "no page", "at least one page", "Give the answers of the server.")
    for index, page in enumerate(pages):
        _check(page, where, f"page[{index}]")
    own = {url for page in pages for url in _links(page, "self")}
    missing = [url for page in pages for url in _links(page, "next") if url not in own]
    entries = [entry for page in pages for entry in page.get("entry", [])]
    links = [{"relation": "next", "url": url} for url in missing]
    return {"resourceType": "Bundle", "type": "searchset", "link": links, "entry": entries}


def _check(page: object, where: str, field: str) -> None:
    cure = "Give the answers of the server as they came."
    if not isinstance(page, Mapping) or page.get("resourceType") != "Bundle":
        raise NotABundle(where, field, "no Bundle", "a Bundle of type searchset", cure)
    if page.get("type") != "searchset":
        raise UnsupportedBundle(where, f"{field}.type", "another type", "searchset", cure)
    if not isinstance(page.get("entry", []), list):
        raise NotABundle(where, f"{field}.entry", "something that is no list", "a list of entries", cure)


def _links(page: Mapping[str, Any], relation: str) -> Iterator[str]:
    for link in objects(page.get("link")):
        url = link.get("url")
        if link.get("relation") == relation and isinstance(url, str):
            yield url
