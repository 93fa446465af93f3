"""Start the hub. It listens on the network of the proxy and on loopback, and on no other network of its container.

Containers on the other networks, such as Loki, would reach the hub around its password.
"""

from __future__ import annotations

import os
import socket
import sys

import uvicorn

__all__ = ("PORT", "listening", "main")

PORT = 8000
_BACKLOG = 2048


def listening(name: str | None, *, port: int = PORT) -> list[socket.socket]:
    """Return sockets that listen on loopback and on the addresses of a name, or on all addresses without a name."""
    if not name:
        return [_bound(socket.AF_INET, "", port)]
    found = {("127.0.0.1", socket.AF_INET)}
    for family, _type, _protocol, _canonical, address in socket.getaddrinfo(name, port, type=socket.SOCK_STREAM):
        found.add((str(address[0]), family))
    return [_bound(family, address, port) for address, family in sorted(found)]


def _bound(family: int, address: str, port: int) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    made.bind((address, port))
    made.listen(_BACKLOG)
    made.set_inheritable(True)
    return made


def main() -> int:
    """Serve until a signal ends it. One process: what is under way is kept in its memory."""
    try:
        sockets = listening(os.environ.get("HUB_LISTEN"))
    except OSError as error:
        print(f"the hub cannot listen on {os.environ.get('HUB_LISTEN')}: {error}", file=sys.stderr)  # noqa: T201
        return 1
    config = uvicorn.Config(
        "hub.app:main", factory=True, access_log=False, server_header=False, timeout_graceful_shutdown=20
    )
    uvicorn.Server(config).run(sockets=sockets)
    return 0


if __name__ == "__main__":
    sys.exit(main())
