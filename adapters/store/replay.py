"""Decide a kept case again under the revisions it was made with, and say whether the answer is the same.

Where what is shipped here is still what the decision read, it is decided right here. Else the kept
revisions are laid out beside the program in a folder of their own, and a fresh process decides there:
nothing that was loaded or cached before can get in.
"""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from ...engine.errors import RadlogicError
from ...engine.record import Assessment, correction_name
from ...engine.replay import replay as decide_again
from ..decision_file import dumps, loads
from ..site import site_folder
from . import decisions, revisions
from .chain import Entry
from .errors import CannotReplay, NoSuchDecision
from .journal import entries
from .revisions import LARGEST, NEVER_READ, UNREAD
from .states import Kind
from .tables import ENTRY, PATIENT

CHILD = "radlogic.adapters.store.replay_here"
LIMIT_S = 300
MOST_SHOWN = 50
COMPARED = ("route", "masked", "unconfirmed", "knowledge")  # of the record; the case is its input


@dataclass(frozen=True, slots=True)
class Difference:
    """A place of the answer, what was kept and what was computed now (None where there is nothing)."""

    place: str
    kept: Any
    now: Any


@dataclass(frozen=True, slots=True)
class Replay:
    """What replaying found. ``not_kept``: what the decision read and the record does not hold.

    ``under``: "what is shipped" or "the kept revisions". ``engine_then`` and ``engine_now`` are versions.
    ``own_rules``: each guideline that was read from a hospital's own folder, with what that was called ("folder") and
    the hash of what was read ("sha256").
    """

    decision_id: str
    differences: tuple[Difference, ...]
    under: str
    engine_then: str
    engine_now: str
    not_kept: tuple[str, ...] = ()
    erased: bool = False
    own_rules: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @property
    def equal(self) -> bool:
        """Whether the same answer came out."""
        return not self.differences


def replay(connection: Connection, decision_id: str) -> Replay:
    """Recompute a kept decision from the record alone.

    Raises:
        NoSuchDecision: there is none of that id. NotReadable: it is damaged.
        CannotReplay: what it read was not kept, or does not load.
    """
    made = list(entries(connection, ENTRY.c.decision == decision_id, ENTRY.c.kind == Kind.DECIDED.value))
    if not made:
        cure = "List them, then name one."
        raise NoSuchDecision("the record", "decision_id", "an id that nothing has", "a decision's id", cure)
    kept, tree = decisions.assessment_of(made[-1]), _tree(connection, made[-1])
    _complete(decision_id, kept, tree["not_kept"])
    contents = {path: _content(connection, decision_id, sha) for path, sha in tree["files"].items()}
    shipped = _as_shipped(contents)
    again = _guarded(decision_id, kept) if shipped else _apart(decision_id, kept, contents)
    again = _as_correction(kept, again, made[-1].body["supersedes"])
    erased = _is_erased(connection, made[-1])
    return Replay(
        decision_id,
        tuple(differences(kept, again, names=not erased)),
        "what is shipped" if shipped else "the kept revisions",
        kept.record.engine_version,
        again.record.engine_version,
        tuple(tree["not_kept"]),
        erased,
        {n: {"folder": f, "sha256": kept.record.knowledge.get(n, "")} for n, f in kept.record.own_rules.items()},
    )


def _as_correction(kept: Assessment, again: Assessment, supersedes: str | None) -> Assessment:
    """The answer under the name of a correction, where the kept one has it."""
    name = correction_name(again.record.decision_id, supersedes) if supersedes else ""
    named = name == kept.record.decision_id
    return dataclasses.replace(again, record=dataclasses.replace(again.record, decision_id=name)) if named else again


def differences(kept: Assessment, again: Assessment, *, names: bool = True) -> list[Difference]:
    """Where the answers differ; ``names``: the decision's id must come out again too (same engine only)."""
    then, now = _form(kept), _form(again)
    if names and kept.record.engine_version == again.record.engine_version:
        then["decision_id"], now["decision_id"] = kept.record.decision_id, again.record.decision_id
    return list(_differing("", then, now))


def _form(assessment: Assessment) -> dict[str, Any]:
    form = json.loads(dumps(assessment, indent=None))
    return {"decision": form["decision"], **{name: form["record"][name] for name in COMPARED}}


def _differing(place: str, then: Any, now: Any) -> Iterator[Difference]:
    if isinstance(then, dict) and isinstance(now, dict):
        for name in dict.fromkeys((*then, *now)):
            yield from _differing(f"{place}.{name}".lstrip("."), then.get(name), now.get(name))
    elif isinstance(then, list) and isinstance(now, list) and len(then) == len(now):
        for i, (one, other) in enumerate(zip(then, now, strict=True)):
            yield from _differing(f"{place}[{i}]", one, other)
    elif then != now:
        yield Difference(place, then, now)


