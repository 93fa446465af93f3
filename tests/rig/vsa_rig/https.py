"""Request a site over HTTPS at a given address, as a client on the Internet does: checks name and chain."""

from __future__ import annotations

import dataclasses
import http.client
import json
import socket
import ssl
from collections.abc import Mapping
from typing import Any

__all__ = ["Answer", "https_get"]


@dataclasses.dataclass(frozen=True)
class Answer:
    """The answer: ``issuer`` and ``expires`` belong to the certificate, ``protocol`` is the version of TLS."""

    status: int
    reason: str
    headers: Mapping[str, str]
    body: bytes
    issuer: str
    expires: str
    protocol: str

    def json(self) -> Any:
        """Return the parsed body."""
        return json.loads(self.body)


def https_get(
    address: str,
    domain: str,
    path: str = "/",
    *,
    trust: str,
    headers: Mapping[str, str] | None = None,
    timeout: float = 10,
) -> Answer:
    """GET ``https://domain/path`` from the host at ``address``. ``trust`` is the PEM text of the only trusted roots.

    Raises ssl.SSLError if the chain or the name is wrong, and OSError if nobody answers.
    """
    context = ssl.create_default_context(cadata=trust)
    with (
        socket.create_connection((address, 443), timeout=timeout) as plain,
        context.wrap_socket(plain, server_hostname=domain) as connection,
    ):
        certificate: dict[str, Any] = dict(connection.getpeercert() or {})
        protocol = connection.version() or ""
        client = http.client.HTTPSConnection(domain)
        client.sock = connection
        client.request("GET", path, headers={"Connection": "close", **(headers or {})})
        answer = client.getresponse()
        body = answer.read()
    issuer = dict(pair for part in certificate.get("issuer", ()) for pair in part)
    return Answer(
        status=answer.status,
        reason=answer.reason,
        headers=dict(answer.getheaders()),
        body=body,
        issuer=str(issuer.get("commonName", "")),
        expires=str(certificate.get("notAfter", "")),
        protocol=protocol,
    )
