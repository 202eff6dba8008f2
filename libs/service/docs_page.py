"""`/docs`: the API document as a page to read, made here without scripts or outside assets; open to everybody."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

Document = Mapping[str, Any]
POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
STYLE = """
body{font:15px/1.5 system-ui,"PingFang SC","Microsoft YaHei",sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem;
color:#1c2430;background:#fff}
h1{font-size:1.5rem}h2{font-size:1.1rem;margin:2rem 0 .5rem;border-bottom:1px solid #d8dee6}
details{border:1px solid #d8dee6;border-radius:6px;margin:.4rem 0;padding:.3rem .7rem}summary{cursor:pointer}
code,pre{font:13px/1.45 ui-monospace,Menlo,Consolas,monospace}pre{background:#f4f6f9;padding:.6rem;overflow:auto}
b.get{color:#1d6f42}b.post{color:#8a4b08}table{border-collapse:collapse;margin:.4rem 0}
td,th{text-align:left;vertical-align:top;padding:.15rem .8rem .15rem 0}th{color:#5a6675;font-weight:600}
nav a{margin-right:1rem}.quiet{color:#5a6675}
@media(prefers-color-scheme:dark){body{background:#14181d;color:#dfe5ec}pre{background:#1e242b}a{color:#8ab4f8}
h2,details{border-color:#38414c}b.get{color:#6fc38e}b.post{color:#e0a35b}th,.quiet{color:#9aa7b5}}
"""
router = APIRouter(include_in_schema=False)


@router.get("/docs", response_class=HTMLResponse)
async def show_docs(request: Request) -> HTMLResponse:
    """What this service answers to, by tag."""
    return HTMLResponse(page(request.app.openapi()), headers={"Content-Security-Policy": POLICY})


def page(document: Document) -> str:
    """An OpenAPI document as HTML."""
    title = escape(document["info"]["title"])
    tags = [tag["name"] for tag in document["tags"]]
    links = "".join(f'<a href="#{escape(tag)}">{escape(tag)}</a>' for tag in tags)
    sections = "\n".join(_section(document, tag) for tag in tags)
    shared = _table(
        (one["name"], "", one.get("description", "")) for one in document["components"]["parameters"].values()
    )
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width,initial-scale=1"><style>{STYLE}</style>'
        f"<h1>{title}</h1><p>{escape(document['info']['description'])}</p>"
        '<p><a href="/openapi.json">OpenAPI 3.1</a> · <a href="/problems">what every error code means</a></p>'
        f"<nav>{links}</nav>{sections}<h2>Headers and parameters that many operations share</h2>{shared}</html>\n"
    )


def _section(document: Document, tag: str) -> str:
    found = [
        _operation(document, method, path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if tag in operation.get("tags", [])
    ]
    return f'<h2 id="{escape(tag)}">{escape(tag)}</h2>{"".join(found)}'


def _operation(document: Document, method: str, path: str, operation: Document) -> str:
    own = [one for one in operation.get("parameters", []) if "name" in one]
    rows = ((f"{one['name']} ({one['in']})", _type(one.get("schema", {})), one.get("description", "")) for one in own)
    parts = [
        f"<p>{escape(operation.get('description', ''))}</p>",
        f'<p class="quiet">for {escape(", ".join(operation.get("x-roles", ["everybody"])))}</p>',
        f"<h4>Parameters</h4>{_table(rows)}" if own else "",
        _body(document, operation),
        _answers(document, operation),
    ]
    name = escape(operation["operationId"])
    head = f'<b class="{method}">{method.upper()}</b> <code>{escape(path)}</code> <span class="quiet">{name}</span>'
    return f'<details id="{name}"><summary>{head}</summary>{"".join(parts)}</details>'


def _body(document: Document, operation: Document) -> str:
    content = operation.get("requestBody", {}).get("content", {})
    return "".join(
        f"<h4>Body <code>{escape(kind)}</code></h4>{_fields(document, one['schema'])}" for kind, one in content.items()
    )


def _answers(document: Document, operation: Document) -> str:
    parts = []
    for status, answer in operation["responses"].items():
        if "$ref" in answer:
            continue
        for one in answer.get("content", {}).values():
            about = f"{escape(status)} <span class=quiet>{escape(answer.get('description', ''))}</span>"
            parts.append(f"<h4>Answer {about}</h4>{_fields(document, one.get('schema', {}))}")
    refused = ", ".join(status for status, answer in operation["responses"].items() if "$ref" in answer)
    return "".join(parts) + (f'<p class="quiet">refusals: {escape(refused)}</p>' if refused else "")


def _fields(document: Document, schema: Document) -> str:
    """What is in an object, with its example."""
    found = _resolved(document, schema)
    required = set(found.get("required", ()))
    rows = (
        (f"{name}{'' if name in required else '?'}", _type(field), field.get("description", ""))
        for name, field in found.get("properties", {}).items()
    )
    about = f"<p>{escape(found['description'])}</p>" if found.get("description") else ""
    example = next(iter(found.get("examples", ())), None)
    shown = f"<pre>{escape(json.dumps(example, ensure_ascii=False, indent=2))}</pre>" if example is not None else ""
    return f"{about}{_table(rows) if found.get('properties') else f'<code>{escape(_type(schema))}</code>'}{shown}"


def _resolved(document: Document, schema: Document) -> Document:
    if "$ref" not in schema:
        return schema
    found: Document = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]]
    return found


def _type(schema: Document) -> str:
    """A schema in a few words."""
    if "$ref" in schema:
        return str(schema["$ref"].rsplit("/", 1)[-1])
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    if "const" in schema:
        return str(schema["const"])
    if alternatives := schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf"):
        return " | ".join(dict.fromkeys(_type(one) for one in alternatives))
    kind = schema.get("format") or schema.get("type") or "any"
    if kind == "array":
        return f"{_type(schema.get('items', {}))}[]"
    return " | ".join(kind) if isinstance(kind, list) else str(kind)


def _table(rows: Iterator[tuple[str, str, str]]) -> str:
    cells = "".join(
        f"<tr><td><code>{escape(name)}</code></td><td>{escape(kind)}</td><td>{escape(about)}</td></tr>"
        for name, kind, about in rows
    )
    return f"<table>{cells}</table>"
