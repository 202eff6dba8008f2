"""Pages of a list by opaque, signed keyset cursors that belong to one route, one tenant and one set of filters."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Generic, TypeVar

import orjson
from fastapi import Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from libs.service.auth import Person, authenticated
from libs.service.equipment import equipment
from libs.service.problems import Problem

T = TypeVar("T")
MAX_LIMIT = 200
DEFAULT_LIMIT = 50
MAC_BYTES = 16


class Page(BaseModel, Generic[T]):
    """Some items of a list. `next` is the cursor of the following page; null after the last."""

    model_config = ConfigDict(frozen=True)

    items: list[T]
    next: Annotated[str | None, Field(description="Send it as `cursor` to get the next page")] = None


@dataclass(frozen=True, slots=True)
class Paging:
    """The page asked for: at most `limit` items behind the row whose sort values are `after` (None: from the start).

    Fetch `limit + 1` rows to know whether there are more.
    """

    limit: int
    after: tuple[str, ...] | None
    key: bytes
    scope: bytes

    def page(self, items: Sequence[T], *, last: Sequence[Any] = (), more: bool = False) -> Page[T]:
        """The answer; `last` are the sort values of the last of `items` and become `after` of the next page."""
        return Page(items=list(items), next=self._cursor(last) if more else None)

    def cut(self, rows: Sequence[Any], view: Callable[[Any], T], by: Sequence[str]) -> Page[T]:
        """The answer made of up to `limit + 1` rows of a query; `by` are the columns that it sorts by."""
        shown = rows[: self.limit]
        last = [shown[-1][name] for name in by] if shown else ()
        return self.page([view(row) for row in shown], last=last, more=len(rows) > self.limit)

    def _cursor(self, last: Sequence[Any]) -> str:
        values = orjson.dumps([_text(value) for value in last])
        return base64.urlsafe_b64encode(_mac(self.key, self.scope, values) + values).rstrip(b"=").decode()


async def paging(
    request: Request,
    who: Annotated[Person, Depends(authenticated)],
    limit: Annotated[int, Query(description="Items of a page, 1 to 200; other numbers are taken to the nearest")] = 50,
    cursor: Annotated[str | None, Query(description="`next` of the page before", max_length=4_000)] = None,
) -> Paging:
    """The page a request asks for; raises Problem(CURSOR_INVALID) for a cursor of other filters."""
    key = equipment(request).settings.key("cursors")
    filters = sorted(pair for pair in request.query_params.multi_items() if pair[0] not in {"cursor", "limit"})
    scope = orjson.dumps([who.tenant, request.url.path, filters])
    after = None if not cursor else _opened(key, scope, cursor)
    return Paging(min(max(limit, 1), MAX_LIMIT), after, key, scope)


PageQuery = Annotated[Paging, Depends(paging)]


def _opened(key: bytes, scope: bytes, cursor: str) -> tuple[str, ...]:
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error) as error:
        raise Problem("CURSOR_INVALID", "this is not a cursor") from error
    mac, values = raw[:MAC_BYTES], raw[MAC_BYTES:]
    if not hmac.compare_digest(mac, _mac(key, scope, values)):
        raise Problem("CURSOR_INVALID", "this cursor belongs to another list, other filters or another tenant")
    return tuple(orjson.loads(values))


def _mac(key: bytes, scope: bytes, values: bytes) -> bytes:
    return hmac.digest(key, scope + b"\n" + values, "sha256")[:MAC_BYTES]


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value.isoformat() if isinstance(value, date) else str(value)
