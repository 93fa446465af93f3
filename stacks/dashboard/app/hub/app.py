"""The hub as an ASGI application, and how it starts: migrations first, then requests."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.responses import JSONResponse, Response
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException

from hub.answering import INTERVAL, Ask, ask_site
from hub.api import agent, audit, health, nodes, pages
from hub.api.headers import Guard
from hub.api.schema import with_definitions
from hub.core import DATABASE, VERSION
from hub.database import connect
from hub.docker.live import DockerList
from hub.errors import HubError, refusal
from hub.migrate import upgrade
from hub.moments import Clock, now
from hub.nodes import silent_nodes
from hub.settings import Settings, settings_of
from hub.state import HubState
from hub.traffic import pages as traffic_pages
from hub.traffic import routes as traffic
from hub.traffic.filling import running
from hub.traffic.service import traffic_of
from hub.traffic.words import add_words
from hub.trails.cleaning import clean_for_ever
from hub.trails.controllers import Controllers
from hub.trails.state import Trails
from hub.web.errors import error_page, is_page
from hub.web.frame import Frame

__all__ = ("create_app", "main")

_log = logging.getLogger("hub")
# Seconds after which a client tries again if the database did not answer.
_RETRY = 30


def create_app(settings: Settings, *, clock: Clock = now, ask: Ask | None = ask_site) -> FastAPI:
    """Return the application. With ``ask`` the sites of silent nodes are asked each minute."""
    trails = Trails(Controllers(settings.loki or "", clock=clock), days=settings.audit_days)
    hub = HubState(connect(settings.database), clock=clock, frame=Frame.of(settings.assets), trails=trails)
    hub.docker = DockerList(settings.docker or "", clock=clock)
    hub.traffic = traffic_of(settings.loki, clock=clock) or hub.traffic
    add_words(hub.frame.environment)

    @asynccontextmanager
    async def life(_app: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(upgrade, hub.engine)
        tasks = [asyncio.create_task(clean_for_ever(hub.engine, hub.trails, hub.clock))]
        if ask:
            tasks.append(asyncio.create_task(_ask_for_ever(hub, ask)))
        async with running(hub.traffic):
            yield
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        hub.engine.dispose()

    app = FastAPI(
        title="VSA hub",
        version=VERSION,
        openapi_url="/api/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=life,
    )
    app.state.hub = hub
    for part in (agent, nodes, audit, pages, traffic, traffic_pages, health):
        app.include_router(part.router)
    # The proxy packs nothing. No page holds a secret that its size could betray.
    app.add_middleware(GZipMiddleware, minimum_size=1024, compresslevel=5)
    app.add_middleware(Guard, host=settings.host)
    _add_handlers(app)
    with_definitions(app)
    return app


def _add_handlers(app: FastAPI) -> None:
    """Let every error end as JSON that says what is wrong, and no error as words of the database."""

    @app.exception_handler(HubError)
    def _refused(request: Request, refused: HubError) -> Response:
        if is_page(request):
            return error_page(request, request.app.state.hub, refused)
        headers = {"Retry-After": str(refused.retry_after)} if refused.retry_after is not None else {}
        if refused.last:
            headers["Connection"] = "close"
        return JSONResponse(refused.as_json(), status_code=refused.status, headers=headers)

    @app.exception_handler(SQLAlchemyError)
    def _no_database(request: Request, error: SQLAlchemyError) -> Response:
        if not isinstance(error, DBAPIError | PoolTimeoutError):
            raise error
        # Without parameters, which hold the contents of a beat.
        _log.error("the database failed: %s", type(getattr(error, "orig", None) or error).__name__)
        refused = refusal(DATABASE, "the database of the hub does not answer", retry_after=_RETRY)
        return _refused(request, refused)

    @app.exception_handler(HTTPException)
    def _plain(request: Request, error: HTTPException) -> Response:
        refused = HubError(error.status_code, "http", str(error.detail))
        if is_page(request):
            return error_page(request, request.app.state.hub, refused)
        return JSONResponse(refused.as_json(), status_code=error.status_code, headers=error.headers)

    @app.exception_handler(RequestValidationError)
    def _not_valid(_request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        place = "/".join(str(part) for part in first["loc"])
        return JSONResponse(HubError(400, "bad_request", first["msg"], place).as_json(), status_code=400)


async def _ask_for_ever(hub: HubState, ask: Ask) -> None:
    """Ask the sites of silent nodes each minute. Whatever goes wrong, the next minute tries again."""
    while True:
        try:
            silent = await run_in_threadpool(_silent, hub)
            await hub.answering.ask(silent, ask=ask, at=hub.clock())
        except SQLAlchemyError as error:
            _log.error("the sites of silent nodes could not be asked: %s", type(error).__name__)
        await asyncio.sleep(INTERVAL)


def _silent(hub: HubState) -> dict[str, tuple[str, list[str]]]:
    with hub.engine.connect() as connection:
        return dict(silent_nodes(connection, at=hub.clock()))


def main() -> FastAPI:
    """Return the application of this process's environment; uvicorn calls it."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
    return create_app(settings_of(os.environ))
