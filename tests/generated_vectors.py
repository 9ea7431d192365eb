"""What the generated population is made of: vectors of the case files, each with the category that they state.

Read as data: ``rules/<guideline>/<edition>/cases/*.yaml``, and ``../shared/cases`` where it is there. What a
reader's form leaves unsaid is written out by the ``absent`` words of ``inputs.yaml`` (data too), for in the
audit's tables NULL is unknown. Nothing here decides: a vector whose case does not state one category is not used.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the same answers, ten times as fast
ROOT = Path(__file__).resolve().parents[1]
RULES, BESIDE = ROOT / "rules", ROOT.parent / "shared" / "cases"
EDITIONS = {"lung-rads@1.1": "nodules", "lung-rads@2022": "nodules", "fleischner@2017": "nodules",
            "li-rads-us@2024": "input", "li-rads-ct-mri@2018": "observation"}  # fmt: skip
KINDS = {"nodules": "nodule", "input": "observation", "observation": "observation"}
NEVER = ("NC", "not-applicable", "no-category")  # outside the guideline: nothing to measure
SHARED = {"lung-rads@2022": ("lung_rads.json", "ACR Lung-RADS v2022"),
          "li-rads-ct-mri@2018": ("li_rads.json", "LI-RADS CT/MRI diagnostic v2018"),
          "li-rads-us@2024": ("li_rads.json", "LI-RADS US surveillance v2024")}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Vector:
    """One exam as a case states it. ``exam`` and ``findings`` are columns of the audit's tables."""

    name: str
    edition: str  # lung-rads@2022
    category: str
    interval: tuple[int, int] | str | None  # months; None: the case says that none is printed; "" it does not say
    s_modifier: bool
    exam: Mapping[str, Any]
    findings: tuple[Mapping[str, Any], ...]
    raw: Mapping[str, Any] = field(repr=False)  # the case's own words

    @property
    def guideline(self) -> str:
        """The guideline without its edition."""
        return self.edition.split("@")[0]

    @property
    def first(self) -> Mapping[str, Any]:
        """The only finding in the case's own words; empty where there is none."""
        found = self.raw.get(EDITIONS[self.edition])
        return (found[0] if found else {}) if isinstance(found, list) else found or {}


@lru_cache
def vectors(*, beside: bool = True) -> tuple[Vector, ...]:
    """All vectors that state one category, in the order of the files. ``beside``: those of ../shared too."""
    return tuple(v for edition in EDITIONS for v in _of(edition, beside=beside))


def _of(edition: str, *, beside: bool) -> Iterator[Vector]:
    inputs = _yaml(RULES / edition.replace("@", "/") / "inputs.yaml")
    cases = [*_of_the_repository(edition), *(_of_shared(edition) if beside else ())]
    for case in cases:
        if _states_one(case) and _serves(edition, case):
            yield _vector(edition, case, inputs)


def _of_the_repository(edition: str) -> Iterator[dict[str, Any]]:
    for file in sorted((RULES / edition.replace("@", "/") / "cases").glob("*.yaml")):
        yield from _yaml(file)


def _yaml(file: Path) -> Any:
    return yaml.load(file.read_text(encoding="utf-8"), LOADER)  # noqa: S506  a safe loader either way


def _of_shared(edition: str) -> Iterator[dict[str, Any]]:
    name, algorithm = SHARED.get(edition, ("", ""))
    if name and (BESIDE / name).is_file():
        for case in json.loads((BESIDE / name).read_text(encoding="utf-8"))["cases"]:
            if case.get("algorithm") == algorithm:
                silent = case.get("ambiguous") or case.get("debatable")
                yield {**case, "name": case["id"], "expect": case["expected"], "silent": silent}


def _states_one(case: Mapping[str, Any]) -> bool:
    """Whether the case states one category, with nothing unknown and no silence of the guideline."""
    expect = case["expect"]
    possible = case.get("possible", expect.get("possible", (1,)))
    silent = case.get("silent") or expect.get("silent") or case.get("debatable")
    category = expect.get("category")
    return not silent and len(possible) == 1 and category is not None and str(category) not in NEVER


