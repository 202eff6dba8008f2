"""How much is served at once: what is too much is told to come again at once, so that what is served stays quick."""

from __future__ import annotations

import time
from collections import Counter
from functools import lru_cache

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from libs.service import codes as _codes  # noqa: F401 - registers them
from libs.service import problems
from libs.service.languages import preferred
from libs.service.metrics import REQUEST_SECONDS, SHED

AGAIN_SECONDS = "1"
READS = frozenset({"GET", "HEAD", "OPTIONS"})
NEVER_ENDS = "/v1/stream"
"""Streams are counted where they are served."""


class Admission:
    """Serves so many commands and so many queries at once, and of one caller half as many.

    The rest is answered with 503 OVERLOADED or 429 RATE_LIMITED and `Retry-After` before anything is read, by an answer
    that is kept ready: what is refused must cost next to nothing, or it takes the place of what is served. A caller is
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
        caller = (kind, _header(scope, b"authorization"))
        if (refusal := self._too_much(kind, caller)) is not None:
            await _refuse(scope, send, kind, *refusal)
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

    def _too_much(self, kind: str, caller: tuple[str, bytes]) -> tuple[str, str] | None:
        """The code and the words of a refusal."""
        limit = self.limits[kind]
        if self.served[kind] >= limit:
            return "OVERLOADED", f"{limit} {kind} requests are being served"
        if caller[1] and self.callers[caller] >= max(1, limit // 2):
            return "RATE_LIMITED", f"{limit // 2} of your {kind} requests are being served; send fewer at once"
        return None


def _header(scope: Scope, name: bytes) -> bytes:
    return next((value for one, value in scope["headers"] if one == name), b"")


async def _refuse(scope: Scope, send: Send, kind: str, code: str, detail: str) -> None:
    begun = time.perf_counter()
    start, body = _answer(code, detail, _header(scope, b"accept-language")[:200], scope["path"][:500])
    await send({**start, "headers": list(start["headers"])})
    await send(body)
    SHED.labels(kind, code).inc()
    REQUEST_SECONDS.labels(scope["method"], "none", start["status"]).observe(time.perf_counter() - begun)


@lru_cache(maxsize=1_000)
def _answer(code: str, detail: str, accept_language: bytes, path: str) -> tuple[Message, Message]:
    """The two messages of a refusal."""
    language = preferred(accept_language.decode("latin-1"))
    body = problems.document(code, detail, language, instance=path)
    headers = {"Retry-After": AGAIN_SECONDS, "X-Content-Type-Options": "nosniff"}
    answer = problems.response(body, language, headers)
    start = {"type": "http.response.start", "status": answer.status_code, "headers": answer.raw_headers}
    return start, {"type": "http.response.body", "body": answer.body}
