"""The five services, found by their pages."""

from __future__ import annotations

import importlib

from libs.events.facts import SERVICES
from libs.events.projecting import Projection
from libs.service.service import Service


def all_services() -> list[Service]:
    """Every service, in the order of its port."""
    return [importlib.import_module(f"services.{name.replace('-', '_')}.service").SERVICE for name in SERVICES]


def all_projections() -> list[tuple[str, Projection]]:
    """Every read model of every service, the states of reactions among them, as (service, projection)."""
    found = []
    for service in all_services():
        states = [reaction.state for reaction in service.reactions if reaction.state is not None]
        found += [(service.name, projection) for projection in (*service.projections, *states)]
    return found
