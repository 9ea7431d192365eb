"""The review queue and its page: cases by urgency, read first, then accepted, corrected, overridden and signed."""
