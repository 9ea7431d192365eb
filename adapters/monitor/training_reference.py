"""``python -m radlogic.adapters.monitor.training_reference DATA ANSWERS > knowledge/monitor/lidc.yaml``

What the training data looked like to the net, one value for each patient's exam, as a site's are counted: of the series
of its largest nodule by the net's own diameter, and of that nodule. ``DATA``: the folder of the training command.
``ANSWERS``: its cross-validated answers (``answers.ndjson``), each nodule by a net that has not seen its patient.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from ...engine.errors import Contradiction, NotReadable
from ...engine.resources import knowledge_folder

QUANTITIES: Final[Mapping[str, tuple[str, str, float]]] = {  # name -> words, unit, rounded to
    "slice_thickness_mm": ("slice thickness", "mm", 0.01),
    "pixel_spacing_mm": ("pixel spacing", "mm", 0.01),
    "diameter_mm": ("diameter of the largest nodule, by the net", "mm", 0.5),
    "p_non_solid": ("probability of a non-solid texture", "", 0.02),
    "p_part_solid": ("probability of a part-solid texture", "", 0.02),
    "p_solid": ("probability of a solid texture", "", 0.02),
}
CELLS: Final = 10  # tenths of the training exams, as the population stability index is commonly cut
MADE: Final = (
    "One exam for each patient of LIDC-IDRI (CC BY 3.0): the series of the patient's largest nodule by the net's "
    "diameter, and what the net says of that nodule. Each nodule was answered by a net that had not seen its patient "
    "(4 folds, cross-validated), calibrated on the other folds; the shipped net is the mean of three of those nets. "
    "Nodules of 3 mm and more that radiologists outlined, not what a site's readers leave for the net: some drift is "
    "to be expected."
)


def reference_of(exams: Sequence[Mapping[str, Any]], sha256: str) -> dict[str, Any]:
    """The content of the file from one mapping for each exam: the quantities and ``maker``."""
    return {
        "version": "1",
        "model": "lung-nodule",
        "model_sha256": sha256,
        "made": MADE,
        "exams": len(exams),
        "numbers": {name: _numbers([float(e[name]) for e in exams], *said) for name, said in QUANTITIES.items()},
        "makers": dict(sorted(Counter(str(e["maker"]) for e in exams).items())),
    }


def _numbers(values: Sequence[float], words: str, unit: str, step: float) -> dict[str, Any]:
    rounded = sorted(round(round(v / step) * step, 6) for v in values)
    tenths = {rounded[len(rounded) * i // CELLS] for i in range(1, CELLS)}
    counts = Counter(rounded)
    edges = sorted(tenths - {rounded[0]})
    return {
        "words": words,
        "unit": unit,
        "step": step,
        "edges": edges,
        "values": sorted(counts),
        "counts": [counts[v] for v in sorted(counts)],
    }


def exams_of(data: Path, answers: Path) -> list[dict[str, Any]]:
    """One mapping for each patient of the training data, by the patient's name there.

    Raises:
        NotReadable: the answers are none. Contradiction: they are of other nodules. InputError: the data's own.
    """
    from ...engine.perception.training.data import load

    nodules, said = load(data), _answers(answers)
    if set(said) != set(nodules.ids.tolist()):
        raise Contradiction(answers.name, "nodule_id", "other nodules", "those of the data", "Make both anew.")
    largest: dict[str, tuple[float, dict[str, Any]]] = {}
    for i, nodule in enumerate(nodules.ids.tolist()):
        answer, patient = said[nodule], str(nodules.patient[i])
        size = float(answer["mean_mm"])
        if size > largest.get(patient, (0.0, {}))[0]:
            series = {"slice_thickness_mm": nodules.thickness_mm[i], "pixel_spacing_mm": nodules.spacing_mm[i]}
            textures = {f"p_{name}": p for name, p in answer["texture"].items()}
            maker = str(nodules.maker[i]).upper().split()[0]
            largest[patient] = (size, {**series, **textures, "diameter_mm": size, "maker": maker})
    return [exam for _, (_, exam) in sorted(largest.items())]


def _answers(path: Path) -> dict[int, Mapping[str, Any]]:
    try:
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        return {int(line["nodule_id"]): line for line in lines}
    except (OSError, ValueError, KeyError, TypeError) as error:
        found = type(error).__name__
        raise NotReadable(path.name, "", found, "one answer a line", "Give answers.ndjson of the training.") from error


def main() -> None:
    """Write the file to standard output."""
    import yaml

    data, answers = map(Path, sys.argv[1:3])
    sha = (knowledge_folder() / "models" / "lung_nodule" / "sha256").read_text(encoding="utf-8").strip()
    content = reference_of(exams_of(data, answers), sha)
    head = f"# The training data as the monitor holds a site's exams against them. Written by {__spec__.name}.\n"
    form: dict[str, Any] = {"sort_keys": False, "allow_unicode": True, "width": 120, "default_flow_style": None}
    sys.stdout.write(head + yaml.safe_dump(content, **form))


if __name__ == "__main__":
    main()
