"""Whether a database is a store of ours, and bringing it up to date by the steps in ``migrations/``.

Alembic, which takes those steps, is loaded where there is one to take: a service starts without it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text

from .errors import StoreUnavailable

if TYPE_CHECKING:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

APPLICATION_ID = 0x7261646C  # "radl": tells this file from any other SQLite database
VERSION_TABLE = "radlogic_version"
HEAD = "1"  # the last step in migrations/versions
STEPS = "radlogic.adapters.store:migrations"  # found wherever the package is installed


def lay_out(connection: Connection, *, only_look: bool = False) -> bool:
    """Make or update the tables; with ``only_look`` change nothing. Return whether all was up to date.

    Raises:
        StoreUnavailable: another program's database, or a version that this one does not know.
    """
    if _is_current(connection):
        return True
    from alembic.runtime.environment import EnvironmentContext
    from alembic.runtime.migration import MigrationContext

    config, steps = _steps()
    now = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE}).get_current_revision()
    _check(connection, now, {step.revision for step in steps.walk_revisions()})
    if now == steps.get_current_head() or only_look:
        return now == steps.get_current_head()
    with EnvironmentContext(config, steps, fn=lambda at, _: steps._upgrade_revs("head", at)) as environment:
        environment.configure(connection=connection, version_table=VERSION_TABLE, transactional_ddl=True)
        environment.run_migrations()
    if connection.dialect.name == "sqlite":
        connection.execute(text(f"PRAGMA application_id = {APPLICATION_ID}"))
    return False


def _is_current(connection: Connection) -> bool:
    if not inspect(connection).has_table(VERSION_TABLE):
        return False
    return list(connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalars()) == [HEAD]  # noqa: S608


def _steps() -> tuple[Config, ScriptDirectory]:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", STEPS)
    config.set_main_option("path_separator", "os")
    return config, ScriptDirectory.from_config(config)


def _check(connection: Connection, now: str | None, known: set[str]) -> None:
    if now is not None and now not in known:
        raise _refused("a store of a later version", "Use the radlogic that made it, or a newer one.")
    if now is None and inspect(connection).get_table_names():
        if _application(connection) == APPLICATION_ID:
            raise _refused("a store in the format of a first draft", "Choose another folder, and assess again.")
        raise _refused("a database of another program", "Choose another folder or database.")


def _refused(found: str, cure: str) -> StoreUnavailable:
    return StoreUnavailable("the store", "", found, "an empty database, or a store of this version", cure)


def _application(connection: Connection) -> int | None:
    if connection.dialect.name != "sqlite":
        return None
    return int(connection.execute(text("PRAGMA application_id")).scalar_one())
