"""Spans for OpenTelemetry: one a call, and one for each of its parts where a seam is (``span``).

A few spans of our own on OpenTelemetry's interface, not an instrumentation of the framework: those of FastAPI (its own
and the contributed one) put path, query and messages of exceptions into spans and logs, and here a path may name a
decision and a query a patient. For the same reason the provider stays in this module and is not the process's: nothing
that finds a global one begins to export. Off unless the environment asks for it; off, a span costs a comparison.

No name of a span and no attribute is a caller's own word: all are of ``ATTRIBUTES`` and ``calls.FACTS``. Messages of
exceptions are not recorded. A client's ``tracestate`` and baggage are dropped; nothing is passed on to FHIR servers.
Where spans go: ``exporting``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, Final, Protocol

from ...engine.errors import InputError
from .calls import FACTS, TRACEPARENT, Call

if TYPE_CHECKING:
    from fastapi.telemetry import TelemetryConfig
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span, Tracer
    from sqlalchemy import Engine

    from ..cds_hooks.seam import Client, Fetch, Fetching, Server

FRAMEWORK_OFF: Final[TelemetryConfig] = {  # FastAPI(telemetry=...): see above
    "tracing": False,
    "metrics": False,
    "logs": False,
    "operation_spans": False,
    "auto_configure": False,
}
MOST = 1_000_000
VERBS: Final = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE", "BEGIN", "COMMIT", "ROLLBACK"})


def _count(value: object) -> bool:
    return isinstance(value, int) and 0 <= value <= MOST


def _service(value: object) -> bool:
    return isinstance(value, str) and FACTS["service"].fullmatch(value) is not None


def _verb(value: object) -> bool:
    return value in VERBS


ATTRIBUTES: Final[Mapping[str, Callable[[object], bool]]] = {
    "service": _service,  # of ours that answers
    "asked": _count,  # how many things were asked for
    "lacking": _count,  # and not had
    "operation": _verb,  # of SQL
}


class Telling(Protocol):
    """A span that is open."""

    def tell(self, **attributes: Any) -> None:
        """Add attributes; those that are not of ``ATTRIBUTES`` are dropped."""


class _Nothing:
    def tell(self, **attributes: Any) -> None:
        """Nobody listens."""


class _Told:
    def __init__(self, span: Span) -> None:
        self._span = span

    def tell(self, **attributes: Any) -> None:
        self._span.set_attributes(
            {f"radlogic.{k}": v for k, v in attributes.items() if k in ATTRIBUTES and ATTRIBUTES[k](v)}
        )


_OFF: Final[AbstractContextManager[Telling]] = nullcontext(_Nothing())


class _State:
    """Of the process: what spans are made with, None while off."""

    tracer: Tracer | None = None


def span(name: str, **attributes: Any) -> AbstractContextManager[Telling]:
    """A part of the call that is being answered, for the length of the block: ``with span("fetch", asked=3):``.

    ``name`` is a word of the code, never data. An exception that leaves the block marks it with its kind.
    """
    tracer = _State.tracer
    return _OFF if tracer is None else _open(tracer, name, attributes)


@contextmanager
def _open(tracer: Tracer, name: str, attributes: dict[str, Any]) -> Iterator[Telling]:
    with tracer.start_as_current_span(name, record_exception=False, set_status_on_exception=False) as opened:
        told = _Told(opened)
        told.tell(**attributes)
        try:
            yield told
        except InputError as refused:  # what was sent is at fault, and no operator need look
            opened.set_attribute("error.type", type(refused).__name__)
            raise
        except BaseException as fault:
            _failed(opened, type(fault).__name__)
            raise


def of_call(call: Call) -> AbstractContextManager[object]:
    """The span of a whole call, named and filled by what ``call`` holds when it ends."""
    tracer = _State.tracer
    return _OFF if tracer is None else _call_span(tracer, call)


@contextmanager
def _call_span(tracer: Tracer, call: Call) -> Iterator[None]:
    from opentelemetry.trace import SpanKind, use_span

    opened = tracer.start_span(call.method, _parent(call.traceparent), SpanKind.SERVER)
    try:
        with use_span(opened, record_exception=False, set_status_on_exception=False):
            yield
    except BaseException as fault:
        _failed(opened, type(fault).__name__)
        raise
    finally:
        _finish(opened, call)


def _finish(opened: Span, call: Call) -> None:
    opened.update_name(f"{call.method} {call.route}")
    opened.set_attributes(
        {
            "http.request.method": call.method,
            "http.route": call.route,
            "http.response.status_code": call.status,
            "radlogic.request_id": call.request_id,
            **{f"radlogic.{name}": value for name, value in call.facts.items()},
        }
    )
    if call.status >= 500:
        _failed(opened, str(call.status))
    opened.end()


def _failed(opened: Span, kind: str) -> None:
    from opentelemetry.trace import StatusCode

    opened.set_attribute("error.type", kind)
    opened.set_status(StatusCode.ERROR)


def _parent(traceparent: str) -> Any:
    """The context of a caller's span; an empty one where there is none."""
    from opentelemetry.context import Context
    from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

    found = TRACEPARENT.fullmatch(traceparent)
    if found is None:
        return Context()
    trace, parent, flags = (int(part, 16) for part in found.groups())
    caller = SpanContext(trace, parent, is_remote=True, trace_flags=TraceFlags(flags & TraceFlags.SAMPLED))
    return set_span_in_context(NonRecordingSpan(caller), Context())


def traced(fetching: Fetching) -> Fetching:
    """The ``Fetching`` of the CDS services with a span around what each call fetches."""

    def fetches(client: Client, server: Server) -> Fetch:
        fetch = fetching(client, server)

        def fetch_traced(needs: Mapping[str, str]) -> Any:
            with span("fetch", asked=len(needs)) as told:
                found = fetch(needs)
                told.tell(lacking=sum(bool(datum.lacking) for datum in found.values()))
            return found

        return fetch_traced

    return fetches


def watch_store(engine: Engine) -> None:
    """A span around each statement that the store's database runs, without its text; nothing while off."""
    if _State.tracer is None:
        return
    from sqlalchemy import event

    def before(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        opened = span("store", operation=statement.lstrip()[:8].partition(" ")[0].upper())
        opened.__enter__()
        connection.info["radlogic_span"] = opened

    def after(connection: Any, *_: Any) -> None:
        _close(connection, None)

    def failed(context: Any) -> None:
        if context.connection is not None:
            _close(context.connection, context.original_exception)

    event.listen(engine, "before_cursor_execute", before)
    event.listen(engine, "after_cursor_execute", after)
    event.listen(engine, "handle_error", failed)


def _close(connection: Any, fault: BaseException | None) -> None:
    opened = connection.info.pop("radlogic_span", None)
    if opened is not None:
        opened.__exit__(type(fault) if fault else None, fault, None)


def use(provider: TracerProvider | None) -> None:
    """Make spans with this provider from now on; None: no more spans."""
    from importlib.metadata import version

    _State.tracer = provider.get_tracer("radlogic", version("radlogic")) if provider is not None else None
