"""Lung-RADS v2022 in CLIPS (clipspy): a rule a row, made from the guideline's own document."""

from __future__ import annotations

from collections.abc import Iterator

from rows import ABSENT, LEAST, Plain, Row, Table, Test, tables

from radlogic.engine.guideline.load import Guideline

SAME = {"worst": "nodule", "leading_pet": "pet"}  # of one nodule the worst is itself
CASE = "case"


class Clips:
    """The rules, ready to be asked.

    clipspy 1.0.6 never lets go of a fact that Python has seen (it calls ``ReleaseFact`` with one argument too many
    and swallows the error), so that it becomes slower with each exam: mended here, in its favour.

    Raises:
        ModuleNotFoundError: clipspy is not installed.
    """

    def __init__(self, guideline: Guideline, example: Plain) -> None:
        import clips
        from clips._clips import lib

        clips.facts.Fact.__del__ = lambda fact: lib.ReleaseFact(fact._fact)
        self.environment = clips.Environment()
        for text in constructs(guideline, example):
            self.environment.build(text)
        self.case = self.environment.find_template(CASE)
        self.trace = self.environment.find_global("trace")

    def read(self, exam: Plain) -> str:
        """What fired, in order: "table=result:row" each, parted by blanks."""
        self.environment.reset()
        self.case.assert_fact(**exam)
        self.environment.run()
        found: str = self.trace.value
        return found


def results(trace: str) -> dict[str, str]:
    """The results by table that a trace names."""
    return dict(fired.rpartition(":")[0].split("=") for fired in trace.split())


def constructs(guideline: Guideline, example: Plain) -> Iterator[str]:
    """The templates and rules as CLIPS text; tables in order by salience, a default after the other rows."""
    slots = " ".join(f"(slot {n} (type {'FLOAT' if isinstance(v, float) else 'STRING'}))" for n, v in example.items())
    yield f"(deftemplate {CASE} {slots})"
    yield "(deftemplate answer (slot table) (slot value))"
    yield '(defglobal ?*trace* = "")'
    listed = tables(guideline)
    for at, table in enumerate(listed):
        for row in table.rows:
            yield _rule(row, table, -2 * at - row.default, example)


def _rule(row: Row, table: Table, salience: int, example: Plain) -> str:
    tests = {SAME.get(n, n): t for n, t in row.tests.items()}
    slots = " ".join(
        f"({n} {_constraint(n, t, isinstance(example[n], float))})" for n, t in tests.items() if n in example
    )
    earlier = [f"(answer (table {n}) (value {_constraint(n, t, False)}))" for n, t in tests.items() if n not in example]
    if row.then.startswith("="):
        earlier.append(f"(answer (table {row.then[1:]}) (value ?then))")
    none = [f"(not (answer (table {table.name})))"] if row.default else []
    then = "?then" if row.then.startswith("=") else f'"{row.then}"'
    left = " ".join(filter(None, (f"({CASE} {slots})" if slots else "", *earlier, *none)))
    right = f"(assert (answer (table {table.name}) (value {then}))) {_noted(table, then, row)}"
    return f"(defrule {row.id} (declare (salience {salience})) {left} => {right})"


def _noted(table: Table, then: str, row: Row) -> str:
    return f'(bind ?*trace* (str-cat ?*trace* " {table.name}=" {then} ":{row.id}"))'


def _constraint(name: str, test: Test, number: bool) -> str:
    if test.symbols == ("n/a",) and number:
        return str(ABSENT)
    if test.symbols:
        return ("|" if test.among else "&").join(f'{"" if test.among else "~"}"{s}"' for s in test.symbols)
    checks = " ".join(f"({sign} ?{name} {bound})" for sign, bound in test.bounds)
    absent = f"(= ?{name} {ABSENT})"
    within = f"(and (>= ?{name} {LEAST}) {checks})"
    return f"?{name}&:(or {absent} {within})" if test.or_absent else f"?{name}&:{within}"
