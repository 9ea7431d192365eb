"""Tables in CSV or Parquet with one dirty row of each kind, and what must be counted for it."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

TOLD = yaml.safe_load((Path(__file__).parent / "audit" / "dirty_tables.yaml").read_text(encoding="utf-8"))
CLEAN, KINDS = TOLD["clean"], TOLD["kinds"]
OWN = {"patients": "patient_id", "exams": "exam_id", "findings": "finding_id", "procedures": "procedure_id"}


def rows(form):
    """Table -> its lines as (kind or None, values or raw bytes), the clean row first."""
    found = {table: [(None, row)] for table, row in CLEAN.items()}
    for kind, said in KINDS.items():
        if said.get("only", form) != form:
            continue
        if "raw" in said:
            found[said["table"]].append((kind, said["raw"].encode(said.get("encoding", "utf-8"))))
            continue
        own = {OWN[said["table"]]: f"{said['table'][0].upper()}-{kind}"} if said["table"] in OWN else {}
        found[said["table"]].append((kind, {**CLEAN[said["table"]], **own, **said["set"]}))
    return found


def write(folder, form):
    """Write the tables; returns (file, line) -> kind."""
    folder.mkdir()
    where = {}
    for table, lines in rows(form).items():
        names = list(CLEAN[table])
        if form == "csv":
            content = [",".join(names).encode()]
            for _, row in lines:
                quoted = [f'"{v}"' if "," in v else v for v in row.values()] if isinstance(row, dict) else []
                content.append(",".join(quoted).encode() if quoted else row)
            (folder / f"{table}.csv").write_bytes(b"\n".join(content) + b"\n")
        else:
            columns = {n: [row[n] or None for _, row in lines] for n in names}
            pq.write_table(pa.table(columns, pa.schema([(n, pa.string()) for n in names])), folder / f"{table}.parquet")
        first = 2 if form == "csv" else 1
        where |= {(f"{table}.{form}", i): kind for i, (kind, _) in enumerate(lines, first) if kind}
    return where
