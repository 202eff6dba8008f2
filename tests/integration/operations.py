"""The operations of the running services, by their OpenAPI documents, and the least that each of them takes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dev.clients import Clients

WORDS = ("a1", "ab_c", "A01", "2026-03", "2026-W10", "CNY", "0" * 18)
FORMATS = {
    "date-time": "2026-03-09T09:00:00+08:00",
    "date": "2026-03-09",
    "uuid": "0" * 8 + "-0000" * 3 + "-" + "0" * 12,
}
NUMBERS = {"number", "integer"}


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation: its path with names for ids, the query it needs, and its body as `ask` takes it."""

    service: str
    method: str
    path: str
    names: tuple[str, ...]
    query: Mapping[str, str]
    body: Mapping[str, Any]

    def place(self, ids: Mapping[str, str]) -> str:
        """Its path and query with these ids."""
        path = re.sub(r"\{(\w+)\}", lambda name: ids[name[1]], self.path)
        return f"{path}?{'&'.join(f'{name}={text}' for name, text in self.query.items())}" if self.query else path


def operations(clients: Clients) -> Iterator[Operation]:
    """Every operation under /v1 of all services, but for streams that never end."""
    for service in clients.stack.members:
        document = clients.http.get(f"{clients.stack.url(service)}/openapi.json").json()
        for path, methods in document["paths"].items():
            if not path.startswith("/v1/") or path == "/v1/stream":
                continue
            for method, described in methods.items():
                parameters = [_resolved(one, document) for one in described.get("parameters", ())]
                names = tuple(one["name"] for one in parameters if one["in"] == "path")
                query = {
                    one["name"]: str(least(one["schema"], document))
                    for one in parameters
                    if one["in"] == "query" and one.get("required")
                }
                yield Operation(service, method.upper(), path, names, query, _body(described, document))


def _body(described: Mapping[str, Any], document: Mapping[str, Any]) -> Mapping[str, Any]:
    content = described.get("requestBody", {}).get("content", {})
    if "application/json" in content:
        return {"body": least(content["application/json"]["schema"], document)}
    if "multipart/form-data" in content:
        form = _resolved(content["multipart/form-data"]["schema"], document)
        wanted = {name: _resolved(form["properties"][name], document) for name in form["required"]}
        texts = {name: least(one, document) for name, one in wanted.items() if not _is_file(one)}
        return {"data": texts, "files": dict.fromkeys(wanted.keys() - texts.keys(), ("a.txt", b"{}"))}
    return {}


def _is_file(schema: Mapping[str, Any]) -> bool:
    part = schema.get("items", schema)
    return "contentMediaType" in part or part.get("format") == "binary"


def least(schema: Mapping[str, Any], document: Mapping[str, Any]) -> Any:
    """A value that a schema allows: its first example, or what it requires and nothing more."""
    schema = _resolved(schema, document)
    for known in ("const", "default"):
        if schema.get(known) is not None:
            return schema[known]
    for several in ("examples", "enum"):
        if several in schema:
            return schema[several][0]
    for several in ("anyOf", "oneOf", "allOf"):
        if several in schema:
            return least(schema[several][0], document)
    kind = schema.get("type", "object")
    if kind == "object":
        return {name: least(schema["properties"][name], document) for name in schema.get("required", ())}
    if kind == "array":
        return [least(schema["items"], document) for _ in range(schema.get("minItems", 0))]
    if kind in NUMBERS:
        return schema.get("minimum", schema.get("exclusiveMinimum", 0) + 1)
    return True if kind == "boolean" else _text(schema)


def _text(schema: Mapping[str, Any]) -> str:
    if "format" in schema:
        return FORMATS[schema["format"]]
    fitting = (word for word in WORDS if re.search(schema.get("pattern", ""), word))
    return next(word for word in fitting if len(word) <= schema.get("maxLength", 80))


def _resolved(schema: Mapping[str, Any], document: Mapping[str, Any]) -> Mapping[str, Any]:
    while "$ref" in schema:
        found: Any = document
        for part in schema["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        schema = found
    return schema
