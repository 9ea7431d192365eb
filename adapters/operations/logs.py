"""Log lines that no patient and no secret gets into, as JSON or for people.

Standard logging with a formatter of our own: uvicorn and every library log by it anyway, so that one handler sees
all of them. The rule is an allow-list. Ours (``radlogic...``) are said in full, redacted once more; of uvicorn a few
sentences about its own life; of anything else only who said something, at which line of its code, never what:
a library quotes values, paths and statements as it sees fit. Of an exception there are kind and place.
"""

from __future__ import annotations

import json
import logging
import logging.config
import re
import sys
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from pathlib import PurePath
from traceback import walk_tb
from types import TracebackType
from typing import Any, Final, Literal

from ...engine.errors import RadlogicError
from ..cds_hooks.trust.redact import quiet_libraries, redacted
from .calls import current

Form = Literal["lines", "json"]
OURS: Final = "radlogic"
LONGEST = 2000  # characters of one message
FRAMES, CAUSES = 40, 5  # of one fault
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")  # a line break would forge a line
SERVER_SENTENCES: Final = frozenset(  # of uvicorn, about itself: constants, or with a number
    {
        "Started server process [%d]",
        "Finished server process [%d]",
        "Waiting for application startup.",
        "Application startup complete.",
        "Application startup failed. Exiting.",
        "Shutting down",
        "Waiting for connections to close. (CTRL+C to force quit)",
        "Waiting for background tasks to complete. (CTRL+C to force quit)",
        "Cancel %s running task(s), timeout graceful shutdown exceeded",
        "Waiting for application shutdown.",
        "Application shutdown complete.",
        "Application shutdown failed. Exiting.",
        "Exception in ASGI application\n",
        "ASGI callable returned without starting response.",
        "ASGI callable returned without completing response.",
        "Invalid HTTP request received.",
        "Unsupported upgrade request.",
    }
)


class Json(logging.Formatter):
    """One JSON object a line, ASCII only."""

    def format(self, record: logging.LogRecord) -> str:
        """The record; see ``docs/operations.md`` for its fields."""
        call = current()
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")[:-6] + "Z",
            "level": record.levelname,
            "logger": record.name,
            "event": said(record),
            **_answered(record),
        }
        if call is not None:
            line |= {"request_id": call.request_id, **call.facts}
        fault = _fault(record)
        return json.dumps(line | ({"fault": list(faults(fault))} if fault else {}))


class Lines(logging.Formatter):
    """Lines for people, as uvicorn writes them; below, indented, kind and place of a fault."""

    def format(self, record: logging.LogRecord) -> str:
        """The record."""
        who = "" if _ours(record) or _of_server(record) else f"{CONTROL.sub(' ', record.name)}: "
        lines = [f"{record.levelname + ':':<9} {who}{said(record)}"]
        for one in faults(_fault(record)):
            lines += [f"    {one['kind']}, its message withheld", *(f"      {place}" for place in one["at"])]
        return "\n".join(lines)


def said(record: logging.LogRecord) -> str:
    """What a record says, as far as it may be told: never longer than a line."""
    if not (_ours(record) or _of_server(record)):
        return f"a message withheld, of {PurePath(record.pathname).name}:{record.lineno}"
    text = record.msg if isinstance(record.msg, str) else _kind(record.msg)
    return CONTROL.sub(" ", redacted(_filled(text, record.args))).strip()[:LONGEST]


def _filled(text: str, args: Any) -> str:
    if not args:
        return text
    try:
        shown = {k: _shown(v) for k, v in args.items()} if isinstance(args, Mapping) else tuple(map(_shown, args))
        return text % shown
    except (TypeError, ValueError, KeyError):
        return "a message that its arguments do not fit"


def _shown(value: object) -> object:
    """Plain values and our own errors, which hold no patient; of anything else the kind."""
    return value if value is None or isinstance(value, str | int | float | date) else _kind(value)


def _kind(value: object) -> str:
    return str(value) if isinstance(value, RadlogicError) else type(value).__name__


def faults(fault: BaseException | None) -> Iterator[dict[str, Any]]:
    """Kind and place of an exception and of those that it came from, the innermost frame last; no message."""
    for _ in range(CAUSES):
        if fault is None:
            return
        yield {"kind": type(fault).__name__, "at": list(_frames(fault.__traceback__))}
        fault = _origin(fault)


def _origin(fault: BaseException) -> BaseException | None:
    """What an exception came from; of a group its first."""
    before = fault.__cause__ or (None if fault.__suppress_context__ else fault.__context__)
    return before or (fault.exceptions[0] if isinstance(fault, BaseExceptionGroup) else None)


def _frames(trace: TracebackType | None) -> Iterator[str]:
    for frame, line in deque(walk_tb(trace), FRAMES):
        yield f"{'/'.join(PurePath(frame.f_code.co_filename).parts[-2:])}:{line} in {frame.f_code.co_name}"


def _fault(record: logging.LogRecord) -> BaseException | None:
    return record.exc_info[1] if isinstance(record.exc_info, tuple) else None


def _answered(record: logging.LogRecord) -> dict[str, Any]:
    """The fields of the line about a call that was answered (``logged.Logged``)."""
    fields = getattr(record, "radlogic_call", None)
    return dict(fields) if _ours(record) and isinstance(fields, Mapping) else {}


def _ours(record: logging.LogRecord) -> bool:
    return record.name == OURS or record.name.startswith(f"{OURS}.")


def _of_server(record: logging.LogRecord) -> bool:
    return record.name == "uvicorn.error" and record.msg in SERVER_SENTENCES


def set_up(form: Form = "lines") -> None:
    """From now on every log line of this process goes to standard error in this form, and nothing goes around it.

    Call it once, before the server is made, and give that ``log_config=None``. Warnings, exceptions that nobody
    catches, in any thread, and such that are raised where they cannot be, are lines like all others.
    """
    logging.config.dictConfig(_config(form))
    logging.raiseExceptions = False  # else a line that cannot be written is printed with its arguments
    logging.captureWarnings(True)
    quiet_libraries()
    sys.excepthook = _uncaught
    sys.unraisablehook = lambda found: _tell(found.exc_type, found.exc_value, found.exc_traceback)
    threading.excepthook = lambda found: _tell(found.exc_type, found.exc_value, found.exc_traceback)


def _config(form: Form) -> dict[str, Any]:
    formatter: dict[str, Any] = {"()": Json if form == "json" else Lines}
    through: dict[str, Any] = {"handlers": [], "level": "INFO", "propagate": True}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"ours": formatter},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "ours", "stream": "ext://sys.stderr"}},
        "root": {"handlers": ["stderr"], "level": "WARNING"},
        "loggers": {
            OURS: through,
            "uvicorn": through,
            "uvicorn.error": through,
            "uvicorn.access": {"handlers": [], "level": "CRITICAL", "propagate": False},  # it writes paths
        },
    }


def _uncaught(kind: type[BaseException], fault: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, fault, trace)
    else:
        _tell(kind, fault, trace)


def _tell(kind: type[BaseException], fault: BaseException | None, trace: TracebackType | None) -> None:
    error = (kind, fault, trace) if fault is not None else None
    logging.getLogger("radlogic.process").error("%s, which nobody caught", kind.__name__, exc_info=error)
