"""How a network's file is read and checked. Imported when one is compiled, not when one answers."""

from __future__ import annotations

from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ..guideline import yamlfile
from .network import Network, network_of
from .network_errors import NetworkFileError
from .network_lint import lint
from .network_schema import NetworkFile

Folder = Traversable | Path


def read(path: Folder) -> dict[str, Any]:
    """The checked content of a network's file, as plain data with every default filled in.

    Raises:
        RuleFileError: the file is no readable YAML.
        NetworkFileError: it breaks the schema or the linter; the first complaint, and how many there are.
    """
    content, lines = yamlfile.load(path)
    file = _valid(content, path, lines)
    complaints = list(lint(file))
    if path.name != f"{file.id}.yaml":
        complaints.insert(0, (("id",), f"{file.id} in {path.name}", "the file's name without .yaml"))
    for at, found, allowed in complaints:
        raise _broken(path, lines, at, found, allowed, len(complaints))
    return file.model_dump(mode="json", by_alias=True)


def _valid(content: object, path: Folder, lines: yamlfile.Lines) -> NetworkFile:
    try:
        return NetworkFile.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        at = tuple(p for p in first["loc"] if p != "[key]")
        raise _broken(path, lines, at, first["msg"], "what docs/networks.md describes", error.error_count()) from error


def read_network(path: Folder) -> Network:
    """The network of a file, its tables expanded.

    Raises:
        RuleFileError, NetworkFileError: as ``read``.
    """
    return network_of(read(path))


def _broken(
    path: Folder, lines: yamlfile.Lines, at: yamlfile.Place, found: str, allowed: str, n: int
) -> NetworkFileError:
    cure = "Mend the file." if n == 1 else f"Mend the file; there are {n - 1} further complaints."
    return NetworkFileError(f"knowledge/networks/{path.name}", yamlfile.where(lines, at), found, allowed, cure)
