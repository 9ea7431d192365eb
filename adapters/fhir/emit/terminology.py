"""The product's own code systems as FHIR CodeSystems, so that a server can show and check what Bundles hold.

Made from the guidelines' own tables: a guideline that is added brings its categories and features. A case may carry
more features than any guideline reads, so that ``feature``, ``feature-value`` and ``observable`` are fragments.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ....engine.guideline.editions import editions
from ....engine.guideline.load import Guideline, load_guideline
from ....engine.knowledge import load_gates
from ....engine.resources import rules_folder
from ...report.words import clean, label
from . import terms
from .check import check_bundle
from .parts import Json, some
from .sending import own_url, urn_of

Concepts = Mapping[str, str]


def terminology_bundle(base: str = "", folders: tuple[Path, ...] = ()) -> dict[str, Any]:
    """All code systems as a transaction of conditional updates: it may be sent again after every change.

    Args:
        base: as in ``Context``.
        folders: of further guidelines, as for ``load_guideline``.

    Raises:
        RuleError: a guideline is at fault.
    """
    systems = [*_guidelines(base, folders), *_general(base, folders)]
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [_entry(system) for system in systems]}
    check_bundle(bundle)
    return bundle


def _entry(system: Json) -> Json:
    search = f"CodeSystem?url={system['url']}&version={system['version']}"
    urn = urn_of("terminology", system["url"], system["version"])
    return {"fullUrl": urn, "resource": system, "request": {"method": "PUT", "url": search}}


def _loaded(folders: tuple[Path, ...]) -> list[Guideline]:
    named = [name for folder in (rules_folder(), *folders) for name, _ in editions(folder)]
    return [load_guideline(name, folders) for name in dict.fromkeys(named)]


def _guidelines(base: str, folders: tuple[Path, ...]) -> Iterator[Json]:
    """Each guideline's categories, by edition."""
    for guideline in _loaded(folders):
        head = guideline.head
        concepts = {str(c["id"]): str(c["descriptor"]) for c in head["categories"]}
        concepts |= {str(c): _outside(guideline, str(c)) for c in head.get("outside", ())}
        more = {"title": head["title"], "copyright": f"{head['owner']}. The categories are restated as facts."}
        yield _system(base, str(head["id"]), concepts, edition=str(head["edition"]), complete=True, **more)


def _outside(guideline: Guideline, category: str) -> str:
    said = guideline.head["managements"].get(category, {})
    return str(said.get("display") or f"outside of the categories: {category}")


def _general(base: str, folders: tuple[Path, ...]) -> Iterator[Json]:
    loaded = _loaded(folders)
    yield _system(base, "observable", _observables(loaded))
    yield _system(base, "feature", dict(_features(loaded)))
    yield _system(base, "feature-value", dict(_values(loaded)))
    reasons = {signal.code: signal.why for signal in load_gates().signals.values()}
    yield _system(base, "review-reason", reasons, complete=True)


def _observables(loaded: Iterable[Guideline]) -> Concepts:
    own = dict(terms.codes().observables)
    for guideline in loaded:
        head = guideline.head
        name, title = head["id"], head["title"]
        own[f"{name}.category"] = f"{title}: category of the exam"
        own[f"{name}.lesion-category"] = f"{title}: category of a finding"
        categories = [*(c["id"] for c in head["categories"]), *head.get("outside", ())]
        own |= {f"{name}.probability.{c}": f"{title}: probability of {c}" for c in categories}
        answers = {**head.get("finding_answers", {}), **head.get("exam_answers", {})}
        told = {key for said in head["managements"].values() for key in said}
        own |= {f"{name}.{what}": f"{title}: {label(what)}" for what in (*answers, *sorted(told))}
    return own


def _features(loaded: Iterable[Guideline]) -> Iterator[tuple[str, str]]:
    for guideline in loaded:
        for name, (_, i) in guideline.inputs.items():
            names = [f"{name}.{v}" for v in i["values"]] if i["type"] == "set" else [name]
            for one in names:
                yield one, f"{i['doc']}" if one == name else f"{i['doc']}: {label(one)}"
                yield from _parts(one, i)


def _parts(name: str, i: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if i["type"] == "number":
        yield f"{name}.sd", f"standard deviation of: {i['doc']}"
    words = i["values"] if i["type"] == "enum" else ("yes", "no") if i["type"] in ("bool", "set") else ()
    yield from ((f"{name}.probability.{w}", f"probability of {w}: {i['doc']}") for w in words)


def _values(loaded: Iterable[Guideline]) -> Iterator[tuple[str, str]]:
    for guideline in loaded:
        for name, (_, i) in guideline.inputs.items():
            yield from ((f"{name}.{v}", f"{i['doc']}: {label(str(v))}") for v in i.get("values", ()))


def _system(
    base: str, name: str, concepts: Concepts, *, edition: str = "", complete: bool = False, **more: str
) -> Json:
    return some(
        resourceType="CodeSystem",
        url=own_url(base, "CodeSystem", name),
        version=edition or version("radlogic"),
        name="Radlogic" + "".join(part.capitalize() for part in name.split("-")),
        status="draft",
        experimental=False,
        caseSensitive=True,
        content="complete" if complete else "fragment",
        count=len(concepts),
        concept=[some(code=code, display=code, definition=clean(words)) for code, words in concepts.items()],
        **more,
    )
