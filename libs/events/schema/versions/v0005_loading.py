"""Loading what a command looks at costs the same however much is stored; an append says how long it held the log."""

from __future__ import annotations

from libs.events.schema.statements import run_file

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Define the ways into the log and out of it anew, for logs that were made before."""
    run_file("appending.sql")
    run_file("loading.sql")


def downgrade() -> None:
    """A log is never taken apart."""
    raise NotImplementedError
