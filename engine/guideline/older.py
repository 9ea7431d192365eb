"""Lists of older sizes that a search has to try to meet every combination of cells that a list can give.

Growth over a list follows from the least size within each window of time: for each number on growth one entry, at a
cut of it or just beyond, is enough. A count follows from the length: behind those entries come further ones, older
than every window and as large as any size, which change no growth, until the count is the least of each of its cells.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from functools import cached_property
from itertools import chain, combinations_with_replacement, islice
from math import comb
from typing import Any

from ..types import PastSize
from . import numbers

TICK = Decimal("0.1")
YEAR, APART = Decimal(12), Decimal(6)  # months beyond every window, and from one further exam to the next
MOST_LISTED = 200  # older exams in a list: a cut on a count beyond is not searched, and said
MOST_LISTS = 20_000  # lists for one set of measurements; more are not tried, and said
Points = tuple[tuple[Decimal, bool], ...]


@dataclass(frozen=True, slots=True)
class Looks:
    """A number that looks at a list: its name, the definitions beside it, and its cuts (as in ``tables.Cuts``)."""

    name: str
    definitions: numbers.Definitions
    points: Points

    def of(self, way: str) -> Mapping[str, Any]:
        """What it is made of in this way; empty where it is made in another."""
        made: Mapping[str, Any] = self.definitions[self.name].get(way, {})
        return made

    @property
    def exams(self) -> Mapping[str, Any]:
        """The names of its prior exam, interval and list."""
        return self.of("largest_increase") or self.of("count_exams")


@dataclass(frozen=True)
class OlderExams:
    """The lists of one input of the type history, for all numbers that look at it."""

    looks: tuple[Looks, ...]

    def lists(self, raw: numbers.Raw) -> Iterator[tuple[PastSize, ...]]:
        """The lists that matter once all other measurements are known, shorter ones of the same growth first."""
        return islice(self._lists(raw), MOST_LISTS)

    def _lists(self, raw: numbers.Raw) -> Iterator[tuple[PastSize, ...]]:
        sizes = self._sizes(raw)
        entries = [PastSize(m, s) for s in sorted(sizes) for m in self._months]
        further = list(islice(self._further(raw, sizes), max(self._lengths, default=0)))
        kinds = (combinations_with_replacement(entries, n) for n in range(self._most + 1))
        for few in chain.from_iterable(kinds):
            longer = (n for n in self._lengths if n > len(few))
            yield from ((*few, *further[: n - len(few)]) for n in (len(few), *longer))

    @cached_property
    def beyond(self) -> str:
        """Why the lists are not all that matter, in words; empty where they are."""
        longest = max(self._wanted, default=0)
        if longest > MOST_LISTED:
            return f"a count of {longest} earlier exams is asked for, and lists of up to {MOST_LISTED} are tried"
        entries = 2 * len(self._months) * sum(len(n.points) for n in self._growth)
        few = sum(comb(entries + n - 1, n) for n in range(1, self._most + 1)) if entries else 0
        count = (1 + few) * (1 + len(self._lengths))
        return f"{count} lists of older exams matter, and {MOST_LISTS} are tried" if count > MOST_LISTS else ""

    @cached_property
    def _growth(self) -> list[Looks]:
        return [n for n in self.looks if n.of("largest_increase")]

    @cached_property
    def _most(self) -> int:
        """How many entries decide on growth; one also where nothing asks for it."""
        return max(1, len(self._growth))

    @cached_property
    def _windows(self) -> list[Decimal]:
        found = {Decimal(n.exams["within_months"]) for n in self._growth if "within_months" in n.exams}
        return sorted(w for w in found if w > 0)

    @cached_property
    def _months(self) -> list[Decimal]:
        """Within each window at its end, and beyond them all."""
        return [*self._windows, max(self._windows, default=Decimal(0)) + YEAR]

    @cached_property
    def _wanted(self) -> set[int]:
        """The lengths at which a count may come into another cell, with a prior exam that counts too or without.

        An entry that repeats the prior exam of one count may stand for itself in another: then some more are needed.
        """
        counts = [n for n in self.looks if n.of("count_exams")]
        repeated = self._most if len({n.exams["prior"] for n in self.looks}) > 1 else 0
        least = {_least(point) for n in counts for point in n.points}
        return {n for x in least for n in range(x - 1, x + repeated + 1) if n > 0}

    @cached_property
    def _lengths(self) -> list[int]:
        return sorted(n for n in self._wanted if n <= MOST_LISTED)

    def _sizes(self, raw: numbers.Raw) -> set[Decimal]:
        """For each cell of growth a size that gives it."""
        found: set[Decimal] = set()
        for n in self._growth:
            now = numbers.of(n.exams["now"], n.definitions, raw)
            if isinstance(now, Decimal):
                step = Decimal(n.definitions[n.name].get("round", _finest(n.points)))
                found |= {now - cut + k for cut, above in n.points for k in (0, -step if above else step)}
        return {short(max(size, TICK)) for size in found} or {Decimal(5)}

    def _further(self, raw: numbers.Raw, sizes: set[Decimal]) -> Iterator[PastSize]:
        """Exams that change no growth: before every window and the prior exam, with the largest size of all."""
        named = [numbers.of(n.exams[key], n.definitions, raw) for key in ("prior", "interval") for n in self.looks]
        priors, intervals = named[: len(self.looks)], named[len(self.looks) :]
        size = max([*sizes, *(p for p in priors if isinstance(p, Decimal))])
        months = max([*self._months, *(i + YEAR for i in intervals if isinstance(i, Decimal))])
        while True:
            yield PastSize(short(months), short(size))
            months += APART


def _least(point: tuple[Decimal, bool]) -> int:
    """The least whole number beyond a cut.

    >>> _least((Decimal(2), False)), _least((Decimal(2), True)), _least((Decimal("2.5"), False))
    (2, 3, 3)
    """
    cut, above = point
    return int(cut.to_integral_value(ROUND_FLOOR)) + 1 if above else int(cut.to_integral_value(ROUND_CEILING))


def _finest(points: Points) -> Decimal:
    """The finest step of the cuts; a tenth at most."""
    return min([Decimal(1).scaleb(int(x.normalize().as_tuple().exponent)) for x, _ in points] + [TICK])


def short(value: Decimal) -> Decimal:
    """Without trailing zeros, and not in powers of ten.

    >>> short(Decimal("10.0")), short(Decimal("6.50"))
    (Decimal('10'), Decimal('6.5'))
    """
    return Decimal(f"{value.normalize():f}")
