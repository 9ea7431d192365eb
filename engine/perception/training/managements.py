"""``python -m radlogic.engine.perception.training.managements ANSWERS LIDC OUT --fitted DAY``: when one is left out.

ANSWERS: ``answers.ndjson`` of the training's work folder, each nodule answered by a net that has not seen its patient.
LIDC: the folder that was trained on, with every reader's contours and ratings. OUT: a file a guideline.

Each nodule is read twice: on what its panel says of texture and size, which gives the managements that are possible,
and on what the net believes of the same two, which gives their probabilities. All else is what a reader's form means
by saying nothing. A guideline asks more than LIDC holds (is the nodule new? is the patient's risk high?), so all
nodules are read in every such situation, and a management's bar is the least of those that the situations give: the
coverage then holds in each of them. Needs no torch.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from ...calibration_file import written
from ...errors import BadValue, NotReadable
from ...guideline.load import Guideline, load_guideline
from ...guideline.propagate import propagate_finding
from ...likely import Calibrator, Masses, Said, fit, strictest, year_after
from ...resources import knowledge_folder
from ...types import Belief, Classes, Facts, Known, Measured, NotApplicable, Source, SourceKind
from ..calibration import TEXTURES
from ..lung_nodule import LungNodule
from .data import PANEL, Nodules, load, texture_class

LEVEL: Final = 0.9  # of the panel's managements, as of the texture sets and diameter intervals
HUMAN: Final = Source(SourceKind.HUMAN, "LIDC panel")
UNSAID: Final = Source(SourceKind.CONVENTION, "not mentioned, by convention")
NET: Final = Source(SourceKind.NET, LungNodule.name)
STEP: Final = 1e-6  # bars are rounded down to it, so that another machine's last digit makes no other file

Stated = Mapping[str, str]
# Fleischner is not among them: two of its managements are told apart by the solid part alone, which LIDC has not, so
# that no reading settles either and no bar can be counted for them (docs/gate.md).
BASELINE_OR_NEW: Final[tuple[Stated, ...]] = ({"status": "baseline"}, {"status": "new"})
SITUATIONS: Final[Mapping[str, tuple[Stated, ...]]] = {
    "lung-rads@2022": BASELINE_OR_NEW,
    "lung-rads@1.1": BASELINE_OR_NEW,
}
GUARANTEE: Final = (
    "Of nodules like these whose right management is m, the set holds m in at least {level:g} %, for each m, "
    "read as {situations} with nothing else remarkable. Right is what follows from the median texture and the mean "
    "diameter of the panel of 1 to 4 readers, whatever the solid parts are that LIDC does not hold. Counted on "
    "{nodules} nodules of {patients} patients of LIDC-IDRI, each answered by a net that had not seen its patient, "
    "where nothing spoke against relying on it; nodules of one patient counted one by one. The shipped net is the "
    "mean of three of those nets. The panel, not histology; LIDC, not your site; one nodule, not a whole exam; no "
    "nodule that was there before."
)


@dataclass(frozen=True, slots=True)
class HeldOut:
    """A nodule, what its panel says, and what a net believes that has not seen its patient.

    ``texture`` and ``mean_mm``: median class and mean diameter of its readers; ``readers``: each one's. ``inside``:
    whether nothing speaks against relying on the net here.
    """

    nodule: int
    patient: str
    maker: str
    thickness_mm: float
    texture: str
    mean_mm: float
    readers: tuple[tuple[str, float], ...]
    beliefs: Facts
    inside: bool


def held_out(answers: Path, nodules: Nodules) -> list[HeldOut]:
    """The answers beside the panels, in the nodules' order.

    Raises:
        NotReadable: the file is absent, or no answers of ``radlogic perceive lung-nodule``.
        BadValue: there is not one answer to each nodule.
    """
    said = {int(a["nodule_id"]): a for a in _lines(answers)}
    if sorted(said) != sorted(nodules.ids.tolist()):
        found = f"answers to {len(said)} nodules"
        raise BadValue(
            str(answers), "nodule_id", found, f"one to each of {len(nodules)}", "Name the data's own answers."
        )
    try:
        return [_held_out(i, nodules, said[int(n)]) for i, n in enumerate(nodules.ids)]
    except (KeyError, TypeError, AttributeError, ValueError, ZeroDivisionError, BadValue) as error:
        allowed = "what `radlogic perceive lung-nodule` writes"
        raise NotReadable(str(answers), "", f"answers that are none ({error})", allowed, "Train anew.") from error


def _lines(answers: Path) -> list[dict[str, Any]]:
    try:
        return [json.loads(line) for line in answers.read_text(encoding="utf-8").splitlines()]
    except (OSError, ValueError) as error:
        cure = "Name the work folder of the training."
        raise NotReadable(str(answers), "", type(error).__name__, "one JSON object a line", cure) from error


def _held_out(i: int, nodules: Nodules, said: Mapping[str, Any]) -> HeldOut:
    return HeldOut(
        nodule=int(nodules.ids[i]),
        patient=str(nodules.patient[i]),
        maker=str(nodules.maker[i]),
        thickness_mm=float(nodules.thickness_mm[i]),
        texture=TEXTURES[int(nodules.panel_texture[i])],
        mean_mm=float(nodules.readings_mm[i].astype(float).mean()),
        readers=tuple(_readers(nodules, i)),
        beliefs=beliefs(said["texture"], float(said["mean_mm"]), float(said["mean_mm_sd"])),
        inside=not said["outside"],
    )


def _readers(nodules: Nodules, i: int) -> Iterator[tuple[str, float]]:
    for rating, mm in zip(nodules.reader_texture[i], nodules.readings_mm[i], strict=True):
        yield TEXTURES[texture_class(float(rating))], float(mm)


def beliefs(texture: Mapping[str, float], mean_mm: float, sd_mm: float) -> Facts:
    """What a net says of texture and mean diameter (mm), under the names of the guidelines' inputs.

    Raises:
        BadValue: they are no probabilities, or the standard deviation is not above 0.
    """
    total = math.fsum(texture[name] for name in TEXTURES)
    said = {name: texture[name] / total for name in TEXTURES}
    return {"type": Classes(said, NET), "mean_mm": Measured(mean_mm, sd_mm, "mm", NET)}


def stated(texture: str, mean_mm: float) -> Facts:
    """The same two as a human states them; the diameter (mm) to two digits, so that the rules round it."""
    return {"type": Known(texture, HUMAN), "mean_mm": Known(Decimal(f"{mean_mm:.2f}"), HUMAN)}


def unremarkable(guideline: Guideline, situation: Stated) -> Facts:
    """A nodule in that situation of which nothing else is said: all else is what a reader's form means by silence."""
    found: dict[str, Belief] = {}
    for name, (_, definition) in guideline.inputs.items():
        if "absent" in definition:
            found |= {full: _unsaid(definition["absent"]) for full in _names(name, definition)}
    return found | {name: Known(value, HUMAN) for name, value in situation.items()}


