"""A belief in words for the page: a measurement to a tenth, since its error is not known better than that."""

from __future__ import annotations

from ...engine.types import Belief, Measured
from ..report.words import belief_words, clean


def said(name: str, belief: Belief) -> str:
    """What a finding is taken to be.

    >>> from ...engine.types import Source, SourceKind
    >>> said("mean_mm", Measured(9.378858926, 0.7013, "mm", Source(SourceKind.NET, "lung-nodule")))
    '9.4 ± 0.7 mm (SD)'
    """
    if isinstance(belief, Measured) and belief.sd >= 0.05:
        return f"{belief.mean:.1f} ± {belief.sd:.1f} {clean(belief.unit)} (SD)"
    return belief_words(name, belief)
