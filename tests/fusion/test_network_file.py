"""What a network's file may say, and the words with which a broken one is refused; compilation and its cache."""

import copy
import json
import random
import subprocess
import sys

import numpy as np
import pytest
import yaml
from random_networks import SHIPPED, compiled, content, example, example_text, network

from radlogic.engine.errors import MissingKnowledge, RuleFileError, Unsupported
from radlogic.engine.fusion import compile_network
from radlogic.engine.fusion.compile_network import load_network, network_ids, pack, sha256_of, unpack
from radlogic.engine.fusion.evidence import Likelihood
from radlogic.engine.fusion.junction import MOST_CHILDREN
from radlogic.engine.fusion.network_errors import NetworkFileError
from radlogic.engine.fusion.network_file import read, read_network
from radlogic.engine.resources import knowledge_folder

AGE, SPICULATION = ("nodes", "age"), ("nodes", "spiculation")
MALIGNANT = ("nodes", "malignancy", "logistic", "malignant")

# where it is broken, what stands there instead (None: nothing), and words of the complaint
BROKEN = [
    (("colour",), "red", "Extra inputs"),
    (("status",), "perfect", "status"),
    (("id",), "another", "the file's name"),
    (("target", "node"), "nothing", "the unknown node nothing"),
    (("target", "state"), "nothing", "the unknown state nothing"),
    (("sources", "unused"), "x", "a source that nothing cites"),
    (("thresholds", 0, "source"), "nothing", "the unknown source nothing"),
    (("thresholds", 0, "at"), 1.5, "less than 1"),
    ((*AGE, "source"), [], "source"),
    ((*AGE, "source"), ["nothing"], "the unknown source nothing"),
    ((*AGE, "derivation"), "", "derivation"),
    ((*AGE, "mark"), "sure", "mark"),
    ((*AGE, "mark"), "expert prior", "an expert prior without a range"),
    ((*AGE, "mark"), "definition", "a definition with a probability"),
    ((*AGE, "states"), ["a", "a", "b"], "the same state twice"),
    ((*AGE, "states"), [True, "b", "c"], "put the state into quotes"),
    ((*AGE, "cuts"), [70, 55], "cuts that do not rise"),
    ((*AGE, "cuts"), [55], "cuts that do not rise"),
    ((*AGE, "cuts"), [], "`range` or `unit` without `cuts`"),
    ((*AGE, "range"), None, "`cuts` without `range`"),
    ((*AGE, "representative"), [48, 62], "2 values"),
    ((*AGE, "representative"), [62, 48, 75], "do not rise"),
    ((*AGE, "representative"), [48, 80, 85], "outside its state"),
    ((*AGE, "representative"), [], "age without `is`"),
    ((*AGE, "parents"), ["age"], "a cycle among age;"),
    ((*AGE, "parents"), ["nothing"], "the unknown node nothing"),
    ((*AGE, "table"), None, "a node has one of"),
    ((*AGE, "table", 0, "p"), [0.3, 0.5, 0.2 + 1e-8], "a sum of 1.00000001"),
    ((*AGE, "table", 0, "p"), [0.5, 0.5], "2 numbers"),
    ((*AGE, "table", 0, "p"), [-0.1, 0.9, 0.2], "a number outside 0 to 1"),
    ((*AGE, "table", 0, "p"), [float("nan"), 0.8, 0.2], "finite"),
    ((*AGE, "feeds", 0, "values"), {"a": "below_55"}, "`values` and `cuts` together"),
    ((*AGE, "feeds", 0, "finding"), "x", "a feed has one of"),
    ((*SPICULATION, "parents"), ["age", "age"], "the same parent twice"),
    ((*SPICULATION, "table"), [{"p": [0.9, 0.1], "when": {"malignancy": "benign"}}], "no row for malignancy=malignant"),
    ((*SPICULATION, "table", 0, "when"), {"age": "from_70"}, "age, which is no parent"),
    ((*SPICULATION, "table", 0, "when"), {"malignancy": "x"}, "the unknown state x of malignancy"),
    ((*SPICULATION, "table", 0, "when"), {}, "a second row for malignancy=malignant"),
    ((*SPICULATION, "table", 1, "when"), {"malignancy": "benign"}, "a second row for malignancy=benign"),
    ((*SPICULATION, "table", 0, "ranges"), {"present": [0.1, 0.2]}, "0.08 in 0.1 to 0.2"),
    ((*SPICULATION, "table", 0, "ranges"), {"present": [0.01, 1.2]}, "0.08 in 0.01 to 1.2"),
    ((*SPICULATION, "table", 0, "ranges"), {"x": [0.01, 0.2]}, "the unknown state x"),
    ((*SPICULATION, "feeds", 0, "values"), {"true": "x"}, "the unknown state x"),
    ((*SPICULATION, "feeds", 0, "values"), {}, "or neither"),
    ((*SPICULATION, "feeds", 0, "training_prior", "p"), [1.0, 0.0], "no distribution over the states"),
    ((*SPICULATION, "feeds", 0, "training_prior", "source"), "nothing", "the unknown source nothing"),
    (
        ("nodes", "emphysema", "feeds", 1),
        {"finding": "suspicious_features.spiculation", "values": {True: "present"}},
        "never counted twice",
    ),
    (("nodes", "emphysema", "parents"), ["malignancy"], "a cycle among"),
    ((*MALIGNANT, "intercept"), -3, "an expert prior without a range"),
    ((*MALIGNANT, "intercept"), {"value": 0, "range": [1, 2]}, "0.0 in 1.0 to 2.0"),
    ((*MALIGNANT, "terms", 0, "of"), "spiculation", "spiculation, which is no parent"),
    ((*MALIGNANT, "terms", 1, "is"), "x", "the unknown state x of emphysema"),
    ((*MALIGNANT, "terms", 0, "per"), 0, "a transform that some value"),
    (("nodes", "malignancy", "logistic"), {"x": {"intercept": -1, "terms": []}}, "the unknown state x"),
]


