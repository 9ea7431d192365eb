"""Decisions for the tests of reports: of every case beside the rules and of ../shared, and those of the golden files.

``python tests/report_cases.py`` (with ``PYTHONPATH=.links:tests``) writes the golden files anew; read what changed.
"""

import json
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import rule_cases
from compared_exams import compared
from sample_decisions import unknown_type
from shared_data import shared

from radlogic.adapters import cases
from radlogic.adapters.report.signed import Signed
from radlogic.adapters.report.text import report_text
from radlogic.adapters.stated import from_case
from radlogic.engine.assess import assess
from radlogic.engine.guideline.load import load_guideline
from radlogic.engine.knowledge import Knowledge, load_knowledge
from radlogic.engine.record import Assessment
from radlogic.engine.types import (
    Case,
    Classes,
    Exam,
    Indication,
    Known,
    Measured,
    Patient,
    PriorExam,
    Source,
    SourceKind,
)

AS_OF = date(2026, 11, 1)
GOLDEN = Path(__file__).resolve().parent / "report" / "golden"
FOR = {"lung-rads": Indication.SCREENING, "fleischner": Indication.INCIDENTAL}
ALGORITHMS = {
    "ACR Lung-RADS v2022": "lung-rads@2022",
    "LI-RADS CT/MRI diagnostic v2018": "li-rads-ct-mri@2018",
    "CEUS LI-RADS v2017": "li-rads-ceus@2017",
    "LI-RADS TRA nonradiation v2024": "li-rads-tra-nonradiation@2024",
    "LI-RADS TRA radiation v2024": "li-rads-tra-radiation@2024",
    "LI-RADS TR v2017/v2018": "li-rads-tr@2018",
    "LI-RADS US surveillance v2024": "li-rads-us@2024",
}
RECORD = Source(SourceKind.RECORD, "DiagnosticReport/1", date(2025, 10, 12))


NOBODY = Patient()


@lru_cache
def knowledge(guideline: str) -> Knowledge:
    return load_knowledge(None, guideline)


def decided(guideline: str, content: dict[str, Any], patient: Patient = NOBODY, **exam: Any) -> Assessment:
    """The decision on a case of the reader's form, made for what the guideline is for."""
    beside = (*rule_cases.BESIDE, *cases.IGNORED)
    plain = cases.parse(json.dumps({k: v for k, v in content.items() if k not in beside}, default=str))
    stated = from_case(plain, load_guideline(guideline), "findings.json")
    why = stated.indication or FOR.get(guideline.partition("@")[0], Indication.SURVEILLANCE)
    made = Exam(stated.date, exam.pop("indication", why), {**stated.exam, **exam}, "1.2.840.99.1")
    return assess(Case(made, stated.findings, patient, assessed=stated.assessed), knowledge(guideline), AS_OF)


def of_rules() -> Iterator[tuple[str, dict[str, Any]]]:
    """(guideline, case) of every case beside the rules."""
    return ((name, case) for name in rule_cases.guidelines() for case in rule_cases.of(name))


def of_shared() -> Iterator[tuple[str, dict[str, Any]]]:
    """(guideline, case) of every case of ../shared/cases that is read by a guideline."""
    for file in ("lung_rads.json", "li_rads.json"):
        for case in json.loads(shared(f"cases/{file}").read_text(encoding="utf-8"))["cases"]:
            yield ALGORITHMS[case["algorithm"]], case


def record_of(value: Any, reference: str) -> Known:
    return Known(value, Source(SourceKind.RECORD, reference, date(2026, 1, 9)))


SCREEN = {"round": "annual", "prior_ct": "available", "lungs_fully_evaluable": True, "date": "2026-10-15"}
WHOLE = {"lungs_imaged": Known("whole", Source(SourceKind.IMAGE, "CT series, extent of the lungs"))}
FIRST = {"round": "baseline", "prior_ct": "none", "lungs_fully_evaluable": True, "date": "2026-10-15"}
LIVER = {"cirrhosis": True, "chronic_hbv": False, "cirrhosis_cause": "other"}
AT_RISK = Patient(
    "p-liver",
    {name: record_of(value, f"Condition/{name}") for name, value in LIVER.items()}
    | {"age_years": record_of(cases.parse("61"), "Patient/2")},
)
SCREENED = Patient(
    "p-lung",
    {"age_years": record_of(cases.parse("66"), "Patient/1"), "sex": record_of("F", "Patient/1")},
    tuple(
        PriorExam(day, "Low-dose chest CT, screening", category, RECORD, "chest")
        for day, category in ((date(2025, 10, 12), "3"), (date(2024, 10, 12), "3"), (date(2023, 10, 9), "2"))
    ),
)
GROWN = {
    "tracking_id": "N1",
    "type": "solid",
    "status": "existing",
    "mean_mm": 9.0,
    "prior_mean_mm": 7.9,
    "interval_months": 12,
    "previous_category": "3",
    "history": [{"months_ago": 24, "mean_mm": 7.0}, {"months_ago": 36, "mean_mm": 6.4}],
    "location": "right upper lobe",
    "margin": "spiculated",
}
NEW = {"tracking_id": "N2", "type": "part_solid", "status": "new", "mean_mm": 5.5, "solid_mean_mm": 4.2}
OVERRIDE = Signed(
    "reader-7",
    datetime(2026, 10, 16, 9, 30, tzinfo=UTC),
    "overridden",
    {"guideline": "lung-rads@2022", "category": "4A", "management": "3-month LDCT"},
    "clinical_context",
)


