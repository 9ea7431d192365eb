"""Where in a segmentation each lesion's segment is, read from the object that ``report_seg`` made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .lesions import SegmentAt

if TYPE_CHECKING:
    from pydicom.dataset import Dataset


def segments_of(segmentation: Dataset | None) -> dict[str, SegmentAt]:
    """The segments by tracking identifier; none without a segmentation."""
    if segmentation is None:
        return {}
    name = str(segmentation.SOPClassUID), str(segmentation.SOPInstanceUID)
    return {str(one.TrackingID): SegmentAt(*name, int(one.SegmentNumber)) for one in segmentation.SegmentSequence}
