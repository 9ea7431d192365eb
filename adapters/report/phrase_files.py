"""The files that sentences come from: what they may say, and what is wrong with one that says otherwise.

``knowledge/report/<language>/sentences.yaml`` holds the sentences that belong to no guideline;
``rules/<guideline>/<edition>/report/<language>.yaml`` those in a guideline's own terms. Both are checked whole when
they are read: an unknown name, a code that the guideline does not have, a sentence that another language lacks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from ...engine.errors import RuleFileError
from ...engine.guideline.editions import find
from ...engine.guideline.grammar import mistake
from ...engine.guideline.load import Guideline, load_guideline
from ...engine.guideline.yamlfile import Place, load, where
from ...engine.resources import rules_folder, yaml_loader
from . import language
from .sentence import form_of

Lines = Mapping[Place, int]
OF_FINDING: Final = ("location", "name")  # beside the inputs: where it is, and what it is called, in words
OF_READING: Final = ("category", "descriptor", "management", "interval", "due")
PER_LESION, PER_EXAM = ("finding",), ("exam", "patient")
NO_WORDS: Final = ("set", "text", "number", "history", "date", "bool")  # inputs whose values need none of our words


def _is_form(text: str) -> str:
    form_of(text)
    return text


Template = Annotated[str, Field(pattern=r"\S"), AfterValidator(_is_form)]
Code = str | bool
Codes = Code | tuple[Code, ...]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class General(_Strict):
    """Sentences that belong to no guideline, by name."""

    language: str
    headings: dict[str, Annotated[str, Field(pattern=r"\S")]]
    sentences: dict[str, Template]


class Saying(_Strict):
    """One way to say it: ``text``, where every condition of ``if`` holds and all its names have words."""

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]*$")]
    text: Template
    only: dict[str, Codes] = Field(default={}, alias="if")

    def allows(self, name: str) -> tuple[Code, ...]:
        """The values of a name that its condition allows."""
        value = self.only[name]
        return value if isinstance(value, tuple) else (value,)


Parts = dict[str, tuple[Saying, ...]]


class Spoken(_Strict):
    """A guideline's sentences: of each part, and of ``answer``, the first saying that fits is said.

    ``lesion`` and ``exam`` tell findings, ``lesion_answer`` and ``impression`` what the guideline adds to its category.
    ``values``: its words for the codes of its inputs and answers.
    """

    guideline: str
    language: str
    values: dict[str, dict[str, str]] = {}
    lesion: Parts = {}
    exam: Parts = {}
    answer: Annotated[tuple[Saying, ...], Field(min_length=1)]
    lesion_answer: Parts = {}
    impression: Parts = {}


File = TypeVar("File", bound=BaseModel)


def _read(path: Traversable | Path, name: str, model: type[File], check: Callable[[File, Lines], None]) -> File:
    """A file that holds what its model and ``check`` say.

    Read fast first, by the library in C and without the lines of its places: those are for saying what is wrong, and
    the slow reading that knows them says it.
    """
    try:
        read = model.model_validate(yaml.load(path.read_text(encoding="utf-8-sig"), Loader=_fast()))  # noqa: S506
        check(read, {})
    except (OSError, UnicodeDecodeError, ValueError, yaml.YAMLError, RuleFileError, RecursionError):
        return _read_slowly(path, name, model, check)
    return read


def _read_slowly(path: Traversable | Path, name: str, model: type[File], check: Callable[[File, Lines], None]) -> File:
    content, lines = load(path, name)
    try:
        read = model.model_validate(content)
    except ValidationError as error:
        raise mistake(error, content, model, name, lines) from error
    check(read, lines)
    return read


@lru_cache(maxsize=1)
def _fast() -> type[Any]:
    """A safe loader that refuses what the slow one refuses: a key given twice, and aliases."""
    base: Any = yaml_loader()

    class Fast(base):  # type: ignore[misc]
        """Keys once, no aliases."""

        def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
            """As the base does, each key once."""
            made: dict[Any, Any] = super().construct_mapping(node, deep)
            if len(made) != len(node.value):
                raise yaml.YAMLError("a key twice")
            return made

        def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
            """As the base does; a node met a second time was given by an alias."""
            if node in self.constructed_objects:
                raise yaml.YAMLError("an alias")
            return super().construct_object(node, deep)

    return Fast


@lru_cache(maxsize=8)
def general(of: str) -> General:
    """The sentences of a language that belong to no guideline.

    Raises:
        RuleFileError: a sentence is broken or missing, or uses a name that the reference language's does not have.
    """
    name = f"report/{of}/sentences.yaml"

    def check(read: General, lines: Lines) -> None:
        _is_of(read.language, of, name, lines)
        if of != language.REFERENCE:
            _as_complete(read, general(language.REFERENCE), name, lines)

    return _read(language.folder() / of / "sentences.yaml", name, General, check)


def _is_of(found: str, expected: str, name: str, lines: Lines, key: str = "language") -> None:
    if found != expected:
        raise RuleFileError(name, where(lines, (key,)), found, expected, f"Correct `{key}`, or move the file.")


def _as_complete(read: General, reference: General, name: str, lines: Lines) -> None:
    for group in ("headings", "sentences"):
        mine, theirs = getattr(read, group), getattr(reference, group)
        _same(mine.keys(), theirs.keys(), name, where(lines, (group,)))
    for key, text in read.sentences.items():
        _known(form_of(text).names, form_of(reference.sentences[key]).names, name, where(lines, ("sentences", key)))


def _same(mine: Iterable[str], theirs: Iterable[str], name: str, place: str) -> None:
    if differs := set(mine) ^ set(theirs):
        found = f"{sorted(differs)[0]} in one of both languages"
        raise RuleFileError(name, place, found, "the sentences of the reference language, all and no other", "Add it.")


def _known(names: Iterable[str], allowed: Iterable[str], name: str, place: str) -> None:
    held = set(allowed)
    if unknown := sorted(set(names) - held):
        said = ", ".join(sorted(held)) or "no names"
        raise RuleFileError(name, place, f"{{{unknown[0]}}}", said, "Use one of these names.")


@lru_cache(maxsize=64)
def spoken(guideline: str, of: str, rules: tuple[Path, ...] = ()) -> Spoken | None:
    """A guideline's sentences in a language, None where it has none in it.

    Raises:
        RuleFileError: the file is broken. UnknownGuideline, RuleError: the guideline is not there or at fault.
    """
    found = find(guideline, (rules_folder(), *rules)) / "report" / f"{of}.yaml"
    if not found.is_file():
        return None
    name = f"{guideline.replace('@', '/')}/report/{of}.yaml"

    def check(read: Spoken, lines: Lines) -> None:
        _is_of(read.language, of, name, lines)
        _is_of(read.guideline, guideline, name, lines, "guideline")
        _Checked(load_guideline(guideline, rules), name, lines).check(read)

    return _read(found, name, Spoken, check)


def check_reports(guideline: str, rules: tuple[Path, ...] = ()) -> tuple[str, ...]:
    """Read all that a guideline's report folder holds; gives the languages.

    Raises:
        RuleFileError: a file is broken, or is for a language that has no general sentences.
    """
    folder = find(guideline, (rules_folder(), *rules)) / "report"
    names = sorted(f.name for f in folder.iterdir()) if folder.is_dir() else []
    for name in names:
        _is_expected(name, f"{guideline.replace('@', '/')}/report/{name}")
    codes = tuple(n.removesuffix(".yaml") for n in names if n != ACROSS)
    for code in codes:
        spoken(guideline, code, rules)
    if ACROSS in names:
        across(guideline, rules)
    return codes


ACROSS: Final = "across.yaml"


def _is_expected(name: str, place: str) -> None:
    allowed = [ACROSS, *(f"{code}.yaml" for code in language.languages())]
    if name not in allowed:
        raise RuleFileError(place, "line 1", "a file that nothing reads", ", ".join(allowed), "Rename or delete it.")


class Measure(_Strict):
    """One size across exams, by the guideline's inputs and numbers: ``now`` and ``prior``; ``input`` states it."""

    input: str
    now: str
    prior: str | None = None


