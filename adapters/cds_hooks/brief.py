"""Of a stored decision, what cards speak of: read without the lesions, the record and the images' facts.

Those are nine tenths of a decision, and no card quotes them. They are cut off before the rest is checked and made into
the engine's types, so that a chart that is opened for the first time costs a tenth of the time.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import orjson
from sqlalchemy.engine import RowMapping

from ...engine.errors import InputError
from ...engine.record import Assessment
from ..decision_file import validated
from ..store.decisions import assessment_of
from ..store.journal import read_entry
from ..store.sealing import OPENING, put_back

NO_FACTS: Mapping[str, Any] = {"facts": {}, "notes": []}
STUDY = "study_uid"  # what was sealed under this name is taken out of the exam (store/sealing.py)


def brief(found: RowMapping) -> Assessment:
    """The assessment in a row of the log, joined with what was sealed: exam, guidelines' answers and review, no more.

    Empty in it are the findings and all facts of exam, patient and findings, prior exams, what nets said, the traces of
    why a guideline applies, conflicts, notes, the versions of knowledge, and the patient's pseudonym.

    Raises:
        NotReadable: it is damaged.
    """
    try:
        text = json.dumps(_cut(found["body"], json.loads(found["content"] or "{}")), ensure_ascii=False)
        made: Assessment = validated(text, "").to_engine()
    except (InputError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return assessment_of(read_entry(found))  # the whole way, which says what is wrong
    return made


def _cut(body: str, content: Mapping[str, str]) -> dict[str, Any]:
    """The form in the body with those parts emptied, and with what was sealed of the others put back."""
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
    return put_back(form, sealed) if sealed and OPENING in json.dumps(form, ensure_ascii=False) else form
