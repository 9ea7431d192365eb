# ruff: noqa: E501  a wording stands on one line
"""A few plain wordings for reports: what the vector shows, what the statement says, and some history around it."""

from collections.abc import Mapping, Sequence
from typing import Any

from generated_vectors import Vector

NAMED = {"lung-rads": "Lung-RADS", "li-rads-us": "US LI-RADS", "li-rads-ct-mri": "LI-RADS", "fleischner": "Fleischner"}
SAID = {"ldct": "low-dose CT", "ct": "chest CT", "pet_ct": "PET/CT", "mri": "MRI", "us": "ultrasound",
        "other": "multidisciplinary discussion"}  # fmt: skip
OPENINGS = ("FINDINGS: {seen}\n\nIMPRESSION:\n1. {stated}\n2. {advice}",
            "Technique: standard protocol. Comparison: none given.\n\n{seen} No other suspicious finding.\n\nConclusion: {stated} {advice}",
            "{seen}\nIMPRESSION: {stated}\nRECOMMENDATION: {advice}",
            "Clinical history: as per request; no known malignancy.\nREPORT\n{seen}\nNo pleural effusion, no ascites.\nOPINION\n{stated} {advice}")  # fmt: skip
STYLES = len(OPENINGS)


def report(vector: Vector, said: Mapping[str, Any], style: int) -> str:
    """A report. ``said``: edition, category, s_modifier, low, high (months), modality, no_followup."""
    seen = " ".join(map(_seen, vector.findings)) or "No focal abnormality is seen."
    return OPENINGS[style].format(seen=seen, stated=_stated(vector, said, style), advice=_advice(said, style))


def _seen(finding: Mapping[str, Any]) -> str:
    if finding.get("observation") == "none":
        return "No observation in the liver."
    article = "an" if str(finding.get("type")) == "airway" or finding["kind"] == "observation" else "a"
    noun = str(finding.get("type") or "").replace("_", "-") + (
        " nodule" if finding["kind"] == "nodule" else " observation"
    )
    parts = [f"There is {article} {noun.strip()}{_size(finding)}."]
    if finding.get("benign_feature") not in (None, "none"):
        parts.append(f"Benign pattern or calcification: {finding['benign_feature'].replace('_', ' ')}.")
    seen = [
        name.split(".")[1].replace("_", " ")
        for name, value in finding.items()
        if name.startswith("suspicious_features.") and value
    ]
    parts += [f"There is {name}." for name in seen]
    if finding.get("status") in ("new", "resolved"):
        parts.append("It is new." if finding["status"] == "new" else "It has resolved.")
    if finding.get("prior_mean_mm") is not None:
        parts.append(f"It measured {finding['prior_mean_mm']:g} mm on the prior exam.")
    return " ".join(parts)


def _size(finding: Mapping[str, Any]) -> str:
    if finding.get("long_mm") is not None and finding.get("short_mm") is not None:
        return f" of {finding['long_mm']:g} x {finding['short_mm']:g} mm"
    if finding.get("volume_mm3") is not None:
        return f" of {finding['volume_mm3']:g} mm3"
    sizes = [finding[name] for name in ("mean_mm", "observation_mm", "size_mm") if finding.get(name) is not None]
    return f" of {sizes[0]:g} mm" if sizes else ""


def _stated(vector: Vector, said: Mapping[str, Any], style: int) -> str:
    name, modifier = NAMED[vector.guideline], "S" if said["s_modifier"] else ""
    if said["category"] is None:
        return f"By the {name} {said['edition']} recommendations."
    forms: Sequence[str] = (
        "{name} v{edition}: category {category}.",
        "{name} ({edition}) {category}.",
        "Assessment {name} {category}, version {edition}.",
        "{name} category {category} (v{edition}).",
    )
    return forms[style].format(name=name, edition=said["edition"], category=f"{said['category']}{modifier}")


def _advice(said: Mapping[str, Any], style: int) -> str:
    if said["no_followup"]:
        return "No routine follow-up is needed."
    if said["low"] is None and said["modality"] is None:
        return "Clinical correlation."
    what = SAID.get(str(said["modality"]), "imaging")
    if said["low"] is None:
        return ("Recommend {0}.", "{0} is advised.", "{0}.", "Suggest {0}.")[style].format(what)
    months = f"{said['low']} months" if said["low"] == said["high"] else f"{said['low']} to {said['high']} months"
    months = "1 month" if months == "1 months" else months
    return ("Recommend {0} in {1}.", "{0} in {1} is advised.", "{0} in {1}.", "Suggest {0} in {1}.")[style].format(
        what, months
    )
