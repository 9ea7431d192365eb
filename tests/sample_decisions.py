"""Decisions written by hand, for the tests of everything that reads one.

Each function returns a fresh, complete ``Assessment`` that no engine was needed for; ``ALL`` names
them. The categories follow Lung-RADS v2022; risks are the Brock model's at the inputs shown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from radlogic.engine.grounds import Gap, Grounds, NetworkNode, Push, Sway, Tension, Turn
from radlogic.engine.record import Assessment, DecisionRecord
from radlogic.engine.types import (
    Application,
    Belief,
    Case,
    Classes,
    Decision,
    Exam,
    Finding,
    FindingDecision,
    GuidelineDecision,
    Indication,
    Known,
    Measured,
    NotApplicable,
    Patient,
    PriorExam,
    Priority,
    Reading,
    Review,
    ReviewReason,
    Risk,
    Route,
    Source,
    SourceKind,
    Step,
    Unknown,
)

LUNG_RADS = "lung-rads@2022"
FLEISCHNER = "fleischner@2017"
LI_RADS = "li-rads-ct-mri@2018"
TABLE = "ACR Lung-RADS v2022, table"
EXAM_DATE = date(2025, 3, 14)
NET = Source(SourceKind.NET, "lung-nodule-texture 1.0")
BROCK_CITATION = "McWilliams A et al., N Engl J Med 2013;369:910-919, model 2b"
LUNG_RADS_CITATION = "American College of Radiology. Lung-RADS v2022. Released November 2022."
BROCK_DOMAIN = "screening participants aged 50 to 75 with nodules of 1 to 30 mm"
MONTHS_3 = "3-month LDCT; PET/CT may be considered if a solid nodule or solid component is ≥8 mm (≥268 mm³)"
MONTHS_12 = "12-month screening LDCT"
BROCK_INPUTS = {"nodule_type": "solid", "upper_lobe": True, "spiculation": False}
BROCK_INPUTS |= {"emphysema": False, "family_history_lung_cancer": False}
BY_CONVENTION = ("spiculation", "lymphadenopathy", "frank_metastatic_disease", "ggn_doubled_in_1_year")


def known(value: Any, where: str, kind: SourceKind = SourceKind.HUMAN, when: date | None = None) -> Known:
    """A statement of a value; numbers are ``Decimal``."""
    return Known(value, Source(kind, where, when))


def stated(place: str, **values: Any) -> dict[str, Belief]:
    """A reader's facts from one place of a findings file."""
    return {name: known(value, f"findings.json {place}.{name}") for name, value in values.items()}


def by_convention(place: str, names: tuple[str, ...] = BY_CONVENTION) -> dict[str, Belief]:
    """Features the reader's form omits, and that the form therefore calls not present."""
    return {name: known(False, f"findings.json {place}", SourceKind.CONVENTION) for name in names}


def from_record(value: Any, reference: str, when: date | None = None) -> Known:
    """A fact of the patient's record."""
    return known(value, reference, SourceKind.RECORD, when)


def brock(probability: float | None, inputs: Mapping[str, Any], why: str = "", missing: tuple[str, ...] = ()) -> Risk:
    """The Brock model's answer for one nodule."""
    return Risk("brock", probability, inputs, BROCK_DOMAIN, BROCK_CITATION, why, missing)


def says(display: str, management: str, interval: list[int] | None, **more: Any) -> dict[str, Any]:
    """What a guideline adds to its category."""
    return {"display": display, "management": management, "interval_months": interval} | more


def record_of(case: Case, route: Route, name: str, **more: Any) -> DecisionRecord:
    """The record that goes with a hand-made case."""
    return DecisionRecord(
        decision_id=f"sample-{name}",
        as_of=EXAM_DATE,
        engine_version="0.1.0",
        case=case,
        image_sha256=None,
        knowledge={"rules/lung_rads/2022": "0" * 64},
        route=route,
        **more,
    )


