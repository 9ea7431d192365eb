"""``radlogic audit``: its options, and the three forms that they ask for (see ``options``)."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer

from ..command_line import Json, day


def audit(
    context: typer.Context,
    source: Annotated[Path, typer.Argument(help="A folder of tables, bulk FHIR or a store; or a file of decisions.")],
    out: Annotated[Path, typer.Option(help="Folder for what is found.")],
    as_of: Annotated[str | None, typer.Option(help="YYYY-MM-DD: until when follow-up is known; today.")] = None,
    measures: Annotated[list[str] | None, typer.Option(help="Only these; may be repeated.")] = None,
    setting: Annotated[list[str] | None, typer.Option(help="name=value of scope.yaml; may be repeated.")] = None,
    compare: Annotated[
        tuple[str, str] | None, typer.Option(help="What if: two editions, as lung-rads@1.1 lung-rads@2022.")
    ] = None,
    memory: Annotated[str, typer.Option(help="What DuckDB may use.")] = "2GB",
    engine: Annotated[str, typer.Option(help="duckdb; or Spark: local[2], local[*], spark://host:port.")] = "duckdb",
    by_measure: Annotated[bool, typer.Option("--by-measure", help="Also one Parquet a measure, in words.")] = False,
    texts: Annotated[
        bool, typer.Option("--texts", help="Read what is not stated otherwise from report texts.")
    ] = False,
    check_rows: Annotated[
        bool, typer.Option("--check-rows", help="Parquet: check each row, and put aside what cannot be used.")
    ] = False,
    store: Annotated[str | None, typer.Option(help="A store whose cards are to show who is overdue.")] = None,
    patients_of: Annotated[str, typer.Option(help="patient_id is Patient.id of this FHIR server.")] = "",
    patient_system: Annotated[str, typer.Option(help="patient_id is an identifier of this system (a URI).")] = "",
    as_json: Json = False,
) -> None:
    """A population by the guideline's measures; or stated categories against computed ones, line by line."""
    from .options import COMPARED, FILE, FOLDER, looked_at

    form = FILE if not source.is_dir() else FOLDER if compare is None else COMPARED
    looked_at(_given(context), form, memory)
    if source.is_dir():
        from .folder import audit_folder, what_if_folder
        from .to_cards import Whose, keep_worklist

        day_ = day(as_of, "--as-of") or date.today()
        if compare is not None:
            typer.echo(what_if_folder(source, out, day_, compare, setting or (), memory=memory, engine=engine))
            return
        whose = Whose(patients_of, patient_system)
        if store is not None:
            whose.as_system()  # before the long work
        how: dict[str, Any] = {"memory": memory, "by_measure": by_measure, "texts": texts, "engine": engine}
        done = audit_folder(source, out, day_, measures or (), setting or (), check_rows=check_rows, **how)
        typer.echo("\n".join(f"wrote {path}" for path in done))
        if store is not None:
            typer.echo(keep_worklist(out, store, whose))
        return
    from ..assess import write_files
    from .outputs import as_files, summary
    from .run import audit_file

    result = audit_file(source)
    written = write_files(as_files(result), out)
    typer.echo(json.dumps(summary(result), indent=None if as_json else 2, ensure_ascii=False, default=str))
    for path in () if as_json else written.values():
        typer.echo(f"wrote {path}")


def _given(context: typer.Context) -> list[str]:
    """The parameters that stand on the command line."""
    return [name for name in context.params if str(context.get_parameter_source(name)).endswith("COMMANDLINE")]
