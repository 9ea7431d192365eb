"""The category that follows from what a reader committed before the engine's findings were shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...engine.errors import InputError
from ...engine.facts import exam_facts, stronger
from ...engine.guideline.evaluate import classify
from ...engine.guideline.load import Guideline
from ...engine.types import Case
from ..cases import parse, read
from ..store.chain import compact


def read_first_category(findings: Mapping[str, Any], guideline: Guideline, case: Case) -> str | None:
    """The reader's category: as stated under ``category``, as the review page worked it out (``answers``), or read
    from the findings in the guideline's form.

    What the reader's form leaves open about the exam (round, prior exam) is taken from the case. None where the
    findings are not in that form, or leave several categories possible: nothing is guessed.
    """
    known = {str(c["id"]) for c in guideline.head["categories"]}
    for stated in (findings.get("category"), _of_page(findings, guideline.name)):
        if isinstance(stated, str):
            return stated if stated in known else None
    form = {"exam", "patient", guideline.head["findings"]["section"]}
    try:
        said = read(parse(compact({k: v for k, v in findings.items() if k in form}, "findings")), guideline)
        held = exam_facts(guideline, case)
        exam = {**held, **{name: stronger(b, held.get(name, b)) for name, b in said.exam.items()}}
        return classify(guideline, exam, list(said.findings), assessed=said.assessed).exam.category
    except InputError:  # another form than the guideline's, or facts that exclude each other: no category follows
        return None


def _of_page(findings: Mapping[str, Any], guideline: str) -> Any:
    """What followed from the page's form when the reading was committed (``review.desk.as_kept``)."""
    answers = findings.get("answers")
    answer = answers.get(guideline) if isinstance(answers, Mapping) else None
    return answer.get("category") if isinstance(answer, Mapping) else None
