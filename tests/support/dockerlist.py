"""The engine of this machine behind the NGINX of the stack docker-api, with the limits that the stack gives it."""

from __future__ import annotations

import itertools
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

import rig

__all__ = ("IMAGE", "SECRET", "Engine", "docker", "docker_list")

IMAGE = "nginx:1.30.7"
SECRET = "secret-of-a-tenant"
_LABELS = ("--label", "vsa.rig=1", "--label", f"vsa.rig.scope=it{os.getpid()}")
_numbers = itertools.count(1)


def docker(*words: str) -> str:
    """Run Docker's own command, and return what it prints."""
    return rig.docker(*words).stdout.strip()


class Engine:
    """The list of the engine at ``url``, and containers of the test, whose names begin with ``name``."""

    def __init__(self) -> None:
        self.name = f"vsa-docker-list-{os.getpid()}-{next(_numbers)}"
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.made = [self.name]
        folder = rig.ROOT / "stacks/docker-api/nginx"
        mounts = ("-v", f"{folder}:/etc/vsa-docker-api:ro", "-v", "/var/run/docker.sock:/var/run/docker.sock:ro")
        safe = ("--read-only", "--cap-drop", "ALL", "--cap-add", "SETGID", "--tmpfs", "/run", "--tmpfs", "/tmp")
        command = ("--entrypoint", "nginx", IMAGE, "-c", "/etc/vsa-docker-api/list.conf", "-g", "daemon off;")
        port = ("-p", f"127.0.0.1:{self.port}:2375")
        docker("run", "-d", "--name", self.name, *_LABELS, *safe, *mounts, *port, *command)
        self.wait()

    def wait(self) -> None:
        """Wait until the engine answers."""
        deadline = time.monotonic() + 30
        while b" 200 " not in self.asked(b"GET /_ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")[:20]:
            assert time.monotonic() < deadline, "the list does not answer"
            time.sleep(0.1)

    def asked(self, request: bytes, *, seconds: float = 5, whole: bool = False) -> bytes:
        """Send bytes as they are, and return the head of the answer, or all that comes; empty if nothing does."""
        answer = b""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=seconds) as connection:
                connection.sendall(request)
                while whole or b"\r\n\r\n" not in answer:
                    more = connection.recv(65536)
                    if not more:
                        break
                    answer += more
        except OSError:
            return answer
        return answer

    def run(self, name: str, *words: str, verb: str = "run") -> str:
        """Make a container of this test; it has secrets wherever a container may have some."""
        name = f"{self.name}-{name}"
        self.made.append(name)
        secrets = ("-e", f"PASSWORD={SECRET}", "--label", f"secret={SECRET}")
        compose = ("project=shop", "service=web")
        labels = [word for label in compose for word in ("--label", f"com.docker.compose.{label}")]
        detached = ("-d",) if verb == "run" else ()
        docker(verb, *detached, "--name", name, *_LABELS, *secrets, *labels, "--entrypoint", "sh", *words)
        return name

    def remove(self) -> None:
        """Remove everything."""
        rig.docker("rm", "--force", "--volumes", *self.made, check=False)


@contextmanager
def docker_list() -> Iterator[Engine]:
    """Start NGINX before the engine; a machine without an engine skips the test."""
    try:
        rig.engine_up()
        rig.images(IMAGE)
    except rig.RigError as problem:
        pytest.skip(f"no Docker: {problem}")
    found = Engine()
    try:
        yield found
    finally:
        found.remove()
