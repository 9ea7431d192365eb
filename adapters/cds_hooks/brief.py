"""Of a stored decision, what cards speak of: read without the lesions, the record and the images' facts.

Those are nine tenths of a decision, and no card quotes them. They are cut off before the rest is checked and made into
the engine's types, so that a chart that is opened for the first time costs a tenth of the time.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import cache
from typing import Any

import orjson
from sqlalchemy.engine import RowMapping

from ...engine.errors import InputError
from ...engine.record import Assessment
from ..border import Border
from ..decision_file import validated
from ..store.decisions import assessment_of
from ..store.journal import read_entry
from ..store.sealing import OPENING, put_back

NO_FACTS: Mapping[str, Any] = {"facts": {}, "notes": []}
AS_IT_IS = frozenset({str, int, float, bool, type(None), date})  # values that the engine has, too
STUDY = "study_uid"  # what was sealed under this name is taken out of the exam (store/sealing.py)


def brief(found: RowMapping) -> Assessment:
    """The assessment in a row of the log, joined with what was sealed: exam, guidelines' answers and review, no more.

    Empty in it are the findings and all facts of exam, patient and findings, prior exams, what nets said, the traces of
    why a guideline applies, conflicts, notes, the versions of knowledge, and the patient's pseudonym.

    Raises:
        NotReadable: it is damaged.
    """
    try:
        made: Assessment = engine_of(validated(_cut(found["body"], orjson.loads(found["content"] or "{}")), ""))
    except (InputError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return assessment_of(read_entry(found))  # the whole way, which says what is wrong
    return made


def _cut(body: str, content: Mapping[str, str]) -> str:
    """The decision in the body with those parts emptied, and with what was sealed of the others put back."""
    form: dict[str, Any] = orjson.loads(body)["assessment"]
    decision, record = form["decision"], form["record"]
    for guideline in decision["guidelines"]:
        guideline["findings"] = guideline["application"]["trace"] = []
    decision["conflicts"] = decision["notes"] = record["masked"] = []
    record["unconfirmed"] = record["knowledge"] = {}
    case = record["case"]
    case["findings"] = []
    case["exam"] |= {**NO_FACTS, STUDY: content.get(STUDY, "")}
    case["patient"] |= {**NO_FACTS, "prior_exams": [], "key": ""}
    sealed = {mark: text for mark, text in content.items() if mark.startswith(OPENING)}
    text = orjson.dumps(form).decode()
    return orjson.dumps(put_back(form, sealed)).decode() if sealed and OPENING in text else text


def engine_of(value: Any) -> Any:
    """The engine's object for a checked part of a decision, as ``Border.to_engine`` makes it, in a third of the time:
    what becomes of each field is worked out once for each class, and plain values are told by their very type."""
    kind: Any = type(value)
    if kind in AS_IT_IS:
        return value
    if kind is tuple:
        return tuple(map(engine_of, value)) if value else value
    if kind is dict:
        return {name: engine_of(part) for name, part in value.items()}
    if not isinstance(value, Border):
        return value
    if kind.to_engine is not Border.to_engine:
        return value.to_engine()
    parts = value.__dict__
    return value.makes(
        **{name: value._value(name) if special else engine_of(parts[name]) for name, special in _fields(kind)}
    )


@cache
def _fields(kind: type[Border]) -> tuple[tuple[str, bool], ...]:
    """The fields that the engine has, and whether the class has rules of its own for one (decimals and the like)."""
    special = kind.decimals | kind.infinite | kind.plain
    return tuple((name, name in special) for name in kind.model_fields if name not in kind.only_here)
