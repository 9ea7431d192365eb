"""The units of knowledge/facts.yaml against a UCUM library, which shares no code with them."""

from fractions import Fraction

import pytest

from radlogic.adapters.fhir.vocabulary import shipped

# What UCUM itself cannot convert: a molar mass, the arbitrary unit [IU] (the enzyme unit is its definition for
# enzymes), and an annotation alone, which means 1.
NOT_UCUM = {("bilirubin", "mg/dL"), ("ast", "[IU]/L"), ("alt", "[IU]/L"), ("ast", "m[IU]/mL"), ("alt", "m[IU]/mL")}
PAIRS = [
    (name, unit, factor)
    for name, fact in shipped().facts.items()
    for unit, factor in fact.units.items()
    if unit and (name, unit) not in NOT_UCUM and not (unit.startswith("{") and unit.endswith("}"))
]


@pytest.fixture(scope="module")
def ucum():
    return pytest.importorskip("ucumvert", reason="needs the UCUM library of the dev extra").PintUcumRegistry()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("name", "unit", "factor"), PAIRS)
def test_every_factor_is_that_of_ucum(name, unit, factor, ucum):
    target = ucum.from_ucum(shipped().facts[name].unit)

    converted = ucum.from_ucum(unit).to(target.units).magnitude / target.to(target.units).magnitude

    assert converted == pytest.approx(float(factor), rel=1e-12)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("name", "unit"), sorted(NOT_UCUM))
def test_what_is_left_out_here_is_what_ucum_cannot_convert(name, unit, ucum):
    import pint

    with pytest.raises(pint.DimensionalityError):
        ucum.from_ucum(unit).to(ucum.from_ucum(shipped().facts[name].unit).units)


def test_a_milligram_of_bilirubin_per_decilitre_is_its_molar_mass():
    exact = 10_000 / 584.66

    assert float(shipped().facts["bilirubin"].units["mg/dL"]) == pytest.approx(exact, rel=3e-4)
    assert shipped().facts["bilirubin"].units["mg/dL"] == Fraction("17.1")
