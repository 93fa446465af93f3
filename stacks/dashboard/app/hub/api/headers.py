"""Before and after every request: only the hub's own name is answered, and every answer has the headers of security."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hub.errors import HubError

__all__ = ("HEADERS", "Guard")

_log = logging.getLogger("hub")
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": _POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-store",
}
"""The headers of every answer. An answer that sets one of them itself keeps its own."""


class Guard:
    """Answers 421 to a request for another host than the hub's and 500 to one that fails, and adds the headers."""

    def __init__(self, app: ASGIApp, *, host: str) -> None:
        self._app = app
        self._host = host

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        started = False

        async def with_headers(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        hosts = Headers(scope=scope).getlist("host")
        if [_name(host) for host in hosts] != [self._host]:
            refused = HubError(421, "other_host", "this server does not answer for this host")
            await _answer(refused)(scope, receive, with_headers)
            return
        try:
            await self._app(scope, receive, with_headers)
        except Exception:
            _log.exception("a request failed")
            if not started:
                await _answer(HubError(500, "internal", "the hub failed"))(scope, receive, with_headers)


def _answer(error: HubError) -> JSONResponse:
    return JSONResponse(error.as_json(), status_code=error.status)


def _name(host: str) -> str:
    """Return a host without its port, in small letters."""
    name, _colon, port = host.lower().rpartition(":")
    return name if name and port.isdecimal() else host.lower()
