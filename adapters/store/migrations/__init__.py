"""How the tables of a store came to be, one step after the other (Alembic runs them)."""
