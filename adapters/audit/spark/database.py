"""Spark behind the face of a database: it takes the audit's statements one after the other.

Spark has views and files, and no tables that change. So a table is Parquet in a scratch folder and a view on
it; an INSERT is one more file; an UPDATE or DELETE is the table written anew. What the audit writes for good
is put in order and written by DuckDB, so that its files are alike whichever of the two has computed them.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlglot import exp

from ....engine.guideline.columns import quoted, text
from .errors import SparkFailed
from .words import parsed, spark_words, view_name

NUMBERED = ("people", "mine")  # of these the rows are told apart by ``rowid``


class Found:
    """The rows of a query, as a cursor of DuckDB gives them."""

    def __init__(self, frame: Any) -> None:
        self._frame = frame

    @property
    def description(self) -> list[tuple[str]]:
        """The names of the columns."""
        return [(name,) for name in self._frame.columns]

    def fetchall(self) -> list[tuple[Any, ...]]:
        """All rows."""
        with told():
            return [tuple(row) for row in self._frame.collect()]

    def fetchone(self) -> tuple[Any, ...] | None:
        """The first row."""
        with told():
            return next((tuple(row) for row in self._frame.take(1)), None)


class Database:
    """What the audit calls: ``execute``.

    ``local``: the DuckDB that writes files; ``files``: the view of each table's files, by the path of the first;
    ``lists``: columns that hold lists; ``scratch``: a folder that all workers see.
    """

    def __init__(
        self, spark: Any, local: Any, files: Mapping[str, str], lists: Collection[str], scratch: Path
    ) -> None:  # fmt: skip
        self.spark, self.local, self.files, self.lists, self.scratch = spark, local, files, lists, scratch
        self._parts: dict[str, list[str]] = {}
        self._written = 0
        self._bytes: set[str] = set()

    def execute(self, statement: str) -> Found:
        """Run one statement in the words of DuckDB.

        Raises:
            SparkFailed: Spark cannot run it; the error names the kind and quotes no value.
        """
        long = len(statement) > LONG
        tree = _parsed(statement) if long else parsed(statement)
        with told():
            for setting in DEAR:
                self.spark.conf.set(setting, str(not long).lower())
            found: Found = KINDS[type(tree)](self, tree)
        return found

    def _words(self, tree: Any) -> str:
        return spark_words(tree, self.files, self.lists)

    def _query(self, tree: Any) -> Found:
        return Found(self.spark.sql(self._words(tree)))

    def _create(self, tree: Any) -> Found:
        """A view, a table from a query, or an empty table."""
        if isinstance(tree.this, exp.Schema):
            name = view_name(tree.this.this.name)
            self._empty(name, tree.this.expressions)
            return Found(None)
        name = view_name(tree.this.name)
        frame = self.spark.sql(self._words(tree.expression))
        self._bytes |= _bytes(tree.expression.selects)
        if tree.kind == "TABLE" and (name in NUMBERED or tree.expression.find(exp.Table)):
            self._replace(name, frame)
        else:  # a view, or a table of constants: as small as its words
            frame.createOrReplaceTempView(name)
        return Found(None)

    def _empty(self, name: str, columns: list[Any]) -> None:
        nothing = ", ".join(f"CAST(NULL AS {c.args['kind'].sql()}) AS {quoted(c.name)}" for c in columns)
        frame = self.spark.sql(self._words(parsed(f"SELECT {nothing} WHERE FALSE")))
        self._parts[name] = []
        frame.createOrReplaceTempView(name)

    def _insert(self, tree: Any) -> Found:
        """One more part; the query is written as it is first, for each further step would plan it once more."""
        name = view_name(tree.this.name)
        path = self._path("added")
        self.spark.sql(self._words(tree.expression)).write.parquet(path)
        self._keep(name, self._shaped(name, self.spark.read.parquet(plain(path))), self._parts.get(name, []))
        shutil.rmtree(path)
        return Found(None)

    def _path(self, name: str) -> str:
        self._written += 1
        return str(self.scratch / f"{name}-{self._written}")

    def _update(self, tree: Any) -> Found:
        """The table anew: each row with what is set, where it meets the condition with a row of the source."""
        name, condition = tree.this.name, tree.args["where"].this.sql("duckdb")
        given = {e.this.name: e.expression.sql("duckdb") for e in tree.expressions}
        meets, source = f"COALESCE({condition}, FALSE)", quoted(name)
        if "from_" in tree.args:
            other = tree.args["from_"].this
            met = f"(SELECT *, TRUE AS met FROM {other.sql('duckdb')}) AS {quoted(other.alias)}"  # noqa: S608
            meets, source = "met IS NOT NULL", f"{source} LEFT JOIN {met} ON {condition}"
        held = {c: f"{quoted(name)}.{quoted(c)}" for c in self.spark.table(view_name(name)).columns}
        each = {
            c: f"CASE WHEN {meets} THEN {given[c]} ELSE {was} END" if c in given else was for c, was in held.items()
        }
        listed = ", ".join(f"{expression} AS {quoted(c)}" for c, expression in each.items())
        return self._anew(name, f"SELECT {listed} FROM {source}")  # noqa: S608

    def _delete(self, tree: Any) -> Found:
        name, condition = tree.this.name, tree.args["where"].this.sql("duckdb")
        return self._anew(name, f"SELECT * FROM {quoted(name)} WHERE NOT COALESCE({condition}, FALSE)")  # noqa: S608

    def _anew(self, name: str, query: str) -> Found:
        self._replace(view_name(name), self._shaped(view_name(name), self.spark.sql(self._words(parsed(query)))))
        return Found(None)

    def _replace(self, name: str, frame: Any) -> None:
        """Write a table anew; its former parts may be read for it, and go when it is written."""
        former = self._parts.get(name, [])
        self._keep(name, frame)
        for path in former:
            shutil.rmtree(path)

    def _shaped(self, name: str, frame: Any) -> Any:
        """Rows in the types of a table, column by column in order."""
        fields = self.spark.table(name).schema.fields
        if len(fields) != len(frame.columns):
            raise ValueError(f"{len(frame.columns)} columns for the {len(fields)} of {name}")
        return frame.toDF(*(f.name for f in fields)).selectExpr(
            *(f"CAST(`{f.name}` AS {f.dataType.simpleString()}) AS `{f.name}`" for f in fields)
        )

    def _keep(self, name: str, frame: Any, beside: Sequence[str] = ()) -> None:
        """Write rows as a part of a table, and let its view read it and those ``beside`` it."""
        if name in NUMBERED:
            frame = frame.selectExpr("*", "MONOTONICALLY_INCREASING_ID() AS rowid")
        path = self._path(name)
        frame.write.parquet(path)
        self._parts[name] = [*beside, path]
        self.spark.read.schema(frame.schema).parquet(*map(plain, self._parts[name])).createOrReplaceTempView(name)

    def _copy(self, tree: Any) -> Found:
        """A file for good: computed here, put in order and written by DuckDB."""
        query = tree.this.this if isinstance(tree.this, exp.Subquery) else tree.this
        order = query.args.get("order")
        unordered = query.copy()
        unordered.set("order", None)
        path = self._path("copied")
        frame = self.spark.sql(self._words(unordered))
        frame.write.parquet(path)
        kinds = self._bytes | _bytes(query.find_all(exp.Alias))
        listed = ", ".join(f"CAST({quoted(c)} AS UTINYINT) AS {quoted(c)}" if c in kinds else quoted(c)
                           for c in frame.columns)  # fmt: skip
        files = ", ".join(text(str(file)) for file in sorted(Path(path).glob("*.parquet")))
        source = f"read_parquet([{files}])"  # by their names, for brackets in a pattern are one
        to, *_ = tree.args["files"]
        self.local.execute(
            f"COPY (SELECT {listed} FROM {source} {order.sql('duckdb') if order else ''}) "  # noqa: S608
            f"TO {to.sql('duckdb')} (FORMAT parquet, COMPRESSION zstd)"
        )
        shutil.rmtree(path)
        return Found(None)


def _bytes(columns: Iterable[Any]) -> set[str]:
    """The names of columns that are made bytes: Spark has no unsigned type, so it is lost on the way."""
    casts = (c for c in columns if isinstance(c, exp.Alias) and isinstance(c.this, exp.Cast))
    return {c.alias for c in casts if c.this.to.this == exp.DataType.Type.UTINYINT}


def plain(path: str) -> str:
    """A path that Spark reads as it stands: it takes brackets, braces and stars in one for a pattern."""
    return re.sub(r"([\\{}\[\]*?])", r"\\\1", path)


LONG = 10_000  # characters: a guideline's SELECT, the same in every bucket
# what costs a long SELECT more than it saves: planning it anew after each of its joins, Java that is compiled for
# the whole of it, and conditions that follow from its CASEs
DEAR = ("spark.sql.adaptive.enabled", "spark.sql.codegen.wholeStage", "spark.sql.constraintPropagation.enabled")
_parsed = lru_cache(maxsize=64)(parsed)
KINDS: Mapping[type, Any] = {
    exp.Select: Database._query,
    exp.Create: Database._create,
    exp.Insert: Database._insert,
    exp.Update: Database._update,
    exp.Delete: Database._delete,
    exp.Copy: Database._copy,
}


@contextmanager
def told() -> Iterator[None]:
    """Say what Spark refuses without what it quotes: its errors hold values of patients.

    Raises:
        SparkFailed: it refused.
    """
    from py4j.protocol import Py4JError  # type: ignore[import-not-found, import-untyped, unused-ignore]
    from pyspark.errors import PySparkException

    try:
        yield
    except (PySparkException, Py4JError) as error:
        kind = getattr(error, "getCondition", lambda: None)() or type(error).__name__
        cure = "Check the tables' types, the memory and the cluster; or audit with DuckDB."
        raise SparkFailed("Spark", "", kind, "tables that it can read, and a cluster that works", cure) from None
