"""Five of the sample patients, read by hand: what is known of each on one day, what is stale, and nothing else."""

import tarfile
from datetime import date
from decimal import Decimal

import pytest
from shared_data import shared

from radlogic.adapters.fhir.history import read_history
from radlogic.adapters.fhir.jsonfile import parse
from radlogic.adapters.fhir.ledger import Standing
from radlogic.engine.types import Known

# Read off the files: birth date and gender; each Condition that bears on a fact, with its onset; the newest Observation
# by the exam. Bilirubin mg/dL x 17.1, albumin g/dL x 10. Values to the third decimal.
PATIENTS = {
    # born 1967-01-30, cirrhosis 2009-05-26, ex-smoker 2015-03-30; laboratory of 2009, platelets of 2013
    "Giovanni_Kunze": (
        date(2016, 1, 1),
        {"age_years": 48, "sex": "M", "cirrhosis": True, "smoking_status": "former"},
        {"afp_ng_ml", "afp_rise_ng_ml", "inr", "bilirubin", "albumin", "platelets", "ast", "alt"},
    ),
    # born 1965-04-23, chronic hepatitis B 2005-03-06, never smoked 2020-08-28; laboratory of 2020-08-15
    # (bilirubin 0.40966 mg/dL, albumin 3.60903 g/dL), platelets of 2018-09-14
    "Henry_Block": (
        date(2021, 6, 1),
        {
            "age_years": 56, "sex": "M", "chronic_hbv": True, "smoking_status": "never", "pack_years": 0,
            "bilirubin": "7.005", "albumin": "36.090", "ast": "36.843", "alt": "25.497",
        },
        {"platelets"},
    ),
    # born 1931-08-18, emphysema 2001-05-29, former smoker 2021-03-02; laboratory of 2021-03-28
    # (bilirubin 0.96785 mg/dL, albumin 4.83932 g/dL), platelets of 2019-03-19
    "Elsy_Hermiston": (
        date(2021, 6, 1),
        {
            "age_years": 89, "sex": "F", "emphysema": True, "smoking_status": "former",
            "bilirubin": "16.550", "albumin": "48.393", "ast": "11.260", "alt": "40.522",
        },
        {"platelets"},
    ),
    # born 1948-10-07, emphysema 2014-01-02, colon cancer 2021-02-23, former smoker 2021-02-11; laboratory of 2021-03-18
    # (bilirubin 0.79028 mg/dL, albumin 3.71673 g/dL)
    "Luis_Miguel": (
        date(2021, 6, 1),
        {
            "age_years": 72, "sex": "M", "emphysema": True, "extrathoracic_cancer": True, "cancer_history": True,
            "years_since_extrathoracic_cancer": 0, "smoking_status": "former", "bilirubin": "13.514",
            "albumin": "37.167", "platelets": "311.817", "ast": "37.739", "alt": "56.183",
        },
        set(),
    ),
    # born 1920-04-23, lung cancer 1985-07-25, its stage 1985-07-26, former smoker 1988-09-10, platelets of 1986-08-30
    "Austin_Franeck": (
        date(1989, 1, 1),
        {
            "age_years": 68, "sex": "M", "lung_cancer": True, "cancer_history": True, "years_since_lung_cancer": 3,
            "smoking_status": "former",
        },
        {"platelets"},
    ),
}  # fmt: skip


def bundle_of(name):
    for archive in shared("data/fhir").glob("*.tgz"):
        with tarfile.open(archive) as tar:
            for member in tar:
                if member.isfile() and member.name.split("/")[-1].startswith(name):
                    return parse(tar.extractfile(member).read(), where=name)
    raise LookupError(name)


@pytest.mark.parametrize("name", PATIENTS)
def test_what_is_known_of_a_patient_is_what_a_hand_found(name):
    exam, known, stale = PATIENTS[name]

    found = read_history(bundle_of(name), exam_date=exam)

    beliefs = {fact: b.value for fact, b in found.patient.facts.items() if isinstance(b, Known)}
    rounded = {f: v.quantize(Decimal("0.001")) if isinstance(v, Decimal) else v for f, v in beliefs.items()}
    assert rounded == {f: Decimal(v) if isinstance(v, str) and v[0].isdigit() else v for f, v in known.items()}
    assert {fact for fact, standing in found.standing.items() if standing is Standing.STALE} == stale
