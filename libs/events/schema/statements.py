"""The SQL files of the schema: each runs as a whole, with the names of the roles put in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alembic import context, op
from sqlalchemy.util import await_only

HERE = Path(__file__).parent


def run_file(name: str) -> None:
    """Run a file of many statements, in which `:owner`, `:worker` and `:api` stand for the roles."""
    names: dict[str, str] = context.config.attributes["roles"]
    statements = (HERE / name).read_text()
    for role in ("owner", "worker", "api"):
        statements = statements.replace(f":{role}", f'"{names[role]}"')
    run(statements)


def run(statement: str, *values: object) -> None:
    """Run on the driver's own connection: a prepared statement cannot hold many statements."""
    driver: Any = op.get_bind().connection.driver_connection
    await_only(driver.execute(statement, *values))
