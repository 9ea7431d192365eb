"""The tables of a store, for both dialects. ``migrations/`` makes them; a test holds the two together.

``entry`` is the log: all that happened, in order, chained by hash. Everything else either carries
what the log commits to by hash and may be erased (``sealed``), is content that it names by hash
(``revision``), or follows from it and can be made anew (``decision``, ``waiting``, ``patient``).
Times and hashes are text, so that a row reads, and hashes, the same in both dialects.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, MetaData, Table, Text

METADATA = MetaData()
SEQUENCE = BigInteger().with_variant(Integer, "sqlite")

ENTRY = Table(
    "entry",
    METADATA,
    Column("sequence", SEQUENCE, primary_key=True, autoincrement=False),  # 1, 2, 3 ... without a gap
    Column("at", Text, nullable=False),  # UTC, microseconds, ending in Z
    Column("actor", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("decision", Text),
    Column("patient", Text),  # the random token, never the pseudonym
    Column("body", Text, nullable=False),  # JSON on one line; ⟦n⟧ where an identifier or free words stood
    Column("seal", Text),  # what the entry's row in ``sealed`` must hash to
    Column("previous", Text, nullable=False),
    Column("hash", Text, nullable=False),
)
Index("entry_of_decision", ENTRY.c.decision, ENTRY.c.kind, ENTRY.c.sequence)
Index("entry_of_patient", ENTRY.c.patient, ENTRY.c.sequence)
Index("entry_of_kind", ENTRY.c.kind, ENTRY.c.sequence)

SEALED = Table(
    "sealed",
    METADATA,
    Column("sequence", SEQUENCE, primary_key=True, autoincrement=False),  # of the entry
    Column("patient", Text, nullable=False),
    Column("salt", Text, nullable=False),  # random: without it the seal tells nothing about the content
    Column("content", Text, nullable=False),  # JSON: ⟦n⟧ -> what stood there
)
Index("sealed_of_patient", SEALED.c.patient)

PATIENT = Table(
    "patient",
    METADATA,
    Column("token", Text, primary_key=True),
    Column("key", Text, unique=True),  # the pseudonym; null where a case has no patient
)

DECISION = Table(
    "decision",
    METADATA,
    Column("decision_id", Text, primary_key=True),
    Column("sequence", SEQUENCE, nullable=False),  # of the entry that made it
    Column("patient", Text, nullable=False),
    Column("exam_date", Text, nullable=False),  # '' where unknown
    Column("arrived", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("open", Integer, nullable=False),  # 1: neither signed nor superseded, so on the worklist
    Column("rank", Integer, nullable=False),  # of the priority: 0 is the most urgent
    Column("due", Text, nullable=False),
    Column("review_required", Integer, nullable=False),
    Column("reasons", Text, nullable=False),  # JSON list of codes
    Column("headline", Text, nullable=False),
    Column("assigned", Text),
    Column("outcome", Text),
    Column("signed_by", Text),
    Column("signed_at", Text),
    Column("supersedes", Text),
    Column("superseded_by", Text),
)
TO_DO = (DECISION.c.open, DECISION.c.rank, DECISION.c.due, DECISION.c.sequence)  # the order of the worklist
Index("decision_of_patient", DECISION.c.patient, DECISION.c.exam_date, DECISION.c.decision_id)
Index("decision_to_do", *TO_DO)
Index("decision_of_somebody", DECISION.c.assigned, *TO_DO)
Index("decision_of_one_to_do", DECISION.c.patient, *TO_DO)
Index("decision_in_state", DECISION.c.state, *TO_DO[1:])
Index("decision_in_order", *TO_DO[1:])

WAITING = Table(
    "waiting",
    METADATA,
    Column("decision_id", Text, primary_key=True),
    Column("arrival", SEQUENCE, nullable=False),  # the entry that queued it
    Column("rank", Integer, nullable=False),
    Column("reasons", Text, nullable=False),
)
Index("waiting_in_order", WAITING.c.rank, WAITING.c.arrival)

REVISION = Table(
    "revision",
    METADATA,
    Column("sha256", Text, primary_key=True),
    Column("content", LargeBinary, nullable=False),
)
