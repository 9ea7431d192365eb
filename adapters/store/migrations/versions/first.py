"""The log, what it seals, what follows from it, and the triggers that keep it append-only."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "1"
down_revision: str | None = None
branch_labels: str | None = None
depends_on: str | None = None

SEQUENCE = sa.BigInteger().with_variant(sa.Integer, "sqlite")
UNCHANGED = ("entry", "revision")  # neither changed nor removed
ERASED = "EXISTS (SELECT 1 FROM entry WHERE kind = 'erased' AND patient = OLD.patient)"


def upgrade() -> None:
    """Make the tables, their indexes and triggers."""
    _log()
    _apart()
    _projections()
    _indexes()
    (_triggers_postgresql if op.get_bind().dialect.name == "postgresql" else _triggers_sqlite)()


def _log() -> None:
    op.create_table(
        "entry",
        sa.Column("sequence", SEQUENCE, primary_key=True, autoincrement=False),
        sa.Column("at", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("decision", sa.Text),
        sa.Column("patient", sa.Text),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("seal", sa.Text),
        sa.Column("previous", sa.Text, nullable=False),
        sa.Column("hash", sa.Text, nullable=False),
    )
    op.create_table(
        "revision",
        sa.Column("sha256", sa.Text, primary_key=True),
        sa.Column("content", sa.LargeBinary, nullable=False),
    )


def _apart() -> None:
    op.create_table(
        "sealed",
        sa.Column("sequence", SEQUENCE, primary_key=True, autoincrement=False),
        sa.Column("patient", sa.Text, nullable=False),
        sa.Column("salt", sa.Text, nullable=False),
        sa.Column("content", sa.Text, nullable=False),
    )
    op.create_table(
        "patient",
        sa.Column("token", sa.Text, primary_key=True),
        sa.Column("key", sa.Text, unique=True),
    )


def _projections() -> None:
    op.create_table(
        "decision",
        sa.Column("decision_id", sa.Text, primary_key=True),
        sa.Column("sequence", SEQUENCE, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("patient", "exam_date", "arrived", "state")),
        sa.Column("open", sa.Integer, nullable=False),
        sa.Column("rank", sa.Integer, nullable=False),
        sa.Column("due", sa.Text, nullable=False),
        sa.Column("review_required", sa.Integer, nullable=False),
        sa.Column("reasons", sa.Text, nullable=False),
        sa.Column("headline", sa.Text, nullable=False),
        *(sa.Column(name, sa.Text) for name in ("assigned", "outcome", "signed_by", "signed_at")),
        *(sa.Column(name, sa.Text) for name in ("supersedes", "superseded_by")),
    )
    op.create_table(
        "waiting",
        sa.Column("decision_id", sa.Text, primary_key=True),
        sa.Column("arrival", SEQUENCE, nullable=False),
        sa.Column("rank", sa.Integer, nullable=False),
        sa.Column("reasons", sa.Text, nullable=False),
    )


def _indexes() -> None:
    op.create_index("entry_of_decision", "entry", ["decision", "kind", "sequence"])
    op.create_index("entry_of_patient", "entry", ["patient", "sequence"])
    op.create_index("entry_of_kind", "entry", ["kind", "sequence"])
    op.create_index("sealed_of_patient", "sealed", ["patient"])
    op.create_index("decision_of_patient", "decision", ["patient", "exam_date", "decision_id"])
    op.create_index("decision_to_do", "decision", ["open", "rank", "due", "sequence"])
    op.create_index("decision_of_somebody", "decision", ["assigned", "open", "rank", "due", "sequence"])
    op.create_index("decision_of_one_to_do", "decision", ["patient", "open", "rank", "due", "sequence"])
    op.create_index("decision_in_state", "decision", ["state", "rank", "due", "sequence"])
    op.create_index("decision_in_order", "decision", ["rank", "due", "sequence"])
    op.create_index("waiting_in_order", "waiting", ["rank", "arrival"])


def _triggers_sqlite() -> None:
    refuse = "BEGIN SELECT RAISE(ABORT, 'the record is append-only'); END"
    for table in UNCHANGED:
        for what in ("UPDATE", "DELETE"):
            op.execute(f"CREATE TRIGGER {table}_no_{what.lower()} BEFORE {what} ON {table} {refuse}")
    op.execute(f"CREATE TRIGGER sealed_no_update BEFORE UPDATE ON sealed {refuse}")
    op.execute(f"CREATE TRIGGER sealed_no_delete BEFORE DELETE ON sealed WHEN NOT {ERASED} {refuse}")
    # INSERT OR REPLACE deletes without a DELETE trigger (recursive_triggers is off); these refuse it first
    for table, key in (("entry", "sequence"), ("sealed", "sequence"), ("revision", "sha256")):
        op.execute(
            f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} "  # noqa: S608  # names from this file
            f"WHEN EXISTS (SELECT 1 FROM {table} WHERE {key} = NEW.{key}) {refuse}"
        )


def _triggers_postgresql() -> None:
    op.execute(
        "CREATE FUNCTION append_only() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'the record is append-only'; END $$"
    )
    for table in UNCHANGED:
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION append_only()"
        )
    for table in (*UNCHANGED, "sealed"):
        op.execute(
            f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION append_only()"
        )
    op.execute("CREATE TRIGGER sealed_no_update BEFORE UPDATE ON sealed FOR EACH ROW EXECUTE FUNCTION append_only()")
    op.execute(
        "CREATE FUNCTION erased_only() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN IF NOT {ERASED} THEN RAISE EXCEPTION 'the record is append-only'; END IF; RETURN OLD; END $$"
    )
    op.execute("CREATE TRIGGER sealed_no_delete BEFORE DELETE ON sealed FOR EACH ROW EXECUTE FUNCTION erased_only()")
