"""The seam to the fusion of imaging and record: a risk for each finding. It never changes a category."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from importlib.resources.abc import Traversable
from typing import Protocol

from ..resources import knowledge_folder
from ..types import Case, Finding, Risk


class Fusion(Protocol):
    """Gives a finding's risk from its beliefs and the patient's facts."""

    def risk(self, case: Case, finding: Finding) -> Risk | None:
        """The risk, with what it used and what it lacked; None where no model is for such a finding."""

    def hashes(self) -> Mapping[str, str]:
        """Name -> sha256 of the models that it reads."""


class BrockRisk:
    """The published Brock model, with its inputs, until a network takes its place beside it."""

    def risk(self, case: Case, finding: Finding) -> Risk | None:
        """Brock's probability of lung cancer for a nodule; None for findings of other kinds."""
        from .risk import brock_of

        if finding.kind != "nodule":
            return None
        return brock_of(finding, case.patient, sum(f.kind == "nodule" for f in case.findings))

    def hashes(self) -> Mapping[str, str]:
        """The hash of the model's file."""
        read = {"brock": ("risk_models", "brock.yaml"), "facts": ("facts.yaml",)}
        return {name: _sha256(knowledge_folder().joinpath(*path)) for name, path in read.items()}


def _sha256(file: Traversable) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