def applies(how: str, *reasons: str, guideline: str = LUNG_RADS, trace: tuple[Step, ...] = ()) -> Application:
    return Application(guideline, how, trace, reasons)


SCREENING_CT = ("indication = screening", "modality = CT")
SCREENED = Step("population", "screening", "Lung-RADS applies", SCREENING_CT, "ACR Lung-RADS v2022, scope")
FOR_SCREENING = applies("yes", "The exam was made for screening.", trace=(SCREENED,))
CT_FACTS: dict[str, Belief] = {
    "modality": known("CT", "CT series header, Modality", SourceKind.IMAGE),
    "slice_thickness_mm": known(Decimal("1.25"), "CT series header, SliceThickness", SourceKind.IMAGE),
    "kernel": known("LUNG", "CT series header, ConvolutionKernel", SourceKind.IMAGE),
    "kvp": known(Decimal("120"), "CT series header, KVP", SourceKind.IMAGE),
    "contrast": Unknown("the header names no contrast agent, which is not a no"),
}
SERIES_NOTE = "Series chosen among 3: original axial, thinnest slices, lung kernel."
PRIOR = Source(SourceKind.RECORD, "DiagnosticReport/ldct-2024", date(2024, 3, 11))
SMOKER = Patient(
    key="p-7f3a",
    facts={
        "age_years": from_record(Decimal("66"), "Patient/1", EXAM_DATE),
        "sex": from_record("F", "Patient/1"),
        "smoking_status": from_record("former", "Observation/smoking-1", date(2024, 11, 2)),
        "pack_years": from_record(Decimal("38"), "Observation/packyears-1", date(2024, 11, 2)),
        "emphysema": from_record(True, "Condition/emphysema", date(2021, 5, 30)),
        "family_history_lung_cancer": from_record(False, "FamilyMemberHistory/1"),
        "extrathoracic_cancer": Unknown("the record has no list of problems"),
    },
    prior_exams=(PriorExam(date(2024, 3, 11), "Low-dose chest CT, screening", "2", PRIOR),),
)


def solid_new() -> FindingDecision:
    """New solid nodule of 7.0 mm: 4A."""
    sizes = {"mean_mm": Decimal("7.0"), "long_mm": Decimal("7.6"), "short_mm": Decimal("6.4")}
    facts = stated("nodules[0]", type="solid", status="new", upper_lobe=True, margin="smooth", **sizes)
    step = Step(
        "solid",
        "4A-new",
        "category 4A",
        ("type = solid", "status = new", "mean diameter 7.0 mm ≥6 mm and <8 mm"),
        f"{TABLE}, solid nodule, category 4A",
        BY_CONVENTION,
    )
    extra = says("4A", MONTHS_3, [3, 3], screen_result="positive", pet_ct_option=False)
    inputs = BROCK_INPUTS | {"age": 66, "sex": "F", "nodule_size_mm": Decimal("7.0"), "nodule_count": 3}
    risk = brock(0.0493, inputs | {"emphysema": True})
    finding = Finding(
        "N1", "nodule", facts | by_convention("nodules[0]"), (-52.4, -31.0, -118.5), "right upper lobe, apical segment"
    )
    return FindingDecision(finding, Reading(LUNG_RADS, "4A", ("4A",), (step,), facts=extra), risk)


