"""What the guard knows while a request is answered, and what it was installed with."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from sqlalchemy import Engine
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.requests import Request

from . import sessions
from .limits import Buckets, LoginThrottle
from .passwords import Passwords
from .permissions import Actor
from .settings import AccessSettings

LOG = logging.getLogger("radlogic.access")
SCOPE_KEY = "radlogic.visit"
NOBODY = "-"  # the actor of what is done by somebody who is not logged in

Audit = Callable[[str, str, Mapping[str, str]], object]


class Action(StrEnum):
    """What the room records, in the words of the store (``store.vocabulary.AUDIT_ACTIONS``)."""

    LOGIN = "login"
    LAUNCHED = "launched"
    LOGIN_FAILED = "login_failed"
    RATE_LIMITED = "rate_limited"
    LOGOUT = "logout"
    DENIED = "denied"
    ACCOUNT_CREATED = "account_created"
    ACCOUNT_CHANGED = "account_changed"
    ACCOUNT_DISABLED = "account_disabled"


@dataclass(frozen=True, slots=True)
class Access:
    """What ``install`` was given, and the counters that live as long as the app."""

    settings: AccessSettings
    engine: Engine
    audit: Audit
    passwords: Passwords
    clock: Callable[[], float]
    requests: Buckets
    throttle: LoginThrottle
    begins: Buckets

    @property
    def now(self) -> int:
        """Whole seconds since 1970, UTC."""
        return int(self.clock())

    @property
    def cookie(self) -> str:
        """The cookie's name; the prefix binds it to this very host, TLS and path / (RFC 6265bis, section 4.1.3)."""
        return "__Host-radlogic" if self.settings.secure else "radlogic"

    async def record(self, actor: str, action: Action, **detail: str) -> None:
        """Put it into the audit log, or fail: what cannot be recorded is not done."""
        await run_in_threadpool(self.audit, actor, action.value, detail)


@dataclass(slots=True)
class Visit:
    """One request: by whom, from where, and the token in the browser."""

    access: Access
    address: str
    token: str | None = field(default=None, repr=False)
    actor: Actor | None = None
    set_token: bool = False

    @property
    def csrf(self) -> str:
        """The token that forms bring back."""
        return sessions.csrf_of(self.bound())

    def bound(self) -> str:
        """The browser's token; one without a cookie gets one, so that there is something to bind to."""
        if self.token is None:
            self.token, self.set_token = sessions.new_token(), True
        return self.token

    def give(self, token: str | None) -> None:
        """Another token for the browser, or none."""
        self.token, self.set_token = token, True

    def set_cookie(self, headers: MutableHeaders) -> None:
        """Tell the browser, if its token changed. Lax, since an EHR or a provider sends the browser back to us."""
        if self.set_token:
            secure = "; Secure" if self.access.settings.secure else ""
            life = "" if self.token else "; Max-Age=0"
            headers.append(
                "Set-Cookie",
                f"{self.access.cookie}={self.token or ''}; HttpOnly; Path=/; SameSite=Lax{secure}{life}",
            )


def visit_of(request: Request) -> Visit:
    """The visit that the guard attached.

    Raises:
        RuntimeError: the guard is not installed, or the path is one of the machines'.
    """
    visit = request.scope.get(SCOPE_KEY)
    if not isinstance(visit, Visit):
        raise RuntimeError("no visit: install the guard, and keep pages off the machines' paths")
    return visit
