"""How trust in CDS clients is refused.

* InputError
  x TokenRefused           the token of a call is not believed; the client is told nothing but 401
  x BadValue
    + BadTrustSetting      settings that would open a hole
* SetupError
  x ReplaysUnknown         it cannot be told just now whether a token was used before; nobody passes
"""

from __future__ import annotations

from ....engine.errors import BadValue, InputError, SetupError


class TokenRefused(InputError):
    """The token of a call is not believed. ``found`` is a code for the log; the client never sees it."""


class BadTrustSetting(BadValue):
    """A setting that would open a hole, such as a key set by plain http; its value is not quoted."""


class ReplaysUnknown(SetupError):
    """Whether a token was used before cannot be told just now, so that nobody passes."""


def refused_token(reason: str) -> TokenRefused:
    """The refusal for this reason, one of the codes in ``docs/cds-trust.md``."""
    allowed = "a token by a listed issuer, for this address, fresh and unused"
    return TokenRefused("CDS call", "Authorization", reason, allowed, "See docs/cds-trust.md for what the code means.")
