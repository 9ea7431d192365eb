"""What a call did not bring along, fetched from the client's FHIR server: bounded in time, size and reach."""
