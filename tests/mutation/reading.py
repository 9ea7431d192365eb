"""A plain reading of a guideline's YAML tables: the oracle that the mutation check runs, and the engine is held to.

No compilation: a table is asked when a row of another one tests it, and all its rows are looked at. A fact
that is not known is supposed, one value after another, only where the reading needs it (``Needs``); so the
outcomes are those of all completions, each found once. Where an unknown *history* is behind a number, that
number is supposed by itself: a superset. Nothing here comes from ``build.py``, ``compile.py`` or ``numbers.py``.
"""

from bisect import bisect_left, bisect_right
from decimal import Decimal

from mutation.amounts import NA, Impossible, Needs, rests_on, value_of
from mutation.rules import met, symbol

ANY = {}  # no test
NEVER = "never"  # what no patient has
TICKS = [k * Decimal(t) for t in ("0.1", "1") for k in (-1, 1)] + [Decimal(0)]


class Broken(Exception):
    """A case falls into a hole of a table, or fits two of its rows."""


class Seen:
    """What a reading looked at: (name, None) of facts and tables, (table, row) of rows that fitted; its worlds."""

    def __init__(self):
        self.names, self.worlds = set(), []


class World:
    """What is known or supposed, one reading of the silent spots, and what the tables say of it."""

    def __init__(self, rules, symbols, raw, reading=0, seen=None):
        self.rules, self.symbols, self.raw, self.reading, self.seen = rules, symbols, raw, reading, seen
        self.known = {}  # results of tables, and numbers
        self.supposed = frozenset()  # the facts among them that are not known
        self.spots = set()  # the silent spots that were met, here and in worlds that suppose more

    def supposing(self, name, value):
        """This world with one more fact; what was found without that fact still holds."""
        symbols, raw = self.symbols, self.raw
        if name in self.rules.numbers:
            raw = {**raw, name if name in self.rules.inputs else f"={name}": value}
        else:
            symbols = {**symbols, name: value}
        world = World(self.rules, symbols, raw, self.reading, self.seen)
        world.known, world.spots, world.supposed = dict(self.known), self.spots, self.supposed | {name}
        return world

    def value(self, name):
        """A fact, a number or the result of a table. Raises: Needs, Impossible, Broken."""
        if name in self.known:
            return self.known[name]
        if self.seen is not None:
            self.seen.names.add((name, None))
        if name in self.symbols:
            return self.symbols[name]
        if name in self.rules.numbers:
            found = value_of(name, self.rules.numbers, self.raw)
        elif name in self.rules.tables:
            found = self.result(self.rules.tables[name])
        else:
            raise Needs(name)
        self.known[name] = found
        return found

    def note(self, table, row):
        if self.seen is not None:
            self.seen.names.add((table, row))

    def told(self, table, rules):
        """(result, silent spots met) of one table by some rules, all else as it was found. Raises as `value`."""
        world = World(rules, self.symbols, self.raw, self.reading)
        world.known = {name: found for name, found in self.known.items() if name != table}
        return world.value(table), frozenset(world.spots)

    def result(self, table):
        """The result of a table."""
        if "when" in table and not self.fits(table["when"]):
            return self.value(table["adjust"]) if "adjust" in table else NA
        if "any" in table:
            return "yes" if self.some(table) else "no"
        if "sum" in table:
            return str(sum(int(p) for p in map(self.value, table["sum"]) if p != NA))
        if "union" in table:
            parts = [p for p in map(self.value, table["union"]) if p != NA]
            if len(parts) != 1:
                raise Broken(f"{table['id']}: {len(parts)} parts are asked")
            return parts[0]
        return self.concluded(table, self.row(table))

    def some(self, table):
        """Whether a row of an ``any`` table fits. One that does settles it, whatever is not known of the others."""
        pending, found = None, False
        for row in table["any"]:
            try:
                fitting = self.fits(row.get("if", ANY))
            except (Needs, Broken) as reason:
                pending = pending or reason
                continue
            if fitting:
                self.note(table["id"], row["id"])
                found = True
                if self.seen is None:
                    return True
        if pending and not found:
            raise pending
        return found

    def row(self, table):
        """The one row that fits."""
        fitting, pending = [], {}
        for row in table["rows"]:
            try:
                if self.fits(row.get("if", ANY)):
                    fitting.append(row)
            except (Needs, Broken) as reason:
                pending[row["id"]] = reason
        gives_way = {name for row in fitting for name in row.get("over", ())}
        for name, reason in pending.items():
            if name not in gives_way:
                raise reason
        left = [row for row in fitting if row["id"] not in gives_way]
        if not left and "otherwise" in table:
            left = [table["otherwise"]]
        if len(left) != 1:
            raise Broken(f"{table['id']}: {'no row' if not left else ' and '.join(r['id'] for r in left)}")
        self.note(table["id"], left[0]["id"])
        return left[0]

    def fits(self, tests):
        """Whether all tests hold; one that fails settles it, whatever is not known of the others."""
        pending = None
        for name, test in self.rules.listed(tests):
            try:
                if not met(test, self.value(name)):
                    return False
            except (Needs, Broken) as reason:
                pending = pending or reason
        if pending:
            raise pending
        return True

    def concluded(self, table, row):
        """What follows from a row: its symbol or another reading of it; an adjusted category."""
        then, others = row["then"], row.get("silent", {}).get("alternatives", ())
        if others:
            self.spots.add(row["id"])
        if 0 < self.reading <= len(others):
            then = others[self.reading - 1]
        if not isinstance(then, dict):
            return symbol(then)
        return shifted(self.rules.order, self.value(table["adjust"]), then["by"], then.get("cap"))

    def choices(self, name):
        """Values of an unknown fact that together reach whatever any value of it does."""
        if name in self.rules.numbers:
            return self.amounts(name) if name in self.rules.inputs else self.cells(name)
        kinds = {}
        for value in self.rules.domain(name):
            kinds.setdefault(tuple(met(test, value) for test in self.rules.tested.get(name, ())), value)
        return list(kinds.values())

    def cells(self, number):
        """Values of a number on both sides of each cut, and n/a: for one that rests on an unknown history."""
        absent = [] if "count_exams" in self.rules.numbers[number] else [NA]
        return absent + sorted({cut + tick for cut in self.rules.cuts[number] for tick in TICKS[2:]})

    def amounts(self, name):
        """Values of an unknown number input: at and beside each cut, and where it ties with what is known."""
        i = self.rules.inputs[name]
        low, high = map(Decimal, i["range"])
        behind = {n: rests_on(n, self.rules.numbers) for n in self.rules.cuts}
        mine = {n for n, inputs in behind.items() if name in inputs}
        cuts = {c for n in mine for c in self.rules.cuts[n]}
        bounding = {n for limit in self.rules.limits for n in (limit["small"], limit["large"])}
        tied = [rests_on(n, self.rules.numbers) for n in mine | bounding]
        others = set(self.sizes({o for inputs in tied if inputs & self.rules.tied(name) for o in inputs}))
        points = {low, high, *cuts, *others, *(a + c * k for a in others for c in cuts for k in (1, -1))}
        rates = [1 + c / 100 for c in cuts if c > -100]
        points |= {x for a in others for rate in rates for x in (a * rate, a / rate)}
        near = sorted({p + tick for p in points for tick in TICKS if low <= p + tick <= high})
        absent = [NA] if i.get("absent") == NA and self.may_be_absent(i) else []
        kinds = {self.signature(name, v, mine): v for v in (*absent, *near)}
        return [v for kind, v in kinds.items() if kind != NEVER]

    def may_be_absent(self, i):
        """Whether no known fact rules out that an input does not apply."""
        stated = {other: self.symbols.get(other) for other in i.get("absent_when", {})}
        return all(value is None or value in i["absent_when"][other] for other, value in stated.items())

    def sizes(self, names):
        """The known amounts among inputs, those of older exams among them."""
        for n in names:
            value = self.raw.get(n)
            if isinstance(value, tuple):
                yield from (past.mean_mm for past in value)
            elif isinstance(value, Decimal):
                yield value

    def signature(self, name, value, tested):
        """In which cell of each tested number a supposed value lies; the value itself where that is open."""
        raw, found = {**self.raw, name: value}, []
        try:
            bounded(self.rules, raw)
        except Impossible:
            return NEVER
        for number in sorted(tested):
            try:
                amount = value_of(number, self.rules.numbers, raw)
            except Needs:
                return value
            except Impossible:
                return NEVER
            cuts = self.rules.cuts[number]
            found.append(amount if amount == NA else (bisect_left(cuts, amount), bisect_right(cuts, amount)))
        return tuple(found)


