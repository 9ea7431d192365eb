"""Guidelines as data: no Python but this line."""
