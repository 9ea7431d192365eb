"""What was read so far, block by block, so that a reading which was ended goes on where it was.

A block's rows lie in Parquet files; when all are there, a mark says so. What has no mark is read again, into the same
files. The stage belongs to one plan (the files, the views, the version of this form); of another it is emptied.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ....engine.guideline.columns import text

PLAN, MARKS = "plan.json", "marks"
FORM = 3  # of the rows in a stage; another number, and what an older version left is read again


@dataclass(frozen=True, slots=True)
class Mark:
    """A block that is read: how many lines it had, its last line's number, and the bytes of the file until there."""

    lines: int
    last: int
    end: int


@dataclass(frozen=True, slots=True)
class Stage:
    """A folder with the rows of blocks."""

    folder: Path

    @classmethod
    def of(cls, folder: Path, plan: Any) -> Stage:
        """The stage of a plan: as it was left, or empty."""
        told = json.dumps(plan, sort_keys=True)
        if _text(folder / PLAN) != told:
            shutil.rmtree(folder, ignore_errors=True)
            (folder / MARKS).mkdir(parents=True)
            _write(folder / PLAN, told)
        return cls(folder)

    def done(self, file: int) -> list[Mark]:
        """The blocks of a file that are read, from its first on without a gap."""
        found: list[Mark] = []
        while content := _text(self._mark(file, len(found))):
            found.append(Mark(**json.loads(content)))
        return found

    def keep(self, rows: str, file: int, block: int, table: Any) -> None:
        """Write rows of a block."""
        import pyarrow.parquet as pq

        where = self.folder / rows / f"{file:04}-{block:06}.parquet"
        where.parent.mkdir(exist_ok=True)
        pq.write_table(table, where, compression="lz4", write_statistics=False, store_schema=False)

    def mark(self, file: int, block: int, mark: Mark) -> Mark:
        """Say that all rows of a block are written."""
        _write(self._mark(file, block), json.dumps(asdict(mark)))
        return mark

    def rows(self, name: str) -> str:
        """SQL of all rows of a name."""
        return f"read_parquet({text(str(self.folder / name / '*.parquet'))})"

    def _mark(self, file: int, block: int) -> Path:
        return self.folder / MARKS / f"{file:04}-{block:06}.json"


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""


def _write(file: Path, content: str) -> None:
    """Whole or not at all."""
    part = file.with_name(f".{file.name}.part")
    part.write_text(content, encoding="utf-8")
    part.replace(file)
