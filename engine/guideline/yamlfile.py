"""YAML with the line of every key, so that an error can say where."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import yaml

from ..errors import RuleFileError

Place = tuple[str | int, ...]


def load(path: Traversable | Path) -> tuple[Any, dict[Place, int]]:
    """The content of a YAML file, and the line (from 1) of each place in it.

    Raises:
        RuleFileError: no YAML, a key given twice, or an alias (which hides who owns a value).
    """
    name = str(path.name)
    try:
        root = yaml.compose(path.read_text(encoding="utf-8"), yaml.SafeLoader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f"line {mark.line + 1}" if mark else ""
        raise RuleFileError(name, line, "text that is no YAML", "UTF-8 YAML 1.1", "Correct the syntax.") from error
    if root is None:
        raise RuleFileError(name, "", "an empty file", "a mapping", "Fill it or delete it.")
    lines = dict(_lines(root, (), name))
    return yaml.SafeLoader("").construct_document(root), lines


def _lines(node: yaml.Node, place: Place, name: str) -> Iterator[tuple[Place, int]]:
    yield place, node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if key.value in seen:
                where = f"line {key.start_mark.line + 1}, key {key.value}"
                raise RuleFileError(name, where, "the key twice", "each key once", "Delete or rename one of them.")
            seen.add(key.value)
            yield from _lines(value, (*place, key.value), name)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _lines(item, (*place, index), name)


def where(lines: dict[Place, int], place: Place) -> str:
    """The nearest known line of a place, and the place in words."""
    known = place
    while known and known not in lines:
        known = known[:-1]
    return f"line {lines.get(known, 1)}, {'.'.join(str(p) for p in place) or 'the whole'}"
