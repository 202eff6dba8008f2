"""The log: events, streams, commands, leases, cursors, builds, deadlines, parked facts, effects."""

from __future__ import annotations

from alembic import context

from libs.events.schema.statements import run, run_file

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create everything, owned by the connected role; the other two roles get what they need."""
    names: dict[str, str] = context.config.attributes["roles"]
    run_file("log.sql")
    run_file("appending.sql")
    run_file("loading.sql")
    run("insert into log.service (name, api_role) values ($1, $2)", names["service"], names["api"])


def downgrade() -> None:
    """A log is never taken apart."""
    raise NotImplementedError
