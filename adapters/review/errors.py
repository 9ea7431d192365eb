"""How the review pages refuse.

* InputError
  x ReadFirst            this person has not committed findings of their own yet
  x NotYoursToTakeBack   an override is taken back by who may override
  x NotYourPatient       the page was launched for another patient
"""

from __future__ import annotations

from ...engine.errors import InputError


class ReadFirst(InputError):
    """This person reads first: nothing of the engine's is shown or acted on before their own findings are committed."""


class NotYoursToTakeBack(InputError):
    """The decision is overridden, and this person's roles do not allow overriding, nor taking an override back."""


class NotYourPatient(InputError):
    """The EHR launched the page for one patient, and this case is another's."""
