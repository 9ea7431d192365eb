"""The two sentences that stand on everything that leaves radlogic."""

from __future__ import annotations

INTENDED_USE = "Decision support for qualified clinicians; not a medical device; a human signs."
PRELIMINARY = "PRELIMINARY - NOT SIGNED"
