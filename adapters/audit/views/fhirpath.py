"""The FHIRPath of SQL-on-FHIR views as a tree: text in, nodes out.

hl7.org/fhirpath N1, cut down to what a view may use (sql-on-fhir.org 2.0, "Required FHIRPath Expressions").
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ....engine.errors import NotReadable, Unsupported

CURE = "Write the path in the FHIRPath that docs/audit-input.md lists."
# from the weakest to the strongest; those of a line bind alike, from the left
LEVELS = (("implies",), ("or", "xor"), ("and",), ("=", "!="), ("<=", ">=", "<", ">"), ("+", "-", "&"), ("*", "/"))
BEYOND = ("|", "~", "!~", "in", "contains", "is", "as", "div", "mod")  # FHIRPath's, but no view may use them
TOKEN = re.compile(
    r"\s*(?:(?P<string>'(?:[^'\\]|\\.)*')|(?P<date>@[0-9T][0-9T:.+\-Z]*)|(?P<number>\d+(?:\.\d+)?)"
    r"|(?P<name>`[^`]+`|[A-Za-z_][A-Za-z0-9_]*)|(?P<constant>%[A-Za-z_][A-Za-z0-9_]*)|(?P<this>\$this)"
    r"|(?P<sign><=|>=|!=|!~|[=<>+\-*/&|~.()\[\],]))"
)
ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "f": "\f"}


@dataclass(frozen=True, slots=True)
class Literal:
    """A value: str, bool, int, or a decimal, date or time as its text. ``kind`` is its FHIR type."""

    value: str | bool
    kind: str


@dataclass(frozen=True, slots=True)
class Constant:
    """``%name``."""

    name: str


@dataclass(frozen=True, slots=True)
class This:
    """``$this``."""


@dataclass(frozen=True, slots=True)
class Member:
    """``base.name``; without a base it is a member of the focus."""

    base: Node | None
    name: str


@dataclass(frozen=True, slots=True)
class Call:
    """``base.name(args)``."""

    base: Node | None
    name: str
    args: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Index:
    """``base[index]``."""

    base: Node
    index: Node


@dataclass(frozen=True, slots=True)
class Operation:
    """``left sign right``."""

    sign: str
    left: Node
    right: Node


Node = Literal | Constant | This | Member | Call | Index | Operation


def parse(path: str, where: str) -> Node:
    """The tree of a path.

    >>> parse("name.first().use", "a view")
    Member(base=Call(base=Member(base=None, name='name'), name='first', args=()), name='use')

    Raises:
        NotReadable: it is no FHIRPath. Unsupported: it is, but not of what a view may use.
    """
    reader = _Reader(path, where)
    found = reader.expression(0)
    if reader.kind != "end":
        raise reader.refused()
    return found


class _Reader:
    """A path being read: the token at hand is ``kind`` and ``text``."""

    def __init__(self, path: str, where: str) -> None:
        self.path, self.where, self.at = path, where, 0
        self.kind, self.text, self.start = "", "", 0
        self.next()

    def next(self) -> str:
        """Take the token at hand and go on to the next one."""
        taken = self.text
        self.start = self.at
        if not self.path[self.at :].strip():
            self.kind, self.text = "end", ""
            return taken
        found = TOKEN.match(self.path, self.at)
        if not found or not found.lastgroup:
            raise self.refused()
        self.kind, self.text, self.at = found.lastgroup, found[found.lastgroup], found.end()
        return taken

    def refused(self) -> NotReadable:
        """The error that names the place."""
        found = f"{self.path!r}, which is no FHIRPath at character {self.start + 1}"
        return NotReadable(self.where, "path", found, "a FHIRPath expression", CURE)

    def take(self, text: str) -> None:
        """Take a sign that must be there."""
        if self.text != text or self.kind == "string":
            raise self.refused()
        self.next()

    def at_sign(self, signs: tuple[str, ...]) -> bool:
        """Whether one of the signs or words is at hand."""
        return self.kind in ("sign", "name") and self.text in signs

    def expression(self, level: int) -> Node:
        """Operations that bind at least as strongly as a level."""
        if level == len(LEVELS):
            return self.signed()
        left = self.expression(level + 1)
        while self.at_sign(LEVELS[level]):
            left = Operation(self.next(), left, self.expression(level + 1))
        if self.at_sign(BEYOND):
            allowed = " ".join(sign for signs in LEVELS for sign in signs)
            raise Unsupported(self.where, "path", f"the operator {self.text} in {self.path!r}", allowed, CURE)
        return left

    def signed(self) -> Node:
        """A term, or one with a minus before it."""
        if self.at_sign(("-",)):
            self.next()
            return Operation("-", Literal("0", "integer"), self.term())
        return self.term()

    def term(self) -> Node:
        """A value and what is said of it by ``.`` and ``[]``."""
        found = self.start_of_term()
        while self.at_sign((".", "[")):
            if self.next() == "[":
                found = Index(found, self.expression(0))
                self.take("]")
            else:
                found = self.invocation(found)
        return found

    def start_of_term(self) -> Node:
        """What a term begins with."""
        if self.at_sign(("(",)):
            self.next()
            inner = self.expression(0)
            self.take(")")
            return inner
        match self.kind:
            case "this":
                self.next()
                return This()
            case "constant":
                return Constant(self.next()[1:])
            case "string" | "number" | "date":
                return _literal(self.kind, self.next())
            case "name" if self.text in ("true", "false"):
                return Literal(self.next() == "true", "boolean")
            case "name":
                return self.invocation(None)
        raise self.refused()

    def invocation(self, base: Node | None) -> Node:
        """A member or a function of a base."""
        if self.kind != "name":
            raise self.refused()
        name = self.next().strip("`")
        if not self.at_sign(("(",)):
            return Member(base, name)
        self.next()
        args = []
        while not self.at_sign((")",)):
            args.append(self.expression(0))
            if not self.at_sign((")",)):
                self.take(",")
        self.take(")")
        return Call(base, name, tuple(args))


def _literal(kind: str, text: str) -> Literal:
    if kind == "string":
        return Literal(re.sub(r"\\(.)", lambda m: ESCAPES.get(m[1], m[1]), text[1:-1]), "string")
    if kind == "number":
        return Literal(text, "decimal" if "." in text else "integer")
    held = text[1:]
    return Literal(held.lstrip("T"), "time") if held[0] == "T" else Literal(held, "dateTime" if "T" in held else "date")
