"""DICOM out: a decision as a structured report and its lesions' masks as a segmentation."""