def broken(place, value):
    data = example()
    at = data
    for key in place[:-1]:
        at = at[key]
    if value is None:
        del at[place[-1]]
    else:
        at[place[-1]] = value
    return data


@pytest.mark.parametrize(
    ("place", "value", "words"), BROKEN, ids=lambda v: ".".join(map(str, v)) if isinstance(v, tuple) else None
)
def test_a_broken_file_is_refused_in_words_with_its_line(tmp_path, place, value, words):
    path = tmp_path / "example-nodule.yaml"
    path.write_text(yaml.safe_dump(broken(place, value)))

    with pytest.raises(NetworkFileError) as caught:
        read(path)

    assert words in str(caught.value)
    assert "line " in caught.value.field
    assert all((caught.value.where, caught.value.found, caught.value.allowed, caught.value.cure))


@pytest.mark.parametrize("text", ["", "a: [", "id: x\nid: y", "\tid: x", "id: &x 1\nversion: *x"])
def test_what_is_no_yaml_is_refused(tmp_path, text):
    path = tmp_path / "example-nodule.yaml"
    path.write_text(text)

    with pytest.raises(RuleFileError):
        read(path)


def test_the_file_on_the_page_is_valid_and_answers(tmp_path):
    (tmp_path / "example-nodule.yaml").write_text(example_text())

    net = load_network("example-nodule", tmp_path)

    assert net.network.target == "malignancy"
    assert net.query({}).p_evidence == pytest.approx(1)


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_network_is_valid_and_its_tables_sum_to_one(name):
    net = read_network(compile_network.shipped() / f"{name}.yaml")

    for node in net.nodes.values():
        assert node.table.sum(axis=-1) == pytest.approx(np.ones(node.table.shape[:-1]), abs=1e-9)


def chance(seed):
    return random.Random(seed)  # noqa: S311  # draws, no secrets


def of_parents(form):
    """A node with two parents (2 and 3 states) in that form, compiled; its table."""
    data = content(chance(0), 3, "chain")
    for name, k in (("n0", 2), ("n1", 3)):
        states = [f"s{i}" for i in range(k)]
        data["nodes"][name] |= {"states": states, "parents": [], "mark": "V1", "table": [{"p": [1 / k] * k}]}
    data["nodes"]["n1"]["representative"] = [1, 2, 4]
    node = data["nodes"]["n2"] | {"parents": ["n0", "n1"], "mark": "V1", **form}
    del node["table"]
    data["nodes"]["n2"] = node
    data["target"] = {"node": "n0", "state": "s1"}
    return compiled(data)


