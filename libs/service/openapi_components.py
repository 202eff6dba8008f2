"""What all API documents share: headers, parameters, the problem document, the access token."""

from __future__ import annotations

from typing import Any

from libs.service.problems import PHRASES

PROBLEM: dict[str, Any] = {
    "type": "object",
    "title": "Problem",
    "description": "Why a request was refused (RFC 9457). What else is in it depends on `code`: `/problems/{code}`.",
    "required": ["type", "code", "status", "title", "detail", "fix", "retryable"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference", "description": "The page of the code"},
        "code": {"type": "string", "description": "Stable, for programs"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "title": {"type": "string", "description": "For people, in the language asked for"},
        "detail": {"type": "string", "description": "What exactly, in English"},
        "fix": {"type": "string", "description": "How to go on, in the language asked for"},
        "retryable": {"type": "boolean", "description": "Whether the same request can succeed later"},
        "instance": {"type": "string", "description": "The path that was asked"},
        "trace_id": {"type": "string", "description": "What operators can search for"},
        "errors": {
            "type": "array",
            "description": "The fields that do not fit",
            "items": {
                "type": "object",
                "required": ["pointer", "in", "code", "message"],
                "properties": {
                    "pointer": {"type": "string", "description": "JSON pointer of the field"},
                    "in": {"type": "string", "enum": ["body", "query", "path", "header", "cookie", "request"]},
                    "code": {"type": "string"},
                    "message": {"type": "string"},
                },
            },
        },
    },
    "additionalProperties": True,
    "examples": [
        {
            "type": "/problems/VERSION_CONFLICT",
            "code": "VERSION_CONFLICT",
            "status": 412,
            "title": "It has changed since you read it",
            "detail": "lead-0190f3c2 has changed and is at version 4",
            "fix": "Read it again, decide again, send the new ETag as If-Match.",
            "retryable": False,
            "instance": "/v1/leads/0190f3c2/claim",
            "current": 4,
        }
    ],
}
BEARER: dict[str, Any] = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT",
    "description": "An access token (RFC 9068) of the configured issuer, with `tenant` and `roles`",
}
PARAMETERS: dict[str, Any] = {
    "ConsistencyToken": {
        "name": "Consistency-Token",
        "in": "header",
        "description": "What you have seen, as commands answered it (several joined by commas); waited for",
        "schema": {"type": "string", "maxLength": 8000},
    },
    "Prefer": {
        "name": "Prefer",
        "in": "header",
        "description": "`wait=<seconds>`: how long to wait for what you have seen (2 if it says nothing, at most 10)",
        "schema": {"type": "string"},
        "example": "wait=5",
    },
    "IdempotencyKey": {
        "name": "Idempotency-Key",
        "in": "header",
        "required": True,
        "description": "New for each intention, the same when the request is repeated",
        "schema": {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[!-~]+$"},
        "example": "0190f3c2-7d1e-7c3a-9a55-3f1f2b6f0a11",
    },
    "IfMatch": {
        "name": "If-Match",
        "in": "header",
        "description": "The `ETag` that was read: refused with 412 if it has changed since",
        "schema": {"type": "string", "pattern": '^"(0|[1-9][0-9]{0,8})"$'},
        "example": '"3"',
    },
    "DryRun": {
        "name": "dry_run",
        "in": "query",
        "description": "`true`: only say what would happen; nothing is recorded",
        "schema": {"type": "boolean", "default": False},
    },
    "Channel": {
        "name": "Channel",
        "in": "header",
        "description": "Where the person works",
        "schema": {"type": "string", "enum": ["web", "mobile", "api"], "default": "api"},
    },
    "OccurredAt": {
        "name": "Occurred-At",
        "in": "header",
        "description": "When it happened, if that was not now; over 15 minutes back it needs `Occurred-Reason`",
        "schema": {"type": "string", "format": "date-time"},
        "example": "2026-03-02T09:00:00+08:00",
    },
    "OccurredReason": {
        "name": "Occurred-Reason",
        "in": "header",
        "description": "Why it is recorded late; one line, percent-encoded where it is not ASCII",
        "schema": {"type": "string", "maxLength": 4000},
        "example": "the phone was offline",
    },
}
OF_READS = ("ConsistencyToken", "Prefer")
OF_COMMANDS = tuple(PARAMETERS)
HEADERS: dict[str, Any] = {
    "ETag": {"description": "The version, for `If-Match` and `If-None-Match`", "schema": {"type": "string"}},
    "Consistency-Token": {"description": "What this command appended, for later reads", "schema": {"type": "string"}},
    "Idempotency-Replayed": {
        "description": "`true` on the stored answer of an earlier request",
        "schema": {"type": "string", "enum": ["true"]},
    },
    "Location": {"description": "Where a new thing is", "schema": {"type": "string", "format": "uri-reference"}},
}
ANSWERED = tuple(HEADERS)
EVENTS = (
    "Lines of server-sent events: `event: change` with the data `{resource, id, version}`; `ready` at the start; "
    "`reset` where a gap must be read anew; `retry:` before the server ends it. Comments keep it alive."
)


def references(kind: str, *names: str) -> dict[str, Any]:
    """These components, each by reference."""
    return {name: {"$ref": f"#/components/{kind}/{name}"} for name in names}


def response_name(status: int) -> str:
    """The component of a refusal: `NotFound`."""
    return "".join(word.capitalize() for word in PHRASES[status].split())
