"""What a token may read, by its scopes (SMART App Launch 1 and 2)."""

from __future__ import annotations

import re

_SCOPE = re.compile(r"(?:patient|user|system)/(?P<type>[A-Za-z]+|\*)\.(?P<may>read|write|\*|c?r?u?d?s?)(?:\?\S*)?")
_VERSION_1 = {"read": "rs", "write": "cud", "*": "cruds"}


def allows(scope: str, kind: str, *, search: bool) -> bool:
    """Whether the scopes let resources of this type be read, or searched for.

    What a scope narrows further (``?category=...``) the server narrows; the answer is then what it lets us see.

    >>> allows("launch patient/Observation.rs", "Observation", search=True)
    True
    >>> allows("patient/*.r", "Observation", search=True)
    False
    """
    found = (match for match in map(_SCOPE.fullmatch, scope.split()) if match)
    asked = "s" if search else "r"
    return any(f["type"] in (kind, "*") and asked in _VERSION_1.get(f["may"], f["may"]) for f in found)
