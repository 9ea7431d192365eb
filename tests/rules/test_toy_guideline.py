"""A guideline that nobody wrote Python for gets every reader: begun by ``rules new``, filled with YAML."""

import json
import re
from decimal import Decimal

import command
import own_rules
import pytest

from radlogic.adapters import cases
from radlogic.adapters.rules.explain import page
from radlogic.engine.guideline.compare import compare
from radlogic.engine.guideline.load import load_guideline
from radlogic.engine.guideline.proofs_file import statements_of
from radlogic.engine.guideline.propagate import propagate_finding
from radlogic.engine.guideline.prove import prove
from radlogic.engine.types import Classes, Known, Source, SourceKind

NET = Source(SourceKind.NET, "net")
THIN = {"long_mm": 30, "short_mm": 28, "wall": "thin"}


@pytest.fixture(scope="module")
def rules(tmp_path_factory):
    root = tmp_path_factory.mktemp("rules")
    own_rules.filled(root)
    return root


@pytest.fixture(scope="module")
def toy(rules):
    return load_guideline(own_rules.NAME, (rules,))


def facts_of(toy, **fields):
    read = cases.read(cases.parse(json.dumps({"findings": [fields]})), toy)
    return {**read.exam, **read.findings[0][1]}


def classify(rules, case):
    result = command.run("classify", own_rules.NAME, "--rules", rules, "--json", stdin=json.dumps(case))
    assert result.code == 0
    return json.loads(result.out)


def test_it_is_classified_on_the_command_line(rules):
    found = classify(rules, {"findings": [{**THIN, "inside": ["septa"]}]})

    assert (found["category"], found["possible"], found["silent"]) == ("high", ["high"], False)
    assert "protocol 7, page 2" in json.dumps(found["trace"])


def test_what_is_open_is_listed_and_asked_for(rules):
    found = classify(rules, {"findings": [{"long_mm": 30, "short_mm": 28}]})

    assert (found["category"], found["possible"], found["ask"]) == (None, ["low", "high"], "wall")


def test_its_silent_spot_is_told_with_the_other_reading(rules):
    found = classify(rules, {"findings": [{**THIN, "long_mm": 31, "short_mm": 29}]})

    assert (found["category"], found["alternatives"], found["review"]["required"]) == ("low", ["high"], True)


def test_beliefs_become_probabilities(toy):
    believed = {**facts_of(toy, **THIN), "wall": Classes({"thin": 0.7, "thick": 0.2, "nodular": 0.1}, NET)}

    assert propagate_finding(toy, believed).masses() == pytest.approx(
        {frozenset({"low"}): 0.7, frozenset({"high"}): 0.3}
    )


def test_its_statements_are_proven(toy, rules):
    folder = rules / "kidney-cyst" / "2026"
    proofs = {p.id: p.holds for p in prove(toy, statements_of(folder))}

    assert proofs["nodular-is-high"]
    assert all(proofs.values())


def test_a_variant_differs_where_it_was_changed_and_a_patient_shows_it(toy, tmp_path):
    thick = "{wall: [thick, nodular]}, then: "
    own_rules.filled(tmp_path, **{f"{thick}high": f"{thick}low"})
    variant = load_guideline(own_rules.NAME, (tmp_path,))

    changes = compare(toy, variant).changes

    assert {(c.before, c.after) for c in changes} == {("high", "low")}
    assert all(c.witness["findings"][0]["wall"] in ("thick", "nodular") for c in changes)


def test_it_trains_a_net(toy):
    torch = pytest.importorskip("torch", reason="torch is the extra `train`")
    from radlogic.engine.guideline.circuit import category_circuit
    from radlogic.engine.guideline.loss import beliefs, category_loss

    circuit = category_circuit(toy, facts_of(toy, **THIN), {"wall": ("thin", "thick", "nodular")})
    logits = torch.zeros(1, 3, requires_grad=True)
    high = torch.tensor([circuit.answers.index("high")])
    loss = category_loss(circuit, beliefs(circuit, {"wall": logits}), high)
    loss.sum().backward()

    assert loss.item() == pytest.approx(0.4055, abs=1e-4)  # -log(2/3)
    assert logits.grad[0, 0] > 0 > logits.grad[0, 1]


def test_a_database_answers_as_it_does(rules):
    duckdb = pytest.importorskip("duckdb", reason="needs the extra `audit`")
    pytest.importorskip("sqlglot", reason="needs the extra `audit`")
    query = command.run("rules", "export", own_rules.NAME, "--as", "sql", "--rules", rules).out
    from radlogic.engine.guideline import sql

    kinds = sql.columns(load_guideline(own_rules.NAME, (rules,)))
    held = {
        "finding_id": 1,
        "long_mm": 30,
        "short_mm": 28,
        "wall": "nodular",
        "inside.calcium": False,
        "inside.septa": False,
    }
    chosen = ", ".join(
        f'CAST({literal(held.get(name))} AS {kind}) AS "{name}"'
        for name, kind in {"finding_id": "INT", **kinds}.items()
    )
    with duckdb.connect() as database:
        database.execute(f"CREATE TABLE findings AS SELECT {chosen}")
        answer = database.execute(query).fetchall()

    assert [row[:3] for row in answer] == [(1, "high", "decided")]


def literal(value):
    return "NULL" if value is None else f"'{value}'" if isinstance(value, str) else str(value)


def test_it_is_exported_as_dmn_and_as_a_plan_definition(rules):
    dmn = command.run("rules", "export", own_rules.NAME, "--as", "dmn", "--rules", rules)
    plan = command.run("rules", "export", own_rules.NAME, "--as", "plan-definition", "--rules", rules)

    assert dmn.code == plan.code == 0
    assert "https://www.omg.org/spec/DMN/" in dmn.out
    assert json.loads(plan.out)["resourceType"] == "PlanDefinition"


def test_its_page_says_what_its_tables_say(rules):
    html = page(own_rules.NAME, (rules,))
    text = re.sub(r"<[^>]+>", " ", html).replace("\u00a0", " ")

    assert "(long mm + short mm) ÷ 2, rounded half up to 1 mm" in text
    assert "≥ 30 mm" in text
    assert "large simple cysts are not mentioned" in text
    assert "the wall is the reason, not its thickness" in text
    assert "a thin cyst of 29 mm is low" in text
    assert "a nodular wall is always high" in text


def test_its_check_is_a_line_of_the_table(rules):
    found = json.loads(command.run("rules", "check", own_rules.NAME, "--rules", rules, "--json").out)["guidelines"]

    assert [(g["guideline"], g["cases"], g["wrong"], g["failed"], g["silent"]) for g in found] == [
        (own_rules.NAME, 7, [], [], ["by_size.large"])
    ]
    assert Decimal(found[0]["nodes"]) > 0


def test_a_known_fact_is_read_as_in_any_guideline(toy):
    assert isinstance(facts_of(toy, **THIN)["inside.calcium"], Known)
