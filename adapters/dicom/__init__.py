"""DICOM in: series to volumes, SR and SEG to findings."""
