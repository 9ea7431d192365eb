"""Every way a decision is refused as FHIR, each below the leaf of ``engine/errors.py`` that it refines.

* BadValue
  x NotAllowedCode        a code that a required binding of R4 does not have
  x NotR4                 an element that R4 does not have, a null, an empty value
* MissingField
  x MissingElement        an element that R4 demands is absent
* Contradiction
  x BrokenReference       a reference that nothing in the Bundle answers, or to a type that may not stand there
  x SignedReportStands    an unsigned correction may not take a signed report's place

The first four say that radlogic itself is at fault, or what the caller gave. Sentences name resource and element.
"""

from __future__ import annotations

from ....engine.errors import BadValue, Contradiction, MissingField


class NotAllowedCode(BadValue):
    """A code that a required binding of R4 does not have."""


class NotR4(BadValue):
    """An element that R4 does not have, a null, or an empty value."""


class MissingElement(MissingField):
    """An element that R4 demands is absent."""


class BrokenReference(Contradiction):
    """A reference that nothing in the Bundle answers, or to a type that may not stand there."""


class SignedReportStands(Contradiction):
    """An unsigned correction may not take a signed report's place."""
