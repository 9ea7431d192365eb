"""How the monitor and the site's calibration refuse.

* InputError
  x TooFewSigned         too few signed exams of a site to refit a calibration on
  x CoverageNotHeld      the refitted sets do not hold what they state on exams that they were not fitted on
"""

from __future__ import annotations

from ...engine.errors import InputError


class TooFewSigned(InputError):
    """Too few signed exams of a site to refit a calibration on; it says how many there are."""


class CoverageNotHeld(InputError):
    """The refitted sets do not hold what they state on exams that they were not fitted on; nothing is written."""
