"""Compiled networks in an installed package: they answer without what only authoring needs, and never when stale."""

import json
import os
import shutil
import subprocess
import sys
from importlib.resources import files

import pytest
from random_networks import SHIPPED

from radlogic.engine.fusion import compile_network
from radlogic.engine.fusion.compile_network import load_network, sha256_of

AUTHORING = ("pgmpy", "pydantic", "yaml", "networkx", "pandas", "scipy")
ASK = """
import sys
sys.modules |= dict.fromkeys({blocked!r})  # importing one of them now fails
from radlogic.engine.fusion import compile_network
assert compile_network.__file__.startswith({root!r}), compile_network.__file__
net = compile_network.load_network({name!r})
print(net.sha256, net.query({{}}).risk.hex())
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A package as a build makes it: a copy that has compiled its own networks."""
    root = tmp_path_factory.mktemp("built")
    for part in ("engine", "knowledge"):
        source = str(files(f"radlogic.{part}"))
        shutil.copytree(
            source, root / "radlogic" / part, ignore=shutil.ignore_patterns("__pycache__", "compiled", "*.onnx")
        )
    run(root, "-m", "radlogic.engine.fusion.compile_network", str(networks(root) / "compiled"))
    return root


@pytest.fixture
def copied(built, tmp_path):
    """One of one's own, to be changed."""
    shutil.copytree(built, tmp_path / "copied")
    return tmp_path / "copied"


def networks(root):
    return root / "radlogic" / "knowledge" / "networks"


def artefact(root, name):
    sha256 = sha256_of((networks(root) / f"{name}.yaml").read_bytes())
    return networks(root) / "compiled" / f"{sha256}.json"


def run(root, *command, check=True):
    environment = os.environ | {"PYTHONPATH": str(root), "XDG_CACHE_HOME": str(root / "cache")}
    return subprocess.run(
        [sys.executable, *command], env=environment, cwd=root, capture_output=True, text=True, check=check
    )


def ask(root, name, blocked=(), check=True):
    """The hash of what answers, and the risk where nothing is known."""
    return run(root, "-c", ASK.format(blocked=blocked, root=str(root), name=name), check=check)


def test_there_is_one_artefact_for_each_network_named_by_the_hash_of_its_file(built):
    found = {file.name for file in (networks(built) / "compiled").iterdir()}

    assert found == {artefact(built, name).name for name in SHIPPED}


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_network_answers_where_nothing_for_authoring_can_be_imported(built, name):
    net = load_network(name)

    assert ask(built, name, AUTHORING).stdout.split() == [net.sha256, net.query({}).risk.hex()]
    assert not (built / "cache").exists()


def test_a_changed_file_is_not_answered_from_the_artefact_of_the_old_one(copied):
    name, file = "lung-nodule", networks(copied) / "lung-nodule.yaml"
    before = ask(copied, name).stdout.split()
    file.write_text(file.read_text(encoding="utf-8") + "\n# a later state\n", encoding="utf-8")

    alone = ask(copied, name, AUTHORING, check=False)
    after = ask(copied, name).stdout.split()

    assert alone.returncode != 0
    assert after[0] == sha256_of(file.read_bytes()) != before[0]
    assert (copied / "cache" / "radlogic" / "networks" / f"{after[0]}.json").is_file()


def test_an_artefact_under_the_name_of_another_file_is_not_used(copied):
    lung, liver = SHIPPED[1], SHIPPED[0]
    artefact(copied, lung).write_bytes(artefact(copied, liver).read_bytes())

    sha256, risk = ask(copied, lung).stdout.split()

    assert sha256 == artefact(copied, lung).stem
    assert float.fromhex(risk) == load_network(lung).query({}).risk


def changed(whole, **parts):
    return json.dumps(json.loads(whole) | parts)


def one_table(whole, table):
    return changed(whole, tables=json.loads(whole)["tables"] | {"sex": table})


DAMAGE = {
    "cut off": lambda whole: whole[:1000],
    "nothing": lambda _: "null",
    "a list": lambda _: "[]",
    "no document": lambda whole: changed(whole, document={}),
    "no cliques": lambda whole: changed(whole, cliques=[]),
    "tables that are no mapping": lambda whole: changed(whole, tables=[]),
    "no tables": lambda whole: changed(whole, tables={}),
    "a line that sums to 1.1": lambda whole: one_table(whole, [0.6, 0.5]),
    "a state too many": lambda whole: one_table(whole, [0.6, 0.2, 0.2]),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_artefact_is_not_used_and_mended(damage, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    shutil.copytree(str(files("radlogic.knowledge") / "networks"), tmp_path / "networks")
    monkeypatch.setattr(compile_network, "shipped", lambda: tmp_path / "networks")
    shutil.rmtree(tmp_path / "networks" / "compiled", ignore_errors=True)
    compile_network._loaded.cache_clear()
    net = load_network("lung-nodule")
    kept = tmp_path / "radlogic" / "networks" / f"{net.sha256}.json"
    whole = kept.read_text()
    kept.write_text(DAMAGE[damage](whole))
    compile_network._loaded.cache_clear()

    assert load_network("lung-nodule").query({}) == net.query({})
    assert kept.read_text() == whole