def _serves(edition: str, case: Mapping[str, Any]) -> bool:
    """Whether the case can stand in a history: its management is that of its category, nothing is unknown."""
    if edition == "li-rads-us@2024":
        said = case["input"] or {}
        told = {"observation", "observation_mm", "definitely_benign"} & set(said)
        plain = bool(told) and said.get("vis") in ("A", "B") and float(said.get("afp_ng_ml") or 0) < 20
        return plain and not _unknown({k: v for k, v in said.items() if k != "observation"})
    if edition == "fleischner@2017":
        said = case["patient"]
        judged = said.get("risk") in ("low", "high") and said.get("age", 0) >= 35
        return judged and bool(case["nodules"]) and not _unknown(case)
    if edition == "li-rads-ct-mri@2018":
        return bool(case["observation"]) and case["patient"].get("age", 0) >= 18 and not _unknown(case)
    exam = case["exam"]
    known = {"round", "prior_ct", "lungs_fully_evaluable"} <= set(exam) and not exam.get("known_lung_cancer")
    said = str(case["expect"]["category"]) != "0" or "interval_months" in case["expect"]
    first = exam["round"] == "baseline"
    seen = any(n.get("status") in ("existing", "new", "resolved") for n in case["nodules"])
    return known and said and not (first and seen) and len(case["nodules"]) <= 3 and not _unknown(case)


def _unknown(said: Any) -> bool:
    """Whether something is given as unknown."""
    if isinstance(said, Mapping):
        return any(_unknown(v) for k, v in said.items() if k not in ("expect", "expected", "trap", "silent"))
    return any(map(_unknown, said)) if isinstance(said, list) else said is None


def _vector(edition: str, case: Mapping[str, Any], inputs: Mapping[str, Any]) -> Vector:
    expect = case["expect"]
    interval = expect.get("interval_months", "")
    exam = _stated(inputs.get("exam", {}), case.get("exam", {}))
    if edition == "li-rads-ct-mri@2018":  # the layout's own column of that name says ct or mri
        exam["ct_mri_modality"] = exam.pop("modality")
    patient = _stated(inputs.get("patient", {}), case.get("patient", {}))
    patient.pop("age", None)  # the patient's own, from the birth date
    return Vector(
        name=case["name"],
        edition=edition,
        category=str(expect["category"]),
        interval=(int(interval[0]), int(interval[1])) if interval else interval,
        s_modifier=bool(expect.get("s_modifier", case.get("exam", {}).get("s_finding") == "new_significant")),
        exam=exam | patient,
        findings=tuple(_findings(EDITIONS[edition], case, inputs["finding"])),
        raw=case,
    )


def _findings(section: str, case: Mapping[str, Any], inputs: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    found = case[section]
    if section == "input" and "observation" in found and found["observation"] is None:
        found = {**found, "observation": "none"}
    elif section == "input" and ("observation_mm" in found or "definitely_benign" in found):
        found = {"observation": "present", **found}
    for said in found if isinstance(found, list) else [found]:
        yield {"kind": KINDS[section], **_stated(inputs, said)}


def _stated(inputs: Mapping[str, Any], said: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs as columns, with what the form's silence means written out."""
    columns: dict[str, Any] = {}
    for name, rule in inputs.items():
        value = _at(said, rule["at"]) if "at" in rule else said.get(name)
        if value is None and _absent_counts(rule, said):
            value = rule["absent"]
        columns |= _column(name, rule, value)
    return columns


def _at(said: Mapping[str, Any], path: str) -> Any:
    value: Any = said
    for step in path.split("."):
        value = value.get(step) if isinstance(value, Mapping) else None
    return value


def _absent_counts(rule: Mapping[str, Any], said: Mapping[str, Any]) -> bool:
    when = rule.get("absent_when", {})
    return "absent" in rule and all(
        said.get(name, "present" if name == "observation" else None) in words for name, words in when.items()
    )


def _column(name: str, rule: Mapping[str, Any], value: Any) -> dict[str, Any]:
    """An input as the columns of the tables: a set is one yes/no a value, n/a stands in its own column."""
    match rule["type"]:
        case "set":
            said = value if isinstance(value, list) else ()
            return {f"{name}.{word}": (word in said) if value is not None else None for word in rule["values"]}
        case "history":
            return {name: [] if value in ("n/a", None) else value}
        case "enum":
            word = None if value is None else str(value)
            unlisted = "other" in rule and word is not None and word not in rule["values"]
            return {name: rule["other"] if unlisted else word}
        case "bool" | "number":
            na = {f"{name}.na": value == "n/a"} if rule.get("absent") == "n/a" else {}
            plain = None if value in (None, "n/a") else value
            return {name: plain if rule["type"] == "bool" or plain is None else float(plain)} | na
    return {}
