"""FHIR R4 in: a patient Bundle to facts."""
