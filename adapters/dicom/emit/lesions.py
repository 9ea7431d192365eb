"""One lesion as measurement groups: what people, nets and radlogic say of it.

All groups of a lesion carry the same tracking identifier and UID. A group of a program says so by TID 4019; what
people stated stands in the one without. Who drew the lesion's mask, its segmentation says.

Groups are of TID 1411 where every lesion of the report has a mask, else all of TID 1501, whose rows take an image
reference too: the standard lets both kinds stand side by side, the validator that IHE prescribes does not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ....engine.record import Assessment, DecisionRecord
from ....engine.types import Decision, Finding, FindingDecision, Reading, Risk
from ...report.view import lesion
from ..coded import Code
from ..own import READING
from . import items
from .authors import PEOPLE, Author, by_author, identification, standing, version_of
from .evidence import Evidence
from .growth import growth
from .stating import stated
from .uids import tracking_uid
from .vocabulary import Vocabulary, is_code, shipped_vocabulary
from .wording import plain

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

KIND: Final = ":kind"
LOCATION: Final = ":location"
CATEGORY: Final = ":category"
POSSIBLE: Final = ":possible"
OVERRIDDEN: Final = ":overridden"
UNDECIDED: Final = "not-decided"
ENGINE: Final = Author(READING, "radlogic")


@dataclass(frozen=True, slots=True)
class SegmentAt:
    """Where a lesion's mask is: SOP class and instance of the segmentation, and the segment's number."""

    sop_class: str
    sop_instance: str
    number: int


@dataclass(frozen=True, slots=True)
class Telling:
    """What every group needs to know: the decision with its record, the images, the masks by tracking identifier.

    ``aside``: the guidelines whose answers the signer did not take.
    """

    decision: Decision
    record: DecisionRecord
    evidence: Evidence
    masks: Mapping[str, SegmentAt]
    aside: tuple[str, ...] = ()

    @property
    def volumetric(self) -> bool:
        """Whether every lesion has a mask, so that all groups are of TID 1411."""
        return all(finding.tracking_id in self.masks for finding in self.record.case.findings)


def groups(finding: Finding, telling: Telling) -> Iterator[Dataset]:
    """The groups of one lesion: people's statements, each program's, and what radlogic concludes.

    Raises:
        BadValue: a statement that no item can hold.
        MissingTag: a position is stated and the images have no frame of reference.
    """
    for author, facts in by_author(finding.facts).items():
        body = [
            *_place(finding, telling.evidence, author),
            *standing(author, telling.record),
            *stated(finding.kind, facts),
            *_location(finding, author),
        ]
        yield _group(finding, telling, author, body)
    concluded = list(_concluded(finding, telling))
    if concluded:
        yield _group(finding, telling, ENGINE, concluded)


def _group(finding: Finding, telling: Telling, author: Author, body: Sequence[Dataset]) -> Dataset:
    record = telling.record
    below = [
        *_tracked(finding, telling.evidence.study_uid),
        *identification(author, version_of(author, record.knowledge, record.engine_version)),
        *_named(finding),
        *_outlined(finding, telling),
        *body,
    ]
    return items.container(items.GROUP, below, template="1411" if telling.volumetric else "1501")


def _tracked(finding: Finding, study_uid: str) -> Iterator[Dataset]:
    yield items.text(items.TRACKING_ID, finding.tracking_id, items.CONTEXT)
    yield items.uid(items.TRACKING_UID, tracking_uid(study_uid, finding.tracking_id), items.CONTEXT)


def _named(finding: Finding) -> Iterator[Dataset]:
    """What it is called and where it is, by its kind; and the kind itself, which no standard code tells."""
    words = shipped_vocabulary()
    known = words.kinds.get(finding.kind)
    yield items.answer(items.FINDING, (known.finding if known else words.other).concept)
    site = words.site(finding.kind, finding.location)
    if site is not None:
        yield items.answer(items.SITE, site.concept, items.MODIFIER)
    yield _worded(words, KIND, finding.kind)


def _worded(words: Vocabulary, name: str, value: str) -> Dataset:
    """Words as a code where they can be one."""
    if is_code(f"{name}={value}"):
        return items.answer(words.own(name), words.own(f"{name}={value}", value))
    return items.text(words.own(name), value)


def _outlined(finding: Finding, telling: Telling) -> Iterator[Dataset]:
    mask = telling.masks.get(finding.tracking_id)
    if mask is not None:
        name = items.SEGMENT if telling.volumetric else items.SOURCE
        yield items.segment(name, mask.sop_class, mask.sop_instance, mask.number)
        if telling.volumetric:
            yield items.uid(items.SOURCE_SERIES, telling.evidence.series_uid)


def _place(finding: Finding, evidence: Evidence, author: Author) -> Iterator[Dataset]:
    if author == PEOPLE and finding.position_mm is not None:
        centre = shipped_vocabulary().centre.concept
        yield items.point(centre, finding.position_mm, evidence.frame_of_reference)


def _location(finding: Finding, author: Author) -> Iterator[Dataset]:
    if author == PEOPLE and plain(finding.location):
        yield items.text(shipped_vocabulary().own(LOCATION), finding.location)


def _concluded(finding: Finding, telling: Telling) -> Iterator[Dataset]:
    """The growth, each guideline's category, what the signer did not take named as such, and the risks, each once."""
    risks: list[Risk] = []
    answers = _answers(finding, telling.decision)
    yield from growth(lesion(Assessment(telling.decision, telling.record), finding, answers))
    for answer in answers:
        yield from categorised(answer.reading)
        if answer.reading.guideline in telling.aside:
            words = f"By the engine's reading, which was not taken for the exam: {answer.reading.guideline}"
            yield items.text(shipped_vocabulary().own(OVERRIDDEN, "overridden"), words)
        risks += [risk for risk in _risks(answer) if risk not in risks]
    for risk in risks:
        yield from _risk(risk)