def part_solid_silent() -> FindingDecision:
    """New part-solid nodule under 6 mm with a solid part of 4 mm: the guideline is silent (3 or 4B)."""
    facts = stated(
        "nodules[1]", type="part_solid", status="new", mean_mm=Decimal("5.5"), solid_mean_mm=Decimal("4.2")
    ) | {"margin": Unknown("the reader left the margin open"), "prior_mean_mm": NotApplicable(NEW_NODULE)}
    step = Step(
        "part_solid",
        "3-new-small",
        "category 3 (default reading)",
        ("type = part_solid", "status = new", "mean diameter 5.5 mm <6 mm", "solid component 4.2 mm ≥4 mm"),
        f"{TABLE}, part-solid nodule, categories 3 and 4B",
        BY_CONVENTION,
    )
    extra = says("3", "6-month LDCT", [6, 6], screen_result="positive", pet_ct_option=None)
    finding = Finding(
        "N2", "nodule", facts | by_convention("nodules[1]"), (61.0, 12.2, -201.0), "left lower lobe, superior segment"
    )
    reading = Reading(LUNG_RADS, "3", ("3",), (step,), silent=True, alternatives=("4B",), facts=extra)
    inputs = {"age": 66, "sex": "F", "nodule_size_mm": Decimal("5.5"), "nodule_type": "part_solid", "nodule_count": 3}
    return FindingDecision(finding, reading, brock(None, inputs, "the reader did not state the lobe", ("upper_lobe",)))


NEW_NODULE = Source(SourceKind.HUMAN, "findings.json nodules[1].status")


def non_solid_stable() -> FindingDecision:
    """Non-solid nodule of 12.0 mm, stable: 2; its size a measurement with an error."""
    facts: dict[str, Belief] = stated("nodules[2]", type="non_solid", status="existing", upper_lobe=True) | {
        "mean_mm": Measured(12.0, 0.6, "mm", Source(SourceKind.IMAGE, "SEG 1.2.840.99.1 segment 3", EXAM_DATE)),
        "prior_mean_mm": known(Decimal("11.8"), "DiagnosticReport/ldct-2024", SourceKind.REPORT, date(2024, 3, 11)),
        "interval_months": known(Decimal("12"), "DiagnosticReport/ldct-2024", SourceKind.REPORT),
    }
    step = Step(
        "non_solid",
        "2-small",
        "category 2",
        ("type = non_solid", "mean diameter 12.0 mm <30 mm"),
        f"{TABLE}, non-solid nodule, category 2",
        BY_CONVENTION,
    )
    extra = says("2", MONTHS_12, [12, 12], screen_result="negative", pet_ct_option=None)
    inputs = BROCK_INPUTS | {"age": 66, "sex": "F", "nodule_size_mm": 12.0, "nodule_count": 3}
    inputs |= {"nodule_type": "non_solid", "emphysema": True}
    finding = Finding("N3", "nodule", facts | by_convention("nodules[2]"), (-40.0, 20.5, -95.0), "right upper lobe")
    reading = Reading(LUNG_RADS, "2", ("2",), (step,), probabilities={"2": 1.0}, facts=extra)
    return FindingDecision(finding, reading, brock(0.17275, inputs))


def screening() -> Assessment:
    """Annual screening: solid 4A, part-solid 3 where the guideline is silent, non-solid 2. Exam 4A."""
    findings = (solid_new(), part_solid_silent(), non_solid_stable())
    exam_facts = CT_FACTS | stated("exam", round="annual", prior_ct="available", lungs_fully_evaluable=True)
    exam_facts |= {"known_lung_cancer": known(False, "findings.json exam.known_lung_cancer")}
    exam = Exam(EXAM_DATE, Indication.SCREENING, exam_facts, "1.2.840.99.20250314", (SERIES_NOTE,))
    because = ("the most suspicious nodule decides: N1",)
    highest = Step("exam", "highest", "category 4A, from N1", because, "ACR Lung-RADS v2022, note 1")
    extra = {**findings[0].reading.facts, "s_modifier": False}
    whole = Reading(LUNG_RADS, "4A", ("4A",), (highest,), silent=True, alternatives=("4B",), facts=extra)
    why = ReviewReason("guideline_silent", "For N2 the guideline's text decides neither for 3 nor 4B.", Priority.SOON)
    lung = GuidelineDecision(FOR_SCREENING, whole, findings, date(2025, 6, 14))
    review = Review(True, Priority.SOON, (why,))
    citations = (LUNG_RADS_CITATION, BROCK_CITATION)
    decision = Decision((lung, not_eligible_for_li_rads()), Route.HYBRID, review, citations)
    case = Case(exam, tuple(f.finding for f in findings), SMOKER)
    return Assessment(decision, record_of(case, Route.HYBRID, "screening"))


