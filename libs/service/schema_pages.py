"""`/schemas/<type>.json`: the JSON Schema of every fact type, where `ce_dataschema` points; open to everybody."""

from __future__ import annotations

from typing import Annotated

import orjson
from fastapi import APIRouter, Path
from fastapi.responses import Response

from libs.events.contracts.documents.schemas import schema_documents
from libs.service.problems import PROBLEMS, Problem

KEPT_SECONDS = 3600
"""A type only gains optional fields, so that an hour-old schema is never wrong about what it names."""

router = APIRouter(tags=["schemas"])


class SchemaResponse(Response):
    """A JSON Schema, which any cache may keep for an hour."""

    media_type = "application/schema+json"


@router.get(
    "/schemas/{wire}.json",
    operation_id="showSchema",
    response_class=SchemaResponse,
    responses={**PROBLEMS(404), 200: {"content": {SchemaResponse.media_type: {"schema": {"type": "object"}}}}},
)
async def show_schema(
    wire: Annotated[str, Path(max_length=120, description="The fact type, such as lead-pooled.v1")],
) -> SchemaResponse:
    """The JSON Schema (2020-12) of a fact type's value, whichever service owns the type."""
    document = schema_documents().get(wire)
    if document is None:
        raise Problem("NOT_FOUND", "no fact type has this name")
    return SchemaResponse(orjson.dumps(document), headers={"Cache-Control": f"public, max-age={KEPT_SECONDS}"})