def test_noisy_or_is_one_less_the_product_of_what_each_cause_misses():
    net = of_parents(
        {"states": ["a", "b"], "noisy_or": {"leak": 0.1, "links": {"n0": {"s1": 0.3}, "n1": {"s1": 0.2, "s2": 0.5}}}}
    )

    missed = 0.9 * np.array([[1, 0.8, 0.5], [0.7, 0.56, 0.35]])
    assert net.tables["n2"][..., 1] == pytest.approx(1 - missed)


def test_noisy_max_is_the_distribution_of_the_greatest_effect():
    leak, first, second = [0.9, 0.08, 0.02], [0.5, 0.3, 0.2], [0.2, 0.2, 0.6]
    net = of_parents(
        {"states": ["a", "b", "c"], "noisy_max": {"leak": leak, "links": {"n0": {"s1": first}, "n1": {"s2": second}}}}
    )

    expected = np.zeros(3)
    for i, p in enumerate(leak):
        for j, q in enumerate(first):
            for k, r in enumerate(second):
                expected[max(i, j, k)] += p * q * r
    assert net.tables["n2"][1, 2] == pytest.approx(expected)
    assert net.tables["n2"][0, 1] == pytest.approx(leak)


def test_logistic_is_the_softmax_of_its_log_odds():
    term = {"of": "n1", "per": 2, "power": -0.5, "less": 1.5, "times": -2}
    net = of_parents(
        {
            "states": ["a", "b", "c"],
            "logistic": {
                "b": {"intercept": -1, "terms": [term, {"of": "n0", "is": "s1", "times": 0.7}]},
                "c": {"intercept": 0.5, "terms": [{"of": "n1", "log10": True, "times": 3}]},
            },
        }
    )

    for i in range(2):
        for k, x in enumerate((1, 2, 4)):
            odds = np.exp([0, -1 - 2 * ((x / 2) ** -0.5 - 1.5) + 0.7 * i, 0.5 + 3 * np.log10(x)])
            assert net.tables["n2"][i, k] == pytest.approx(odds / odds.sum())


def test_a_row_may_stand_for_several_states_and_for_all():
    data = content(chance(1), 2, "chain")
    data["nodes"]["n0"] |= {"states": ["s0", "s1", "s2"], "mark": "V1", "table": [{"p": [0.2, 0.3, 0.5]}]}
    rows = [{"when": {"n0": ["s0", "s2"]}, "p": [0.1, 0.9]}, {"when": {"n0": "s1"}, "p": [0.6, 0.4]}]
    data["nodes"]["n1"] |= {"states": ["s0", "s1"], "mark": "V1", "table": rows}
    data["target"] = {"node": "n1", "state": "s1"}

    assert compiled(data).tables["n1"].tolist() == [[0.1, 0.9], [0.6, 0.4], [0.1, 0.9]]


def test_an_artefact_is_json_that_gives_the_same_bits_back(tmp_path):
    (tmp_path / "example-nodule.yaml").write_text(example_text())
    packed = compile_network.compiled(tmp_path / "example-nodule.yaml")

    again = unpack(json.loads(json.dumps(packed)))

    assert packed["sha256"] == again.sha256 == sha256_of(example_text().encode())
    for name, table in again.tables.items():
        assert (table == unpack(packed).tables[name]).all()
        assert (table == again.network.nodes[name].form.table({})).all()
    said = {"age": "from_70", "spiculation": Likelihood([0.3, 1])}
    assert again.query(said) == unpack(packed).query(said)


def test_an_edited_file_is_compiled_anew(tmp_path):
    path = tmp_path / "example-nodule.yaml"
    path.write_text(example_text())
    before = load_network("example-nodule", tmp_path)
    path.write_text(example_text().replace("p: [0.3, 0.5, 0.2]", "p: [0.2, 0.5, 0.3]"))

    after = load_network("example-nodule", tmp_path)

    assert before.sha256 != after.sha256
    assert before.query({}).risk < after.query({}).risk


def test_the_cache_answers_without_reading_the_file_again(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "example-nodule.yaml").write_text(example_text())
    first = load_network("example-nodule", tmp_path)
    compile_network._loaded.cache_clear()
    monkeypatch.setattr(compile_network, "compiled", None)

    assert load_network("example-nodule", tmp_path).query({}) == first.query({})


