"""A session of Spark: on this machine or at a master, started within a bounded time or refused."""

from __future__ import annotations

import os
import re
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer
from typing import Any

from ....engine.errors import BadValue, MissingExtra
from .errors import SparkUnavailable

OPTION, WORDS = "--engine", "duckdb, local, local[2], local[*] or spark://host:port"
ENGINE = re.compile(r"local(\[(\*|[1-9]\d*)\])?|spark://(?P<hosts>[\w.-]+:\d{1,5}(,[\w.-]+:\d{1,5})*)")
REACHED_S = 10  # a master that is there answers at once
STARTED_S = 120  # the first task: a cluster that has no worker for us would let it wait for ever
SETTINGS = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.log.level": "OFF",  # its errors quote values; what goes wrong is said by ``database.py``
    "spark.sql.ansi.enabled": "true",  # what does not fit into its type is an error, as in DuckDB
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.caseSensitive": "false",
    "spark.sql.parquet.mergeSchema": "true",  # columns that some files of a table lack are NULL there
    "spark.sql.maxPlanStringLength": "1000",  # a guideline's plan is longer than anybody reads
}
HERE = {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}


def checked(engine: str) -> str:
    """The name of an engine.

    Raises:
        BadValue: it is none.
    """
    if engine != "duckdb" and not ENGINE.fullmatch(engine):
        raise BadValue("command line", OPTION, repr(engine), WORDS, "Use one of these.")
    return engine


def ready(engine: str) -> None:
    """Look whether all is there that a session needs, which takes seconds at most.

    Raises:
        BadValue: no such engine. MissingExtra: the extra ``spark`` is absent. SparkUnavailable: no Java, no master.
    """
    checked(engine)
    try:
        import pyspark  # noqa: F401  whether it is there
    except ImportError as error:
        cure = "Install it: pip install 'radlogic[spark]'"
        raise MissingExtra("audit", "pyspark", "no such package", "the extra `spark`", cure) from error
    _java()
    _reached(engine)


@contextmanager
def session(engine: str, memory: str, threads: int, scratch: Path) -> Iterator[Any]:
    """A session of its own, stopped at the end. ``memory``: of the driver, as ``2GB``.

    Raises:
        MissingExtra: the extra ``spark`` is absent. SparkUnavailable: no Java, no master, or nobody to work for it.
    """
    ready(engine)
    from pyspark.sql import SparkSession

    here = engine.startswith("local")
    own = {"spark.driver.memory": _size(memory), "spark.local.dir": str(scratch),
           "spark.sql.warehouse.dir": str(scratch / "warehouse")}  # fmt: skip
    own |= {**HERE, "spark.sql.shuffle.partitions": str(2 * threads)} if here else {}
    builder = SparkSession.builder.master(engine).appName("radlogic audit")
    for name, value in {**SETTINGS, **own}.items():
        builder = builder.config(name, value)
    try:
        found = builder.getOrCreate()
    except Exception as error:  # pyspark raises whatever its gateway says
        raise _refused(engine, "a Spark that does not start") from error
    try:
        _works(found, engine)
        yield found
    finally:
        found.stop()


def _size(memory: str) -> str:
    """``2GB`` as the Java machine writes it; it needs half a gigabyte at least."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([MGTmgt])i?[Bb]?\s*", memory)
    if found is None:
        raise BadValue("command line", "--memory", repr(memory), "a size such as 2GB", "Correct it.")
    scale = {"m": 1, "g": 1024, "t": 1024**2}[found[2].lower()]
    return f"{max(512, int(float(found[1]) * scale))}m"


def _java() -> None:
    home = os.environ.get("JAVA_HOME")
    if not (shutil.which(str(Path(home, "bin", "java"))) if home else shutil.which("java")):
        found = "a JAVA_HOME without bin/java" if home else "no java on the path"
        raise SparkUnavailable("command line", OPTION, found, "Java 17 or later", "Install a Java, or set JAVA_HOME.")


def _reached(engine: str) -> None:
    """Knock at the masters before Spark does, who goes on trying for long."""
    match = ENGINE.fullmatch(engine)
    hosts = match["hosts"].split(",") if match and match["hosts"] else []
    for host, port in (address.rsplit(":", 1) for address in hosts):
        try:
            with socket.create_connection((host, int(port)), REACHED_S):
                return
        except (OSError, OverflowError):
            continue
    if hosts:
        raise _refused(engine, f"a master that does not answer within {REACHED_S} s")


def _works(found: Any, engine: str) -> None:
    """Run one task, for as long as a cluster may take to give us somebody to run it."""
    waited = Timer(STARTED_S, found.sparkContext.cancelAllJobs)
    waited.start()
    try:
        found.range(1).count()
    except Exception as error:
        raise _refused(engine, f"a Spark that runs no task within {STARTED_S} s") from error
    finally:
        waited.cancel()


def _refused(engine: str, found: str) -> SparkUnavailable:
    cure = "Check the address, that it has free workers, and that its Spark and Java fit to pyspark's."
    return SparkUnavailable("command line", f"{OPTION} {engine}", found, "a Spark that takes work", cure)
