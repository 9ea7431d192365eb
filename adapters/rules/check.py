"""``radlogic rules check``: is a guideline whole, is each row shown by a case, does what it promises hold?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ...engine.errors import InputError, RuleError
from ...engine.guideline.editions import Folder, editions, find
from ...engine.guideline.load import Guideline, load_guideline
from ...engine.resources import rules_folder
from ..report.phrase_files import check_reports
from .coverage import reachable, rows_of
from .examples import Example, examples, misses, run


@dataclass(frozen=True, slots=True)
class Wrong:
    """A case whose answer differs from what it expects: field -> (expected, found)."""

    case: str
    file: str
    differs: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found of one guideline.

    ``rows`` are those that some patient can reach, ``nodes`` those of the compiled structure.
    """

    guideline: str
    rows: int
    cases: int
    wrong: tuple[Wrong, ...]
    without_case: tuple[str, ...]
    nodes: int
    proofs: int
    failed: tuple[Mapping[str, str], ...]
    silent: tuple[str, ...]

    @property
    def covered(self) -> int:
        """How many rows a case reaches."""
        return self.rows - len(self.without_case)

    @property
    def fine(self) -> bool:
        """Whether each row has a case, each case its answer, and each statement its proof."""
        return not (self.wrong or self.without_case or self.failed)

    def as_record(self) -> dict[str, Any]:
        """As JSON."""
        return {**asdict(self), "covered": self.covered, "fine": self.fine}


@dataclass(frozen=True, slots=True)
class Broken:
    """A guideline that does not load, and why."""

    guideline: str
    error: RuleError

    def as_record(self) -> dict[str, Any]:
        """As JSON."""
        return {"guideline": self.guideline, **self.error.as_record()}


def names_of(wanted: str | None, folders: tuple[Path, ...]) -> list[str]:
    """The guidelines to check: one edition, all of one guideline, those of the folders given, or all shipped.

    Raises:
        UnknownGuideline: there is none of that name. NotReadable: a folder cannot be read.
    """
    roots: tuple[Folder, ...] = (rules_folder(), *folders)
    if wanted is None:
        return sorted({name for root in folders or roots for name, _ in editions(root)})
    every = sorted({name for root in roots for name, _ in editions(root)})
    mine = [name for name in every if wanted in (name, name.partition("@")[0])]
    if not mine:
        find(wanted, roots)  # raises, and lists all there are
    return mine


def check_all(names: Sequence[str], folders: tuple[Path, ...]) -> Iterator[Checked | Broken]:
    """Each guideline by itself; one that is broken does not keep the others from being checked."""
    for name in names:
        try:
            yield check(name, folders)
        except RuleError as error:
            yield Broken(name, error)


def check(name: str, folders: tuple[Path, ...] = ()) -> Checked:
    """Load and compile a guideline, read its report's sentences, answer the cases beside it, prove what it states.

    Raises:
        RuleError: it does not load. UnknownGuideline.
    """
    from ...engine.guideline.proofs_file import statements_of
    from ...engine.guideline.prove import prove

    guideline, folder = load_guideline(name, folders), find(name, (rules_folder(), *folders))
    check_reports(name, folders)
    cases = list(examples(folder))
    reached, wrong = _answered(guideline, cases)
    statements = statements_of(folder)
    proofs = prove(guideline, statements, reached)
    held = {p.id for p in proofs if p.holds}
    rows = reachable(guideline) - {row for s in statements if s.kind == "unreached" and s.id in held for row in s.names}
    failed = tuple({"id": p.id, "says": p.says, "witness": p.witness, "cite": p.cite} for p in proofs if not p.holds)
    without = tuple(sorted(rows - reached))
    return Checked(
        name,
        len(rows),
        len(cases),
        wrong,
        without,
        nodes_of(guideline),
        len(proofs),
        failed,
        tuple(silent_spots(guideline)),
    )


def _answered(guideline: Guideline, cases: Sequence[Example]) -> tuple[frozenset[str], tuple[Wrong, ...]]:
    """The rows that the cases reach, and the cases that are answered otherwise than they expect."""
    reached: set[str] = set()
    wrong = []
    for example in cases:
        try:
            answered = run(guideline, example)
        except InputError as error:
            wrong.append(Wrong(example.name, example.file, {error.field or "case": ("an answer", str(error))}))
            continue
        reached |= rows_of(guideline, answered)
        if differs := misses(example, answered.answer):
            wrong.append(Wrong(example.name, example.file, differs))
    return frozenset(reached), tuple(wrong)


def nodes_of(guideline: Guideline) -> int:
    """Nodes of all compiled diagrams together."""
    applies = (guideline.applies,) if guideline.applies else ()
    diagrams = (guideline.finding, guideline.exam, *applies, *guideline.apart.values())
    return sum(len(diagram.variable) for diagram in diagrams)


def silent_spots(guideline: Guideline) -> Iterator[str]:
    """The rows (``table.row``) where the guideline's text does not decide."""
    for table in guideline.document["tables"]:
        rows = [*table.get("rows", ()), *table.get("any", ())]
        rows += [table["otherwise"]] if "otherwise" in table else []
        yield from (f"{table['id']}.{row['id']}" for row in rows if "silent" in row)


def shown(found: Sequence[Checked | Broken]) -> str:
    """For a person: one line a guideline, then what is to be mended."""
    heads = ("guideline", "rows", "cases", "right", "rows with a case", "nodes", "proofs held", "silent spots")
    lines = [heads, *(_cells(c) for c in found if isinstance(c, Checked))]
    widths = [max(len(line[i]) for line in lines) for i in range(len(heads))]
    table = [_line(line, widths) for line in lines]
    return "\n".join((*(table if len(table) > 1 else ()), *(note for item in found for note in _notes(item))))


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    """The name to the left, counts to the right of their columns."""
    name, *counts = (cell.rjust(width) for cell, width in zip(cells, widths, strict=True))
    return "  ".join((name.strip().ljust(widths[0]), *counts))


def _cells(c: Checked) -> tuple[str, ...]:
    covered, held = f"{c.covered}/{c.rows}", f"{c.proofs - len(c.failed)}/{c.proofs}"
    counts = (c.rows, c.cases, c.cases - len(c.wrong))
    return (c.guideline, *map(str, counts), covered, f"{c.nodes:,}", held, str(len(c.silent)))


def _notes(item: Checked | Broken) -> Iterator[str]:
    if isinstance(item, Broken):
        yield f"\n{item.guideline} does not load: {type(item.error).__name__}: {item.error}"
        return
    if item.without_case:
        yield f"\n{item.guideline}, rows without a case:"
        yield from (f"  {row}" for row in item.without_case)
    if item.wrong:
        yield f"\n{item.guideline}, cases answered otherwise than they expect:"
        yield from (f"  {w.file}: {w.case}: {_differs(w.differs)}" for w in item.wrong)
    if item.failed:
        yield f"\n{item.guideline}, proofs that fail:"
        yield from (f"  {p['id']}: {p['says']}; but {p['witness']}" for p in item.failed)


def _differs(differs: Mapping[str, Any]) -> str:
    return "; ".join(f"{field} is {found}, expected {want}" for field, (want, found) in differs.items())
