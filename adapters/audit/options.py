"""Which options of ``radlogic audit`` do something in which form; the others are refused, never passed over."""

from __future__ import annotations

import re
from collections.abc import Iterable
from types import MappingProxyType

from ...engine.errors import BadValue

ALWAYS = frozenset({"source", "out"})
FOLDER, COMPARED, FILE = "a folder", "--compare", "a file of decisions"
TAKEN = MappingProxyType({
    FOLDER: frozenset({"as_of", "measures", "setting", "memory", "engine", "by_measure", "texts", "check_rows",
                       "store"}),
    COMPARED: frozenset({"compare", "as_of", "setting", "memory", "engine"}),
    FILE: frozenset({"as_json"}),
})  # fmt: skip
WHOSE = frozenset({"patients_of", "patient_system"})  # of the store that is named
SIZE = re.compile(r"\d+(\.\d+)?\s*(b|bytes?|[kmgt]i?b?)", re.IGNORECASE)


def looked_at(given: Iterable[str], form: str, memory: str) -> None:
    """Look at the options before any work.

    Args:
        given: the parameters that stand on the command line.
        form: one of FOLDER, COMPARED, FILE.
        memory: the value of ``--memory``.

    Raises:
        BadValue: one of them does nothing in this form, or the memory is no size.
    """
    named = {*given} - ALWAYS
    idle = sorted(named - TAKEN[form] - (WHOSE if form == FOLDER and "store" in named else frozenset()))
    if idle:
        option, needs = spelt(idle[0]), "--store" if form == FOLDER and idle[0] in WHOSE else "another form of audit"
        allowed = ", ".join(spelt(name) for name in sorted(TAKEN[form]))
        raise BadValue("command line", option, f"an option that does nothing with {form}; it is for {needs}", allowed,
                       f"Leave {option} out.")  # fmt: skip
    if not SIZE.fullmatch(memory.strip()):
        raise BadValue("command line", "--memory", repr(memory), "a size such as 2GB", "Correct it.")


def spelt(parameter: str) -> str:
    """A parameter as it is written on the command line."""
    return "--" + {"as_json": "json"}.get(parameter, parameter).replace("_", "-")
