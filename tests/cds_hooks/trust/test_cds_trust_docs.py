"""docs/cds-trust.md, held against the settings and the codes."""

import re
from pathlib import Path

import pytest

from radlogic.adapters.cds_hooks.trust import settings

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "cds-trust.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("title", "model"),
    [
        ("Settings of a client", settings.TrustedClient),
    ],
)
def test_every_setting_is_explained_and_no_other(title, model):
    section = PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]
    cells = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]

    assert {name for cell in cells for name in re.findall(r"`(\w+)`", cell)} == set(model.model_fields)


@pytest.mark.parametrize("model", [settings.KeySource, settings.FhirServer, settings.Backend])
def test_every_setting_within_a_client_is_named(model):
    assert not [name for name in model.model_fields if f"`{name}`" not in PAGE]


def test_every_code_of_a_refusal_is_explained():
    code = Path(settings.__file__).parent
    raised = {
        c for f in code.glob("*.py") for c in re.findall(r'refused_token\(f?"(\w+)', f.read_text(encoding="utf-8"))
    }
    section = PAGE.split("| code | the token |")[1].split("\n\n")[0]
    first_cells = " ".join(line.split("|")[1] for line in section.splitlines() if line.startswith("| `"))

    assert {c for c in raised if not c.startswith("claim_")} == set(re.findall(r"`([a-z_]+)`", first_cells))
    assert any(c.startswith("claim_") for c in raised)
