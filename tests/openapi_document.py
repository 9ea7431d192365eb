"""The OpenAPI document's examples, made by calling the service, and the committed document: both written anew by
``python tests/openapi_document.py``.
"""

import json
from pathlib import Path

from cds_calls import FILES, answered
from cds_world import request

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "docs" / "openapi.json"
EXAMPLES = ROOT / "knowledge" / "cds" / "examples.json"
SHOWN = {
    "radlogic-patient-view": [
        "all prefetched, a smoker who is eligible",
        "due soon and nothing to review, so that an order may be drafted",
        "nothing sent, nothing stored",
    ],
    "radlogic-order-select": ["the selected draft is judged", "no selections field, which the hook requires"],
    "radlogic-order-sign": ["too early, by a date", "screening, and no data"],
    "radlogic-order-dispatch": [
        "the order is in the prefetch",
        "no orders at all, which the hook requires",
        "an order that cannot be had",
    ],
    "radlogic-imaging-report-sign": ["category and findings disagree", "a report on another patient"],
}


def recorded():
    """The calls that the document shows, with the answers that they get today."""
    cases = {(file["service"], case["name"]): (file, case) for file in FILES for case in file["cases"]}
    return [_made(service, name, *cases[service, name]) for service, names in SHOWN.items() for name in names]


def _made(service, name, file, case):
    answer = answered(file, case)
    sent = request(file["hook"], **case.get("request", {}))
    plain = json.loads(json.dumps(sent, default=str))
    return {"service": service, "name": name, "request": plain, "status": answer.status_code, "answer": answer.json()}


if __name__ == "__main__":
    EXAMPLES.write_text(json.dumps(recorded(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

    from radlogic.adapters.openapi import text

    DOCUMENT.write_text(text(), encoding="utf-8")
