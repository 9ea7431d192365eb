"""Where a site keeps calibrations of its own: the folder that the environment names."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from ..engine.errors import MissingKnowledge

VARIABLE: Final = "RADLOGIC_CALIBRATION"


def site_folder() -> Path | None:
    """The folder of the site's calibrations, by the environment; None where there is none.

    Raises:
        MissingKnowledge: the variable names no folder; without this check the shipped calibration would be used unsaid.
    """
    name = os.environ.get(VARIABLE, "")
    if not name:
        return None
    folder = Path(name)
    if not folder.is_dir():
        cure = "Correct it, or unset it to use the shipped calibration."
        raise MissingKnowledge("the environment", VARIABLE, "no such folder", "a folder of calibrations", cure)
    return folder
