"""An HTTPS server that stands for a CA: its directory, its renewal information, and the time by its clock."""

from __future__ import annotations

import http.server
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from certs import make_pair, put_pair

__all__ = ("WINDOW", "AcmeServer", "acme_server")

WINDOW = {"start": "2027-01-22T00:00:00Z", "end": "2027-01-24T00:00:00Z"}


class AcmeServer:
    """A CA that answers a directory and renewal information, and records the paths that it was asked for.

    ``offers``: whether the directory names renewal information. The certificate ``aki.serial`` is the only one known.
    """

    def __init__(self, port: int = 0) -> None:
        self.asked: list[str] = []
        self.offers = True
        self.port = port

    @property
    def directory(self) -> str:
        """Return the address of its directory."""
        return f"https://127.0.0.1:{self.port}/dir"

    def answer(self, path: str) -> Any:
        """Return what it answers, or None for a 404."""
        if path == "/dir":
            return {"renewalInfo": f"https://127.0.0.1:{self.port}/info"} if self.offers else {}
        return {"suggestedWindow": WINDOW} if path == "/info/aki.serial" else None


@contextmanager
def acme_server(directory: Path) -> Iterator[AcmeServer]:
    """Run a CA whose certificate nobody trusts; ``directory`` is where its pair may be written."""
    pair = make_pair(["localhost"])
    put_pair(directory, chain=pair.chain, key=pair.key_pem)
    made = AcmeServer()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            made.asked.append(self.path)
            answer = made.answer(self.path)
            body = json.dumps(answer).encode()
            self.send_response(404 if answer is None else 200)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Retry-After", "3600")
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "fullchain.pem", directory / "privkey.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    made.port = server.server_port
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
