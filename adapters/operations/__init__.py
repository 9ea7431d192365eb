"""Running the service: its log lines, its spans, its end. Nothing here knows a guideline or a patient."""
