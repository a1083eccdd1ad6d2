"""The service as an ASGI application."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from importlib.metadata import version

from fastapi import FastAPI
from fastapi.concurrency import run_in_threadpool
from fastapi.routing import APIRoute

from service import openapi, problems
from service.access import Access
from service.answers import Answers
from service.doorbell import Doorbell
from service.opening import Opener
from service.parts import Parts
from service.routes import (
    best,
    catalogue,
    comparison,
    export,
    health,
    preview,
    reference,
    report,
    sharing,
    studies,
    work,
)
from service.settings import Settings
from service.store.database import OUTAGES, Database
from service.store.record import Recorder

DESCRIPTION = "Which learning-rate schedule, with which bounds? Submit a study, let workers train, ask for the best."


def create_app(settings: Settings) -> FastAPI:
    """The service over the database that the settings name, which is opened and brought to the newest schema.

    Raises:
        ClrError: the database can't be opened, or its schema is newer than this version knows.
    """
    database = Database(settings.database, settings.data, restart_grace=settings.restart_grace)
    with contextlib.suppress(OSError):  # /readyz says what is wrong with it
        settings.data.mkdir(parents=True, exist_ok=True)
    doorbell = Doorbell()
    app = FastAPI(
        title="CLR sweep service",
        version=version("clr-sweep"),
        description=DESCRIPTION,
        docs_url=None,  # the stock page loads scripts from elsewhere; ours is service.routes.reference
        redoc_url=None,
        lifespan=_lifespan,
        generate_unique_id_function=_operation_id,
        responses=problems.documented(400, 401, 403, 413, 415, 422, 500, 503),
    )
    app.state.parts = Parts(settings, database, doorbell, Opener(database, doorbell), Answers(database))
    for router in (
        studies.router,
        report.router,
        export.router,
        comparison.router,
        best.router,
        catalogue.router,
        preview.router,
        sharing.router,
        work.router,
        health.router,
        reference.router,
    ):
        app.include_router(router)
    problems.install(app, OUTAGES)
    app.add_middleware(Access, settings=settings)
    _describe_once(app, locked=settings.token is not None)
    return app


@contextlib.asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    parts: Parts = app.state.parts
    # A service killed between a result and the next round left that study standing still.
    await run_in_threadpool(parts.opener.open_due)
    recorder = Recorder(parts.database)
    recorder.start()
    try:
        yield
    finally:
        await run_in_threadpool(recorder.stop)
        await run_in_threadpool(parts.database.dispose)


def _operation_id(route: APIRoute) -> str:
    """A client generated from the description gets the routes' own names as its methods."""
    return route.name


def _describe_once(app: FastAPI, *, locked: bool) -> None:
    description = openapi.describe(app, locked=locked)
    app.openapi = lambda: description  # type: ignore[method-assign]
