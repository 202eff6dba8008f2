"""What the requests of one process stand on; made once at start and handed to the application."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import asyncpg
from starlette.requests import HTTPConnection

from libs.events.clock import Clock
from libs.events.log import Log
from libs.events.running import Runner
from libs.service.service import Service
from libs.service.settings import Settings

if TYPE_CHECKING:
    from libs.service.auth import Authority
    from libs.service.objects import Objects


@dataclass(slots=True)
class Equipment:
    """Connections and keys of one API process. `draining` is set once, when it begins to stop."""

    service: Service
    settings: Settings
    clock: Clock
    pool: asyncpg.Pool
    log: Log
    runner: Runner
    authority: Authority
    objects: Objects | None = None
    draining: asyncio.Event = field(default_factory=asyncio.Event)


def equipment(request: HTTPConnection) -> Equipment:
    """The equipment of the application that serves this request."""
    found: Equipment = request.app.state.equipment
    return found
