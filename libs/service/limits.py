"""What may come in: sizes of URL, headers and bodies; JSON is read before any handler runs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from fastapi import FastAPI, HTTPException, Request
from fastapi.routing import iter_route_contexts
from starlette.routing import compile_path
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from libs.service.json_texts import check_json
from libs.service.problems import Problem
from libs.service.refusals import answer

MIB = 1 << 20
MAX_BODY_BYTES = MIB
MAX_HEADER_BYTES = 16 * 1024
MAX_URL_BYTES = 8 * 1024


class Upload(NamedTuple):
    """A path that takes larger bodies, and its limit in bytes."""

    path: re.Pattern[str]
    limit: int


class Limits:
    """Refuses what is over the limits before any handler runs; costs some microseconds for a usual request.

    `uploads` are the paths that take more than 1 MiB, with how much.
    """

    def __init__(self, app: ASGIApp, uploads: Sequence[Upload] = ()) -> None:
        self.app = app
        self.uploads = uploads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check the head, read and check a JSON body, then hand on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        try:
            check_head(scope)
            json_body = is_json(scope)
            limit = MAX_BODY_BYTES if json_body else self._limit(scope["path"])
            if _length(scope) > limit:
                raise _too_large(limit)
            receive = _again(await _checked_json(receive), receive) if json_body else _counted(receive, limit)
        except Problem as problem:
            request = Request(scope, receive)
            refusal = answer(request, problem.code, problem.detail, problem.headers, **problem.details)
            await refusal(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _limit(self, path: str) -> int:
        return next((upload.limit for upload in self.uploads if upload.path.match(path)), MAX_BODY_BYTES)


def uploads_of(app: FastAPI) -> list[Upload]:
    """The routes that are declared with a `max_body_size` of their own."""
    found = []
    for route in iter_route_contexts(app.routes):
        limit = getattr(route, "max_body_size", None)
        if limit is not None:
            found.append(Upload(compile_path(str(route.path))[0], limit))
    return found


def check_head(scope: Scope) -> None:
    """Refuse long URLs (414), large headers (431) and NUL in the URL (400)."""
    raw_path: bytes = scope.get("raw_path") or scope["path"].encode()
    query: bytes = scope["query_string"]
    if len(raw_path) + len(query) > MAX_URL_BYTES:
        raise Problem("URL_TOO_LONG", f"path and query may have {MAX_URL_BYTES} bytes")
    if sum(len(name) + len(value) + 4 for name, value in scope["headers"]) > MAX_HEADER_BYTES:
        raise Problem("HEADERS_TOO_LARGE", f"all headers together may have {MAX_HEADER_BYTES} bytes")
    if b"%00" in query or b"\x00" in query or "\x00" in scope["path"]:
        raise Problem("MALFORMED", "the URL must not contain NUL characters")
    if b"%" in query and not _is_utf8(query):
        raise Problem("MALFORMED", "the query is not percent-encoded UTF-8")


def is_json(scope: Scope) -> bool:
    """True if the framework would read the body as JSON."""
    for name, value in scope["headers"]:
        if name == b"content-type":
            kind = value.split(b";", 1)[0].strip().lower()
            if kind == b"application/json" or kind.endswith((b"/json", b"+json")):
                return True
    return False


async def _checked_json(receive: Receive) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise Problem("MALFORMED", "the body did not arrive whole")
        body += message.get("body", b"")
        if len(body) > MAX_BODY_BYTES:
            raise _too_large(MAX_BODY_BYTES)
        if not message.get("more_body", False):
            break
    if body:
        check_json(bytes(body))
    return bytes(body)


def _again(body: bytes, receive: Receive) -> Receive:
    """The body once more, for the handler; then whatever else comes."""
    given = False

    async def receive_again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive_again


def _counted(receive: Receive, limit: int) -> Receive:
    """The body as it comes, up to the limit; beyond it HTTPException(413), which the framework lets through."""
    taken = 0

    async def receive_counted() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > limit:
            raise HTTPException(413)
        return message

    return receive_counted


def _length(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value)
    return 0


def _is_utf8(query: bytes) -> bool:
    try:
        unquote_to_bytes(query).decode()
    except UnicodeDecodeError:
        return False
    return True


def _too_large(limit: int) -> Problem:
    return Problem("TOO_LARGE", f"the body may have {limit} bytes")
