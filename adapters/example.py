"""The bundled example, generated: a drawn chest CT as DICOM, the findings stated on it, a FHIR patient."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

from ..engine.errors import BadValue
from ..engine.perception.phantom import bundled_example, chest_phantom
from ..engine.perception.phantom_nodules import NoduleTruth
from ..engine.resources import knowledge_folder
from .dicom.write import write_series

EXAM_DATE = date(2026, 10, 15)


def write_example(out: Path) -> tuple[Path, ...]:
    """Write ``ct/``, ``findings.json`` and ``patient.json`` into a new or empty folder.

    Raises:
        BadValue: the folder is not empty or cannot be written.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise BadValue(str(out), "", "something there already", "a new or empty folder", "Choose another.")
    drawn = chest_phantom(bundled_example())
    write_series(drawn.volume, out / "ct", date=EXAM_DATE, description="Bundled example")
    (out / "findings.json").write_text(json.dumps(findings(drawn.truth), indent=1), encoding="utf-8")
    (out / "patient.json").write_bytes((knowledge_folder() / "example" / "patient.json").read_bytes())
    return out / "ct", out / "findings.json", out / "patient.json"


def findings(truth: tuple[NoduleTruth, ...]) -> dict[str, Any]:
    """What a reader would state of the drawn nodules, as a case of Lung-RADS."""
    exam = {
        "round": "baseline",
        "prior_ct": "none",
        "lungs_fully_evaluable": True,
        "known_lung_cancer": False,
        "s_finding": "none",
        "indication": "screening",
        "date": EXAM_DATE.isoformat(),
    }
    return {"exam": exam, "nodules": [_nodule(t) for t in truth]}


def _nodule(t: NoduleTruth) -> dict[str, Any]:
    sizes = {"long_mm": round(t.long_mm, 1), "short_mm": round(t.short_mm, 1)}
    core = {} if t.solid_mean_mm is None else {"solid_mean_mm": round(t.solid_mean_mm, 1)}
    return {
        "tracking_id": t.id,
        "type": str(t.type),
        "status": "baseline",
        **sizes,
        **core,
        "location": f"{t.lobe} lobe",
        "upper_lobe": t.lobe.endswith("upper"),
        "position_mm": [round(float(v), 1) for v in t.position_mm],
    }
