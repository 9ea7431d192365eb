"""The language a report is in. A language is a folder ``knowledge/report/<language>`` with its sentences and words.

The language is a setting of the current context, as those of translation libraries are, so that the words of a fact
need not be handed a language by each of their callers. So are the folders of a hospital's own guidelines, in which
its own sentences stand.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final

from ...engine.errors import BadValue
from ...engine.resources import knowledge_folder

REFERENCE: Final = "en"  # the language whose sentences every other one has to have
_CURRENT: ContextVar[str] = ContextVar("language of the report", default=REFERENCE)
_RULES: ContextVar[tuple[Path, ...]] = ContextVar("folders of further guidelines", default=())


def folder() -> Traversable:
    """Where the languages are."""
    return knowledge_folder() / "report"


def languages() -> tuple[str, ...]:
    """The languages there are, by their codes (BCP 47)."""
    return tuple(sorted(each.name for each in folder().iterdir() if (each / "sentences.yaml").is_file()))


def current() -> str:
    """The language that is spoken now."""
    return _CURRENT.get()


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Speak a language within.

    Raises:
        BadValue: there is no such language.
    """
    if language not in languages():
        raise BadValue("report", "language", language, ", ".join(languages()), "Use one of these, or add its folder.")
    before = _CURRENT.set(language)
    try:
        yield
    finally:
        _CURRENT.reset(before)


def rules() -> tuple[Path, ...]:
    """The folders of guidelines beside those that are shipped."""
    return _RULES.get()


@contextmanager
def reading(folders: Iterable[Path]) -> Iterator[None]:
    """Take guidelines, and the sentences beside them, from these folders as well; within."""
    before = _RULES.set(tuple(folders))
    try:
        yield
    finally:
        _RULES.reset(before)
