"""How the room of accounts and logins refuses.

* InputError
  x BadValue
    + WeakPassword         a password that is too short, too long or too plain
    + UnknownAccount       no account has this name
    + BadAccessSetting     settings that would open a hole
  x Contradiction
    + AccountExists        the name, or the identity of another system, is taken
  x LoginRefused           another system's login is not believed; nobody was logged in
* SetupError
  x ProviderUnavailable    another system does not answer, or not as its standard says
"""

from __future__ import annotations

from ...engine.errors import BadValue, Contradiction, InputError, SetupError


class WeakPassword(BadValue):
    """A password that is too short, too long or too plain; it is not quoted."""


class UnknownAccount(BadValue):
    """No account has this name."""


class BadAccessSetting(BadValue):
    """A setting that would open a hole, such as plain HTTP to another machine."""


class AccountExists(Contradiction):
    """The name, or the identity of another system, belongs to an account already."""


class LoginRefused(InputError):
    """Another system's login is not believed; nobody was logged in."""


class ProviderUnavailable(SetupError):
    """Another system (identity provider, EHR) does not answer, or not as its standard says."""
