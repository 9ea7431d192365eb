"""The mutation check: which single changes of a guideline's tables does no case see?

From ``tests/``: ``python -m mutation.check [GUIDELINE ...]`` prints a row a guideline. ``--words FOLDER`` writes what
survived, in words, for those who write cases from the reference; ``--survivors FILE`` keeps the list of them.
A mutant is caught by a case whose expected fields it no longer meets, or that falls into a hole or an
overlap of the changed tables. Only cases that look at what was changed are read again.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import rule_cases
import yaml
from mutation import cases_of
from mutation.amounts import Impossible
from mutation.cases_of import Case
from mutation.mutants import Mutant, mutants
from mutation.reading import Broken
from mutation.rules import Rules, listed, symbol
from mutation.same import Same, rounds_again

from radlogic.engine.errors import InputError


@dataclass(frozen=True)
class Checked:
    """What came of a guideline's mutants. ``unmet``: cases that the tables do not meet; these catch nothing."""

    guideline: str
    cases: int
    caught: tuple[Mutant, ...]
    equivalent: tuple[Mutant, ...]
    survivors: tuple[Mutant, ...]
    unmet: tuple[str, ...]

    @property
    def mutants(self) -> tuple[Mutant, ...]:
        """All of them."""
        return (*self.caught, *self.equivalent, *self.survivors)

    def percent(self, plain: bool = False) -> float:
        """Caught, of those that change anything; ``plain``: of moved thresholds, swapped symbols and dropped rows."""
        caught, left = ([m for m in group if m.plain or not plain] for group in (self.caught, self.survivors))
        return 100 * len(caught) / max(1, len(caught) + len(left))


def check(name: str) -> Checked:
    """Every mutant of a guideline against all of its cases."""
    document = cases_of.document(name)
    rules = Rules(document)
    cases, unmet = cases_met(name, rules)
    same, caught, equivalent, left = Same(document), [], [], []
    for mutant in mutants(document):
        changed = Rules(mutant.document, rules)
        if any(sees(case, mutant, rules, changed) for case in ordered(cases, mutant)):
            caught.append(mutant)
        else:
            (equivalent if changes_nothing(mutant, same) else left).append(mutant)
    return Checked(name, len(cases), tuple(caught), tuple(equivalent), tuple(left), unmet)


def cases_met(name: str, rules: Rules) -> tuple[list[Case], tuple[str, ...]]:
    """The cases that the tables meet as they are, and the names of the others."""
    found, unmet = [], []
    for case in cases_of.of(name, rules):
        try:
            met = not case.missed(rules, seen=case.seen)
        except (Broken, Impossible):
            met = False
        (found if met else unmet).append(case)
    return found, tuple(case.name for case in unmet)


def ordered(cases: Sequence[Case], mutant: Mutant) -> list[Case]:
    """The cases that look at what was changed: those first in which the row fitted, the quick before the slow."""
    looking = [case for case in cases if any((name, None) in case.seen.names for name in mutant.touches)]
    return sorted(looking, key=lambda case: (mutant.row not in case.seen.names, len(case.seen.worlds)))


def sees(case: Case, mutant: Mutant, base: Rules, rules: Rules) -> bool:
    """Whether a case no longer gets what it expects by the changed rules."""
    if mutant.row and case.settled_alike(base, rules, mutant.row[0], mutant.tested):
        return False
    try:
        return bool(case.missed(rules, case.state(rules) if mutant.form else None))
    except (Broken, Impossible, InputError):
        return True


def changes_nothing(mutant: Mutant, same: Same) -> bool:
    """Whether a mutant is proved to say the same."""
    if mutant.row:
        return same.proves(mutant.document, mutant.row[0])
    numbers = same.document["inputs"].get("numbers", {})
    return bool(mutant.number) and "not rounded" in mutant.what and rounds_again(numbers, mutant.number)


