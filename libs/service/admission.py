"""How much is served at once: what is too much is told to come again at once, so that what is served stays quick."""

from __future__ import annotations

from collections import Counter

from prometheus_client import Counter as Counted
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from libs.service.problems import Problem
from libs.service.refusals import answer

AGAIN_SECONDS = "1"
READS = frozenset({"GET", "HEAD", "OPTIONS"})
NEVER_ENDS = "/v1/stream"
"""Streams are counted where they are served."""
SHED = Counted("salesloom_requests_shed_total", "Requests that were told to come again at once", ("kind", "code"))


class Admission:
    """Serves so many commands and so many queries at once, and of one caller half as many.

    The rest is answered with 503 OVERLOADED or 429 RATE_LIMITED and `Retry-After` before anything is read. A caller is
    known by its token, unchecked: whoever has another's token can do worse than use up its share.
    """

    def __init__(self, app: ASGIApp, commands: int, queries: int) -> None:
        self.app = app
        self.limits = {"command": commands, "query": queries}
        self.served: Counter[str] = Counter()
        self.callers: Counter[tuple[str, bytes]] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve, or tell to come again."""
        if scope["type"] != "http" or scope["path"] == NEVER_ENDS:
            await self.app(scope, receive, send)
            return
        kind = "query" if scope["method"] in READS else "command"
        caller = (kind, next((value for name, value in scope["headers"] if name == b"authorization"), b""))
        if (problem := self._too_much(kind, caller)) is not None:
            SHED.labels(kind, problem.code).inc()
            refusal = answer(Request(scope, receive), problem.code, problem.detail, problem.headers)
            await refusal(scope, receive, send)
            return
        self.served[kind] += 1
        self.callers[caller] += 1
        try:
            await self.app(scope, receive, send)
        finally:
            self.served[kind] -= 1
            self.callers[caller] -= 1
            if not self.callers[caller]:
                del self.callers[caller]

    def _too_much(self, kind: str, caller: tuple[str, bytes]) -> Problem | None:
        limit, headers = self.limits[kind], {"Retry-After": AGAIN_SECONDS}
        if self.served[kind] >= limit:
            return Problem("OVERLOADED", f"{limit} {kind} requests are being served", headers=headers)
        if caller[1] and self.callers[caller] >= max(1, limit // 2):
            detail = f"{limit // 2} of your {kind} requests are being served; send fewer at once"
            return Problem("RATE_LIMITED", detail, headers=headers)
        return None
