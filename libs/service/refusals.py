"""Every exception becomes a problem document here, and nowhere else."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any

import asyncpg
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError, ResponseValidationError
from fastapi.params import Form
from opentelemetry import trace
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Scope

from libs.events import errors
from libs.events.deciding import Command
from libs.service import codes as _codes  # noqa: F401 - registers them
from libs.service import problems
from libs.service.equipment import equipment
from libs.service.languages import preferred
from libs.service.problems import PROBLEMS, Problem

MAX_ERRORS = 50
SHORT_WAIT = 1
LONG_WAIT = 30
_BY_STATUS = {
    400: "MALFORMED", 401: "UNAUTHENTICATED", 403: "NOT_PERMITTED", 404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED",
    409: "CONFLICT_STATE", 413: "TOO_LARGE", 414: "URL_TOO_LONG", 415: "UNSUPPORTED_MEDIA_TYPE", 422: "VALIDATION",
    428: "IF_MATCH_REQUIRED", 429: "RATE_LIMITED", 431: "HEADERS_TOO_LARGE", 503: "OVERLOADED",
}  # fmt: skip
_PLAIN: dict[type[Exception], tuple[str, int]] = {
    errors.NotFound: ("NOT_FOUND", 0),
    errors.IdempotencyMismatch: ("IDEMPOTENCY_MISMATCH", 0),
    errors.FactTooLarge: ("TOO_LARGE", 0),
    errors.ParkedKey: ("PARKED", LONG_WAIT),
    errors.Unavailable: ("UNAVAILABLE", SHORT_WAIT),
    errors.NewerCode: ("UNAVAILABLE", SHORT_WAIT),
    errors.Overloaded: ("OVERLOADED", SHORT_WAIT),
    errors.Restoring: ("RESTORING", LONG_WAIT),
}
_OF_DATABASE: dict[type[Exception], tuple[str, str]] = {
    asyncpg.DataError: ("VALIDATION", "a value is out of range, or not of the kind that is looked for"),
    asyncpg.UndefinedTableError: ("UNAVAILABLE", "a read model is not built yet"),
    asyncpg.QueryCanceledError: ("UNAVAILABLE", "this took too long"),
}
_log = structlog.get_logger(__name__)


def install(app: FastAPI) -> None:
    """Answer every error of this application with a problem document."""
    for kind in (
        Problem, HTTPException, RequestValidationError, ValidationError, errors.Rejected, errors.Conflict,
        errors.NotYetVisible, *_PLAIN, *_OF_DATABASE,
    ):  # fmt: skip
        app.add_exception_handler(kind, _refuse)


def answer(
    request: Request, code: str, detail: str, headers: Mapping[str, str] | None = None, /, **details: Any
) -> Response:
    """A problem as the answer to this request, in its language."""
    language = preferred(request.headers.get("accept-language"))
    span = trace.get_current_span().get_span_context()
    body = problems.document(
        code,
        detail,
        language,
        instance=request.url.path[:500],
        trace_id=f"{span.trace_id:032x}" if span.is_valid else "",
        **details,
    )
    return problems.response(body, language, headers)


async def _refuse(request: Request, error: Exception) -> Response:
    match error:
        case Problem():
            return answer(request, error.code, error.detail, error.headers, **error.details)
        case RequestValidationError():
            return _unfit(request, error)
        case HTTPException():
            return _of_framework(request, error)
        case ValidationError() if error.title in _names_of(Command):
            return _errors(request, [{**one, "loc": ("request", *one["loc"])} for one in error.errors()])
        case errors.Rejected():
            return _rejected(request, error)
        case errors.Conflict():
            code = "VERSION_CONFLICT" if request.headers.get("if-match") else "CONFLICT_STATE"
            return answer(request, code, str(error), current=error.current)
        case errors.NotYetVisible():
            wait = _after(error.retry_after.total_seconds())
            return answer(request, "NOT_YET_VISIBLE", str(error), wait, missing=list(error.missing))
        case _:
            return _plain(request, error)


def _plain(request: Request, error: Exception) -> Response:
    """An error that is told by its own words, or one of the database by ours."""
    for kind, (code, seconds) in _PLAIN.items():
        if isinstance(error, kind):
            return answer(request, code, str(error), _after(seconds) if seconds else {})
    for kind, (code, detail) in _OF_DATABASE.items():
        if isinstance(error, kind):
            _log.error("the database refused a query", error=type(error).__name__, route=route_of(request.scope))
            return answer(request, code, detail, _after(SHORT_WAIT) if code == "UNAVAILABLE" else {})
    return broken(request, error)


def broken(request: Request, error: Exception) -> Response:
    """An error nobody foresaw: logged by its kind and place, told to the caller without its text."""
    if isinstance(error, ValidationError | ResponseValidationError):
        where = [".".join(str(part) for part in one["loc"]) for one in error.errors()][:MAX_ERRORS]
    else:
        where = []
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    place = f"{frame.tb_frame.f_code.co_filename}:{frame.tb_lineno}" if frame is not None else ""
    _log.error("request failed", error=type(error).__name__, place=place, fields=where, route=route_of(request.scope))
    return answer(request, "INTERNAL", "this was not foreseen; it has been logged")


def _rejected(request: Request, error: errors.Rejected) -> Response:
    headers: dict[str, str] = {}
    if PROBLEMS[error.code].status in {429, 503}:
        headers = _after(_seconds(request, error.details))
    return answer(request, error.code, error.why, headers, **error.details)


def _seconds(request: Request, details: Mapping[str, Any]) -> float:
    """How long to wait, from `retry_after` (seconds) or `resets_at` (an instant)."""
    if isinstance(seconds := details.get("retry_after"), int | float):
        return float(seconds)
    resets_at = details.get("resets_at")
    instant = datetime.fromisoformat(resets_at) if isinstance(resets_at, str) else resets_at
    if isinstance(instant, datetime):
        return (instant - equipment(request).clock.now()).total_seconds()
    return SHORT_WAIT


def _after(seconds: float) -> dict[str, str]:
    return {"Retry-After": str(max(1, math.ceil(seconds)))}


def _of_framework(request: Request, error: HTTPException) -> Response:
    code = _BY_STATUS.get(error.status_code)
    if code is None:
        code = "MALFORMED" if error.status_code < HTTPStatus.INTERNAL_SERVER_ERROR else "INTERNAL"
    details = {
        404: "there is nothing at this address",
        405: "this address does not take this method",
        413: "this is more than may be sent here",
    }
    return answer(request, code, details.get(error.status_code, PROBLEMS[code].title), error.headers)


def _unfit(request: Request, error: RequestValidationError) -> Response:
    found = error.errors()
    if any(one["type"] == "json_invalid" for one in found):
        return answer(request, "MALFORMED", "the body is not valid JSON")
    if any(one["loc"][:1] == ("body",) for one in found) and _is_foreign(request):
        return answer(request, "UNSUPPORTED_MEDIA_TYPE", "the body is not of a type that is taken here")
    return _errors(request, found)


def _errors(request: Request, found: Sequence[Any]) -> Response:
    told = [
        {"pointer": _pointer(one["loc"]), "in": str(one["loc"][0]), "code": one["type"], "message": one["msg"]}
        for one in found[:MAX_ERRORS]
    ]
    return answer(request, "VALIDATION", f"{len(found)} field(s) do not fit", errors=told)


def _names_of(kind: type[Command]) -> set[str]:
    """The names of all commands: one that cannot be made of a request is the caller's matter, any other model ours."""
    return {kind.__name__}.union(*(_names_of(one) for one in kind.__subclasses__()))


def _pointer(location: Sequence[int | str]) -> str:
    """The JSON pointer of a field (RFC 6901), for a parameter its name."""
    escaped = [str(part).replace("~", "~0").replace("/", "~1") for part in location[1:]]
    return "".join(f"/{part}" for part in escaped)


def _is_foreign(request: Request) -> bool:
    """True if there is a body of a type that this route does not read."""
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if request.headers.get("content-length", "0") == "0" and "transfer-encoding" not in request.headers:
        return False
    field = getattr(request.scope.get("route"), "body_field", None)
    if field is not None and isinstance(field.field_info, Form):
        return kind not in {"multipart/form-data", "application/x-www-form-urlencoded"}
    return not (kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json")))


def route_of(scope: Scope) -> str:
    """The template of the route that serves a request, `/v1/leads/{lead_id}`; empty where none does."""
    path = str(getattr(scope.get("route"), "path", ""))
    return f"/v1{path}" if path and scope["path"].startswith("/v1/") and not path.startswith("/v1/") else path
