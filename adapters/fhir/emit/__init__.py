"""One decision -> FHIR R4: a transaction Bundle for the archive, checked before it leaves."""
