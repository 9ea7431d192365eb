"""What became of one question to a FHIR server."""

from __future__ import annotations

from enum import StrEnum


class Why(StrEnum):
    """Why data could not be had: a code for logs and counters; ``WORDS`` has it for people."""

    NO_SERVER = "no_server"
    SERVER_NOT_LISTED = "server_not_listed"
    NO_TOKEN = "no_token"  # noqa: S105 - a code, and no secret
    BAD_AUTHORIZATION = "bad_authorization"
    OTHER_SUBJECT = "other_subject"
    OTHER_PATIENT = "other_patient"
    TOKEN_OVER = "token_over"  # noqa: S105 - likewise
    OUT_OF_SCOPE = "out_of_scope"
    BAD_QUERY = "bad_query"
    ADDRESS_REFUSED = "address_refused"
    UNREACHABLE = "unreachable"
    BROKEN = "broken"
    TIMEOUT = "timeout"
    BUSY = "busy"
    LEFT_ALONE = "left_alone"
    REDIRECTED = "redirected"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    RATE_LIMITED = "rate_limited"
    SERVER_FAULT = "server_fault"
    UNEXPECTED_STATUS = "unexpected_status"
    NOT_FHIR = "not_fhir"
    ANOTHER_RESOURCE = "another_resource"
    SERVER_SAYS_NO = "server_says_no"
    TOO_LARGE = "too_large"
    FAULT_HERE = "fault_here"


WORDS = {
    Why.NO_SERVER: "it was not sent, and no FHIR server was named",
    Why.SERVER_NOT_LISTED: "the FHIR server that was named is not one that this service may ask",
    Why.NO_TOKEN: "it was not sent, and no access to the FHIR server came with the call",
    Why.BAD_AUTHORIZATION: "the access to the FHIR server that came with the call is not usable",
    Why.OTHER_SUBJECT: "the access to the FHIR server that came with the call is not this service's",
    Why.OTHER_PATIENT: "the access to the FHIR server that came with the call is for another patient",
    Why.TOKEN_OVER: "the access to the FHIR server that came with the call is over",
    Why.OUT_OF_SCOPE: "the access to the FHIR server does not include it",
    Why.BAD_QUERY: "it cannot be asked of a FHIR server",
    Why.ADDRESS_REFUSED: "the FHIR server has an address that this service may not reach",
    Why.UNREACHABLE: "the FHIR server could not be reached",
    Why.BROKEN: "the FHIR server's answer broke off",
    Why.TIMEOUT: "the FHIR server did not answer in time",
    Why.BUSY: "too many questions to the FHIR server were waiting",
    Why.LEFT_ALONE: "the FHIR server failed just now and is left alone for a moment",
    Why.REDIRECTED: "the FHIR server sent us elsewhere, which is not followed",
    Why.UNAUTHORIZED: "the FHIR server did not accept the access",
    Why.FORBIDDEN: "the FHIR server did not allow it",
    Why.NOT_FOUND: "the FHIR server does not have it",
    Why.RATE_LIMITED: "the FHIR server had too many requests",
    Why.SERVER_FAULT: "the FHIR server failed",
    Why.UNEXPECTED_STATUS: "the FHIR server answered in a way that is not understood",
    Why.NOT_FHIR: "the FHIR server's answer was not FHIR in JSON",
    Why.ANOTHER_RESOURCE: "the FHIR server answered with something that was not asked for",
    Why.SERVER_SAYS_NO: "the FHIR server answered with an error message",
    Why.TOO_LARGE: "the FHIR server's answer was too large",
    Why.FAULT_HERE: "this service failed while it asked",
}

# The server's own trouble: enough of it in a row, and it is left alone. What is about one token or one question is not.
TROUBLE = frozenset(
    {Why.UNREACHABLE, Why.BROKEN, Why.TIMEOUT, Why.SERVER_FAULT, Why.UNEXPECTED_STATUS, Why.NOT_FHIR, Why.REDIRECTED}
)


class Unanswered(Exception):
    """No answer, and why: passed within this room only, where ``fetch`` makes words of it.

    Attributes:
        why: the code.
        wait_s: seconds that the server asked us to wait (Retry-After), or None.
    """

    def __init__(self, why: Why, wait_s: float | None = None) -> None:
        super().__init__(why.value)
        self.why, self.wait_s = why, wait_s
