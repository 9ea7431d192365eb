"""All cases of a guideline, with what their answers must be: beside its tables, in ../shared/cases, and of applying."""

import json
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import rule_cases
import yaml
from mutation import said
from mutation.amounts import Needs, rests_on
from mutation.reading import Broken, Seen
from mutation.rules import Rules
from shared_data import shared

from radlogic.adapters import cases
from radlogic.adapters.classify import plain
from radlogic.engine.guideline.load import Guideline
from radlogic.engine.types import Known, NotApplicable, Source, SourceKind

ALGORITHMS = {
    "ACR Lung-RADS v2022": "lung-rads@2022",
    "LI-RADS CT/MRI diagnostic v2018": "li-rads-ct-mri@2018",
    "LI-RADS TRA nonradiation v2024": "li-rads-tra-nonradiation@2024",
    "LI-RADS TRA radiation v2024": "li-rads-tra-radiation@2024",
    "LI-RADS TR v2017/v2018": "li-rads-tr@2018",
    "LI-RADS US surveillance v2024": "li-rads-us@2024",
    "CEUS LI-RADS v2017": "li-rads-ceus@2017",
}
INTERVALS = ("lung-rads@2022", "li-rads-ct-mri@2018", "li-rads-tra-nonradiation@2024", "li-rads-tra-radiation@2024")
KEYS = ("display", "s_modifier", "screen_result", "pet_ct_option", "due_date", "threshold_growth")
FORM = ("exam", "patient", "nodules", "observation", "input")
APPLIES = Path(__file__).parent / "applies"
SAID = Source(SourceKind.HUMAN, "case")


def document(name: str) -> dict[str, Any]:
    """The plain document of a shipped guideline, as it was read before it was compiled."""
    return dict(rule_cases.guideline(name).document)


@dataclass
class Case:
    """A case: the facts that it states, and what an answer to it misses."""

    name: str
    content: dict[str, Any]
    guideline: str
    kind: str  # "beside", "shared" or "applies"
    facts: Any = None
    seen: Seen = field(default_factory=Seen)
    told: dict[str, list[Any]] = field(default_factory=dict)

    def state(self, rules: Rules) -> Any:
        """The facts by the document's own form."""
        if self.kind == "applies":
            return {n: self.fact(v) for n, v in self.content["facts"].items()}
        form = Guideline(self.guideline, rules.document, None, None)  # type: ignore[arg-type] # the form needs no diagram
        left_out = rule_cases.BESIDE if self.kind == "beside" else [k for k in self.content if k not in FORM]
        stated = {k: v for k, v in self.content.items() if k not in left_out}
        return cases.read(cases.parse(json.dumps(stated, default=str)), form)

    @staticmethod
    def fact(value: Any) -> Any:
        if isinstance(value, int | float) and not isinstance(value, bool):
            value = Decimal(str(value))
        return NotApplicable(SAID) if value == "n/a" else Known(value, SAID)

    def missed(self, rules: Rules, facts: Any = None, seen: Seen | None = None) -> list[str]:
        """The fields in which the reading by these rules differs from what the case expects.

        Raises: Broken, Impossible, InputError.
        """
        facts = self.facts if facts is None else facts
        if self.kind == "applies":
            return [] if said.applies(rules, facts, seen) == set(self.content["expect"]) else ["applies"]
        found = plain(said.said(rules, facts.exam, [f for _, f in facts.findings], facts.exam_date, seen))
        return list(rule_cases.misses(self.content, found)) if self.kind == "beside" else self.differs(found)

    def settled_alike(self, base: Rules, rules: Rules, table: str, tested: str | None) -> bool:
        """Whether a changed table says the same as before in all that this case leaves open: then nothing can change.

        ``tested``: the fact or number whose test was changed. Where that one was only supposed, the values supposed
        may lie on one side of the changed test by chance: then it is not known.
        """
        behind = {tested, (tested or "").split(".")[0]} | (
            rests_on(tested, base.numbers) if tested in base.numbers else set()
        )
        worlds = [w for w in self.seen.worlds if table in w.known]
        if table not in self.told:
            self.told[table] = [w.told(table, base) for w in worlds]
        try:
            return not any(
                w.supposed & behind or w.told(table, rules) != before
                for w, before in zip(worlds, self.told[table], strict=True)
            )
        except (Needs, Broken):
            return False

    def differs(self, found: dict[str, Any]) -> list[str]:
        """As ../shared/tools/check_guidelines.py compares."""
        case, want = self.content, self.content["expected"]
        either = {want["category"], *case["alternatives"]}
        if case["ambiguous"]:
            fine = found["category"] in either and found["silent"] and found["alternatives"]
            return [] if fine else ["silent"]
        if case["debatable"]:
            return [] if found["category"] in either else ["category"]
        keys = (*KEYS, *(["interval_months"] if self.guideline in INTERVALS else []))
        wrong = [k for k in ("category", *keys) if k in want and want[k] != found.get(k, "<absent>")]
        return wrong + ["possible"] * (found["possible"] != [want["category"]]) + ["silent"] * found["silent"]


def of(name: str, rules: Rules) -> list[Case]:
    """Every case of a guideline, read once."""
    found = [Case(f"{c['name']}", c, name, "beside") for c in rule_cases.of(name)]
    for file in ("lung_rads.json", "li_rads.json"):
        listed = json.loads(shared(f"cases/{file}").read_text(encoding="utf-8"))["cases"]
        found += [Case(c["id"], c, name, "shared") for c in listed if ALGORITHMS[c["algorithm"]] == name]
    path = APPLIES / f"{name}.yaml"
    listed = yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else []
    found += [Case(c["name"], c, name, "applies") for c in listed]
    for case in found:
        case.facts = case.state(rules)
    return found
