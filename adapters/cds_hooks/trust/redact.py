"""A second line behind care: what looks like a token or an address of a record never leaves in a log line.

The first line is that nothing of the kind is logged. This filter sits on the loggers of the libraries that speak HTTP,
which log addresses and headers as they see fit, and may be put on any handler.
"""

from __future__ import annotations

import logging
import re

_JWT = re.compile(r"\beyJ[A-Za-z0-9_-]{6,}(?:\.[A-Za-z0-9_-]*){1,4}")  # begins with {" in base64
_BEARER = re.compile(r"(?i)\b(bearer|basic|negotiate)\s+[A-Za-z0-9\-._~+/=]+")
_NAMED = re.compile(
    r"""(?ix)(["']?\b(?:access_token|refresh_token|id_token|client_assertion|client_secret|authorization)["']?
    \s*+[=:,]\s*+(?:b(?=["']))?+["']?+)(?!\[|bearer\s|basic\s|negotiate\s)[^\s"'&,;}\])]+"""
)
_URL = re.compile(
    r"""(?ix)\b(https?://)  (?P<user>[^\s/?\#"'<>@]*+@)?+  (?P<host>\[[0-9a-f:.]+\](?::[0-9]+)?|[^\s/?\#"'<>@]++)
    (?P<rest>[/?\#][^\s"'<>]*)?"""
)
LIBRARIES = (
    "httpx",
    "httpcore",
    *(f"httpcore.{part}" for part in ("connection", "http11", "http2", "proxy", "socks")),
)


def redacted(text: str) -> str:
    """The text without tokens and without paths and queries of addresses.

    >>> redacted("GET https://ehr.example/fhir/Patient/7?x=1 Bearer abc.def")
    'GET https://ehr.example/[...] Bearer [...]'
    """
    text = _URL.sub(_origin, text)
    text = _BEARER.sub(r"\1 [...]", text)
    text = _NAMED.sub(r"\1[...]", text)
    return _JWT.sub("[...]", text)


def _origin(url: re.Match[str]) -> str:
    user, rest = "[...]@" if url["user"] else "", "/[...]" if url["rest"] else ""
    return f"{url[1]}{user}{url['host']}{rest}"


class Redacted(logging.Filter):
    """Rewrites a record before any handler sees it. Records are kept, their secrets are not."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Always True."""
        record.msg, record.args = redacted(record.getMessage()), None
        if record.exc_info and record.exc_info[0] is not None:
            record.exc_text = redacted(logging.Formatter().formatException(record.exc_info))
        if record.exc_text:
            record.exc_text = redacted(record.exc_text)
        return True


class _NoWire(logging.Filter):
    """Lets no line about single bytes and headers of a connection pass: they may be anything."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno > logging.DEBUG


def quiet_libraries() -> None:
    """Put the filters on the loggers of the HTTP libraries; again changes nothing."""
    for name in LIBRARIES:
        logger = logging.getLogger(name)
        if not any(isinstance(f, Redacted) for f in logger.filters):
            logger.addFilter(_NoWire())
            logger.addFilter(Redacted())
