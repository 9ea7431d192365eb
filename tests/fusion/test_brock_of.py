"""Brock's risk of a nodule from beliefs: what is not known is named, nothing is assumed."""

from datetime import date
from decimal import Decimal

import pytest

from radlogic.engine.errors import BadValue
from radlogic.engine.fusion.risk import brock_of, risk
from radlogic.engine.types import (
    Classes,
    Finding,
    Known,
    Measured,
    NotApplicable,
    Patient,
    Source,
    SourceKind,
    Unknown,
)

READER = Source(SourceKind.HUMAN, "findings.json nodules[0]")
RECORD = Source(SourceKind.RECORD, "Condition/1", date(2020, 1, 1))
NODULE = {
    "type": Known("solid", READER),
    "long_mm": Known(Decimal("9.0"), READER),
    "mean_mm": Known(Decimal("8.0"), READER),
    "upper_lobe": Known(True, READER),
    "spiculation": Known(False, READER),
}
FACTS = {
    "age_years": Known(Decimal(65), RECORD),
    "sex": Known("M", RECORD),
    "emphysema": Known(True, RECORD),
    "family_history_lung_cancer": Known(False, RECORD),
}
INPUTS = {
    "age": 65, "sex": "M", "nodule_type": "solid", "upper_lobe": True, "spiculation": False, "emphysema": True,
    "family_history_lung_cancer": False, "nodule_count": 2,
}  # fmt: skip


def brock(nodule=None, facts=None, count=2, **more):
    finding = Finding("N1", "nodule", {k: v for k, v in (NODULE | (nodule or {})).items() if v is not None})
    patient = Patient("p", {k: v for k, v in (FACTS | (facts or {})).items() if v is not None})
    return brock_of(finding, patient, count, **more)


def test_known_beliefs_give_the_published_risk_with_the_longest_diameter():
    answer = brock()

    assert answer.probability == risk("brock", INPUTS | {"nodule_size_mm": 9.0}).probability
    assert answer.inputs == INPUTS | {"nodule_size_mm": 9.0}
    assert (answer.missing, answer.why) == ((), "")


def test_the_mean_diameter_stands_in_and_says_so():
    answer = brock({"long_mm": None})

    assert answer.probability == risk("brock", INPUTS | {"nodule_size_mm": 8.0}).probability
    assert answer.why == "nodule_size_mm is mean_mm; the model was fitted on long_mm"


def test_a_measurement_enters_with_its_mean_and_shows_its_error():
    answer = brock({"long_mm": Measured(9.0, 0.7, "mm", Source(SourceKind.IMAGE, "SEG 1"))})

    assert answer.probability == brock().probability
    assert "9 ± 0.7 mm" in answer.why


def test_a_feature_absent_by_convention_is_used_and_said():
    convention = Known(False, Source(SourceKind.CONVENTION, "findings.json"))

    answer = brock({"spiculation": None, "suspicious_features.spiculation": convention})

    assert answer.probability == brock().probability
    assert answer.why == "spiculation is taken from what the reader's form leaves out, by its convention"


@pytest.mark.parametrize(
    ("nodule", "facts", "missing", "words"),
    [
        ({"upper_lobe": None}, {}, "upper_lobe", "nobody stated it"),
        ({"long_mm": None, "mean_mm": None}, {}, "nodule_size_mm", "nobody stated it"),
        ({"type": Unknown("not seen well")}, {}, "nodule_type", "not seen well"),
        ({"type": Known("cyst", READER)}, {}, "nodule_type", "'cyst' is not what the model takes"),
        ({"type": Classes({"solid": 0.9, "part_solid": 0.1}, READER)}, {}, "nodule_type", "probability for each class"),
        ({"long_mm": Known(Decimal(0), READER)}, {}, "nodule_size_mm", "above 0"),
        ({"spiculation": NotApplicable(READER)}, {}, "spiculation", "not applicable"),
        ({}, {"emphysema": Unknown("the record does not mention it")}, "emphysema", "does not mention it"),
        ({}, {"age_years": None}, "age", "nobody stated it"),
        ({}, {"sex": Unknown("other")}, "sex", "other"),
    ],
)
def test_what_is_not_known_gives_no_number_and_is_named_with_its_reason(nodule, facts, missing, words):
    answer = brock(nodule, facts)

    assert answer.probability is None
    assert answer.missing == (missing,)
    assert missing not in answer.inputs
    assert answer.why.startswith(f"{missing}: ")
    assert words in answer.why


def test_everything_missing_is_named_at_once():
    answer = brock_of(Finding("N1", "nodule", {}), Patient(), 1)

    assert set(answer.missing) == set(INPUTS | {"nodule_size_mm": 1}) - {"nodule_count"}
    assert answer.inputs == {"nodule_count": 1}


def test_out_of_the_models_domain_there_is_no_number():
    answer = brock({"long_mm": Known(Decimal(45), READER)})

    assert answer.probability is None
    assert answer.missing == ()
    assert "45 lies outside the 1 to 30 mm" in answer.why
    assert answer.inputs["nodule_size_mm"] == 45


def test_without_spiculation_the_other_published_model_can_be_asked_for():
    answer = brock({"spiculation": None}, model_id="brock-without-spiculation")

    inputs = {k: v for k, v in INPUTS.items() if k != "spiculation"} | {"nodule_size_mm": 9.0}
    assert answer.probability == risk("brock-without-spiculation", inputs).probability


@pytest.mark.parametrize(("count", "name"), [(0, "brock"), (1, "mayo"), (1, "nonsense")])
def test_no_nodule_or_another_model_is_refused(count, name):
    with pytest.raises(BadValue):
        brock(count=count, model_id=name)
