"""Runs on a VPS: starts a command that changes a site, and requests the site until the new answer arrives.

Reads one JSON object from standard input: ``argv`` and ``stdin`` of the command, ``address`` and ``domain`` of the
site, ``expect`` (the new body), ``ready`` (the command prints a line when it is ready for its standard input, and the
change is accepted then, not at its start). Prints one JSON line: the seconds of the start (``start``), and those from
the accepted change to the first new answer (``first``) and to the command's end (``done``).
"""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import subprocess
import sys
import time

_SECONDS = 30.0


def answer(context: ssl.SSLContext, address: str, domain: str) -> str:
    """Send one request on a new connection."""
    with (
        socket.create_connection((address, 443), timeout=5) as plain,
        context.wrap_socket(plain, server_hostname=domain) as tls,
    ):
        tls.sendall(f"GET / HTTP/1.1\r\nHost: {domain}\r\nConnection: close\r\n\r\n".encode())
        response = http.client.HTTPResponse(tls)
        response.begin()
        return response.read(1000).decode(errors="replace").strip() if response.status == 200 else ""


def main() -> None:
    """Measure one change."""
    wanted = json.load(sys.stdin)
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if answer(context, wanted["address"], wanted["domain"]) == wanted["expect"]:
        raise SystemExit("the site answers so already")
    started = time.monotonic()
    with subprocess.Popen(
        wanted["argv"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        if wanted.get("ready"):
            process.stdout.readline()
        began = time.monotonic()
        process.stdin.write(wanted.get("stdin", ""))
        process.stdin.close()
        first = done = 0.0
        while not (first and done) and time.monotonic() - began < _SECONDS:
            try:
                if not first and answer(context, wanted["address"], wanted["domain"]) == wanted["expect"]:
                    first = time.monotonic() - began
            except (OSError, http.client.HTTPException):
                pass
            if not done and process.poll() is not None:
                done = time.monotonic() - began
            time.sleep(0.01)
        process.kill()
        output = process.stdout.read()
    if process.returncode or not first:
        raise SystemExit(f"{wanted['argv'][0]} ended with {process.returncode}, first answer: {first}\n{output}")
    print(json.dumps({"start": round(began - started, 3), "first": round(first, 3), "done": round(done, 3)}))


if __name__ == "__main__":
    main()
