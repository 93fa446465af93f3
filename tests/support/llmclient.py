"""A client of an API that speaks as OpenAI's, through the proxy of a VPS."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator
from typing import Any

from streaming import connect

__all__ = ("LlmClient",)


class LlmClient:
    """A client with one key. Every request is a connection of its own."""

    def __init__(self, address: str, domain: str, key: str = "") -> None:
        self._address, self._domain, self._key = address, domain, key

    def _send(self, tls: Any, method: str, path: str, document: Any) -> http.client.HTTPResponse:
        body = b"" if document is None else json.dumps(document).encode()
        head = [f"{method} {path} HTTP/1.1", f"Host: {self._domain}", f"Content-Length: {len(body)}"]
        head += ["Content-Type: application/json", "Connection: close"]
        head += [f"Authorization: Bearer {self._key}"] if self._key else []
        tls.sendall("\r\n".join((*head, "", "")).encode("ascii") + body)
        answer = http.client.HTTPResponse(tls)
        answer.begin()
        return answer

    def ask(self, method: str, path: str, document: Any = None) -> tuple[int, Any]:
        """Return the status of an answer and its JSON, or its text."""
        with connect(self._address, self._domain, timeout=120) as tls:
            answer = self._send(tls, method, path, document)
            text = answer.read().decode(errors="replace")
        try:
            return answer.status, json.loads(text)
        except ValueError:
            return answer.status, text

    def stream(self, **wanted: Any) -> Iterator[tuple[float, str]]:
        """Yield the time and the text of each chunk of a streamed answer."""
        message = {"role": "user", "content": "Say a few words about the sea."}
        document = {"model": "local", "stream": True, "messages": [message], **wanted}
        with connect(self._address, self._domain, timeout=300) as tls:
            answer = self._send(tls, "POST", "/v1/chat/completions", document)
            assert answer.status == 200, answer.read()
            while line := answer.readline():
                if not line.startswith(b"data: ") or b"[DONE]" in line:
                    continue
                chunk = json.loads(line.removeprefix(b"data: "))
                text = chunk["choices"][0]["delta"].get("content") if chunk.get("choices") else None
                if text:
                    yield time.time(), text
