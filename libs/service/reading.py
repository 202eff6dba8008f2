"""Reading for a request: the tenant's read models, once they have folded what the caller has seen."""

from __future__ import annotations

from typing import Annotated, Any

import pydantic_core
from fastapi import Depends, Request
from starlette.requests import Request as PlainRequest
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from libs.events.reading import Reader
from libs.service import tokens
from libs.service.auth import Person, authenticated
from libs.service.equipment import equipment


async def reader_for(request: Request, who: Annotated[Person, Depends(authenticated)]) -> Reader:
    """The reader of the person's tenant; it waits for the request's consistency tokens."""
    about = equipment(request)
    return Reader(
        about.pool,
        who.tenant,
        about.wake,
        seen=tokens.read(",".join(request.headers.getlist(tokens.HEADER)) or None),
        patience=tokens.patience(request.headers.get("prefer")),
        listens=about.service.sources,
    )


Read = Annotated[Reader, Depends(reader_for)]


class Versioned(Response):
    """One thing as JSON with its version as `ETag`; 304 without a body where `If-None-Match` names that version."""

    def __init__(self, view: Any, version: int) -> None:
        super().__init__(
            pydantic_core.to_json(view),
            media_type="application/json",
            headers={"ETag": f'"{version}"', "Cache-Control": "private, no-cache", "Vary": "Authorization"},
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it, or say that it is what the caller has."""
        if self._is_known(PlainRequest(scope).headers.get("if-none-match", "")):
            headers = {
                name: value for name, value in self.headers.items() if name not in {"content-length", "content-type"}
            }
            await Response(status_code=304, headers=headers)(scope, receive, send)
            return
        await super().__call__(scope, receive, send)

    def _is_known(self, if_none_match: str) -> bool:
        named = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
        return "*" in named or self.headers["etag"] in named


def versioned(view: Any, version: int) -> Response:
    """The answer of a single GET: `view` (a model, dataclass or dict) and the version of its stream as `ETag`."""
    return Versioned(view, version)
