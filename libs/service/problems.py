"""Problem documents (RFC 9457): one registry of codes, and how a document is made in the reader's language."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.responses import Response

from libs.service.languages import Language

MEDIA_TYPE = "application/problem+json"
PHRASES = {
    400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed",
    409: "Conflict", 410: "Gone", 412: "Precondition Failed", 413: "Content Too Large", 414: "URI Too Long",
    415: "Unsupported Media Type", 422: "Unprocessable Content", 428: "Precondition Required",
    429: "Too Many Requests", 431: "Request Header Fields Too Large", 500: "Internal Server Error",
    503: "Service Unavailable",
}  # fmt: skip
"""The statuses of problems; the same words whatever Python's version calls them."""


@dataclass(frozen=True, slots=True)
class Code:
    """What a code means, in English and Chinese, and whether sending the same request again can help."""

    code: str
    status: int
    title: str
    title_zh: str
    fix: str
    fix_zh: str
    retryable: bool = False

    def document(self, language: Language) -> dict[str, Any]:
        """As `/problems/{code}` shows it."""
        zh = language == "zh"
        return {
            "type": f"/problems/{self.code}",
            "code": self.code,
            "status": self.status,
            "title": self.title_zh if zh else self.title,
            "fix": self.fix_zh if zh else self.fix,
            "retryable": self.retryable,
        }


class Registry:
    """The codes of all problems. Called with statuses it gives the `responses` of a route for OpenAPI."""

    def __init__(self) -> None:
        self._codes: dict[str, Code] = {}

    def register(
        self,
        code: str,
        status: int,
        title: str,
        *,
        zh: str = "",
        fix: str = "",
        fix_zh: str = "",
        retryable: bool = False,
    ) -> Code:
        """Declare a code; harmless when repeated, ValueError when it contradicts an earlier declaration."""
        if not code.isupper() or not code.replace("_", "").isalnum():
            raise ValueError(f"{code!r}: codes are written LIKE_THIS")
        if status not in PHRASES:
            raise ValueError(f"{code}: {status} is no status of a problem")
        new = Code(code, status, title, zh or title, fix, fix_zh or fix, retryable)
        if self._codes.setdefault(code, new) != new:
            raise ValueError(f"{code} is registered twice, differently")
        return new

    def __getitem__(self, code: str) -> Code:
        """The code; one that nobody registered is a plain 409 of that name."""
        return self._codes.get(code) or Code(code, 409, "The present state says no", "当前状态不允许", "", "")

    def __contains__(self, code: str) -> bool:
        return code in self._codes

    def __iter__(self) -> Iterator[Code]:
        return iter(sorted(self._codes.values(), key=lambda one: (one.status, one.code)))

    def __call__(self, *statuses: int) -> dict[int | str, dict[str, Any]]:
        """OpenAPI `responses` for these statuses, by reference; 401, 422, 500 and 503 come by themselves."""
        return {status: reference(status) for status in statuses}


def reference(status: int) -> dict[str, Any]:
    """One OpenAPI response that is a problem document."""
    return {
        "description": PHRASES[status],
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }


class Problem(Exception):
    """Refuses a request before or beside a decision; `details` become members of the document."""

    def __init__(self, code: str, detail: str, *, headers: Mapping[str, str] | None = None, **details: Any) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.headers = dict(headers or {})
        self.details = details


def document(
    code: str, detail: str, language: Language, *, instance: str = "", trace_id: str = "", **details: Any
) -> dict[str, Any]:
    """A problem document; `details` never replace the standard members; its `errors` say where they are."""
    about = PROBLEMS[code]
    body = {**details, **about.document(language), "detail": detail}
    if "errors" in body:
        body["errors"] = [{"in": "body", "code": "value_error", **one} for one in body["errors"]]
    return body | {name: value for name, value in (("instance", instance), ("trace_id", trace_id)) if value}


def response(body: Mapping[str, Any], language: Language, headers: Mapping[str, str] | None = None) -> Response:
    """The answer that carries a problem document."""
    return Response(
        orjson.dumps(body, default=str),
        status_code=int(body["status"]),
        media_type=MEDIA_TYPE,
        headers={"Content-Language": language, "Cache-Control": "no-store", **(headers or {})},
    )


PROBLEMS = Registry()
register = PROBLEMS.register
