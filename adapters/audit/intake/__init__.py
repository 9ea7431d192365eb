"""What comes into the audit: Bulk FHIR, CSV or the project's own store, to the audit's tables."""
