"""Whether a type still means what its committed schema says: within a version only optional fields are added."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from libs.events.contracts.documents.schemas import Schema, resolve

MARKS = {"x-owner": "owner", "x-stream": "stream template", "x-partners": "mark for partners"}
LIMITS = (
    *("type", "format", "pattern", "default", "minLength", "maxLength", "minimum", "maximum", "exclusiveMinimum"),
    *("exclusiveMaximum", "multipleOf", "minItems", "maxItems", "uniqueItems", "minProperties", "maxProperties"),
)


def broken_promises(committed: Mapping[str, Schema], current: Mapping[str, Schema]) -> list[str]:
    """What of the committed schemas no longer holds, a sentence each; new types and new optional fields are fine."""
    found: list[str] = []
    for wire, old in committed.items():
        if wire not in current:
            found.append(f"{wire} is gone. Its facts are in the log for ever: keep the class and its upcaster.")
            continue
        changes = [*_marks(old, current[wire]), *_changes((old, old), (current[wire], current[wire]), "")]
        found += [f"{wire}: {change}. {_advice(wire)}" for change in changes]
    return found


def _advice(wire: str) -> str:
    name, _, version = wire.rpartition(".v")
    return f"Declare {name}.v{int(version) + 1} with an upcaster from {wire}, and leave {wire} as it was."


def _marks(old: Schema, new: Schema) -> Iterator[str]:
    for key, meaning in MARKS.items():
        if old.get(key) != new.get(key):
            yield f"its {meaning} was {_said(old.get(key))} and is {_said(new.get(key))}"


def _changes(old_at: tuple[Schema, Schema], new_at: tuple[Schema, Schema], path: str) -> Iterator[str]:
    """Differences of two schemas, each with the document it is in; `path` is the field they describe, "" for all."""
    (old_document, old), (new_document, new) = old_at, new_at
    old, new = resolve(old_document, old), resolve(new_document, new)
    yield from _values(old, new, path)
    yield from _fields((old_document, old), (new_document, new), path)
    for key, suffix in (("items", "[]"), ("additionalProperties", ".*")):
        before, after = old.get(key), new.get(key)
        if isinstance(before, dict) and isinstance(after, dict):
            yield from _changes((old_document, before), (new_document, after), path + suffix)
        elif before != after:
            yield f"{_field(path + suffix)} was {_said(before)} and is {_said(after)}"
    before, after = old.get("anyOf", []), new.get("anyOf", [])
    if len(before) == len(after):
        for one, other in zip(before, after, strict=True):
            yield from _changes((old_document, one), (new_document, other), path)
    else:
        yield f"{_field(path)} was {_kinds(old_document, old)} and is {_kinds(new_document, new)}"


def _values(old: Schema, new: Schema, path: str) -> Iterator[str]:
    """Changed types, limits, defaults and enumerated values; told one by one."""
    if ("anyOf" not in old and "anyOf" not in new) or ("anyOf" in old and "anyOf" in new):
        for key in LIMITS:
            if old.get(key) != new.get(key) or (key in old) != (key in new):
                yield f"the {key} of {_field(path)} was {_given(old, key)} and is {_given(new, key)}"
    before, after = _enumerated(old), _enumerated(new)
    if before is None or after is None:
        if before != after:
            yield f"{_field(path)} took {_listed(before)} and takes {_listed(after)}"
        return
    if lost := before - after:
        yield f"{_field(path)} no longer takes {_listed(lost)}"
    if gained := after - before:
        yield f"{_field(path)} also takes {_listed(gained)}, which readers of today refuse"


def _fields(old_at: tuple[Schema, Schema], new_at: tuple[Schema, Schema], path: str) -> Iterator[str]:
    (old_document, old), (new_document, new) = old_at, new_at
    before, after = old.get("properties", {}), new.get("properties", {})
    needed_before, needed_after = set(old.get("required", ())), set(new.get("required", ()))
    for name, part in before.items():
        here = f"{path}.{name}" if path else name
        if name not in after:
            yield f"{_field(here)} was removed"
            continue
        if name in needed_after - needed_before:
            yield f"{_field(here)} was optional and is required now, but stored facts lack it"
        if name in needed_before - needed_after:
            yield f"{_field(here)} was required and is optional now, but readers of today rely on it"
        yield from _changes((old_document, part), (new_document, after[name]), here)
    for name in after.keys() - before.keys():
        if name in needed_after:
            yield f"{_field(f'{path}.{name}' if path else name)} is new and required, but stored facts lack it"


def _enumerated(schema: Schema) -> set[str] | None:
    values = [schema["const"]] if "const" in schema else schema.get("enum")
    return None if values is None else {json.dumps(value) for value in values}


def _listed(values: set[str] | None) -> str:
    return "any value" if values is None else ", ".join(sorted(values))


def _kinds(document: Schema, schema: Schema) -> str:
    options = [resolve(document, option) for option in schema.get("anyOf", [schema])]
    return " or ".join(str(option.get("type", "anything")) for option in options)


def _given(schema: Schema, key: str) -> str:
    return json.dumps(schema[key], ensure_ascii=False) if key in schema else "not given"


def _said(value: Any) -> str:
    return "none" if value is None else json.dumps(value, ensure_ascii=False)


def _field(path: str) -> str:
    return f"field `{path}`" if path else "the value"
