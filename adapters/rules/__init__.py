"""What authors do with a guideline: check, compare, export, begin a new one, and explain it to a radiologist."""