def _names(name: str, definition: Mapping[str, Any]) -> list[str]:
    return [f"{name}.{v}" for v in definition["values"]] if definition["type"] == "set" else [name]


def _unsaid(absent: bool | str) -> Belief:
    return NotApplicable(UNSAID) if absent == "n/a" else Known(absent, UNSAID)


def possible(guideline: Guideline, situation: Stated, texture: str, mean_mm: float) -> frozenset[str]:
    """The categories that a human's texture and size leave possible; several where a solid part decides.

    By the default reading, as the net's are: where the guideline is silent, another signal of the gate says so.
    """
    return frozenset[str]().union(*masses(guideline, situation, stated(texture, mean_mm)))


def masses(guideline: Guideline, situation: Stated, said: Facts) -> Masses:
    """Probability of each set of categories that is still possible under what is said of texture and size."""
    return propagate_finding(guideline, {**unremarkable(guideline, situation), **said}).masses()


def fitted(guideline: Guideline, held: Sequence[HeldOut], level: float) -> dict[str, float]:
    """The bars of a guideline's categories, on the nodules given, rounded down to ``STEP``."""
    situations = SITUATIONS[guideline.name]
    bars = strictest(fit(guideline, read(guideline, situation, held), level) for situation in situations)
    return {category: rounded_down(bar) for category, bar in bars.items()}


