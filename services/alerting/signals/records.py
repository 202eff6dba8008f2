"""A record of a partner's topic as a command: a CloudEvent in binary or structured mode, or why it is none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter, ValidationError

from libs.events.deciding import Line
from libs.service.json_texts import check_json
from libs.service.problems import Problem
from services.alerting.signals.domain import ReceiveSignal, RefuseSignal

MAX_VALUE_BYTES = 128 * 1024
MAX_HEADER_BYTES = 16 * 1024
STRUCTURED = "application/cloudevents+json"
ATTRIBUTES = ("specversion", "id", "source", "type", "time", "subject", "datacontenttype")
"""Those that are used; all others, a tenant's id among them, are passed over: the topic says whose it is."""
WRITTEN = {"external_id": "id", "kind": "type", "happened_at": "time", "payload": "data"}
LINE: TypeAdapter[str] = TypeAdapter(Line)
UNNAMED = "unnamed"

Headers = Sequence[tuple[str, bytes | None]]


class Unusable(Exception):
    """It is no signal, by a code of the registry of problems and in words that repeat nothing of it."""

    def __init__(self, code: str, why: str) -> None:
        super().__init__(why)
        self.code = code
        self.why = why


def read_signal(
    value: bytes | None, headers: Headers, *, came_at: datetime, place: str
) -> ReceiveSignal | RefuseSignal:
    """What to do about a record; `place` names it where its sender did not, `came_at` is its time where it has none."""
    told: dict[str, Any] = {}
    try:
        _read(told, value, headers)
        return _signal(told, came_at)
    except Unusable as refusal:
        source, external_id = _line(told.get("source")) or UNNAMED, _line(told.get("id")) or place
        return RefuseSignal(source=source, external_id=external_id, code=refusal.code, why=refusal.why[:200])


def _read(told: dict[str, Any], value: bytes | None, headers: Headers) -> None:
    """Gather the attributes and `data` in `told`, as far as they can be read. Raises Unusable."""
    if sum(len(name) + len(text or b"") for name, text in headers) > MAX_HEADER_BYTES:
        raise Unusable("TOO_LARGE", f"all headers together may have {MAX_HEADER_BYTES} bytes")
    texts = {name.lower(): text for name, text in headers if text is not None}
    content_type = _text(texts, "content-type").split(";", 1)[0].strip().lower()
    for name in ATTRIBUTES if content_type != STRUCTURED else ():
        if f"ce_{name}" in texts:
            told[name] = _text(texts, f"ce_{name}")
    if not value:
        raise Unusable("MALFORMED", "the record has no value")
    if len(value) > MAX_VALUE_BYTES:
        raise Unusable("TOO_LARGE", f"the value may have {MAX_VALUE_BYTES} bytes")
    try:
        body = check_json(value)
    except Problem as problem:
        raise Unusable(problem.code, problem.detail) from problem
    if not isinstance(body, dict):
        raise Unusable("MALFORMED", "the value is no JSON object")
    if content_type == STRUCTURED:
        told |= {name: body[name] for name in ATTRIBUTES if body.get(name) is not None}
        told["data"] = body.get("data")
    else:
        told |= {"datacontenttype": content_type or "application/json", "data": body}


def _signal(told: Mapping[str, Any], came_at: datetime) -> ReceiveSignal:
    if told.get("specversion") != "1.0":
        raise Unusable("VALIDATION", "specversion: must be 1.0")
    kind = told.get("datacontenttype", "application/json")
    if kind != "application/json" and not str(kind).endswith("+json"):
        raise Unusable("VALIDATION", "datacontenttype: must be JSON")
    try:
        return ReceiveSignal.model_validate(
            {
                "source": told.get("source"),
                "external_id": told.get("id"),
                "kind": told.get("type"),
                "subject": told.get("subject"),
                "payload": told.get("data"),
                "happened_at": told.get("time", came_at),
            }
        )
    except ValidationError as error:
        wrong = error.errors(include_input=False, include_url=False, include_context=False)[0]
        field = str(wrong["loc"][0])
        raise Unusable("VALIDATION", f"{WRITTEN.get(field, field)}: {wrong['msg']}") from error


def _text(texts: Mapping[str, bytes], name: str) -> str:
    try:
        return texts.get(name, b"").decode()
    except UnicodeDecodeError as error:
        raise Unusable("MALFORMED", f"header {name}: not UTF-8") from error


def _line(value: Any) -> str | None:
    try:
        return LINE.validate_python(value, strict=True)
    except ValidationError:
        return None
