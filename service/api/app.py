"""The API's application factory: `uvicorn --factory service.api.app:create_app`."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Route

from service.api.admission import AdmissionMiddleware
from service.api.cors import CORS_METHODS, CORS_REQUEST_HEADERS, CORS_RESPONSE_HEADERS
from service.api.errors import install_error_handlers
from service.api.head_requests import HeadRequests
from service.api.middleware import RequestContext
from service.api.openapi import install_document
from service.api.request_body import RequestBody
from service.api.route_access import public
from service.api.route_table import RouteTable
from service.api.routes import (
    analyses,
    batches,
    deliveries,
    errors,
    event_streams,
    events,
    health,
    inference,
    jobs,
    keys,
    links,
    page,
    previews,
    reference,
    results,
    tasks,
    uploads,
    webhook_secrets,
)
from service.api.services import Services
from service.observability.logs import configure_logging
from service.observability.tracing import exporting_spans
from service.redis_connection import refuse_cluster
from service.schemas.problem import Problem
from service.settings import RedisDatabase, Settings

_ROUTES = (
    jobs,
    inference,
    analyses,
    keys,
    events,
    event_streams,
    results,
    previews,
    links,
    batches,
    deliveries,
    webhook_secrets,
    tasks,
    uploads,
    errors,
    health,
    reference,
    page,
)


def create_app(settings: Settings | None = None) -> FastAPI:
    """Build the application, by default with settings from the environment.

    A Redis in cluster mode makes the startup of the application fail.

    Raises:
        ModelRepositoryError: if there are no models to serve.
        ValidationError: if pydantic rejects the settings.
    """
    settings = settings or Settings()
    configure_logging(settings)
    services = Services.build(settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await asyncio.to_thread(refuse_cluster, settings.database_url(RedisDatabase.BROKER))
        services.metrics.server.start()
        services.sweeper.start()
        feeding = asyncio.create_task(services.feed.run())
        with exporting_spans("hiir-api"), services.drain.on_signals():
            yield
        feeding.cancel()
        services.close()

    app = FastAPI(
        title="Hi-IR Restore",
        summary="Restores photos: submit one, follow the job, download the result.",
        version="1",
        lifespan=lifespan,
        redirect_slashes=False,
        # Requests have this service's own spans and metrics, which include tenants and jobs.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
        docs_url=None,  # they load scripts from other servers; see `routes.reference`
        redoc_url=None,
        generate_unique_id_function=lambda route: route.name,  # the name in generated clients
        responses={
            "default": {
                "model": Problem,
                "description": "Problem details (RFC 9457).",
            }
        },
    )
    app.state.services = services
    routes = RouteTable([*_documentation(app), *(r for m in _ROUTES for r in m.router.routes)])
    services.metrics.http.expect(routes.labels)
    app.add_middleware(HeadRequests)
    app.add_middleware(
        AdmissionMiddleware,
        access=services.access,
        quotas=services.quotas,
        submitter=services.submission.submitter,
        limits=settings.tenants,
        url_bytes=settings.limits.url_bytes,
        routes=routes,
    )
    app.add_middleware(RequestBody, limits=settings.limits)
    if settings.cors.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors.origins,
            allow_methods=CORS_METHODS,
            allow_headers=CORS_REQUEST_HEADERS,
            expose_headers=CORS_RESPONSE_HEADERS,
            max_age=settings.cors.max_age_seconds,
        )
    # The outermost middleware, because it is added last.
    app.add_middleware(RequestContext, metrics=services.metrics.http, routes=routes)
    install_error_handlers(app)
    for module in _ROUTES:
        app.include_router(module.router)
    install_document(app, routes)
    return app


def _documentation(app: FastAPI) -> list[Route]:
    """Return FastAPI's route of the OpenAPI document, which is public."""
    routes = [route for route in app.routes if isinstance(route, Route)]
    for route in routes:
        public(route.endpoint)
    return routes
