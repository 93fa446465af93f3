# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The agent on a real host: its units from inside, its beats at a hub, and what goes wrong around it."""

from __future__ import annotations

import contextlib
import gzip
import ipaddress
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.agent.token import made_token

import rig
from fakehub import FakeHub, Refuse, fake_hub
from proxyhost import ProxyHost
from visitors import Visits, visiting

HUB = "hub.vsa.test"
SITE, VISITED = "agent.vsa.test", "visited.vsa.test"
NODE = "vps-agent"
TOKEN = made_token(NODE, randomness=bytes(range(32)))
SECRET = TOKEN.rpartition(".")[2]


@pytest.fixture(scope="module")
def host(proxy_vps: rig.Vps) -> Iterator[ProxyHost]:
    """A host with the proxy and a site."""
    host = ProxyHost(proxy_vps)
    proxy_vps.add_dns(SITE)
    rig.vsa("site", "provision", "--domain", SITE, "--container", "web-1", "--port", "3000", vps=proxy_vps)
    yield host
    rig.vsa("agent", "unregister", "-y", vps=proxy_vps, check=False)
    host.remove(SITE)


@pytest.fixture(scope="module")
def hub(host: ProxyHost, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeHub]:
    """A hub on this machine that the host reaches by name, and whose certificate the host trusts."""
    gateway = str(next(ipaddress.ip_network(f"{host.vps.ip}/24", strict=False).hosts()))
    host.vps.services().add_dns(HUB, ipv4=gateway)
    with fake_hub(tmp_path_factory.mktemp("hub"), TOKEN, name=HUB, address=gateway) as made:
        before = host.run("cat", "/etc/vsa/vsa.yml")
        bundle = next(line.split()[1] for line in before.splitlines() if line.startswith("ca_bundle:"))
        was = host.run("cat", bundle)
        host.vps.put(bundle, f"{was}\n{made.ca}")
        yield made
        host.vps.put(bundle, was)


