"""A demonstration backend with nothing but the standard library.

Answers JSON that tells what arrived: ``{"app", "hostname", "method", "path", "headers", "client", "body_bytes",
"body_began", "body_ended"}``, the path byte for byte, times in seconds of the epoch.
Also: /healthz, /status/<code>, /slow?ms=N, /stream?count=N&ms=N&accel=WORD (server-sent events that tell when they were
written, one every 0.2 s, perhaps with the header X-Accel-Buffering), /ws (WebSocket echo).
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import socket
import struct
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

NAME = os.environ.get("APP_NAME") or socket.gethostname()
PORT = int(os.environ.get("PORT", "3000"))
_WEBSOCKET_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _body(self) -> int:
        """Read and count the request's body, whichever way it is framed; notes when its first and last byte came."""
        count = self._count()
        self._ended = time.time()
        return count

    def _count(self) -> int:
        count = 0
        self._began = time.time()
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            while size := int(self.rfile.readline().split(b";")[0], 16):
                self._began = time.time() if not count else self._began
                count += len(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return count
        left = int(self.headers.get("Content-Length") or 0)
        while left and (data := self.rfile.read1(min(left, 1 << 20))):
            self._began = time.time() if not count else self._began
            count += len(data)
            left -= len(data)
        return count

    def _answer(self, status: int = 200) -> None:
        body_bytes = self._body()
        headers: dict[str, str] = {}
        for key, value in self.headers.items():
            headers[key] = f"{headers[key]}, {value}" if key in headers else value
        document = {
            "app": NAME,
            "hostname": socket.gethostname(),
            "method": self.command,
            # Not self.path: there leading slashes are merged.
            "path": self.requestline.split(" ")[1],
            "headers": headers,
            "client": self.client_address[0],
            "body_bytes": body_bytes,
            "body_began": self._began,
            "body_ended": self._ended,
        }
        data = (json.dumps(document) + "\n").encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("X-App", NAME)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD" and status not in (204, 304):
            self.wfile.write(data)

    def _stream(self, count: int, pause: float, accel: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Cache-Control", "no-cache")
        if accel:
            self.send_header("X-Accel-Buffering", accel)
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        for number in range(count):
            self.wfile.write(f"id: {number}\ndata: {NAME} {number} {time.time():.6f}\n\n".encode())
            self.wfile.flush()
            time.sleep(pause)

    def _websocket(self) -> None:
        key = self.headers.get("Sec-WebSocket-Key")
        if not key or self.headers.get("Upgrade", "").lower() != "websocket":
            self._answer(426)
            return
        accept = base64.b64encode(hashlib.sha1((key + _WEBSOCKET_GUID).encode()).digest()).decode()
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", accept)
        self.end_headers()
        self.close_connection = True
        while (frame := self._frame()) is not None:
            opcode, data = frame
            reply = {0x8: 0x8, 0x9: 0xA}.get(opcode, opcode)
            self._send_frame(reply, data)
            if opcode == 0x8:
                return

    def _frame(self) -> tuple[int, bytes] | None:
        head = self.rfile.read(2)
        if len(head) < 2:
            return None
        opcode, size = head[0] & 0x0F, head[1] & 0x7F
        if size == 126:
            (size,) = struct.unpack("!H", self.rfile.read(2))
        elif size == 127:
            (size,) = struct.unpack("!Q", self.rfile.read(8))
        mask = self.rfile.read(4) if head[1] & 0x80 else b"\0\0\0\0"
        return opcode, bytes(byte ^ mask[i % 4] for i, byte in enumerate(self.rfile.read(size)))

    def _send_frame(self, opcode: int, data: bytes) -> None:
        size = len(data)
        if size < 126:
            head = struct.pack("!BB", 0x80 | opcode, size)
        elif size < 65536:
            head = struct.pack("!BBH", 0x80 | opcode, 126, size)
        else:
            head = struct.pack("!BBQ", 0x80 | opcode, 127, size)
        self.wfile.write(head + data)
        self.wfile.flush()

    def _any(self) -> None:
        parts = urlsplit(self.path)
        query = parse_qs(parts.query)
        # Behind a route such as /api/ the same switches work: only the last part of the path counts.
        words = parts.path.rstrip("/").split("/")
        if words[-1] == "ws":
            self._websocket()
        elif words[-1] == "stream":
            pause = min(int(query.get("ms", ["200"])[0]), 60_000) / 1000
            accel = "".join(filter(str.isalpha, query.get("accel", [""])[0]))
            self._stream(min(int(query.get("count", ["25"])[0]), 3000), pause, accel)
        elif words[-1] == "slow":
            time.sleep(min(int(query.get("ms", ["1000"])[0]), 600_000) / 1000)
            self._answer()
        elif len(words) > 1 and words[-2] == "status" and words[-1].isdigit():
            self._answer(int(words[-1]))
        else:
            self._answer()

    def log_message(self, format: str, *args: object) -> None:
        print(f"{self.client_address[0]} {format % args}")


# The names that http.server looks for.
for _method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
    setattr(Handler, f"do_{_method}", Handler._any)


class Server(ThreadingHTTPServer):
    address_family = socket.AF_INET6
    daemon_threads = True
    request_queue_size = 1024

    def server_bind(self) -> None:
        # One socket for both families: an edge network may have IPv6.
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()


if __name__ == "__main__":
    import signal

    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    print(f"{NAME} listens on port {PORT}")
    Server(("::", PORT), Handler).serve_forever()
