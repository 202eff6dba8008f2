"""The application of a service: its routes under `/v1`, every error a problem document, every request measured."""

from __future__ import annotations

import time
from collections.abc import Mapping

from fastapi import FastAPI, Request
from fastapi.routing import APIRoute
from prometheus_client import Histogram
from starlette.datastructures import MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from libs.events.running import Provider
from libs.rules.calendars import Calendars
from libs.rules.documents import RuleBook
from libs.rules.reference import calendars_provider, rulebook_provider
from libs.service import docs_page, openapi, problem_pages, schema_pages, streaming, telemetry
from libs.service.admission import Admission
from libs.service.auth import unguarded
from libs.service.equipment import Equipment
from libs.service.limits import Limits, uploads_of
from libs.service.organisation import Reach, reach_provider
from libs.service.refusals import broken, install, route_of
from libs.service.sealing import Sealer, sealer_provider
from libs.service.service import Service

EXPOSED_HEADERS = (
    "Consistency-Token", "ETag", "Idempotency-Replayed", "Location", "Retry-After", "Content-Language",
    "WWW-Authenticate",
)  # fmt: skip
ALLOWED_HEADERS = (
    "Authorization", "Content-Type", "Accept-Language", "Idempotency-Key", "If-Match", "If-None-Match", "Prefer",
    "Consistency-Token", "Channel", "Occurred-At", "Occurred-Reason", "Last-Event-ID", "traceparent",
)  # fmt: skip
REQUEST_SECONDS = Histogram(
    "salesloom_http_request_seconds",
    "Seconds of a request until its answer is sent, by route",
    ("method", "route", "status"),
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)


def create_app(service: Service, equipment: Equipment | None = None) -> FastAPI:
    """The application of a service. Without `equipment` it describes itself (OpenAPI) but serves nothing.

    Raises ValueError if a route has no guard, or two operations have one name.
    """
    app = FastAPI(
        title=service.title,
        version="1",
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        generate_unique_id_function=_operation_id,
        telemetry=telemetry.of_the_framework(),
        redirect_slashes=False,
    )
    app.state.equipment = equipment
    for router in service.routers:
        app.include_router(router, prefix="/v1")
    if service.resources:
        app.include_router(streaming.router, prefix="/v1")
    app.include_router(problem_pages.router)
    app.include_router(docs_page.router)
    app.include_router(schema_pages.router)
    install(app)
    app.add_middleware(Limits, uploads=uploads_of(app))
    if equipment is not None:
        settings = equipment.settings
        app.add_middleware(Admission, commands=settings.commands_at_once, queries=settings.queries_at_once)
    app.add_middleware(Boundary)
    if equipment is not None and equipment.settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(equipment.settings.cors_origins),
            allow_methods=["GET", "POST"],
            allow_headers=list(ALLOWED_HEADERS),
            expose_headers=list(EXPOSED_HEADERS),
            max_age=600,
        )
    if open_routes := unguarded(app):
        raise ValueError(f"routes without a guard: {', '.join(open_routes)}")
    openapi.describe(app, service)
    return app


def providers_of(service: Service) -> Mapping[type, Provider]:
    """What decisions of a service may consult: what every service knows, and its own."""
    return {
        Calendars: calendars_provider,
        RuleBook: rulebook_provider,
        Reach: reach_provider,
        Sealer: sealer_provider,
        **service.providers,
    }


class Boundary:
    """Measures every request and answers what nobody foresaw; an error after the answer has begun cuts it off."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun, status = time.perf_counter(), 0

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers.setdefault("X-Content-Type-Options", "nosniff")
                headers.setdefault("Cache-Control", "private, no-cache")
            await send(message)

        try:
            await self.app(scope, receive, sending)
        except Exception as error:
            answer = broken(Request(scope), error)
            if status:
                raise
            await answer(scope, receive, sending)
        finally:
            REQUEST_SECONDS.labels(scope["method"], route_of(scope) or "none", status).observe(
                time.perf_counter() - begun
            )


def _operation_id(route: APIRoute) -> str:
    return route.operation_id or route.name
