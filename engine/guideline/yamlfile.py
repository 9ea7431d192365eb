"""YAML with the line of every key, so that an error can say where."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import yaml

from ..errors import RuleFileError

Place = tuple[str | int, ...]
Lines = Mapping[Place, int]
SYNTAX = "UTF-8 YAML 1.1"


def load(path: Traversable | Path, name: str = "") -> tuple[Any, dict[Place, int]]:
    """The content of a YAML file, and the line (from 1) of each place in it. ``name``: what an error calls the file.

    Raises:
        RuleFileError: no YAML, no file, a key given twice, or an alias (which hides who owns a value).
    """
    name = name or str(path.name)
    root = _composed(path, name)
    lines = dict(_lines(root, (), name, set()))
    return _constructed(root, name), lines


def _composed(path: Traversable | Path, name: str) -> yaml.Node:
    try:
        root = yaml.compose(path.read_text(encoding="utf-8-sig"), yaml.SafeLoader)
    except OSError as error:
        found = error.strerror or "a file that cannot be read"
        raise RuleFileError(name, "line 1", found, "a readable file", "Add it, or mend its permissions.") from error
    except UnicodeDecodeError as error:
        raise RuleFileError(name, "line 1", "bytes that are no UTF-8", SYNTAX, "Save it as UTF-8.") from error
    except yaml.YAMLError as error:
        raise _no_yaml(error, name) from error
    except RecursionError as error:
        raise RuleFileError(name, "line 1", "nesting beyond all use", "plain tables", "Simplify it.") from error
    if root is None:
        raise RuleFileError(name, "line 1", "an empty file", "a mapping", "Fill it, or delete it.")
    return root


def _no_yaml(error: yaml.YAMLError, name: str) -> RuleFileError:
    """What the parser met, at its line, with the cure for the mistakes that people make most."""
    mark = getattr(error, "problem_mark", None)
    found = str(getattr(error, "problem", None) or "text that is no YAML").replace("\t", "\\t")
    cure = "Correct the syntax there."
    if "'\\t'" in found:
        found, cure = "a tab", "Indent with spaces."
    elif "mapping values are not allowed" in found:
        found, cure = "a second colon", "Put text that holds a colon into quotes."
    return RuleFileError(name, f"line {mark.line + 1}" if mark else "line 1", found, SYNTAX, cure)


def _constructed(root: yaml.Node, name: str) -> Any:
    """The values. A tag of some programming language, or a day that no calendar has, is refused."""
    try:
        return yaml.SafeLoader("").construct_document(root)
    except yaml.YAMLError as error:
        raise _no_yaml(error, name) from error
    except ValueError as error:
        node = next((n for n in _scalars(root) if _breaks(n)), root)
        allowed = "a day of the calendar, or a number"
        raise RuleFileError(
            name, f"line {node.start_mark.line + 1}", str(node.value)[:80], allowed, "Correct it."
        ) from error


def _breaks(node: yaml.Node) -> bool:
    try:
        yaml.SafeLoader("").construct_document(node)
    except ValueError:
        return True
    return False


def _scalars(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.ScalarNode):
        yield node
    for item in node.value if isinstance(node, yaml.CollectionNode) else ():
        for inner in item if isinstance(item, tuple) else (item,):
            yield from _scalars(inner)


def _lines(node: yaml.Node, place: Place, name: str, seen: set[int], at: int = 0) -> Iterator[tuple[Place, int]]:
    """The line of each place: its key's, else its own. A node met a second time was given by an alias."""
    line = at or node.start_mark.line + 1
    if id(node) in seen:
        at_key = f"line {line}, {in_words(place)}"
        raise RuleFileError(name, at_key, "an alias (*) of an anchor (&)", "values written out", "Write the value.")
    seen.add(id(node))
    yield place, line
    if isinstance(node, yaml.MappingNode):
        keys: set[str] = set()
        for key, value in node.value:
            _check_key(key, keys, place, name)
            yield from _lines(value, (*place, key.value), name, seen, key.start_mark.line + 1)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _lines(item, (*place, index), name, seen)


def _check_key(key: yaml.Node, keys: set[str], place: Place, name: str) -> None:
    """A key is a word, and each is there once."""
    line = f"line {key.start_mark.line + 1}"
    if not isinstance(key, yaml.ScalarNode):
        raise RuleFileError(name, f"{line}, {in_words(place)}", "a key that is no word", "words as keys", "Name it.")
    if key.value in keys:
        where = f"{line}, {in_words((*place, key.value))}"
        raise RuleFileError(name, where, "the key twice", "each key once", "Delete or rename one of them.")
    keys.add(key.value)


def in_words(place: Place) -> str:
    """A place as a path of keys.

    >>> in_words(("tables", 0, "cite")), in_words(())
    ('tables.0.cite', 'the whole')
    """
    return ".".join(str(p) for p in place) or "the whole"


def line_of(lines: Lines, place: Place) -> int:
    """The line of a place, or of the nearest thing around it."""
    while place and place not in lines:
        place = place[:-1]
    return lines.get(place, 1)


def where(lines: Lines, place: Place) -> str:
    """The nearest known line of a place, and the place in words."""
    return f"line {line_of(lines, place)}, {in_words(place)}"
