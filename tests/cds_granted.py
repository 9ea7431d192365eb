"""What opens a FHIR server: the ``fhirAuthorization`` of an honest call, a standing token and our key; for tests."""

import contextvars
import time

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from radlogic.adapters.cds_hooks.trust.arrival import arrives

GRANTED = {
    "access_token": "tok-5e.cr-3t_value",
    "token_type": "Bearer",
    "expires_in": 300,
    "scope": "patient/*.rs launch",
    "subject": "radlogic",
    "patient": "7",
}
GIVEN = {"access_token": "standing-1", "token_type": "bearer", "expires_in": 300, "scope": "system/*.rs"}
EC = ec.generate_private_key(ec.SECP384R1())


def pem(key):
    kind = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, kind, serialization.NoEncryption())


def changed(changes):
    """It with these changes; None: there is none."""
    return None if changes is None else GRANTED | changes


LONG_S = 20.0  # what a call has where its time is not what is tested: more than this machine is ever busy for


def patient(trust):
    """The same trust, whose calls have more time to fetch than a site may give them."""
    return trust.model_copy(update={"fetch": trust.fetch.model_copy(update={"budget_ms": LONG_S * 1000})})


def in_a_call_that_arrived(seconds_ago, work):
    """The result of work done for a call that arrived so long ago."""

    def inside():
        arrives(time.monotonic() - seconds_ago)
        return work()

    return contextvars.copy_context().run(inside)
