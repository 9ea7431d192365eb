"""Statements of ``proofs.yaml`` read a second time: as conditions on one or two patients, in z3."""

import z3
from z3_tables import READING, Amount, Encoding, unsatisfiable


def holds(document, statement):
    """True where z3 finds no counterexample, else one (which may be no patient who can be: see ``z3_tables``)."""
    wrong = {"always": _outside, "never": _inside, "monotone": _falls, "same": _differs}[statement.kind]
    count = 2 if statement.kind in ("monotone", "same") else 1
    people = [Encoding(document, prefix) for prefix in ("a ", "b ")[:count]]
    conditions = [_of(person, statement) for person in people]
    conditions.append(wrong(statement, *people))
    if count == 2:
        conditions += _alike(statement, *people)
    return unsatisfiable(conditions, *people)


def somebody(document, statement):
    """Whether anybody meets the statement's tests."""
    person = Encoding(document)
    return unsatisfiable([_of(person, statement)], person) is not True


def _of(person, statement):
    reading = person.variable(READING).code
    default = [reading == 0] if statement.readings == "default" else []
    return z3.And(person.met(statement.when), *(z3.Not(person.met(u)) for u in statement.unless), *default)


def _table(statement, person):
    return statement.of or person.document["guideline"]["category"]


def _inside(statement, person):
    return z3.Or([person.result(_table(statement, person), s) for s in statement.names])


def _outside(statement, person):
    return z3.Not(_inside(statement, person))


def _differs(statement, a, b):
    table = _table(statement, a)
    known, _ = _results(a, table), _results(b, table)
    if known is None:
        return a.points[table] != b.points[table]
    return z3.Or([a.result(table, s) != b.result(table, s) for s in known])


def _falls(statement, a, b):
    table = _table(statement, a)
    known, _ = _results(a, table), _results(b, table)
    if known is None:
        return b.points[table] < a.points[table]
    head = a.document["guideline"]
    order = list(statement.order) or list(head.get("urgency") or [c["id"] for c in head["categories"]])
    pairs = [(x, y) for x in known for y in known if x != y and not _rises(order, x, y)]
    return z3.Or([z3.And(a.result(table, x), b.result(table, y)) for x, y in pairs])


def _rises(order, x, y):
    return x in order and y in order and order.index(y) > order.index(x)


def _results(person, table):
    """The results of a table; None where they are points."""
    person.encode_table(table)
    return None if table in person.points else list(person.results[table])


def _alike(statement, a, b):
    """Both have the same value of all that the tables look at, but for what the statement moves."""
    moving = _moving(statement, a)
    for name in moving:  # what no table of this statement looks at is free, or moves unseen
        a.variable(name)
        b.variable(name)
    for name in [*a.variables, *b.variables]:
        yield from _related(statement, name, a.variable(name), b.variable(name), name in moving, a)


def _related(statement, name, x, y, moves, person):
    number = isinstance(x, Amount)
    if moves and statement.kind == "same":
        return
    if moves and number:
        yield from (x.absent == y.absent, z3.Or(x.absent, x.over * y.under <= y.over * x.under))
    elif moves:
        along = [x.values.index(v) for v in statement.along or ("no", "yes")]
        steps = [z3.And(x.code == c, y.code == d) for i, c in enumerate(along) for d in along[i + 1 :]]
        yield z3.Or(x.code == y.code, *steps)
    elif number:
        yield x.absent == y.absent
        yield from (
            x.within(t) == y.within(t) for t in tests_of(person.document, statement, name) if isinstance(t, dict)
        )
    else:
        yield x.code == y.code


def tests_of(document, statement, name):
    """Every range that a table or the statement asks of a number, one bound at a time."""
    rows = [r for t in document["tables"] for r in (*t.get("rows", ()), *t.get("any", ()))]
    asked = [r.get("if", {}) for r in rows] + [t.get("when", {}) for t in document["tables"]]
    for tests in (*asked, statement.when, *statement.unless):
        test = tests.get(name)
        if isinstance(test, dict) and "not" not in test:
            yield from ({bound: value} for bound, value in test.items() if bound != "or")


def _moving(statement, person):
    """The variables that the names of a statement stand for."""
    groups = person.document["inputs"]
    numbers = {n for n, i in person.inputs.items() if i["type"] == "number"} | {*groups.get("numbers", {})}
    found = set()
    for name in statement.names if statement.kind in ("monotone", "same") else ():
        definition = person.inputs.get(name, {})
        if definition.get("type") == "set":
            found |= {f"{name}.{v}" for v in definition["values"]}
        elif name == "worst" or name in numbers or "." in name or definition.get("type") in ("bool", "enum"):
            found.add(name)
    return found
