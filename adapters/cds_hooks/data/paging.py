"""The pages of a search, followed as far as they can be believed.

A ``next`` link is the server's word, and servers have been wrong: it may lead elsewhere, in a circle, or on for ever.
So it is followed below the server's own base only, to a page that was not seen, and not beyond the bounds. What is
then missing is said: the Bundle keeps its open ``next`` link, and ``whole`` is False; so it is where the server
counted more (``total``) or says that something went wrong beside what it found.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import urljoin, urlsplit

from ...fhir.coding import objects
from ...fhir.pages import joined
from ..bundles import is_error, is_short, says_error
from ..trust.urls import canonical
from .outcomes import Unanswered, Why

Page = dict[str, Any]
Get = Callable[[str], Awaitable[Any]]


async def all_pages(first: Page, url: str, base: str, limit: int, get: Get) -> tuple[Page, bool]:
    """The search whose first page came from ``url``, as one Bundle; and whether that is all of it.

    Args:
        first: the first page, a Bundle.
        base: of the server, canonical; pages must lie below it.
        limit: pages at most, the first included.
        get: the JSON at an address.
    """
    pages, seen, whole = [first], {url}, True
    while (link := _next(pages[-1])) is not None:
        following = _below(base, url, link)
        if following is None or following in seen or len(pages) >= limit:
            whole = False
            break
        try:
            page = bundle(await get(following))
        except Unanswered:
            whole = False
            break
        seen.add(following)
        pages[-1], url = _closed(pages[-1]), following
        pages.append(page)
    found = _once(joined(pages)) if len(pages) > 1 else first
    return found, whole and not is_short(found, first.get("total")) and not any(map(says_error, pages))


def bundle(value: Any) -> Page:
    """The value, if it is a search's Bundle; an OperationOutcome is the server's no, and one alone in a Bundle is.

    Raises:
        Unanswered: it is something else.
    """
    kind = value.get("resourceType") if isinstance(value, dict) else None
    if isinstance(value, dict) and isinstance(kind, str) and is_error(value):
        raise Unanswered(Why.SERVER_SAYS_NO)
    if kind != "Bundle" or value.get("type") != "searchset" or not isinstance(value.get("entry", []), list):
        raise Unanswered(Why.ANOTHER_RESOURCE)
    return dict(value)


def _next(page: Mapping[str, Any]) -> str | None:
    links = (link.get("url") for link in objects(page.get("link")) if link.get("relation") == "next")
    return next((url for url in links if isinstance(url, str) and url), None)


def _below(base: str, page: str, link: str) -> str | None:
    """Where a link of a page leads, if that is the base or below it."""
    try:
        url = urljoin(page, link)
        parts = urlsplit(url)
        place = canonical(f"{parts.scheme}://{parts.netloc}{parts.path}")
    except ValueError:
        return None
    inside = place == base or place.startswith(f"{base}/")
    plain = len(url) <= 4000 and parts.query.isascii() and parts.query.isprintable() and " " not in parts.query
    if not inside or not plain:
        return None
    return f"{place}?{parts.query}" if parts.query else place


def _closed(page: Page) -> Page:
    """The page without the ``next`` link that was followed."""
    return {**page, "link": [link for link in objects(page.get("link")) if link.get("relation") != "next"]}


def _once(found: Page) -> Page:
    """Each resource once: a server that repeats itself makes no second finding of one."""
    return {**found, "entry": list(_distinct(found["entry"]))}


def _distinct(entries: Iterable[Any]) -> Iterator[Any]:
    seen: set[tuple[str, str]] = set()
    for entry in entries:
        resource = entry.get("resource") if isinstance(entry, dict) else None
        name = (resource.get("resourceType"), resource.get("id")) if isinstance(resource, dict) else (None, None)
        if isinstance(name[0], str) and isinstance(name[1], str):
            if name in seen:
                continue
            seen.add((name[0], name[1]))
        yield entry
