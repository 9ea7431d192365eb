"""From findings and the patient's record to a risk."""
