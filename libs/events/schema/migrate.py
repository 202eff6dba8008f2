"""Bring a service's database up to this code's schema of the log."""

from __future__ import annotations

import asyncio
from pathlib import Path
from urllib.parse import urlsplit

HERE = Path(__file__).parent


def newest_revision() -> str:
    """The revision this code needs: that of the last file `versions/v<revision>_<name>.py`."""
    return max(path.name.split("_")[0].removeprefix("v") for path in (HERE / "versions").glob("v*.py"))


def role_of(url: str) -> str:
    """The login role a database URL names."""
    name = urlsplit(url).username
    if not name:
        raise ValueError("a database URL without a role")
    return name


def migrate(service: str, owner_url: str, worker_url: str, api_url: str) -> None:
    """Create or upgrade the log's schema as its owner; grants go to the roles named in the other two URLs."""
    from alembic import command  # here: 0.2 s that every start of a service would pay, and only this needs
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(HERE))
    config.set_main_option("version_path_separator", "os")
    config.attributes["owner_url"] = owner_url
    config.attributes["roles"] = {
        "service": service,
        "owner": role_of(owner_url),
        "worker": role_of(worker_url),
        "api": role_of(api_url),
    }
    command.upgrade(config, "head")


async def migrate_soon(service: str, owner_url: str, worker_url: str, api_url: str) -> None:
    """The same, for a caller that is inside an event loop."""
    await asyncio.to_thread(migrate, service, owner_url, worker_url, api_url)
