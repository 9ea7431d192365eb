"""A FHIRPath tree -> DuckDB SQL, typed by what FHIR R4 says of each element."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ....engine.errors import BadValue, Unsupported
from ....engine.guideline.columns import text
from .elements import NUMBERS, TIMES, WORDS, Element, choices, elements
from .fhirpath import CURE, Call, Constant, Index, Literal, Member, Node, Operation, This, parse
from .functions import FUNCTIONS, one
from .values import Names, Value, mapped, member_sql, sql_type

LOGIC = {"and": "AND", "or": "OR"}
ORDER = {"<", "<=", ">", ">="}


@dataclass(frozen=True)
class Scope:
    """Where a path is read: the focus, the resource, the constants, and the row's index in its ``forEach``."""

    where: str  # for errors: the view and the column
    focus: Value
    resource: Value
    constants: Mapping[str, Literal]
    row_index: str = "0"
    repeats: bool = False  # within a ``repeat``
    names: Names = field(default_factory=Names)

    def at(self, focus: Value, row_index: str | None = None) -> Scope:
        """The same with another focus."""
        return replace(self, focus=focus, row_index=self.row_index if row_index is None else row_index)


def compiled(path: str, scope: Scope) -> Value:
    """The SQL of a path.

    Raises:
        NotReadable: it is no FHIRPath. Unsupported: no view may use it. BadValue: there is no such element,
            constant or type.
    """
    return value_of(parse(path, scope.where), scope)


def value_of(node: Node, scope: Scope) -> Value:
    """The SQL of a tree. Errors as for ``compiled``."""
    match node:
        case Literal() | This() | Constant():
            return _leaf(node, scope)
        case Member():
            return _member(value_of(node.base, scope) if node.base else scope.focus, node.name, scope)
        case Index():
            base, at = value_of(node.base, scope), one(value_of(node.index, scope), scope)
            return replace(base, sql=f"({base.listed()})[{at.sql} + 1]", many=False)
        case Operation():
            return _operation(node, scope)
        case Call():
            base = value_of(node.base, scope) if node.base else scope.focus
            return _call(base, node, scope)


def _leaf(node: Literal | This | Constant, scope: Scope) -> Value:
    if isinstance(node, This):
        return scope.focus
    return literal(node) if isinstance(node, Literal) else _constant(node, scope)


def literal(found: Literal) -> Value:
    """A value as it stands in the path."""
    if isinstance(found.value, bool):
        return Value(str(found.value).upper(), "boolean")
    if found.kind in NUMBERS:
        return Value(f"CAST({text(found.value)} AS {sql_type(found.kind)})", found.kind)
    return Value(text(found.value), found.kind)


def _constant(node: Constant, scope: Scope) -> Value:
    if node.name == "rowIndex":
        if not scope.row_index:
            raise Unsupported(scope.where, "path", "%rowIndex within repeat", "%rowIndex of forEach", CURE)
        return Value(f"({scope.row_index})", "integer")
    if node.name in ("resource", "context"):
        return scope.resource
    if node.name not in scope.constants:
        allowed = ", ".join(f"%{n}" for n in (*scope.constants, "rowIndex", "resource", "context"))
        raise BadValue(scope.where, "path", f"%{node.name}", allowed, "Declare it under `constant`.")
    return literal(scope.constants[node.name])


def _member(base: Value, name: str, scope: Scope) -> Value:
    if base.stem:
        cure = "Choose the type: value.ofType(Quantity)."
        raise BadValue(scope.where, "path", f".{name} of {base.stem}, which may be of several types", "ofType()", cure)
    found = elements(base.kind).get(name)
    stems = choices(base.kind)
    if name in stems:
        return replace(base, stem=name)
    if found is None or found.name in {e.name for kinds in stems.values() for e in kinds.values()}:
        listed = ", ".join(sorted([*_unchosen(base.kind), *stems])) or "no members"
        raise BadValue(scope.where, "path", f"{base.kind}.{name}", listed, "Name an element of FHIR R4.")
    return into(base, found, scope)


def _unchosen(kind: str) -> list[str]:
    chosen = {e.name for kinds in choices(kind).values() for e in kinds.values()}
    return [name for name in elements(kind) if name not in chosen]


