"""What a request says beside its body: idempotency key, versions, times; and the fingerprint of it all."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Literal, cast
from urllib.parse import unquote
from uuid import UUID, uuid4, uuid5

import orjson
from fastapi import Request
from starlette.datastructures import FormData, UploadFile

from libs.events.running import Request as CommandRequest
from libs.events.tracing import traceparent
from libs.service.auth import Person
from libs.service.problems import Problem
from libs.service.settings import Settings

NAMESPACE = UUID("6f0f6a52-3a0b-5d6e-8f55-0d1c7c1f9a10")
KEY_HELP = "send a header Idempotency-Key with 1 to 200 visible ASCII characters, a new one for each new intention"

MAX_REASON = 4_000
REASON_HELP = f"percent-encoded where it is not ASCII, at most {MAX_REASON} characters"

_KEY = re.compile(r"[\x21-\x7e]{1,200}")
_ETAG = re.compile(r'"(0|[1-9][0-9]{0,8})"')
_TRACEPARENT = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_CHANNELS = {"web", "mobile", "api"}


def command_request(request: Request, who: Person) -> CommandRequest:
    """The request as the runner takes it, without its fingerprint; raises Problem for headers that do not fit."""
    channel = request.headers.get("channel", "api")
    if channel not in _CHANNELS:
        raise Problem("MALFORMED", "Channel: web, mobile or api")
    key = idempotency_key(request)
    return CommandRequest(
        tenant=who.tenant,
        actor=who.actor,
        command_id=command_id(who, uuid4().hex if is_dry_run(request) else key),
        roles=who.roles,
        channel=cast("Literal['web', 'mobile', 'api']", channel),
        if_match=if_match(request),
        traceparent=traceparent() or _incoming_trace(request),
        occurred_at=occurred_at(request),
        reason=_reason(request),
    )


def idempotency_key(request: Request) -> str:
    """The key of a command, quoted or bare; raises Problem(IDEMPOTENCY_KEY_REQUIRED)."""
    given = request.headers.getlist("idempotency-key")
    if not given:
        raise Problem("IDEMPOTENCY_KEY_REQUIRED", KEY_HELP)
    key = given[0].strip()
    if len(key) > 1 and key[0] == key[-1] == '"':
        key = key[1:-1]
    if len(given) > 1 or not _KEY.fullmatch(key):
        raise Problem("MALFORMED", KEY_HELP)
    return key


def command_id(who: Person, key: str) -> UUID:
    """The only form in which a key is kept: it belongs to one tenant and one caller."""
    return uuid5(uuid5(NAMESPACE, who.tenant), f"{who.person_id}\n{key}")


def is_dry_run(request: Request) -> bool:
    """True for `?dry_run=true`; raises Problem(MALFORMED) for anything else than true and false."""
    match request.query_params.getlist("dry_run"):
        case [] | ["false"]:
            return False
        case ["true"]:
            return True
        case _:
            raise Problem("MALFORMED", "dry_run: true or false, once")


def if_match(request: Request) -> int | None:
    """The version that `If-Match: "<version>"` names; None without it or for `*`."""
    header = request.headers.get("if-match")
    if header is None or header.strip() == "*":
        return None
    match = _ETAG.fullmatch(header.strip())
    if match is None:
        raise Problem("MALFORMED", 'If-Match: the ETag of the thing, such as "7"')
    return int(match[1])


def occurred_at(request: Request) -> datetime | None:
    """When it happened, if that was not now: `Occurred-At`, an RFC 3339 instant."""
    header = request.headers.get("occurred-at")
    if header is None:
        return None
    try:
        instant = datetime.fromisoformat(header.strip())
        if instant.tzinfo is None:
            raise ValueError("no zone")
        return instant.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise Problem(
            "MALFORMED", "Occurred-At: an instant with its zone, such as 2026-03-02T09:00:00+08:00"
        ) from error


async def fingerprint(request: Request, settings: Settings) -> str:
    """A keyed hash of what was asked: method, path, query, body and `If-Match`; the same for an equal request."""
    query = sorted(pair for pair in request.query_params.multi_items() if pair[0] != "dry_run")
    asked = orjson.dumps([request.method, request.url.path, query, request.headers.get("if-match", "")])
    digest = hmac.new(settings.key("fingerprints"), asked, hashlib.sha256)
    for part in await _body(request):
        digest.update(hashlib.sha256(part).digest())
    return digest.hexdigest()


async def _body(request: Request) -> Iterable[bytes]:
    form = getattr(request, "_form", None)  # read by the framework already, so that the body itself is gone
    if isinstance(form, FormData):
        return await _form_parts(form)
    body = await request.body()
    try:
        return [orjson.dumps(orjson.loads(body), option=orjson.OPT_SORT_KEYS)]
    except orjson.JSONDecodeError:
        return [body]


async def _form_parts(form: FormData) -> list[bytes]:
    parts: list[bytes] = []
    for name, value in form.multi_items():
        texts = (name, value.filename or "") if isinstance(value, UploadFile) else (name, value)
        if any("\x00" in text or (not text.isascii() and _is_broken(text)) for text in texts):
            raise Problem("MALFORMED", "the form has text with NUL characters or broken Unicode")
        if not isinstance(value, UploadFile):
            parts.append(orjson.dumps([name, value]))
            continue
        digest = hashlib.sha256()
        await value.seek(0)
        while chunk := await value.read(1 << 20):
            digest.update(chunk)
        await value.seek(0)
        parts.append(orjson.dumps([name, value.filename, digest.hexdigest()]))
    return parts


def _is_broken(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)


def _incoming_trace(request: Request) -> str | None:
    """The caller's trace, where this process traces nothing itself."""
    header = request.headers.get("traceparent", "")
    return header if _TRACEPARENT.fullmatch(header) else None


def _reason(request: Request) -> str | None:
    """Why something is recorded late: `Occurred-Reason`, percent-encoded UTF-8."""
    header = request.headers.get("occurred-reason")
    if header is None:
        return None
    reason = unquote(header).strip()
    if len(header) > MAX_REASON or not reason.isprintable():
        raise Problem("MALFORMED", f"Occurred-Reason: one line of text, {REASON_HELP}")
    return reason[:1000] or None