def not_eligible_for_li_rads() -> GuidelineDecision:
    because = ("multiphase = no",)
    step = Step("population", "no-multiphase", "LI-RADS does not apply", because, "CT/MRI LI-RADS v2018 core, p. 6")
    why = "The exam does not show the liver in several phases."
    return GuidelineDecision(applies("no", why, guideline=LI_RADS, trace=(step,)), None, ())


def unknown_indication() -> Assessment:
    """Nobody said why the exam was made: Lung-RADS 4A and Fleischner both hold only conditionally."""
    facts = stated(
        "nodules[0]", type="solid", status="baseline", mean_mm=Decimal("9.5"), upper_lobe=True
    ) | by_convention("nodules[0]")
    finding = Finding("N1", "nodule", facts, (-44.0, -20.0, -150.0), "right upper lobe")
    step = Step(
        "solid",
        "4A-baseline",
        "category 4A",
        ("type = solid", "status = baseline", "mean diameter 9.5 mm ≥8 mm and <15 mm"),
        f"{TABLE}, solid nodule, category 4A",
        BY_CONVENTION,
    )
    extra = says("4A", MONTHS_3, [3, 3], pet_ct_option=True, s_modifier=False, conditional=True)
    lung = Reading(LUNG_RADS, "4A", ("4A",), (step,), facts=extra)
    big = Step("solid", "single-over-8", "consider CT at 3 months", ("9.5 mm > 8 mm",), "Fleischner 2017, table 1")
    options = says(
        "solid, single, >8 mm", "Consider CT at 3 months, PET/CT or tissue sampling", [3, 3], conditional=True
    )
    other = Reading(FLEISCHNER, "solid-single-over-8", ("solid-single-over-8",), (big,), facts=options)
    inputs = BROCK_INPUTS | {"age": 71, "sex": "M", "nodule_size_mm": Decimal("9.5"), "nodule_count": 1}
    found = FindingDecision(finding, lung, brock(0.06686, inputs))
    due = date(2025, 6, 14)
    if_screening = applies("conditional", "Holds only if the exam was made for screening.")
    if_incidental = applies("conditional", "Holds only if the nodule was found by chance.", guideline=FLEISCHNER)
    guidelines = (
        GuidelineDecision(if_screening, lung, (found,), due),
        GuidelineDecision(if_incidental, other, (FindingDecision(finding, other),), due),
    )
    text = "Nobody stated why the exam was made (indication unknown)."
    review = Review(True, Priority.SOON, (ReviewReason("applicability_unconfirmed", text, Priority.SOON),))
    citations = (LUNG_RADS_CITATION, "MacMahon H et al., Radiology 2017;284:228-243", BROCK_CITATION)
    decision = Decision(guidelines, Route.RULE_BASED, review, citations)
    case = Case(Exam(EXAM_DATE, Indication.UNKNOWN, CT_FACTS, "1.2.840.99.5"), (finding,), Patient("p-22c1"))
    return Assessment(decision, record_of(case, Route.RULE_BASED, "unknown-indication"))