def test_a_damaged_cache_is_compiled_anew(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "example-nodule.yaml").write_text(example_text())
    first = load_network("example-nodule", tmp_path)
    stored = tmp_path / "cache" / "radlogic" / "networks" / f"{first.sha256}.json"
    whole = stored.read_text()
    stored.write_text(whole[:100])
    compile_network._loaded.cache_clear()

    assert load_network("example-nodule", tmp_path).query({}) == first.query({})
    assert stored.read_text() == whole


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "own_cache"))
    compile_network._loaded.cache_clear()


@pytest.mark.parametrize("name", SHIPPED)
def test_every_fact_of_the_record_that_feeds_a_shipped_network_exists_with_the_values_that_are_mapped(name):
    facts = yaml.safe_load((knowledge_folder() / "facts.yaml").read_text(encoding="utf-8"))
    checked = 0
    for node in load_network(name).network.nodes.values():
        for feed in (f for f in node.feeds if f.place == "patient"):
            entry = facts[feed.name]
            values = {"bool": {"true", "false"}, "enum": {str(v) for v in entry.get("values", ())}}.get(entry["type"])
            assert (values is None) == bool(node.edges), f"{node.name}: {feed.name}"
            assert set(feed.values) <= (values or set()), f"{node.name}: {feed.name}"
            checked += 1
    assert checked


def test_an_artefact_that_is_ready_is_answered_without_pydantic_yaml_or_pgmpy():
    code = (
        "import json, sys; from radlogic.engine.fusion.compile_network import unpack;"
        "unpack(json.load(sys.stdin)).query({});"
        "print([m for m in ('pydantic', 'yaml', 'pgmpy', 'scipy') if m in sys.modules])"
    )
    packed = pack(read_document(), "0" * 64)
    done = subprocess.run(
        [sys.executable, "-c", code], input=json.dumps(packed), capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "[]"


def read_document():
    from radlogic.engine.fusion.network_schema import NetworkFile

    return NetworkFile.model_validate(example()).model_dump(mode="json", by_alias=True)


def test_unknown_networks_and_empty_folders_are_refused(tmp_path):
    with pytest.raises(MissingKnowledge, match="no networks"):
        network_ids(tmp_path)
    (tmp_path / "covariates").mkdir()
    (tmp_path / "example-nodule.yaml").write_text(example_text())
    assert network_ids(tmp_path) == ("example-nodule",)
    with pytest.raises(MissingKnowledge, match="no network other"):
        load_network("other", tmp_path)


def test_a_table_beyond_all_use_is_refused(tmp_path):
    data = example()
    for i in range(17):
        data["nodes"][f"x{i}"] = copy.deepcopy(data["nodes"]["emphysema"]) | {"feeds": []}
    data["nodes"]["malignancy"]["parents"] += [f"x{i}" for i in range(17)]
    (tmp_path / "example-nodule.yaml").write_text(yaml.safe_dump(data, sort_keys=False))

    with pytest.raises(NetworkFileError, match="1572864 entries"):
        read(tmp_path / "example-nodule.yaml")


def test_a_clique_beyond_all_use_is_refused():
    data = content(chance(3), 60, "star")
    for i in range(1, 60):  # all pairs of 24 nodes share a child
        data["nodes"][f"n{i}"]["parents"] = []
    states, rows = ["s0", "s1"], [{"p": [0.5, 0.5]}]
    roots = {f"n{i}": data["nodes"]["n0"] | {"states": states, "mark": "V1", "table": rows} for i in range(24)}
    pairs = [(a, b) for a in range(24) for b in range(a)]
    shared = {f"c{a}x{b}": roots["n0"] | {"parents": [f"n{a}", f"n{b}"]} for a, b in pairs}
    data["nodes"] = roots | shared

    with pytest.raises(Unsupported, match="depend on each other"):
        compiled(data)


def test_a_node_with_many_children_is_answered_in_small_steps():
    net = network("star-60-2")

    assert max(len(c) for c in net.plan.children) <= MOST_CHILDREN
    assert net.query({n.name: n.states[0] for n in net.network.nodes.values() if n.name != "n0"}).p_evidence > 0
