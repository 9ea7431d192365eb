# ruff: noqa: S608  names and words are quoted; nothing of a record is ever SQL
"""The rows of a view as DuckDB SQL: columns, rows for each element, products and unions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import reduce

from ....engine.errors import BadValue, Unsupported
from ....engine.guideline.columns import quoted, text
from .definition import CURE, Column, Select, View
from .elements import PRIMITIVES
from .expression import Scope, compiled, condition
from .functions import one
from .values import Names, Shape, Value, sql_type

# Levels that ``repeat`` follows along one path, and along several. Each level is written out in the SQL, and every
# path doubles it; one within another would multiply them. Resources nested deeper end the query with an error.
ALONE, SEVERAL = 8, 5


@dataclass(frozen=True)
class Many:
    """Rows as a list of STRUCTs: its SQL, and the type of each column.

    Where each row is that of one element, ``elements`` is the SQL of those, and ``columns`` what each column makes of
    the element ``name``: so that a column can be had without the STRUCTs.
    """

    sql: str
    types: Mapping[str, str]
    elements: str = ""
    name: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Rows:
    """Rows: the product of columns that have one value (SQL and type), and of a list of rows, if there is one."""

    single: Mapping[str, tuple[str, str]]
    many: Many | None = None

    @property
    def types(self) -> dict[str, str]:
        """The type of each column."""
        return {name: kind for name, (_, kind) in self.single.items()} | dict(self.many.types if self.many else {})

    def listed(self, names: Names) -> str:
        """The rows as SQL of a list of STRUCTs."""
        if self.many is None:
            return f"[{_packed({n: sql for n, (sql, _) in self.single.items()})}]"
        if not self.single:
            return self.many.sql
        row = names.new()
        columns = {n: sql for n, (sql, _) in self.single.items()} | {n: _of(row, n) for n in self.many.types}
        return f"list_transform({self.many.sql}, lambda {row}: {_packed(columns)})"


@dataclass(frozen=True)
class CompiledView:
    """A view as SQL over a column that holds the resource as a STRUCT of ``shape``."""

    name: str
    resource: str
    shape: Shape
    rows: Rows
    columns: tuple[str, ...]
    conditions: tuple[str, ...]

    @property
    def types(self) -> dict[str, str]:
        """The columns with DuckDB's types."""
        return self.rows.types

    def select(self, source: str, keys: tuple[str, ...] = ()) -> str:
        """The view's rows from a relation with the column ``r``; ``keys`` are further columns to be handed on."""
        listed = [*map(quoted, keys), *(f"{sql} AS {quoted(n)}" for n, (sql, _) in self.rows.single.items())]
        if self.rows.many:
            listed.append(f"unnest({self.rows.many.sql}, max_depth := 2)")
        found = f"SELECT {', '.join(listed)} FROM {source}{self.where()}"
        return f"SELECT {', '.join(map(quoted, (*keys, *self.columns)))} FROM ({found})"

    def where(self) -> str:
        """The conditions as a WHERE."""
        return f" WHERE {' AND '.join(self.conditions)}"


def compile_view(view: View, where: str, shape: Shape | None = None) -> CompiledView:
    """A view as SQL. ``shape``: that of the resource so far, where several views read one scan.

    Raises:
        NotReadable, Unsupported, BadValue: a path cannot be used; the error names the view, the column and the path.
    """
    shape = shape if shape is not None else Shape(view.resource)
    root = Value("r", view.resource, False, shape)
    shape.member("resourceType", "code", many=False)
    scope = Scope(where, root, root, view.constants())
    rows = reduce(lambda a, b: product(a, b, scope.names), (select_rows(s, scope) for s in view.select))
    asked = [condition(w.path, replace(scope, where=f"{where}, where")) for w in view.where]
    is_it = f"struct_extract(r, 'resourceType') = {text(view.resource)}"
    return CompiledView(view.name or view.resource, view.resource, shape, rows, tuple(view.columns()), (is_it, *asked))


def select_rows(select: Select, scope: Scope) -> Rows:
    """The rows of a select."""
    if select.repeat:
        return _repeated(select, scope)
    path = select.forEach or select.forEachOrNull
    if path is None:
        return _within(select, scope)
    found = compiled(path, replace(scope, where=f"{scope.where}, forEach"))
    _no_choice(found, scope)
    listed = found.sql if found.many and not select.forEachOrNull else found.listed()
    rows = _each(listed, replace(found, many=False), select, scope)
    if select.forEachOrNull:
        counted = {c.name for c in select.column if c.path.strip() == "%rowIndex"}  # 0 where there is no element
        empty = {n: f"CAST({0 if n in counted else 'NULL'} AS {kind})" for n, kind in rows.types.items()}
        nulls = _packed(empty)
        return Rows({}, Many(f"CASE WHEN len({found.listed()}) = 0 THEN [{nulls}] ELSE {rows.sql} END", rows.types))
    return Rows({}, rows)


