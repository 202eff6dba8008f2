"""Consistency tokens: what a caller has seen, as an opaque list of streams and versions."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from datetime import timedelta

import orjson

from libs.events.facts import SERVICES
from libs.service.problems import Problem

HEADER = "Consistency-Token"
MAX_CHARACTERS = 8_000
MAX_STREAMS = 100
DEFAULT_PATIENCE = timedelta(seconds=2)
MAX_PATIENCE = timedelta(seconds=10)

_POSITION = re.compile(rf"((?:{'|'.join(SERVICES)})/[A-Za-z0-9][A-Za-z0-9_.:-]{{0,249}})@([1-9][0-9]{{0,8}})")
_WAIT = re.compile(r"(?:^|[,;])\s*wait\s*=\s*\"?([0-9]{1,5})\"?\s*(?=$|[,;])", re.IGNORECASE)


def written(streams: Mapping[str, int]) -> str:
    """The token of these streams (`owner/name` → version); streams without facts are left out."""
    positions = sorted(f"{stream}@{version}" for stream, version in streams.items() if version > 0)
    return base64.urlsafe_b64encode(orjson.dumps(positions)).rstrip(b"=").decode()


def read(header: str | None) -> dict[str, int]:
    """What one token, or several joined by commas, name; raises Problem(MALFORMED) for one that is not ours."""
    if not header:
        return {}
    if len(header) > MAX_CHARACTERS:
        raise _malformed()
    seen: dict[str, int] = {}
    for token in header.split(","):
        for stream, version in _positions(token.strip()):
            seen[stream] = max(version, seen.get(stream, 0))
    if len(seen) > MAX_STREAMS:
        raise _malformed()
    return seen


def patience(prefer: str | None) -> timedelta:
    """How long to wait for what was seen: `Prefer: wait=<seconds>`, at most 10, 2 if it says nothing."""
    found = _WAIT.search(prefer[:1000]) if prefer else None
    return DEFAULT_PATIENCE if found is None else min(timedelta(seconds=int(found[1])), MAX_PATIENCE)


def _positions(token: str) -> list[tuple[str, int]]:
    try:
        positions = orjson.loads(base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True))
    except (ValueError, binascii.Error) as error:
        raise _malformed() from error
    if not isinstance(positions, list):
        raise _malformed()
    matches = [_POSITION.fullmatch(one) if isinstance(one, str) else None for one in positions]
    if not all(matches):
        raise _malformed()
    return [(match[1], int(match[2])) for match in matches if match]


def _malformed() -> Problem:
    return Problem("MALFORMED", f"{HEADER}: send back what a command answered, unchanged")
