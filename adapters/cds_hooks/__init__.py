"""CDS Hooks: cards for the EHR."""