def into(base: Value, element: Element, scope: Scope) -> Value:
    """An element of a value."""

    def inner(one_: Value) -> Value:
        shape = one_.shape.member(element.name, element.kind, many=element.many) if one_.shape else None
        return Value(member_sql(one_.sql, element.name), element.kind, element.many, shape)

    return mapped(base, scope.names, inner)


def _operation(node: Operation, scope: Scope) -> Value:
    left, right = value_of(node.left, scope), value_of(node.right, scope)
    sign = node.sign
    if sign in ("and", "or", "xor", "implies"):
        return _logic(sign, _boolean(left, scope), _boolean(right, scope))
    if sign in ("=", "!="):
        return _equal(sign, left, right, scope)
    left, right = one(left, scope), one(right, scope)
    _alike(left, right, scope, sign)
    if sign in ORDER:
        return Value(f"({left.sql} {sign} {right.sql})", "boolean")
    return _sum(sign, left, right, scope)


def _sum(sign: str, left: Value, right: Value, scope: Scope) -> Value:
    if sign == "&":
        return Value(f"(coalesce({left.sql}, '') || coalesce({right.sql}, ''))", "string")
    if sign == "+" and left.kind in WORDS:
        return Value(f"({left.sql} || {right.sql})", "string")
    if left.kind not in NUMBERS:
        raise BadValue(scope.where, "path", f"{sign} of {left.kind}", "numbers", CURE)
    if sign == "/":
        return Value(f"({left.sql} / nullif({right.sql}, 0))", "decimal")
    kind = "decimal" if "decimal" in (left.kind, right.kind) else "integer"
    return Value(f"({left.sql} {sign} {right.sql})", kind)


def _logic(sign: str, left: Value, right: Value) -> Value:
    sql = {
        "xor": f"({left.sql} <> {right.sql})",
        "implies": f"(NOT {left.sql} OR {right.sql})",
    }.get(sign, f"({left.sql} {LOGIC.get(sign)} {right.sql})")
    return Value(sql, "boolean")


def _boolean(found: Value, scope: Scope) -> Value:
    if found.kind != "boolean" or found.stem:
        cure = "Compare it, or ask exists()."
        raise BadValue(scope.where, "path", f"a {found.kind} where a condition is", "boolean", cure)
    return one(found, scope)


def condition(path: str, scope: Scope) -> str:
    """The SQL of a path that must be a condition; errors as for ``compiled``."""
    return _boolean(compiled(path, scope), scope).sql


def _equal(sign: str, left: Value, right: Value, scope: Scope) -> Value:
    """Empty where either is empty; several are never equal to one."""
    _alike(left, right, scope, sign)
    if left.many or right.many:
        a, b = left.listed(), right.listed()
        sql = f"CASE WHEN len({a}) = 0 OR len({b}) = 0 THEN NULL ELSE {a} = {b} END"
    else:
        sql = f"({left.sql} = {right.sql})"
    return Value(sql if sign == "=" else f"(NOT {sql})", "boolean")


def _alike(left: Value, right: Value, scope: Scope, sign: str) -> None:
    """Raises: BadValue: the two are of kinds that cannot be compared."""
    for kinds in (NUMBERS, WORDS, TIMES, WORDS | TIMES, frozenset({"boolean"})):
        if left.kind in kinds and right.kind in kinds and not left.stem and not right.stem:
            return
    found = f"{left.stem or left.kind} {sign} {right.stem or right.kind}"
    raise BadValue(scope.where, "path", found, "two numbers, two texts, two dates, or two booleans", CURE)


def _call(base: Value, node: Call, scope: Scope) -> Value:
    function = FUNCTIONS.get(node.name)
    if function is None:
        raise Unsupported(scope.where, "path", f"the function {node.name}()", ", ".join(sorted(FUNCTIONS)), CURE)
    if len(node.args) not in function.arguments:
        found = f"{node.name}() with {len(node.args)} arguments"
        raise BadValue(scope.where, "path", found, " or ".join(map(str, function.arguments)), CURE)
    return function.made(base, node.args, scope, value_of)
