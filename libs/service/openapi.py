"""The API document (OpenAPI 3.1) of a service, complete and lintable; `python -m libs.service.openapi write|check`."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
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
from libs.service.problems import reference
from libs.service.reading import reader_for
from libs.service.service import Service

FOLDER = Path("docs/openapi")
ALWAYS = (431, 500)
GUARDED = (400, 401, 403, 414, 503)
REFUSED_COMMANDS = (409, 412, 413, 415, 422)
FIRST_REFUSAL = 400
ACCEPTED = {"$ref": "#/components/schemas/Accepted"}
UNUSED = ("HTTPValidationError", "ValidationError")


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
        license_info={"name": "Apache License 2.0", "identifier": "Apache-2.0"},
        contact={"name": "Salesloom maintainers"},
        routes=app.routes,
        servers=[{"url": "/", "description": "This service"}],
    )
    for route in iter_route_contexts(app.routes):
        for method in sorted(route.methods or ()):
            operation = document["paths"].get(route.path, {}).get(method.lower())
            if operation is not None:
                _complete(operation, route.dependant, str(route.path), int(route.status_code or HTTPStatus.OK))
    operations = [one for path in document["paths"].values() for one in path.values()]
    twice = [name for name, count in Counter(one["operationId"] for one in operations).items() if count > 1]
    if twice:
        raise ValueError(f"operations with one name: {', '.join(twice)}")
    components_of_all = _shared(document.get("components", {}).get("schemas", {}), operations)
    document["components"] = _used({**document, "components": components_of_all})
    document["tags"] = _tags(app)
    return document


def _shared(schemas: dict[str, Any], operations: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The components: the services' own schemas, and what all documents share as far as it is used."""
    for model in (Accepted, Foreseen):
        own = model.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas.update(own.pop("$defs", {}))
        schemas[model.__name__] = own
    for unused in UNUSED:
        schemas.pop(unused, None)
    statuses = {int(status) for one in operations for status in one["responses"] if int(status) >= FIRST_REFUSAL}
    return {
        "schemas": dict(sorted((schemas | {"Problem": components.PROBLEM}).items())),
        "responses": {components.response_name(status): reference(status) for status in sorted(statuses)},
        "parameters": components.PARAMETERS,
        "headers": components.HEADERS,
        "securitySchemes": {"bearer": components.BEARER},
    }


def _used(document: Mapping[str, Any]) -> dict[str, Any]:
    """The components that an operation leads to, and the security schemes."""
    components: dict[str, dict[str, Any]] = document["components"]
    used, waiting = set[tuple[str, str]](), [document["paths"]]
    while waiting:
        for target in _references(waiting.pop()):
            kind, name = target.split("/")[-2:]
            if (kind, name) not in used:
                used.add((kind, name))
                waiting.append(components[kind][name])
    used |= {("securitySchemes", name) for name in components["securitySchemes"]}
    return {kind: {name: one for name, one in of.items() if (kind, name) in used} for kind, of in components.items()}


def _references(part: Any) -> Iterator[str]:
    """Every `$ref` in a part of the document."""
    for name, one in part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ():
        if name == "$ref":
            yield one
        else:
            yield from _references(one)


def _tags(app: FastAPI) -> list[dict[str, str]]:
    """The tags, each described by the first line of the module that has it."""
    found: dict[str, str] = {}
    for route in iter_route_contexts(app.routes):
        for tag in getattr(route, "tags", None) or ():
            module = sys.modules[route.endpoint.__module__]
            found.setdefault(str(tag), (module.__doc__ or "").strip().partition("\n")[0])
    return [{"name": tag, "description": about} for tag, about in sorted(found.items())]


def _complete(operation: dict[str, Any], dependant: Dependant, path: str, status: int) -> None:
    """Add to one operation what the framework does not know."""
    calls = list(calls_of(dependant))
    runs, roles = running in calls, roles_of(dependant)
    operation["security"] = [{"bearer": []}] if roles else []
    if roles:
        operation["x-roles"] = sorted(roles)
    parameters = [_described(one) for one in operation.get("parameters", [])]
    for name in components.OF_COMMANDS if runs else components.OF_READS if reader_for in calls else ():
        parameters.append({"$ref": f"#/components/parameters/{name}"})
    if parameters:
        operation["parameters"] = parameters
    answers: dict[str, Any] = operation["responses"]
    if runs:
        _command_answers(answers, str(status))
    elif path.endswith("}") and "application/json" in answers.get("200", {}).get("content", {}):
        answers["200"]["headers"] = components.references("headers", "ETag")
    refusals = {int(code) for code in answers if int(code) >= FIRST_REFUSAL} | {*ALWAYS}
    refusals |= {*(GUARDED if roles else ()), *(REFUSED_COMMANDS if runs else ())}
    refusals |= {414, 422} if parameters else set()
    for refusal in refusals:
        answers[str(refusal)] = {"$ref": f"#/components/responses/{components.response_name(refusal)}"}
    operation["responses"] = dict(sorted(answers.items()))


def _described(parameter: dict[str, Any]) -> dict[str, Any]:
    """A parameter without what only the server's own language needs, and with a description."""
    schema = {name: value for name, value in parameter["schema"].items() if name not in {"title", "description"}}
    given = [one for one in schema.get("anyOf", []) if one != {"type": "null"}]
    if len(given) == 1 and "anyOf" in schema:
        schema = {name: value for name, value in schema.items() if name != "anyOf"} | given[0]
        if schema.get("default", ...) is None:
            del schema["default"]
    words = parameter["name"].removesuffix("_id").replace("_", " ")
    about = f"The {words}" if parameter["in"] == "path" else f"Only what has this {words}"
    return {**parameter, "description": parameter.get("description") or about, "schema": schema}


def _command_answers(answers: dict[str, Any], status: str) -> None:
    """The answer of a command, and of its dry run, which is always a 200."""
    foreseen = {"$ref": "#/components/schemas/Foreseen"}
    answers.setdefault(status, {"description": HTTPStatus(int(status)).phrase})
    for code in sorted({status, "200"} & answers.keys()):
        done = answers[code]
        done["headers"] = components.references("headers", *components.ANSWERED)
        known = done.get("content", {}).get("application/json", {}).get("schema") or ACCEPTED
        schema = {"anyOf": [known, foreseen]} if code == "200" else known
        done["content"] = {"application/json": {"schema": schema}}
    content = {"application/json": {"schema": foreseen}}
    answers.setdefault("200", {"description": "What would happen (`dry_run=true`)", "content": content})


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
