"""The phases of a multiphase liver exam (LI-RADS CT/MRI v2018), and which ones each question needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from ..errors import BadValue, Contradiction, MissingField
from .liver_grid import Placed


class Phase(StrEnum):
    """``ARTERIAL``: nobody said whether early or late; it can show hyperenhancement and not deny it."""

    PRECONTRAST = "precontrast"
    EARLY_ARTERIAL = "early_arterial"
    ARTERIAL = "arterial"
    LATE_ARTERIAL = "late_arterial"
    PORTAL_VENOUS = "portal_venous"
    DELAYED = "delayed"
    TRANSITIONAL = "transitional"
    HEPATOBILIARY = "hepatobiliary"


class Agent(StrEnum):
    """The contrast agent. Iodinated agents on CT are extracellular."""

    EXTRACELLULAR = "extracellular"
    GADOXETATE = "gadoxetate"
    GADOBENATE = "gadobenate"


ARTERIAL: Final = (Phase.LATE_ARTERIAL, Phase.ARTERIAL, Phase.EARLY_ARTERIAL)  # the best one first
MODALITIES: Final = ("CT", "MRI")

# Which later phases may show washout (core p20): with gadoxetate the portal venous phase alone, for the liver takes
# the agent up from the transitional phase on.
WASHOUT: Final = MappingProxyType(
    {
        Agent.EXTRACELLULAR: (Phase.PORTAL_VENOUS, Phase.DELAYED),
        Agent.GADOBENATE: (Phase.PORTAL_VENOUS, Phase.DELAYED),
        Agent.GADOXETATE: (Phase.PORTAL_VENOUS,),
    }
)
# Which may show an enhancing capsule (core p20).
CAPSULE: Final = MappingProxyType(
    {
        Agent.EXTRACELLULAR: (Phase.PORTAL_VENOUS, Phase.DELAYED),
        Agent.GADOBENATE: (Phase.PORTAL_VENOUS, Phase.DELAYED),
        Agent.GADOXETATE: (Phase.PORTAL_VENOUS, Phase.TRANSITIONAL),
    }
)
_NEVER: Final = MappingProxyType(
    {
        Agent.EXTRACELLULAR: (Phase.TRANSITIONAL, Phase.HEPATOBILIARY),
        Agent.GADOBENATE: (Phase.TRANSITIONAL,),
        Agent.GADOXETATE: (Phase.DELAYED,),
    }
)


@dataclass(frozen=True, slots=True, eq=False)
class MultiPhase:
    """``images``: HU on CT, signal on MRI, each in its place; ``modality``: "CT" or "MRI".

    Raises:
        BadValue: another modality, or no phase at all.
        MissingField: MRI without its agent, which decides in which phases washout counts.
        Contradiction: a phase that the agent does not have, or an MRI agent on CT.
    """

    images: Mapping[Phase, Placed]
    modality: str
    agent: Agent | None = None

    def __post_init__(self) -> None:
        if self.modality not in MODALITIES:
            raise BadValue("phases", "modality", self.modality, ", ".join(MODALITIES), "Name one of these.")
        if not self.images:
            raise BadValue("phases", "", "none", "at least one phase", "Give the images of the phases.")
        if self.modality == "MRI" and self.agent is None:
            raise MissingField("phases", "agent", "MRI without its agent", ", ".join(Agent), "Say which was given.")
        if self.modality == "CT" and self.agent not in {None, Agent.EXTRACELLULAR}:
            raise Contradiction("phases", "agent", f"{self.agent} on CT", "extracellular", "Correct one of them.")
        wrong = [phase for phase in self.images if phase in _NEVER[self.given]]
        if wrong:
            cure = "With gadoxetate the phase after the portal venous one is transitional; others have a delayed phase."
            raise Contradiction("phases", str(wrong[0]), f"this phase with {self.given}", "a phase it has", cure)

    @property
    def given(self) -> Agent:
        """The agent."""
        return self.agent or Agent.EXTRACELLULAR

    @property
    def exam_modality(self) -> str:
        """Under the values of the guideline's input ``modality``."""
        names = {Agent.EXTRACELLULAR: "MRI_ECA", Agent.GADOXETATE: "MRI_gadoxetate", Agent.GADOBENATE: "MRI_gadobenate"}
        return "CT" if self.modality == "CT" else names[self.given]

    def lacking(self) -> tuple[Phase, ...]:
        """Phases that LI-RADS requires of the exam and that are not there (CT: before contrast is optional)."""
        needed = [Phase.LATE_ARTERIAL, Phase.PORTAL_VENOUS]
        needed = needed if self.modality == "CT" else [Phase.PRECONTRAST, *needed]
        last = [Phase.TRANSITIONAL, Phase.HEPATOBILIARY] if self.given is Agent.GADOXETATE else [Phase.DELAYED]
        return tuple(phase for phase in (*needed, *last) if phase not in self.images)