def measured() -> Assessment:
    """A nodule of which a net measures the size and the type, beside what the reader states."""
    made = decided("lung-rads@2022", {"exam": FIRST, "nodules": [{"tracking_id": "N1", "status": "baseline"}]}, **WHOLE)
    net = Source(SourceKind.NET, "lung-nodule 1")
    said = {
        "type": Classes({"solid": 0.7, "part_solid": 0.25, "non_solid": 0.05}, net),
        "mean_mm": Measured(8.4, 0.6, "mm", net),
    }
    finding = made.record.case.findings[0]
    case = replace(made.record.case, findings=(replace(finding, facts={**finding.facts, **said}),))
    return assess(case, knowledge("lung-rads@2022"), AS_OF)


def liver(observation: dict[str, Any] | None) -> Assessment:
    exam = {"modality": "MRI_gadoxetate", "multiphase": True}
    return decided("li-rads-ct-mri@2018", {"exam": exam, "observation": observation}, AT_RISK)


def grown() -> Assessment:
    return decided("lung-rads@2022", {"exam": SCREEN, "nodules": [GROWN, NEW]}, SCREENED, **WHOLE)


def old_edition() -> Assessment:
    nodule = {
        "tracking_id": "N1",
        "type": "solid",
        "status": "new",
        "long_mm": 9.4,
        "short_mm": 7.6,
        "perifissural": False,
    }
    return decided("lung-rads@1.1", {"exam": {**SCREEN, "date": "2021-03-31"}, "nodules": [nodule]}, **WHOLE)


def open_indication() -> Assessment:
    nodules = [{"type": "part_solid", "mean_mm": 7, "solid_mean_mm": 4, "location": "left lower lobe"}]
    content = {
        "exam": {"number": "single", "date": "2026-10-15"},
        "patient": {"age": 58, "risk": "high"},
        "nodules": nodules,
    }
    return decided("fleischner@2017", content, indication=Indication.UNKNOWN)


TYPICAL = {
    "size_mm": 23, "aphe": "nonrim", "washout": "nonperipheral_pvp", "capsule": "enhancing", "location": "segment VII",
    "growth": {"prior_size_mm": 14, "interval_months": 5, "prior_modality": "MRI", "is_mass": True},
}  # fmt: skip
TARGETOID = {"size_mm": 31, "aphe": "rim", "washout": "peripheral", "capsule": "none", "lrm": ["targetoid_restriction"]}
AFTER_TARE = {"treatment": "TARE", "masslike_enhancement": "present", "change": "decreased", "modality": "CT"}
UNSIZED = {"type": "solid", "status": "baseline"}
ULTRASOUND = {"observation_mm": 12, "vis": "B", "afp_ng_ml": 8, "definitely_benign": False}
THYROID = {"composition": "solid", "echogenicity": "hypoechoic", "shape": "taller", "margin": "smooth",
           "foci": ["punctate"], "size_cm": 1.2}  # fmt: skip
MAKE: dict[str, tuple[Callable[[], Assessment], Signed | None]] = {
    "lung-growth-and-silent-spot": (grown, None),
    "lung-found-again": (lambda: compared("10.5", location="right upper lobe"), None),
    "lung-found-again-and-stated-new": (lambda: compared("10.5", location="right upper lobe", status="new"), None),
    "lung-signed-with-another-answer": (grown, OVERRIDE),
    "lung-size-unknown": (
        lambda: decided("lung-rads@2022", {"exam": FIRST, "nodules": [UNSIZED]}, **WHOLE),
        None,
    ),
    "lung-nothing-listed": (lambda: decided("lung-rads@2022", {"exam": FIRST, "nodules": []}, **WHOLE), None),
    "lung-net-withheld": (measured, None),
    "lung-net-withheld-by-hand": (unknown_type, None),
    "lung-1-1": (old_edition, None),
    "fleischner-indication-unknown": (open_indication, None),
    "liver-typical": (lambda: liver(TYPICAL), None),
    "liver-targetoid-superseded": (
        lambda: liver(TARGETOID),
        replace(OVERRIDE, outcome="accepted", override={}, reason="", replaced_by="d-2"),
    ),
    "liver-features-unknown": (lambda: liver({"size_mm": 12, "aphe": "nonrim"}), None),
    "liver-ultrasound": (lambda: decided("li-rads-us@2024", {"input": ULTRASOUND}, AT_RISK), None),
    "liver-contrast-ultrasound": (
        lambda: decided(
            "li-rads-ceus@2017", {"input": {"size_mm": 22, "aphe": "nonrim", "washout": "late_mild"}}, AT_RISK
        ),
        None,
    ),
    "liver-after-radiation": (
        lambda: decided(
            "li-rads-tra-radiation@2024",
            {
                "input": {
                    "treatment": "TARE",
                    "masslike_enhancement": "present",
                    "change": "decreased",
                    "modality": "CT",
                }
            },
        ),
        None,
    ),
    "thyroid": (lambda: decided("ti-rads@2017", {"exam": {"date": "2026-10-15"}, "nodules": [THYROID]}), None),
}


def golden_text(name: str) -> str:
    """The report without what changes with every edit of a rule file: hashes and our version."""
    make, signed = MAKE[name]
    text = re.sub(r"\b(?=[0-9]*[a-f])[0-9a-f]{16,64}\b", "<sha256>", report_text(make(), signed))
    return re.sub(r"(- radlogic: )\S+", r"\1<version>", text)


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for each in sys.argv[1:] or MAKE:
        (GOLDEN / f"{each}.txt").write_text(golden_text(each), encoding="utf-8")
