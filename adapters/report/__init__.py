"""Reports for the radiologist."""
