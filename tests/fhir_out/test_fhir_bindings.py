"""The demands of R4 that we keep as data, held against the definitions that the npm package brings."""

import json

import peers
import pytest

from radlogic.adapters.fhir.emit import terms

DEMANDS = terms.bindings()
UNLISTED = {"DiagnosticReport": {"media.link"}, "DetectedIssue": {"mitigation.author"}}  # the package names no types
PROVENANCE = {"agent.who", "agent.onBehalfOf"}


@pytest.fixture(scope="module")
def definitions():
    return peers.node("../../fhir_out/engine/definitions.js", json.dumps([*DEMANDS.needed, *DEMANDS.datatypes]))


@pytest.mark.slow
@pytest.mark.parametrize("kind", DEMANDS.needed)
def test_every_required_binding_is_listed_with_its_codes(definitions, kind):
    listed = {path: set(codes) for path, codes in DEMANDS.codes.get(kind, {}).items()}
    found = {path: set(codes) for path, codes in definitions[kind]["codes"].items()}
    if kind == "Task":
        found["intent"] -= {"directive"}  # the package adds request-intent whole; task-intent leaves it out
    assert listed == found


@pytest.mark.slow
@pytest.mark.parametrize("kind", DEMANDS.datatypes)
def test_every_required_binding_of_a_datatype_is_listed(definitions, kind):
    assert {p: set(c) for p, c in DEMANDS.datatypes[kind].items()} == {
        p: set(c) for p, c in definitions[kind]["codes"].items()
    }


@pytest.mark.slow
@pytest.mark.parametrize("kind", DEMANDS.needed)
def test_every_element_that_holds_a_bound_datatype_is_known_by_its_name(definitions, kind):
    for datatype, names in DEMANDS.held_as.items():
        held = {path.rpartition(".")[2] for path in definitions[kind]["types"].get(datatype, [])}
        assert held <= set(names)


@pytest.mark.slow
@pytest.mark.parametrize("kind", DEMANDS.needed)
def test_every_typed_reference_is_listed_with_its_targets(definitions, kind):
    found = {p: set(t) for p, t in definitions[kind]["targets"].items() if t and "Resource" not in t}
    listed = {p: set(t) for p, t in DEMANDS.targets.get(kind, {}).items()}
    beyond = UNLISTED.get(kind, set()) | (PROVENANCE if kind == "Provenance" else set())
    assert {p: t for p, t in listed.items() if p not in beyond} == found


@pytest.mark.slow
@pytest.mark.parametrize("kind", DEMANDS.needed)
def test_every_element_that_must_be_there_is_listed(definitions, kind):
    assert {n for n in definitions[kind]["needed"] if not n.endswith("[x]")} == set(DEMANDS.needed[kind])


def test_everything_that_is_emitted_has_its_demands():
    assert set(DEMANDS.codes) | {"Bundle"} == set(DEMANDS.needed)


def test_every_standard_code_says_where_it_was_confirmed():
    codes = terms.codes()
    assert {c.source for c in codes.listed()} <= set(codes.sources)
    assert {c.system for c in codes.listed()} <= set(codes.systems)
    assert {c.mark for c in codes.listed()} == {"V1", "V2"}
