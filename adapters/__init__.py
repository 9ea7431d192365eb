"""The border: translates between the engine and DICOM, FHIR, HTTP, files. Decides nothing."""
