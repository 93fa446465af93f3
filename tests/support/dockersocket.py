"""A Docker engine that only answers questions, on a UNIX socket: for what reads the engine without the SDK."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

__all__ = ("SECRETS", "Answers", "docker_socket", "inspection")

SECRETS = ("env-secret-1", "cmd-secret-2", "label-secret-3", "mount-secret-4")

Answers = dict[str, tuple[int, bytes]]


def inspection(number: int, name: str, **more: Any) -> dict[str, Any]:
    """Return what an engine says of a container that has secrets wherever a container may have some."""
    labels = {"secret": SECRETS[2], **more.pop("labels", {})}
    state = {
        "Status": "running",
        "Pid": 0,
        "ExitCode": 0,
        "StartedAt": "2026-11-30T09:00:00.123456789Z",
        "FinishedAt": "0001-01-01T00:00:00Z",
        **more.pop("state", {}),
    }
    return {
        "Id": f"{number:064x}",
        "Name": f"/{name}",
        "Created": "2026-11-29T09:00:00.123456789Z",
        "Image": "sha256:abc",
        "RestartCount": 2,
        "State": state,
        "Config": {
            "Image": "web:1",
            "Env": [f"PASSWORD={SECRETS[0]}"],
            "Cmd": ["serve", SECRETS[1]],
            "Labels": labels,
            "Hostname": "h",
        },
        "HostConfig": {"Memory": 268435456, "NanoCpus": 1500000000, "NetworkMode": "x", **more.pop("host", {})},
        "Mounts": [{"Type": "bind", "Source": f"/srv/{SECRETS[3]}", "RW": True}],
        "NetworkSettings": {
            "Networks": {"flowbiz_ext": {"IPAddress": "10.0.0.2"}},
            "Ports": {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8080"}], "81/tcp": None},
        },
        **more,
    }


def _entry(found: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "Id": found["Id"],
        "Names": [found["Name"]],
        "State": found["State"]["Status"],
        "Status": "Up 2 hours",
        "Labels": found["Config"]["Labels"],
        "NetworkSettings": {"Networks": found["NetworkSettings"]["Networks"]},
    }


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    block_on_close = False


@contextmanager
def docker_socket(path: Path, found: list[dict[str, Any]], *, answers: Answers | None = None) -> Iterator[list[str]]:
    """Answer at a socket for these containers; ``answers`` replace those of some paths. Yields what was asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def address_string(self) -> str:
            """Return the name of the client: a UNIX socket has none."""
            return "client"

        def do_GET(self) -> None:
            asked.append(self.path)
            status, content = (answers or {}).get(self.path) or self._known()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def _known(self) -> tuple[int, bytes]:
            path = self.path.removeprefix("/v1.45")
            if path == "/version":
                return 200, json.dumps({"Version": "26.1.5", "ApiVersion": "1.45"}).encode()
            if path == "/info":
                return 200, json.dumps({"Swarm": {"LocalNodeState": "inactive", "NodeID": ""}}).encode()
            if path == "/containers/json?all=1":
                return 200, json.dumps([_entry(each) for each in found]).encode()
            for each in found:
                if path == f"/containers/{each['Id']}/json":
                    return 200, json.dumps(each).encode()
            return 404, b'{"message": "no such container"}'

        def log_message(self, format: str, *args: Any) -> None:
            """Print nothing."""

    path.unlink(missing_ok=True)  # of a process that was killed
    server = _Server(str(path), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield asked
    finally:
        server.shutdown()
        server.server_close()
        path.unlink(missing_ok=True)