def _each(listed: str, element: Value, select: Select, scope: Scope) -> Many:
    """The rows of a select for each element of a list."""
    name, index = scope.names.new(), scope.names.new()
    inner = _within(select, scope.at(replace(element, sql=name, many=False), f"{index} - 1"))
    if inner.many is None:
        columns = {n: sql for n, (sql, _) in inner.single.items()}
        sql = f"list_transform({listed}, lambda {name}, {index}: {_packed(columns)})"
        return Many(sql, inner.types, listed, name, columns)
    every = f"list_transform({listed}, lambda {name}, {index}: {inner.listed(scope.names)})"
    return Many(f"flatten({every})", inner.types)


def _within(select: Select, scope: Scope) -> Rows:
    """Columns, selects and unions at one focus."""
    parts = [Rows({column.name: _column(column, scope) for column in select.column})]
    parts += [select_rows(inner, scope) for inner in select.select]
    if select.unionAll:
        branches = [select_rows(branch, scope) for branch in select.unionAll]
        listed = [branch.listed(scope.names) for branch in branches]
        parts.append(Rows({}, Many(f"flatten([{', '.join(listed)}])", branches[0].types)))
    return reduce(lambda a, b: product(a, b, scope.names), parts)


def product(left: Rows, right: Rows, names: Names) -> Rows:
    """Each row of one with each row of the other."""
    single = {**left.single, **right.single}
    if left.many is None or right.many is None:
        return Rows(single, left.many or right.many)
    a, b = names.new(), names.new()
    packed = _packed({n: _of(a, n) for n in left.many.types} | {n: _of(b, n) for n in right.many.types})
    inner = f"list_transform({right.many.sql}, lambda {b}: {packed})"
    both = f"flatten(list_transform({left.many.sql}, lambda {a}: {inner}))"
    return Rows(single, Many(both, {**left.many.types, **right.many.types}))


def _column(column: Column, scope: Scope) -> tuple[str, str]:
    """A column's SQL and type."""
    at = replace(scope, where=f"{scope.where}, column {column.name}")
    found = compiled(column.path, at)
    _no_choice(found, at)
    if not found.primitive:
        allowed = "a path to a primitive value"
        raise Unsupported(at.where, "path", f"{column.path!r}, a {found.kind}", allowed, "Name what of it is meant.")
    if column.type and column.type not in PRIMITIVES and not column.type.startswith("http"):
        raise BadValue(at.where, "type", repr(column.type), "a primitive type of FHIR", CURE)
    kind = sql_type(column.type if column.type in PRIMITIVES else found.kind)
    if column.collection:
        return f"CAST({found.listed()} AS {kind}[])", f"{kind}[]"
    held = one(found, at)
    return (held.sql if kind == sql_type(held.kind) else f"CAST({held.sql} AS {kind})"), kind


def _no_choice(found: Value, scope: Scope) -> None:
    if found.stem:
        cure = "Choose the type: value.ofType(Quantity)."
        raise BadValue(scope.where, "path", f"{found.stem}, which may be of several types", "ofType()", cure)


def _repeated(select: Select, scope: Scope) -> Rows:
    """The rows for each element that the paths reach, and after it for those that they reach from it."""
    if scope.repeats:
        raise Unsupported(scope.where, "repeat", "repeat within repeat", "repeat, and forEach within it", CURE)
    levels = ALONE if len(select.repeat) == 1 else SEVERAL
    return Rows({}, _level(scope.focus, select, replace(scope, row_index="", repeats=True), levels))


def _level(level: Value, select: Select, scope: Scope, levels: int) -> Many:
    found = _reached(level, select, scope)
    name = scope.names.new()
    element = replace(found, sql=name, many=False)
    if not levels:
        said = text(f"{scope.where}: repeat reaches deeper than the levels that it follows")
        return Many(f"CASE WHEN len({found.listed()}) > 0 THEN error({said}) ELSE [] END", {})
    own = _within(select, scope.at(element))
    below = _level(element, select, scope, levels - 1)
    both = f"list_concat({own.listed(scope.names)}, {below.sql})"
    return Many(f"flatten(list_transform({found.listed()}, lambda {name}: {both}))", own.types)


def _reached(level: Value, select: Select, scope: Scope) -> Value:
    """What the paths reach from an element; all of one shape, so that they lie in one list.

    A path may begin at an element that only the deeper levels have: from the others it reaches nothing.
    """
    found, refused = [], None
    for path in select.repeat:
        try:
            found.append(compiled(path, replace(scope.at(level), where=f"{scope.where}, repeat")))
        except BadValue as error:
            refused = error
    if not found:
        raise refused or BadValue(scope.where, "repeat", "no path", "a path", CURE)
    for other in found[1:]:
        if other.kind != found[0].kind or found[0].shape is None or other.shape is None:
            raise BadValue(scope.where, "repeat", f"paths to {other.kind} and {found[0].kind}", "one type", CURE)
        other.shape.members = found[0].shape.members
    listed = ", ".join(f.listed() for f in found)
    return Value(f"flatten([{listed}])", found[0].kind, True, found[0].shape)


def _packed(columns: Mapping[str, str]) -> str:
    return f"struct_pack({', '.join(f'{quoted(n)} := {sql}' for n, sql in columns.items())})" if columns else "NULL"


def _of(row: str, name: str) -> str:
    return f"struct_extract({row}, {text(name)})"
