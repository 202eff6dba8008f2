"""Instants as people write them: local times in Shanghai, where the stories of the tests take place."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")


def shanghai(local: str) -> datetime:
    """`2026-03-02 10:00` or `2026-03-02 10:00:01` in Shanghai, as an instant in UTC."""
    return datetime.fromisoformat(local).replace(tzinfo=SHANGHAI).astimezone(UTC)
