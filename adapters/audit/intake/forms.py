"""Whether the elements of a line have the form that FHIR gives them, asked of the line without a second parse.

DuckDB makes NULL of an element whose form does not fit, and text of a number where text must stand. Both are seen from
outside: the NULL of an element whose name stands in the line before another sign than its form begins with; the text
that might be a number, a list or an object. Nothing may be missed here; a line that is suspicious is parsed again for
the forms of its elements, which decides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ....engine.guideline.columns import text
from ..views.values import Shape, member_sql

NAME_ESCAPED = r"\\u00[4-7]"  # a letter of a name may stand there by its number
NO_TEXT = r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?|true|false|[\[{](?s:.*)"  # what DuckDB makes of what is no text
BEGINS = {"ARRAY": r"\[", "OBJECT": "{", "BOOLEAN": "tf"}  # as a value of the form does; a number with a digit
DIGITS = "0-9-"
Forms = Mapping[str, tuple[str, ...]]


def suspicious(forms: Forms, shape: Shape) -> str:
    """SQL over ``text`` and the STRUCT ``r``: whether an element may be of another form."""
    texts = [name for name, allowed in forms.items() if allowed[0] == "VARCHAR"]
    others = [name for name in forms if name not in texts]
    nested = _forms_within(shape)
    # an element within another may have its name and another form: then both are asked for only where it is missing
    alone = [name for name in others if nested.get(name, forms[name][0]) == forms[name][0]]
    asked = [f"regexp_full_match({_held(name)}, {text(NO_TEXT)})" for name in texts]
    asked.append(_missing(alone, forms))
    asked += [_missing([name], forms) for name in others if name not in alone]
    asked += [_there(name, forms) for name in others if forms[name][0] not in ("ARRAY", "OBJECT")]
    asked.append(f"(contains(text, {text(chr(92) + 'u00')}) AND regexp_matches(text, {text(NAME_ESCAPED)}))")
    # CASE asks one after the other, and of the lines only that are still open
    return f"CASE {' '.join(f'WHEN {one} THEN TRUE' for one in asked if one)} ELSE FALSE END"


def _missing(names: Sequence[str], forms: Forms) -> str:
    """Whether one of them is NULL, and its name stands before a value of another form."""
    if not names:
        return ""
    missing = " OR ".join(f"{_held(name)} IS NULL" for name in names)
    return f"(CASE WHEN {missing} THEN regexp_matches(text, {text('|'.join(_other(n, forms) for n in names))}) END)"


def _there(name: str, forms: Forms) -> str:
    """Whether a yes or a number was read of a value of another form."""
    return f"(CASE WHEN {_held(name)} IS NOT NULL THEN regexp_matches(text, {text(_other(name, forms))}) END)"


def _other(name: str, forms: Forms) -> str:
    return rf'"{name}"\s*:\s*[^{BEGINS.get(forms[name][0], DIGITS)}\s]'


def _held(name: str) -> str:
    return member_sql("r", name)


def _forms_within(shape: Shape) -> dict[str, str]:
    """The forms of what the views read deeper in the resource, by name; nothing said where there are several."""
    found: dict[str, str] = {}
    for inner in shape.members.values():
        for name, held in inner.members.items():
            form = "ARRAY" if held.many else "OBJECT" if held.members else "a value"
            found[name] = form if found.setdefault(name, form) == form else "several"
            found |= {n: f if found.get(n, f) == f else "several" for n, f in _forms_within(inner).items()}
    return found


def wrong(forms: Forms, found: str) -> str:
    """SQL: whether one of the forms that ``looked_at`` found is none that its element may have."""
    at = enumerate(forms.values(), 1)
    return f"({' OR '.join(f'{found}[{i}] NOT IN ({_listed(allowed)})' for i, allowed in at)})"


def looked_at(forms: Forms) -> str:
    """SQL over ``text``: the form of each element, NULL where it is absent."""
    return f"json_type(text, [{_listed([f'$.{name}' for name in forms])}])"


def _listed(words: Sequence[str]) -> str:
    return ", ".join(map(text, words))
