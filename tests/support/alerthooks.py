"""Both alert hooks of a VPS: a webhook in a container of its own beside the VPS, and a program on the VPS."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

import rig

__all__ = ("AlertHooks",)

_IMAGE = "vsa-rig-python:forky"
_PROGRAM = "/usr/local/sbin/vsa-test-alert"
_FILE = "/etc/vsa/alert-url"
_TOLD = "/root/told"
# Writes each message to its output. GET /status/500 lets it answer so from then on. It takes two seconds to answer, so
# that a look at the processes of the VPS meets the one that sends.
_WEBHOOK = """
import http.server, json, sys, time
status = 204
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        print(json.dumps({"path": self.path, "status": status, "message": json.loads(body)}), flush=True)
        time.sleep(2)
        self.send_response(status); self.end_headers()
    def do_GET(self):
        global status
        status = int(self.path.rpartition("/")[2])
        self.send_response(204); self.end_headers()
    def log_message(self, *words): pass
http.server.ThreadingHTTPServer(("", 8080), Handler).serve_forever()
"""


class AlertHooks:
    """The hooks in the settings of a VPS. The address of the webhook has a secret and stands in a file."""

    secret = "a-secret-of-the-webhook"

    def __init__(self, vps: rig.Vps) -> None:
        self._vps = vps
        self._container = rig.scoped("webhook")
        rig.images(_IMAGE)
        rig.run_beside(self._container, _IMAGE, "python3", "-c", _WEBHOOK)
        self.address = rig.address_of(self._container)
        self._settings = vps.run("cat /etc/vsa/vsa.yml").stdout
        vps.run(["rm", "-f", _TOLD])
        vps.put(_PROGRAM, f"#!/bin/sh\n{{ cat; echo; }} >>{_TOLD}\n", mode=0o755)
        vps.put(_FILE, f"http://{self.address}:8080/hooks/{self.secret}\n", mode=0o600)
        vps.put("/etc/vsa/vsa.yml", f"{self._settings}alert_command: {_PROGRAM}\nalert_url: {_FILE}\n")

    def remove(self) -> None:
        """Remove the hooks from the settings, and the webhook."""
        self._vps.put("/etc/vsa/vsa.yml", self._settings)
        self._vps.run(["rm", "-f", _PROGRAM, _FILE, _TOLD])
        rig.docker("rm", "--force", self._container, check=False)

    def answer(self, status: int) -> None:
        """Let the webhook answer with this status."""
        with urllib.request.urlopen(f"http://{self.address}:8080/status/{status}", timeout=10):
            pass

    def by_program(self) -> list[dict[str, Any]]:
        """Return the messages that the program got."""
        return [json.loads(line) for line in self._vps.run(["cat", _TOLD], check=False).stdout.splitlines()]

    def by_webhook(self, status: int = 204) -> list[dict[str, Any]]:
        """Return the messages that the webhook got and answered with ``status``."""
        posts = [json.loads(line) for line in rig.docker("logs", self._container).stdout.splitlines()]
        assert {post["path"] for post in posts} <= {f"/hooks/{self.secret}"}
        return [post["message"] for post in posts if post["status"] == status]
