"""From pixels to findings: volumes, extractors, phantoms."""
