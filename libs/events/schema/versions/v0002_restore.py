"""Restoring from Kafka, publishing again, read models as they were."""

from __future__ import annotations

from libs.events.schema.statements import run_file

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add what a restore and a look back need; old code goes on beside it."""
    run_file("restore.sql")


def downgrade() -> None:
    """A log is never taken apart."""
    raise NotImplementedError
