"""What a question to a FHIR server may be asked with: the token of the call, or none of it.

The token goes to the server that it came with, and nowhere else; it is never logged, kept or shown.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from ..request import Authorization
from ..trust.settings import FhirServer
from .outcomes import Unanswered, Why
from .query import Query
from .scopes import allows

_TOKEN = re.compile(r"[A-Za-z0-9\-._~+/]{1,8192}=*")  # RFC 6750, section 2.1


@dataclass(frozen=True, slots=True)
class Access:
    """A token that looks usable, with what it is for.

    Attributes:
        token: none where the server answers without.
        scope: as it came; None where nothing narrows it.
        patient: the one patient that it is for, or None.
    """

    token: str | None = field(default=None, repr=False)
    scope: str | None = None
    patient: str | None = None

    def check(self, query: Query) -> None:
        """That the token is for this question: the server would say no, or should.

        Raises:
            Unanswered: another patient's, or beyond the scope.
        """
        if self.patient is not None and query.patients - {self.patient}:
            raise Unanswered(Why.OTHER_PATIENT)
        if self.scope is not None and not allows(self.scope, query.type, search=query.id is None):
            raise Unanswered(Why.OUT_OF_SCOPE)


def brought(authorization: Authorization, server: FhirServer) -> Access:
    """The access that a call brought (``fhirAuthorization``) for this server.

    Raises:
        Unanswered: it is over, of another kind than Bearer, or given to somebody else.
    """
    secret = authorization.access_token
    token = secret.get_secret_value() if secret is not None else ""
    if (authorization.token_type or "").lower() != "bearer" or _TOKEN.fullmatch(token) is None:
        raise Unanswered(Why.BAD_AUTHORIZATION)
    if authorization.expires_in is None or not authorization.expires_in > 0:
        raise Unanswered(Why.TOKEN_OVER)
    if server.subject is not None and authorization.subject != server.subject:
        raise Unanswered(Why.OTHER_SUBJECT)
    if not authorization.scope:
        raise Unanswered(Why.OUT_OF_SCOPE)
    patient = authorization.patient
    return Access(token, authorization.scope, patient.removeprefix("Patient/") if patient else None)
