"""SQL-on-FHIR v2 views as DuckDB SQL."""
