"""A proxy before a real server that injects the faults of networks and busy servers."""

from __future__ import annotations

import contextlib
import dataclasses
import http.client
import http.server
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from urllib.parse import urlsplit

__all__ = ["Fault", "Proxy", "Seen", "proxy"]


@dataclasses.dataclass(frozen=True)
class Seen:
    """One received request: headers with lower-case names, and the raw body."""

    path: str
    headers: Mapping[str, str]
    body: bytes
    method: str = "POST"


@dataclasses.dataclass(frozen=True)
class Fault:
    """What happens to a request.

    ``status``: answered here with it (and ``headers``, ``text``), the server never sees the request. ``lost``: the
    server gets the request, its answer never arrives. ``silent``: seconds of saying nothing. ``dribble``: the status
    line comes a byte each 0.2 s, for ever.
    """

    status: int = 0
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    text: str = "injected"
    lost: bool = False
    silent: float = 0
    dribble: bool = False


class Proxy:
    """The running proxy: ``url`` to use, ``seen`` requests, ``faults`` asked for each request (None: pass it on)."""

    def __init__(self, upstream: str, url: str) -> None:
        self.upstream = upstream
        self.url = url
        self.seen: list[Seen] = []
        self.faults: Callable[[Seen], Fault | None] = lambda seen: None
        self.over = threading.Event()

    def next(self, *faults: Fault | None) -> None:
        """Use these faults for the next requests, one fault per request, and pass all later requests on."""
        left = list(faults)
        self.faults = lambda seen: left.pop(0) if left else None


# Headers of one hop; all other headers of an answer are passed on.
_HOP = ("connection", "content-length", "date", "server", "transfer-encoding")


@contextlib.contextmanager
def proxy(
    upstream: str,
    *,
    tls: ssl.SSLContext | None = None,
    address: str = "127.0.0.1",
    trust: ssl.SSLContext | None = None,
) -> Iterator[Proxy]:
    """Run a proxy on an address of this machine before ``upstream``; with ``tls`` it speaks HTTPS.

    An ``upstream`` that speaks HTTPS itself is verified by ``trust``.
    """

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._handle()

        def do_HEAD(self) -> None:
            self._handle()

        def do_POST(self) -> None:
            self._handle()

        def _handle(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            headers = {name.lower(): value for name, value in self.headers.items()}
            seen = Seen(self.path, headers, body, self.command)
            running.seen.append(seen)
            fault = running.faults(seen)
            if fault is None or fault.lost:
                self._pass_on(seen, answer=fault is None)
            elif fault.dribble:
                self._dribble()
            elif fault.silent:
                running.over.wait(fault.silent)
                self.close_connection = True
            else:
                self._answer(fault.status, fault.headers, fault.text.encode())

        def _pass_on(self, seen: Seen, *, answer: bool) -> None:
            where = urlsplit(running.upstream)
            connection = (
                http.client.HTTPSConnection(where.netloc, timeout=20, context=trust)
                if where.scheme == "https"
                else http.client.HTTPConnection(where.netloc, timeout=20)
            )
            try:
                connection.request(seen.method, seen.path, body=seen.body, headers=dict(seen.headers))
                response = connection.getresponse()
                data = response.read()
            except OSError as problem:
                self._answer(502, {}, str(problem).encode())
                return
            finally:
                connection.close()
            if answer:
                kept = {name: value for name, value in response.getheaders() if name.lower() not in _HOP}
                self._answer(response.status, kept, data)
            else:
                self.close_connection = True

        def _answer(self, status: int, headers: Mapping[str, str], data: bytes) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if status != 204:
                self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data if status != 204 and self.command != "HEAD" else b"")

        def _dribble(self) -> None:
            self.close_connection = True
            with contextlib.suppress(OSError):
                for sign in b"HTTP/1.1 204 No Content" + b" " * 200:
                    self.wfile.write(bytes([sign]))
                    self.wfile.flush()
                    if running.over.wait(0.2):
                        return

        def log_message(self, format: str, *args: object) -> None:
            pass

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            pass  # tests let clients hang up on purpose

    server = Server((address, 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    scheme = "http" if tls is None else "https"
    running = Proxy(upstream, f"{scheme}://{address}:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield running
    finally:
        running.over.set()
        server.shutdown()
        server.server_close()
        thread.join()