@pytest.fixture(scope="module")
def token(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("token") / "token"
    path.write_text(TOKEN, encoding="ascii")
    path.chmod(0o600)
    return path


def said(host: ProxyHost, *words: str, code: int = 0) -> dict[str, Any]:
    """Return what a verb says of the host with --json."""
    done = rig.vsa(*words, "--json", vps=host.vps, check=False)
    assert done.returncode == code, f"{done.stdout}\n{done.stderr}"
    return dict(next(iter(json.loads(done.stdout)["hosts"].values())))


def register(host: ProxyHost, hub: FakeHub, token: Path, *words: str, code: int = 0) -> dict[str, Any]:
    return said(host, "agent", "register", "--hub-url", hub.url, "--token-file", str(token), *words, code=code)


def test_register_is_proven_by_a_beat(host: ProxyHost, hub: FakeHub, token: Path) -> None:
    found = register(host, hub, token)
    assert found["changed"] is True
    assert found["node"] == NODE
    assert found["answer"]["result"] == "accepted"
    beat = hub.beats[0]
    print({name: (section["status"], section["error"]) for name, section in beat.sections.items()})
    assert {section["status"] for section in beat.sections.values()} == {"ok"}
    assert register(host, hub, token)["changed"] is False


def test_check_and_diff_show_everything_but_the_token(host: ProxyHost, hub: FakeHub, token: Path) -> None:
    said(host, "agent", "unregister", "-y")
    before = hub.requests
    done = rig.vsa(
        "agent", "register", "--hub-url", hub.url, "--token-file", str(token), "--check", "--diff", vps=host.vps
    )
    assert "RestrictAddressFamilies=AF_UNIX" in done.stdout
    assert hub.url in done.stdout
    assert SECRET not in done.stdout + done.stderr
    assert hub.requests == before
    assert not host.run("sh", "-c", "ls /etc/vsa/agent 2>/dev/null; true").strip()


TRACES = """
for folder in /etc/systemd/system /etc/vsa /usr/local/lib/vsa /var/lib/vsa-agent; do
  ls -la $folder 2>&1 | grep -v -e '^total' -e ' [.]$' -e ' [.][.]$'
done
getent passwd vsa-agent
true
"""


def traces(host: ProxyHost) -> str:
    """Return everything on the host that a registration makes."""
    return host.run("sh", "-c", TRACES)


@pytest.mark.parametrize("code", ["token_unknown", "token_revoked", "other_machine", "agent_too_old", "database"])
def test_a_hub_that_refuses_leaves_the_host_as_it_was(host: ProxyHost, hub: FakeHub, token: Path, code: str) -> None:
    before = traces(host)
    hub.always = Refuse(code)
    try:
        found = register(host, hub, token, code=3)
    finally:
        hub.always = None
    assert found["error"]["state"] == "the host is as it was"
    assert code in json.dumps(found["error"]["details"])
    assert traces(host) == before


def test_a_hub_that_is_not_there(host: ProxyHost, hub: FakeHub, token: Path) -> None:
    before = traces(host)
    found = said(host, "agent", "register", "--hub-url", f"https://{HUB}:9/api", "--token-file", str(token), code=3)
    assert found["error"]["message"] == "the hub did not answer"
    assert traces(host) == before


def test_a_truncated_token_is_refused_before_a_host_is_asked(host: ProxyHost, hub: FakeHub, tmp_path: Path) -> None:
    cut = tmp_path / "token"
    cut.write_text(TOKEN[:-3], encoding="ascii")
    done = rig.vsa("agent", "register", "--hub-url", hub.url, "--token-file", str(cut), vps=host.vps, check=False)
    assert done.returncode == 2
    assert "40 characters" in done.stderr
    assert SECRET[:-3] not in done.stdout + done.stderr


@pytest.fixture(scope="module")
def visits(host: ProxyHost) -> Iterator[Callable[[], Visits]]:
    """Visitors of a site while the tests below break things. The call ends the visits, and returns what was seen."""
    host.vps.add_dns(VISITED)
    rig.vsa("site", "provision", "--domain", VISITED, "--container", "web-2", "--port", "3000", vps=host.vps)
    with contextlib.ExitStack() as stack:
        seen = stack.enter_context(visiting(host.vps, VISITED, clients=1, address=host.vps.ip))

        def end() -> Visits:
            stack.close()
            return seen

        yield end
    host.remove(VISITED)


@pytest.fixture(scope="module")
def agent(host: ProxyHost, hub: FakeHub, token: Path, visits: object) -> FakeHub:
    """The hub of a registered agent, whose timer stands still: each test lets it run by itself."""
    register(host, hub, token)
    host.run("systemctl", "stop", "vsa-agent.timer")
    return hub


def beat(host: ProxyHost, hub: FakeHub) -> Any:
    """Let the agent send one beat, and return it."""
    number = len(hub.beats)
    host.run("systemctl", "start", "vsa-agent-send.service")
    assert len(hub.beats) > number, host.run("cat", "/var/lib/vsa-agent/state.json")
    return hub.beats[number]


def test_the_token_is_nowhere_but_in_its_file(host: ProxyHost, agent: FakeHub) -> None:
    assert host.run("stat", "-c", "%a %U", "/etc/vsa/agent", "/etc/vsa/agent/token").split() == [
        *("700", "root"),
        *("600", "root"),
    ]
    look = f"grep -rlsF {SECRET} /etc /var/log /var/lib/vsa /var/lib/vsa-agent /run/vsa-agent /run/log /tmp /root; true"
    assert host.run("sh", "-c", look).split() == ["/etc/vsa/agent/token"]
    assert SECRET not in host.run("journalctl", "--no-pager", "-o", "verbose")
    for folder in (Path.home() / ".local/state/vsa", Path("/var/log/vsa")):
        for path in folder.rglob("*") if folder.exists() else ():
            assert not path.is_file() or SECRET.encode() not in path.read_bytes(), path


_COLLECTOR = """
import json, os, socket
found = {}
def attempt(name, call):
    try:
        found[name] = str(call())
    except OSError as error:
        found[name] = error.strerror or str(error)
attempt("tcp", lambda: socket.create_connection(("GATEWAY", 443), 2))
attempt("loopback", lambda: socket.create_connection(("127.0.0.1", 443), 2))
attempt("udp", lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
attempt("ipv6", lambda: socket.socket(socket.AF_INET6))
attempt("netlink", lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW))
attempt("packet", lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW))
attempt("interfaces", lambda: sorted(name for _number, name in socket.if_nameindex()))
docker = socket.socket(socket.AF_UNIX)
docker.settimeout(5)
attempt("docker", lambda: docker.connect("/var/run/docker.sock"))
for path in ("/etc/vsa-probe", "/srv/vsa-probe", "/usr/vsa-probe", "/root/vsa-probe", "/var/lib/vsa-agent/probe"):
    attempt("write " + path, lambda: open(path, "w"))
attempt("shadow", lambda: open("/etc/shadow").read(1))
status = dict(line.split(":\\t") for line in open("/proc/self/status").read().splitlines())
found["capabilities"] = [status[name] for name in ("CapEff", "CapPrm", "CapBnd", "CapAmb")]
found["user"] = os.getuid()
open("/run/vsa-agent/probe.json", "w").write(json.dumps(found))
"""

_SENDER = """
import json, os, socket
found = {}
def attempt(name, call):
    try:
        found[name] = str(call())
    except OSError as error:
        found[name] = error.strerror or str(error)
attempt("unix", lambda: socket.socket(socket.AF_UNIX))
attempt("docker", lambda: oct(os.stat("/var/run/docker.sock").st_mode & 0o777))
for path in PATHS:
    attempt(path, lambda: open(path).read(1) if not os.path.isdir(path) else os.listdir(path))
attempt("hub", lambda: socket.create_connection((HUB, PORT), 5) and "connected")
attempt("proxy", lambda: socket.create_connection(("127.0.0.1", 443), 5) and "connected")
attempt("snapshot", lambda: open("/run/vsa-agent/snapshot.json").read(1))
attempt("kept", lambda: open("/run/vsa-agent/kept.json").read(1))
attempt("write snapshot", lambda: open("/run/vsa-agent/snapshot.json", "a"))
found["processes"] = [name for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid()]
status = dict(line.split(":\\t") for line in open("/proc/self/status").read().splitlines())
found["capabilities"] = [status[name] for name in ("CapEff", "CapPrm", "CapBnd", "CapAmb")]
found["root"] = os.getuid() == 0
open("/var/lib/vsa-agent/probe.json", "w").write(json.dumps(found))
"""
_NONE = ["0000000000000000"] * 4
_SECRET_PATHS = (
    "/etc/vsa",
    "/etc/vsa/vsa.yml",
    "/etc/vsa/agent/token",
    "/etc/shadow",
    "/srv",
    f"/srv/platform/reverse-proxy/data/selfsigned/{SITE}/privkey.pem",
    "/srv/platform/reverse-proxy/data/htpasswd",
    "/var/lib/vsa/audit.db",
    "/var/lib/docker",
    "/var/log/vsa/audit.jsonl",
    "/root",
    "/proc/1/environ",
)


def probed(host: ProxyHost, unit: str, program: str, answer: str) -> dict[str, Any]:
    """Run a program in place of a unit's own, inside everything that confines the unit, and return what it found."""
    folder = f"/run/systemd/system/{unit}.d"
    host.vps.put("/usr/local/lib/vsa-probe.py", program)
    host.run("mkdir", "-p", folder)
    start = "[Service]\nExecStart=\nExecStart=/usr/bin/python3 -I /usr/local/lib/vsa-probe.py\n"
    host.vps.put(f"{folder}/probe.conf", start)
    try:
        host.run("systemctl", "daemon-reload")
        host.run("systemctl", "start", unit)
        return dict(json.loads(host.run("cat", answer)))
    finally:
        host.run("rm", "-rf", folder, answer, "/usr/local/lib/vsa-probe.py")
        host.run("systemctl", "daemon-reload")


def test_the_collector_from_inside(host: ProxyHost, agent: FakeHub) -> None:
    program = _COLLECTOR.replace("GATEWAY", agent.address)
    found = probed(host, "vsa-agent-collect.service", program, "/run/vsa-agent/probe.json")
    print(found)
    families = {found[name] for name in ("tcp", "loopback", "udp", "ipv6", "netlink", "packet")}
    assert families == {"Address family not supported by protocol"}
    assert found["docker"] == "None"  # connected
    for name, said_of_it in found.items():
        if name.startswith("write "):
            assert said_of_it == "Read-only file system" or "denied" in said_of_it, name
    assert found["capabilities"] == _NONE
    assert found["user"] == 0


def test_the_sender_from_inside(host: ProxyHost, agent: FakeHub) -> None:
    program = _SENDER.replace("PATHS", repr(_SECRET_PATHS)).replace("HUB", repr(HUB)).replace("PORT", str(agent.port))
    found = probed(host, "vsa-agent-send.service", program, "/var/lib/vsa-agent/probe.json")
    print(found)
    assert found["unix"] == "Address family not supported by protocol"
    # systemd put something in its place that nobody may use.
    assert found["docker"] in ("0o0", "No such file or directory")
    for name in (*_SECRET_PATHS, "kept", "write snapshot"):
        assert "denied" in found[name] or found[name].startswith("No such file"), (name, found[name])
    assert (found["hub"], found["proxy"], found["snapshot"]) == ("connected", "connected", "{")
    assert found["capabilities"] == _NONE
    assert found["root"] is False
    assert found["processes"] == []


@pytest.mark.parametrize(("unit", "most"), [("vsa-agent-send.service", 2.0), ("vsa-agent-collect.service", 2.0)])
def test_systemd_finds_little_exposure(host: ProxyHost, agent: FakeHub, unit: str, most: float) -> None:
    said_of_it = host.run("systemd-analyze", "security", "--no-pager", unit)
    line = next(line for line in said_of_it.splitlines() if "Overall exposure" in line)
    print(line)
    assert float(line.split(":")[1].split()[0]) <= most


def test_no_secret_of_a_container_leaves_the_host(host: ProxyHost, agent: FakeHub) -> None:
    marks = ("ENVSECRET7731", "CMDSECRET7732", "LABELSECRET7733", "MOUNTSECRET7734")
    image = host.run("docker", "inspect", "-f", "{{.Config.Image}}", "web-1").strip()
    host.run("docker", "rm", "-f", "secretive", check=False)
    host.run(
        *("docker", "run", "-d", "--name", "secretive", "-e", f"PASSWORD={marks[0]}", "--label", f"key={marks[2]}"),
        *("-v", f"/tmp/{marks[3]}:/mnt", "--entrypoint", "sh", image, "-c", f"sleep 300; echo {marks[1]}"),
    )
    try:
        made = beat(host, agent)
        rows = {row["name"]: row for row in made.sections["containers"]["rows"]}
        assert rows["secretive"]["state"] == "running"
        usage = {row["id"]: row for row in made.sections["usage"]["rows"]}
        assert usage[rows["secretive"]["id"]]["memory_bytes"] > 0
        wire = b"".join(gzip.decompress(body) for body in agent.bodies[-3:])
        files = host.run("sh", "-c", "cat /run/vsa-agent/* /var/lib/vsa-agent/*")
        for mark in marks:
            assert mark.encode() not in wire
            assert mark not in files
    finally:
        host.run("docker", "rm", "-f", "secretive")


def test_the_machine_is_named_as_systemd_names_it(host: ProxyHost, agent: FakeHub) -> None:
    application = "d0a3c1f2b7e84c5f9a1e6b3d4c2f8e70"
    named = host.run("systemd-id128", "machine-id", f"--app-specific={application}").strip()
    assert beat(host, agent).machine == named
    assert host.run("cat", "/etc/machine-id").strip() not in gzip.decompress(agent.bodies[-1]).decode()


def test_what_a_beat_says_of_the_host(host: ProxyHost, agent: FakeHub) -> None:
    sections = beat(host, agent).sections
    node = sections["node"]["rows"][0]
    assert host.vps.ip in node["addresses"]
    assert node["docker"] == host.run("docker", "version", "-f", "{{.Server.Version}}").strip()
    assert node["disks"]
    site = {row["domain"]: row for row in sections["domains"]["rows"]}[SITE]
    assert site["routes"][0]["upstream_state"] == "running"
    certificate = {row["name"]: row for row in sections["certificates"]["rows"]}[SITE]
    served = {row["domain"]: row for row in sections["served"]["rows"]}[SITE]
    assert certificate["state"] == "ok"
    assert served["fingerprint"] == certificate["fingerprint"]
    assert served["not_after"] == certificate["not_after"]
    assert {row["id"] for row in sections["stacks"]["rows"]} >= {"platform/reverse-proxy"}
    assert {row["stack"] for row in sections["containers"]["rows"] if row["name"] == "vsa-nginx"} == {"reverse-proxy"}


def test_docker_stopped_fails_its_sections_alone(host: ProxyHost, agent: FakeHub) -> None:
    host.run("systemctl", "stop", "docker.socket", "docker")
    try:
        sections = beat(host, agent).sections
    finally:
        host.run("systemctl", "start", "docker.socket", "docker")
        host.wait_for(SITE, seconds=60)
    failed = {name for name, entry in sections.items() if entry["status"] == "failed"}
    assert failed == {"containers", "usage", "stacks"}
    assert "does not answer" in sections["containers"]["error"]
    assert sections["certificates"]["status"] == "ok"
    assert {entry["status"] for entry in beat(host, agent).sections.values()} == {"ok"}


def test_one_certificate_that_cannot_be_read(host: ProxyHost, agent: FakeHub) -> None:
    file = host.run("sh", "-c", f"readlink -f /srv/platform/reverse-proxy/data/letsencrypt/live/{SITE}/fullchain.pem")
    file = file.strip()
    host.run("chown", "12345", file)
    host.run("chmod", "600", file)
    try:
        section = beat(host, agent).sections["certificates"]
    finally:
        host.run("chown", "root", file)
        host.run("chmod", "644", file)
    assert section["status"] == "ok"
    row = {row["name"]: row for row in section["rows"]}[SITE]
    assert row["state"] == "mismatch"
    assert "cannot be read" in row["why"]
    assert {row["name"]: row for row in beat(host, agent).sections["certificates"]["rows"]}[SITE]["state"] == "ok"


def test_a_full_disk(host: ProxyHost, agent: FakeHub) -> None:
    beat(host, agent)
    epoch = agent.beats[-1].epoch
    place = "/var/lib/vsa-agent"
    host.run("sh", "-c", f"cp {place}/state.json /run/state.json; mount -t tmpfs -o size=16k tmpfs {place}")
    try:
        host.run("sh", "-c", f"cp /run/state.json {place}/; chown -R vsa-agent: {place}")
        host.run("sh", "-c", f"cat /dev/zero > {place}/full 2>/dev/null; true")
        numbers = [beat(host, agent).sequence for _beat in range(3)]
        assert host.run("ls", "/run/vsa-agent-send").split().count("state.json") == 1
    finally:
        host.run("sh", "-c", f"rm -f {place}/full; umount {place}; rm -f /run/state.json")
    assert numbers == list(range(numbers[0], numbers[0] + 3))
    assert beat(host, agent).epoch == epoch
    assert "state.json" not in host.run("ls", "/run/vsa-agent-send")


def test_killed_at_any_moment_every_record_arrives_once(host: ProxyHost, agent: FakeHub) -> None:
    said(host, "site", "maintenance", "--domain", SITE, "on")
    said(host, "site", "maintenance", "--domain", SITE, "off")
    for unit in ("vsa-agent-collect.service", "vsa-agent-send.service"):
        for tenth in range(8):
            host.run("systemctl", "start", "--no-block", "vsa-agent-send.service")
            host.run("sleep", f"0.{tenth}5")
            host.run("systemctl", "kill", "--signal=KILL", unit, check=False)
            host.run("sh", "-c", "systemctl reset-failed; true")
    for _beat in range(3):
        host.run("sh", "-c", "systemctl start vsa-agent-send.service; sleep 0.2")
    trail = host.run("cat", "/var/log/vsa/audit.jsonl").splitlines()
    assert agent.records == trail
    assert agent.breaks == []


def test_a_change_shows_at_once_and_not_of_a_stopped_agent(host: ProxyHost, agent: FakeHub) -> None:
    said(host, "agent", "start")
    host.run("systemctl", "stop", "vsa-agent.timer")  # only the verb itself starts the agent now
    time.sleep(1)
    count = len(agent.records)
    said(host, "site", "maintenance", "--domain", SITE, "on")
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline and not any("site.maintenance" in line for line in agent.records[count:]):
        time.sleep(0.1)
    assert any("site.maintenance" in line for line in agent.records[count:])
    host.run("systemctl", "start", "vsa-agent.timer")
    assert said(host, "agent", "stop")["changed"] is True
    assert said(host, "agent", "stop")["changed"] is False
    number = len(agent.beats)
    said(host, "site", "maintenance", "--domain", SITE, "off")
    time.sleep(3)
    assert len(agent.beats) == number


def test_status_says_how_it_goes_and_7_when_late(host: ProxyHost, agent: FakeHub) -> None:
    assert said(host, "agent", "status", "--exit-code", code=7)["agent"]["state"] == "stopped"
    assert said(host, "agent", "start")["changed"] is True
    assert said(host, "agent", "start")["changed"] is False
    deadline = time.monotonic() + 60
    while said(host, "agent", "status")["agent"]["state"] != "fresh" and time.monotonic() < deadline:
        time.sleep(1)
    found = said(host, "agent", "status", "--exit-code")["agent"]
    assert found["state"] == "fresh"
    assert found["problems"] == []
    assert found["cursor"] == agent.cursor
    assert (found["backlog"], abs(found["skew_seconds"]) < 3) == (0, True)
    assert found["units"]["collector"]["result"] == found["units"]["sender"]["result"] == "success"
    text = rig.vsa("agent", "status", vps=host.vps).stdout
    assert "fresh" in text
    agent.always = Refuse("token_revoked")
    try:
        host.run("sh", "-c", "systemctl stop vsa-agent.timer; systemctl start vsa-agent-send.service; true")
        host.run("systemctl", "start", "vsa-agent.timer")
        late = "import json;p='/var/lib/vsa-agent/state.json';s=json.load(open(p));s['taken']['since_boot']-=80;"
        host.run("python3", "-c", f"{late}json.dump(s,open(p,'w'))")
        found = said(host, "agent", "status", "--exit-code", code=7)["agent"]
        assert found["state"] == "late"
        assert found["answer"]["code"] == "token_revoked"
        assert found["wait_seconds"] > 1000
    finally:
        agent.always = None


def test_unregister_leaves_nothing(host: ProxyHost, agent: FakeHub) -> None:
    assert said(host, "agent", "unregister", "--check")["changed"] is True
    assert said(host, "agent", "unregister", "-y")["changed"] is True
    assert said(host, "agent", "unregister", "-y")["changed"] is False
    left = host.run("sh", "-c", "ls -d /run/vsa-agent* /var/lib/vsa-agent /etc/vsa/agent 2>/dev/null; true")
    assert left == ""
    assert "vsa-agent" not in host.run("sh", "-c", "systemctl list-units --all --no-legend; getent passwd; true")
    assert said(host, "agent", "status")["agent"]["state"] == "not registered"
    assert said(host, "agent", "start", code=3)["error"]["message"] == "the agent of this host has no hub"


def test_in_all_of_that_the_site_answered(agent: FakeHub, visits: Callable[[], Visits]) -> None:
    """A killed agent, a full disk, a hub that refuses, Docker stopped: several requests a second, and none was lost."""
    seen = visits()
    assert seen.failures == []
    assert seen.answers > 100
