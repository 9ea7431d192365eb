"""``lowBoundary()`` and ``highBoundary()``: the least and the greatest value that an imprecise one may stand for.

hl7.org/fhirpath, "Precision and boundaries". A decimal is read as the nearest double, so that trailing zeros
count as one digit after the point: 1.0 and 1.00 are both 1.0.
"""

from __future__ import annotations


def low(sql: str, kind: str) -> str | None:
    """The least value; None for a type without boundaries."""
    return _boundary(sql, kind, "-")


def high(sql: str, kind: str) -> str | None:
    """The greatest value; None for a type without boundaries."""
    return _boundary(sql, kind, "+")


def _boundary(sql: str, kind: str, side: str) -> str | None:
    least = side == "-"
    match kind:
        case "decimal":
            digits = f"CAST(len(split_part(CAST({sql} AS VARCHAR), '.', 2)) AS INTEGER)"
            return f"CAST(round({sql} {side} 0.5 * pow(10, -{digits}), {digits} + 1) AS DOUBLE)"
        case "date":
            return _date(sql, least=least)
        case "dateTime" | "instant":
            return _date_time(sql, least=least)
        case "time":
            full = "'00:00:00.000'" if least else "'23:59:59.999'"
            return f"({sql} || substr({full}, length({sql}) + 1))"
    return None


def _date(sql: str, *, least: bool) -> str:
    first = f"({sql} || substr('0000-01-01', length({sql}) + 1))"
    if least:
        return first
    last = f"strftime(last_day(try_cast({first} AS DATE)), '%Y-%m-%d')"
    return f"CASE length({sql}) WHEN 4 THEN {sql} || '-12-31' WHEN 7 THEN {last} ELSE {sql} END"


def _date_time(sql: str, *, least: bool) -> str:
    """The zone that is not stated may be any: the day begins first at +14:00 and ends last at -12:00."""
    day, zone = _date(f"split_part({sql}, 'T', 1)", least=least), "+14:00" if least else "-12:00"
    full = "00:00:00.000" if least else "23:59:59.999"
    clock = f"regexp_extract({sql}, 'T([0-9:.]+)', 1)"
    stated = f"regexp_extract({sql}, 'T[0-9:.]+(Z|[+-][0-9:]+)$', 1)"
    filled = f"{clock} || substr('{full}', length({clock}) + 1)"
    return f"({day} || 'T' || {filled} || CASE WHEN {stated} = '' THEN '{zone}' ELSE {stated} END)"
