"""The collector on a host in a directory: every section by itself, and what one source does to the others."""

from __future__ import annotations

import datetime
import gzip
import json
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.agent.beat import Beat, packed
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.agent.collector import collect as collecting
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.agent.collector.collect import collect
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.agent.places import AgentPlaces
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.proxy.values import Change

from agenthost import MovedClock, trail_lines
from certs import make_pair, put_pair
from dockersocket import SECRETS, docker_socket, inspection
from hosttree import HostTree, provide

FILES = {
    "etc/machine-id": "0123456789abcdef0123456789abcdef\n",
    "proc/meminfo": "MemTotal: 1000 kB\nMemAvailable: 600 kB\n",
    "proc/stat": "btime 1764493200\n",
    "proc/loadavg": "0.50 0.40 0.30 1/200 77\n",
    "proc/1/mounts": "overlay / overlay rw 0 0\n",
    "proc/1/net/dev": "a\nb\n",
}
NGINX = inspection(7, "vsa-nginx", state={"Pid": 1})
SECTIONS = {"node", "figures", "containers", "usage", "domains", "certificates", "stacks"}


class CollectorHost(HostTree):
    """A host whose collector runs."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.time = MovedClock()
        self.places = AgentPlaces(str(root))
        self.found: list[dict[str, Any]] = [inspection(1, "web-1"), NGINX]
        for name, text in FILES.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text, encoding="ascii")
        self.places.run.mkdir(parents=True)
        (root / "usr/bin").mkdir(parents=True)
        (root / "usr/bin/dockerd").touch()
        self.paths.letsencrypt.mkdir(parents=True)
        self.settings("ca: selfsigned\n")

    def change(self, change: Change) -> None:
        """Make a site live that has a certificate of its own."""
        now = datetime.datetime.now(datetime.UTC)
        day = datetime.timedelta(days=1)
        pair = make_pair([change.domain], start=now - day, end=now + 80 * day)
        put_pair(self.paths.selfsigned / change.domain, chain=pair.chain, key=pair.key_pem)
        self.apply(change)

    def collect(self, *, docker: bool = True) -> dict[str, Any]:
        """Return the snapshot that the collector writes."""
        socket = self.root / "docker.sock"
        if docker:
            with docker_socket(socket, self.found):
                collect(root=str(self.root), clock=self.time.clock(), docker=str(socket))
        else:
            collect(root=str(self.root), clock=self.time.clock(), docker=str(socket))
        snapshot: dict[str, Any] = json.loads(self.places.snapshot.read_text(encoding="utf-8"))
        self.time.seconds += 30
        return snapshot

    def rows(self, section: str) -> list[dict[str, Any]]:
        """Return the rows of a section of a new snapshot."""
        found = self.collect()["sections"][section]
        assert found["status"] == "ok", found["error"]
        return list(found["rows"])


@pytest.fixture
def host(tmp_path: Path) -> CollectorHost:
    made = CollectorHost(tmp_path)
    made.change(provide("shop.example.com"))
    return made


def test_every_section_is_read(host: CollectorHost) -> None:
    snapshot = host.collect()
    sections = snapshot["sections"]
    assert set(sections) == SECTIONS
    assert {name: entry["error"] for name, entry in sections.items()} == dict.fromkeys(SECTIONS)
    assert {entry["status"] for entry in sections.values()} == {"ok"}
    assert sections["node"]["rows"][0]["docker"] == "26.1.5"
    assert sections["node"]["rows"][0]["nginx"] == "web:1"
    assert [row["name"] for row in sections["containers"]["rows"]] == ["web-1", "vsa-nginx"]


def test_the_snapshot_is_for_its_group_alone_and_what_is_kept_for_root(host: CollectorHost) -> None:
    host.collect()
    assert stat.S_IMODE(host.places.snapshot.stat().st_mode) == 0o640
    assert stat.S_IMODE(host.places.kept.stat().st_mode) == 0o600
    assert sorted(path.name for path in host.places.run.iterdir()) == ["kept.json", "snapshot.json"]


def test_no_secret_of_a_container_is_in_snapshot_or_beat(host: CollectorHost) -> None:
    snapshot = host.collect()
    text = host.places.snapshot.read_text(encoding="utf-8") + host.places.kept.read_text(encoding="utf-8")
    beat = Beat("vps-01", "1" * 32, "2" * 32, 1, snapshot["taken_at"], "0.1.0", snapshot["sections"])
    text += gzip.decompress(packed(beat).body).decode()
    for secret in SECRETS:
        assert secret not in text


def test_a_site(host: CollectorHost) -> None:
    row = host.rows("domains")[0]
    assert (row["domain"], row["state"], row["certificate"]) == ("shop.example.com", "not checked", "shop.example.com")
    assert row["routes"] == [{"path": "/", "container": "web-1", "port": 3000, "upstream_state": "running"}]
    assert row["auth"] == {"paths": [], "open": [], "users": 0}
    assert row["last_change"]["actor"] == "tester@here"


def test_a_container_that_stops_shows_with_the_next_beat(host: CollectorHost) -> None:
    assert host.rows("domains")[0]["routes"][0]["upstream_state"] == "running"
    host.found[0] = inspection(1, "web-1", state={"Status": "exited", "ExitCode": 1})
    row = host.rows("domains")[0]
    assert row["routes"][0]["upstream_state"] == "exited"
    assert row["state"] == "warning"
    host.found = [NGINX]
    assert host.rows("domains")[0]["routes"][0]["upstream_state"] == "missing"


def test_nginx_that_is_stopped_shows_at_every_site(host: CollectorHost) -> None:
    host.found[1] = inspection(7, "vsa-nginx", state={"Status": "exited"})
    assert host.rows("domains")[0]["state"] == "down"


def test_nothing_is_read_again_while_nothing_changes(host: CollectorHost, monkeypatch: pytest.MonkeyPatch) -> None:
    first = host.collect()["sections"]
    from ansible_collections.flowbiz.vsa.plugins.module_utils._host.cert import listing as certificates
    from ansible_collections.flowbiz.vsa.plugins.module_utils._host.site import listing as sites

    def fail(*_words: object, **_named: object) -> None:
        raise AssertionError("read again")

    monkeypatch.setattr(sites, "site_entry", fail)
    monkeypatch.setattr(certificates, "certificates_on_disk", fail)
    again = host.collect()["sections"]
    for name in ("domains", "certificates", "containers", "stacks"):
        assert again[name]["digest"] == first[name]["digest"]
        assert again[name]["at"] > first[name]["at"]


def test_a_new_site_and_a_changed_one_show_with_the_next_beat(host: CollectorHost) -> None:
    host.collect()
    host.change(provide("blog.example.com"))
    host.change(provide("shop.example.com", profile="sse"))
    rows = host.rows("domains")
    assert [(row["domain"], row["profile"]) for row in rows] == [
        ("blog.example.com", None),
        ("shop.example.com", "sse"),
    ]


def test_a_manifest_that_is_not_valid_is_one_sites_problem(host: CollectorHost) -> None:
    host.change(provide("blog.example.com"))
    host.manifest("shop.example.com", "domain: [")
    rows = host.rows("domains")
    assert [row["state"] for row in rows] == ["not checked", "invalid"]
    assert "not valid" in rows[1]["problems"][0]


def test_a_certificate_that_cannot_be_read_is_one_lineages_problem(host: CollectorHost) -> None:
    host.change(provide("blog.example.com"))
    good = {row["name"]: row["state"] for row in host.rows("certificates")}
    assert set(good) == {"blog.example.com", "shop.example.com"}
    (host.paths.selfsigned / "shop.example.com/fullchain.pem").write_text("-----BEGIN", encoding="ascii")
    rows = {row["name"]: row for row in host.rows("certificates")}
    assert rows["shop.example.com"]["state"] == "mismatch"
    assert "not a certificate" in rows["shop.example.com"]["why"]
    assert rows["blog.example.com"]["state"] == good["blog.example.com"]


def test_docker_that_does_not_answer_fails_its_own_sections(host: CollectorHost) -> None:
    sections = host.collect(docker=False)["sections"]
    failed = {name for name, entry in sections.items() if entry["status"] == "failed"}
    assert failed == {"containers", "usage", "stacks"}
    assert "does not answer" in sections["containers"]["error"]
    assert "rows" not in sections["containers"]
    # What lies on disk is known all the same; the state of no container is.
    assert sections["domains"]["rows"][0]["routes"][0]["upstream_state"] is None
    assert sections["node"]["rows"][0]["docker"] is None
    assert host.rows("containers")


def test_a_host_without_docker_has_no_containers(host: CollectorHost) -> None:
    (host.root / "usr/bin/dockerd").unlink()
    sections = host.collect(docker=False)["sections"]
    assert {name for name, entry in sections.items() if entry["status"] == "absent"} == {"containers", "stacks"}
    assert sections["usage"]["rows"] == []


@pytest.mark.parametrize("name", ["usr/sbin/dockerd", "var/lib/docker", "etc/systemd/system/docker.service"])
def test_an_engine_whose_socket_is_gone_is_not_absent(host: CollectorHost, name: str) -> None:
    (host.root / "usr/bin/dockerd").unlink()
    (host.root / name).mkdir(parents=True)
    assert host.collect(docker=False)["sections"]["containers"]["status"] == "failed"


def test_settings_that_are_not_valid_fail_what_needs_them(host: CollectorHost) -> None:
    host.settings("ca: [")
    sections = host.collect()["sections"]
    failed = {name for name, entry in sections.items() if entry["status"] == "failed"}
    assert failed == {"domains", "certificates"}


def test_a_source_that_fails_in_any_way_is_one_section(host: CollectorHost, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(**_named: object) -> None:
        raise ZeroDivisionError("secret path")

    monkeypatch.setattr(collecting, "figures_row", broken)
    sections = host.collect()["sections"]
    assert [name for name, entry in sections.items() if entry["status"] == "failed"] == ["figures"]
    assert sections["figures"]["error"] == "ZeroDivisionError: secret path"


def test_the_trail_goes_with_the_snapshot_after_the_senders_cursor(host: CollectorHost) -> None:
    lines = trail_lines(3)
    trail = host.root / "var/log/vsa/audit.jsonl"
    trail.parent.mkdir(parents=True, exist_ok=True)
    trail.write_text("".join(f"{line}\n" for line in lines), encoding="ascii")
    assert host.collect()["audit"]["records"] == lines
    host.places.state.parent.mkdir(parents=True)
    host.places.state.write_text(json.dumps({"after": lines[1][-66:-2]}), encoding="ascii")
    audit = host.collect()["audit"]
    assert (audit["after"], audit["records"], audit["left"]) == (lines[1][-66:-2], lines[2:], 0)
    assert (host.root / "var/lib/vsa/audit.db").exists()


@pytest.mark.parametrize("content", ["", "[", '"x"', '{"after": 5}', '{"after": "../../etc/passwd"}'])
def test_a_state_that_the_sender_damaged_harms_nothing(host: CollectorHost, content: str) -> None:
    host.places.state.parent.mkdir(parents=True)
    host.places.state.write_text(content, encoding="ascii")
    assert host.collect()["audit"]["after"] is None


def test_a_link_in_place_of_the_state_is_not_followed(host: CollectorHost) -> None:
    host.places.state.parent.mkdir(parents=True)
    secret = host.root / "secret"
    secret.write_text(json.dumps({"after": "a" * 64}), encoding="ascii")
    host.places.state.symlink_to(secret)
    assert host.collect()["audit"]["asked"] is None


def test_a_trail_that_cannot_be_read_is_said(host: CollectorHost, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_words: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(collecting, "records_after", broken)
    assert "Input/output error" in host.collect()["audit"]["error"]


@pytest.mark.parametrize("kept", ["", "{", "[]", '{"domains": 5}'])
def test_what_was_kept_may_be_damaged(host: CollectorHost, kept: str) -> None:
    host.places.kept.write_text(kept, encoding="ascii")
    assert host.rows("domains")


def test_a_directory_that_is_missing_is_an_error_of_the_program(
    host: CollectorHost, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(collecting, "collect", lambda: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    assert collecting.main() == 1
    assert "No space left" in capsys.readouterr().err
    monkeypatch.setattr(collecting, "collect", lambda: None)
    assert collecting.main() == 0


_KILLED = """
import json, os, signal, sys
sys.path[:0] = {path!r}
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.agent.collector import collect as collecting
def kill(*words, **named):
    os.kill(os.getpid(), signal.SIGKILL)
{patch}
collecting.collect(root={root!r}, docker={root!r} + "/docker.sock")
"""


@pytest.mark.parametrize(
    "patch", ["json.dumps = kill", "os.replace = kill", "collecting.Collector.kept = kill", "os.fdopen = kill"]
)
def test_killed_at_any_step_the_snapshot_stays_whole(host: CollectorHost, patch: str) -> None:
    first = host.collect()
    program = _KILLED.format(path=[path for path in sys.path if path], root=str(host.root), patch=patch)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == -signal.SIGKILL, done.stderr
    kept = json.loads(host.places.snapshot.read_text(encoding="utf-8"))
    assert set(kept["sections"]) == set(first["sections"])
    assert (kept == first) is (patch != "collecting.Collector.kept = kill")
    host.time.seconds += 30
    assert host.collect()["sections"]["containers"]["status"] == "ok"
