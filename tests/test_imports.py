"""Who may import what, and what a start of the command line loads."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import radlogic.adapters
import radlogic.engine

ROOTS = {"engine": Path(radlogic.engine.__file__).parent, "adapters": Path(radlogic.adapters.__file__).parent}
BORDER_ONLY = {
    "pydicom", "highdicom", "gdcm", "openjpeg", "jpeg_ls", "fhir", "fastapi", "starlette", "uvicorn",
    "httpx", "typer", "click", "rich", "jinja2", "PIL", "sqlite3", "socket", "urllib", "http", "ssl",
    "duckdb", "pyarrow", "pyspark", "sqlalchemy", "alembic", "psycopg", "argon2", "joserfc", "cryptography",
    "prometheus_client", "opentelemetry", "pynetdicom", "reportlab",
}  # fmt: skip
TRAINING = {"torch", "monai"}
AUTHORING = {"pgmpy"}
ALIGNING = {"SimpleITK"}  # as a computation: the engine reads no file by it
EXTRAS = {*TRAINING, *AUTHORING, *ALIGNING, "z3", "sqlglot", "duckdb", "pyarrow", "pyspark", "xaitk_saliency"}
EXTRAS |= {"opentelemetry", "pynetdicom", "reportlab", "highdicom"}
# imported by ``started`` alone, within an audit whose database (of the same extra) is open already
BEHIND_A_CHECK = {"spark": ("words.py", "database.py")}
HEAVY = {*EXTRAS, "onnxruntime", "pydicom", "fhir", "fastapi", "scipy", "jinja2", "PIL", "numpy", "rich"}
HEAVY |= {"sqlalchemy", "alembic", "argon2", "joserfc", "cryptography", "httpx", "prometheus_client"}
CASE = {
    "exam": {"round": "baseline", "prior_ct": "none", "lungs_fully_evaluable": True, "s_finding": "none"},
    "nodules": [{"type": "solid", "status": "baseline", "mean_mm": 7}],
}


@cache
def imports(file: Path, package: str) -> tuple[str, ...]:
    """Full names of the modules that a file imports; ``package`` is the one the file lies in."""
    return tuple(name for node in ast.walk(parsed(file)) for name in named(node, package))


@cache
def at_import(file: Path, package: str) -> tuple[str, ...]:
    """The same, but only those of the module's own level, which run when it is imported."""
    return tuple(name for node in parsed(file).body for name in named(node, package))


@cache
def parsed(file: Path) -> ast.Module:
    """A module's source as a tree, read once for all tests."""
    return ast.parse(file.read_text(encoding="utf-8"))


def named(node: ast.AST, package: str) -> Iterator[str]:
    """What one statement imports."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        parts = package.split(".")
        base = ".".join(parts[: len(parts) - node.level + 1]) if node.level else ""
        module = ".".join(p for p in (base, node.module or "") if p)
        yield module
        yield from (f"{module}.{alias.name}" for alias in node.names)


def room_files(room: str) -> list[tuple[Path, str]]:
    """Every module of a room, with the package it lies in."""
    root = ROOTS[room]
    return [
        (file, ".".join(("radlogic", room, *file.parent.relative_to(root).parts)))
        for file in sorted(root.rglob("*.py"))
    ]


@pytest.mark.parametrize("room", ROOTS)
def test_the_walk_over_imports_sees_relative_ones(room):
    names = {name for file, package in room_files(room) for name in imports(file, package)}

    assert "radlogic.engine.errors" in names


def test_the_engine_imports_no_adapter():
    found = [
        (file.name, name)
        for file, package in room_files("engine")
        for name in imports(file, package)
        if name.split(".")[:2] == ["radlogic", "adapters"]
    ]

    assert not found


def test_only_adapters_know_the_formats_and_the_network():
    found = [
        (file.name, name)
        for file, package in room_files("engine")
        for name in imports(file, package)
        if name.split(".")[0] in BORDER_ONLY
    ]

    assert not found


def test_nets_are_trained_and_networks_authored_in_their_own_rooms():
    """The loss over a guideline's diagram belongs to the guideline's readers, and to training."""
    engine = ROOTS["engine"]
    rooms = {
        **dict.fromkeys(
            TRAINING,
            (
                engine / "perception" / "training",
                engine / "guideline" / "loss.py",
                engine / "perception" / "monai_bundle.py",  # somebody else's net, run by their libraries
            ),
        ),
        **dict.fromkeys(AUTHORING, (engine / "fusion",)),
        **dict.fromkeys(ALIGNING, (engine / "tracking",)),
    }
    found = [
        (file.name, name)
        for room in ROOTS
        for file, package in room_files(room)
        for name in imports(file, package)
        if not {file, *file.parents} & {*rooms.get(name.split(".")[0], {file})}
    ]

    assert not found


def test_no_module_needs_an_extra_to_be_imported():
    """So that an installation without it can say which one it lacks."""
    found = [
        (file.name, name)
        for room in ROOTS
        for file, package in room_files(room)
        if "training" not in file.parts and file.name not in BEHIND_A_CHECK.get(file.parent.name, ())
        for name in at_import(file, package)
        if name.split(".")[0] in EXTRAS
    ]

    assert not found


def test_the_engine_reads_no_clock():
    calls = {"today", "now", "utcnow", "time", "perf_counter", "monotonic"}
    found = [
        (file.name, node.func.attr)
        for file, _ in room_files("engine")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in calls
    ]

    assert not found


def loaded_by(*arguments: str, stdin: str = "") -> set[str]:
    """Top-level packages in memory after a run of the command."""
    code = """
import atexit, json, sys
atexit.register(lambda: print(json.dumps([m.split(".")[0] for m in sys.modules]), file=sys.stderr))
from radlogic.adapters.cli import main
main()
"""
    run = subprocess.run(
        [sys.executable, "-c", code, *arguments], input=stdin, capture_output=True, text=True, check=True, timeout=120
    )
    assert run.stdout
    return set(json.loads(run.stderr.splitlines()[-1]))


def test_help_loads_nothing_heavy():
    assert loaded_by("--help") & HEAVY == set()


def test_classify_loads_nothing_heavy():
    assert loaded_by("classify", "lung-rads@2022", "--json", stdin=json.dumps(CASE)) & HEAVY == set()