class Across(_Strict):
    """Which inputs carry a lesion's earlier sizes: the time since the exam before, a list of older sizes, its category.

    ``sizes``: the first is the one that is drawn.
    """

    months: str
    history: str | None = None
    category: str | None = None
    sizes: Annotated[tuple[Measure, ...], Field(min_length=1)]


@lru_cache(maxsize=64)
def across(guideline: str, rules: tuple[Path, ...] = ()) -> Across | None:
    """What a guideline follows across exams; None where it follows nothing.

    Raises:
        RuleFileError: the file is broken, or names what the guideline does not have.
    """
    found = find(guideline, (rules_folder(), *rules)) / "report" / ACROSS
    if not found.is_file():
        return None
    name = f"{guideline.replace('@', '/')}/report/{ACROSS}"
    whole = load_guideline(guideline, rules)

    def check(read: Across, lines: Lines) -> None:
        plain = [n for n in (read.months, read.history, read.category, *(m.input for m in read.sizes)) if n]
        _known(plain, whole.inputs, name, "line 1")
        for i, measure in enumerate(read.sizes):
            held = [n for n in (measure.now, measure.prior) if n]
            _known(held, whole.numbers, name, where(lines, ("sizes", i)))

    return _read(found, name, Across, check)


class _Checked:
    """A file held against its guideline: every name and code must be one that the guideline has."""

    def __init__(self, guideline: Guideline, name: str, lines: Lines) -> None:
        self.guideline, self.name, self.lines = guideline, name, lines
        head = guideline.head
        self.codes = [*(c["id"] for c in head["categories"]), *head.get("outside", ())]
        self.answers = {*head.get("finding_answers", {}), *head.get("exam_answers", {})}
        self.answers |= {key for m in head["managements"].values() for key in m} - {"interval_months"}

    def check(self, read: Spoken) -> None:
        for key, words in read.values.items():
            self._values(key, words)
        for group, scopes in (("lesion", PER_LESION), ("exam", PER_EXAM)):
            for place, saying in sayings(getattr(read, group), group):
                self._inputs(saying, scopes, place)
        answered = (
            *(((("answer", i)), s) for i, s in enumerate(read.answer)),
            *sayings(read.impression, "impression"),
            *sayings(read.lesion_answer, "lesion_answer"),
        )
        for place, saying in answered:
            self._answers(saying, place)

    def _values(self, key: str, words: Mapping[str, str]) -> None:
        place = where(self.lines, ("values", key))
        if key in self.answers:
            return
        _known([key], [*self.guideline.inputs, *self.answers], self.name, place)
        kind = self.guideline.inputs[key][1]
        allowed = ("true", "false") if kind["type"] == "bool" else kind.get("values", ())
        _known(words, allowed, self.name, place)

    def _inputs(self, saying: Saying, scopes: tuple[str, ...], place: Place) -> None:
        mine = [name for name, (scope, _) in self.guideline.inputs.items() if scope in scopes]
        _known(form_of(saying.text).names, (*mine, *OF_FINDING), self.name, where(self.lines, (*place, "text")))
        for name in saying.only:
            spot = where(self.lines, (*place, "if"))
            _known([name], mine, self.name, spot)
            kind = self.guideline.inputs[name][1]
            allowed = (True, False) if kind["type"] == "bool" else kind.get("values", ())
            self._allowed(saying.allows(name), allowed, spot)

    def _answers(self, saying: Saying, place: Place) -> None:
        allowed = (*OF_READING, *self.answers)
        _known(form_of(saying.text).names, allowed, self.name, where(self.lines, (*place, "text")))
        spot = where(self.lines, (*place, "if"))
        _known(saying.only, ("category", *self.answers), self.name, spot)
        if "category" in saying.only:
            self._allowed(saying.allows("category"), self.codes, spot)

    def _allowed(self, found: Iterable[Any], allowed: Iterable[Any], place: str) -> None:
        held = list(allowed)
        for value in found:
            if value not in held:
                raise RuleFileError(self.name, place, str(value), ", ".join(map(str, held)), "Use one of these.")


def sayings(parts: Parts, group: str) -> Iterator[tuple[Place, Saying]]:
    """Every saying with its place in the file."""
    for part, held in parts.items():
        yield from (((group, part, i), saying) for i, saying in enumerate(held))
