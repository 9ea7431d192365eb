"""What the options of ``radlogic report`` may be together, held before anything is read or written."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ..engine.errors import Contradiction

if TYPE_CHECKING:
    from .report_commands import Asked

WHERE: Final = "command line"
TEXT, PAGE, PDF, FHIR, SR, SEG = "plain text", "--html", "--pdf", "--fhir", "--sr", "--seg"
DICOM: Final = (SR, SEG)
# The forms in which an option says something. In any other it would be read by nobody, and its user would not know.
SAYS: Final = {
    "series": (PAGE, PDF, *DICOM),
    "same_exam": (PAGE, PDF, *DICOM),
    "language": (TEXT, PAGE, PDF),
    "patient": (FHIR,),
    "base": (FHIR,),
    "drawn": (SEG,),
    "replaces": (SR,),
    "reader": DICOM,
    "institution": DICOM,
}
READ: Final = ("decision", "series", "drawn", "replaces")
WRITTEN: Final = ("pdf", "sr", "seg")


def check_options(asked: Asked) -> None:
    """Refuse what cannot be done together, and what would be passed over in silence.

    Raises:
        Contradiction: several forms; an option that says nothing in the form asked for; two files at one path.
    """
    forms = forms_of(asked)
    if len({SR if form == SEG else form for form in forms}) > 1:
        raise Contradiction(WHERE, ", ".join(forms), "several forms", "one at a time", "Call it for each.")
    for option in _given(asked):
        _says_something(option, forms, asked)
    _apart(asked)


def forms_of(asked: Asked) -> tuple[str, ...]:
    """What is asked for; SR and SEG may stand together."""
    wanted = {PAGE: asked.html, PDF: asked.pdf, FHIR: asked.fhir, SR: asked.sr, SEG: asked.seg}
    return tuple(form for form, given in wanted.items() if given) or (TEXT,)


def option_of(name: str) -> str:
    """A field's name as it is written on the command line.

    >>> option_of("same_exam")
    '--same-exam'
    """
    return f"--{name.replace('_', '-')}"


def _given(asked: Asked) -> Iterator[str]:
    plain = type(asked)(asked.decision)
    yield from (name for name in SAYS if getattr(asked, name) != getattr(plain, name))


def _says_something(name: str, forms: tuple[str, ...], asked: Asked) -> None:
    option, with_ = option_of(name), SAYS[name]
    if not set(forms) & set(with_):
        cure = f"Leave {option} out, or ask for one of these."
        raise Contradiction(WHERE, option, f"given with {' and '.join(forms)}", f"with {', '.join(with_)}", cure)
    if name == "same_exam" and asked.series is None:
        cure = "Give the images that you vouch for, or leave it out."
        raise Contradiction(WHERE, option, "given without --series", "with --series", cure)


def _apart(asked: Asked) -> None:
    """No file is written over another one that is written, or over one that is read."""
    taken = {_place(path): option for option, path in _paths(asked, READ)}
    for option, path in _paths(asked, WRITTEN):
        if (other := taken.setdefault(_place(path), option)) != option:
            found = f"the path of {other} as well"
            raise Contradiction(WHERE, option, found, "a path of its own", f"Give {option} another path.")


def _paths(asked: Asked, names: tuple[str, ...]) -> Iterator[tuple[str, Path]]:
    for name in names:
        held = getattr(asked, name)
        option = "the decision" if name == "decision" else option_of(name)
        yield from ((option, path) for path in (held if isinstance(held, tuple) else (held,)) if path is not None)


def _place(path: Path) -> Path:
    """Where a path leads, by whatever links it goes."""
    return path.expanduser().resolve()
