"""One form for addresses, so that two can be compared sign by sign."""

from __future__ import annotations

import re
from ipaddress import ip_address
from urllib.parse import urlsplit

_PORTS = {"http": 80, "https": 443}
# Signs of RFC 3986 that a base may have; no "%", "\\", "@", "?" or "#": readers have differed on each of them.
_NUMBER = re.compile(r"(?:.*\.)?(?:[0-9]+|0[xX][0-9A-Fa-f]*)\.?")
_BASE = re.compile(r"(?i:https?)://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(:[0-9]{1,5})?(/[A-Za-z0-9._~!$&'()*+,;=:-]+)*/*")


def canonical(url: str) -> str:
    """Scheme and host in lower case, no default port, no slash at the end.

    Raises:
        ValueError: no absolute http(s) address, or credentials, query, fragment, escapes, empty or dotted steps, or
            a number for a host that is no address as it is written.

    >>> canonical("HTTPS://EHR.Example:443/fhir/")
    'https://ehr.example/fhir'
    """
    if len(url) > 2000 or _BASE.fullmatch(url) is None:
        raise ValueError("an absolute http(s) address of plain signs, without credentials, query and fragment")
    parts = urlsplit(url)
    path = parts.path.rstrip("/")
    if any(step in {".", ".."} for step in path.split("/")):
        raise ValueError("an address without dotted steps")
    scheme, host = parts.scheme.lower(), (parts.hostname or "").lower().rstrip(".")
    if ":" in host or _NUMBER.fullmatch(host):
        ip_address(host)  # "127.1", "2130706433" and "0x7f.1" are addresses to some resolvers, and to us none
    name = f"[{host}]" if ":" in host else host
    port = "" if parts.port in (None, _PORTS[scheme]) else f":{parts.port}"
    return f"{scheme}://{name}{port}{path}"


def same(url: object, base: str) -> bool:
    """Whether what a client sent is this address; ``base`` is canonical already."""
    try:
        return isinstance(url, str) and canonical(url) == base
    except ValueError:
        return False
