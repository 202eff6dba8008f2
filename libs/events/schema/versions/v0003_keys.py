"""Destroying keys of subjects, and wrapping them with another master key."""

from __future__ import annotations

from libs.events.schema.statements import run_file

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add what erasing and rotating need."""
    run_file("keys.sql")


def downgrade() -> None:
    """A log is never taken apart."""
    raise NotImplementedError
