"""Guidelines as data: tables, the compiled structure, and one module a reader."""
