"""The API document (OpenAPI 3.1) of a service, complete and lintable; `python -m libs.service.openapi write|check`."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections import Counter
from http import HTTPStatus
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.openapi.utils import get_openapi
from fastapi.routing import iter_route_contexts

from libs.events.facts import SERVICES
from libs.service import openapi_components as components
from libs.service.auth import calls_of, roles_of
from libs.service.commands import Accepted, Foreseen, running
from libs.service.problems import MEDIA_TYPE, reference
from libs.service.reading import reader_for
from libs.service.service import Service

FOLDER = Path("docs/openapi")
ALWAYS = (400, 401, 403, 500, 503)
OF_COMMANDS = (409, 412, 413, 415, 422)
_UNUSED = ("HTTPValidationError", "ValidationError")


def describe(app: FastAPI, service: Service) -> None:
    """Let the application answer with its complete document; ValueError if two operations have one name."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app, service)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def _document(app: FastAPI, service: Service) -> dict[str, Any]:
    document = get_openapi(
        title=f"Salesloom {service.title}",
        version=app.version,
        openapi_version="3.1.0",
        description=_about(service),
        routes=app.routes,
        servers=[{"url": "/", "description": "This service"}],
    )
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for model in (Accepted, Foreseen):
        own = model.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas.update(own.pop("$defs", {}))
        schemas[model.__name__] = own
    schemas["Problem"] = components.PROBLEM
    document["components"]["securitySchemes"] = {"bearer": components.BEARER}
    for route in iter_route_contexts(app.routes):
        for method in sorted(route.methods or ()):
            operation = document["paths"].get(route.path, {}).get(method.lower())
            if operation is not None:
                _complete(operation, route.dependant, route.status_code or HTTPStatus.OK)
    for unused in _UNUSED:
        if json.dumps(document).count(f'"#/components/schemas/{unused}"') == (unused == "ValidationError"):
            schemas.pop(unused, None)
    document["components"]["schemas"] = dict(sorted(schemas.items()))
    operations = [one for path in document["paths"].values() for one in path.values()]
    document["tags"] = [{"name": tag} for tag in sorted({tag for one in operations for tag in one.get("tags", [])})]
    twice = [name for name, count in Counter(one["operationId"] for one in operations).items() if count > 1]
    if twice:
        raise ValueError(f"operations with one name: {', '.join(twice)}")
    return document


def _complete(operation: dict[str, Any], dependant: Dependant, status: int) -> None:
    """Add to one operation what the framework does not know."""
    calls = list(calls_of(dependant))
    parameters = {(one["in"], one["name"].lower()): one for one in operation.get("parameters", [])}
    responses: dict[str, Any] = operation["responses"]
    roles = roles_of(dependant)
    operation["security"] = [{"bearer": []}] if roles else []
    if roles:
        operation["x-roles"] = sorted(roles)
    shared = components.RUNNING if running in calls else components.READING if reader_for in calls else []
    for one in shared:
        parameters.setdefault((one["in"], one["name"].lower()), one)
    for one in parameters.values():
        if one["in"] == "path" and "description" not in one:
            one["description"] = f"The {one['name'].removesuffix('_id').replace('_', ' ')}"
    if parameters:
        operation["parameters"] = list(parameters.values())
    if running in calls:
        _command_answers(responses, str(int(status)))
    elif "200" in responses:
        _view_answers(responses)
    refusals = [*(ALWAYS if roles else (500,)), *(OF_COMMANDS if running in calls else ())]
    if "422" in responses or any(place in {"query", "path"} for place, _ in parameters):
        refusals.append(422)
    for refusal in refusals:
        if MEDIA_TYPE not in responses.get(str(refusal), {}).get("content", {}):
            responses[str(refusal)] = reference(refusal)
    operation["responses"] = dict(sorted(responses.items()))


def _command_answers(responses: dict[str, Any], status: str) -> None:
    """The answer of a command, and of its dry run."""
    accepted = {"$ref": "#/components/schemas/Accepted"}
    foreseen = {"$ref": "#/components/schemas/Foreseen"}
    done = responses.setdefault(status, {"description": HTTPStatus(int(status)).phrase})
    done["headers"] = components.ACCEPTED_HEADERS
    done["content"] = {"application/json": {"schema": accepted}}
    if status == "200":
        done["content"] = {"application/json": {"schema": {"anyOf": [accepted, foreseen]}}}
    else:
        responses["200"] = {
            "description": "What would happen (`dry_run=true`)",
            "content": {"application/json": {"schema": foreseen}},
        }


def _view_answers(responses: dict[str, Any]) -> None:
    schema = responses["200"].get("content", {}).get("application/json", {}).get("schema", {})
    if not str(schema.get("$ref", "")).split("/")[-1].startswith("Page_"):
        responses["200"].setdefault("headers", components.VIEW_HEADERS)


def _about(service: Service) -> str:
    return (
        f"{service.title}. Commands are POSTs with an `Idempotency-Key`; reads take the `Consistency-Token` that "
        "commands answer, of this and the other services; refusals are problem documents. Facts it receives: "
        f"{', '.join(service.listens) or 'its own only'}."
    )


def service_named(name: str) -> Service | None:
    """The declaration of a service; None while it does not exist."""
    module = f"services.{name.replace('-', '_')}.service"
    try:
        if importlib.util.find_spec(module) is None:
            return None
    except ModuleNotFoundError:
        return None
    found: Service = importlib.import_module(module).SERVICE
    return found


def exported(service: Service) -> str:
    """The document as it is committed."""
    from libs.service.app import create_app

    return json.dumps(create_app(service).openapi(), indent=2, ensure_ascii=False) + "\n"


def main(arguments: list[str]) -> int:
    """Write the documents of all services, or check that the committed ones are fresh."""
    if arguments not in (["write"], ["check"]):
        print("usage: python -m libs.service.openapi write|check", file=sys.stderr)
        return 2
    stale = []
    for name in SERVICES:
        path = FOLDER / f"{name}.json"
        service = service_named(name)
        if service is None:
            print(f"openapi: {name} does not exist yet")
            continue
        text = exported(service)
        if arguments == ["write"]:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            stale.append(str(path))
    if stale:
        print(f"openapi: not fresh: {', '.join(stale)}; run python -m libs.service.openapi write", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
