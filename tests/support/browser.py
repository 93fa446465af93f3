"""A real browser in a container of the rig, and a hub in this process that the browser can ask."""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn
from playwright.sync_api import Browser, Error, Page, sync_playwright

import rig
from hubapp import HOST, Hub

__all__ = ("AXE", "PICTURES", "SIZES", "Browsing", "assets", "browsing", "reachable")

SIZES = {"desktop": (1440, 900), "phone": (390, 844)}
PICTURES = rig.ROOT / "build/reports/dashboard"
"""Where the pictures of pages are kept."""

_IMAGE = "vsa-rig-browser:1"
_APP = rig.ROOT / "stacks/dashboard/app"
AXE = "/opt/axe.min.js"
_START = 30.0
_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
_VIOLATIONS = "tags => axe.run(document, {runOnly: {type: 'tag', values: tags}, resultTypes: ['violations']})"


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def assets() -> Path:
    """Return the folder with the files of other projects, as the stage `assets` of the dashboard's image makes them."""
    parts = (_APP / "Dockerfile", _APP / "assets/list.json", _APP / "assets/build.mjs")
    mark = hashlib.sha256(b"".join(part.read_bytes() for part in parts)).hexdigest()[:16]
    cache = rig.cache_dir("dashboard")
    target = cache / f"dashboard-assets-{mark}"
    if target.is_dir():
        return target
    rig.engine_up()
    rig.images("node:24.11.1-trixie-slim")
    tag = f"vsa-rig-dashboard-assets:{mark}"
    rig.docker("build", "--quiet", "--label", "vsa.rig=1", "--target", "assets", "--tag", tag, str(_APP))
    made = rig.docker("create", tag).stdout.strip()
    draft = cache / f".{target.name}.{os.getpid()}"
    try:
        rig.docker("cp", f"{made}:/opt/assets", str(draft))
    finally:
        rig.docker("rm", made)
    try:
        draft.rename(target)
    except OSError:  # another process was faster
        shutil.rmtree(draft)
    return target


class Browsing:
    """A browser, and the address of the hub that it knows by its name."""

    def __init__(self, browser: Browser, axe: str, port: int) -> None:
        self.browser = browser
        self.axe = axe
        # The port of the hub. The browser takes this address for one with HTTPS, as it is behind the proxy.
        self.port = port

    def open(self, path: str = "/", *, size: str = "desktop", theme: str = "light", script: bool = True) -> Page:
        """Open a page of the hub in a browser without history, and note in ``complaints`` what the browser says."""
        width, height = SIZES[size]
        context = self.browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme=theme,  # type: ignore[arg-type]
            java_script_enabled=script,
        )
        page = context.new_page()
        complaints: list[str] = []
        page.complaints = complaints  # type: ignore[attr-defined]
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        answer = page.goto(f"http://{HOST}:{self.port}{path}")
        assert answer is not None
        assert answer.status == 200
        return page

    def violations(self, page: Page) -> list[str]:
        """Return what axe-core finds, with the first place of each."""
        page.evaluate(self.axe)
        found: dict[str, Any] = page.evaluate(_VIOLATIONS, _TAGS)
        return [f"{rule['id']}: {rule['help']}: {rule['nodes'][0]['html'][:200]}" for rule in found["violations"]]


@contextmanager
def browsing(hub_port: int = 0) -> Iterator[Browsing]:
    """Start a browser that finds the hub's name on this machine, and nothing else anywhere.

    ``hub_port``: where the hub listens already; by default it is a free port for a hub that comes later.
    """
    rig.engine_up()
    rig.images(_IMAGE)
    port, hub_port = _free_port(), hub_port or _free_port()
    name = f"vsa-browser-{os.getpid()}"
    labels = ("--label", "vsa.rig=1", "--label", f"vsa.rig.scope=it{os.getpid()}")
    rules = f"--host-resolver-rules=MAP {HOST} 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
    words = ("run", "--detach", "--rm", *labels, "--name", name, "--network", "host", "--shm-size", "256m", _IMAGE)
    secure = f"--unsafely-treat-insecure-origin-as-secure=http://{HOST}:{hub_port}"
    rig.docker(*words, f"--remote-debugging-port={port}", rules, secure)
    try:
        axe = rig.docker("exec", name, "cat", AXE).stdout
        with sync_playwright() as playwright:
            browser = _connected(playwright, port)
            yield Browsing(browser, axe, hub_port)
            browser.close()
    finally:
        rig.docker("rm", "--force", name, check=False)


def _connected(playwright: object, port: int) -> Browser:
    deadline = time.monotonic() + _START
    while True:
        try:
            return playwright.chromium.connect_over_cdp(f"http://127.0.0.1:{port}")  # type: ignore[attr-defined,no-any-return]
        except Error:
            assert time.monotonic() < deadline, "the browser did not start"
            time.sleep(0.2)


@contextmanager
def reachable(hub: Hub, to: Browsing) -> Iterator[str]:
    """Serve a hub on the port of a browser's hub, and yield its address by its own name."""
    config = uvicorn.Config(hub.client.app, host="127.0.0.1", port=to.port, lifespan="off", log_level="warning")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + _START
    while not server.started:
        assert time.monotonic() < deadline, "the hub did not listen"
        time.sleep(0.02)
    try:
        yield f"http://{HOST}:{to.port}"
    finally:
        server.should_exit = True
        thread.join(10)
