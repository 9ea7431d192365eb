"""How the store refuses.

* SetupError
  x StoreUnavailable     the store cannot be opened, read or written just now; nothing was changed
"""

from __future__ import annotations

from ...engine.errors import SetupError


class StoreUnavailable(SetupError):
    """The store cannot be opened, read or written just now; nothing was changed."""
