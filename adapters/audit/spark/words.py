"""The audit's statements in the words of Spark.

They are written in DuckDB's, and sqlglot says them in Spark's. The rules below are for what it cannot know:
functions that only one of the two has, and places where both have one name for two things.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

from sqlglot import exp, parse_one

# DuckDB's unsigned types by the type of Spark's that holds what the audit keeps in them; a hash is any 64 bits
KINDS = {
    exp.DataType.Type.UBIGINT: "BIGINT",
    exp.DataType.Type.USMALLINT: "INT",
    exp.DataType.Type.UTINYINT: "SMALLINT",
}
EXACT = "DECIMAL(20, 0)"  # a sum of hashes does not fit into the 64 bits of its parts


def parsed(statement: str) -> Any:
    """A statement as sqlglot's tree."""
    return parse_one(statement, read="duckdb")


def view_name(name: str) -> str:
    """A name as Spark allows one for a view: ``lung-rads@2022 step_0`` is ``lung_rads_2022_step_0``."""
    return re.sub(r"\W", "_", name)


def spark_words(tree: Any, files: Mapping[str, str], lists: Collection[str]) -> str:
    """A query in the words of Spark.

    ``files``: the view of each table's files, by the path of the first; ``lists``: columns that hold lists.
    """
    hashes = {a.alias for a in tree.find_all(exp.Alias) if _calls(a.this, "hash")}

    def said(node: Any) -> Any:
        for kind, rule in RULES.items():
            if isinstance(node, kind):
                node = rule(node)
        if isinstance(node, exp.Table):
            return _table(node, files)
        if _calls(node, "hash"):
            return _hash(node, lists)
        if isinstance(node, exp.Sum) and _hashes(node.this, hashes):
            node.set("this", exp.cast(node.this.copy(), EXACT, dialect="spark"))
        return node

    words: str = tree.copy().transform(said).sql("spark", identify=True)
    return words


def _calls(node: Any, name: str) -> bool:
    return isinstance(node, exp.Anonymous) and node.name.lower() == name


def _hashes(node: Any, named: Collection[str]) -> bool:
    """Whether a sum is one of hashes, which are made on the spot or stand in a column."""
    return _calls(node, "hash") or (isinstance(node, exp.Column) and node.name in named)


def _hash(node: Any, lists: Collection[str]) -> Any:
    """A hash that knows which of its arguments are NULL: ``xxhash64`` leaves out a NULL wherever it stands.

    Within a list it leaves them out too, so that a list of NULL is like an empty one; as JSON they differ.
    """
    told = []
    for part in node.expressions:
        name = part.name if isinstance(part, exp.Column) else ""
        listed = exp.Anonymous(this="to_json", expressions=[part.copy()])
        told += [exp.Anonymous(this="isnull", expressions=[part.copy()]), listed if name in lists else part.copy()]
    node.set("this", "xxhash64")  # the node itself, so that what stands in it is said too
    node.set("expressions", told)
    return node


def _table(node: Any, files: Mapping[str, str]) -> Any:
    """The files of a table by their view; any other relation by the name that its view has."""
    if isinstance(node.this, exp.ReadParquet):
        first = next(node.this.find_all(exp.Literal)).name
        named = exp.to_identifier(files[first])
    else:
        named = exp.to_identifier(view_name(node.name))
    node = node.copy()
    if not node.alias and not isinstance(node.this, exp.ReadParquet) and view_name(node.name) != node.name:
        node.set("alias", exp.TableAlias(this=exp.to_identifier(node.name)))
    node.set("this", named)
    return node


def _function(node: Any) -> Any:
    """Dates: both agree on the last day of a shorter month (a test holds it)."""
    if _calls(node, "to_months"):
        months = exp.cast(node.expressions[0].copy(), "INT", dialect="spark")
        return exp.Anonymous(this="make_ym_interval", expressions=[exp.Literal.number(0), months])
    return node


def _whole(node: Any) -> Any:
    """The quotient of whole numbers is a BIGINT in Spark, and no day can be moved by one."""
    if isinstance(node.parent, exp.Cast):
        return node
    return exp.cast(node.copy(), "INT")


def _kind(node: Any) -> Any:
    return exp.DataType.build(KINDS[node.this], dialect="spark") if node.this in KINDS else node


def _plain(node: Any) -> Any:
    """Spark decides by itself what is kept of a CTE."""
    node.set("materialized", None)
    return node


def _lookup(node: Any) -> Any:
    """Numbers and words that are unnested side by side: Spark explodes one list a SELECT, with its positions."""
    if len(node.expressions) != 2 or not all(part.find(exp.Unnest, exp.Explode) for part in node.expressions):
        return node
    key, word = node.expressions
    split = word.find(exp.Split)
    listed = split.this.sql("spark")
    return parse_one(
        f"SELECT CAST(k AS INT) AS {key.alias}, CAST(w AS INT) AS {word.alias} "  # noqa: S608  a list of numbers
        f"FROM (SELECT POSEXPLODE(SPLIT({listed}, ',')) AS (k, w))",
        read="spark",
    )


RULES: Mapping[type, Callable[[Any], Any]] = {
    exp.Anonymous: _function,
    exp.IntDiv: _whole,
    exp.DataType: _kind,
    exp.CTE: _plain,
    exp.Select: _lookup,
}
