"""The FHIRPath functions that a view may use, as DuckDB SQL."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ....engine.errors import BadValue
from ....engine.guideline.columns import text
from .boundaries import high, low
from .elements import Element, choices, elements
from .fhirpath import CURE, Member, Node
from .values import Value, mapped, member_sql

if TYPE_CHECKING:
    from .expression import Scope

Read = Callable[[Node, Any], Value]  # value_of
ID = "[A-Za-z0-9.-]{1,64}"  # R4 id


@dataclass(frozen=True, slots=True)
class Function:
    """A function: how many arguments it may have, and what it makes of (base, arguments, scope)."""

    arguments: tuple[int, ...]
    made: Callable[[Value, tuple[Node, ...], Scope, Read], Value]


def one(found: Value, scope: Scope) -> Value:
    """The only element of a value; the query fails where there are several."""
    if not found.many:
        return found
    said = text(f"{scope.where}: several values where one may stand")
    sql = f"CASE WHEN len({found.sql}) > 1 THEN error({said}) ELSE ({found.sql})[1] END"
    return replace(found, sql=sql, many=False)


def _where(base: Value, args: tuple[Node, ...], scope: Scope, read: Read) -> Value:
    if not base.many:
        return replace(base, sql=f"CASE WHEN {_asked(base, args[0], scope, read)} THEN {base.sql} END")
    name = scope.names.new()
    asked = _asked(replace(base, sql=name, many=False), args[0], scope, read)
    return replace(base, sql=f"list_filter({base.sql}, lambda {name}: coalesce({asked}, FALSE))")


def _asked(focus: Value, node: Node, scope: Scope, read: Read) -> str:
    found = read(node, scope.at(focus))
    if found.kind != "boolean" or found.stem:
        raise BadValue(scope.where, "path", f"a {found.kind} where a condition is", "boolean", "Compare it.")
    return one(found, scope).sql


def _exists(base: Value, args: tuple[Node, ...], scope: Scope, read: Read) -> Value:
    if base.stem:
        kinds = choices(base.kind)[base.stem].values()
        asked = [_exists(_chosen(base, e, scope), args, scope, read).sql for e in kinds]
        return Value(f"({' OR '.join(asked)})", "boolean")
    held = _where(base, args, scope, read) if args else base
    return Value(f"(len({held.listed()}) > 0)" if held.many else f"({held.sql} IS NOT NULL)", "boolean")


def _empty(base: Value, args: tuple[Node, ...], scope: Scope, read: Read) -> Value:
    return Value(f"(NOT {_exists(base, args, scope, read).sql})", "boolean")


def _not(base: Value, _: tuple[Node, ...], scope: Scope, __: Read) -> Value:
    if base.kind != "boolean":
        raise BadValue(scope.where, "path", f"not() of {base.kind}", "a boolean", "Compare it.")
    return Value(f"(NOT {one(base, scope).sql})", "boolean")


def _first(base: Value, _: tuple[Node, ...], __: Scope, ___: Read) -> Value:
    return replace(base, sql=f"({base.sql})[1]", many=False) if base.many else base


def _last(base: Value, _: tuple[Node, ...], __: Scope, ___: Read) -> Value:
    return replace(base, sql=f"({base.sql})[-1]", many=False) if base.many else base


def _count(base: Value, _: tuple[Node, ...], __: Scope, ___: Read) -> Value:
    return Value(f"CAST(len({base.listed()}) AS BIGINT)", "integer")


def _join(base: Value, args: tuple[Node, ...], scope: Scope, read: Read) -> Value:
    between = one(read(args[0], scope), scope).sql if args else "''"
    if not base.primitive:
        raise BadValue(scope.where, "path", f"join() of {base.kind}", "texts", CURE)
    held = base.listed()
    return Value(f"CASE WHEN len({held}) > 0 THEN array_to_string({held}, {between}) END", "string")


def _of_type(base: Value, args: tuple[Node, ...], scope: Scope, _: Read) -> Value:
    named = args[0]
    kind = named.name if isinstance(named, Member) else ""
    if not base.stem:
        return base if kind == base.kind else replace(base, sql="NULL", many=False, kind=kind, shape=None)
    found = choices(base.kind)[base.stem]
    if kind not in found:
        allowed = ", ".join(sorted(found))
        raise BadValue(scope.where, "path", f"{base.stem}.ofType({kind})", allowed, "Name a type that it may have.")
    return _chosen(base, found[kind], scope)


def _chosen(base: Value, element: Element, scope: Scope) -> Value:
    """The element that a choice is where it is of a type."""

    def inner(held: Value) -> Value:
        shape = held.shape.member(element.name, element.kind, many=False) if held.shape else None
        return Value(member_sql(held.sql, element.name), element.kind, False, shape)

    return mapped(replace(base, stem=""), scope.names, inner)


def _extension(base: Value, args: tuple[Node, ...], scope: Scope, read: Read) -> Value:
    from .expression import into

    if "extension" not in elements(base.kind):
        raise BadValue(scope.where, "path", f"extension() of {base.kind}", "a complex element or a resource", CURE)
    url = one(read(args[0], scope), scope).sql
    held = into(base, elements(base.kind)["extension"], scope)
    url_shape = elements("Extension")["url"]
    name = scope.names.new()
    inner = into(replace(held, sql=name, many=False), url_shape, scope)
    return replace(held, sql=f"list_filter({held.sql}, lambda {name}: {inner.sql} = {url})")


def _resource_key(base: Value, _: tuple[Node, ...], scope: Scope, __: Read) -> Value:
    from .expression import into

    if base.kind != scope.resource.kind:
        raise BadValue(scope.where, "path", f"getResourceKey() of {base.kind}", "the resource", CURE)
    return replace(into(base, elements(base.kind)["id"], scope), kind="string")


def _reference_key(base: Value, args: tuple[Node, ...], scope: Scope, _: Read) -> Value:
    """The id that a reference names: the same as the other's ``getResourceKey()``.

    A version is left out. Contained resources and ``urn:`` have no key.
    """
    from .expression import into

    if base.kind != "Reference":
        raise BadValue(scope.where, "path", f"getReferenceKey() of {base.kind}", "a Reference", CURE)
    kind = args[0].name if args and isinstance(args[0], Member) else "[A-Z][A-Za-z]+"
    held = into(base, elements("Reference")["reference"], scope)
    return mapped(held, scope.names, lambda r: Value(key_sql(r.sql, kind), "string"))


def key_sql(reference: str, kind: str) -> str:
    """The id in a reference to resources of a type, NULL where it is to something else."""
    pattern = text(f"(?:^|/){kind}/({ID})(?:/_history/{ID})?$")
    found = f"nullif(regexp_extract({reference}, {pattern}, 1), '')"
    if not kind.isalpha():
        return found
    rest = f"substr({reference}, {len(kind) + 2})"  # the plain case, without a regular expression
    return (
        f"CASE WHEN starts_with({reference}, {text(kind + '/')}) AND NOT contains({rest}, '/') THEN "
        f"{rest} ELSE {found} END"
    )


def _boundary(side: Callable[[str, str], str | None]) -> Callable[..., Value]:
    def made(base: Value, _: tuple[Node, ...], scope: Scope, __: Read) -> Value:
        held = one(base, scope)
        sql = side(held.sql, held.kind)
        if sql is None or held.stem:
            raise BadValue(scope.where, "path", f"a boundary of {held.kind}", "decimal, date, dateTime, time", CURE)
        return Value(sql, held.kind)

    return made


FUNCTIONS = {
    "where": Function((1,), _where),
    "exists": Function((0, 1), _exists),
    "empty": Function((0,), _empty),
    "not": Function((0,), _not),
    "first": Function((0,), _first),
    "last": Function((0,), _last),
    "count": Function((0,), _count),
    "join": Function((0, 1), _join),
    "ofType": Function((1,), _of_type),
    "extension": Function((1,), _extension),
    "getResourceKey": Function((0,), _resource_key),
    "getReferenceKey": Function((0, 1), _reference_key),
    "lowBoundary": Function((0,), _boundary(low)),
    "highBoundary": Function((0,), _boundary(high)),
}
