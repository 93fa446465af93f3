"""The protected page as a route of Starlette, and an open page for every other path."""

from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route


async def protected(request):
    return PlainTextResponse("the protected page")


async def opened(request):
    return PlainTextResponse("the open page")


CLOSED = ("/admin", "/admin/{rest:path}", "/api/v2", "/api/v2/{rest:path}")
app = Starlette(routes=[*(Route(path, protected) for path in CLOSED), Route("/{rest:path}", opened)])
