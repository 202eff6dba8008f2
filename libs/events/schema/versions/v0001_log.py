"""The log: events, streams, commands, leases, cursors, builds, deadlines, parked facts, effects."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alembic import context, op
from sqlalchemy.util import await_only

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create everything, owned by the connected role; the other two roles get what they need."""
    names: dict[str, str] = context.config.attributes["roles"]
    statements = (Path(__file__).parents[1] / "log.sql").read_text()
    for role in ("owner", "worker", "api"):
        statements = statements.replace(f":{role}", f'"{names[role]}"')
    # the driver's own connection: many statements in one simple query, which a prepared statement cannot hold
    driver: Any = op.get_bind().connection.driver_connection
    await_only(driver.execute(statements))
    await_only(
        driver.execute("insert into log.service (name, api_role) values ($1, $2)", names["service"], names["api"])
    )


def downgrade() -> None:
    """A log is never taken apart."""
    raise NotImplementedError