def shifted(order, base, by, cap):
    """A category some steps up or down the order, never past the cap, never back from beyond it."""
    if base not in order or by == 0:
        return base
    at, limit = order.index(base), order.index(cap) if cap else (len(order) - 1 if by > 0 else 0)
    while by > 0 and at < limit:
        at, by = at + 1, by - 1
    while by < 0 and at > limit:
        at, by = at - 1, by + 1
    return order[at]


def every_reading(world, names):
    """(outcomes by default, outcomes by other readings of the silent spots that the default meets)."""
    default = outcomes(world, names)
    if not world.spots:
        return default, default  # another reading would find no spot to read otherwise
    others = set()
    for reading in range(1, world.rules.alternatives + 1):
        others |= outcomes(World(world.rules, world.symbols, world.raw, reading, world.seen), names)
    return default, others


def bounded(rules, raw):
    """Numbers that bound each other do, as far as they are known. Raises: Impossible."""
    for limit in rules.limits:
        found = []
        for name in (limit["small"], limit["large"]):
            try:
                found.append(value_of(name, rules.numbers, raw))
            except Needs:
                continue
        if len(found) == 2 and NA not in found and found[0] > found[1]:
            raise Impossible(limit["why"])


def outcomes(world, names):
    """What the named tables can say together in all completions of a world: a set of tuples.

    Raises: Broken; Impossible where no completion can be.
    """
    found, impossible, open_worlds = set(), None, [world]
    while open_worlds:
        here = open_worlds.pop()
        try:
            result = tuple(here.value(n) for n in names)
            bounded(here.rules, here.raw)
            found.add(result)
            if here.seen is not None:
                here.seen.worlds.append(here)
        except Needs as need:
            open_worlds += [here.supposing(need.what, v) for v in here.choices(need.what)]
        except Impossible as reason:
            impossible = reason
    if not found and impossible:
        raise impossible
    return found
