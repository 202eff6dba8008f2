"""The stack that runs now, for commands beside it: where everything answers is written down while it runs."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from dev.places import Places
from dev.processes import Trouble
from dev.provision import Database
from dev.stack import Member, Stack
from libs.events.clock import FileClock


@contextmanager
def written_down(running: Stack) -> Iterator[None]:
    """Let other commands find the stack until the block ends; the file holds passwords and is its owner's only."""
    file = _file(running.places)
    members = [
        {
            "name": one.name,
            "api": one.api,
            "health": one.health,
            "database": asdict(one.database),
            "command": list(one.command),
            "environment": dict(one.environment),
        }
        for one in running.members.values()
    ]
    names = ("kafka", "prefix", "issuer", "schemas")
    document = {name: getattr(running, name) for name in names} | {"members": members}
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as opened:
        json.dump(document, opened)
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


def attached(places: Places) -> Stack:
    """The stack that runs on these places. Raises Trouble when none does."""
    try:
        found = json.loads(_file(places).read_text())
    except FileNotFoundError:
        raise Trouble(f"nothing runs on {places.data}: start it with `make run`") from None
    members = {
        one["name"]: Member(
            one["name"],
            one["api"],
            one["health"],
            Database(**one["database"]),
            tuple(one["command"]),
            one["environment"],
        )
        for one in found["members"]
    }
    return Stack(
        places, found["kafka"], found["prefix"], found["issuer"], FileClock(places.clock), found["schemas"], members
    )


def _file(places: Places) -> Path:
    return places.data / "running.json"
