"""What apt and os-release say about this host, and whether a repository can be reached."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.bootstrap import Platform, Policy
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine import apt


class Programs:
    """Stands in for the programs of the host: prints what it is given, and keeps the words of each call."""

    def __init__(self, printed: str | None) -> None:
        self.printed = printed
        self.calls: list[list[str]] = []

    def __call__(self, argv: list[str]) -> str | None:
        self.calls.append(argv)
        return self.printed


def test_the_platform_is_os_releases_with_dpkgs_architecture(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    os_release = tmp_path / "os-release"
    os_release.write_text('ID=ubuntu\nVERSION_ID="24.04"\nVERSION_CODENAME=noble\n')
    monkeypatch.setattr(apt, "output_of", Programs("arm64\n"))
    assert apt.read_platform(str(os_release)) == Platform("ubuntu", "24.04", "noble", "arm64")
    monkeypatch.setattr(apt, "output_of", Programs(None))
    assert apt.read_platform(str(tmp_path / "none")) == Platform("unknown", "unknown", "", "unknown")


def test_apt_is_asked_once_for_all_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    programs = Programs("jq:\n  Installed: (none)\n  Candidate: 1.7.1-6\n  Version table:\n")
    monkeypatch.setattr(apt, "output_of", programs)
    assert apt.read_policy(["jq", "no-such"]) == Policy({}, {"jq": "1.7.1-6"})
    assert programs.calls == [["apt-cache", "policy", "jq", "no-such"]]
    monkeypatch.setattr(apt, "output_of", Programs(None))
    assert apt.read_policy(["jq"]) == Policy()


@pytest.fixture
def repository() -> Iterator[tuple[str, list[str]]]:
    """A web server with one key, and the requests that it saw."""
    seen: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            seen.append(f"{self.command} {self.path}")
            self.send_response(200 if self.path == "/linux/debian/gpg" else 404)
            self.end_headers()

        def log_message(self, *words: object) -> None:
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/linux", seen
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_repository_with_its_key_can_be_reached(repository: tuple[str, list[str]]) -> None:
    address, seen = repository
    assert apt.repository_error(f"{address}/debian") == ""
    assert seen == ["HEAD /linux/debian/gpg"], "the key itself is not fetched"


def test_why_a_repository_cannot_be_reached(repository: tuple[str, list[str]]) -> None:
    address, _ = repository
    assert apt.repository_error(f"{address}/ubuntu") == f"{address}/ubuntu/gpg: HTTP status 404"
    assert apt.repository_error("http://127.0.0.1:9/linux").startswith("http://127.0.0.1:9/linux/gpg: ")
    assert "refused" in apt.repository_error("http://127.0.0.1:9/linux")
    assert apt.repository_error("no address").startswith("no address/gpg: ")
