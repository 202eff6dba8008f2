"""The JSON Schema of each fact type, as readers need it: unknown fields are allowed."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from libs.events.contracts.documents.catalog import fact_types
from libs.events.facts import Fact

DIALECT = "https://json-schema.org/draft/2020-12/schema"
Schema = dict[str, Any]


@cache
def schema_documents() -> dict[str, Schema]:
    """The schema of every type by wire name; every service answers `/schemas/<wire>.json` with it."""
    return {wire: schema_of(model) for wire, model in fact_types().items()}


def schema_of(model: type[Fact]) -> Schema:
    """The schema (2020-12) of a type's payload as it is written; `x-` members say what the type declares besides.

    `x-owner` is None where each service writes facts of the type on streams of its own; `x-stream` is the template of
    the stream without its owner; `x-sealed` are the paths of sealed fields, `[]` for each item of a list.
    """
    generated = model.model_json_schema(mode="serialization")
    definitions = {name: _plain(generated["$defs"][name]) for name in sorted(generated.get("$defs", {}))}
    body = _plain(generated)
    return {
        "$schema": DIALECT,
        "title": generated["title"],
        "description": generated["description"],
        "type": "object",
        "x-type": model.wire,
        "x-owner": model.owner,
        "x-stream": model.template,
        "x-partners": model.partners,
        "x-sealed": sorted(_sealed(generated, generated, "")),
        "properties": body.get("properties", {}),
        "required": body.get("required", []),
        **({"$defs": definitions} if definitions else {}),
    }


def resolve(document: Schema, schema: Schema) -> Schema:
    """The schema itself, or the definition of `document` that it refers to."""
    reference = schema.get("$ref")
    return schema if reference is None else document["$defs"][reference.removeprefix("#/$defs/")]


def _plain(schema: Schema) -> Schema:
    """A value's schema without titles that only repeat a field's name, and without null, which is never written."""
    fields = {name: _plain_field(part) for name, part in schema.get("properties", {}).items()}
    return schema | {"properties": fields} if fields else schema


def _plain_field(schema: Schema) -> Schema:
    kept = {key: value for key, value in schema.items() if key != "title"}
    options = [option for option in kept.get("anyOf", ()) if option != {"type": "null"}]
    if len(options) == 1 and kept.get("default", ...) is None:
        return {**options[0], **{key: value for key, value in kept.items() if key not in {"anyOf", "default"}}}
    return kept


def _sealed(document: Schema, schema: Schema, path: str) -> Iterator[str]:
    schema = resolve(document, schema)
    if schema.get("title") == "Sealed":
        yield path
        return
    for name, part in schema.get("properties", {}).items():
        yield from _sealed(document, part, f"{path}.{name}" if path else name)
    for option in schema.get("anyOf", ()):
        yield from _sealed(document, option, path)
    for key, suffix in (("items", "[]"), ("additionalProperties", ".*")):
        if isinstance(schema.get(key), dict):
            yield from _sealed(document, schema[key], path + suffix)
