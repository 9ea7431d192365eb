"""DuckDB in bounded memory. What it refuses is said without what it quotes: values of patients, and paths."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ...engine.errors import BadValue, InputError, MissingExtra, NotReadable
from ...engine.guideline.columns import text

SPILL = ".spill-"


@contextmanager
def duck(memory: str, threads: int, folders: Sequence[Path], beside: Path) -> Iterator[Any]:
    """A database that puts what does not fit into a folder of its own in ``beside``, and takes it away at the end.

    What a killed process left of that there is cleared first: patients' data in nobody's hands. ``memory``: as
    ``2GB``. ``folders``: of the tables that are read; a damaged file is looked for in them.

    Raises:
        MissingExtra: the extra ``audit`` is absent. BadValue: the memory is no size, or too little; or the disk
            does not take what is written. NotReadable: a file or its values cannot be read.
    """
    try:
        import duckdb
    except ImportError as error:
        cure = "Install it: pip install 'radlogic[audit]'"
        raise MissingExtra("audit", "duckdb", "no such package", "the extra `audit`", cure) from error
    with writable():
        for left in beside.glob(f"{SPILL}*"):
            shutil.rmtree(left)
        spill = tempfile.mkdtemp(prefix=SPILL, dir=beside)
    try:
        with duckdb.connect(config={"threads": threads, "temp_directory": spill}) as database:
            try:
                database.execute(f"SET memory_limit = {text(memory)}")
            except duckdb.Error as error:
                raise BadValue("command line", "--memory", repr(memory), "a size such as 2GB", "Correct it.") from error
            database.execute("SET TimeZone = 'UTC'")  # a time with a zone is the same day on every machine
            with _told(memory, folders):
                yield database
    finally:
        shutil.rmtree(spill, ignore_errors=True)


@contextmanager
def writable() -> Iterator[None]:
    """Within the block the folder of ``--out`` is made or written.

    Raises:
        BadValue: it cannot be.
    """
    try:
        yield
    except OSError as error:
        found = error.strerror or "a folder that cannot be written"
        raise BadValue("command line", "--out", found, "a folder that can be written", "Choose another.") from error


@contextmanager
def _told(memory: str, folders: Sequence[Path]) -> Iterator[None]:
    import duckdb

    of_the_data = (duckdb.OperationalError, duckdb.DataError, duckdb.NotSupportedError, duckdb.InvalidInputException)
    try:
        yield
    except duckdb.Error as error:
        if type(error) is not duckdb.Error and not isinstance(error, of_the_data):
            raise  # a statement of ours is at fault, and no file
        refused = _refused(error, memory, folders)
    else:
        return
    raise refused from None


def _refused(error: Exception, memory: str, folders: Sequence[Path]) -> InputError:
    import duckdb

    if isinstance(error, duckdb.OutOfMemoryException):
        found = f"too little for these tables ({memory})"
        cure = "Give more memory, or more room for temporary files."
        return BadValue("command line", "--memory", found, "what DuckDB needs, such as 2GB", cure)
    broken = _broken(memory, folders)
    kind = type(error).__name__
    if broken is not None:
        found, allowed = f"data that cannot be read ({kind})", "a whole Parquet file"
        return NotReadable(f"{broken.parent.name}/{broken.name}", "", found, allowed, "Write the file again.")
    if isinstance(error, duckdb.IOException):
        cure = "Make room, look at the rights, or choose another folder."
        return BadValue(
            "command line", "--out", f"a disk that refuses ({kind})", "one with room that can be written", cure
        )
    cure = "Look at the types of the columns; docs/audit.md has them."
    return NotReadable(", ".join(f.name for f in folders), "", f"values that DuckDB refuses ({kind})", "tables", cure)


def _broken(memory: str, folders: Sequence[Path]) -> Path | None:
    """The first Parquet file that does not let itself be read to its end."""
    import duckdb

    with duckdb.connect(config={"threads": 1, "memory_limit": memory}) as database:
        for file in sorted(
            {f for folder in folders for depth in ("*", "*/*") for f in folder.glob(f"{depth}.parquet")}
        ):
            try:
                database.execute(f"SELECT bit_xor(hash(COLUMNS(*))) FROM read_parquet({text(str(file))})").fetchone()  # noqa: S608
            except duckdb.OutOfMemoryException:
                continue
            except duckdb.Error:
                return file
    return None
