# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A client that sends a request target byte for byte. Every library would tidy it up."""

from __future__ import annotations

import socket
import ssl

__all__ = ("Client",)


class Client:
    """One connection to the proxy, on which requests are sent as they are typed."""

    def __init__(self, address: str, site: str) -> None:
        self._site = site
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        plain = socket.create_connection((address, 443), timeout=20)
        self._tls = context.wrap_socket(plain, server_hostname=site)
        self._stream = self._tls.makefile("rb")

    def ask(self, target: str, *headers: str, method: str = "GET") -> tuple[int, dict[str, str], bytes]:
        """Send a request and return status, headers and body of the answer. ConnectionResetError if it is closed."""
        lines = (f"{method} {target} HTTP/1.1", f"Host: {self._site}", *headers, "", "")
        self._tls.sendall("\r\n".join(lines).encode("latin-1"))
        line = self._stream.readline()
        if not line:
            raise ConnectionResetError("the proxy closed the connection, as a reload does")
        status = int(line.split()[1])
        fields = {}
        while line := self._stream.readline().strip().decode("latin-1"):
            name, _colon, value = line.partition(":")
            fields[name.lower()] = value.strip()
        if fields.get("transfer-encoding") == "chunked":
            body = b""
            while size := int(self._stream.readline(), 16):
                body += self._stream.read(size)
                self._stream.readline()
            self._stream.readline()
        else:
            body = self._stream.read(int(fields.get("content-length") or 0))
        return status, fields, body

    def close(self) -> None:
        self._stream.close()
        self._tls.close()