def _answers(finding: Finding, decision: Decision) -> tuple[FindingDecision, ...]:
    """What the guidelines that apply say of the lesion."""
    held = (answer for g in decision.guidelines if g.application.applies != "no" for answer in g.findings)
    return tuple(answer for answer in held if answer.finding.tracking_id == finding.tracking_id)


def _risks(answer: FindingDecision) -> Iterable[Risk]:
    return [risk for risk in (answer.risk, *answer.published) if risk is not None]


def categorised(reading: Reading) -> Iterator[Dataset]:
    """A category, or those that remain possible; and how probable each is, where that is known."""
    words, guideline = shipped_vocabulary(), reading.guideline
    name = question_of(guideline)
    if reading.category is not None:
        yield _category(words, name, guideline, reading.category)
    elif reading.possible:
        yield items.answer(name, words.own(UNDECIDED, "not decided"))
        yield from (_category(words, words.own(POSSIBLE), guideline, each) for each in reading.possible)
    for each, p in reading.probabilities.items():
        if is_code(f"P({guideline}:{each})"):
            yield items.number(words.own(f"P({guideline}:{each})", f"Probability of {guideline} {each}"), p, "1")


def question_of(guideline: str) -> Code:
    """The concept that a category of this guideline answers."""
    words = shipped_vocabulary()
    standard = words.categories.get(guideline.partition("@")[0])
    if standard is not None:
        return standard.concept
    return words.own(CATEGORY, "Category by the guideline that the answer names")


def _category(words: Vocabulary, name: Code, guideline: str, category: str) -> Dataset:
    value = f"{guideline}:{category}"
    if is_code(value):
        return items.answer(name, words.own(value, f"{guideline} category {category}"))
    return items.text(name, value)


def _risk(risk: Risk) -> Iterator[Dataset]:
    """A model's probability of cancer, with its name; nothing where it has no answer."""
    if risk.probability is None:
        return
    words = shipped_vocabulary()
    by = [items.text(items.ALGORITHM, risk.model, items.MODIFIER)]
    by.append(items.text(items.ALGORITHM_VERSION, risk.citation or "not stated", items.MODIFIER))
    yield items.number(words.cancer.concept, risk.probability, "1", below=by)
