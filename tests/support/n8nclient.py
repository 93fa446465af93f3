"""A browser of n8n's editor, as far as the tests need one: JSON with cookies, and the WebSocket of the editor."""

from __future__ import annotations

import http.client
import json
from typing import Any

from streaming import connect

__all__ = ("N8nClient", "Push")


class Push:
    """The WebSocket by which n8n tells an editor what happens."""

    def __init__(self, tls: Any) -> None:
        self._tls = tls

    def read(self, seconds: float) -> bytes:
        """Return what arrives next; empty if nothing does."""
        self._tls.settimeout(seconds)
        try:
            return bytes(self._tls.recv(65536))
        except TimeoutError:
            return b""

    def close(self) -> None:
        self._tls.close()


class N8nClient:
    """One browser, which keeps the cookie of its login."""

    def __init__(self, address: str, domain: str) -> None:
        self._address, self._domain = address, domain
        self._cookie = ""
        self._browser = "vsa-test-browser"

    def _head(self, method: str, path: str, *more: str) -> str:
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self._domain}", f"Origin: https://{self._domain}"]
        lines += [f"browser-id: {self._browser}", *([f"Cookie: {self._cookie}"] if self._cookie else []), *more]
        return "\r\n".join((*lines, "", ""))

    def call(self, method: str, path: str, document: Any = None) -> tuple[int, Any]:
        """Send JSON, and return the status and the answer."""
        body = b"" if document is None else json.dumps(document).encode()
        more = (f"Content-Length: {len(body)}", "Content-Type: application/json", "Connection: close")
        with connect(self._address, self._domain, timeout=120) as tls:
            tls.sendall(self._head(method, path, *more).encode("ascii") + body)
            answer = http.client.HTTPResponse(tls)
            answer.begin()
            text = answer.read().decode(errors="replace")
        for cookie in answer.msg.get_all("Set-Cookie") or ():
            self._cookie = cookie.partition(";")[0]
        try:
            return answer.status, json.loads(text)
        except ValueError:
            return answer.status, text

    def activate(self, workflow: dict[str, Any]) -> None:
        """Publish a workflow, so that its webhooks answer."""
        version = {"versionId": workflow["versionId"]}
        status, answer = self.call("POST", f"/rest/workflows/{workflow['id']}/activate", version)
        assert status == 200, answer

    def push(self, reference: str) -> Push:
        """Open the WebSocket of the editor."""
        upgrade = ("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13")
        key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
        tls = connect(self._address, self._domain)
        tls.sendall(self._head("GET", f"/rest/push?pushRef={reference}", *upgrade, key).encode("ascii"))
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            part = tls.recv(1)
            assert part, f"the connection ended: {answer!r}"
            answer += part
        assert answer.startswith(b"HTTP/1.1 101 "), answer
        return Push(tls)
