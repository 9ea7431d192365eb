"""Headers on every answer, so that a browser helps to guard the page."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
PERMISSIONS = ("camera", "geolocation", "microphone", "payment", "usb", "serial", "display-capture", "clipboard-read")
ALWAYS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": ", ".join(f"{name}=()" for name in PERMISSIONS),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
TLS_ONLY = {"Strict-Transport-Security": "max-age=31536000"}


def set_headers(headers: MutableHeaders, *, secure: bool) -> None:
    """Set them, whatever the route said; only caching is the route's to allow, for what holds no patient."""
    headers.update(ALWAYS)
    headers.setdefault("Cache-Control", "no-store")
    if secure:
        headers.update(TLS_ONLY)
