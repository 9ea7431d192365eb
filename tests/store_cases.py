"""A screening CT decided by the engine itself, for what keeps and replays decisions."""

from datetime import date
from decimal import Decimal

from radlogic.engine.assess import assess
from radlogic.engine.knowledge import load_knowledge
from radlogic.engine.types import Case, Exam, Finding, Indication, Known, NotApplicable, Patient, Source, SourceKind

AS_OF = date(2026, 3, 1)
HUMAN = Source(SourceKind.HUMAN, "reader")
RECORD = Source(SourceKind.RECORD, "Observation/pack-years-1")
NET = Source(SourceKind.NET, "a net that nobody has any more")


def stated(**facts):
    return {name: Known(value, HUMAN) for name, value in facts.items()}


def exam(**nodule):
    """A screening CT with one nodule that somebody described."""
    nodule = {"type": "solid", "mean_mm": Decimal("7.0"), "status": "baseline", **nodule}
    absent = {"benign_feature": "none", "proven_benign": False, "juxtapleural": False, "growing": False}
    absent |= {
        f"suspicious_features.{name}": False
        for name in ("spiculation", "lymphadenopathy", "frank_metastatic_disease", "ggn_doubled_in_1_year")
    }
    facts = {**stated(**absent, **nodule), "previous_category": NotApplicable(HUMAN)}
    around = stated(round="baseline", prior_ct="none", lungs_fully_evaluable=True, s_finding="none")
    patient = Patient("0123456789abcdef", {"pack_years": Known(Decimal("38"), RECORD)})
    taken = Exam(date(2026, 2, 27), Indication.SCREENING, around, "1.2.826.0.1.3680043.8.498.1", ("read on a phone",))
    return Case(taken, (Finding("n1", "nodule", facts),), patient, assessed=("nodule",))


def decided(case=None, folders=(), guideline="lung-rads@2022"):
    return assess(case or exam(), load_knowledge(date(2026, 2, 27), guideline, folders), AS_OF)
