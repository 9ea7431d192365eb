"""How a network refuses: its file is at fault, or what is said of a patient cannot all be true in it."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import Contradiction, RuleFileError


class NetworkFileError(RuleFileError):
    """A network's file breaks the schema or the linter; the network is withdrawn."""


@dataclass(eq=False)
class ImpossibleEvidence(Contradiction):
    """P(evidence) = 0: the pieces named in ``clash`` cannot all be true, each smaller set of them can."""

    clash: tuple[str, ...] = ()