def table(found: Sequence[Checked]) -> str:
    """The figures, a row a guideline. ``plain %``: of moved thresholds, swapped symbols and dropped rows alone."""
    heads = ("guideline", "cases", "mutants", "caught", "equivalent", "survivors", "%", "plain %", "cases not met")
    rows = [(c.guideline, str(c.cases), *map(str, map(len, (c.mutants, c.caught, c.equivalent, c.survivors))),
             f"{c.percent():.2f}", f"{c.percent(plain=True):.2f}", str(len(c.unmet))) for c in found]  # fmt: skip
    return "\n".join(f"{row[0]:32}" + "".join(f"{cell:>14}" for cell in row[1:]) for row in (heads, *rows))


def words(checked: Checked) -> Iterator[str]:
    """What survived, for whoever writes cases: row by row, with the row as it is."""
    yield f"# {checked.guideline}: {len(checked.survivors)} changes that no case sees\n"
    yield "Write each expectation from the reference alone, never from the tables or the engine. Cases of the table"
    yield "`applies` go to tests/mutation/applies/: {name, facts: {input: value}, expect: [yes], cite}.\n"
    for name in checked.unmet:
        yield f"- not met by the tables as they are, so it catches nothing: {name}"
    tables = {t["id"]: t for t in cases_of.document(checked.guideline)["tables"]}
    for place, group in groupby(checked.survivors, key=lambda m: m.what.split(": ")[0]):
        mutants = list(group)
        yield f"\n## {heading(tables, mutants[0], place)}"
        yield from (f"- no case: {wants}" for wants in dict.fromkeys(m.wants for m in mutants))


def heading(tables: dict[str, dict[str, Any]], mutant: Mutant, place: str) -> str:
    """The table and what the changed row tests, in words; never what it concludes: that is for the reference to say.

    Rows go by their number: their names tell what they conclude.
    """
    if mutant.row is None:
        return place
    raw = tables[mutant.row[0]]
    rows = {row["id"]: (n, row) for n, row in enumerate((*raw.get("rows", ()), *raw.get("any", ())), start=1)}
    n, row = rows.get(mutant.row[1], (0, {}))
    tests = {**raw.get("when", {}), **row.get("if", {})}
    told = "; ".join(f"{name} {shown(test)}" for name, test in tests.items())
    which = f"row {n}" if n else "where it is asked" if mutant.row[1] == "when" else "where no other row fits"
    return f"{raw['id']}, {which}\n{raw['title']}. {told}"


def shown(test: Any) -> str:
    """A test in words."""
    if isinstance(test, dict) and "not" in test:
        return "not " + shown(test["not"])
    if isinstance(test, dict):
        return " and ".join(f"{bound} {value}" for bound, value in test.items())
    return " or ".join(map(symbol, listed(test)))


def main() -> None:
    """Print the figures of the named guidelines, or of all."""
    parser = argparse.ArgumentParser(description="Which single changes of a guideline's tables does no case see?")
    parser.add_argument("guidelines", nargs="*")
    parser.add_argument("--words", type=Path, help="folder for what survived, in words")
    parser.add_argument("--survivors", type=Path, help="file for the list of what survived")
    asked, listed_by = parser.parse_args(), {}
    for n, name in enumerate(asked.guidelines or rule_cases.guidelines()):
        found = check(name)
        lines = table([found]).splitlines()[n > 0 :]
        if asked.words:
            (asked.words / f"survivors-{name}.md").write_text("\n".join(words(found)) + "\n", encoding="utf-8")
        else:
            lines += [f"  {m.what}" for m in found.survivors]
        listed_by[name] = [m.what for m in found.survivors]
        lines += [f"  not met by the tables as they are: {case}" for case in found.unmet]
        sys.stdout.write("\n".join(lines) + "\n")
        sys.stdout.flush()
    if asked.survivors:
        text = yaml.safe_dump({name: what for name, what in listed_by.items() if what}, width=120, sort_keys=False)
        asked.survivors.write_text(
            f"# Changes of tables that no case sees. The list may only grow shorter.\n{text}", "utf-8"
        )


if __name__ == "__main__":
    main()
