"""What must hold before the service may listen."""

from __future__ import annotations

import logging
from urllib.parse import urlsplit

from ...access.settings import is_loopback
from ..data.backend import signing_key
from ..data.transport import trusted
from .errors import BadTrustSetting
from .redact import quiet_libraries
from .settings import CdsTrust, TrustedClient

LOG = logging.getLogger("radlogic.cds.trust")
NOT_VERIFIED = (
    "WARNING: CDS clients are not verified. The CDS services answer every program and user of this machine. "
    "Do not put a proxy in front of them; set CDS trust `verify` and `clients` before anybody else may call. Unless a "
    "client's `fhir_servers` lists one, calls may name any FHIR server: use the patients of one only."
)
NOBODY = "CDS trust names no client: every call of a CDS service will be refused with 401"


def check_start(trust: CdsTrust, host: str) -> str | None:
    """Look at the settings once more, now that it is known where the service listens; call it at every start.

    Args:
        trust: the settings.
        host: the address that the service binds to.

    Returns:
        The warning to show, which is logged, too; None where there is none.

    Raises:
        BadTrustSetting: verification is off and the address, or that of ``base_url``, is not loopback; a file of the
            settings is not usable; or the clients are not all of one FHIR server.
    """
    quiet_libraries()
    check_one_server(trust)
    for client in trust.clients:
        _check_files(client)
    if trust.verify:
        if not trust.clients:
            LOG.warning(NOBODY)
        return None if trust.clients else NOBODY
    if not is_loopback(host.strip("[]")):
        cure = "Name the clients and leave `verify` on, or bind to 127.0.0.1."
        raise BadTrustSetting("CDS trust", "verify", "off, with an address that others reach", "off on loopback", cure)
    if not is_loopback(urlsplit(trust.base_url).hostname or ""):
        cure = "Name the clients and leave `verify` on: whoever reaches the proxy at that address could call."
        raise BadTrustSetting("CDS trust", "verify", "off, with a public base_url", "off on loopback", cure)
    LOG.warning(NOT_VERIFIED)
    return NOT_VERIFIED


def check_one_server(trust: CdsTrust) -> None:
    """That a ``Patient.id`` means one patient, whoever calls: a store's patients are those of one FHIR server.

    Raises:
        BadTrustSetting: several servers are listed, or several clients and not the same server for each.
    """
    if len(trust.bases) > 1:
        raise _several("several FHIR servers")
    if len(trust.clients) > 1 and not all(client.fhir_servers for client in trust.clients):
        raise _several("several clients, and one without the FHIR server that all share")


def _several(found: str) -> BadTrustSetting:
    allowed = "one FHIR server, the same for each client"
    cure = "Give each FHIR server a service and a store of its own; list the one server for each client."
    return BadTrustSetting("CDS trust", "clients.fhir_servers", found, allowed, cure)


def _check_files(client: TrustedClient) -> None:
    """That certificates, key sets and keys can be read: better now than at the first call."""
    allowed, cure = "a readable file with certificates (PEM)", "Correct the path or the file."
    try:
        trusted(client.ca_file)
    except OSError:  # ssl.SSLError is one
        raise BadTrustSetting("CDS trust", f"{client.name}.ca_file", "no such file", allowed, cure) from None
    for source in client.keys:
        if source.file is not None and not source.file.is_file():
            allowed = "a readable file with a JWKS"
            raise BadTrustSetting("CDS trust", f"{client.name}.keys.file", "no such file", allowed, cure)
    for server in client.fhir_servers:
        if server.backend is not None:
            signing_key(server.backend)
