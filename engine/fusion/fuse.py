"""The seam to the fusion of imaging and record: the risks of each finding. They never change a category."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from importlib.resources.abc import Traversable
from typing import Protocol

from ..resources import knowledge_folder
from ..types import Case, Finding, Risk, Risks
from .risk_of_case import BROCK

ERROR = ("models", "measurement", "reader_error.yaml")  # of two diameters, for a rate of growth


class Fusion(Protocol):
    """Gives a finding's risks from its beliefs and the patient's facts."""

    def risks(self, case: Case, finding: Finding) -> Risks:
        """The risks, with what they used and what they lacked; none where no model is for such a finding."""

    def hashes(self) -> Mapping[str, str]:
        """Name -> sha256 of the models that it reads."""


class NetworkFusion:
    """The network of the finding's kind, and for nodules the published Brock model beside it."""

    def risks(self, case: Case, finding: Finding) -> Risks:
        """A nodule's risk of lung cancer, an observation's of HCC; nothing for findings of other kinds.

        Where spiculation is all that Brock lacks, its form without spiculation stands beside it.

        Raises:
            BadValue, Contradiction: facts of the finding that no guideline could read either.
        """
        from .network_risk import NetworkRisk

        return Risks(NetworkRisk().risk(case, finding), _brock(case, finding) if finding.kind == "nodule" else ())

    def hashes(self) -> Mapping[str, str]:
        """The hash of each network, of each model's file and of the facts' file; a net may have a network's name."""
        from .network_risk import NetworkRisk

        read = {
            **{name: ("risk_models", f"{name}.yaml") for name in BROCK},
            "facts": ("facts.yaml",),
            "reader error": ERROR,
        }
        own = {name: _sha256(knowledge_folder().joinpath(*path)) for name, path in read.items()}
        networks = {f"network {name}": sha256 for name, sha256 in NetworkRisk().hashes().items()}
        return {**networks, **own}


def _brock(case: Case, finding: Finding) -> tuple[Risk, ...]:
    from .of_case import counted
    from .risk import brock_of

    count = max(counted(case, finding.kind), 1)  # this one at least
    first = brock_of(finding, case.patient, count)
    if first.missing != ("spiculation",):
        return (first,)
    return (first, brock_of(finding, case.patient, count, model_id=BROCK[1]))


def _sha256(file: Traversable) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
