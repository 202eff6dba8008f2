"""The documents under docs/events: what they must say, and what is wrong with the committed ones."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from libs.events.contracts.documents.asyncapi import asyncapi
from libs.events.contracts.documents.catalog import Payload, example_payloads, fact_types
from libs.events.contracts.documents.compatibility import broken_promises
from libs.events.contracts.documents.schemas import Schema, schema_documents
from libs.events.envelope import ENVELOPE, Header
from libs.events.errors import UnreadableFact
from libs.events.facts import REGISTRY

FOLDER = Path("docs/events")


def documents(folder: Path) -> dict[Path, str]:
    """The text of every generated document by its path; examples in `folder` are kept, new ones come after them."""
    schemas, examples = schema_documents(), collected_examples(folder)
    return {
        **{folder / "schemas" / f"{wire}.json": _json(schema) for wire, schema in schemas.items()},
        **{folder / "examples" / f"{wire}.json": _json(payloads) for wire, payloads in examples.items()},
        folder / "asyncapi.json": _json(asyncapi(examples)),
        folder / "envelope.md": envelope_page(),
    }


def collected_examples(folder: Path) -> dict[str, list[Payload]]:
    """The example payloads in `folder`, each followed by what the example modules tell besides."""
    kept: dict[str, list[Payload]] = _committed(folder / "examples")
    for wire, told in example_payloads().items():
        known = kept.setdefault(wire, [])
        known += [payload for payload in told if payload not in known]
    return dict(sorted(kept.items()))


def problems(folder: Path) -> list[str]:
    """Why the contracts may not be published as they are, a sentence each; freshness is not looked at."""
    committed: dict[str, Schema] = _committed(folder / "schemas")
    return [*broken_promises(committed, schema_documents()), *unreadable_examples(collected_examples(folder))]


def stale(folder: Path) -> dict[Path, str]:
    """The documents that are missing or do not say what the contracts say, with what they must say."""
    return {
        path: text
        for path, text in documents(folder).items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    }


def without_example(folder: Path) -> list[str]:
    """Types of which no example is told or kept."""
    return sorted(fact_types().keys() - collected_examples(folder).keys())


def unreadable_examples(examples: Mapping[str, list[Payload]]) -> list[str]:
    """Examples that today's code cannot read, through upcasters, or that do not fit their own schema."""
    schemas, found = schema_documents(), list[str]()
    for wire, payloads in examples.items():
        for number, payload in enumerate(payloads, 1):
            here = f"example {number} of {wire}"
            try:
                if REGISTRY.read(wire, payload) is None:
                    found.append(f"{here} is of a type that nobody knows any more")
            except UnreadableFact as error:
                found.append(f"{here} cannot be read any more: {error}")
            if wire in schemas:
                errors = Draft202012Validator(schemas[wire]).iter_errors(payload)
                found += [f"{here} does not fit its schema at {error.json_path}: {error.message}" for error in errors]
    return found


def envelope_page() -> str:
    """The table of the envelope in Markdown."""
    rows = [
        (
            "`tenant`, `stream`",
            "the record's key",
            r"`<tenant>\|<stream>`; a stream is on one partition.",
        ),
        ("`data`", "the record's value", "What happened, as JSON; `schemas/<type>.json` says how."),
        *((f"`{one.field}`" if one.field else "", f"`{one.name}`", _meaning(one)) for one in ENVELOPE),
    ]
    table = "\n".join(f"| {field} | {place} | {meaning} |" for field, place, meaning in rows)
    return (
        "# The envelope of a fact\n\n"
        "Made by `make contracts` from `libs/events/envelope.py`. The log keeps a fact as a row of `log.events`;"
        " Kafka carries it as a CloudEvent 1.0 in binary mode. Header values are UTF-8 text without any escaping;"
        " times are RFC 3339 in UTC.\n\n"
        f"| in the log | on Kafka | meaning |\n|---|---|---|\n{table}\n"
    )


def _meaning(one: Header) -> str:
    form = {"uuid": " A UUID.", "json": " JSON."}.get(one.form, "")
    return f"{one.meaning}{form}{'' if one.always else ' Only where there is one.'}"


def _committed(folder: Path) -> dict[str, Any]:
    return {
        path.name.removesuffix(".json"): json.loads(path.read_text(encoding="utf-8"))
        for path in sorted(folder.glob("*.json"))
    }


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
