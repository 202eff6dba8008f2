"""A tenant whose people use the product; every answer is kept with the operation that gave it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpx2

from dev.clients import Clients
from dev.stack import Stack
from dev.timeline import Timeline
from tests.integration.organisations import HE

ROLES = ("rep", "manager", "director", "process-owner", "integration", "operator", "auditor")
EVERYTHING = "somebody-with-all-roles"
SUCCESSFUL = range(200, 300)


class Operation(NamedTuple):
    """An operation of a service's API document."""

    service: str
    method: str
    path: str
    described: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Its operationId, with the service, since two services may use the same."""
        return f"{self.service} {self.described['operationId']}"


class Answer(NamedTuple):
    """What an operation has answered."""

    operation: Operation
    status: int
    media_type: str
    content: Any


@dataclass(slots=True)
class Firm:
    """The tenant: `ids` names something of every kind by the name that paths and queries give it."""

    stack: Stack
    clients: Clients
    timeline: Timeline
    documents: Mapping[str, Mapping[str, Any]]
    ids: dict[str, str] = field(default_factory=dict)
    answers: list[Answer] = field(default_factory=list)

    def operations(self) -> Iterator[Operation]:
        """Every operation of the five documents."""
        for service, document in self.documents.items():
            for path, methods in document["paths"].items():
                for method, described in methods.items():
                    yield Operation(service, method.upper(), path, described)

    def operation_of(self, method: str, url: str) -> Operation | None:
        """The operation that a URL leads to; names win over parameters."""
        port, path = urlsplit(url).port, urlsplit(url).path
        found = [
            one
            for one in self.operations()
            if one.method == method
            and urlsplit(self.stack.url(one.service)).port == port
            and re.fullmatch(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(one.path)), path)
        ]
        return min(found, key=lambda one: one.path.count("{"), default=None)

    def keep(self, response: httpx2.Response) -> None:
        """Note an answer; what goes on for ever is not read."""
        operation = self.operation_of(response.request.method, str(response.request.url))
        if operation is None:
            return
        media_type = response.headers.get("content-type", "").partition(";")[0]
        content: Any = None
        if media_type != "text/event-stream":
            response.read()
            content = response.json() if media_type.endswith("json") else response.text
        self.answers.append(Answer(operation, response.status_code, media_type, content))

    def successful(self) -> set[str]:
        """The names of the operations that have answered with 2xx."""
        return {one.operation.name for one in self.answers if one.status in SUCCESSFUL}

    def found(self, kind: str, answer: Mapping[str, Any]) -> str:
        """Remember the id that a command answered as that of `kind`."""
        self.ids[kind] = str(answer["id"])
        return self.ids[kind]

    def look(self, operation: Operation) -> httpx2.Response:
        """Ask a GET operation with what it needs of `ids`."""
        path, query = self.place(operation)
        if operation.path == "/v1/stream":
            return self._followed(operation.service, path, query)
        return self.clients.ask(EVERYTHING, "GET", operation.service, path, params=query)

    def place(self, operation: Operation) -> tuple[str, dict[str, str]]:
        """The path and query of an operation with `ids` in it."""
        parameters = [
            resolved(self.documents[operation.service], one) for one in operation.described.get("parameters", [])
        ]
        wanted = {one["name"]: one["in"] for one in parameters if one.get("required")}
        given = {name: self.id_for(operation, name) for name, place in wanted.items() if place in {"path", "query"}}
        path = re.sub(r"\{(\w+)\}", lambda match: given[match[1]], operation.path)
        return path, {name: given[name] for name, place in wanted.items() if place == "query"}

    def id_for(self, operation: Operation, name: str) -> str:
        """What a parameter may be; the same name may stand for other things under another path or service."""
        about = [f"{part} {name}" for part in (*operation.path.split("/"), operation.service)]
        found = next((self.ids[one] for one in (*about, name) if one in self.ids), None)
        assert found is not None, f"{operation.name}: the stories make nothing that is called {name}"
        return found

    def _followed(self, service: str, path: str, query: Mapping[str, str]) -> httpx2.Response:
        """The stream of changes, up to its first line."""
        headers = {"Authorization": f"Bearer {self.clients.token(EVERYTHING)}"}
        url = f"{self.stack.url(service)}{path}"
        with self.clients.http.stream("GET", url, params=query, headers=headers) as response:
            assert next(response.iter_lines())
            return response


def resolved(document: Mapping[str, Any], one: Mapping[str, Any]) -> Mapping[str, Any]:
    """A part of a document, or the component that it refers to."""
    while "$ref" in one:
        found: Any = document
        for name in one["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        one = found
    return one


def tell_of_rules(firm: Firm, service: str, path: str) -> None:
    """The life of a rule: drafted, checked, replayed, approved, published, and everything that follows."""
    clients, rule = firm.clients, f"own-{path}"
    shipped = clients.get(HE, service, f"/v1/{path}")["items"][0]["rule_id"]
    document = clients.get(HE, service, f"/v1/{path}/{shipped}")["document"]
    draft = {"rule_id": rule, "name": "自有规则", "document": document}
    clients.post(HE, service, f"/v1/{path}", draft)
    for verb, person, body in (
        ("lint", HE, None),
        ("simulate", HE, {"days": 7}),
        ("approve", clients.admin, None),
        ("publish", HE, None),
        ("suspend", HE, {"reason": "季度复盘"}),
        ("resume", HE, None),
    ):
        clients.post(person, service, f"/v1/{path}/{rule}/{verb}", body)
    clients.post(HE, service, f"/v1/{path}", {**draft, "name": "自有规则二"})
    clients.post(clients.admin, service, f"/v1/{path}/{rule}/approve")
    clients.post(HE, service, f"/v1/{path}/{rule}/publish", {"override": "客户当天签约"})
    clients.post(HE, service, f"/v1/{path}/{rule}/rollback", {"version": 1, "reason": "效果不好"})
    clients.post(HE, service, f"/v1/{path}/{rule}/retire", {"reason": "不再需要"})
    clients.post(HE, service, f"/v1/{path}", {**draft, "rule_id": f"draft-{path}"})
    firm.ids[f"{path} rule_id"] = f"draft-{path}"
