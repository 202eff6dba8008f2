"""Appending costs the same however much is stored."""

from __future__ import annotations

from libs.events.schema.statements import run_file

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Define the ways into the log anew, for logs that were made before."""
    run_file("appending.sql")


def downgrade() -> None:
    """A log is never taken apart."""
    raise NotImplementedError
