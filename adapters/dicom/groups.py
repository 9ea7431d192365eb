"""The measurement groups of a TID 1500 report: what each is about, and the items that are left to read.

TID 1410 (planar), 1411 (volumetric) and 1501 (neither) have the same skeleton (PS3.16 annex A).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NoReturn

from .coded import Code, Codes
from .content import Item, Number, Segment
from .findings_errors import ConflictingTracking, NoTrackingIdentifier, SeveralTimePoints
from .own import Marks, marks_of

Position = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Group:
    """One group. ``identifier`` or ``uid`` may be '', not both; ``said`` are its measurements and evaluations.

    ``marks``: what a group of radlogic's own report says of itself, None in anybody else's.
    """

    number: int
    identifier: str
    uid: str
    finding: Code | None
    sites: tuple[Code, ...]
    location: str
    time_points: tuple[str, ...]
    segment: Segment | None
    position_mm: Position | None
    said: tuple[Item, ...]
    marks: Marks | None = None


@dataclass(frozen=True, slots=True)
class Lesion:
    """The groups about one lesion, and the name under which it goes in this report."""

    tracking_id: str
    groups: tuple[Group, ...]


def group_of(item: Item, number: int, codes: Codes, where: str) -> Group:
    """What one group's container holds.

    Raises:
        NoTrackingIdentifier: neither identifier nor UID.
        ConflictingTracking: two different ones.
    """
    by_role: dict[str | None, list[Item]] = {}
    for below in item.below:
        by_role.setdefault(codes.role(below.name), []).append(below)
    findings = [below for below in by_role.get("finding", []) if isinstance(below.value, Code)]
    sites = [below for below in by_role.get("finding_site", []) if isinstance(below.value, Code)]
    identifier = _only(by_role.get("tracking_identifier", []), "tracking identifiers", number, where)
    uid = _only(by_role.get("tracking_uid", []), "tracking UIDs", number, where)
    marks = marks_of(item.below)
    if not identifier and not uid:
        raise NoTrackingIdentifier(
            where,
            f"measurement group {number}",
            "neither a Tracking Identifier (112039, DCM) nor its UID",
            "one of them",
            "Let the sender name the lesion, so that it can be followed.",
        )
    return Group(
        number=number,
        identifier=identifier,
        uid=uid,
        finding=next((one.value for one in findings if isinstance(one.value, Code)), None),
        sites=tuple(site.value for site in sites if isinstance(site.value, Code)),
        location=marks.location if marks else "; ".join(_in_words(site) for site in sites),
        time_points=tuple(sorted(_time_point(point) for point in by_role.get("time_point", []))),
        segment=next((below.value for below in item.below if isinstance(below.value, Segment)), None),
        position_mm=_position(item),
        said=(*findings[1:], *by_role.get(None, [])),  # a second finding is read like an answer
        marks=marks,
    )


def _only(items: Sequence[Item], what: str, number: int, where: str) -> str:
    found = {str(item.value).strip() for item in items if item.value}
    if len(found) > 1:
        raise ConflictingTracking(
            where, f"measurement group {number}", f"{len(found)} different {what}", "one", "Split the group."
        )
    return found.pop() if found else ""


def _in_words(site: Item) -> str:
    modifiers = (below.value.meaning for below in site.below if isinstance(below.value, Code))
    return ", ".join(word for word in (site.value.meaning if isinstance(site.value, Code) else "", *modifiers) if word)


def _time_point(item: Item) -> str:
    value = item.value.text if isinstance(item.value, Number) else item.value
    return f"{item.name}: {value}"


def _position(item: Item) -> Position | None:
    """The mean of the first points given in patient coordinates, in the group or below its items."""
    for below in _walk(item.below):
        if below.kind == "SCOORD3D" and isinstance(below.value, tuple) and below.value:
            x, y, z = (sum(axis) / len(below.value) for axis in zip(*below.value, strict=True))
            return x, y, z
    return None


def _walk(items: Iterable[Item]) -> Iterator[Item]:
    for item in items:
        yield item
        yield from _walk(item.below)


def lesions_of(groups: Sequence[Group], where: str) -> tuple[Lesion, ...]:
    """The groups, put together by what they are about: the tracking UID, or the identifier where there is none.

    Raises:
        ConflictingTracking: a UID goes with two identifiers, or an identifier comes with and without UID.
        SeveralTimePoints: groups say that they are of different times.
    """
    if len({group.time_points for group in groups if group.time_points}) > 1:
        raise SeveralTimePoints(
            where,
            "Time Point",
            "measurement groups of different time points",
            "those of one exam",
            "Send one report for each exam.",
        )
    _check_names(groups, where)
    together: dict[tuple[str, str], list[Group]] = {}
    for group in groups:
        together.setdefault(("uid", group.uid) if group.uid else ("identifier", group.identifier), []).append(group)
    names = [next((g.identifier for g in same if g.identifier), same[0].uid) for same in together.values()]
    times = Counter(names)
    return tuple(
        Lesion(name if times[name] == 1 else f"{name} [{same[0].uid}]", tuple(same))
        for name, same in zip(names, together.values(), strict=True)
    )


def _check_names(groups: Sequence[Group], where: str) -> None:
    of_uid: dict[str, Group] = {}
    of_name: dict[str, Group] = {}
    for group in groups:
        if not group.identifier:
            continue
        first = of_uid.setdefault(group.uid, group) if group.uid else group
        if first.identifier != group.identifier:
            _conflict(first, group, "one tracking UID with two identifiers", where)
        first = of_name.setdefault(group.identifier, group)
        if bool(first.uid) != bool(group.uid):
            _conflict(first, group, "one identifier with and without a UID", where)


def _conflict(first: Group, second: Group, found: str, where: str) -> NoReturn:
    raise ConflictingTracking(
        where,
        f"measurement groups {first.number} and {second.number}",
        found,
        "one identifier and one UID for one lesion",
        "Correct the identifiers.",
    )
