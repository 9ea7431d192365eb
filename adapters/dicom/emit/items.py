"""Content items of a structured report, one function a value type; highdicom builds and checks them."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from ....engine.errors import BadValue, MissingExtra
from ..coded import Code
from .wording import meaning, plain

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

CONTAINS: Final = "CONTAINS"
CONTEXT: Final = "HAS OBS CONTEXT"
MODIFIER: Final = "HAS CONCEPT MOD"
PROPERTY: Final = "HAS PROPERTIES"
ACQUIRED: Final = "HAS ACQ CONTEXT"

FINDING: Final = Code("DCM", "121071", "Finding")
SITE: Final = Code("SCT", "363698007", "Finding Site")
TRACKING_ID: Final = Code("DCM", "112039", "Tracking Identifier")
TRACKING_UID: Final = Code("DCM", "112040", "Tracking Unique Identifier")
GROUP: Final = Code("DCM", "125007", "Measurement Group")
SEGMENT: Final = Code("DCM", "121191", "Referenced Segment")
SOURCE: Final = Code("DCM", "121112", "Source of Measurement")
SOURCE_SERIES: Final = Code("DCM", "121232", "Source series for segmentation")
DERIVATION: Final = Code("DCM", "121401", "Derivation")
ALGORITHM: Final = Code("DCM", "111001", "Algorithm Name")
ALGORITHM_VERSION: Final = Code("DCM", "111003", "Algorithm Version")
ALGORITHM_PARAMETERS: Final = Code("DCM", "111002", "Algorithm Parameters")

LONGEST_NUMBER: Final = 16  # characters of a decimal string (PS3.5 6.2)


def highdicom_sr() -> Any:
    """highdicom's structured reports.

    Raises:
        MissingExtra: highdicom is not installed.
    """
    try:
        from highdicom import sr
    except ImportError as error:
        cure = "pip install 'radlogic[dicom-out]'"
        raise MissingExtra("DICOM out", "highdicom", "no such package", "the extra `dicom-out`", cure) from error
    return sr


def concept(code: Code) -> Any:
    """A code as highdicom has it: over 16 characters it becomes a long code value."""
    coded: Any = highdicom_sr().CodedConcept(code.value, code.scheme, meaning(code.meaning or code.value))
    return coded


def answer(name: Code, value: Code, relationship: str = CONTAINS, below: Iterable[Dataset] = ()) -> Dataset:
    """A CODE item."""
    return _with(highdicom_sr().CodeContentItem(concept(name), concept(value), relationship), below)


def text(name: Code, words: str, relationship: str = CONTAINS) -> Dataset:
    """A TEXT item; its value is type 1, so that nothing becomes a dash."""
    made: Dataset = highdicom_sr().TextContentItem(concept(name), plain(words) or "-", relationship)
    return made


def uid(name: Code, value: str, relationship: str = CONTAINS) -> Dataset:
    """A UIDREF item."""
    made: Dataset = highdicom_sr().UIDRefContentItem(concept(name), value, relationship)
    return made


def number(
    name: Code, value: Decimal | float, unit: str, relationship: str = CONTAINS, below: Iterable[Dataset] = ()
) -> Dataset:
    """A NUM item with a UCUM unit. Decimals keep their digits; floats keep all of theirs beside the decimal string.

    Raises:
        BadValue: a decimal of more than 16 characters, which no decimal string can hold.
    """
    units = concept(Code("UCUM", unit, {"1": "no units"}.get(unit, unit)))
    made = highdicom_sr().NumContentItem(concept(name), float(value), units, None, relationship)
    if isinstance(value, Decimal):
        measured = made.MeasuredValueSequence[0]
        measured.NumericValue = _decimal_string(name, value)
    return _with(made, below)


def _decimal_string(name: Code, value: Decimal) -> str:
    short = min((str(value), f"{value:f}", f"{value.normalize():f}", str(value.normalize())), key=_misfit)
    if len(short) > LONGEST_NUMBER:
        found = f"a number of {len(value.as_tuple().digits)} digits"
        allowed = f"at most {LONGEST_NUMBER} characters (PS3.5 6.2, DS)"
        raise BadValue("DICOM report", name.meaning or name.value, found, allowed, "Round it.")
    return short


def _misfit(written: str) -> bool:
    return len(written) > LONGEST_NUMBER


def point(name: Code, position_mm: tuple[float, float, float], frame_of_reference: str) -> Dataset:
    """A SCOORD3D item: one point in patient coordinates, mm.

    Raises:
        BadValue: further away than any scanner's room.
    """
    import numpy as np

    if not all(abs(p) <= 1e5 for p in position_mm):
        raise BadValue("DICOM report", "position_mm", "no place in a scanner", "within 1e5 mm", "Correct it.")
    kind = highdicom_sr().GraphicTypeValues3D.POINT
    made: Dataset = highdicom_sr().Scoord3DContentItem(
        concept(name), kind, np.array([position_mm], dtype=np.float64), frame_of_reference, None, CONTAINS
    )
    return made


def segment(name: Code, sop_class: str, sop_instance: str, segment_number: int) -> Dataset:
    """An IMAGE item: one segment of a segmentation."""
    made: Dataset = highdicom_sr().ImageContentItem(
        concept(name), sop_class, sop_instance, None, segment_number, relationship_type=CONTAINS
    )
    return made


def container(name: Code, below: Iterable[Dataset], template: str = "", relationship: str = CONTAINS) -> Dataset:
    """A CONTAINER item; ``template``: its number in PS3.16, '' for none."""
    made = highdicom_sr().ContainerContentItem(
        concept(name), template_id=template or None, relationship_type=relationship or None
    )
    return _with(made, below)


def _with(made: Any, below: Iterable[Dataset]) -> Dataset:
    items = list(below)
    if items:
        made.ContentSequence = highdicom_sr().ContentSequence(items)
    item: Dataset = made
    return item
