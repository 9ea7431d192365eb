"""The same lesion on exams of different days: alignment, matching, growth."""
