"""Where spans go: over OTLP to a collector, if OpenTelemetry's own variables ask for it."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ...engine.errors import BadValue, MissingExtra
from . import tracing

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter

SHUTDOWN_S = 2.0  # for what is not exported yet when the process ends


class _State:
    """Of the process: what ``set_up`` made."""

    made: tuple[TracerProvider, SpanExporter] | None = None


def set_up(environ: Mapping[str, str] = os.environ, *, later: bool = False) -> bool:
    """Export spans if OpenTelemetry's own variables say so; call it once, before the app is made.

    On with ``OTEL_EXPORTER_OTLP_ENDPOINT`` (or ``..._TRACES_ENDPOINT``), or ``OTEL_TRACES_EXPORTER=otlp``; off with
    ``OTEL_SDK_DISABLED=true`` or ``OTEL_TRACES_EXPORTER=none``. Sampler, headers, limits and names of the service are
    read from the environment by OpenTelemetry itself.

    Args:
        environ: the environment.
        later: only prepare it, without a thread, so that the process may be forked; then ``begin`` in each.

    Returns:
        Whether spans are exported.

    Raises:
        MissingExtra: they are asked for, and the extra ``otel`` is not installed.
        BadValue: another exporter or protocol than OTLP over HTTP.
    """
    if not _wanted(environ):
        return False
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
    except ImportError as error:
        cure = "pip install 'radlogic[otel]', or unset the variables OTEL_..."
        raise MissingExtra("tracing", "", "no opentelemetry-sdk", "the extra otel", cure) from error
    provider = TracerProvider(resource=Resource.create(_named(environ)), shutdown_on_exit=False)
    _State.made = provider, OTLPSpanExporter()
    tracing.use(provider)
    if not later:
        begin()
    return True


def begin() -> None:
    """Export from now on, in a thread, what ``set_up`` prepared, if it did."""
    if _State.made is not None:
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        provider, exporter = _State.made
        provider.add_span_processor(BatchSpanProcessor(exporter))


def _named(environ: Mapping[str, str]) -> dict[str, str]:
    """Our name, where the environment gives the service none."""
    given = environ.get("OTEL_SERVICE_NAME") or "service.name=" in environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    return {} if given else {"service.name": "radlogic"}


def _wanted(environ: Mapping[str, str]) -> bool:
    """Whether spans are asked for.

    Raises:
        BadValue: in a way that is not offered.
    """
    exporter = environ.get("OTEL_TRACES_EXPORTER", "").strip().lower()
    endpoint = environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") or environ.get("OTEL_EXPORTER_OTLP_ENDPOINT")
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true" or exporter == "none":
        return False
    if not (exporter or endpoint):
        return False
    protocol = environ.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or environ.get("OTEL_EXPORTER_OTLP_PROTOCOL", "")
    _only("OTEL_TRACES_EXPORTER", exporter, "otlp", "otlp or none")
    _only("OTEL_EXPORTER_OTLP_PROTOCOL", protocol, "http/protobuf", "http/protobuf")
    return True


def _only(name: str, value: str, offered: str, allowed: str) -> None:
    if value not in {"", offered}:
        raise BadValue("the environment", name, "another value", allowed, "Set that, or unset it.")


def shut_down() -> None:
    """Make no more spans, export what is left, for two seconds at most; call it when the server has stopped."""
    tracing.use(None)
    made, _State.made = _State.made, None
    if made is None:
        return
    provider, exporter = made
    last = threading.Thread(target=provider.shutdown, name="radlogic-spans", daemon=True)
    last.start()
    last.join(SHUTDOWN_S)
    if last.is_alive():  # a collector that is gone: it would try again for longer than we wait
        exporter.shutdown()
