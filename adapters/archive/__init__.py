"""To and from the archive (PACS): find, fetch, store and receive, by DICOMweb or DIMSE; ``watch`` works on it."""