def unknown_type() -> Assessment:
    """A nodule of unstated type: 2, 3, 4A and 4B remain possible; what the net says stays unconfirmed."""
    facts = stated("nodules[0]", status="baseline", mean_mm=Decimal("8.4")) | {
        "type": Unknown("the reader did not state the type"),
        "solid_mean_mm": Unknown("no solid component was measured"),
    }
    finding = Finding("N1", "nodule", facts, (12.0, -40.0, -170.0), "left upper lobe, lingula")
    nets: dict[str, Belief] = {
        "type": Classes({"solid": 0.72, "part_solid": 0.25, "non_solid": 0.03}, NET),
        "mean_mm": Measured(8.9, 0.7, "mm", NET),
    }
    open_step = Step("nodule", "type-unknown", "2, 3, 4A or 4B", ("type is unknown",), TABLE)
    possible = ("2", "3", "4A", "4B")
    reading = Reading(LUNG_RADS, None, possible, (open_step,), ask="type")
    inputs = {"age": 59, "sex": "M", "nodule_size_mm": Decimal("8.4")}
    risk = brock(None, inputs, "the nodule's type is unknown", ("nodule_type",))
    found = FindingDecision(finding, reading, risk, unconfirmed=nets)
    lung = GuidelineDecision(FOR_SCREENING, Reading(LUNG_RADS, None, possible, (), ask="type"), (found,))
    decides = "The type of N1 decides among 2, 3, 4A and 4B, and is unknown."
    reasons = (
        ReviewReason("decisive_unknown", decides, Priority.URGENT),
        ReviewReason("not_calibrated_here", "The extractor was not calibrated on this site's cases.", Priority.ROUTINE),
    )
    review = Review(True, Priority.URGENT, reasons)
    decision = Decision((lung,), Route.RULE_BASED, review, (LUNG_RADS_CITATION, BROCK_CITATION))
    exam = Exam(EXAM_DATE, Indication.SCREENING, CT_FACTS | stated("exam", round="baseline"), "1.2.840.99.6")
    case = Case(exam, (finding,), Patient("p-91aa", {"age_years": from_record(Decimal("59"), "Patient/9")}))
    record = record_of(
        case, Route.RULE_BASED, "unknown-type", masked=("N1/type", "N1/mean_mm"), unconfirmed={"N1": nets}
    )
    return Assessment(decision, record)


def no_guideline() -> Assessment:
    """One contrast phase of a liver with metastases: nothing held here applies."""
    finding = Finding("L1", "observation", stated("observation", size_mm=Decimal("23")), None, "segment VII")
    no_lung = applies("no", "The exam shows no whole lungs.", "The indication is known cancer, not screening.")
    why = ReviewReason("no_guideline_applies", "No guideline held here applies to this exam.", Priority.ROUTINE)
    review = Review(True, Priority.ROUTINE, (why,))
    guidelines = (GuidelineDecision(no_lung, None, ()), not_eligible_for_li_rads())
    decision = Decision(guidelines, Route.RULE_BASED, review, ())
    facts = {"modality": known("CT", "CT series header, Modality", SourceKind.IMAGE)}
    exam = Exam(date(2025, 1, 31), Indication.KNOWN_CANCER, facts, "1.2.840.99.7", ("One phase, slices of 5 mm.",))
    case = Case(exam, (finding,), Patient("p-cc01"))
    return Assessment(decision, record_of(case, Route.RULE_BASED, "no-guideline"))


def no_findings() -> Assessment:
    """Baseline screening in which the reader listed no nodule: 1."""
    because = ("the list of nodules is empty",)
    step = Step("exam", "no-nodule", "category 1", because, f"{TABLE}, category 1", ("s_finding",))
    extra = says("1", MONTHS_12, [12, 12], screen_result="negative", pet_ct_option=None, s_modifier=False)
    reading = Reading(LUNG_RADS, "1", ("1",), (step,), facts=extra)
    lung = GuidelineDecision(FOR_SCREENING, reading, (), date(2026, 3, 14))
    decision = Decision((lung,), Route.RULE_BASED, Review(False, Priority.ROUTINE, ()), (LUNG_RADS_CITATION,))
    facts = CT_FACTS | stated("exam", round="baseline", prior_ct="none", lungs_fully_evaluable=True)
    case = Case(Exam(EXAM_DATE, Indication.SCREENING, facts, "1.2.840.99.8"), (), Patient("p-10be"))
    return Assessment(decision, record_of(case, Route.RULE_BASED, "no-findings"))


