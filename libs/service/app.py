"""The application of a service: its routes under `/v1`, every error a problem document, every request measured."""

from __future__ import annotations

import time
from collections.abc import Mapping

from fastapi import FastAPI, Request
from fastapi.routing import APIRoute
from starlette.datastructures import MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from libs.events.running import Provider
from libs.rules.calendars import Calendars
from libs.rules.documents import RuleBook
from libs.rules.reference import calendars_provider, rulebook_provider
from libs.service import docs_page, openapi, problem_pages, schema_pages, streaming, telemetry
from libs.service.admission import Admission
from libs.service.auth import threaded, unguarded
from libs.service.equipment import Equipment
from libs.service.limits import Limits, uploads_of
from libs.service.metrics import REQUEST_SECONDS
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


def create_app(service: Service, equipment: Equipment | None = None) -> FastAPI:
    """The application of a service. Without `equipment` it describes itself (OpenAPI) but serves nothing.

    Raises ValueError if a route has no guard or needs a thread, or two operations have one name.
    """
    app = Application(
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
    app.add_middleware(Boundary)
    if open_routes := unguarded(app):
        raise ValueError(f"routes without a guard: {', '.join(open_routes)}")
    if calls := threaded(app):
        raise ValueError(f"make these `async def`, or every request waits for a thread: {', '.join(calls)}")
    openapi.describe(app, service)
    return app


class Application(FastAPI):
    """The framework's application, with what may refuse a request around all of the framework's own."""

    def build_middleware_stack(self) -> ASGIApp:
        """Admission is asked first, so that a refusal costs little; browsers may read what it says."""
        stack = super().build_middleware_stack()
        about: Equipment | None = self.state.equipment
        if about is None:
            return stack
        settings = about.settings
        stack = Admission(stack, commands=settings.commands_at_once, queries=settings.queries_at_once)
        if not settings.cors_origins:
            return stack
        return CORSMiddleware(
            stack,
            allow_origins=list(settings.cors_origins),
            allow_methods=["GET", "POST"],
            allow_headers=list(ALLOWED_HEADERS),
            expose_headers=list(EXPOSED_HEADERS),
            max_age=600,
        )


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
