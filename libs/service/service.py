"""What a service is: what it serves, projects, reacts to, and what it listens to. One page per service."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter

from libs.events.facts import SERVICES
from libs.events.leases import Role
from libs.events.projecting import Projection
from libs.events.reacting import Reaction
from libs.events.reading import Reader
from libs.events.running import Provider

if TYPE_CHECKING:
    from libs.service.auth import Person
    from libs.service.jobs import Job, Tools

Visible = Callable[[Reader, "Person", Sequence[str]], Awaitable[set[str]]]
"""Which of these ids a person may see, by the rows of the resource's read models."""


@dataclass(frozen=True, slots=True)
class Resource:
    """Something that `/v1/stream` follows: streams `<resource>-<id>`, the read models behind it, and the row check."""

    projections: tuple[Projection, ...]
    visible: Visible


@dataclass(frozen=True, slots=True)
class Service:
    """A service. `listens` are the owners whose facts it receives; `providers` look up what decisions consult.

    `effects` are senders by kind, `jobs` are long works by kind; both are called by the worker. `roles` are further
    works of the worker, each behind a lease of its name.
    """

    name: str
    title: str
    listens: tuple[str, ...] = ()
    routers: tuple[APIRouter, ...] = ()
    projections: tuple[Projection, ...] = ()
    reactions: tuple[Reaction, ...] = ()
    providers: Mapping[type, Provider] = field(default_factory=dict)
    effects: Mapping[str, Any] = field(default_factory=dict)
    resources: Mapping[str, Resource] = field(default_factory=dict)
    jobs: Mapping[str, Job] = field(default_factory=dict)
    roles: Mapping[str, Callable[[Tools], Role]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if unknown := {self.name, *self.listens} - set(SERVICES):
            raise ValueError(f"no such service: {', '.join(sorted(unknown))}")

    @property
    def sources(self) -> frozenset[str]:
        """The owners whose facts are in its log: itself and those it listens to."""
        return frozenset({self.name, *self.listens})