NETWORK = "lung-nodule@1"
SIZES = {"about_7": 0.0, "about_8": 0.1, "about_9": 0.7, "about_10": 0.2, "about_11": 0.0}
NODES = (
    NetworkNode("size", "Longest diameter", (), SIZES, "uncertain"),
    NetworkNode("malignancy", "The nodule is a lung cancer", ("size",), {"benign": 0.9478, "malignant": 0.0522}),
    NetworkNode("smoking", "Smoking", ("malignancy",), {"never": 0.0, "former": 1.0, "current": 0.0}, "former"),
    NetworkNode("margin", "Margin", ("malignancy", "size"), {"other": 0.44, "smooth": 0.56, "spiculated": 0.0},
                "smooth or other"),
    NetworkNode("pack_years", "Pack-years", ("smoking",), {"none": 0.02, "below_20": 0.38, "from_20_to_40": 0.6}),
    NetworkNode("fdg_uptake", "Uptake", ("malignancy", "size"), {"none": 0.35, "faint": 0.3, "intense": 0.35}),
)  # fmt: skip
PLACE = "findings.json nodules[0].spiculation"
GROUNDS = Grounds(
    target="malignancy",
    state="malignant",
    thresholds=("10 %: PET-CT is considered",),
    prior=-3.9,
    posterior=-2.9,
    together=-0.12,
    interval=(0.0203, 0.1188),
    level=0.9,
    conflict=0.4,
    pushes=(
        Push("size", "uncertain", 1.3, 1.4, True),
        Push("margin", "smooth or other", -0.3, -0.3, False),
        Push("smoking", "former", 0.02, 0.02, False),
    ),
    turns=(
        Turn("fdg_uptake", "intense", 0.21, 0.35, ("10 %: PET-CT is considered",)),
        Turn("margin", "spiculated", 0.14, 0.04, ("10 %: PET-CT is considered",)),
    ),
    gaps=(Gap("fdg_uptake", 0.06, 0.35), Gap("pack_years", 0.0, 0.0)),
    sways=(
        Sway("malignancy", "malignancy=malignant: size (term 2)", -5.385, -6.5, -4.3, 0.031, 0.088),
        Sway("smoking", "smoking=former | malignancy=malignant", 0.53, 0.4, 0.7, 0.045, 0.061),
    ),
    nodes=NODES,
)  # fmt: skip


def fused() -> Assessment:
    """Screening with a network's risk of two nodules, Brock's beside it; N1 decides. N3 has no such risk."""
    held = screening()
    lung, other = held.decision.guidelines
    notes = ("size: a measurement with an error", "margin: by the convention of the reader's form")
    why = "; ".join(notes)
    against = (f"margin: spiculation ({PLACE}) says otherwise than margin, which was used",)
    told = {"size": "uncertain", "margin": "smooth or other", "smoking": "former"}
    answer = Risk(
        NETWORK,
        0.0522,
        told,
        "nodules of 1 to 30 mm",
        "This project",
        why,
        ("pack_years", "fdg_uptake"),
        GROUNDS,
        contradictions=against,
        tensions=(Tension("smoking", "pack_years", 3.4),),
    )
    first, second, third = lung.findings
    findings = (
        FindingDecision(first.finding, first.reading, answer, published=(first.risk,) if first.risk else ()),
        FindingDecision(second.finding, second.reading, answer, published=(second.risk,) if second.risk else ()),
        FindingDecision(third.finding, third.reading, None, published=(third.risk,) if third.risk else ()),
    )
    lung = GuidelineDecision(lung.application, lung.exam, findings, lung.due_date)
    decision = Decision((lung, other), held.decision.route, held.decision.review, held.decision.citations)
    return Assessment(decision, record_of(held.record.case, held.decision.route, "fused"))


ALL: Mapping[str, Callable[[], Assessment]] = {
    f.__name__: f for f in (screening, unknown_indication, unknown_type, no_guideline, no_findings, fused)
}