def read(guideline: Guideline, situation: Stated, held: Iterable[HeldOut]) -> list[Said]:
    """Each nodule as the net and as its panel have it read."""
    return [
        (masses(guideline, situation, h.beliefs), possible(guideline, situation, h.texture, h.mean_mm)) for h in held
    ]


def rounded_down(bar: float) -> float:
    """A bar on the grid of ``STEP``, never above what was fitted."""
    return round(math.floor(bar / STEP) * STEP, 6)


def calibrator(guideline: Guideline, held: Sequence[HeldOut], sha256: str, fitted_on: date) -> Calibrator:
    """The calibrator of one guideline; ``sha256``: of the net that the answers stand for."""
    inside = [h for h in held if h.inside]
    patients = len({h.patient for h in inside})
    return Calibrator(
        guideline=guideline.name,
        extractor=LungNodule.name,
        extractor_sha256=sha256,
        level=LEVEL,
        at_least=fitted(guideline, inside, LEVEL),
        otherwise=0.0,  # what was never counted is left out only where it is impossible
        cases=len(inside),
        guarantee=GUARANTEE.format(
            level=100 * LEVEL, nodules=len(inside), patients=patients, situations=_words(SITUATIONS[guideline.name])
        ),
        fitted=fitted_on,
        until=year_after(fitted_on),
    )


def _words(situations: Sequence[Stated]) -> str:
    return " or as ".join(", ".join(f"{name} {value}" for name, value in s.items()) for s in situations)


def check_net(model: Path, held: Sequence[HeldOut]) -> str:
    """The hash of the net in ``model``, after its card's figures were found again in the answers.

    Raises:
        NotReadable: a file of the model is absent or broken.
        BadValue: the answers are of another net than the card.
    """
    try:
        card = json.loads((model / "metrics.json").read_text(encoding="utf-8"))
        stated_sha256 = (model / "sha256").read_text(encoding="utf-8").strip()
        said = {"texture_error": card["answer"]["texture_error"], "false_alarms": card["answer"]["false_alarms"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        cure = "Name the folder that the training wrote."
        raise NotReadable(str(model), "metrics.json, sha256", type(error).__name__, "a trained net", cure) from error
    panels = [h for h in held if len(h.readers) >= PANEL]
    found = {
        "texture_error": sum(likeliest(h.beliefs) != h.texture for h in panels) / max(1, len(panels)),
        "false_alarms": sum(not h.inside for h in held) / max(1, len(held)),
    }
    for name, value in found.items():
        if not math.isclose(value, said[name], abs_tol=1e-9):
            cure = "Give the answers of the training that wrote this net."
            raise BadValue(str(model), name, f"{value:.6f} in the answers", f"{said[name]:.6f}, as on the card", cure)
    if card["sha256"] != stated_sha256:
        raise BadValue(str(model), "sha256", card["sha256"], stated_sha256, "Give the card of this net.")
    return stated_sha256


def likeliest(said: Facts) -> str:
    """The texture that a net takes for the most probable."""
    texture = said["type"]
    if not isinstance(texture, Classes):
        raise TypeError("a net's texture is a probability per class")
    return max(TEXTURES, key=lambda name: texture.probabilities[name])


def main() -> None:
    """Read the command line, fit and write a file a guideline."""
    asked = argparse.ArgumentParser(
        prog="python -m radlogic.engine.perception.training.managements",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    asked.add_argument("answers", type=Path)
    asked.add_argument("lidc", type=Path)
    asked.add_argument("out", type=Path)
    asked.add_argument("--model", type=Path, help="folder of the net that was trained (default: the shipped one)")
    asked.add_argument("--fitted", type=date.fromisoformat, required=True, help="day from which the year counts")
    given = asked.parse_args()
    held = held_out(given.answers, load(given.lidc))
    model = given.model or Path(str(knowledge_folder() / "models" / "lung_nodule"))
    sha256 = check_net(model, held)
    texts = {n: written(calibrator(load_guideline(n), held, sha256, given.fitted)) for n in SITUATIONS}
    given.out.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (given.out / f"{name}.yaml").write_text(text, encoding="utf-8")
        sys.stderr.write(f"{name}\n")


if __name__ == "__main__":
    main()