def _tree(connection: Connection, made: Entry) -> dict[str, Any]:
    content = _content(connection, str(made.decision_id), made.body["revisions"])
    return dict(json.loads(content))


def _content(connection: Connection, decision_id: str, sha: str) -> bytes:
    content = revisions.read(connection, sha)
    if content is None:
        raise _cannot(decision_id, f"no content with sha256 {sha}", "Run `radlogic record verify`.")
    return content


def _complete(decision_id: str, kept: Assessment, not_kept: list[str]) -> None:
    lacking = [g.application.guideline for g in kept.decision.guidelines if g.application.guideline in not_kept]
    if lacking:
        raise _cannot(decision_id, f"rules that were not kept: {', '.join(lacking)}", "Assess the exam anew.")


def _as_shipped(contents: Mapping[str, bytes]) -> bool:
    """Whether all that was read is shipped here, byte for byte."""
    rules = {path: content for path, content in contents.items() if path.startswith("rules/")}
    known = dict(revisions.knowledge_files(site_folder()))
    shipped = files("radlogic.rules")
    same = (shipped.joinpath(*path.split("/")[1:]) for path in rules)
    return {p: c for p, c in contents.items() if p not in rules} == known and all(
        file.is_file() and file.read_bytes() == content for file, content in zip(same, rules.values(), strict=True)
    )


def _guarded(decision_id: str, kept: Assessment) -> Assessment:
    try:
        return decide_again(kept, site=site_folder())
    except RadlogicError as error:
        raise _cannot(decision_id, f"{type(error).__name__}: {error}", "See the error that it names.") from error


def _apart(decision_id: str, kept: Assessment, contents: Mapping[str, bytes]) -> Assessment:
    """Decide in a process of its own that finds these contents in the place of what is shipped."""
    with tempfile.TemporaryDirectory(prefix="radlogic-replay-") as folder:
        root = Path(folder)
        lay_out(root / "radlogic", contents)
        environment = {**os.environ, "PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1"}
        command = [sys.executable, "-P", "-m", CHILD]
        try:
            run = subprocess.run(  # noqa: S603
                command, input=dumps(kept, indent=None).encode(), capture_output=True, env=environment,
                cwd=root, timeout=LIMIT_S, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise _cannot(decision_id, f"no answer in {LIMIT_S} s", "Try again on an idle machine.") from error
    if run.returncode:
        said = run.stderr.decode(errors="replace").strip().splitlines()
        raise _cannot(decision_id, said[-1] if said else "a process that died", "See the error that it names.")
    return loads(run.stdout.decode(), f"decision {decision_id}, replayed")


def lay_out(package: Path, contents: Mapping[str, bytes]) -> None:
    """The program as it is here, with these contents as its rules and knowledge.

    Its code, and files that no decision reads (weights), are links to what is installed.
    """
    package.mkdir()
    for code in ("engine", "adapters"):
        (package / code).symlink_to(str(files(f"radlogic.{code}")))
    for path, content in contents.items():
        target = package / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    _link_editions(Path(str(files("radlogic.rules"))), package / "rules")
    _link_unread(Path(str(files("radlogic.knowledge"))), package / "knowledge")


def _link_editions(source: Path, target: Path) -> None:
    """Link the editions that are not laid out; into one that is, nothing else may come."""
    target.mkdir(exist_ok=True)
    for item in source.iterdir():
        beside = target / item.name
        if not beside.exists():
            beside.symlink_to(item)
        elif item.is_dir():
            for edition in item.iterdir():
                if not (beside / edition.name).exists():
                    (beside / edition.name).symlink_to(edition)


def _link_unread(source: Path, target: Path) -> None:
    """Link what no decision reads: Python, pages, weights, the sources' vocabulary."""
    target.mkdir(exist_ok=True)
    for item in source.iterdir():
        beside = target / item.name
        unread = item.name in NEVER_READ or item.name.endswith(UNREAD) or item.stat().st_size > LARGEST
        if unread and not beside.exists():
            beside.symlink_to(item)
        elif item.is_dir() and not unread:
            _link_unread(item, beside)


def _is_erased(connection: Connection, made: Entry) -> bool:
    found = connection.execute(PATIENT.select().where(PATIENT.c.token == made.patient)).first()
    return found is None


def _cannot(decision_id: str, found: str, cure: str) -> CannotReplay:
    allowed = "all that the decision read, in the record"
    return CannotReplay(f"decision {decision_id}", "", found, allowed, cure)
